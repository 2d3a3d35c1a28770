/* lynse_binary.h — the vectors of a binary request: how many, of what dimension and type, as the
 * query string says. */
#ifndef LYNSE_BINARY_H
#define LYNSE_BINARY_H

#include "lynse_request.h"

typedef struct lynse_block {
    uint64_t rows, dim;
    varve_dtype dtype; /* float32 or float16 */
    size_t bytes;      /* of all vectors */
} lynse_block;

/* rows_key: the argument that says how many, limited by max_batch_vectors; NULL: one. */
VV_CHECKED varve_status lynse_block_read(lynse_call *c, const char *rows_key, lynse_block *ret,
                                         varve_error *err);
/* The whole body; VARVE_INVALID "Expected A bytes, got B" unless it is the block and nothing else.
 */
VV_CHECKED varve_status lynse_block_body(lynse_call *c, const lynse_block *block,
                                         const char **ret_body, varve_error *err);

#endif
