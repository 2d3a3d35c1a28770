/* filter_json_inner.h — inner to filter_json*.c: places for messages, readers of JSON values, and
 * what the files ask of each other.
 *
 *   filter_json.c           entry; must, should, must_not, min_should; conditions
 *   filter_json_field.c     conditions on a field: match, range, values_count, …
 *   filter_json_geo.c       geo_bounding_box, geo_radius, geo_polygon
 *   filter_json_ids.c       has_id, slice
 *   filter_json_govector.c  the other grammar
 *   filter_json_read.c      places, members, numbers, texts
 *
 * Ownership  nodes, paths and texts are in the arena of the filter; places are on the stack.
 * Threads    one at a time.
 * Errors     as filter_json.h says. */
#ifndef VARVE_FILTER_JSON_INNER_H
#define VARVE_FILTER_JSON_INNER_H

#include "filter/filter_json.h"

/* Where a value stands: filter.must[2].range.gt */
typedef struct json_place {
    const struct json_place *up; /* NULL: the root */
    const char *key;             /* NULL: an element */
    size_t index;
} json_place;

static inline json_place place_key(const json_place *up, const char *key)
{
    return (json_place){up, key, 0};
}
static inline json_place place_index(const json_place *up, size_t index)
{
    return (json_place){up, NULL, index};
}

/* ---- filter_json_read.c ---------------------------------------------------------------------- */

/* VARVE_INVALID "place: …" */
varve_status json_fail(const json_place *at, varve_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "expected WHAT" */
varve_status json_expected(const json_place *at, const char *what, varve_error *err);
/* Put the place before what another function said in err; OK is passed through. */
varve_status json_placed(const json_place *at, varve_status status, varve_error *err);

/* It is an object without other keys than these (NULL behind the last); null members may have any
 * of them. */
VV_CHECKED varve_status json_check_keys(const json_t *json, const json_place *at,
                                        const char *const *keys, varve_error *err);
/* A member; NULL: absent, or null. */
const json_t *json_member(const json_t *object, const char *key);

VV_CHECKED varve_status json_read_text(const json_t *json, const json_place *at, varve_text *ret,
                                       varve_error *err);
VV_CHECKED varve_status json_read_bool(const json_t *json, const json_place *at, bool *ret,
                                       varve_error *err);
/* An integer from 0 to 2^64-1. */
VV_CHECKED varve_status json_read_uint(const json_t *json, const json_place *at, uint64_t *ret,
                                       varve_error *err);
VV_CHECKED varve_status json_read_double(const json_t *json, const json_place *at, double *ret,
                                         varve_error *err);
/* null, a boolean, number or text; false: an array or object. Borrowed. */
bool json_read_scalar(const json_t *json, value *ret);

/* A node that is two_valued. */
VV_CHECKED varve_status json_node(filter *f, filter_op op, const json_place *at, filter_node **ret,
                                  varve_error *err);
/* A node with room for so many children. */
VV_CHECKED varve_status json_parent(filter *f, filter_op op, size_t children, const json_place *at,
                                    filter_node **ret, varve_error *err);
/* NOT of what *node is. */
VV_CHECKED varve_status json_negate(filter *f, const json_place *at, filter_node **node,
                                    varve_error *err);
/* A field by the grammar of paths. */
VV_CHECKED varve_status json_path_parse(filter *f, const json_t *json, const json_place *at,
                                        const path **ret, varve_error *err);
/* A literal; texts are never date-times: they match byte by byte. */
VV_CHECKED varve_status json_value_make(filter *f, const value *v, const json_place *at,
                                        filter_value *ret, varve_error *err);
VV_CHECKED varve_status json_text_keep(filter *f, varve_text text, const json_place *at,
                                       varve_text *ret, varve_error *err);

/* ---- conditions ------------------------------------------------------------------------------ */

VV_CHECKED varve_status json_filter_parse(filter *f, const json_t *json, const json_place *at,
                                          size_t depth, filter_node **ret, varve_error *err);
/* {"key": …, one condition} */
VV_CHECKED varve_status json_field_parse(filter *f, const json_t *json, const json_place *at,
                                         filter_node **ret, varve_error *err);
/* {gt, gte, lt, lte} of numbers or date-times, into a RANGE. */
VV_CHECKED varve_status json_range_parse(filter *f, const json_t *json, const json_place *at,
                                         filter_range *ret, varve_error *err);
VV_CHECKED varve_status json_geo_parse(filter *f, filter_node *leaf, const json_t *json,
                                       const json_place *at, varve_error *err);
VV_CHECKED varve_status json_has_id_parse(filter *f, const json_t *json, const json_place *at,
                                          filter_node **ret, varve_error *err);
VV_CHECKED varve_status json_slice_parse(filter *f, const json_t *json, const json_place *at,
                                         filter_node **ret, varve_error *err);

#endif
