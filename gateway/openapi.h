/* openapi.h — the API's description, OpenAPI 3.0.3, written from the table of routes. */
#ifndef GATEWAY_OPENAPI_H
#define GATEWAY_OPENAPI_H

#include "base/buffer.h"

VV_CHECKED varve_status openapi_write(buffer *out, varve_error *err);

#endif
