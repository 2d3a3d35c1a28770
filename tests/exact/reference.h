/* reference.h — what a search must answer: every metric written down from its definition, plainly,
 * in double precision, in the order of the coordinates. Shares nothing with the engine.
 *
 * Ownership  nothing is kept.
 * Threads    pure functions.
 * Errors     none; a distance that cannot be computed is +infinity, and its row comes last. */
#ifndef EXACT_REFERENCE_H
#define EXACT_REFERENCE_H

#include "varve.h"

/* The score in the metric's own sense: for IP larger is better, for all others smaller. */
double reference_score(varve_metric metric, size_t dim, const float *row, const float *query);

/* The value that a collection of this type keeps of an input that it accepts. */
float reference_stored(varve_dtype type, float input);
/* dim stored values as the bytes of their type; ret: varve_dtype_row_bytes of it, zeroed. */
void reference_bytes(varve_dtype type, const float *stored, size_t dim, uint8_t *ret);

#endif
