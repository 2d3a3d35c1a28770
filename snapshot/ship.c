/* ship.c — one step after the other: the log into objects of the repository; see ship.h. */
#include "ship.h"

#include "base/file.h"
#include "ship_inner.h"

#include <stdlib.h>
#include <string.h>

/* ---- open, close --------------------------------------------------------------------------- */

void ship_close(ship *s) { free(s); }

static void closep(ship **s) { ship_close(*s); }

varve_status ship_open(repo *r, const ship_options *options, ship **ret, varve_error *err)
{
    VV_CLEANUP(closep) ship *s = calloc(1, sizeof *s);
    if (!s) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a shipper");
    if (!options->db || !options->folder || !options->lease || !options->state)
        return vv_fail(err, VARVE_INVALID, "a shipper needs folder, lease and a place for state");
    s->r = r;
    s->o = *options;
    if (!s->o.step_bytes) s->o.step_bytes = SHIP_STEP_BYTES;
    VV_TRY(file_make_dir(s->o.state, err));
    VV_TRY(file_join(s->state_path, sizeof s->state_path, s->o.state, "shipped", err));
    *ret = s;
    s = NULL;
    return VARVE_OK;
}

/* ---- read ---------------------------------------------------------------------------------- */

static varve_status add_batch(void *arg, const varve_log_batch *batch, varve_error *err)
{
    ship_job *j = arg;
    const remote_cancel *c = &j->s->o.cancel;
    j->status = VARVE_OK;
    if (c->asked && c->asked(c->arg)) j->status = vv_fail(err, VARVE_CANCELLED, "cancelled");
    if (j->status == VARVE_OK && !j->writer.batch_count && batch->first != j->s->at.shipped + 1)
        j->status = vv_fail(err, VARVE_CONFLICT,
                            "a batch of the log begins with sequence %llu, but %llu was shipped "
                            "last",
                            (unsigned long long)batch->first, (unsigned long long)j->s->at.shipped);
    if (j->status == VARVE_OK) j->status = ship_store_files(j, batch, err);
    if (j->status == VARVE_OK) j->status = wal_writer_add(&j->writer, batch, j->files, err);
    return j->status;
}

static varve_status read_log(ship_job *j, varve_error *err)
{
    ship *s = j->s;
    return varve_log_read(s->o.db, s->at.shipped + 1, s->o.step_bytes, add_batch, j, NULL, err);
}

/* A gap: on behind a snapshot, if there is one. */
static varve_status read_or_bridge(ship_job *j, bool *ret_bridged, varve_error *err)
{
    varve_error why = {0}, none = {0};
    ship *s = j->s;
    varve_status status = read_log(j, &why);
    if (status == VARVE_NOT_FOUND && j->status == VARVE_OK) {
        varve_status bridged = ship_bridge(s, &none);
        if (bridged == VARVE_NOT_FOUND)
            return vv_fail(err, VARVE_NOT_FOUND,
                           "the log cannot be shipped beyond sequence %llu: %s. Take a new "
                           "snapshot",
                           (unsigned long long)s->at.shipped, why.message);
        if (bridged != VARVE_OK) return vv_fail(err, bridged, "%s", none.message);
        *ret_bridged = true;
        status = read_log(j, &why);
    }
    return status == VARVE_OK ? VARVE_OK : vv_fail(err, status, "%s", why.message);
}

/* ---- put ----------------------------------------------------------------------------------- */

/* Of an earlier try of ours it has our foot; otherwise somebody else ships as we do. */
static varve_status check_same(const ship *s, const object_name *name, const uint8_t *foot,
                               varve_error *err)
{
    VV_CLEANUP(wal_object_done) wal_object there = {0};
    char key[NAMES_KEY_MAX];
    VV_TRY(wal_object_read(s->r, name, &there, err));
    if (sums_equal(there.foot, foot)) return VARVE_OK;
    names_build(name, key);
    return vv_fail(err, VARVE_CONFLICT, "'%s' is there with other content: somebody else ships",
                   key);
}

