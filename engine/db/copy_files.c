/* copy_files.c — segments and indexes of a copy: linked, or copied and read again where a link
 * cannot be; see copy.h. */
#include "base/file.h"
#include "db/copy.h"
#include "db/indexes.h"

typedef struct copied_files {
    copy *k;
    const copied *c;
    char directory[DB_PATH_MAX];
} copied_files;

static varve_status copy_bytes(const char *from, const char *to, varve_error *err)
{
    char temporary[DB_PATH_MAX];
    VV_CLEANUP(file_unmap) file_map map = {0};
    VV_CLEANUP(file_discardp) file_writer *w = NULL;
    if (strlen(to) + sizeof ".tmp" > sizeof temporary)
        return vv_fail(err, VARVE_LIMIT, "path too long: %s", to);
    snprintf(temporary, sizeof temporary, "%.*s.tmp", DB_PATH_MAX - 8, to);
    VV_TRY(file_map_open(from, &map, err));
    VV_TRY(file_create(temporary, &w, err));
    VV_TRY(file_write(w, map.data, map.size, err));
    file_writer *done = w;
    w = NULL;
    return file_publish(done, to, err);
}

static varve_status check_segment(const char *path, const segment_record *r, varve_error *err)
{
    VV_CLEANUP(segment_unrefp) segment *s = NULL;
    VV_TRY(segment_open(path, NULL, r, &s, err));
    return segment_check(s, err);
}

static varve_status check_index(const char *path, const index_record *r, varve_error *err)
{
    VV_CLEANUP(index_unrefp) vector_index *x = NULL;
    VV_TRY(index_open(path, r, &x, err));
    return index_check(x, NULL, err);
}

/* Into the batch and the figures. bytes: of the file. */
static varve_status stage(copied_files *f, const manifest_file *file, uint64_t *ret_bytes,
                          const char *copy_path, varve_error *err)
{
    copy *k = f->k;
    if (file->is_index) {
        index_record r;
        VV_TRY(index_record_get(file->value, file->value_len, &r, err));
        if (copy_path) VV_TRY(check_index(copy_path, &r, err));
        *ret_bytes = r.file_bytes;
        k->index_bytes += r.file_bytes;
        return index_stage_put(k->to, k->batch, f->c->id, file->number, &r, err);
    }
    uint8_t key[CATALOG_SEGMENT_KEY_BYTES];
    segment_record r;
    VV_TRY(segment_record_get(file->value, file->value_len, file->number, &r, err));
    if (copy_path) VV_TRY(check_segment(copy_path, &r, err));
    *ret_bytes = r.file_bytes;
    k->segment_bytes += r.file_bytes;
    k->info.segments++;
    catalog_segment_key(f->c->id, file->number, key);
    store_batch_put(k->batch, k->to->store, STORE_CATALOG, key, sizeof key, file->value,
                    file->value_len);
    return VARVE_OK;
}

static varve_status copy_one(void *arg, const manifest_file *file, varve_error *err)
{
    copied_files *f = arg;
    copy *k = f->k;
    char from[DB_PATH_MAX], to[DB_PATH_MAX];
    bool missing = false;
    uint64_t bytes = 0;
    VV_TRY(copy_check_cancelled(k, err));
    VV_TRY(file_make_dir(f->directory, err));
    VV_TRY(db_path(k->from, file->path, from, err));
    VV_TRY(file_join(to, sizeof to, f->directory, file->name, err));
    varve_status status = manifest_file_link(from, to, &missing, err);
    if (missing && k->from->options.read_only)
        return vv_fail(err, VARVE_CONFLICT, "%s is gone: the owner of the folder removed it", from);
    if (missing && file->is_index) return VARVE_OK; /* lost: searches do without it */
    bool copied = status == VARVE_UNSUPPORTED;
    if (copied) status = copy_bytes(from, to, err);
    if (status != VARVE_OK) return status;
    VV_TRY(stage(f, file, &bytes, copied ? to : NULL, err));
    *(copied ? &k->info.bytes_copied : &k->info.bytes_linked) += bytes;
    return VARVE_OK;
}

varve_status copy_files(copy *k, varve_error *err)
{
    for (size_t i = 0; i < k->count; i++) {
        copied_files f = {.k = k, .c = &k->all[i]};
        VV_TRY(collection_dir(k->to, f.c->id, f.directory, err));
        VV_TRY(manifest_files_of(k->from->store, k->at, f.c->from, copy_one, &f, err));
        if (file_exists(f.directory)) VV_TRY(file_sync_dir(f.directory, err));
    }
    return VARVE_OK;
}
