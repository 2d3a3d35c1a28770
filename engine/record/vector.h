/* vector.h — vectors on their way in and out: checked, converted, never silently changed.
 * A float for an integer type must be an integer in range; for FLOAT16 it must not overflow; NaN
 * and infinities are refused: VARVE_INVALID "vectors[3][17]: …". BINARY input to BINARY storage is
 * copied (spare bits cleared). */
#ifndef VARVE_RECORD_VECTOR_H
#define VARVE_RECORD_VECTOR_H

#include "base/status.h"

/* rows × dim values of `from` at `in` to `to` at ret (varve_dtype_row_bytes(to, dim) per row).
 * first_row only numbers the rows in messages. */
VV_CHECKED varve_status vector_convert(varve_dtype from, const void *in, varve_dtype to, void *ret,
                                       size_t rows, size_t dim, size_t first_row, varve_error *err);
/* A stored row as floats. */
void vector_to_float(varve_dtype type, const void *row, size_t dim, float *ret);

#endif
