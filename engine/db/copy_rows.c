/* copy_rows.c — rows of a copy: from the source's families, with the new number in their keys, to
 * one sorted file per family, which the row store then takes in; see copy.h. */
#include "base/bytes.h"
#include "base/file.h"
#include "db/copy.h"

#include <stdlib.h>

#define ROWS_BETWEEN_LOOKS 4096

const store_family copy_families[COPY_FAMILIES] = {STORE_ROWS, STORE_FRESH, STORE_DEAD,
                                                   STORE_BLOBS};
static const char *const file_names_of[COPY_FAMILIES] = {"rows.sst", "fresh.sst", "dead.sst",
                                                         "blobs.sst"};

static varve_status count_row(copy *k, const copied *c, varve_text value, varve_error *err)
{
    row_current row;
    if (c->inner) return VARVE_OK;
    if (!row_current_get(value.data, value.len, &row))
        return vv_fail(err, VARVE_CORRUPT, "a row record of collection %s is malformed", c->name);
    k->info.rows += !row.deleted;
    k->info.deleted += row.deleted;
    return VARVE_OK;
}

static varve_status add_row(copy *k, size_t family, const copied *c, varve_text key,
                            varve_text value, buffer *out, varve_error *err)
{
    uint8_t id[4];
    put_be32(id, c->id);
    buffer_clear(out);
    VV_TRY(buffer_add(out, id, sizeof id, err));
    VV_TRY(buffer_add(out, key.data + 4, key.len - 4, err));
    k->has_sorted[family] = true;
    k->info.bytes_copied += key.len + value.len;
    return store_sst_put(k->sorted, out->data, out->len, value.data, value.len, err);
}

static varve_status add_rows(copy *k, size_t family, const copied *c, varve_error *err)
{
    uint8_t from[4], to[4];
    VV_CLEANUP(store_iter_freep) store_iter *i = NULL;
    VV_CLEANUP(buffer_done) buffer out;
    varve_text key, value;
    buffer_init(&out, SIZE_MAX / 2, "row key");
    put_be32(from, c->from);
    put_be32(to, c->from + 1);
    VV_TRY(
        store_iter_new_at(k->from->store, k->at, copy_families[family], from, 4, to, 4, &i, err));
    for (uint64_t n = 0; store_iter_at(i, &key, &value); store_iter_next(i), n++) {
        if (n % ROWS_BETWEEN_LOOKS == 0) VV_TRY(copy_check_cancelled(k, err));
        if (copy_families[family] == STORE_ROWS) VV_TRY(count_row(k, c, value, err));
        VV_TRY(add_row(k, family, c, key, value, &out, err));
    }
    return store_iter_check(i, err);
}

/* The new numbers ascend, so one file takes all collections one after the other. */
static varve_status write_family(copy *k, size_t family, varve_error *err)
{
    char path[DB_PATH_MAX];
    VV_TRY(copy_desk(k, file_names_of[family], path, err));
    VV_TRY(store_sst_new(k->to->store, copy_families[family], path, &k->sorted, err));
    varve_status status = VARVE_OK;
    for (size_t i = 0; i < k->count && status == VARVE_OK; i++)
        status = add_rows(k, family, &k->all[i], err);
    store_sst *done = k->sorted;
    k->sorted = NULL;
    if (status == VARVE_OK) return store_sst_finish(done, err);
    store_sst_discard(done);
    return status;
}

static varve_status take_in(copy *k, size_t family, varve_error *err)
{
    char path[DB_PATH_MAX];
    if (!k->has_sorted[family]) return VARVE_OK;
    VV_TRY(copy_desk(k, file_names_of[family], path, err));
    const char *const paths[] = {path};
    return db_note_failure(k->to, store_ingest(k->to->store, copy_families[family], paths, 1, err),
                           err);
}

varve_status copy_rows(copy *k, varve_error *err)
{
    for (size_t f = 0; f < COPY_FAMILIES; f++)
        VV_TRY(write_family(k, f, err));
    store_snapshot_free(k->at); /* while there is one, files are given a new sequence number */
    k->at = NULL;
    VV_TRY(copy_point("copy.rows", err));
    for (size_t f = 0; f < COPY_FAMILIES; f++)
        VV_TRY(take_in(k, f, err));
    return copy_point("copy.ingested", err);
}
