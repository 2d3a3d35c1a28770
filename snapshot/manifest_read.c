/* manifest_read.c — manifests from JSON, believed only when every field was checked; see
 * manifest.h. */
#include "manifest_inner.h"

#include <stdlib.h>
#include <string.h>

void manifest_done(manifest *m) { arena_done(&m->memory); }

void *manifest_take(fields *f, manifest *m, size_t count, size_t size)
{
    void *ret = NULL;
    if (f->status == VARVE_OK) f->status = arena_take(&m->memory, count, size, &ret, f->err);
    return f->status == VARVE_OK ? ret : NULL;
}

const char *manifest_take_text(fields *f, manifest *m, const char *text)
{
    varve_text copy = {0};
    if (f->status == VARVE_OK)
        f->status = arena_text(&m->memory, text, strlen(text), &copy, f->err);
    return f->status == VARVE_OK ? copy.data : "";
}

static void read_word(fields *f, const char *name, char ret[MANIFEST_WORD_SIZE])
{
    const char *text = fields_text(f, name, MANIFEST_WORD_SIZE - 1);
    memcpy(ret, text, strlen(text) + 1);
}

/* ---- files --------------------------------------------------------------------------------- */

static void read_path(fields *f, manifest *m, manifest_file *file)
{
    const char *path = fields_text(f, "path", FOLDER_PATH_MAX - 1);
    const char *role = fields_text(f, "role", 16);
    if (f->status != VARVE_OK) return;
    if (!folder_path_parse(path, &file->role, &file->collection))
        (void)fields_fail(f, "path", "no file of a data folder");
    else if (strcmp(role, folder_path_role_word(file->role)) != 0)
        (void)fields_fail(f, "role", "not that of its path");
    file->path = manifest_take_text(f, m, path);
    bool of_collection = file->role == ROLE_SEGMENT || file->role == ROLE_INDEX;
    if (of_collection && fields_u64(f, "collection", UINT32_MAX) != file->collection)
        (void)fields_fail(f, "collection", "not that of its path");
}

static void read_sealed(fields *f, const secret *s, manifest_file *file)
{
    char key_id[NAMES_ID_SIZE] = "";
    uint64_t stored = 0;
    fields enc = fields_begin(fields_object(f, "enc"), f->what, f->err);
    fields_id(&enc, "key_id", key_id);
    if (f->status == VARVE_OK) f->status = fields_end(&enc);
    if (f->status == VARVE_OK && strcmp(key_id, secret_key_id(s)) != 0)
        (void)fields_fail(f, "enc", "of another key");
    file->stored_size = fields_u64(f, "stored_size", INT64_MAX);
    fields_sum(f, "stored_sha256", file->stored_sha256);
    if (!secret_sealed_size(s, file->size, &stored) || stored != file->stored_size)
        (void)fields_fail(f, "stored_size", "not what its size makes");
}

/* The key must be the one that this content has; only its generation is free. */
static void read_key(fields *f, const secret *s, manifest_file *file)
{
    object_name name;
    const char *key = fields_text(f, "key", NAMES_KEY_MAX - 1);
    if (f->status != VARVE_OK) return;
    if (!names_parse(key, &name) || name.kind != NAME_BLOB) {
        (void)fields_fail(f, "key", "no key of a blob");
        return;
    }
    f->status = secret_blob_name(s, file->sha256, file->blob, f->err);
    file->generation = name.generation;
    if (f->status == VARVE_OK && memcmp(file->blob, name.blob, SUMS_BYTES) != 0)
        (void)fields_fail(f, "key", "not that of its content");
}

static varve_status read_file(const json_t *j, manifest *m, const secret *s, bool with_path,
                              const char *what, manifest_file *ret, varve_error *err)
{
    fields f = fields_begin(j, what, err);
    manifest_file file = {0};
    if (with_path) read_path(&f, m, &file);
    file.size = fields_u64(&f, "size", MANIFEST_FILE_BYTES_MAX);
    fields_sum(&f, "sha256", file.sha256);
    file.stored_size = file.size;
    memcpy(file.stored_sha256, file.sha256, SUMS_BYTES);
    if (s) read_sealed(&f, s, &file);
    read_key(&f, s, &file);
    VV_TRY(fields_end(&f));
    *ret = file;
    return VARVE_OK;
}

static void read_files(fields *f, manifest *m, const secret *s)
{
    const json_t *list = fields_array(f, "files", MANIFEST_FILES_MAX);
    size_t count = json_array_size(list);
    manifest_file *files = manifest_take(f, m, count, sizeof *files);
    for (size_t i = 0; f->status == VARVE_OK && i < count; i++) {
        f->status = read_file(json_array_get(list, i), m, s, true, f->what, &files[i], f->err);
        if (f->status == VARVE_OK && i && strcmp(files[i - 1].path, files[i].path) >= 0)
            (void)fields_fail(f, "files", "not in order, or has a path twice");
    }
    m->files = files;
    m->file_count = f->status == VARVE_OK ? count : 0;
}

/* ---- head ---------------------------------------------------------------------------------- */

static void read_kind(fields *f, manifest *m)
{
    const char *word = fields_text(f, "kind", 16);
    for (manifest_kind k = MANIFEST_FULL; k <= MANIFEST_COLLECTION; k++) {
        if (strcmp(word, manifest_kind_word(k)) != 0) continue;
        m->kind = k;
        return;
    }
    (void)fields_fail(f, "kind", "unknown");
}

static void read_timeline(fields *f, manifest *m)
{
    const char *text = fields_text(f, "timeline", 8);
    uint32_t number = 0;
    for (size_t i = 0; text[i]; i++) {
        if (text[i] < '0' || text[i] > '9') (void)fields_fail(f, "timeline", "no number");
        number = number * 10 + (uint32_t)(text[i] - '0');
    }
    if (strlen(text) != 8 || number == 0) (void)fields_fail(f, "timeline", "no number of 8 digits");
    m->timeline = number;
}

