/* backup_order.h — the members of a job's order, a JSON object from a client.
 * Ownership  texts are borrowed from the object.   Threads  any.
 * Errors     VARVE_INVALID naming the member. Absent and null members have their default. */
#ifndef GATEWAY_BACKUP_ORDER_H
#define GATEWAY_BACKUP_ORDER_H

#include "base/status.h"

#include <jansson.h>

/* No others than these. names ends with NULL. */
VV_CHECKED varve_status order_only(const json_t *order, const char *const *names, varve_error *err);
VV_CHECKED varve_status order_text(const json_t *order, const char *key, const char **ret,
                                   varve_error *err);
VV_CHECKED varve_status order_switch(const json_t *order, const char *key, bool fallback, bool *ret,
                                     varve_error *err);
/* *ret is the default, and stays it when there is no such member. */
VV_CHECKED varve_status order_number(const json_t *order, const char *key, uint64_t most,
                                     uint64_t *ret, varve_error *err);
VV_CHECKED varve_status order_real(const json_t *order, const char *key, double most, double *ret,
                                   varve_error *err);

#endif
