/* filter_json.h — the JSON grammars, to trees whose nodes are two_valued.
 *
 * Qdrant's: {must, should, must_not, min_should: {conditions, min_count}}, each list or single
 * condition; conditions are such filters again, {has_id: […]}, {has_vector}, {is_empty: {key}},
 * {is_null: {key}}, {nested: {key, filter}}, {slice: {total, index}}, or {key, and one of match,
 * range, values_count, geo_bounding_box, geo_radius, geo_polygon, is_empty, is_null}. Null members
 * are absent ones. Where it leaves a choice:
 *   - "should": [] matches no row, other empty lists every row; so does {};
 *   - conditions on fields look into arrays; match texts and integers are compared by value alone:
 *     a text in the form of a date-time only equals itself; ranges of such texts are of instants;
 *   - any: [] matches nothing, except: [] every value but null;
 *   - text, text_any and phrase compare tokens, with a text index and without;
 *   - an id that is a UUID is found in its usual spelling, too: lower case, with hyphens.
 *
 * GoVector's: {must, must_not}, lists of {key, type: exact (unless given) | range | prefix |
 * contains | regex, match: {value}, range}; the key is a top-level member, not a path. A row
 * without it fails a condition. Arrays and objects in match are equal to nothing.
 *
 * Ownership  the tree is the caller's; the JSON may be freed. Numbers above INT64_MAX come as
 *            json_parse() hands them on.
 * Threads    stateless.
 * Errors     VARVE_INVALID naming the place: "filter.must[2].range.gt: expected a number or a
 *            date-time"; unknown keys are refused by name. VARVE_LIMIT, of place and limit. */
#ifndef VARVE_FILTER_JSON_H
#define VARVE_FILTER_JSON_H

#include "filter/filter.h"

#include <jansson.h>

VV_CHECKED varve_status filter_parse_json(const json_t *json, filter **ret, varve_error *err);
VV_CHECKED varve_status filter_parse_json_text(varve_text text, filter **ret, varve_error *err);
VV_CHECKED varve_status filter_parse_govector(const json_t *json, filter **ret, varve_error *err);

#endif
