/* obsolete.c — see obsolete.h. */
#include "db/obsolete.h"

#include "base/file.h"
#include "db/manifest_files.h"

#include <stdlib.h>

typedef struct noting {
    obsolete_files *o;
    store *s;
} noting;

static varve_status add(obsolete_files *o, varve_text key, const char *path, varve_error *err)
{
    if (o->count == o->capacity) {
        size_t capacity = o->capacity ? 2 * o->capacity : 16;
        obsolete_file *bigger = realloc(o->all, capacity * sizeof *bigger);
        if (!bigger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a batch of the log");
        o->all = bigger;
        o->capacity = capacity;
    }
    obsolete_file *f = &o->all[o->count];
    *f = (obsolete_file){.key_len = key.len, .path = strdup(path)};
    if (!f->path) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a batch of the log");
    memcpy(f->key, key.data, key.len);
    o->count++;
    return VARVE_OK;
}

static varve_status note_named(noting *n, varve_text key, varve_text value, varve_error *err)
{
    char name[MANIFEST_PATH_MAX], path[MANIFEST_PATH_MAX];
    manifest_file file;
    bool is;
    if (key.len > sizeof n->o->all->key) return VARVE_OK; /* names no file */
    VV_TRY(manifest_file_of(key, value, &is, &file, name, path, err));
    return is ? add(n->o, key, path, err) : VARVE_OK;
}

static varve_status note_key(noting *n, varve_text key, varve_error *err)
{
    VV_CLEANUP(store_value_done) store_value v = {0};
    VV_TRY(store_get(n->s, STORE_CATALOG, key.data, key.len, &v, err));
    return v.data ? note_named(n, key, (varve_text){v.data, v.len}, err) : VARVE_OK;
}

static varve_status note_range(noting *n, varve_text from, varve_text to, varve_error *err)
{
    VV_CLEANUP(store_iter_freep) store_iter *i = NULL;
    varve_text key, value;
    VV_TRY(store_iter_new(n->s, STORE_CATALOG, from.data, from.len, to.data, to.len, &i, err));
    for (; store_iter_at(i, &key, &value); store_iter_next(i))
        VV_TRY(note_named(n, key, value, err));
    return store_iter_check(i, err);
}

static varve_status note_record(void *arg, const log_record *r, varve_error *err)
{
    if (r->kind == LOG_NOTE || r->family != STORE_CATALOG) return VARVE_OK;
    return r->kind == LOG_DELETE_RANGE ? note_range(arg, r->key, r->value, err)
                                       : note_key(arg, r->key, err);
}

varve_status obsolete_note(obsolete_files *o, store *s, const void *bytes, size_t len,
                           varve_error *err)
{
    noting n = {o, s};
    log_head head;
    return log_batch_walk(bytes, len, note_record, &n, &head, err);
}

/* Does the record still name the file? */
static varve_status is_named(const varve *db, const obsolete_file *f, bool *ret, varve_error *err)
{
    char name[MANIFEST_PATH_MAX], path[MANIFEST_PATH_MAX];
    manifest_file file;
    VV_CLEANUP(store_value_done) store_value v = {0};
    VV_TRY(store_get(db->store, STORE_CATALOG, f->key, f->key_len, &v, err));
    *ret = v.data != NULL;
    if (!v.data) return VARVE_OK;
    const varve_text key = {(const char *)f->key, f->key_len}, value = {v.data, v.len};
    VV_TRY(manifest_file_of(key, value, ret, &file, name, path, err));
    *ret = *ret && strcmp(path, f->path) == 0;
    return VARVE_OK;
}

varve_status obsolete_remove(obsolete_files *o, const varve *db, varve_error *err)
{
    char path[DB_PATH_MAX];
    bool named;
    varve_error ignored;
    for (size_t i = 0; i < o->count; i++) {
        VV_TRY(is_named(db, &o->all[i], &named, err));
        if (named) continue;
        VV_TRY(db_path(db, o->all[i].path, path, err));
        varve_status status = file_unlink(path, &ignored);
        (void)status; /* what stays is swept at close */
    }
    obsolete_done(o);
    return VARVE_OK;
}

void obsolete_done(obsolete_files *o)
{
    for (size_t i = 0; i < o->count; i++)
        free(o->all[i].path);
    free(o->all);
    *o = (obsolete_files){0};
}
