/* hash.h — XXH3-64 of bytes: the checksum of every file of ours, and the hash of tables. Source:
 * xxHash 0.8 spec. */
#ifndef VARVE_BASE_HASH_H
#define VARVE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *bytes, size_t len);

#endif
