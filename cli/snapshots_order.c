/* snapshots_order.c — see snapshots_order.h. */
#include "snapshots_order.h"

#include "base/clock.h"
#include "base/file.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool take_flag(snapshots_order *o, int key, const char *value)
{
    switch (key) {
    case FLAG_ROOT: o->root = value; return true;
    case FLAG_JSON: o->json = true; return true;
    case FLAG_AS: o->as = value; return true;
    case FLAG_TO_DATABASE: o->to_database = value; return true;
    case FLAG_TO: o->to_folder = value; return true;
    case FLAG_OVERWRITE: o->overwrite = true; return true;
    case FLAG_UNVERIFIED: o->unverified = true; return true;
    default: return place_flag(&o->at, key, value);
    }
}

int snapshots_read(const verb *v, int argc, char **argv, snapshots_order *ret, bool needs_name)
{
    flag_reader flags;
    const char *value;
    int key;
    flags_start(&flags, v, argc, argv);
    while ((key = flags_next(&flags, &value)) >= 0)
        if (!take_flag(ret, key, value)) return VERB_USAGE; /* FLAG_BAD */
    int at = flags_rest();
    ret->at.where = argv[at];
    int code = place_check(v, &ret->at, false);
    if (code != VERB_OK) return code;
    if (needs_name) ret->name = argv[at + 1];
    if (needs_name && !ret->name) return verb_usage(v, "name a snapshot");
    code = place_refuse_more(v, argc, argv, needs_name ? 2 : 1);
    if (code != VERB_OK || !needs_name || place_is_url(&ret->at)) return code;
    if (snapshot_name_is_valid(ret->name)) return VERB_OK;
    return verb_usage(v, "'%s' is no name of a snapshot: 1 to 128 of A-Z a-z 0-9 . _ -", ret->name);
}

int snapshots_refuse_url(const verb *v, const snapshots_order *o)
{
    if (!place_is_url(&o->at)) return VERB_OK;
    return verb_usage(v, "name the folder: this works beside a running server");
}

varve_status snapshots_root(const snapshots_order *o, char ret[SNAPSHOTS_PATH_MAX],
                            varve_error *err)
{
    if (!o->root) return file_join(ret, SNAPSHOTS_PATH_MAX, o->at.where, "snapshots", err);
    if (snprintf(ret, SNAPSHOTS_PATH_MAX, "%s", o->root) < SNAPSHOTS_PATH_MAX) return VARVE_OK;
    return vv_fail(err, VARVE_LIMIT, "the path of the snapshots is too long");
}

varve_status snapshots_path(const snapshots_order *o, char ret[SNAPSHOTS_PATH_MAX],
                            varve_error *err)
{
    char root[SNAPSHOTS_PATH_MAX];
    VV_TRY(snapshots_root(o, root, err));
    return file_join(ret, SNAPSHOTS_PATH_MAX, root, o->name, err);
}

varve_status snapshots_owned(varve_status status, const char *action, varve_error *err)
{
    if (status != VARVE_LOCKED) return status;
    varve_error owner = *err;
    return vv_fail(err, VARVE_LOCKED, "%.400s; use its server: varve %s URL", owner.message,
                   action);
}

/* ---- what there is ---- */

static const char *kind_word(snapshot_kind kind)
{
    static const char *const words[] = {[SNAPSHOT_ALL] = "all",
                                        [SNAPSHOT_DATABASE] = "database",
                                        [SNAPSHOT_COLLECTION] = "collection"};
    return words[kind];
}

static void show_json(const snapshot_info *s)
{
    json_t *j = json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I}", "name", s->name, "kind",
                          kind_word(s->kind), "database", s->database, "collection", s->collection,
                          "created_unix_ms", (json_int_t)s->created_ms, "collections",
                          (json_int_t)s->collections, "rows", (json_int_t)s->rows, "deleted",
                          (json_int_t)s->deleted, "bytes", (json_int_t)s->bytes);
    VV_CLEANUP(vv_freep) char *text = json_dumps(j, JSON_COMPACT);
    puts(text ? text : "{}");
    json_decref(j);
}

void snapshots_show_heading(void)
{
    printf("%-24s %-24s %-28s %11s %12s %14s\n", "snapshot", "created", "of", "collections", "rows",
           "bytes");
}

void snapshots_show(const snapshot_info *s, bool json)
{
    char time[32], of[280];
    if (json) {
        show_json(s);
        return;
    }
    clock_wall_text(s->created_ms, time, sizeof time);
    snprintf(of, sizeof of, "%s%s%s", *s->database ? s->database : "everything",
             *s->collection ? "/" : "", s->collection);
    printf("%-24s %-24s %-28s %11llu %12llu %14llu\n", s->name, time, of,
           (unsigned long long)s->collections, (unsigned long long)s->rows,
           (unsigned long long)s->bytes);
}
