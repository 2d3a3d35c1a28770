/* backup_state.c — see backup_state.h. */
#include "backup_state.h"

#include "base/file.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE_FORMAT    1
#define STATE_BYTES_MAX 16384
#define STATE_PATH_MAX  4096

void backup_state_init(backup_state *s) { *s = (backup_state){.scheduler = true}; }

void backup_state_bind(backup_state *s, const char *repo_id)
{
    if (strcmp(s->repo_id, repo_id) == 0) return;
    bool same = !*s->repo_id; /* failures before it was ever reached stay */
    backup_state fresh = {.scheduler = s->scheduler,
                          .notified_ms = s->notified_ms,
                          .failures = same ? s->failures : 0,
                          .consecutive_failures = same ? s->consecutive_failures : 0,
                          .last_failure = s->last_failure};
    (void)snprintf(fresh.repo_id, sizeof fresh.repo_id, "%s", repo_id);
    *s = fresh;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* false as soon as one member was missing or wrong. */
typedef struct reader {
    const json_t *from;
    bool well;
} reader;

static uint64_t number(reader *r, const char *key)
{
    const json_t *value = json_object_get(r->from, key);
    r->well = r->well && json_is_integer(value) && json_integer_value(value) >= 0;
    return r->well ? (uint64_t)json_integer_value(value) : 0;
}

static bool yes_or_no(reader *r, const char *key)
{
    const json_t *value = json_object_get(r->from, key);
    r->well = r->well && json_is_boolean(value);
    return json_is_true(value);
}

static void text(reader *r, const char *key, char *ret, size_t size)
{
    const char *value = json_string_value(json_object_get(r->from, key));
    r->well = r->well && value && strlen(value) < size;
    if (r->well) (void)snprintf(ret, size, "%s", value);
}

static void id(reader *r, const char *key, char ret[NAMES_ID_SIZE])
{
    text(r, key, ret, NAMES_ID_SIZE);
    r->well = r->well && (!*ret || names_is_id(ret));
}

static bool read_members(const json_t *root, backup_state *s)
{
    reader r = {root, json_is_object(root)};
    r.well = r.well && number(&r, "format") == STATE_FORMAT;
    id(&r, "repo_id", s->repo_id);
    s->scheduler = yes_or_no(&r, "scheduler");
    s->notified_ms = number(&r, "notified_ms");
    s->backups = number(&r, "backups");
    s->failures = number(&r, "failures");
    s->consecutive_failures = number(&r, "consecutive_failures");
    s->deltas_since_full = number(&r, "deltas_since_full");
    s->bytes_stored = number(&r, "bytes_stored");
    s->last_prune_ms = number(&r, "last_prune_ms");
    r.from = json_object_get(root, "last_ok");
    s->last_ok.ms = number(&r, "ms");
    id(&r, "snapshot", s->last_ok.snapshot);
    s->last_ok.full = yes_or_no(&r, "full");
    s->last_ok.lsn = number(&r, "lsn");
    s->last_ok.took_ms = number(&r, "took_ms");
    s->last_ok.bytes_stored = number(&r, "bytes_stored");
    s->last_ok.files_stored = number(&r, "files_stored");
    r.from = json_object_get(root, "last_failure");
    s->last_failure.ms = number(&r, "ms");
    text(&r, "status", s->last_failure.status, sizeof s->last_failure.status);
    text(&r, "message", s->last_failure.message, sizeof s->last_failure.message);
    return r.well;
}

varve_status backup_state_parse(const char *json, size_t len, backup_state *ret, varve_error *err)
{
    backup_state s = {0};
    json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
    bool well = root && read_members(root, &s);
    json_decref(root);
    if (!well) return vv_fail(err, VARVE_CORRUPT, "the state of backups is not what we wrote");
    *ret = s;
    return VARVE_OK;
}

varve_status backup_state_write(const backup_state *s, char **ret_text, varve_error *err)
{
    json_t *ok = json_pack("{s:I,s:s,s:b,s:I,s:I,s:I,s:I}", "ms", (json_int_t)s->last_ok.ms,
                           "snapshot", s->last_ok.snapshot, "full", s->last_ok.full, "lsn",
                           (json_int_t)s->last_ok.lsn, "took_ms", (json_int_t)s->last_ok.took_ms,
                           "bytes_stored", (json_int_t)s->last_ok.bytes_stored, "files_stored",
                           (json_int_t)s->last_ok.files_stored);
    json_t *failure = json_pack("{s:I,s:s,s:s}", "ms", (json_int_t)s->last_failure.ms, "status",
                                s->last_failure.status, "message", s->last_failure.message);
    json_t *root = json_pack(
        "{s:i,s:s,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o}", "format", STATE_FORMAT, "repo_id",
        s->repo_id, "scheduler", s->scheduler, "notified_ms", (json_int_t)s->notified_ms, "backups",
        (json_int_t)s->backups, "failures", (json_int_t)s->failures, "consecutive_failures",
        (json_int_t)s->consecutive_failures, "deltas_since_full", (json_int_t)s->deltas_since_full,
        "bytes_stored", (json_int_t)s->bytes_stored, "last_prune_ms", (json_int_t)s->last_prune_ms,
        "last_ok", ok, "last_failure", failure);
    char *out = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
    json_decref(root);
    if (!out) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the state of backups");
    *ret_text = out;
    return VARVE_OK;
}

/* ---- file ------------------------------------------------------------------------------------ */

varve_status backup_state_load(const char *folder, backup_state *ret, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *json = NULL;
    char path[STATE_PATH_MAX];
    size_t len = 0;
    VV_TRY(backup_path(folder, "server.json", path, sizeof path, err));
    VV_TRY(file_read(path, STATE_BYTES_MAX, &json, &len, err));
    return backup_state_parse(json, len, ret, err);
}

varve_status backup_state_save(const char *folder, const backup_state *s, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *json = NULL;
    char path[STATE_PATH_MAX];
    VV_TRY(backup_state_write(s, &json, err));
    VV_TRY(backup_path(folder, NULL, path, sizeof path, err));
    VV_TRY(file_make_dir(path, err));
    VV_TRY(backup_path(folder, "server.json", path, sizeof path, err));
    return file_replace(path, json, strlen(json), err);
}
