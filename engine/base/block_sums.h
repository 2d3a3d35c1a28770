/* block_sums.h — the reading side of block_stream.h: bytes of a mapped file are believed once the
 * block of 64 KiB that they lie in matched its sum, which is looked at the first time somebody
 * asks.
 *
 * Ownership  borrows mapping and path; block_sums_done() frees the bits.
 * Threads    any number may verify at once.
 * Errors     VARVE_CORRUPT naming the file and the block; VARVE_NO_MEMORY. */
#ifndef VARVE_BASE_BLOCK_SUMS_H
#define VARVE_BASE_BLOCK_SUMS_H

#include "base/block_stream.h"

#define BLOCK_SUMS_SUM_BYTES 8

typedef struct block_sums {
    const char *what, *path; /* "segment", its path: for messages */
    const file_map *map;
    uint64_t first, end; /* blocks cover this part of the file; the sums begin at its end */
    uint64_t count;      /* of blocks */
    uint64_t *verified;  /* atomic words; bit i: block i matched its sum */
} block_sums;

/* Can the sums that begin at `end` have this size? */
bool block_sums_fit(uint64_t end, uint64_t sums_bytes);
/* The sums themselves have been verified, and fit. */
VV_CHECKED varve_status block_sums_init(block_sums *b, const char *what, const char *path,
                                        const file_map *map, uint64_t first, uint64_t end,
                                        varve_error *err);
void block_sums_done(block_sums *b); /* fine on a zeroed one */
/* The blocks under these bytes of the file, which end before b->end, that were not verified
 * before. */
VV_CHECKED varve_status block_sums_verify(block_sums *b, uint64_t offset, uint64_t size,
                                          varve_error *err);
/* All blocks, whatever their bits say. */
VV_CHECKED varve_status block_sums_verify_all(block_sums *b, varve_error *err);

#endif
