/* server.h — pieces of the server's JSON that several verbs need.
 * Errors  VARVE_INTERNAL for an answer that is not what it should be. */
#ifndef CLI_SERVER_H
#define CLI_SERVER_H

#include "http_client.h"
#include "place.h"

/* {"database_name":…,"collection_name":…}; the second only when the place names one. */
json_t *server_body(const place *at);
/* Add "ids": [...]. */
VV_CHECKED varve_status server_add_ids(json_t *body, const char *key, const varve_id *ids,
                                       size_t count, varve_error *err);
/* ret borrows from value. */
VV_CHECKED varve_status server_id(const json_t *value, varve_id *ret, varve_error *err);
/* An array of numbers; free() it. */
VV_CHECKED varve_status server_floats(const json_t *array, float **ret_vector, size_t *ret_dim,
                                      varve_error *err);
/* Rows by id as three parallel arrays: [vectors, ids, fields]. */
VV_CHECKED varve_status server_get(http_client *http, const place *at, const varve_id *ids,
                                   size_t count, json_t **ret_rows, varve_error *err);

VV_CHECKED varve_status server_exists(http_client *http, const place *at, bool *ret_exists,
                                      varve_error *err);
/* Make the collection, and its database when that is missing. */
VV_CHECKED varve_status server_create(http_client *http, const place *at,
                                      const varve_collection_spec *spec, varve_error *err);
/* Everything it tells of a collection. */
VV_CHECKED varve_status server_stats(http_client *http, const place *at, json_t **ret_params,
                                     varve_error *err);
/* Choose it, without waiting for the build. */
VV_CHECKED varve_status server_index_mode(http_client *http, const place *at,
                                          const char *index_mode, varve_error *err);
/* VARVE_INVALID unless the collection holds vectors of this type. */
VV_CHECKED varve_status server_check_dtype(http_client *http, const place *at, const char *dtype,
                                           varve_error *err);
VV_CHECKED varve_status server_drop(http_client *http, const place *at, varve_error *err);

#endif
