/* npy.h — NumPy's array files (format 1.0: numpy.lib.format), as exports have them: little-endian,
 * C order, one or two dimensions.
 *
 * Ownership  npy_open maps the file; npy_close unmaps and fits VV_CLEANUP.
 * Threads    stateless.
 * Errors     VARVE_CORRUPT for a file that is none, or of another shape or type than it says;
 *            those of file.h. */
#ifndef VARVE_SNAPSHOT_NPY_H
#define VARVE_SNAPSHOT_NPY_H

#include "base/file.h"

typedef enum npy_type { NPY_F4, NPY_F2, NPY_U1, NPY_I1, NPY_U4, NPY_U8, NPY_TYPES } npy_type;

typedef struct npy_shape {
    npy_type type;
    uint64_t rows;
    uint64_t columns; /* 0: one dimension */
} npy_shape;

size_t npy_row_bytes(const npy_shape *s);

/* The head of a file with this shape, to be followed by its values; always NPY_HEAD bytes, so that
 * it can be written again when the number of rows is known. */
#define NPY_HEAD 128
void npy_head(const npy_shape *s, uint8_t ret[NPY_HEAD]);

typedef struct npy_array {
    file_map map;
    npy_shape shape;
    const uint8_t *values;
} npy_array;
VV_CHECKED varve_status npy_open(const char *path, npy_array *ret, varve_error *err);
void npy_close(npy_array *a);
static inline const uint8_t *npy_row(const npy_array *a, uint64_t i)
{
    return a->values + i * npy_row_bytes(&a->shape);
}

#endif
