/* pitr_log_check.c — every object of the log read whole: its bytes, its place in the chain, and
 * that the files that it names are there; see pitr_log.h. */
#include "blobs.h"
#include "pitr_log_inner.h"
#include "wal_object.h"

#include <string.h>

typedef struct checking {
    repo *r;
    const pitr_log_options *o;
    pitr_log *log;
    uint32_t timeline; /* of the object before, and what it was: */
    uint64_t last;
    uint8_t foot[SUMS_BYTES];
} checking;

static void check_chain(checking *c, const char *key, const wal_object *o)
{
    static const uint8_t none[SUMS_BYTES];
    bool follows = c->timeline == o->timeline && c->last + 1 == o->first;
    if (follows && !sums_equal(o->before, none) && !sums_equal(o->before, c->foot))
        pitr_log_find(c->log, "'%s' does not follow on the object before it: two histories", key);
    c->timeline = o->timeline;
    c->last = o->last;
    memcpy(c->foot, o->foot, sizeof c->foot);
}

static varve_status check_files(checking *c, const char *key, const wal_object *o, varve_error *err)
{
    for (size_t i = 0; i < o->file_count; i++) {
        varve_error why = {0};
        varve_status status = blobs_stat(c->r, &o->files[i], &why);
        if (pitr_log_is_finding(status))
            pitr_log_find(c->log, "'%s' names %s: %s", key, o->files[i].path, why.message);
        else if (status != VARVE_OK)
            return vv_fail(err, status, "%s", why.message);
    }
    return VARVE_OK;
}

static varve_status check_object(void *arg, const object_name *name, const char *key, uint64_t size,
                                 varve_error *err)
{
    checking *c = arg;
    VV_CLEANUP(wal_object_done) wal_object o = {0};
    varve_error why = {0};
    const remote_cancel *cancel = &c->o->cancel;
    if (cancel->asked && cancel->asked(cancel->arg))
        return vv_fail(err, VARVE_CANCELLED, "cancelled");
    varve_status status = wal_object_read(c->r, name, &o, &why);
    c->log->objects_read++;
    c->log->bytes_read += size;
    if (pitr_log_is_finding(status)) {
        pitr_log_find(c->log, "%s", why.message);
        c->timeline = 0; /* nobody knows what its foot was */
        return VARVE_OK;
    }
    if (status != VARVE_OK) return vv_fail(err, status, "%s", why.message);
    check_chain(c, key, &o);
    return check_files(c, key, &o, err);
}

varve_status pitr_log_check(repo *r, const pitr_log_options *options, pitr_log *log,
                            varve_error *err)
{
    checking c = {.r = r, .o = options, .log = log};
    return repo_list_all(r, NAME_WAL, r->db_id, check_object, &c, err);
}
