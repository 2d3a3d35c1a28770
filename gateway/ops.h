/* ops.h — the routes for those who run the server: /healthz, /readyz, /metrics, /openapi.json. */
#ifndef GATEWAY_OPS_H
#define GATEWAY_OPS_H

#include "handler.h"

http_handler ops_healthz, ops_readyz, ops_metrics, ops_openapi;

#endif
