/* peer_xapian.h — BM25 by Xapian (its glass backend), as a peer of ours, fed with our tokens. Only
 * when Debian's libxapian-dev was there at build time (BENCH_XAPIAN).
 * Ownership  xapian_free() ends it. Threads  one at a time. */
#ifndef BENCH_PEER_XAPIAN_H
#define BENCH_PEER_XAPIAN_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct xapian_text { /* a token: not NUL-terminated */
    const char *data;
    size_t len;
} xapian_text;

typedef struct xapian xapian;
xapian *xapian_new(const char *folder);                             /* NULL: failed */
int xapian_add(xapian *x, const xapian_text *tokens, size_t count); /* 0: done */
int xapian_finish(xapian *x);                                       /* opens it for searches */
int xapian_search(xapian *x, const xapian_text *terms, const unsigned *counts, size_t count,
                  size_t k, size_t *ret_rows); /* how many; -1: failed */
void xapian_free(xapian *x);

#ifdef __cplusplus
}
#endif
#endif
