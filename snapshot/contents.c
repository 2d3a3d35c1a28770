/* contents.c — see contents.h: reading a folder. */
#include "contents.h"

#include "golden.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY_MAX       ((size_t)64 << 20)
#define GOLDEN_BYTES_MAX ((size_t)4 << 20) /* of queries, all together; a third more as base64 */

static void names_freep(varve_names **names) { varve_names_free(*names); }
static void collection_freep(varve_collection **c) { varve_collection_release(*c); }

static void close_dbp(varve **db)
{
    varve_status ignored = *db ? varve_close(*db, NULL) : VARVE_OK;
    (void)ignored;
}

void contents_done(contents *c)
{
    free(c->items);
    arena_done(&c->memory);
    *c = (contents){0};
}

static varve_status make_room(contents *all, manifest_collection **ret, varve_error *err)
{
    if (all->count == all->room) {
        size_t room = all->room ? all->room * 2 : 16;
        manifest_collection *items = realloc(all->items, room * sizeof *items);
        if (!items) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the names of collections");
        all->items = items;
        all->room = room;
    }
    *ret = &all->items[all->count];
    **ret = (manifest_collection){0};
    return VARVE_OK;
}

static varve_status copy_name(contents *all, const char *name, const char **ret, varve_error *err)
{
    varve_text text;
    VV_TRY(arena_text(&all->memory, name, strlen(name), &text, err));
    *ret = text.data;
    return VARVE_OK;
}

/* How many golden searches there may be of a collection of this dimension. */
static varve_status choose_picks(const contents *all, const contents_options *o,
                                 varve_collection *c, size_t dim, size_t *ret, varve_error *err)
{
    bool wanted = false;
    size_t count = VV_MIN(o->golden ? o->golden : (size_t)GOLDEN_COUNT,
                          (size_t)VV_MIN(DIGEST_PICKS_MAX, MANIFEST_GOLDEN_MAX));
    VV_TRY(golden_wanted(c, &wanted, err));
    *ret = wanted && !o->no_golden &&
                   all->golden_bytes + count * dim * sizeof(float) <= GOLDEN_BYTES_MAX
               ? count
               : 0;
    return VARVE_OK;
}

static varve_status add_digest(contents *all, const contents_options *o, varve_collection *c,
                               size_t dim, manifest_collection *m, varve_error *err)
{
    VV_CLEANUP(digest_rows_done) digest_rows rows = {0};
    digest_options options = {.threads = o->threads, .cancel = o->cancel};
    VV_TRY(choose_picks(all, o, c, dim, &options.picks, err));
    VV_TRY(digest_collection(c, &options, &rows, err));
    if (rows.rows != m->rows)
        return vv_fail(err, VARVE_CORRUPT, "collection %s/%s has %llu rows, and counts %llu",
                       m->database, m->name, (unsigned long long)rows.rows,
                       (unsigned long long)m->rows);
    memcpy(m->digest, rows.sum, SUMS_BYTES);
    m->has_digest = true;
    VV_TRY(digest_schema(c, m->schema_sha256, err));
    m->has_schema = true;
    all->golden_bytes += rows.pick_count * dim * sizeof(float);
    return golden_make(c, &rows, &all->memory, &m->golden, &m->golden_count, err);
}

static varve_status add(contents *all, const contents_options *o, varve_collection *c,
                        varve_error *err)
{
    varve_collection_stats s;
    manifest_collection *m;
    VV_TRY(varve_collection_get_stats(c, &s, err));
    VV_TRY(make_room(all, &m, err));
    m->id = s.id;
    m->rows = s.rows_live;
    m->deleted = s.rows_deleted;
    VV_TRY(copy_name(all, s.database, &m->database, err));
    VV_TRY(copy_name(all, s.name, &m->name, err));
    bool small = !o->bytes_max || s.segment_bytes <= o->bytes_max;
    if (!o->no_digests && small) VV_TRY(add_digest(all, o, c, s.dim, m, err));
    all->count++;
    return VARVE_OK;
}

static varve_status read_database(varve *db, const char *database, const contents_options *o,
                                  contents *all, varve_error *err)
{
    VV_CLEANUP(names_freep) varve_names *names = NULL;
    VV_TRY(varve_collection_list(db, database, &names, err));
    for (size_t i = 0; i < varve_names_count(names); i++) {
        VV_CLEANUP(collection_freep) varve_collection *c = NULL;
        VV_TRY(varve_collection_open(db, database, varve_names_get(names, i), &c, err));
        VV_TRY(add(all, o, c, err));
    }
    return VARVE_OK;
}

varve_status contents_read(const char *folder, const contents_options *options, contents *ret,
                           varve_error *err)
{
    VV_CLEANUP(close_dbp) varve *db = NULL;
    VV_CLEANUP(names_freep) varve_names *databases = NULL;
    VV_CLEANUP(contents_done) contents all = {0};
    const contents_options defaults = {0};
    varve_options reading;
    arena_init(&all.memory, MEMORY_MAX, "what the collections hold");
    contents_reading(&reading);
    VV_TRY(varve_open(folder, &reading, &db, err));
    VV_TRY(varve_database_list(db, &databases, err));
    for (size_t i = 0; i < varve_names_count(databases); i++)
        VV_TRY(read_database(db, varve_names_get(databases, i), options ? options : &defaults, &all,
                             err));
    *ret = all;
    all = (contents){0};
    return VARVE_OK;
}
