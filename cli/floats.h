/* floats.h — stored vectors as float32. Stateless. */
#ifndef CLI_FLOATS_H
#define CLI_FLOATS_H

#include "varve.h"

/* One row of any type but BINARY. */
void floats_of_row(varve_dtype type, size_t dim, const void *row, float *ret);

#endif
