/* forget.c — see forget.h. */
#include "forget.h"

#include "pins.h"
#include "snapshots.h"

#include <stdio.h>
#include <string.h>

#define READS 2 /* the way may have changed the bytes once */

typedef struct search {
    const char *id;
    bool found;
    object_name name;
} search;

static varve_status see(void *arg, const object_name *name, const char *key, uint64_t size,
                        varve_error *err)
{
    search *s = arg;
    (void)key, (void)size, (void)err;
    if (strcmp(name->id, s->id) != 0) return VARVE_OK;
    s->name = *name;
    s->found = true;
    return VARVE_OK;
}

static varve_status find(repo *r, const char *id, object_name *ret, varve_error *err)
{
    search s = {.id = id};
    VV_TRY(repo_list_all(r, NAME_SNAP, r->db_id, see, &s, err));
    if (!s.found) VV_TRY(repo_list(r, NAME_PIN, r->db_id, 0, see, &s, err));
    if (!s.found)
        return vv_fail(err, VARVE_NOT_FOUND, "database %s has no snapshot or pin %s", r->db_id, id);
    *ret = s.name;
    return VARVE_OK;
}

static varve_status read_once(repo *r, const object_name *name, const char *key, varve_error *err)
{
    VV_CLEANUP(manifest_done) manifest m = {0};
    VV_CLEANUP(pin_done) pin p = {0};
    if (name->kind == NAME_PIN) return pin_read(r, key, &p, NULL, err);
    return snapshots_load(r, name, &m, err);
}

/* VARVE_OK: it cannot be read, and never will; *why says the reason. */
static varve_status check_unreadable(repo *r, const object_name *name, const char *key,
                                     varve_error *why, varve_error *err)
{
    remote_stat_result there;
    VV_TRY(remote_stat(r->remote, key, &there, err));
    for (int i = 0; i < READS; i++) {
        varve_status status = read_once(r, name, key, why);
        if (status == VARVE_OK)
            return vv_fail(err, VARVE_CONFLICT,
                           "'%s' can be read: what goes of such, retention says", key);
        bool for_ever =
            status == VARVE_CORRUPT || status == VARVE_LIMIT || status == VARVE_NOT_FOUND;
        if (for_ever) continue;
        if (err) *err = *why;
        return status;
    }
    return VARVE_OK;
}

static varve_status put_aside(repo *r, const object_name *name, const forget_result *f,
                              varve_error *err)
{
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    size_t len = 0;
    object_name mark = *name;
    char key[NAMES_KEY_MAX];
    VV_TRY(remote_read(r->remote, f->key, PIN_BYTES_MAX, &bytes, &len, NULL, err));
    VV_TRY(remote_put(r->remote, f->copy, bytes, len, REMOTE_ALWAYS, NULL, NULL, err));
    VV_TRY(remote_delete(r->remote, f->key, err));
    if (name->kind != NAME_SNAP) return VARVE_OK;
    mark.kind = NAME_VERIFIED;
    names_build(&mark, key);
    return remote_delete(r->remote, key, err);
}

varve_status forget_run(repo *r, const char *id, bool yes, forget_result *ret, varve_error *err)
{
    object_name name;
    forget_result f = {.why = ""};
    varve_error why = {0};
    if (yes) VV_TRY(repo_check_writable(r, err));
    VV_TRY(find(r, id, &name, err));
    names_build(&name, f.key);
    snprintf(f.copy, sizeof f.copy, "forgotten/%s.json", name.id);
    VV_TRY(check_unreadable(r, &name, f.key, &why, err));
    snprintf(f.why, sizeof f.why, "%s", why.message);
    if (yes) VV_TRY(put_aside(r, &name, &f, err));
    *ret = f;
    return VARVE_OK;
}
