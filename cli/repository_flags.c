/* repository_flags.c — the part of repository.h about flags. */
#include "repository.h"

#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool take_text(repository_flags *f, int key, const char *value)
{
    switch (key) {
    case FLAG_REPO: f->at.url = value; return true;
    case FLAG_DB: f->db_id = value; return true;
    case FLAG_KEY_FILE: f->at.secret.key_file = value; return true;
    case FLAG_ENDPOINT: f->at.s3.endpoint = value; return true;
    case FLAG_REGION: f->at.s3.region = value; return true;
    case FLAG_PROFILE: f->at.s3.profile = value; return true;
    case FLAG_CREDENTIALS: f->at.s3.credentials_file = value; return true;
    case FLAG_CA_FILE: f->at.s3.ca_file = value; return true;
    case FLAG_STORAGE_CLASS: f->at.s3.storage_class = value; return true;
    case FLAG_ENCRYPT_BY: f->at.s3.server_side_encryption = value; return true;
    case FLAG_KMS_KEY: f->at.s3.kms_key_id = value; return true;
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
    case FLAG_VIRTUAL_HOST: f->at.s3.virtual_host = true; return true;
    case FLAG_METADATA: f->at.s3.metadata_service = true; return true;
    case FLAG_PLAIN_HTTP: f->at.s3.plain_http_allowed = true; return true;
    case FLAG_RATE:
        if (!text_to_u64(value, strlen(value), &f->at.limits.bytes_per_s) ||
            !f->at.limits.bytes_per_s)
            *ret_code = verb_usage(v, "--rate is a number of bytes, not '%s'", value);
        return true;
    default: return false;
    }
}

int repository_check(const verb *v, repository_flags *f)
{
    if (!f->at.url) return verb_usage(v, "name a repository: --repo");
    repo_access_add_environment(&f->at, getenv);
    return VERB_OK;
}
