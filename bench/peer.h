/* peer.h — what we are measured beside: the same rows put into plain RocksDB through its C API,
 * with the vector inline in the value, and a sync per batch.
 *
 * Ownership  peer_close() ends it (NULL-safe).
 * Threads    peer_put from any thread.
 * Errors     VARVE_IO with the words of RocksDB. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "bench.h"

typedef struct peer peer;

VV_CHECKED varve_status peer_open(const char *path, peer **ret, varve_error *err);
VV_CHECKED varve_status peer_put(peer *p, const varve_rows *rows, varve_error *err);
/* Flush and close, as a clean end of ours does. */
VV_CHECKED varve_status peer_close(peer *p, varve_error *err);

#endif
