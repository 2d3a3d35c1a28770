/* source.h — all the rows of an import, in batches: one file after another, with labels from a
 * second file beside them when vectors and fields are kept apart.
 *
 * Ownership  source_close() ends it (NULL-safe). Options are borrowed until then.
 * Threads    one at a time.
 * Errors     those of reader.h; VARVE_INVALID when vectors and labels do not come out even. */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include "reader.h"

typedef struct source_options {
    char *const *files;
    size_t file_count;
    const reader_type *type; /* NULL: each file's own */
    const char *fields_from; /* NDJSON of labels, a line per vector; NULL: none */
    const char *id_key, *vector_key;
    bool ids_numbered; /* ids are ids_start, ids_start + 1, … */
    uint64_t ids_start;
    size_t batch_rows;
} source_options;

typedef struct source source;

VV_CHECKED varve_status source_open(const source_options *options, source **ret, varve_error *err);
void source_close(source *s);
void source_closep(source **s);

/* The next rows; count 0 at the end. They are borrowed until the next call. */
VV_CHECKED varve_status source_next(source *s, varve_rows *ret, varve_error *err);
/* Share of the files' bytes read so far, 0 to 1; negative when it cannot be known. */
double source_share(const source *s);

#endif
