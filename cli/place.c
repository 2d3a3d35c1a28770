/* place.c — see place.h. */
#include "place.h"

#include <stdlib.h>
#include <string.h>

bool place_flag(place *p, int key, const char *value)
{
    switch (key) {
    case 'd': p->database = value; return true;
    case 'c': p->collection = value; return true;
    case FLAG_API_KEY: p->api_key = value; return true;
    default: return false;
    }
}

int place_read(const verb *v, int argc, char **argv, place *p)
{
    flag_reader flags;
    const char *value;
    int key;
    flags_start(&flags, v, argc, argv);
    while ((key = flags_next(&flags, &value)) >= 0)
        if (!place_flag(p, key, value)) return VERB_USAGE; /* said already */
    p->where = argv[flags_rest()];
    return VERB_OK;
}

int place_refuse_more(const verb *v, int argc, char **argv, int wanted)
{
    int at = flags_rest() + wanted;
    return at < argc ? verb_usage(v, "'%s' is one too many", argv[at]) : VERB_OK;
}

bool place_is_url(const place *p)
{
    return strncmp(p->where, "http://", 7) == 0 || strncmp(p->where, "https://", 8) == 0;
}

int place_check(const verb *v, place *p, bool needs_collection)
{
    if (!p->where || !*p->where) return verb_usage(v, "name a folder or a URL");
    if (needs_collection && !p->collection) return verb_usage(v, "name a --collection");
    if (!p->api_key) p->api_key = getenv("VARVE_API_KEY");
    return VERB_OK;
}

varve_status folder_open(const place *p, folder_use use, folder_session *ret, varve_error *err)
{
    varve_options options;
    varve_options_init(&options);
    options.read_only = use == FOLDER_READ;
    options.must_exist = use != FOLDER_CREATE;
    options.compactor_path = p->compactor_path;
    options.compact_nice = 0; /* somebody waits for it, and may have said nice to the command */
    *ret = (folder_session){0};
    return varve_open(p->where, &options, &ret->db, err);
}

varve_status folder_open_collection(const place *p, folder_use use, folder_session *ret,
                                    varve_error *err)
{
    VV_TRY(folder_open(p, use, ret, err));
    varve_status status =
        varve_collection_open(ret->db, p->database, p->collection, &ret->collection, err);
    if (status != VARVE_OK) folder_done(ret);
    return status;
}

varve_status folder_close(folder_session *s, varve_error *err)
{
    varve *db = s->db;
    varve_collection_release(s->collection);
    *s = (folder_session){0};
    return db ? varve_close(db, err) : VARVE_OK;
}

void folder_done(folder_session *s)
{
    varve_collection_release(s->collection);
    if (s->db) varve_abandon(s->db);
    *s = (folder_session){0};
}
