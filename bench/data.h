/* data.h — rows to measure with. Synthetic rows are cut out of one pool of Gaussian numbers, so
 * that making them costs a copy; their fields are JSON objects of about 200 bytes.
 *
 * Ownership  data_done() and rows_done() free. A rows_block is filled again and again.
 * Threads    a data is read-only once made; a rows_block belongs to one thread. */
#ifndef BENCH_DATA_H
#define BENCH_DATA_H

#include "bench.h"

typedef struct data {
    float *pool;
    size_t pool_values, dim;
} data;

VV_CHECKED varve_status data_init(data *d, size_t dim, uint64_t seed, varve_error *err);
void data_done(data *d);
const float *data_vector(const data *d, uint64_t row);

typedef struct rows_block {
    size_t rows_max;
    float *vectors;
    varve_id *ids;
    varve_text *fields;
    char *text;
    uint64_t user_bytes; /* of the last fill: vectors, ids, fields */
} rows_block;

VV_CHECKED varve_status rows_init(rows_block *b, const data *d, size_t rows_max, varve_error *err);
void rows_done(rows_block *b);
/* Rows first … first + count - 1, whose ids are their numbers. */
void rows_fill(rows_block *b, const data *d, uint64_t first, size_t count, varve_rows *ret);

/* The vectors of an npy file (free() them): base.u8.npy or base.u8.npy.zst in `folder`. */
typedef struct matrix {
    uint8_t *values;
    size_t count, dim;
    varve_dtype type;
} matrix;
VV_CHECKED varve_status matrix_load_file(const char *path, uint64_t rows_max, matrix *ret,
                                         varve_error *err);
VV_CHECKED varve_status matrix_load(const char *folder, uint64_t rows_max, matrix *ret,
                                    varve_error *err);

/* A collection of `rows` synthetic rows, written by a session, so that it lies in segments. */
VV_CHECKED varve_status build_collection(varve *db, const char *name, const char *index_mode,
                                         const data *d, uint64_t rows, bool with_fields,
                                         varve_collection **ret, varve_error *err);

#define DATA_FIELDS_BYTES 320 /* no fields are longer */
#define BATCH_ROWS        1000

#endif
