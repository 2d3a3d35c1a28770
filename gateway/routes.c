/* routes.c — exact paths through a hash table, those with {name} one after the other. */
#include "routes.h"

#include <string.h>

#define ROUTE(method, path, handler, scope, kind, limit, summary) http_handler handler;
#include "routes.def"
#undef ROUTE

const route routes_table[] = {
#define ROUTE(method, path, handler, scope, kind, limit, summary)                                  \
    {#method, path, handler, #handler, SCOPE_##scope, KIND_##kind, LIMIT_##limit, summary},
#include "routes.def"
#undef ROUTE
};
const size_t routes_count = VV_COUNT(routes_table);

size_t route_index(const route *r) { return r ? (size_t)(r - routes_table) : routes_count; }

static bool has_params(const route *r) { return strchr(r->path, '{') != NULL; }

varve_status router_init(router *r, varve_error *err)
{
    hashmap_init(&r->exact);
    for (size_t i = 0; i < routes_count; i++) {
        const route *at = &routes_table[i];
        size_t len = strlen(at->path);
        if (has_params(at) || hashmap_get(&r->exact, at->path, len)) continue;
        if (!hashmap_put(&r->exact, at->path, len, (void *)(uintptr_t)at)) {
            router_done(r);
            return vv_fail(err, VARVE_NO_MEMORY, "no memory for the routes");
        }
    }
    return VARVE_OK;
}

void router_done(router *r) { hashmap_done(&r->exact); }

/* Walk pattern and path segment by segment. key: the parameter wanted, or NULL for none. */
static bool match(const char *pattern, const char *path, size_t path_len, const char *key,
                  varve_text *ret)
{
    const char *end = path + path_len;
    while (*pattern && path < end) {
        size_t pattern_len = strcspn(pattern + 1, "/");
        size_t len = 0;
        if (*pattern != '/' || *path != '/') return false;
        pattern++;
        path++;
        while (path + len < end && path[len] != '/')
            len++;
        if (*pattern == '{') {
            if (len == 0) return false;
            if (key && strlen(key) == pattern_len - 2 && !memcmp(key, pattern + 1, pattern_len - 2))
                *ret = (varve_text){path, len};
        } else if (len != pattern_len || memcmp(pattern, path, len) != 0) {
            return false;
        }
        pattern += pattern_len;
        path += len;
    }
    return !*pattern && path == end;
}

static bool same_path(const route *r, const char *path, size_t path_len)
{
    return strlen(r->path) == path_len && memcmp(r->path, path, path_len) == 0;
}

const route *router_find(const router *r, const char *method, const char *path, size_t path_len)
{
    const route *first = hashmap_get(&r->exact, path, path_len);
    if (first && strcmp(first->method, method) == 0) return first;
    for (size_t i = 0; i < routes_count; i++) {
        const route *at = &routes_table[i];
        if (strcmp(at->method, method) != 0) continue;
        if (has_params(at) ? !first && match(at->path, path, path_len, NULL, NULL)
                           : first && same_path(at, path, path_len))
            return at;
    }
    return NULL;
}

bool router_is_open(const router *r, const char *path, size_t path_len)
{
    const route *first = hashmap_get(&r->exact, path, path_len);
    return first && first->scope == SCOPE_OPEN;
}

bool route_param(const route *r, const char *path, const char *key, varve_text *ret)
{
    varve_text found = {0};
    if (!match(r->path, path, strlen(path), key, &found) || !found.data) return false;
    *ret = found;
    return true;
}
