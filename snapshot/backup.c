/* backup.c — the steps of a backup, in the order that backup.h promises. */
#include "backup.h"

#include "backup_inner.h"
#include "base/clock.h"
#include "base/file.h"
#include "snapshots.h"

#include <stdlib.h>
#include <string.h>

#define PATH_SIZE    4096
#define COMMIT_TRIES 3

/* ---- before: what is there, and who may write ----------------------------------------------- */

static varve_status allocate(backup_job *b, varve_error *err)
{
    size_t count = b->scan.count;
    if (count > MANIFEST_FILES_MAX)
        return vv_fail(err, VARVE_LIMIT, "%s has %zu files; a snapshot has at most %d",
                       b->o->folder, count, MANIFEST_FILES_MAX);
    b->files = calloc(count, sizeof *b->files);
    b->is_new = calloc(count, sizeof *b->is_new);
    b->blobs = calloc(count + 1, sizeof *b->blobs);
    return b->files && b->is_new && b->blobs
               ? VARVE_OK
               : vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu files", count);
}

static varve_status scan_files(backup_job *b, varve_error *err)
{
    char cache[PATH_SIZE];
    const backup_options *o = b->o;
    if (o->state) VV_TRY(file_make_dir(o->state, err));
    if (o->state) VV_TRY(file_join(cache, sizeof cache, o->state, "sums", err));
    VV_TRY(scan_folder(o->folder, &b->scan, err));
    VV_TRY(allocate(b, err));
    backup_stage(b, "sum", b->scan.count, b->scan.bytes);
    VV_TRY(scan_sums(&b->scan, o->state ? cache : NULL, o->kind == BACKUP_FULL, o->threads,
                     &o->cancel, err));
    for (size_t i = 0; i < b->scan.count; i++) {
        const scan_file *from = &b->scan.files[i];
        manifest_file *f = &b->files[i];
        *f = (manifest_file){.path = from->path,
                             .role = from->role,
                             .collection = from->collection,
                             .size = from->size};
        memcpy(f->sha256, from->sha256, SUMS_BYTES);
        VV_TRY(secret_blob_name(b->r->secret, f->sha256, f->blob, err));
        memcpy(b->blobs[i], f->blob, SUMS_BYTES);
    }
    return VARVE_OK;
}

static varve_status take_lease(backup_job *b, varve_error *err)
{
    b->lease = b->o->lease;
    if (b->lease) return lease_keep(b->lease, err);
    const lease_options options = {
        .holder = b->o->holder, .lsn = backup_branch(b->o), .life_ms = b->o->lease_life_ms};
    VV_TRY(lease_take(b->r, &options, &b->own_lease, err));
    b->lease = &b->own_lease;
    b->lease_taken = true;
    return VARVE_OK;
}

/* ---- the pin, and what it makes safe to look at ---------------------------------------------- */

static varve_status take_pin(backup_job *b, varve_error *err)
{
    const pin what = {.kind = PIN_BACKUP,
                      .blobs = (const uint8_t(*)[SUMS_BYTES])b->blobs,
                      .blob_count = b->scan.count};
    uint64_t life = b->o->pin_life_ms ? b->o->pin_life_ms : PIN_LIFE_MS;
    VV_TRY(pin_take(b->r, &what, life, &b->pin, err));
    b->pinned = true;
    return gc_record_read_all(b->r, &b->doomed, err);
}

static varve_status know_parent(backup_job *b, varve_error *err)
{
    for (size_t i = 0; i < b->parent.file_count; i++) {
        const manifest_file *f = &b->parent.files[i];
        if (!hashmap_put(&b->known, f->blob, sizeof f->blob, (void *)(uintptr_t)f))
            return vv_fail(err, VARVE_NO_MEMORY, "no memory for the files of the last snapshot");
    }
    return VARVE_OK;
}

