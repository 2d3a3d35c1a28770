/* lynse_ids.h — public ids in JSON: a non-empty string or an unsigned 64-bit integer, exactly. 1
 * and "1" differ; booleans, fractions, negative numbers and "" are no ids. An id is never looked up
 * as anything but a public id.
 *
 * Ownership  texts of ids borrow from the JSON value; lynse_ids_done frees the list.
 * Threads    one at a time. */
#ifndef LYNSE_IDS_H
#define LYNSE_IDS_H

#include "base/json.h"
#include "base/status.h"

typedef struct lynse_ids {
    varve_id *items;
    size_t count;
} lynse_ids;

VV_CHECKED varve_status lynse_id_read(const json_t *value, const char *field, varve_id *ret,
                                      varve_error *err);
/* A flat array of ids; `field` names it in messages: "ids[3] …". */
VV_CHECKED varve_status lynse_ids_read(const json_t *array, const char *field, lynse_ids *ret,
                                       varve_error *err);
void lynse_ids_done(lynse_ids *ids); /* also fits VV_CLEANUP */
/* VARVE_INVALID "duplicate external id X within the same insert batch". */
VV_CHECKED varve_status lynse_ids_check_once(const varve_id *ids, size_t count, varve_error *err);

VV_CHECKED varve_status lynse_out_id(buffer *out, varve_id id, varve_error *err);
VV_CHECKED varve_status lynse_out_ids(buffer *out, const varve_id *ids, size_t count,
                                      varve_error *err); /* [..] */

#endif
