/* credentials.h — with what requests are signed, and where it comes from: given by the caller, read
 * from a file in the format of ~/.aws/credentials, or asked of an instance's metadata service
 * (IMDSv2). What expires is fetched anew before it does.
 *
 * Ownership  credentials_source_free ends a source; copies are wiped with credentials_wipe.
 * Threads    any number at once; one of them fetches while the others wait.
 * Errors     VARVE_INVALID none given, or a file without what was asked for · VARVE_NOT_FOUND no
 *            such file · VARVE_IO · VARVE_TIMEOUT. No message holds a key, a secret or a token. */
#ifndef VARVE_SNAPSHOT_CREDENTIALS_H
#define VARVE_SNAPSHOT_CREDENTIALS_H

#include "remote_http.h"

typedef struct credentials {
    char access_key[256], secret_key[256];
    char session_token[4096]; /* or "" */
    uint64_t expires_ms;      /* since 1970; 0: never */
    uint64_t generation;      /* of the source; grows with each reload */
} credentials;
void credentials_wipe(credentials *c); /* also fits VV_CLEANUP */

typedef struct credentials_source credentials_source;
/* Strings of `options` are copied. http: for the metadata service; outlives the source. */
VV_CHECKED varve_status credentials_source_new(const remote_s3_options *options, http_pool *http,
                                               credentials_source **ret, varve_error *err);
void credentials_source_free(credentials_source *s); /* NULL-safe */

/* A copy of what to sign with now. */
VV_CHECKED varve_status credentials_get(credentials_source *s, credentials *ret, varve_error *err);
/* `used` was refused: fetch anew, unless somebody else has done so since. ret_changed: what
 * credentials_get gives now is something else. */
VV_CHECKED varve_status credentials_reload(credentials_source *s, const credentials *used,
                                           bool *ret_changed, varve_error *err);

/* The [profile] of a file's text; for tests and fuzzing. */
VV_CHECKED varve_status credentials_parse_file(const char *text, size_t len, const char *profile,
                                               credentials *ret, varve_error *err);
/* The JSON of the metadata service; `text` is followed by JSON_TEXT_PADDING bytes. */
VV_CHECKED varve_status credentials_parse_metadata(const char *text, size_t len, credentials *ret,
                                                   varve_error *err);

#endif
