/* repository_flags.c — the part of repository.h about flags and the environment. */
#include "repository.h"

#include "base/file.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool take_text(repository_flags *f, int key, const char *value)
{
    switch (key) {
    case FLAG_REPO: f->url = value; return true;
    case FLAG_DB: f->db_id = value; return true;
    case FLAG_KEY_FILE: f->secret.key_file = value; return true;
    case FLAG_ENDPOINT: f->s3.endpoint = value; return true;
    case FLAG_REGION: f->s3.region = value; return true;
    case FLAG_PROFILE: f->s3.profile = value; return true;
    case FLAG_CREDENTIALS: f->s3.credentials_file = value; return true;
    case FLAG_CA_FILE: f->s3.ca_file = value; return true;
    case FLAG_STORAGE_CLASS: f->s3.storage_class = value; return true;
    case FLAG_ENCRYPT_BY: f->s3.server_side_encryption = value; return true;
    case FLAG_KMS_KEY: f->s3.kms_key_id = value; return true;
    default: return false;
    }
}

bool repository_flag(repository_flags *f, const verb *v, int key, const char *value, int *ret_code)
{
    *ret_code = VERB_OK;
    if (take_text(f, key, value)) {
        if (key == FLAG_DB && !names_is_id(value))
            *ret_code = verb_usage(v, "--db is a UUID in lower case, not '%s'", value);
        return true;
    }
    switch (key) {
    case FLAG_VIRTUAL_HOST: f->s3.virtual_host = true; return true;
    case FLAG_METADATA: f->s3.metadata_service = true; return true;
    case FLAG_PLAIN_HTTP: f->s3.plain_http_allowed = true; return true;
    case FLAG_RATE:
        if (!text_to_u64(value, strlen(value), &f->limits.bytes_per_s) || !f->limits.bytes_per_s)
            *ret_code = verb_usage(v, "--rate is a number of bytes, not '%s'", value);
        return true;
    default: return false;
    }
}

/* ---- the environment ---- */

/* Set, and not empty; otherwise NULL. */
static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static const char *first(const char *a, const char *b) { return a ? a : b; }

static void add_credentials(repository_flags *f)
{
    remote_s3_options *s3 = &f->s3;
    const char *home = environment("HOME");
    if (!s3->profile && !s3->credentials_file && !s3->metadata_service) {
        s3->access_key = environment("AWS_ACCESS_KEY_ID");
        s3->secret_key = environment("AWS_SECRET_ACCESS_KEY");
        s3->session_token = environment("AWS_SESSION_TOKEN");
    }
    if (s3->access_key || s3->metadata_service) return;
    s3->profile = first(s3->profile, environment("AWS_PROFILE"));
    s3->credentials_file = first(s3->credentials_file, environment("AWS_SHARED_CREDENTIALS_FILE"));
    if (s3->credentials_file || !home) return;
    size_t size = sizeof f->home_credentials;
    bool fits = file_join(f->home_credentials, size, home, ".aws/credentials", NULL) == VARVE_OK;
    if (fits && file_exists(f->home_credentials)) s3->credentials_file = f->home_credentials;
}

int repository_check(const verb *v, repository_flags *f)
{
    if (!f->url) return verb_usage(v, "name a repository: --repo");
    if (!f->secret.key_file) f->secret.passphrase = environment("VARVE_BACKUP_PASSPHRASE");
    if (strncmp(f->url, "s3://", 5) != 0) return VERB_OK;
    remote_s3_options *s3 = &f->s3;
    s3->region =
        first(s3->region, first(environment("AWS_REGION"), environment("AWS_DEFAULT_REGION")));
    s3->endpoint = first(
        s3->endpoint, first(environment("AWS_ENDPOINT_URL_S3"), environment("AWS_ENDPOINT_URL")));
    s3->ca_file = first(s3->ca_file, environment("AWS_CA_BUNDLE"));
    add_credentials(f);
    return VERB_OK;
}
