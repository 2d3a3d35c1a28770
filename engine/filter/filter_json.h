/* filter_json.h — the JSON grammars: Qdrant's (must, should, must_not, min_should; match, range,
 * geo_*, values_count, is_empty, is_null, has_id, has_vector, nested, slice) and GoVector's
 * (must, must_not; exact, range, prefix, contains, regex). Nodes are two_valued; field conditions
 * look into arrays (expand).
 * Errors  VARVE_INVALID naming the place: "filter.must[2].range.gt: expected a number or a
 *         date-time". Unknown keys are refused by name. */
#ifndef VARVE_FILTER_JSON_H
#define VARVE_FILTER_JSON_H

#include "filter/filter.h"

#include <jansson.h>

VV_CHECKED varve_status filter_parse_json(const json_t *json, filter **ret, varve_error *err);
VV_CHECKED varve_status filter_parse_json_text(varve_text text, filter **ret, varve_error *err);
VV_CHECKED varve_status filter_parse_govector(const json_t *json, filter **ret, varve_error *err);

#endif
