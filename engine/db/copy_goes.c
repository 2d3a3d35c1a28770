/* copy_goes.c — what leaves the catalogue in a copy's commit: collections that have the targets'
 * names, and, where a database is to hold nothing else, all others of it; see copy.h. */
#include "db/copy.h"

#include <stdlib.h>

void copy_goes_done(copy_goes *g)
{
    for (size_t i = 0; i < g->count; i++) {
        varve_collection_release(g->all[i].c);
        child_list_done(&g->all[i].fields);
    }
    free(g->all);
    *g = (copy_goes){0};
}

/* Takes the reference over. */
static varve_status add(copy_goes *g, varve_collection *c, varve_error *err)
{
    if (g->count == g->capacity) {
        size_t capacity = g->capacity ? 2 * g->capacity : 8;
        copy_going *bigger = realloc(g->all, capacity * sizeof *bigger);
        if (!bigger) varve_collection_release(c);
        if (!bigger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a copy");
        g->all = bigger;
        g->capacity = capacity;
    }
    g->all[g->count++] = (copy_going){.c = c};
    return VARVE_OK;
}

static bool goes(const copy *k, const varve_collection *c)
{
    const char *whole = k->options.whole_database;
    if (c->inner) return false;
    if (whole && strcmp(c->database, whole) == 0) return true;
    for (size_t i = 0; i < k->count; i++) {
        const copied *to = &k->all[i];
        if (!to->inner && strcmp(to->database, c->database) == 0 && strcmp(to->name, c->name) == 0)
            return true;
    }
    return false;
}

static varve_status list_targets(const copy *k, copy_goes *g, varve_error *err)
{
    for (size_t i = 0; i < k->count; i++) {
        char key[CATALOG_NAME_KEY_MAX];
        const copied *c = &k->all[i];
        if (c->inner) continue;
        varve_collection *there =
            hashmap_get(&k->to->collections, key, catalog_map_key(c->database, c->name, key));
        if (there) VV_TRY(add(g, collection_ref(there), err));
    }
    return VARVE_OK;
}

static varve_status list_all(const copy *k, copy_goes *g, varve_error *err)
{
    size_t at = 0;
    hashmap_slot *slot;
    while ((slot = hashmap_next(&k->to->collections, &at)))
        if (goes(k, slot->value)) VV_TRY(add(g, collection_ref(slot->value), err));
    return VARVE_OK;
}

static int by_address(const void *a, const void *b)
{
    const varve_collection *x = ((const copy_going *)a)->c, *y = ((const copy_going *)b)->c;
    return x < y ? -1 : x > y;
}

/* In an order of its own, so that two lists can be compared. */
static varve_status list(const copy *k, copy_goes *g, varve_error *err)
{
    pthread_rwlock_rdlock(&k->to->catalog_lock);
    varve_status status = k->options.whole_database ? list_all(k, g, err) : list_targets(k, g, err);
    pthread_rwlock_unlock(&k->to->catalog_lock);
    if (g->count) qsort(g->all, g->count, sizeof *g->all, by_address);
    return status;
}

varve_status copy_goes_find(copy *k, varve_error *err)
{
    varve_error ignored;
    copy_goes_done(&k->goes);
    VV_TRY(list(k, &k->goes, err));
    if (k->goes.count && !k->options.overwrite)
        return vv_fail(err, VARVE_EXISTS, "Collection already exists: %s", k->goes.all[0].c->name);
    /* Loaded first, so that the folder's totals stay right; one that cannot be loaded goes too. */
    for (size_t i = 0; i < k->goes.count; i++) {
        varve_status status = collection_ready(k->goes.all[i].c, &ignored);
        (void)status;
        VV_TRY(children_take(k->goes.all[i].c, &k->goes.all[i].fields, err));
    }
    return VARVE_OK;
}

varve_status copy_goes_check(const copy *k, bool *ret_same, varve_error *err)
{
    VV_CLEANUP(copy_goes_done) copy_goes now = {0};
    VV_TRY(list(k, &now, err));
    bool same = now.count == k->goes.count;
    for (size_t i = 0; same && i < now.count; i++)
        same =
            now.all[i].c == k->goes.all[i].c && children_are(now.all[i].c, &k->goes.all[i].fields);
    *ret_same = same;
    return VARVE_OK;
}
