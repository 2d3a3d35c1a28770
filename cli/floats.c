/* floats.c — see floats.h. */
#include "floats.h"

#include "base/bytes.h"
#include "base/half.h"

void floats_of_row(varve_dtype type, size_t dim, const void *row, float *ret)
{
    const uint8_t *from = row;
    for (size_t i = 0; i < dim; i++) {
        if (type == VARVE_FLOAT32) ret[i] = get_f32(from + 4 * i);
        if (type == VARVE_FLOAT16) ret[i] = half_to_float(get_u16(from + 2 * i));
        if (type == VARVE_UINT8) ret[i] = (float)from[i];
        if (type == VARVE_INT8) ret[i] = (float)(int8_t)from[i];
    }
}
