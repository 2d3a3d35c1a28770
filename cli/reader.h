/* reader.h — files of rows, read batch by batch: NumPy arrays (npy), fvecs and bvecs, NDJSON. Each
 * may be packed with zstd, and may be standard input ("-").
 *
 * Ownership  reader_close() ends it (NULL-safe).
 * Threads    one at a time.
 * Errors     VARVE_INVALID for files that are not what they should be, naming file and line or row;
 * those of input.h and batch.h. */
#ifndef CLI_READER_H
#define CLI_READER_H

#include "batch.h"
#include "input.h"

typedef struct reader reader;

typedef struct reader_options {
    const char *id_key;     /* NDJSON: member that is the id; NULL: "id" if it is there */
    const char *vector_key; /* NDJSON: member that is the vector; NULL: "vector" */
    bool labels_only;       /* NDJSON: rows have no vector; every line is fields (less the id_key,
                               when one is given) */
} reader_options;

/* One kind of file. A table of these is all that the rest knows. */
typedef struct reader_type {
    const char *name;       /* as in --format */
    const char *extensions; /* separated by spaces, each with its dot */
    varve_status (*open)(input *in, const reader_options *options, void **ret_state,
                         varve_error *err);
    /* Add rows until the batch is full or the file ends. */
    varve_status (*next)(void *state, batch *b, varve_error *err);
    void (*close)(void *state);
} reader_type;

extern const reader_type reader_npy, reader_fvecs, reader_bvecs, reader_ndjson;

/* By name ("npy"); NULL when there is none. */
const reader_type *reader_type_named(const char *name);
/* type NULL: by the file's extension (before .zst), or by its first byte when it is "-". */
VV_CHECKED varve_status reader_open(const char *path, const reader_type *type,
                                    const reader_options *options, reader **ret, varve_error *err);
VV_CHECKED varve_status reader_next(reader *r, batch *b, varve_error *err);
const input *reader_input(const reader *r);
void reader_close(reader *r);
void reader_closep(reader **r);

/* One row of an npy file as float32, for queries; free() it. */
VV_CHECKED varve_status reader_npy_row(const char *path, uint64_t row, float **ret_vector,
                                       size_t *ret_dim, varve_error *err);

#endif
