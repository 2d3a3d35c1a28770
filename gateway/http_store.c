/* http_store.c — requests that wait to be used again, with their buffers. */
#include "http_server_inner.h"

#include <stdlib.h>

#define SPARE_MAX 256

http_request *request_take(http_server *s)
{
    http_request *r;
    (void)pthread_mutex_lock(&s->lock);
    r = s->spare;
    if (r) {
        s->spare = r->next_free;
        s->spare_count--;
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (!r) r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->server = s;
    r->next_free = NULL;
    atomic_store(&r->holders, 1);
    return r;
}

void request_let_go(http_request *r)
{
    http_server *s = r->server;
    if (atomic_fetch_sub(&r->holders, 1) > 1) return;
    atomic_fetch_sub_explicit(&s->g->metrics.body_memory_bytes, r->charged, memory_order_relaxed);
    request_reset(r);
    (void)pthread_mutex_lock(&s->lock);
    if (s->spare_count < SPARE_MAX) {
        r->next_free = s->spare;
        s->spare = r;
        s->spare_count++;
        r = NULL;
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (r) request_free(r);
}

void store_done(http_server *s)
{
    while (s->spare) {
        http_request *r = s->spare;
        s->spare = r->next_free;
        request_free(r);
    }
}
