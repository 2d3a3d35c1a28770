/* routes.h — the table of routes.def, and the way from a request's path to its route.
 * A path of a route is exact, or has {name} in place of a segment. Comparison is by byte, before
 * percent-decoding: "/%73earch" is no route.
 * Ownership  routes are static; router_done() frees the index over them.
 * Threads    a router does not change after router_init(). */
#ifndef GATEWAY_ROUTES_H
#define GATEWAY_ROUTES_H

#include "base/hashmap.h"
#include "handler.h"

typedef enum route_scope { SCOPE_OPEN, SCOPE_READ, SCOPE_WRITE } route_scope;
typedef enum route_kind {
    KIND_PROBE,
    KIND_READ,
    KIND_SEARCH,
    KIND_WRITE,
    KIND_LONG,
    KIND_STREAM
} route_kind;
typedef enum route_limit { LIMIT_NONE, LIMIT_JSON, LIMIT_RAW, LIMIT_STREAM } route_limit;

typedef struct route {
    const char *method, *path;
    http_handler *handler;
    const char *name; /* of the handler */
    route_scope scope;
    route_kind kind;
    route_limit limit;
    const char *summary;
} route;

extern const route routes_table[];
extern const size_t routes_count;
size_t route_index(const route *r); /* NULL: routes_count */

typedef struct router {
    hashmap exact; /* path -> its first route */
} router;

VV_CHECKED varve_status router_init(router *r, varve_error *err);
void router_done(router *r);
/* NULL: no such path, or not by this method. */
const route *router_find(const router *r, const char *method, const char *path, size_t path_len);
/* Is this exactly the path of a route that needs no key? */
bool router_is_open(const router *r, const char *path, size_t path_len);
/* The text that stands for {key} in path, not decoded; false when the route has none of that name.
 */
bool route_param(const route *r, const char *path, const char *key, varve_text *ret);

#endif
