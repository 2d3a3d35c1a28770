/* bit_count.h — how many bits are set in a bitmap.
 * Threads  stateless. */
#ifndef VARVE_BASE_BIT_COUNT_H
#define VARVE_BASE_BIT_COUNT_H

#include <stddef.h>
#include <stdint.h>

uint64_t bit_count(const uint64_t *words, size_t count);

#endif