/* A parent that retention took meanwhile, or that does not check out, is none. */
static varve_status read_parent(backup_job *b, varve_error *err)
{
    object_name newest;
    manifest *m = &b->manifest;
    if (b->o->kind == BACKUP_FULL) return VARVE_OK;
    varve_status status = snapshots_newest(b->r, b->o->sequence, &newest, err);
    if (status == VARVE_OK) status = snapshots_load(b->r, &newest, &b->parent, err);
    if (status == VARVE_NOT_FOUND || status == VARVE_CORRUPT) return VARVE_OK;
    VV_TRY(status);
    m->kind = MANIFEST_INCREMENTAL;
    m->has_parent = true;
    memcpy(m->parent_id, b->parent.snap_id, sizeof m->parent_id);
    memcpy(m->parent_sha256, b->parent.sha256, SUMS_BYTES);
    return know_parent(b, err);
}

static int by_id(const void *a, const void *b)
{
    uint32_t x = ((const manifest_collection *)a)->id, y = ((const manifest_collection *)b)->id;
    return x < y ? -1 : x > y;
}

static varve_status fill_manifest(backup_job *b, varve_error *err)
{
    manifest *m = &b->manifest;
    const backup_options *o = b->o;
    memcpy(m->repo_id, b->r->repo_id, sizeof m->repo_id);
    memcpy(m->db_id, b->r->db_id, sizeof m->db_id);
    memcpy(m->holder, b->lease->holder, sizeof m->holder);
    m->epoch = lease_now(b->lease).epoch;
    VV_TRY(env_make_id(&b->r->env, m->snap_id, err));
    m->timeline = b->lease->timeline;
    m->lsn = o->sequence;
    m->wal_needed_from = o->sequence + 1;
    m->created_ms = env_now_ms(&b->r->env);
    m->commit_ms = o->commit_ms;
    m->storage_format = o->storage_format;
    m->pinned = o->pinned;
    snprintf(m->server_version, sizeof m->server_version, "%s", varve_version());
    snprintf(m->retention_class, sizeof m->retention_class, "%s",
             o->retention_class ? o->retention_class : "");
    m->files = b->files;
    m->file_count = b->scan.count;
    manifest_collection *c = calloc(VV_MAX(o->collection_count, (size_t)1), sizeof *c);
    if (!c) return vv_fail(err, VARVE_NO_MEMORY, "no memory for collections");
    if (o->collection_count) memcpy(c, o->collections, o->collection_count * sizeof *c);
    qsort(c, o->collection_count, sizeof *c, by_id);
    m->collections = c;
    m->collection_count = o->collection_count;
    return VARVE_OK;
}

/* ---- commit ---------------------------------------------------------------------------------- */

/* Both fresh at once, so that the put that follows falls into their life. */
static varve_status renew_both(backup_job *b, varve_error *err)
{
    for (int i = 0; i < COMMIT_TRIES; i++) {
        VV_TRY(pin_renew(&b->pin, err));
        VV_TRY(lease_renew(b->lease, err));
        uint64_t now = env_now_ms(&b->r->env);
        bool fresh = now + b->pin.life_ms / 2 < b->pin.pin.expires_ms &&
                     now + b->lease->life_ms / 2 < lease_now(b->lease).expires_ms;
        if (fresh) return VARVE_OK;
    }
    return vv_fail(err, VARVE_TIMEOUT, "pin and lease could not be renewed in time");
}

static varve_status read_back(backup_job *b, const char *key, const buffer *text, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    size_t len = 0;
    VV_TRY(repo_read_sealed(b->r, key, MANIFEST_BYTES_MAX, &bytes, &len, err));
    if (len == text->len && memcmp(bytes, text->data, len) == 0) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "'%s' does not read back as it was written", key);
}

