/* digest_row.h — inside snapshot/digest*: rows into sums, and sums into one.
 * Ownership  digest_sums_done() frees.   Threads  each has its own digest_sums.
 * Errors     VARVE_NO_MEMORY · VARVE_LIMIT a row is beyond what a length of four bytes says. */
#ifndef VARVE_SNAPSHOT_DIGEST_ROW_H
#define VARVE_SNAPSHOT_DIGEST_ROW_H

#include "base/buffer.h"
#include "digest.h"

typedef struct digest_sums {
    void *context; /* EVP_MD_CTX, begun once */
    buffer row;    /* canonical bytes */
    uint64_t total[4]; /* little end first */
    uint64_t rows;
} digest_sums;

VV_CHECKED varve_status digest_sums_init(digest_sums *s, varve_error *err);
void digest_sums_done(digest_sums *s);

/* A row: begin, any named vectors ascending by name, end. */
VV_CHECKED varve_status digest_row_begin(digest_sums *s, const varve_rowset *rows, size_t i,
                                         varve_error *err);
VV_CHECKED varve_status digest_row_field(digest_sums *s, const varve_field_info *field,
                                         const varve_field_vectors *v, size_t i, varve_error *err);
VV_CHECKED varve_status digest_row_end(digest_sums *s, uint8_t ret[SUMS_BYTES], varve_error *err);

void digest_sums_add(digest_sums *into, const digest_sums *other);
VV_CHECKED varve_status digest_sums_end(const digest_sums *s, uint8_t ret[SUMS_BYTES],
                                        varve_error *err);

#endif
