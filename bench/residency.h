/* residency.h — a limit to the memory that files of a folder may take in the page cache, for
 * measuring a folder larger than memory where no memory control group is at hand.
 *
 * Between two queries the caller asks residency_trim(): when the files have more than the allowed
 * bytes in the page cache, chunks at random are given back to the system (MADV_PAGEOUT where this
 * process has them mapped, then POSIX_FADV_DONTNEED) until nine tenths of the limit are left. That
 * is worse for a search than a kernel short of memory, which keeps what was used last.
 *
 * Ownership  residency_done() closes its files.
 * Threads    one.
 * Errors     VARVE_IO; VARVE_UNSUPPORTED on a system that does not know MADV_PAGEOUT. */
#ifndef BENCH_RESIDENCY_H
#define BENCH_RESIDENCY_H

#include "bench.h"

#include "base/random.h"

#include <limits.h>

#define RESIDENCY_FILES_MAX 256

typedef struct residency_file {
    int fd;
    char path[PATH_MAX];
    uint64_t size;
    void *map;               /* never touched: only to ask what is in memory */
    unsigned char *resident; /* a byte per page */
} residency_file;

typedef struct residency {
    residency_file files[RESIDENCY_FILES_MAX];
    size_t count;
    uint64_t file_bytes;
    random_state random;
} residency;

/* Files under the folder, at any depth, that end in .seg or .idx. */
VV_CHECKED varve_status residency_init(residency *r, const char *folder, uint64_t seed,
                                       varve_error *err);
void residency_done(residency *r);
/* Bytes of them in the page cache now. */
VV_CHECKED varve_status residency_bytes(residency *r, uint64_t *ret, varve_error *err);
VV_CHECKED varve_status residency_trim(residency *r, uint64_t limit_bytes, uint64_t *ret_left,
                                       varve_error *err);

#endif
