/* prune_decide.c — which snapshots go, and the log and the records that go with time. */
#include "pins.h"
#include "prune_inner.h"
#include "snapshots.h"
#include "timeline.h"

#include <stdlib.h>
#include <string.h>

/* ---- snapshots ----------------------------------------------------------------------------- */

static varve_status was_verified(repo *r, const object_name *snapshot, bool *ret, varve_error *err)
{
    object_name name = *snapshot;
    remote_stat_result found;
    char key[NAMES_KEY_MAX];
    name.kind = NAME_VERIFIED;
    names_build(&name, key);
    varve_status status = remote_stat(r->remote, key, &found, err);
    *ret = status == VARVE_OK;
    return status == VARVE_NOT_FOUND ? VARVE_OK : status;
}

static varve_status read_item(prune_job *j, const object_name *name, prune_snapshot *snapshot,
                              retention_item *item, varve_error *err)
{
    VV_CLEANUP(manifest_done) manifest m = {0};
    VV_TRY(snapshots_load(j->r, name, &m, err));
    *item = (retention_item){
        .time_ms = m.created_ms, .pinned = m.pinned, .needs = RETENTION_NEEDS_NONE};
    *snapshot = (prune_snapshot){.name = *name, .time_ms = m.created_ms};
    return was_verified(j->r, name, &item->verified, err);
}

static varve_status read_items(prune_job *j, const snapshots *list, retention_item *items,
                               varve_error *err)
{
    prune_result *result = &j->result;
    for (size_t i = 0; i < list->count; i++) {
        size_t at = result->snapshot_count;
        varve_status status =
            read_item(j, &list->items[i], &result->snapshots[at], &items[at], err);
        if (status == VARVE_NOT_FOUND) continue; /* deleted by another run */
        VV_TRY(status);
        result->snapshot_count++;
    }
    return VARVE_OK;
}

varve_status prune_decide(prune_job *j, varve_error *err)
{
    VV_CLEANUP(snapshots_done) snapshots list = {0};
    prune_result *result = &j->result;
    VV_TRY(snapshots_list(j->r, j->r->db_id, &list, err));
    VV_CLEANUP(vv_freep) retention_item *items = calloc(list.count + 1, sizeof *items);
    VV_CLEANUP(vv_freep) unsigned *why = calloc(list.count + 1, sizeof *why);
    result->snapshots = calloc(list.count + 1, sizeof *result->snapshots);
    if (!items || !why || !result->snapshots)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a list of snapshots");
    VV_TRY(read_items(j, &list, items, err));
    retention_decide(&j->o->rules, items, result->snapshot_count, env_now_ms(&j->r->env), why);
    for (size_t i = 0; i < result->snapshot_count; i++) {
        char key[NAMES_KEY_MAX];
        result->snapshots[i].why = why[i];
        if (why[i]) continue;
        names_build(&result->snapshots[i].name, key);
        VV_TRY(gc_set_add(&j->gone, key, err));
        result->snapshots_gone++;
    }
    return VARVE_OK;
}

varve_status prune_delete_manifests(prune_job *j, varve_error *err)
{
    for (size_t i = 0; i < j->result.snapshot_count; i++) {
        object_name name = j->result.snapshots[i].name;
        char key[NAMES_KEY_MAX];
        if (j->result.snapshots[i].why) continue;
        names_build(&name, key);
        VV_TRY(remote_delete(j->r->remote, key, err));
        name.kind = NAME_VERIFIED;
        names_build(&name, key);
        VV_TRY(remote_delete(j->r->remote, key, err));
    }
    return VARVE_OK;
}

static varve_status judge_mark(void *arg, const object_name *name, const char *key, uint64_t size,
                               varve_error *err)
{
    prune_job *j = arg;
    (void)size;
    for (size_t i = 0; i < j->result.snapshot_count; i++)
        if (strcmp(j->result.snapshots[i].name.id, name->id) == 0) return VARVE_OK;
    return remote_delete(j->r->remote, key, err);
}

varve_status prune_marks(prune_job *j, varve_error *err)
{
    return repo_list(j->r, NAME_VERIFIED, j->r->db_id, 0, judge_mark, j, err);
}

/* ---- the log ------------------------------------------------------------------------------- */

typedef struct wal_walk {
    prune_job *j;
    timelines lines;
    pin *items;
    size_t count;
} wal_walk;

static void wal_walk_done(wal_walk *w)
{
    timelines_done(&w->lines);
    free(w->items);
}

