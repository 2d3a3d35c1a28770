/* local_note.c — snapshot.json: what a snapshot is of. People and other programs may read it; a
 * restore relies on the files alone. */
#include "local_inner.h"

#include "base/file.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NOTE_MAX     ((size_t)64 << 10)
#define NOTE_VERSION 1

static const char *const kinds[] = {"all", "database", "collection"};

varve_status local_write_note(const char *folder, const snapshot_info *info, varve_error *err)
{
    char path[LOCAL_PATH_MAX];
    json_t *note = json_pack(
        "{s:s, s:i, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "format", "varve-snapshot",
        "version", NOTE_VERSION, "made_by", varve_version(), "kind", kinds[info->kind], "database",
        info->database, "collection", info->collection, "created_ms", (json_int_t)info->created_ms,
        "sequence", (json_int_t)info->sequence, "collections", (json_int_t)info->collections,
        "rows", (json_int_t)info->rows, "deleted", (json_int_t)info->deleted, "bytes",
        (json_int_t)info->bytes);
    VV_CLEANUP(vv_freep)
    char *text = note ? json_dumps(note, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;
    json_decref(note);
    if (!text) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the note of a snapshot");
    VV_TRY(file_join(path, sizeof path, folder, LOCAL_NOTE, err));
    return file_replace(path, text, strlen(text), err);
}

/* ---- reading ------------------------------------------------------------------------------- */

static bool take_text(const json_t *note, const char *key, char *ret, size_t size)
{
    const char *text = json_string_value(json_object_get(note, key));
    return text && snprintf(ret, size, "%s", text) < (int)size;
}

static bool take_count(const json_t *note, const char *key, uint64_t *ret)
{
    const json_t *v = json_object_get(note, key);
    if (!json_is_integer(v) || json_integer_value(v) < 0) return false;
    *ret = (uint64_t)json_integer_value(v);
    return true;
}

static bool take_kind(const json_t *note, snapshot_kind *ret)
{
    const char *word = json_string_value(json_object_get(note, "kind"));
    for (unsigned i = 0; word && i < VV_COUNT(kinds); i++)
        if (strcmp(word, kinds[i]) == 0) {
            *ret = (snapshot_kind)i;
            return true;
        }
    return false;
}

static bool take_all(const json_t *note, snapshot_info *s)
{
    return take_kind(note, &s->kind) &&
           take_text(note, "database", s->database, sizeof s->database) &&
           take_text(note, "collection", s->collection, sizeof s->collection) &&
           take_count(note, "created_ms", &s->created_ms) &&
           take_count(note, "sequence", &s->sequence) &&
           take_count(note, "collections", &s->collections) && take_count(note, "rows", &s->rows) &&
           take_count(note, "deleted", &s->deleted) && take_count(note, "bytes", &s->bytes);
}

static varve_status parse_note(const json_t *note, const char *path, snapshot_info *ret,
                               varve_error *err)
{
    snapshot_info s = {.kind = SNAPSHOT_ALL};
    const char *format = json_string_value(json_object_get(note, "format"));
    uint64_t version;
    if (!format || strcmp(format, "varve-snapshot") != 0 || !take_count(note, "version", &version))
        return vv_fail(err, VARVE_CORRUPT, "%s: not the note of a snapshot", path);
    if (version > NOTE_VERSION)
        return vv_fail(err, VARVE_NEWER_FORMAT, "%s: version %llu; this reads %d", path,
                       (unsigned long long)version, NOTE_VERSION);
    if (!take_all(note, &s))
        return vv_fail(err, VARVE_CORRUPT, "%s: a member is missing or wrong", path);
    *ret = s;
    return VARVE_OK;
}

void local_take_name(const char *folder, snapshot_info *s)
{
    const char *slash = strrchr(folder, '/');
    (void)snprintf(s->name, sizeof s->name, "%s", slash ? slash + 1 : folder);
}

varve_status local_read_note(const char *folder, snapshot_info *ret, varve_error *err)
{
    char path[LOCAL_PATH_MAX];
    VV_CLEANUP(vv_freep) char *text = NULL;
    size_t len;
    VV_TRY(file_join(path, sizeof path, folder, LOCAL_NOTE, err));
    if (!file_exists(path))
        return vv_fail(err, VARVE_NOT_FOUND, "there is no snapshot at %s", folder);
    VV_TRY(file_read(path, NOTE_MAX, &text, &len, err));
    json_t *note = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    varve_status status = parse_note(note, path, ret, err);
    json_decref(note);
    if (status == VARVE_OK) local_take_name(folder, ret);
    return status;
}

varve_status local_add_bytes(const char *folder, uint64_t *bytes, varve_error *err)
{
    file_names names = {0};
    varve_status status = file_list(folder, &names, err);
    for (size_t i = 0; status == VARVE_OK && i < names.count; i++) {
        char path[LOCAL_PATH_MAX];
        struct stat s;
        status = file_join(path, sizeof path, folder, names.names[i], err);
        if (status != VARVE_OK || lstat(path, &s) != 0) continue;
        if (S_ISDIR(s.st_mode))
            status = local_add_bytes(path, bytes, err);
        else
            *bytes += (uint64_t)s.st_size;
    }
    file_names_free(&names);
    return status;
}
