/* ship_gate.c — see ship_gate.h. */
#include "ship_gate.h"

#include "gateway_inner.h"
#include "reply.h"
#include "shipper.h"

#include "varve_snapshot.h"

#include <string.h>
#include <strings.h>

#define HEADER "X-Varve-Durability"

static bool writes_data(const route *route)
{
    static const char *const others[] = {"/admin/",    "/jobs/",   "/compact",
                                         "/snapshot_", "/export_", "/build_"};
    if (route->scope != SCOPE_WRITE) return false;
    for (size_t i = 0; i < VV_COUNT(others); i++)
        if (strncmp(route->path, others[i], strlen(others[i])) == 0) return false;
    return true;
}

static bool is_remote(gateway *g, http_request *r)
{
    const char *word = http_header(r, HEADER);
    return word ? strcasecmp(word, "remote") == 0 : g->shipper && shipper_is_remote(g->shipper);
}

static bool check_word(gateway *g, http_request *r, http_reply *reply)
{
    const char *word = http_header(r, HEADER);
    if (!word || strcasecmp(word, "local") == 0) return true;
    if (strcasecmp(word, "remote") != 0)
        reply_failure(reply, 400, "invalid_argument", HEADER " must be remote or local");
    else if (!g->shipper)
        reply_failure(reply, 400, "invalid_argument",
                      HEADER ": remote needs a server that ships its log (backup_ship)");
    else
        return true;
    return false;
}

bool ship_gate_admits(gateway *g, const route *route, http_request *r, http_reply *reply)
{
    varve_error why = {0};
    if (!writes_data(route)) return true;
    if (!check_word(g, r, reply)) return false;
    if (!g->shipper || shipper_admits(g->shipper, is_remote(g, r), &why)) return true;
    reply_failure(reply, 503, "fenced",
                  "Writes are refused: %s. Nothing was written. See GET /admin/ship", why.message);
    return false;
}

/* A failed write changed nothing; of a stream that failed, batches before may stay. */
static bool wrote(const route *route, const http_reply *reply)
{
    return reply->status < 400 || route->kind == KIND_STREAM;
}

bool ship_gate_holds(gateway *g, const route *route, http_request *r, http_reply *reply,
                     ship_ack *ack)
{
    varve_error why = {0};
    if (route->scope != SCOPE_WRITE || !g->db) return false; /* a replica has no writes */
    reply->lsn = varve_sequence(g->db);
    if (!g->shipper || !writes_data(route) || !wrote(route, reply)) return false;
    shipper_note_write(g->shipper);
    if (is_remote(g, r)) {
        ack->lsn = reply->lsn;
        if (shipper_await(g->shipper, ack)) return true;
        ship_gate_settle(reply, ack->end);
    } else if (!shipper_admits(g->shipper, false, &why)) {
        ship_gate_settle(reply,
                         SHIP_ACK_FENCED); /* a long one, overtaken by the end of the lease */
    }
    return false;
}

void ship_gate_settle(http_reply *reply, ship_ack_end end)
{
    switch (end) {
    case SHIP_ACK_STORED: return;
    case SHIP_ACK_TIMEOUT:
        reply_failure(reply, 504, "remote_timeout",
                      "The write is durable on this server, but not yet in the backup repository; "
                      "it will be once the shipped log reaches its X-LSN");
        return;
    case SHIP_ACK_FENCED:
        reply_failure(reply, 503, "fenced",
                      "The write is durable on this server only: nothing that it writes goes into "
                      "the backup repository any more, and another server may have taken over");
        return;
    }
}
