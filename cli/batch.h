/* batch.h — rows on their way from a file to a collection: vectors back to back, and labels (an id
 * and fields each). A file that has both adds both per row; a file of vectors and a file of fields
 * each add their half.
 *
 * Ownership  the batch owns everything; what batch_view() shows is borrowed until the next change.
 * Threads    one at a time.
 * Errors     VARVE_INVALID for rows that do not fit together, VARVE_LIMIT, VARVE_NO_MEMORY. */
#ifndef CLI_BATCH_H
#define CLI_BATCH_H

#include "base/buffer.h"

#define BATCH_BYTES_FULL ((size_t)32 << 20) /* no further row is begun past this */
#define BATCH_BYTES_MAX  ((size_t)64 << 20) /* and no row is longer than the difference */
#define BATCH_DIM_MAX    ((size_t)1 << 20)
#define BATCH_ROWS_MAX   ((size_t)100000)

typedef enum batch_ids { BATCH_IDS_UNKNOWN, BATCH_IDS_NONE, BATCH_IDS_GIVEN } batch_ids;

typedef struct batch_label { /* offsets into text; SIZE_MAX: none */
    varve_id_kind id_kind;
    uint64_t id_num;
    size_t id_at, id_len, fields_at, fields_len;
} batch_label;

typedef struct batch {
    size_t rows_max;
    size_t labels_max; /* how many labels a file of labels alone may add; rows_max at first */
    size_t dim;        /* of the first vectors ever added; the batch keeps it when it is cleared */
    varve_dtype type;
    size_t vectors_count, labels_count;
    batch_ids ids_state; /* of the first label ever added; all later ones must agree */
    buffer vectors, text;
    batch_label *labels;
    varve_id *ids; /* filled by batch_view() */
    varve_text *fields;
} batch;

VV_CHECKED varve_status batch_init(batch *b, size_t rows_max, varve_error *err);
void batch_done(batch *b);
void batch_clear(batch *b);

/* Room for this many more vectors of row_bytes; 0 when the batch is full. */
size_t batch_room(const batch *b, size_t row_bytes);
/* Space for n vectors, to be written by the caller and then counted with batch_vectors_added(). */
VV_CHECKED varve_status batch_reserve_vectors(batch *b, varve_dtype type, size_t dim, size_t n,
                                              void **ret_space, varve_error *err);
void batch_vectors_added(batch *b, size_t n);

/* One label. id NULL: none; fields without data: none. */
VV_CHECKED varve_status batch_add_label(batch *b, const varve_id *id, varve_text fields,
                                        varve_error *err);

/* The batch as the engine takes it: ids from labels, or first_id…, or (NULL) automatic. */
void batch_view(batch *b, const uint64_t *first_id, varve_rows *ret);

#endif
