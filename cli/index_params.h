/* index_params.h — parameters of an index as they are typed: "m=24", "alpha=1.3". Stateless.
 * Errors  VARVE_INVALID naming the parameter, and all there are when it is none of them. */
#ifndef CLI_INDEX_PARAMS_H
#define CLI_INDEX_PARAMS_H

#include "base/json.h"

/* Take one; the others stay as they are. */
VV_CHECKED varve_status index_params_take(const char *text, varve_index_params *params,
                                          varve_error *err);
/* Those that are given, as the server wants them; NULL when there is none. */
json_t *index_params_to_json(const varve_index_params *params);
/* "m=24 alpha=1.3"; "-" when all have their defaults. Cut at size. */
void index_params_print(const varve_index_params *params, char *ret, size_t size);

#endif
