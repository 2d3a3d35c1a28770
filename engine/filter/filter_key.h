/* filter_key.h — bytes that say all that a filter means, to know it again by: two filters with the
 * same bytes match the same rows. The printed text would not do, which leaves out how a condition
 * takes arrays and unknown values.
 * Ownership  appended to a buffer of the caller's. Threads  any. */
#ifndef VARVE_FILTER_KEY_H
#define VARVE_FILTER_KEY_H

#include "filter/filter.h"

/* false: it has none, as it depends on more than the fields and ids of rows (vectors in named
 * fields; where ids are), or the buffer may not hold it. */
bool filter_key(const filter *f, buffer *out);

#endif