static varve_status add_wal_pin(void *arg, const object_name *name, const char *key, uint64_t size,
                                varve_error *err)
{
    wal_walk *w = arg;
    pin p = {0};
    (void)name, (void)size;
    varve_status status = pin_read(w->j->r, key, &p, NULL, err);
    if (status == VARVE_NOT_FOUND) return VARVE_OK;
    VV_TRY(status);
    const pin kept = {.has_wal = true, .timeline = p.timeline, .wal_from = p.wal_from};
    bool counts = p.has_wal && !p.revoked;
    pin_done(&p);
    if (!counts) return VARVE_OK;
    pin *items = realloc(w->items, (w->count + 1) * sizeof *items);
    if (!items) return vv_fail(err, VARVE_NO_MEMORY, "no memory for pins");
    w->items = items;
    w->items[w->count++] = kept;
    return VARVE_OK;
}

/* A batch is of use to a snapshot that stays, lies in the past of its line and ends before it. */
static bool wal_is_needed(const wal_walk *w, const object_name *wal)
{
    const prune_result *result = &w->j->result;
    for (size_t i = 0; i < w->count; i++)
        if (w->items[i].timeline == wal->timeline && wal->last >= w->items[i].wal_from) return true;
    bool any = false;
    for (size_t i = 0; i < result->snapshot_count; i++) {
        const object_name *s = &result->snapshots[i].name;
        if (!result->snapshots[i].why) continue;
        any = true;
        if (wal->last > s->lsn && timelines_reach(&w->lines, wal->timeline, s->timeline, s->lsn))
            return true;
    }
    return !any; /* with no snapshot at all, nobody knows what the log is for */
}

static varve_status judge_wal(void *arg, const object_name *name, const char *key, uint64_t size,
                              varve_error *err)
{
    wal_walk *w = arg;
    (void)size;
    if (wal_is_needed(w, name)) return VARVE_OK;
    w->j->result.wal_gone++;
    return w->j->o->yes ? remote_delete(w->j->r->remote, key, err) : VARVE_OK;
}

varve_status prune_wal(prune_job *j, varve_error *err)
{
    VV_CLEANUP(wal_walk_done) wal_walk w = {.j = j};
    VV_TRY(timelines_read(j->r, &w.lines, err));
    VV_TRY(repo_list(j->r, NAME_PIN, j->r->db_id, 0, add_wal_pin, &w, err));
    return repo_list_all(j->r, NAME_WAL, j->r->db_id, judge_wal, &w, err);
}

/* ---- what died ------------------------------------------------------------------------------ */

/* Revoked by a put that fails if its holder renews it meanwhile; removed when all who might have
 * read it before have gone. */
static varve_status judge_pin(void *arg, const object_name *name, const char *key, uint64_t size,
                              varve_error *err)
{
    prune_job *j = arg;
    VV_CLEANUP(pin_done) pin p = {0};
    char tag[REMOTE_TAG_MAX] = "";
    uint64_t slack = j->o->slack_ms ? j->o->slack_ms : PRUNE_SLACK_MS;
    (void)name, (void)size;
    varve_status status = pin_read(j->r, key, &p, tag, err);
    if (status == VARVE_NOT_FOUND) return VARVE_OK;
    VV_TRY(status);
    bool expired = p.expires_ms && env_now_ms(&j->r->env) > p.expires_ms + slack;
    if (!expired) return VARVE_OK;
    j->result.pins_revoked += !p.revoked;
    if (!j->o->yes) return VARVE_OK;
    if (p.revoked || !repo_has_conditions(j->r)) return remote_delete(j->r->remote, key, err);
    status = pin_revoke(j->r, key, &p, tag, err);
    return status == VARVE_CONFLICT || status == VARVE_NOT_FOUND ? VARVE_OK : status;
}

static varve_status judge_record(void *arg, const object_name *name, const char *key, uint64_t size,
                                 varve_error *err)
{
    prune_job *j = arg;
    gc_record record;
    uint64_t slack = j->o->slack_ms ? j->o->slack_ms : GC_RECORD_SLACK_MS;
    (void)name, (void)size;
    varve_status status = gc_record_read(j->r, key, &record, NULL, err);
    if (status == VARVE_NOT_FOUND) return VARVE_OK;
    VV_TRY(status);
    if (env_now_ms(&j->r->env) <= record.expires_ms + slack) return VARVE_OK;
    j->result.records_gone++;
    return j->o->yes ? remote_delete(j->r->remote, key, err) : VARVE_OK;
}

static varve_status judge_db(void *arg, const char *db_id, varve_error *err)
{
    prune_job *j = arg;
    VV_TRY(repo_list(j->r, NAME_PIN, db_id, 0, judge_pin, j, err));
    return repo_list(j->r, NAME_GC, db_id, 0, judge_record, j, err);
}

varve_status prune_expired(prune_job *j, varve_error *err)
{
    return repo_list_dbs(j->r, judge_db, j, err);
}
