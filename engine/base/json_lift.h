/* json_lift.h — inner to base/json_*: the first of the two passes of json_parse.
 * Ownership  json_lift_done() frees. Threads  one at a time. Errors  as json.h says. */
#ifndef VARVE_BASE_JSON_LIFT_H
#define VARVE_BASE_JSON_LIFT_H

#include "base/json_walk.h"

typedef struct json_lift {
    json_walk walk;
    buffer rest; /* the text without what was lifted; unused if that is all of it */
    const char *const *keys;
    uint32_t *seen; /* of each key: in how many objects it stood */
    float *values;
    size_t value_count, values_room, values_max;
    json_lifted *lifted;
    size_t lifted_count, lifted_room;
} json_lift;

VV_CHECKED varve_status json_lift_text(json_lift *l, const char *text, size_t len,
                                       const char *const *keys, size_t values_max,
                                       varve_error *err);
void json_lift_done(json_lift *l);
/* What jansson is to parse. */
varve_text json_lift_rest(const json_lift *l);

#endif
