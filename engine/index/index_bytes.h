/* index_bytes.h — inside index/: the bytes of a large section that searches read: from the mapped
 * file, each block verified at its first touch, or from memory with huge pages once they were
 * loaded.
 *
 * Ownership  borrows the file; index_bytes_done() frees what was loaded.
 * Threads    any number may get; one at a time may load, others get meanwhile.
 * Errors     VARVE_CORRUPT, VARVE_NO_MEMORY. */
#ifndef VARVE_INDEX_BYTES_H
#define VARVE_INDEX_BYTES_H

#include "index/index_file.h"

typedef struct index_bytes {
    index_file *file;
    index_section kind;
    const uint8_t *mapped;
    uint64_t size;
    uint8_t *loaded; /* atomic; NULL: not loaded */
} index_bytes;

/* The section must be there and have exactly this size. */
VV_CHECKED varve_status index_bytes_init(index_bytes *b, index_file *f, index_section kind,
                                         uint64_t size, const char *what, varve_error *err);
void index_bytes_done(index_bytes *b); /* fine on a zeroed one */
/* Verified bytes [offset, offset + len), aligned as in the file, by 64 at least. */
static inline varve_status index_bytes_get(const index_bytes *b, uint64_t offset, uint64_t len,
                                           const uint8_t **ret, varve_error *err)
{
    const uint8_t *loaded = __atomic_load_n(&b->loaded, __ATOMIC_ACQUIRE);
    *ret = (loaded ? loaded : b->mapped) + offset;
    return loaded ? VARVE_OK : index_file_verify(b->file, *ret, len, err);
}
VV_CHECKED varve_status index_bytes_load(index_bytes *b, varve_error *err);
/* What loading takes; what it took so far. */
uint64_t index_bytes_to_load(const index_bytes *b);
uint64_t index_bytes_loaded(const index_bytes *b);

#endif
