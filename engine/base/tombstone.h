/* tombstone.h — an immutable set of slots, changed by copy: a change copies the touched 4 KiB
 * chunks and shares the others. NULL is the empty set everywhere.
 *
 * Ownership  reference-counted; both calls take NULL.
 * Threads    any number of threads may read, ref and unref.
 * Errors     VARVE_NO_MEMORY. */
#ifndef VARVE_BASE_TOMBSTONE_H
#define VARVE_BASE_TOMBSTONE_H

#include "base/status.h"

typedef struct tombstones tombstones;

tombstones *tombstones_ref(tombstones *t);
void tombstones_unref(tombstones *t);
void tombstones_unrefp(tombstones **t);
bool tombstones_has(const tombstones *t, uint64_t slot);
uint64_t tombstones_count(const tombstones *t);
/* The set with the slots of `add` in and then those of `remove` out (any order, repeats fine); *ret
 * may be NULL (empty). `old` stays as it is. */
VV_CHECKED varve_status tombstones_change(const tombstones *old, const uint64_t *add,
                                          size_t add_count, const uint64_t *remove,
                                          size_t remove_count, tombstones **ret, varve_error *err);
/* The set of the bits that are set in `count` words; slots count from 0. *ret may be NULL. */
VV_CHECKED varve_status tombstones_of_words(const uint64_t *words, size_t count, tombstones **ret,
                                            varve_error *err);
/* The set of those of the slots [0, slots) whose bit is not set, and of those that are hidden.
 * *ret may be NULL. */
VV_CHECKED varve_status tombstones_of_rest(const uint64_t *words, uint64_t slots,
                                           const tombstones *hidden, tombstones **ret,
                                           varve_error *err);
/* The members of both; what only one of them has is shared. *ret may be NULL. */
VV_CHECKED varve_status tombstones_union(tombstones *a, tombstones *b, tombstones **ret,
                                         varve_error *err);
uint64_t tombstones_bytes(const tombstones *t); /* of memory, were none of it shared */
/* 64 slots at once: bit i is slot first + i; first a multiple of 64. */
uint64_t tombstones_word(const tombstones *t, uint64_t first);
/* Which of n slots (u32, little-endian, at most 32 of them) are members: bit i for the i-th. */
uint32_t tombstones_among(const tombstones *t, const uint8_t *slots, size_t n);
/* The first member at or after slot; false: none. */
bool tombstones_next(const tombstones *t, uint64_t slot, uint64_t *ret);
/* The first slot at or after `slot` that is in one of the two but not in the other; false: none.
 * What they share is passed over unread, so two states of one set are compared in the time of their
 * differences. */
bool tombstones_next_difference(const tombstones *a, const tombstones *b, uint64_t slot,
                                uint64_t *ret);

#endif
