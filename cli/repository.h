/* repository.h — the backup repository of a command line: its flags, and opening it with what the
 * environment adds to them (repo_access.h).
 *
 * Ownership  texts are borrowed from command line and environment; repository_done() ends a
 *            session, also a half-opened one.
 * Threads    one at a time.
 * Errors     those of repo.h; VARVE_INVALID: several databases, and none was named. */
#ifndef CLI_REPOSITORY_H
#define CLI_REPOSITORY_H

#include "verb.h"

#include "snapshot.h"

typedef struct repository_flags {
    repo_access at;     /* url NULL until named */
    const char *db_id;  /* NULL: of the folder, or the only one there */
    const char *folder; /* whose backups; NULL: not named */
} repository_flags;

#define REPOSITORY_FLAGS                                                                           \
    {"repo", FLAG_REPO, "URL|PATH", "the repository: a folder, or s3://BUCKET/PREFIX"},            \
        {"db", FLAG_DB, "ID", "of this database (default: of FOLDER, or the only one there)"},     \
        {"key-file", FLAG_KEY_FILE, "FILE", "key (default: $VARVE_BACKUP_PASSPHRASE, if set)"},    \
        {"endpoint", FLAG_ENDPOINT, "URL", "of the object store (default: Amazon's)"},             \
        {"region", FLAG_REGION, "NAME", "of the bucket (default: $AWS_REGION, us-east-1)"},        \
        {"profile", FLAG_PROFILE, "NAME", "of the credentials file"},                              \
        {"credentials", FLAG_CREDENTIALS, "FILE", "in the format of ~/.aws/credentials"},          \
        {"metadata-service", FLAG_METADATA, NULL, "credentials of the instance (IMDSv2)"},         \
        {"ca-file", FLAG_CA_FILE, "FILE", "certificates to trust (default: the system's)"},        \
        {"virtual-host", FLAG_VIRTUAL_HOST, NULL, "the bucket is part of the host's name"},        \
        {"plain-http", FLAG_PLAIN_HTTP, NULL, "allow http:// beyond this machine"},                \
    {                                                                                              \
        "rate", FLAG_RATE, "BYTES", "a second, at most"                                            \
    }

/* Take a flag of the above; false when it is another. *ret_code: VERB_USAGE, said, if its value is
 * wrong. */
bool repository_flag(repository_flags *f, const verb *v, int key, const char *value, int *ret_code);
/* Is a repository named? Adds the environment. */
int repository_check(const verb *v, repository_flags *f);

typedef repo_session repository_session;

/* Of its databases: that of the flags, that of the folder, or the only one. */
VV_CHECKED varve_status repository_open(const repository_flags *f, repository_session *ret,
                                        varve_error *err);
/* Of the database `db_id`; the repository is made if it is missing. */
VV_CHECKED varve_status repository_open_or_create(const repository_flags *f, const char *db_id,
                                                  repository_session *ret, varve_error *err);
static inline void repository_done(repository_session *s) { repo_session_done(s); }

#endif