static fields begin_part(fields *f, const char *name)
{
    const json_t *part = fields_object(f, name);
    fields ret = {.object = part, .what = f->what, .err = f->err, .status = f->status};
    return ret;
}

static void end_part(fields *f, fields *part)
{
    varve_status status = fields_end(part);
    if (f->status == VARVE_OK) f->status = status;
}

static void read_parts(fields *f, manifest *m)
{
    fields server = begin_part(f, "server");
    read_word(&server, "version", m->server_version);
    m->storage_format = fields_u64(&server, "storage_format", UINT32_MAX);
    end_part(f, &server);
    fields writer = begin_part(f, "writer");
    fields_id(&writer, "holder", m->holder);
    m->epoch = fields_u64(&writer, "epoch", INT64_MAX);
    end_part(f, &writer);
    fields retention = begin_part(f, "retention");
    read_word(&retention, "class", m->retention_class);
    m->pinned = fields_bool(&retention, "pinned");
    end_part(f, &retention);
    m->has_parent = fields_has(f, "parent");
    if (!m->has_parent) return;
    fields parent = begin_part(f, "parent");
    fields_id(&parent, "snap_id", m->parent_id);
    fields_sum(&parent, "sha256", m->parent_sha256);
    end_part(f, &parent);
}

static void read_head(fields *f, manifest *m)
{
    fields_format(f, MANIFEST_FORMAT);
    fields_id(f, "repo_id", m->repo_id);
    fields_id(f, "db_id", m->db_id);
    read_timeline(f, m);
    read_kind(f, m);
    fields_id(f, "snap_id", m->snap_id);
    m->lsn = fields_u64(f, "lsn", INT64_MAX);
    m->wal_needed_from = fields_u64(f, "wal_needed_from", INT64_MAX);
    m->created_ms = fields_u64(f, "created_unix_ms", INT64_MAX);
    m->commit_ms = fields_u64(f, "commit_ts_ms", INT64_MAX);
    read_parts(f, m);
}

static void read_list_or_files(fields *f, manifest *m, const secret *s)
{
    m->listed = fields_has(f, "files_blob");
    if (!m->listed) {
        read_files(f, m, s);
        return;
    }
    const json_t *list = fields_object(f, "files_blob");
    if (f->status == VARVE_OK) f->status = read_file(list, m, s, false, f->what, &m->list, f->err);
    if (m->list.size > MANIFEST_LIST_BYTES_MAX) (void)fields_fail(f, "files_blob", "too large");
}

/* ---- the whole ----------------------------------------------------------------------------- */

/* The text must be the one that we write, and the sum that of the text without it. */
static varve_status check_sum(json_t *j, const char *json, size_t len, const secret *s,
                              const char *what, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer text = {0};
    uint8_t found[SUMS_BYTES], wanted[SUMS_BYTES];
    buffer_init(&text, len + 1, "manifest");
    if (fields_dump(j, &text, NULL) != VARVE_OK || text.len != len ||
        memcmp(text.data, json, len) != 0)
        return vv_fail(err, VARVE_CORRUPT, "%s is not in its canonical form", what);
    const char *sum = json_string_value(json_object_get(j, manifest_sum_name(s)));
    if (!sum || !sums_parse_hex(sum, found))
        return vv_fail(err, VARVE_CORRUPT, "%s has no '%s'", what, manifest_sum_name(s));
    (void)json_object_del(j, manifest_sum_name(s));
    buffer_clear(&text);
    VV_TRY(fields_dump(j, &text, err));
    VV_TRY(secret_manifest_sum(s, text.data, text.len, wanted, err));
    if (sums_equal(found, wanted)) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "%s was altered: its %s does not match", what,
                   manifest_sum_name(s));
}

static varve_status read_all(const json_t *j, const secret *s, const char *what, manifest *m,
                             varve_error *err)
{
    fields f = fields_begin(j, what, err);
    read_head(&f, m);
    manifest_read_collections(&f, m);
    read_list_or_files(&f, m, s);
    return fields_end(&f);
}

/* A newer format may look otherwise: its number is looked at first. */
static varve_status check_format(const json_t *j, const char *what, varve_error *err)
{
    fields f = fields_begin(j, what, err);
    fields_format(&f, MANIFEST_FORMAT);
    return f.status;
}

varve_status manifest_parse(const char *json, size_t len, const secret *s, const char *what,
                            manifest *ret, varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = NULL;
    VV_CLEANUP(manifest_done) manifest m = {0};
    if (len > MANIFEST_BYTES_MAX)
        return vv_fail(err, VARVE_LIMIT, "%s is larger than %zu bytes", what, MANIFEST_BYTES_MAX);
    VV_TRY(fields_parse(json, len, what, &j, err));
    VV_TRY(check_format(j, what, err));
    VV_TRY(check_sum(j, json, len, s, what, err));
    arena_init(&m.memory, MANIFEST_MEMORY_MAX, "manifest");
    VV_TRY(read_all(j, s, what, &m, err));
    VV_TRY(sums_of_bytes(json, len, m.sha256, err));
    *ret = m;
    m.memory = (arena){0};
    return VARVE_OK;
}

varve_status manifest_parse_list(manifest *m, const char *json, size_t len, const secret *s,
                                 const char *what, varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = NULL;
    VV_TRY(fields_parse(json, len, what, &j, err));
    fields f = fields_begin(j, what, err);
    fields_format(&f, MANIFEST_FORMAT);
    read_files(&f, m, s);
    return fields_end(&f);
}
