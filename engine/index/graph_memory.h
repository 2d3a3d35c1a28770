/* graph_memory.h — inside index/: the large arrays of a graph build, which are read here and there:
 * huge pages where the system gives them, so that half of the reads do not wait for a page table.
 *
 * Ownership  the caller frees with free().
 * Errors     NULL: no memory. */
#ifndef VARVE_INDEX_GRAPH_MEMORY_H
#define VARVE_INDEX_GRAPH_MEMORY_H

#include <stddef.h>

/* At a multiple of 64; not zeroed. */
void *graph_memory(size_t bytes);

#endif
