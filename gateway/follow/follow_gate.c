/* follow_gate.c — see follow_gate.h. */
#include "follow_gate.h"

#include "base/clock.h"
#include "follow_routes.h"
#include "follower.h"
#include "http_server_inner.h"
#include "ops.h"
#include "reply.h"
#include "varve_snapshot.h"

#include <inttypes.h>

static bool is_exempt(const route *route)
{
    return route->scope == SCOPE_OPEN || route->kind == KIND_PROBE;
}

/* Those that tell of the folder. The others do without one. */
static bool needs_folder(const route *route)
{
    http_handler *const h = route->handler;
    return !is_exempt(route) || h == ops_jobs || h == ops_job || h == ops_compaction;
}

/* ---- X-Min-LSN ----------------------------------------------------------------------------- */

static bool parse_min_lsn(http_request *r)
{
    const char *text = http_header(r, "X-Min-LSN");
    uint64_t n = 0;
    if (!text) return true;
    for (const char *p = text; *p || p == text; p++) {
        unsigned digit = (unsigned char)*p - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(n, 10u, &n) ||
            __builtin_add_overflow(n, digit, &n)) {
            reply_failure(&r->reply, 400, "invalid_argument", "X-Min-LSN must be a whole number");
            return false;
        }
    }
    r->min_lsn = n;
    return true;
}

static bool reaches(http_request *r, uint64_t shown)
{
    if (r->min_lsn <= shown) return true;
    reply_failure(&r->reply, 412, "lsn_not_reached",
                  "Sequence %" PRIu64 " is asked for; %" PRIu64 " is shown here", r->min_lsn,
                  shown);
    return false;
}

/* ---- before the body ----------------------------------------------------------------------- */

bool follow_gate_admits(http_request *r)
{
    const gateway *g = r->server->g;
    if (!parse_min_lsn(r)) return false;
    if (r->route->scope != SCOPE_WRITE || r->route->handler == ops_promote ||
        !follower_is_replica(g->follower))
        return true;
    reply_failure(&r->reply, 403, "read_only", "This server is a read-only replica");
    return false;
}

bool follow_gate_park(http_request *r)
{
    const gateway *g = r->server->g;
    if (!r->min_lsn || is_exempt(r->route) || !follower_is_replica(g->follower)) return false;
    r->waiter.sequence = r->min_lsn;
    r->waiter.until_ns = clock_now_ns() + g->config.follow_wait_ms * 1000000u;
    return follow_wait_add(follower_waits(g->follower), &r->waiter);
}

/* ---- before the handler -------------------------------------------------------------------- */

static bool is_young(http_request *r)
{
    const config *c = &r->server->g->config;
    uint64_t most = c->follow_max_staleness_ms;
    if (!most || r->staleness_ms <= most) return true;
    reply_failure(&r->reply, 503, "replica_stale",
                  "This replica is %s%" PRIu64 " ms behind, the limit is %" PRIu64 " ms",
                  r->staleness_ms == UINT64_MAX ? "more than " : "",
                  r->staleness_ms == UINT64_MAX ? most : r->staleness_ms, most);
    return false;
}

static bool enter_replica(http_request *r, follower *f)
{
    r->staleness_ms = follower_staleness_ms(f);
    r->served = follower_take(f); /* after the time: what is shown is no older */
    if (r->route->handler == ops_promote) return true;
    if (!r->served && needs_folder(r->route)) {
        if (!follower_is_replica(f)) return true; /* promoted just now */
        reply_failure(&r->reply, 503, "replica_bootstrapping",
                      "This replica has nothing to show yet: see GET /admin/follow");
        return false;
    }
    if (is_exempt(r->route)) return true;
    r->applied_lsn = r->served->sequence;
    return is_young(r) && reaches(r, r->served->sequence);
}

/* A writer has what it wrote, and what it has not written is another's. */
static bool enter_owner(http_request *r)
{
    if (!r->min_lsn || is_exempt(r->route)) return true;
    return reaches(r, varve_sequence(r->server->g->db));
}

bool follow_gate_enter(http_request *r)
{
    follower *f = r->server->g->follower;
    return follower_is_replica(f) ? enter_replica(r, f) : enter_owner(r);
}

void follow_gate_leave(http_request *r)
{
    served_let_go(r->served);
    r->served = NULL;
}
