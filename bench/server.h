/* server.h — the varve server in a process of its own, and a client that sends prepared bytes.
 *
 * Ownership  server_stop() and post_done() end them.
 * Threads    one at a time.
 * Errors     VARVE_IO when the server does not start or answers anything but 200. */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include "bench.h"

typedef struct server {
    int pid; /* 0: none */
    char url[64];
} server;

/* `varve serve` on a free port of this machine, ready to answer. */
VV_CHECKED varve_status server_start(const bench_options *o, const char *folder, server *ret,
                                     varve_error *err);
void server_stop(server *s);

typedef struct post { /* one keep-alive connection */
    void *curl;
    buffer answer;
} post;

VV_CHECKED varve_status post_init(post *p, varve_error *err);
void post_done(post *p);
VV_CHECKED varve_status post_send(post *p, const server *s, const char *path, const char *type,
                                  const void *body, size_t len, varve_error *err);

#endif
