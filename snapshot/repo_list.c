/* repo_list.c — names of a repository; see repo.h. Databases and timelines are found by asking for
 * the first key behind the last one found, so that what lies in them is not listed. */
#include "repo.h"

#include <stdio.h>
#include <string.h>

typedef struct walk {
    name_kind kind;
    repo_each_name each;
    void *arg;
} walk;

static varve_status pass(void *arg, const char *key, uint64_t size, varve_error *err)
{
    const walk *w = arg;
    object_name name;
    if (!names_parse(key, &name) || name.kind != w->kind) return VARVE_OK;
    return w->each(w->arg, &name, key, size, err);
}

varve_status repo_list(repo *r, name_kind kind, const char *db_id, uint32_t timeline,
                       repo_each_name each, void *arg, varve_error *err)
{
    walk w = {.kind = kind, .each = each, .arg = arg};
    char prefix[NAMES_KEY_MAX];
    names_prefix(kind, db_id, timeline, prefix);
    return remote_list(r->remote, prefix, NULL, pass, &w, err);
}

/* ---- folders ---- */

typedef struct first_key {
    bool found;
    char key[REMOTE_KEY_MAX + 1];
} first_key;

static varve_status take_first(void *arg, const char *key, uint64_t size, varve_error *err)
{
    first_key *f = arg;
    (void)size;
    f->found = true;
    snprintf(f->key, sizeof f->key, "%s", key);
    return vv_fail(err, VARVE_CANCELLED, "enough"); /* ends the list; seen by first_after alone */
}

static varve_status first_after(repo *r, const char *prefix, const char *after, first_key *ret,
                                varve_error *err)
{
    ret->found = false;
    varve_status status =
        remote_list(r->remote, prefix, *after ? after : NULL, take_first, ret, err);
    return ret->found && status == VARVE_CANCELLED ? VARVE_OK : status;
}

typedef varve_status (*each_folder)(void *arg, const char *part, varve_error *err);

/* The parts between `prefix` and the next slash. '0' follows '/': <part>0 lies behind all of it. */
static varve_status list_folders(repo *r, const char *prefix, size_t part_len, each_folder each,
                                 void *arg, varve_error *err)
{
    first_key first;
    char after[REMOTE_KEY_MAX + NAMES_ID_SIZE + 2] = "", part[NAMES_ID_SIZE];
    for (;;) {
        VV_TRY(first_after(r, prefix, after, &first, err));
        if (!first.found) return VARVE_OK;
        const char *begin = first.key + strlen(prefix), *slash = strchr(begin, '/');
        bool fits = slash && (size_t)(slash - begin) == part_len;
        if (!fits) memcpy(after, first.key, sizeof first.key);
        if (!fits) continue;
        memcpy(part, begin, part_len);
        part[part_len] = 0;
        snprintf(after, sizeof after, "%.*s%s0", REMOTE_KEY_MAX, prefix, part);
        VV_TRY(each(arg, part, err));
    }
}

typedef struct db_walk {
    repo_each_db each;
    void *arg;
} db_walk;

static varve_status pass_db(void *arg, const char *part, varve_error *err)
{
    const db_walk *w = arg;
    return names_is_id(part) ? w->each(w->arg, part, err) : VARVE_OK;
}

varve_status repo_list_dbs(repo *r, repo_each_db each, void *arg, varve_error *err)
{
    db_walk w = {.each = each, .arg = arg};
    return list_folders(r, "db/", NAMES_ID_SIZE - 1, pass_db, &w, err);
}

typedef struct timeline_walk {
    repo *r;
    walk objects;
    const char *db_id;
} timeline_walk;

static varve_status pass_timeline(void *arg, const char *part, varve_error *err)
{
    timeline_walk *w = arg;
    object_name name;
    char key[NAMES_KEY_MAX];
    snprintf(key, sizeof key, "db/%s/tl/%s/HISTORY.json", w->db_id, part);
    if (!names_parse(key, &name)) return VARVE_OK;
    return repo_list(w->r, w->objects.kind, w->db_id, name.timeline, w->objects.each,
                     w->objects.arg, err);
}

varve_status repo_list_all(repo *r, name_kind kind, const char *db_id, repo_each_name each,
                           void *arg, varve_error *err)
{
    timeline_walk w = {.r = r, .objects = {.kind = kind, .each = each, .arg = arg}, .db_id = db_id};
    char prefix[NAMES_KEY_MAX];
    names_prefix(NAME_HISTORY, db_id, 0, prefix);
    return list_folders(r, prefix, 8, pass_timeline, &w, err);
}
