/* index_bytes.c — sections in memory of their own; see index_bytes.h. */
#include "index/index_bytes.h"

#include "base/bytes.h"

#include <sys/mman.h>

#define HUGE_PAGE_BYTES ((size_t)2 << 20)

static size_t room_for(uint64_t size) { return size_align(size, HUGE_PAGE_BYTES); }

varve_status index_bytes_init(index_bytes *b, index_file *f, index_section kind, uint64_t size,
                              const char *what, varve_error *err)
{
    *b = (index_bytes){.file = f, .kind = kind};
    return index_file_place(f, kind, size, size, what, &b->mapped, &b->size, err);
}

void index_bytes_done(index_bytes *b)
{
    if (b->loaded) (void)munmap(b->loaded, room_for(b->size));
    b->loaded = NULL;
}

varve_status index_bytes_load(index_bytes *b, varve_error *err)
{
    size_t room = room_for(b->size);
    uint8_t *memory;
    if (b->loaded || b->size == 0) return VARVE_OK;
    memory = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for %llu bytes of index %s",
                       (unsigned long long)b->size, index_file_path(b->file));
    (void)madvise(memory, room, MADV_HUGEPAGE); /* refused: small pages */
    varve_status status = index_file_read(b->file, b->kind, memory, err);
    if (status == VARVE_OK)
        __atomic_store_n(&b->loaded, memory, __ATOMIC_RELEASE);
    else
        (void)munmap(memory, room);
    return status;
}

uint64_t index_bytes_to_load(const index_bytes *b) { return b->size ? room_for(b->size) : 0; }

uint64_t index_bytes_loaded(const index_bytes *b)
{
    return __atomic_load_n(&b->loaded, __ATOMIC_ACQUIRE) ? room_for(b->size) : 0;
}
