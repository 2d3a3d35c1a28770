/* data.c — see data.h. */
#include "data.h"

#include "batch.h"
#include "reader.h"

#include "base/file.h"
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL_VALUES ((size_t)4 << 20)
#define ROW_STEP    7919 /* a prime, so that rows begin all over the pool */

varve_status data_init(data *d, size_t dim, uint64_t seed, varve_error *err)
{
    random_state random;
    *d = (data){.dim = dim, .pool_values = POOL_VALUES + dim};
    d->pool = malloc(d->pool_values * sizeof *d->pool);
    if (!d->pool) return vv_fail(err, VARVE_NO_MEMORY, "no memory for data");
    random_seed(&random, seed);
    for (size_t i = 0; i < d->pool_values; i++)
        d->pool[i] = random_gauss(&random);
    return VARVE_OK;
}

void data_done(data *d)
{
    free(d->pool);
    *d = (data){0};
}

const float *data_vector(const data *d, uint64_t row)
{
    return d->pool + row * ROW_STEP % POOL_VALUES;
}

varve_status rows_init(rows_block *b, const data *d, size_t rows_max, varve_error *err)
{
    *b = (rows_block){.rows_max = rows_max};
    b->vectors = malloc(rows_max * d->dim * sizeof *b->vectors);
    b->ids = calloc(rows_max, sizeof *b->ids);
    b->fields = calloc(rows_max, sizeof *b->fields);
    b->text = malloc(rows_max * DATA_FIELDS_BYTES);
    if (b->vectors && b->ids && b->fields && b->text) return VARVE_OK;
    rows_done(b);
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for rows");
}

void rows_done(rows_block *b)
{
    free(b->vectors);
    free(b->ids);
    free(b->fields);
    free(b->text);
    *b = (rows_block){0};
}

static size_t make_fields(uint64_t row, char *ret)
{
    static const char *const words[] = {"river", "delta", "sediment", "glacier",
                                        "clay",  "basin", "moraine",  "varve"};
    uint64_t mix = row * 0x9e3779b97f4a7c15ull;
    int n = snprintf(ret, DATA_FIELDS_BYTES,
                     "{\"title\":\"%s %s %s number %llu\",\"lang\":\"%s\",\"year\":%u,"
                     "\"score\":%u.%03u,\"tags\":[\"%s\",\"%s\"],\"seen\":%s,"
                     "\"url\":\"https://example.org/%016llx/page/%llu\"}",
                     words[mix >> 61], words[mix >> 58 & 7], words[mix >> 55 & 7],
                     (unsigned long long)row, mix & 1 ? "en" : "de", 1950 + (unsigned)(row % 75),
                     (unsigned)(mix >> 40 & 63), (unsigned)(mix >> 20 & 511), words[mix >> 52 & 7],
                     words[mix >> 49 & 7], mix & 2 ? "true" : "false", (unsigned long long)mix,
                     (unsigned long long)row);
    return (size_t)n;
}

void rows_fill(rows_block *b, const data *d, uint64_t first, size_t count, varve_rows *ret)
{
    size_t row_bytes = d->dim * sizeof(float);
    b->user_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        char *text = b->text + i * DATA_FIELDS_BYTES;
        memcpy(b->vectors + i * d->dim, data_vector(d, first + i), row_bytes);
        b->ids[i] = (varve_id){.kind = VARVE_ID_NUM, .num = first + i};
        b->fields[i] = (varve_text){text, make_fields(first + i, text)};
        b->user_bytes += row_bytes + sizeof(uint64_t) + b->fields[i].len;
    }
    *ret = (varve_rows){.count = count,
                        .dim = d->dim,
                        .ids = b->ids,
                        .vectors = b->vectors,
                        .vectors_type = VARVE_FLOAT32,
                        .fields = b->fields};
}

/* ---- files ---- */

static varve_status matrix_read(reader *r, uint64_t rows_max, matrix *m, varve_error *err)
{
    VV_CLEANUP(batch_done) batch b = {0};
    size_t capacity = 0;
    VV_TRY(batch_init(&b, BATCH_ROWS, err));
    for (;;) {
        batch_clear(&b);
        VV_TRY(reader_next(r, &b, err));
        size_t take = VV_MIN(b.vectors_count, (size_t)(rows_max - m->count));
        if (take == 0) return VARVE_OK;
        size_t row_bytes = varve_dtype_row_bytes(b.type, b.dim);
        if (m->count + take > capacity) {
            capacity = VV_MAX(2 * capacity, (size_t)1 << 16);
            uint8_t *bigger = realloc(m->values, capacity * row_bytes);
            if (!bigger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the data");
            m->values = bigger;
        }
        memcpy(m->values + m->count * row_bytes, b.vectors.data, take * row_bytes);
        m->count += take;
        m->dim = b.dim;
        m->type = b.type;
    }
}

varve_status matrix_load_file(const char *path, uint64_t rows_max, matrix *ret, varve_error *err)
{
    VV_CLEANUP(reader_closep) reader *r = NULL;
    matrix m = {0};
    VV_TRY(reader_open(path, &reader_npy, NULL, &r, err));
    varve_status status = matrix_read(r, rows_max, &m, err);
    if (status != VARVE_OK) {
        free(m.values);
        return status;
    }
    *ret = m;
    return VARVE_OK;
}

varve_status matrix_load(const char *folder, uint64_t rows_max, matrix *ret, varve_error *err)
{
    char path[512];
    VV_TRY(file_join(path, sizeof path, folder, "base.u8.npy", err));
    if (!file_exists(path)) VV_TRY(file_join(path, sizeof path, folder, "base.u8.npy.zst", err));
    return matrix_load_file(path, rows_max, ret, err);
}

/* ---- collections ---- */

static void session_freep(varve_session **s) { varve_session_free(*s); }
static void collection_freep(varve_collection **c) { varve_collection_release(*c); }

varve_status build_collection(varve *db, const char *name, const char *index_mode, const data *d,
                              uint64_t rows, bool with_fields, varve_collection **ret,
                              varve_error *err)
{
    VV_CLEANUP(collection_freep) varve_collection *c = NULL;
    VV_CLEANUP(session_freep) varve_session *session = NULL;
    VV_CLEANUP(rows_done) rows_block block = {0};
    varve_collection_spec spec = {.dim = d->dim, .index_mode = index_mode};
    varve_rows view;
    VV_TRY(rows_init(&block, d, BATCH_ROWS, err));
    VV_TRY(varve_collection_create(db, "default", name, &spec, &c, err));
    VV_TRY(varve_session_new(c, NULL, &session, err));
    for (uint64_t first = 0; first < rows; first += BATCH_ROWS) {
        rows_fill(&block, d, first, (size_t)VV_MIN(BATCH_ROWS, rows - first), &view);
        if (!with_fields) view.fields = NULL;
        VV_TRY(varve_session_add(session, &view, err));
    }
    VV_TRY(varve_session_commit(session, NULL, err));
    *ret = c;
    c = NULL;
    return VARVE_OK;
}
