/* sweep.c — at open, whatever the manifest does not name is a leftover of a crash: temporary files,
 * whole segments whose batch was never written, files of dropped collections, the desks of sessions
 * that never came to their commit point. */
#include "base/bytes.h"
#include "base/file.h"
#include "db/catalog.h"

#include <stdlib.h>

/* All (collection, segment) pairs of the manifest, sorted as they come out of the store. */
typedef struct live_segments {
    struct {
        uint32_t cid;
        uint64_t number;
    } * all;
    size_t count, capacity;
} live_segments;

static varve_status live_add(live_segments *l, uint32_t cid, uint64_t number, varve_error *err)
{
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 64;
        void *bigger = realloc(l->all, capacity * sizeof *l->all);
        if (!bigger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the manifest");
        l->all = bigger;
        l->capacity = capacity;
    }
    l->all[l->count].cid = cid;
    l->all[l->count++].number = number;
    return VARVE_OK;
}

static varve_status live_collect(varve *db, live_segments *l, varve_error *err)
{
    VV_CLEANUP(store_iter_freep) store_iter *i = NULL;
    varve_text key, value;
    VV_TRY(store_iter_new(db->store, STORE_CATALOG, "s", 1, "t", 1, &i, err));
    for (; store_iter_at(i, &key, &value); store_iter_next(i)) {
        if (key.len != CATALOG_SEGMENT_KEY_BYTES)
            return vv_fail(err, VARVE_CORRUPT, "a segment record has a malformed key");
        VV_TRY(live_add(l, get_be32(key.data + 1), get_be64(key.data + 5), err));
    }
    return store_iter_check(i, err);
}

static bool live_has(const live_segments *l, uint32_t cid, uint64_t number)
{
    size_t low = 0, high = l->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        bool before = l->all[middle].cid < cid ||
                      (l->all[middle].cid == cid && l->all[middle].number < number);
        if (before) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < l->count && l->all[low].cid == cid && l->all[low].number == number;
}

static varve_status sweep_collection(const char *directory, uint32_t cid, const live_segments *l,
                                     size_t *ret_kept, varve_error *err)
{
    file_names names = {0};
    VV_TRY(file_list(directory, &names, err));
    varve_status status = VARVE_OK;
    *ret_kept = 0;
    for (size_t i = 0; i < names.count && status == VARVE_OK; i++) {
        char path[DB_PATH_MAX], again[64];
        uint64_t number = strtoull(names.names[i], NULL, 10);
        snprintf(again, sizeof again, "%llu.seg", (unsigned long long)number);
        if (strcmp(again, names.names[i]) == 0 && live_has(l, cid, number)) {
            ++*ret_kept;
            continue;
        }
        status = file_join(path, sizeof path, directory, names.names[i], err);
        if (status == VARVE_OK) status = file_unlink(path, err);
    }
    file_names_free(&names);
    return status;
}

static varve_status sweep_segments(varve *db, const live_segments *l, varve_error *err)
{
    char root[DB_PATH_MAX], path[DB_PATH_MAX], again[32];
    file_names names = {0};
    VV_TRY(db_path(db, "segments", root, err));
    VV_TRY(file_list(root, &names, err));
    varve_status status = VARVE_OK;
    for (size_t i = 0; i < names.count && status == VARVE_OK; i++) {
        unsigned long cid = strtoul(names.names[i], NULL, 10);
        size_t kept = 0;
        snprintf(again, sizeof again, "%lu", cid);
        status = file_join(path, sizeof path, root, names.names[i], err);
        if (status == VARVE_OK && strcmp(again, names.names[i]) == 0)
            status = sweep_collection(path, (uint32_t)cid, l, &kept, err);
        if (status == VARVE_OK && kept == 0) status = file_remove_tree(path, err);
    }
    file_names_free(&names);
    return status;
}

varve_status sweep_files(varve *db, varve_error *err)
{
    char work[DB_PATH_MAX];
    live_segments l = {0};
    varve_status status = live_collect(db, &l, err);
    if (status == VARVE_OK) status = sweep_segments(db, &l, err);
    free(l.all);
    VV_TRY(status);
    VV_TRY(db_path(db, "work", work, err));
    VV_TRY(file_remove_tree(work, err));
    return file_make_dir(work, err);
}
