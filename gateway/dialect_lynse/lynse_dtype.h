/* lynse_dtype.h — names of vector types as clients write them. */
#ifndef LYNSE_DTYPE_H
#define LYNSE_DTYPE_H

#include "varve.h"

/* float32, f32, float, float16, f16, half, fp16, uint8, u8, int8, i8, binary, bit; any case. */
bool lynse_dtype_read(const char *text, varve_dtype *ret);

#endif
