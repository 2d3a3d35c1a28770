/* repo_access.h — how a repository is reached: where it lies, with which keys and credentials; what
 * the environment of a program adds to that; and opening it. The command and the server share it.
 *
 *   VARVE_BACKUP_PASSPHRASE                            of an encrypted repository
 *   AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_DEFAULT_REGION,
 *   AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_PROFILE, AWS_SHARED_CREDENTIALS_FILE, AWS_CA_BUNDLE,
 *   HOME                                               for ~/.aws/credentials
 *
 * Ownership  texts are borrowed from command line, configuration and environment, and must live as
 *            long as the access. repo_session_done() ends a session, also a half-opened one.
 * Threads    one at a time.
 * Errors     those of repo.h. */
#ifndef VARVE_SNAPSHOT_REPO_ACCESS_H
#define VARVE_SNAPSHOT_REPO_ACCESS_H

#include "repo.h"

typedef struct repo_access {
    const char *url; /* a folder, or s3://BUCKET/PREFIX */
    secret_source secret;
    remote_s3_options s3;
    remote_limits limits;
    char home_credentials[4096];
} repo_access;

/* getenv of the program: the library itself reads no environment. */
typedef char *repo_access_getenv(const char *name);
/* What is given already is not changed. */
void repo_access_add_environment(repo_access *a, repo_access_getenv *get);

typedef struct repo_session {
    remote *remote;
    repo *repo;
} repo_session;

/* ret may be half-opened after a failure: end it in any case. create: make what is missing. */
VV_CHECKED varve_status repo_access_open(const repo_access *a, const char *db_id, bool create,
                                         repo_session *ret, varve_error *err);
void repo_session_done(repo_session *s);

#endif