static varve_status commit(backup_job *b, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer text = {0};
    VV_CLEANUP(buffer_done) buffer sealed = {0};
    char key[NAMES_KEY_MAX];
    object_name name = manifest_name(&b->manifest);
    uint64_t size = 0;
    names_build(&name, key);
    backup_stage(b, "commit", 1, 0);
    VV_TRY(backup_write_manifest(b, &text, err));
    if (!secret_sealed_size(b->r->secret, text.len, &size)) size = MANIFEST_BYTES_MAX;
    buffer_init(&sealed, (size_t)size, "manifest");
    VV_TRY(repo_seal(b->r, text.data, text.len, &sealed, err));
    VV_TRY(renew_both(b, err));
    b->committing = true;
    varve_status status = repo_put_new(b->r, key, sealed.data, sealed.len, err);
    if (status != VARVE_OK && status != VARVE_EXISTS) return status;
    VV_TRY(read_back(b, key, &text, err)); /* EXISTS: of a try of ours, whose answer was lost */
    b->committing = false;
    return VARVE_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Has the newest snapshot of this timeline all of it? Or more? */
static varve_status compare_newest(backup_job *b, object_name *ret, bool *ret_unchanged,
                                   varve_error *err)
{
    *ret_unchanged = false;
    varve_status status = snapshots_newest(b->r, UINT64_MAX, ret, err);
    if (status == VARVE_NOT_FOUND) return VARVE_OK;
    VV_TRY(status);
    if (ret->timeline != b->lease->timeline) return VARVE_OK;
    if (ret->lsn > b->o->sequence)
        return vv_fail(err, VARVE_CONFLICT,
                       "the folder is at sequence %llu, but snapshot %s of its timeline at %llu: "
                       "after a restore a new timeline has to begin",
                       (unsigned long long)b->o->sequence, ret->id, (unsigned long long)ret->lsn);
    *ret_unchanged = b->o->kind == BACKUP_AUTO && ret->lsn == b->o->sequence;
    return VARVE_OK;
}

static varve_status run(backup_job *b, backup_result *result, varve_error *err)
{
    VV_TRY(repo_check_writable(b->r, err));
    VV_TRY(take_lease(b, err));
    VV_TRY(compare_newest(b, &result->snapshot, &result->skipped, err));
    if (result->skipped) return VARVE_OK;
    VV_TRY(scan_files(b, err));
    VV_TRY(take_pin(b, err));
    VV_TRY(read_parent(b, err));
    VV_TRY(fill_manifest(b, err));
    VV_TRY(backup_store_files(b, err));
    VV_TRY(backup_check_files(b, err));
    VV_TRY(commit(b, err));
    if (b->o->state) blobs_clean_scratch(b->r, b->o->state);
    result->snapshot = manifest_name(&b->manifest);
    result->kind = b->manifest.kind;
    result->files = b->scan.count;
    result->bytes = b->scan.bytes;
    result->files_new = b->files_new;
    result->bytes_new = b->bytes_new;
    return VARVE_OK;
}

/* What is left behind when this fails too expires by itself. */
static void let_go(backup_job *b)
{
    varve_status ignored = VARVE_OK;
    if (b->pinned && !b->committing) ignored = pin_drop(&b->pin, NULL);
    if (b->lease_taken && !b->committing) ignored = lease_drop(b->lease, NULL);
    (void)ignored;
    scan_done(&b->scan);
    manifest_done(&b->parent);
    hashmap_done(&b->known);
    gc_set_done(&b->doomed);
    free((void *)(uintptr_t)b->manifest.collections);
    free(b->files);
    free(b->is_new);
    free(b->blobs);
    (void)pthread_mutex_destroy(&b->lock);
}

varve_status backup_run(repo *r, const backup_options *options, backup_result *ret,
                        varve_error *err)
{
    backup_job b = {.r = r, .o = options, .lock = PTHREAD_MUTEX_INITIALIZER};
    backup_result result = {0};
    uint64_t begin = clock_now_ns();
    hashmap_init(&b.known);
    gc_set_init(&b.doomed);
    varve_status status = run(&b, &result, err);
    let_go(&b);
    result.seconds = (double)(clock_now_ns() - begin) / 1e9;
    if (status == VARVE_OK) *ret = result;
    return status;
}
