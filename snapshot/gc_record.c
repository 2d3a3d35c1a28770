/* gc_record.c — see gc_record.h. */
#include "gc_record.h"

#include "fields.h"

#include <string.h>

#define GC_FORMAT 1

void gc_set_init(gc_set *s) { hashmap_init(&s->keys); }
void gc_set_done(gc_set *s) { hashmap_done(&s->keys); }

bool gc_set_has(const gc_set *s, const char *key)
{
    return hashmap_get(&s->keys, key, strlen(key)) != NULL;
}

varve_status gc_set_add(gc_set *s, const char *key, varve_error *err)
{
    if (hashmap_put(&s->keys, key, strlen(key), s)) return VARVE_OK;
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for a set of keys");
}

static varve_status set_keys(json_t *j, const char *const *keys, size_t count, varve_error *err)
{
    json_t *list = json_array();
    VV_TRY(fields_set(j, "keys", list, err));
    for (size_t i = 0; i < count; i++)
        if (json_array_append_new(list, json_string(keys[i])) != 0)
            return vv_fail(err, VARVE_NO_MEMORY, "no memory for a record of a collection");
    return VARVE_OK;
}

varve_status gc_record_write(repo *r, gc_record *record, const char *const *keys, size_t count,
                             uint64_t life_ms, char ret_key[NAMES_KEY_MAX], varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = json_object();
    object_name name = {.kind = NAME_GC};
    VV_TRY(env_make_id(&r->env, record->run, err));
    record->started_ms = env_now_ms(&r->env);
    record->expires_ms = record->started_ms + life_ms;
    memcpy(name.id, record->run, sizeof name.id);
    memcpy(name.db_id, r->db_id, sizeof name.db_id);
    names_build(&name, ret_key);
    VV_TRY(fields_set(j, "format", fields_new_u64(GC_FORMAT), err));
    VV_TRY(fields_set(j, "run", json_string(record->run), err));
    VV_TRY(fields_set(j, "started_ms", fields_new_u64(record->started_ms), err));
    VV_TRY(fields_set(j, "expires_ms", fields_new_u64(record->expires_ms), err));
    VV_TRY(set_keys(j, keys, count, err));
    remote_when when = r->can.put_if_absent ? REMOTE_IF_ABSENT : REMOTE_ALWAYS;
    return repo_put_json(r, ret_key, j, GC_RECORD_BYTES_MAX, when, NULL, NULL, err);
}

static void read_keys(fields *f, gc_set *set)
{
    const json_t *list = fields_array(f, "keys", GC_RECORD_KEYS_MAX);
    for (size_t i = 0; f->status == VARVE_OK && i < json_array_size(list); i++) {
        object_name name;
        const char *key = json_string_value(json_array_get(list, i));
        if (!key || !names_parse(key, &name) || name.kind != NAME_BLOB)
            (void)fields_fail(f, "keys", "no list of blobs");
        else if (set)
            f->status = gc_set_add(set, key, f->err);
    }
}

varve_status gc_record_read(repo *r, const char *key, gc_record *ret, gc_set *set, varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = NULL;
    gc_record record = {0};
    VV_TRY(repo_read_json(r, key, GC_RECORD_BYTES_MAX, &j, NULL, err));
    fields f = fields_begin(j, key, err);
    fields_format(&f, GC_FORMAT);
    fields_id(&f, "run", record.run);
    record.started_ms = fields_u64(&f, "started_ms", INT64_MAX);
    record.expires_ms = fields_u64(&f, "expires_ms", INT64_MAX);
    read_keys(&f, set);
    VV_TRY(fields_end(&f));
    *ret = record;
    return VARVE_OK;
}

/* ---- all of them ---- */

typedef struct all {
    repo *r;
    gc_set *set;
} all;

/* One that is gone when it is read has ended: its deletes are done. */
static varve_status read_one(void *arg, const object_name *name, const char *key, uint64_t size,
                             varve_error *err)
{
    all *a = arg;
    gc_record record;
    (void)name, (void)size;
    varve_status status = gc_record_read(a->r, key, &record, a->set, err);
    return status == VARVE_NOT_FOUND ? VARVE_OK : status;
}

static varve_status read_db(void *arg, const char *db_id, varve_error *err)
{
    all *a = arg;
    return repo_list(a->r, NAME_GC, db_id, 0, read_one, a, err);
}

varve_status gc_record_read_all(repo *r, gc_set *set, varve_error *err)
{
    all a = {.r = r, .set = set};
    return repo_list_dbs(r, read_db, &a, err);
}
