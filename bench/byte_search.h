/* byte_search.h — which of many 16-byte patterns occur in the files of a folder, at any offset.
 *
 * Ownership  byte_search_done() frees.
 * Threads    one.
 * Errors     VARVE_IO, VARVE_NO_MEMORY. */
#ifndef BENCH_BYTE_SEARCH_H
#define BENCH_BYTE_SEARCH_H

#include "bench.h"

#define BYTE_PATTERN 16

typedef struct byte_search {
    uint8_t *slots; /* open addressing by the first 8 bytes; capacity × BYTE_PATTERN */
    uint8_t *used;
    uint32_t *filter; /* a bit per hash of the first 8 bytes */
    size_t capacity, count;
} byte_search;

typedef struct byte_search_found {
    uint64_t files, bytes, hits;
    char first_path[512]; /* a file with a hit; "" for none */
} byte_search_found;

VV_CHECKED varve_status byte_search_init(byte_search *b, size_t patterns_max, varve_error *err);
void byte_search_done(byte_search *b);
void byte_search_add(byte_search *b, const void *pattern);
/* Every regular file under the folder. */
VV_CHECKED varve_status byte_search_folder(const byte_search *b, const char *folder,
                                           byte_search_found *ret, varve_error *err);

#endif
