/* peer_hnsw.h — exact search by hnswlib (BruteforceSearch), as a peer of ours. Only when Debian's
 * libhnswlib-dev was there at build time (BENCH_HNSWLIB).
 * Ownership  hnsw_free() ends it. Threads: searches from any number. */
#ifndef BENCH_PEER_HNSW_H
#define BENCH_PEER_HNSW_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hnsw hnsw;
hnsw *hnsw_new(size_t dim, size_t rows_max);              /* squared L2; NULL: no memory */
int hnsw_add(hnsw *h, const float *vector, size_t label); /* 0: done */
int hnsw_search(hnsw *h, const float *query, size_t k, float *ret_nearest);
void hnsw_free(hnsw *h);

#ifdef __cplusplus
}
#endif
#endif
