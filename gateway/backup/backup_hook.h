/* backup_hook.h — telling somebody of a failed backup: a program that gets a JSON document on its
 * standard input, or a web address that it is posted to. Bounded in time either way: a program and
 * all that it started is killed at the end of it.
 *
 *   exec:/path/of/program      no arguments, no shell; exit code 0 is success
 *   http(s)://…                POST, application/json; 2xx is success; redirects and proxies of
 *                              the environment are not followed
 *
 * Ownership  none.   Threads  any.
 * Errors     VARVE_INVALID no such form · VARVE_IO it failed, with what it said · VARVE_TIMEOUT. */
#ifndef GATEWAY_BACKUP_HOOK_H
#define GATEWAY_BACKUP_HOOK_H

#include "base/status.h"

#define BACKUP_HOOK_BYTES_MAX 16384 /* of a document; fits into a pipe as a whole */

VV_CHECKED varve_status backup_hook_check(const char *target, varve_error *err);
VV_CHECKED varve_status backup_hook_call(const char *target, const char *json, uint64_t timeout_ms,
                                         varve_error *err);

/* backup_hook_http.c */
VV_CHECKED varve_status backup_hook_post(const char *url, const char *json, uint64_t timeout_ms,
                                         varve_error *err);

#endif
