/* graph_memory.c — see graph_memory.h. */
#include "index/graph_memory.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE_BYTES ((size_t)2 << 20)

void *graph_memory(size_t bytes)
{
    bool large = bytes >= 4 * HUGE_PAGE_BYTES;
    size_t alignment = large ? HUGE_PAGE_BYTES : 64;
    size_t room = size_align(bytes > 0 ? bytes : 1, alignment);
    void *memory = aligned_alloc(alignment, room);
    if (memory && large) (void)madvise(memory, room, MADV_HUGEPAGE); /* refused: small pages */
    return memory;
}