static varve_status put_object(ship_job *j, ship_state *next, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer plain = {0};
    VV_CLEANUP(buffer_done) buffer sealed = {0};
    ship *s = j->s;
    char key[NAMES_KEY_MAX];
    uint64_t size = 0;
    object_name name = {.kind = NAME_WAL,
                        .timeline = s->at.timeline,
                        .lsn = j->writer.first,
                        .last = j->writer.last};
    memcpy(name.db_id, s->r->db_id, sizeof name.db_id);
    names_build(&name, key);
    VV_TRY(wal_writer_end(&j->writer, s->r, s->at.timeline, s->at.foot, &plain, next->foot, err));
    if (!secret_sealed_size(s->r->secret, plain.len, &size)) size = plain.len;
    buffer_init(&sealed, (size_t)size, key);
    VV_TRY(repo_seal(s->r, plain.data, plain.len, &sealed, err));
    if (j->pinned) VV_TRY(pin_keep(&j->pin, err));
    VV_TRY(lease_keep(s->o.lease, err));
    VV_TRY(ship_check_others(s, err));
    j->committing = true;
    varve_status status = repo_put_new(s->r, key, sealed.data, sealed.len, err);
    if (status == VARVE_EXISTS) status = check_same(s, &name, next->foot, err);
    VV_TRY(status);
    j->committing = false;
    next->timeline = s->at.timeline;
    next->shipped = j->writer.last;
    return VARVE_OK;
}

static varve_status commit(ship_job *j, varve_error *err)
{
    ship *s = j->s;
    ship_state next = {0};
    s->sure = false; /* until all of it is done */
    VV_TRY(put_object(j, &next, err));
    VV_TRY(ship_state_write(s, &next, err));
    s->at = next;
    s->put_first = j->writer.first;
    s->time_ms = VV_MAX(s->time_ms, j->writer.time_last_ms);
    s->sure = true;
    return VARVE_OK;
}

/* ---- a step -------------------------------------------------------------------------------- */

static void fill_result(const ship_job *j, ship_result *ret)
{
    varve_folder_stats stats;
    const ship *s = j->s;
    varve_stats(s->o.db, &stats);
    ret->first = j->writer.first;
    ret->last = j->writer.last;
    ret->batches = j->writer.batch_count;
    ret->bytes = j->writer.batches.len;
    ret->files = j->writer.file_count;
    ret->files_new = j->files_new;
    ret->shipped = s->at.shipped;
    ret->written = VV_MAX(stats.sequence, s->at.shipped);
    ret->time_ms = s->time_ms;
}

static varve_status run(ship_job *j, ship_result *result, varve_error *err)
{
    ship *s = j->s;
    VV_TRY(lease_keep(s->o.lease, err));
    if (!s->sure || s->at.timeline != s->o.lease->timeline) {
        s->sure = false;
        VV_TRY(ship_resume(s, err));
    }
    VV_TRY(read_or_bridge(j, &result->bridged, err));
    if (j->writer.batch_count) VV_TRY(commit(j, err));
    fill_result(j, result);
    return VARVE_OK;
}

/* After a put that may still arrive the pin stays until it expires. */
static void job_done(ship_job *j)
{
    varve_status ignored = VARVE_OK;
    if (j->pinned && !j->committing) ignored = pin_drop(&j->pin, NULL);
    (void)ignored;
    wal_writer_done(&j->writer);
    free(j->files);
    free(j->blobs);
}

varve_status ship_step(ship *s, ship_result *ret, varve_error *err)
{
    ship_job j = {.s = s};
    ship_result result = {0};
    wal_writer_init(&j.writer);
    varve_status status = run(&j, &result, err);
    if (status != VARVE_OK) s->sure = false;
    job_done(&j);
    if (status == VARVE_OK) *ret = result;
    return status;
}
