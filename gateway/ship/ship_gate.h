/* ship_gate.h — where a request that writes meets the shipper: before its handler (may it write at
 * all?), and between the handler and its reply (is what it wrote in the repository?).
 *
 *   X-Varve-Durability: remote|local   of one request; without it, the setting `durability`
 *
 *   400  invalid_argument  another word, or remote where nothing is shipped; nothing was written
 *   503  fenced            before the handler: nothing was written. After it: the write is on this
 *                          server only, and another one may have taken over
 *   504  remote_timeout    the write is on this server's disk and not yet in the repository. It is
 *                          shipped as soon as that is possible: X-LSN of the reply tells when
 *
 * Routes that write no data (jobs, indexes, snapshots, administration) pass.
 *
 * Ownership  the ack belongs to the request and must live until its `done` was called.
 * Threads    handlers' threads; `done` runs on the thread of the acks.
 * Errors     become replies. */
#ifndef GATEWAY_SHIP_GATE_H
#define GATEWAY_SHIP_GATE_H

#include "routes.h"
#include "ship_acks.h"

/* False: the reply is filled, and the handler must not run. */
bool ship_gate_admits(gateway *g, const route *route, http_request *r, http_reply *reply);
/* After the handler. True: ack->done will be called, and then ship_gate_settle has to be. */
bool ship_gate_holds(gateway *g, const route *route, http_request *r, http_reply *reply,
                     ship_ack *ack);
void ship_gate_settle(http_reply *reply, ship_ack_end end);

#endif
