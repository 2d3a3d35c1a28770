/* manifest_write.c — manifests to JSON; see manifest.h. */
#include "manifest_inner.h"

#include <stdio.h>
#include <string.h>

static const char *const kinds[] = {[MANIFEST_FULL] = "full",
                                    [MANIFEST_INCREMENTAL] = "incremental",
                                    [MANIFEST_COLLECTION] = "collection"};

const char *manifest_kind_word(manifest_kind kind) { return kinds[kind]; }

object_name manifest_name(const manifest *m)
{
    object_name n = {.kind = NAME_SNAP, .timeline = m->timeline, .lsn = m->lsn};
    memcpy(n.db_id, m->db_id, sizeof n.db_id);
    memcpy(n.id, m->snap_id, sizeof n.id);
    return n;
}

void manifest_blob_key(const manifest_file *f, char ret[NAMES_KEY_MAX])
{
    object_name n = {.kind = NAME_BLOB, .generation = f->generation};
    memcpy(n.blob, f->blob, sizeof n.blob);
    names_build(&n, ret);
}

static varve_status write_sealed(const manifest_file *file, const secret *s, json_t *j,
                                 varve_error *err)
{
    json_t *enc = json_object();
    varve_status status = fields_set(enc, "key_id", json_string(secret_key_id(s)), err);
    if (status != VARVE_OK) {
        json_decref(enc);
        return status;
    }
    VV_TRY(fields_set(j, "enc", enc, err));
    VV_TRY(fields_set(j, "stored_size", fields_new_u64(file->stored_size), err));
    return fields_set(j, "stored_sha256", fields_new_sum(file->stored_sha256), err);
}

static varve_status fill_file(const manifest_file *file, const secret *s, json_t *j,
                              varve_error *err)
{
    char key[NAMES_KEY_MAX];
    manifest_blob_key(file, key);
    VV_TRY(fields_set(j, "key", json_string(key), err));
    VV_TRY(fields_set(j, "size", fields_new_u64(file->size), err));
    VV_TRY(fields_set(j, "sha256", fields_new_sum(file->sha256), err));
    if (s) VV_TRY(write_sealed(file, s, j, err));
    if (!file->path) return VARVE_OK;
    VV_TRY(fields_set(j, "path", json_string(file->path), err));
    if (file->role == ROLE_SEGMENT || file->role == ROLE_INDEX)
        VV_TRY(fields_set(j, "collection", fields_new_u64(file->collection), err));
    return fields_set(j, "role", json_string(folder_path_role_word(file->role)), err);
}

static varve_status write_file(const manifest_file *file, const secret *s, json_t **ret,
                               varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = json_object();
    VV_TRY(fill_file(file, s, j, err));
    *ret = json_incref(j);
    return VARVE_OK;
}

static varve_status write_files(const manifest *m, const secret *s, json_t *into, varve_error *err)
{
    json_t *list = json_array();
    VV_TRY(fields_set(into, "files", list, err));
    for (size_t i = 0; i < m->file_count; i++) {
        json_t *file = NULL;
        VV_TRY(write_file(&m->files[i], s, &file, err));
        if (json_array_append_new(list, file) != 0)
            return vv_fail(err, VARVE_NO_MEMORY, "no memory for JSON");
    }
    return VARVE_OK;
}

static varve_status set_two(json_t *into, const char *name, const char *a, json_t *value_a,
                            const char *b, json_t *value_b, varve_error *err)
{
    json_t *j = json_object();
    varve_status first = fields_set(j, a, value_a, err), second = fields_set(j, b, value_b, err);
    varve_status third = fields_set(into, name, j, err);
    return first != VARVE_OK ? first : second != VARVE_OK ? second : third;
}

static varve_status write_head(const manifest *m, json_t *j, varve_error *err)
{
    char timeline[16];
    snprintf(timeline, sizeof timeline, "%08u", m->timeline);
    VV_TRY(fields_set(j, "format", fields_new_u64(MANIFEST_FORMAT), err));
    VV_TRY(fields_set(j, "repo_id", json_string(m->repo_id), err));
    VV_TRY(fields_set(j, "db_id", json_string(m->db_id), err));
    VV_TRY(fields_set(j, "timeline", json_string(timeline), err));
    VV_TRY(fields_set(j, "kind", json_string(kinds[m->kind]), err));
    VV_TRY(fields_set(j, "snap_id", json_string(m->snap_id), err));
    VV_TRY(fields_set(j, "lsn", fields_new_u64(m->lsn), err));
    VV_TRY(fields_set(j, "wal_needed_from", fields_new_u64(m->wal_needed_from), err));
    VV_TRY(fields_set(j, "created_unix_ms", fields_new_u64(m->created_ms), err));
    VV_TRY(fields_set(j, "commit_ts_ms", fields_new_u64(m->commit_ms), err));
    VV_TRY(set_two(j, "server", "version", json_string(m->server_version), "storage_format",
                   fields_new_u64(m->storage_format), err));
    VV_TRY(set_two(j, "writer", "holder", json_string(m->holder), "epoch", fields_new_u64(m->epoch),
                   err));
    VV_TRY(set_two(j, "retention", "class", json_string(m->retention_class), "pinned",
                   json_boolean(m->pinned), err));
    if (!m->has_parent) return VARVE_OK;
    return set_two(j, "parent", "snap_id", json_string(m->parent_id), "sha256",
                   fields_new_sum(m->parent_sha256), err);
}

/* The sum is that of the text without it. */
static varve_status write_sum(json_t *j, const secret *s, buffer *out, varve_error *err)
{
    uint8_t sum[SUMS_BYTES];
    size_t start = out->len;
    VV_TRY(fields_dump(j, out, err));
    varve_status status = secret_manifest_sum(s, out->data + start, out->len - start, sum, err);
    out->len = start;
    VV_TRY(status);
    VV_TRY(fields_set(j, manifest_sum_name(s), fields_new_sum(sum), err));
    return fields_dump(j, out, err);
}

varve_status manifest_write(manifest *m, const secret *s, buffer *out, varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = json_object();
    size_t start = out->len;
    VV_TRY(write_head(m, j, err));
    VV_TRY(manifest_write_collections(m, j, err));
    if (m->listed) {
        json_t *list = NULL;
        VV_TRY(write_file(&m->list, s, &list, err));
        VV_TRY(fields_set(j, "files_blob", list, err));
    } else {
        VV_TRY(write_files(m, s, j, err));
    }
    VV_TRY(write_sum(j, s, out, err));
    return sums_of_bytes(out->data + start, out->len - start, m->sha256, err);
}

varve_status manifest_write_list(const manifest *m, const secret *s, buffer *out, varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = json_object();
    VV_TRY(fields_set(j, "format", fields_new_u64(MANIFEST_FORMAT), err));
    VV_TRY(write_files(m, s, j, err));
    return fields_dump(j, out, err);
}
