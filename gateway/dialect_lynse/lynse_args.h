/* lynse_args.h — typed arguments of a lynse request. A member that is absent or null has its
 * default; one of a wrong type is VARVE_INVALID and the message names it.
 *
 * Ownership  texts and values returned are borrowed from the body or the query string.
 * Threads    one call belongs to one thread. */
#ifndef LYNSE_ARGS_H
#define LYNSE_ARGS_H

#include "lynse_request.h"

/* Members of the JSON body. */
json_t *lynse_member(const lynse_call *c, const char *key); /* NULL when absent or null */
VV_CHECKED varve_status lynse_need_member(const lynse_call *c, const char *key, json_t **ret,
                                          varve_error *err);
VV_CHECKED varve_status lynse_uint(const lynse_call *c, const char *key, uint64_t fallback,
                                   uint64_t *ret, varve_error *err);
VV_CHECKED varve_status lynse_bool(const lynse_call *c, const char *key, bool *ret,
                                   varve_error *err); /* default false */
VV_CHECKED varve_status lynse_bool_or(const lynse_call *c, const char *key, bool fallback,
                                      bool *ret, varve_error *err);
VV_CHECKED varve_status lynse_number(const lynse_call *c, const char *key, double fallback,
                                     double *ret, varve_error *err);
/* *ret NULL when absent. */
VV_CHECKED varve_status lynse_text(const lynse_call *c, const char *key, const char **ret,
                                   varve_error *err);
VV_CHECKED varve_status lynse_need_text(const lynse_call *c, const char *key, const char **ret,
                                        varve_error *err);
/* A JSON value as an unsigned integer, exactly, also above INT64_MAX. */
bool lynse_json_is_uint(const json_t *value, uint64_t *ret);

/* Members of the query string. */
VV_CHECKED varve_status lynse_query_uint(const lynse_call *c, const char *key, uint64_t fallback,
                                         uint64_t *ret, varve_error *err);
VV_CHECKED varve_status lynse_query_need_uint(const lynse_call *c, const char *key, uint64_t *ret,
                                              varve_error *err);
VV_CHECKED varve_status lynse_query_bool(const lynse_call *c, const char *key, bool *ret,
                                         varve_error *err);
VV_CHECKED varve_status lynse_query_number(const lynse_call *c, const char *key, double fallback,
                                           double *ret, varve_error *err);

/* Decimal digits only, within 64 bits. */
bool lynse_parse_uint(const char *text, uint64_t *ret);

/* VARVE_LIMIT "<field> <n> exceeds server <limit> <max>" unless n <= max or max is 0. */
VV_CHECKED varve_status lynse_limit(const char *field, uint64_t n, const char *limit, uint64_t max,
                                    varve_error *err);
#define LYNSE_LIMIT(c, field, n, limit, err)                                                       \
    lynse_limit(field, n, #limit, gateway_limits((c)->gateway)->limit, err)

#endif
