/* prune_needed.c — what manifests and pins need; see prune.h, (4). */
#include "pins.h"
#include "prune_inner.h"
#include "snapshots.h"
#include "wal_object.h"

#include <stdlib.h>
#include <string.h>

static varve_status need_file(prune_job *j, const manifest_file *f, varve_error *err)
{
    char key[NAMES_KEY_MAX];
    manifest_blob_key(f, key);
    return gc_set_add(&j->keys, key, err);
}

/* One that is gone when it is read was deleted by another run. */
static varve_status need_snapshot(prune_job *j, const object_name *name, varve_error *err)
{
    VV_CLEANUP(manifest_done) manifest m = {0};
    char key[NAMES_KEY_MAX];
    remote_stat_result found;
    names_build(name, key);
    if (gc_set_has(&j->gone, key)) return VARVE_OK;
    varve_status status = snapshots_load(j->r, name, &m, err);
    if (status == VARVE_NOT_FOUND &&
        remote_stat(j->r->remote, key, &found, NULL) == VARVE_NOT_FOUND)
        return VARVE_OK;
    if (status != VARVE_OK) {
        vv_error_prefix(err, "nothing was pruned, because a snapshot cannot be read");
        return status == VARVE_NOT_FOUND ? VARVE_CORRUPT : status;
    }
    for (size_t i = 0; i < m.file_count; i++)
        VV_TRY(need_file(j, &m.files[i], err));
    return m.listed ? need_file(j, &m.list, err) : VARVE_OK;
}

static varve_status need_pin(void *arg, const object_name *name, const char *key, uint64_t size,
                             varve_error *err)
{
    prune_job *j = arg;
    VV_CLEANUP(pin_done) pin p = {0};
    (void)name, (void)size;
    varve_status status = pin_read(j->r, key, &p, NULL, err);
    if (status == VARVE_NOT_FOUND) return VARVE_OK;
    VV_TRY(status);
    for (size_t i = 0; !p.revoked && i < p.blob_count; i++) {
        manifest_file f = {0};
        char blob[NAMES_KEY_MAX];
        memcpy(f.blob, p.blobs[i], SUMS_BYTES);
        manifest_blob_key(&f, blob);
        VV_TRY(gc_set_add(&j->pinned, blob, err));
    }
    return VARVE_OK;
}

static varve_status need_pins(void *arg, const char *db_id, varve_error *err)
{
    prune_job *j = arg;
    return repo_list(j->r, NAME_PIN, db_id, 0, need_pin, j, err);
}

static varve_status need_manifests(void *arg, const char *db_id, varve_error *err)
{
    prune_job *j = arg;
    VV_CLEANUP(snapshots_done) snapshots list = {0};
    VV_TRY(snapshots_list(j->r, db_id, &list, err));
    for (size_t i = 0; i < list.count; i++)
        VV_TRY(need_snapshot(j, &list.items[i], err));
    return VARVE_OK;
}

/* ---- the log ------------------------------------------------------------------------------- */

typedef struct prune_names { /* the blobs that an object of the log names */
    size_t count;
    manifest_file files[]; /* blob and generation alone */
} prune_names;

void prune_forget_logs(prune_job *j)
{
    const hashmap_slot *slot;
    size_t at = 0;
    while ((slot = hashmap_next(&j->logs, &at)))
        free(slot->value);
    hashmap_done(&j->logs);
}

static varve_status remember(prune_job *j, const char *key, const wal_object *o,
                             const prune_names **ret, varve_error *err)
{
    prune_names *names = malloc(sizeof *names + o->file_count * sizeof *names->files);
    if (!names || !hashmap_put(&j->logs, key, strlen(key), names)) {
        free(names);
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for the names in the log");
    }
    names->count = o->file_count;
    for (size_t i = 0; i < o->file_count; i++) {
        names->files[i] = (manifest_file){.generation = o->files[i].generation};
        memcpy(names->files[i].blob, o->files[i].blob, SUMS_BYTES);
    }
    *ret = names;
    return VARVE_OK;
}

/* Its beginning is enough. *ret NULL: it was deleted by another run. */
static varve_status read_names(prune_job *j, const object_name *name, const char *key,
                               uint64_t size, const prune_names **ret, varve_error *err)
{
    VV_CLEANUP(wal_object_done) wal_object o = {0};
    remote_stat_result found;
    *ret = NULL;
    varve_status status = wal_object_read_names(j->r, name, size, &o, err);
    if (status == VARVE_NOT_FOUND &&
        remote_stat(j->r->remote, key, &found, NULL) == VARVE_NOT_FOUND)
        return VARVE_OK;
    if (status == VARVE_OK) return remember(j, key, &o, ret, err);
    vv_error_prefix(err, "nothing was pruned, because an object of the log cannot be read");
    return status;
}

/* Objects never change: what was read of one holds for all of the run. */
static varve_status need_wal(void *arg, const object_name *name, const char *key, uint64_t size,
                             varve_error *err)
{
    prune_job *j = arg;
    const prune_names *names = hashmap_get(&j->logs, key, strlen(key));
    if (!names) VV_TRY(read_names(j, name, key, size, &names, err));
    for (size_t i = 0; names && i < names->count; i++)
        VV_TRY(need_file(j, &names->files[i], err));
    return VARVE_OK;
}

static varve_status need_log(void *arg, const char *db_id, varve_error *err)
{
    prune_job *j = arg;
    return repo_list_all(j->r, NAME_WAL, db_id, need_wal, j, err);
}

/* Pins first: a backup that commits and drops its pin meanwhile is then seen by its manifest, and a
 * shipper by its object of the log. */
varve_status prune_find_needed(prune_job *j, varve_error *err)
{
    gc_set_done(&j->keys);
    gc_set_done(&j->pinned);
    gc_set_init(&j->keys);
    gc_set_init(&j->pinned);
    VV_TRY(repo_list_dbs(j->r, need_pins, j, err));
    VV_TRY(repo_list_dbs(j->r, need_manifests, j, err));
    return repo_list_dbs(j->r, need_log, j, err);
}

bool prune_is_needed(const prune_job *j, const char *key)
{
    char plain[NAMES_KEY_MAX];
    if (gc_set_has(&j->keys, key)) return true;
    snprintf(plain, sizeof plain, "%s", key);
    char *generation = strchr(plain, '.');
    if (generation) *generation = 0;
    return gc_set_has(&j->pinned, plain);
}
