/* gateway_inner.h — what the parts of the gateway share: its settings, its folder, its books.
 * Ownership  gateway.c makes and ends it, in this order and in the reverse.
 * Threads    does not change while the server runs, but for what is atomic or has its own lock. */
#ifndef GATEWAY_INNER_H
#define GATEWAY_INNER_H

#include "config.h"
#include "handler.h"
#include "log.h"
#include "metrics.h"
#include "rerank_http.h"
#include "routes.h"

struct gateway {
    config config;
    varve *_Atomic db; /* of an owner; NULL as long as it follows another one (follow/) */
    logger log;
    metrics metrics;
    rerank_clients rerankers;
    struct compactor_watch *compactor_watch;
    struct follower *follower;             /* NULL: this server never followed another one */
    struct backup_home *backup_home;       /* NULL: no repository is configured */
    struct shipper *shipper;               /* NULL: the log is not shipped */
    struct backup_service *backup_service; /* NULL as well */
    router router;
    buffer openapi;
    char root_path[4096];
    atomic_ullong scratches; /* folders for the time of one call, numbered */
    atomic_bool draining;    /* asked to end: not ready, no more keep-alive */
};

/* What an owner of a folder runs beside serving it: all that can be started, and the first failure.
 * gateway.c stops what was started. */
VV_CHECKED varve_status gateway_start_services(gateway *g, varve_error *err);

#endif
