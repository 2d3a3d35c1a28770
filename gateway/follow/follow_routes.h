/* follow_routes.h — GET /admin/follow, POST /admin/promote.
 * Threads  any number at once; handlers keep nothing between requests. */
#ifndef GATEWAY_FOLLOW_ROUTES_H
#define GATEWAY_FOLLOW_ROUTES_H

#include "handler.h"

http_handler ops_follow, ops_promote;

#endif
