/* prune.c — the steps of a collection, in the order that prune.h promises. */
#include "prune.h"

#include "prune_inner.h"

#include <stdlib.h>
#include <string.h>

static uint64_t or_default(uint64_t given, uint64_t otherwise)
{
    return given == 0 ? otherwise : given == 1 ? 0 : given;
}

void prune_result_done(prune_result *result)
{
    free(result->snapshots);
    *result = (prune_result){0};
}

/* ---- candidates ---------------------------------------------------------------------------- */

static varve_status add_candidate(prune_job *j, const char *key, varve_error *err)
{
    if (j->candidate_count == j->candidate_room) {
        size_t room = j->candidate_room ? j->candidate_room * 2 : 64;
        char **more = realloc(j->candidates, room * sizeof *more);
        if (!more) return vv_fail(err, VARVE_NO_MEMORY, "no memory for candidates");
        j->candidates = more;
        j->candidate_room = room;
    }
    char *copy = strdup(key);
    if (!copy) return vv_fail(err, VARVE_NO_MEMORY, "no memory for candidates");
    j->candidates[j->candidate_count++] = copy;
    return VARVE_OK;
}

static varve_status is_young(prune_job *j, const char *key, bool *ret, varve_error *err)
{
    uint64_t grace = or_default(j->o->grace_ms, PRUNE_GRACE_MS), now = env_now_ms(&j->r->env);
    remote_stat_result found;
    *ret = false;
    if (!grace) return VARVE_OK;
    varve_status status = remote_stat(j->r->remote, key, &found, err);
    if (status == VARVE_NOT_FOUND) return VARVE_OK;
    VV_TRY(status);
    *ret = found.modified_ms > now || now - found.modified_ms < grace;
    return VARVE_OK;
}

static varve_status judge_blob(void *arg, const object_name *name, const char *key, uint64_t size,
                               varve_error *err)
{
    prune_job *j = arg;
    bool young = false;
    (void)name;
    j->result.blobs++;
    if (prune_is_needed(j, key)) return VARVE_OK;
    if (j->candidate_count == GC_RECORD_KEYS_MAX) {
        j->result.more = true;
        return VARVE_OK;
    }
    VV_TRY(is_young(j, key, &young, err));
    j->result.blobs_young += young;
    if (young) return VARVE_OK;
    j->result.blobs_gone++;
    j->result.bytes_gone += size;
    return add_candidate(j, key, err);
}

static varve_status find_candidates(prune_job *j, varve_error *err)
{
    VV_TRY(prune_find_needed(j, err));
    return repo_list(j->r, NAME_BLOB, "", 0, judge_blob, j, err);
}

/* ---- the deletes --------------------------------------------------------------------------- */

static varve_status check_time(prune_job *j, const gc_record *record, varve_error *err)
{
    const remote_cancel *c = &j->o->cancel;
    if (c->asked && c->asked(c->arg)) return vv_fail(err, VARVE_CANCELLED, "cancelled");
    if (env_now_ms(&j->r->env) < record->expires_ms) return VARVE_OK;
    return vv_fail(err, VARVE_TIMEOUT, "the collection took longer than it may; run it again");
}

static varve_status delete_candidates(prune_job *j, const gc_record *record, varve_error *err)
{
    j->result.blobs_gone = 0;
    for (size_t i = 0; i < j->candidate_count; i++) {
        if (prune_is_needed(j, j->candidates[i])) continue;
        VV_TRY(check_time(j, record, err));
        VV_TRY(remote_delete(j->r->remote, j->candidates[i], err));
        j->result.blobs_gone++;
    }
    return VARVE_OK;
}

/* The record goes if all deletes are known to be done, or none was begun; else it stays. */
static varve_status collect(prune_job *j, varve_error *err)
{
    char key[NAMES_KEY_MAX];
    gc_record record = {0};
    uint64_t wait = or_default(j->o->wait_ms, PRUNE_WAIT_MS);
    if (j->candidate_count == 0) return VARVE_OK;
    VV_TRY(gc_record_write(j->r, &record, (const char *const *)j->candidates, j->candidate_count,
                           or_default(j->o->life_ms, GC_RECORD_LIFE_MS), key, err));
    if (wait) j->r->env.sleep_ms(j->r->env.arg, wait);
    varve_status status = prune_find_needed(j, err);
    if (status != VARVE_OK) {
        varve_status ignored = remote_delete(j->r->remote, key, NULL);
        (void)ignored;
        return status;
    }
    VV_TRY(delete_candidates(j, &record, err));
    return remote_delete(j->r->remote, key, err);
}

/* ---- the whole ----------------------------------------------------------------------------- */

static varve_status run(prune_job *j, varve_error *err)
{
    bool dry = !j->o->yes;
    if (!dry) VV_TRY(repo_check_writable(j->r, err));
    if (!dry && !repo_has_conditions(j->r) && !j->o->alone)
        return vv_fail(err, VARVE_UNSUPPORTED,
                       "the store has no conditional puts: prune only while nobody else works on "
                       "the repository, and say so");
    varve_status status = prune_decide(j, err);
    if (status == VARVE_OK) status = prune_find_needed(j, err);
    if (status == VARVE_CORRUPT)
        vv_error_prefix(err, "nothing was deleted (see forget): what this one needs is not known");
    VV_TRY(status); /* everything can be read: now something may be deleted */
    if (!dry) VV_TRY(prune_delete_manifests(j, err));
    if (!dry) VV_TRY(prune_marks(j, err));
    VV_TRY(prune_wal(j, err));
    VV_TRY(prune_expired(j, err));
    VV_TRY(find_candidates(j, err));
    return dry ? VARVE_OK : collect(j, err);
}

varve_status prune_run(repo *r, const prune_options *options, prune_result *ret, varve_error *err)
{
    prune_job j = {.r = r, .o = options};
    gc_set_init(&j.gone);
    gc_set_init(&j.keys);
    gc_set_init(&j.pinned);
    hashmap_init(&j.logs);
    varve_status status = run(&j, err);
    for (size_t i = 0; i < j.candidate_count; i++)
        free(j.candidates[i]);
    free(j.candidates);
    gc_set_done(&j.gone);
    gc_set_done(&j.keys);
    gc_set_done(&j.pinned);
    prune_forget_logs(&j);
    if (status == VARVE_OK)
        *ret = j.result;
    else
        prune_result_done(&j.result);
    return status;
}
