/* repo_access.c — see repo_access.h. */
#include "repo_access.h"

#include "base/file.h"

#include <string.h>

/* Set, and not empty; otherwise NULL. */
static const char *read(repo_access_getenv *get, const char *name)
{
    const char *value = get(name);
    return value && *value ? value : NULL;
}

static const char *first(const char *a, const char *b) { return a ? a : b; }

static void add_credentials(repo_access *a, repo_access_getenv *get)
{
    remote_s3_options *s3 = &a->s3;
    const char *home = read(get, "HOME");
    if (!s3->profile && !s3->credentials_file && !s3->metadata_service) {
        s3->access_key = read(get, "AWS_ACCESS_KEY_ID");
        s3->secret_key = read(get, "AWS_SECRET_ACCESS_KEY");
        s3->session_token = read(get, "AWS_SESSION_TOKEN");
    }
    if (s3->access_key || s3->metadata_service) return;
    s3->profile = first(s3->profile, read(get, "AWS_PROFILE"));
    s3->credentials_file = first(s3->credentials_file, read(get, "AWS_SHARED_CREDENTIALS_FILE"));
    if (s3->credentials_file || !home) return;
    size_t size = sizeof a->home_credentials;
    bool fits = file_join(a->home_credentials, size, home, ".aws/credentials", NULL) == VARVE_OK;
    if (fits && file_exists(a->home_credentials)) s3->credentials_file = a->home_credentials;
}

void repo_access_add_environment(repo_access *a, repo_access_getenv *get)
{
    remote_s3_options *s3 = &a->s3;
    if (!a->secret.key_file) a->secret.passphrase = read(get, "VARVE_BACKUP_PASSPHRASE");
    if (strncmp(a->url, "s3://", 5) != 0) return;
    s3->region = first(s3->region, first(read(get, "AWS_REGION"), read(get, "AWS_DEFAULT_REGION")));
    s3->endpoint =
        first(s3->endpoint, first(read(get, "AWS_ENDPOINT_URL_S3"), read(get, "AWS_ENDPOINT_URL")));
    s3->ca_file = first(s3->ca_file, read(get, "AWS_CA_BUNDLE"));
    add_credentials(a, get);
}

varve_status repo_access_open(const repo_access *a, const char *db_id, bool create,
                              repo_session *ret, varve_error *err)
{
    bool secret = a->secret.key_file || a->secret.passphrase;
    const repo_options options = {
        .db_id = db_id, .create = create, .secret = secret ? &a->secret : NULL};
    varve_error cause = {0};
    VV_TRY(remote_open(a->url, &a->s3, create, &a->limits, &ret->remote, err));
    varve_status status = repo_open(ret->remote, &options, &ret->repo, &cause);
    if (status == VARVE_NOT_FOUND)
        return vv_fail(err, status, "there is no repository at %s (%.300s)",
                       remote_name(ret->remote), cause.message);
    if (status != VARVE_OK && err) *err = cause;
    return status;
}

void repo_session_done(repo_session *s)
{
    repo_close(s->repo);
    remote_close(s->remote);
    *s = (repo_session){0};
}
