/* repo.c — open or make a repository, and its objects; see repo.h. */
#include "repo.h"

#include "fields.h"

#include <stdlib.h>
#include <string.h>

#define CIPHER_NONE "none"
#define CIPHER      "aes-256-gcm"

void repo_close(repo *r)
{
    if (r) secret_free(r->secret);
    free(r);
}

void repo_closep(repo **r) { repo_close(*r); }

/* ---- objects ------------------------------------------------------------------------------- */

varve_status repo_put_json(repo *r, const char *key, const json_t *object, size_t max_bytes,
                           remote_when when, const char *tag, char ret_tag[REMOTE_TAG_MAX],
                           varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer text = {0};
    buffer_init(&text, max_bytes, key);
    VV_TRY(fields_dump(object, &text, err));
    return remote_put(r->remote, key, text.data, text.len, when, tag, ret_tag, err);
}

varve_status repo_read_json(repo *r, const char *key, size_t max_bytes, json_t **ret,
                            char ret_tag[REMOTE_TAG_MAX], varve_error *err)
{
    VV_CLEANUP(vv_freep) char *text = NULL;
    size_t len = 0;
    VV_TRY(remote_read(r->remote, key, max_bytes, &text, &len, ret_tag, err));
    return fields_parse(text, len, key, ret, err);
}

varve_status repo_put_new(repo *r, const char *key, const void *bytes, size_t len, varve_error *err)
{
    remote_stat_result found;
    if (r->can.put_if_absent)
        return remote_put(r->remote, key, bytes, len, REMOTE_IF_ABSENT, NULL, NULL, err);
    varve_status status = remote_stat(r->remote, key, &found, err);
    if (status == VARVE_OK) return vv_fail(err, VARVE_EXISTS, "'%s' is there already", key);
    if (status != VARVE_NOT_FOUND) return status;
    return remote_put(r->remote, key, bytes, len, REMOTE_ALWAYS, NULL, NULL, err);
}

static varve_status add_to_buffer(void *arg, const void *bytes, size_t len, varve_error *err)
{
    return buffer_add(arg, bytes, len, err);
}

varve_status repo_seal(const repo *r, const void *bytes, size_t len, buffer *ret, varve_error *err)
{
    VV_CLEANUP(secret_codec_freep) secret_codec *c = NULL;
    uint8_t sum[SUMS_BYTES];
    if (!r->secret) return buffer_add(ret, bytes, len, err);
    VV_TRY(sums_of_bytes(bytes, len, sum, err));
    VV_TRY(secret_seal_new(r->secret, sum, add_to_buffer, ret, &c, err));
    VV_TRY(secret_codec_put(c, bytes, len, err));
    return secret_codec_end(c, err);
}

static varve_status unseal(const repo *r, const char *bytes, size_t len, buffer *ret,
                           varve_error *err)
{
    VV_CLEANUP(secret_codec_freep) secret_codec *c = NULL;
    VV_TRY(secret_unseal_new(r->secret, add_to_buffer, ret, &c, err));
    VV_TRY(secret_codec_put(c, bytes, len, err));
    VV_TRY(secret_codec_end(c, err));
    ret->max_bytes++;
    return buffer_add(ret, "", 1, err);
}

varve_status repo_read_sealed(repo *r, const char *key, size_t max_bytes, char **ret_bytes,
                              size_t *ret_len, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    VV_CLEANUP(buffer_done) buffer plain = {0};
    size_t len = 0;
    uint64_t stored = max_bytes;
    if (!r->secret) return remote_read(r->remote, key, max_bytes, ret_bytes, ret_len, NULL, err);
    if (!secret_sealed_size(r->secret, max_bytes, &stored)) stored = SIZE_MAX;
    VV_TRY(remote_read(r->remote, key, (size_t)stored, &bytes, &len, NULL, err));
    buffer_init(&plain, max_bytes, key);
    varve_status status = unseal(r, bytes, len, &plain, err);
    if (status != VARVE_OK) {
        vv_error_prefix(err, "%s", key);
        return status;
    }
    *ret_len = plain.len - 1;
    *ret_bytes = buffer_take(&plain);
    return VARVE_OK;
}

/* ---- repo.json ----------------------------------------------------------------------------- */

static void key_of(name_kind kind, const char *id, char ret[NAMES_KEY_MAX])
{
    object_name n = {.kind = kind};
    memcpy(n.id, id, sizeof n.id);
    names_build(&n, ret);
}

static varve_status write_head(repo *r, varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = json_object();
    VV_TRY(fields_set(j, "format", fields_new_u64(REPO_FORMAT), err));
    VV_TRY(fields_set(j, "repo_id", json_string(r->repo_id), err));
    VV_TRY(fields_set(j, "hash", json_string("sha256"), err));
    VV_TRY(fields_set(j, "cipher", json_string(r->secret ? CIPHER : CIPHER_NONE), err));
    VV_TRY(fields_set(j, "created_unix_ms", fields_new_u64(env_now_ms(&r->env)), err));
    if (r->secret) VV_TRY(fields_set(j, "key_id", json_string(secret_key_id(r->secret)), err));
    remote_when when = r->can.put_if_absent ? REMOTE_IF_ABSENT : REMOTE_ALWAYS;
    return repo_put_json(r, "repo.json", j, REPO_SMALL_BYTES_MAX, when, NULL, NULL, err);
}

static varve_status store_key(repo *r, const repo_options *options, char ret_key[NAMES_KEY_MAX],
                              varve_error *err)
{
    VV_CLEANUP(vv_freep) char *json = NULL;
    VV_TRY(secret_create(options->secret, &r->env, &r->secret, &json, err));
    key_of(NAME_KEY, secret_key_id(r->secret), ret_key);
    return repo_put_new(r, ret_key, json, strlen(json), err);
}

/* VARVE_EXISTS: somebody else was first; what we made is taken away again. */
static varve_status create(repo *r, const repo_options *options, varve_error *err)
{
    char key[NAMES_KEY_MAX] = "";
    VV_TRY(env_make_id(&r->env, r->repo_id, err));
    if (options->secret) VV_TRY(store_key(r, options, key, err));
    varve_status status = write_head(r, err);
    if (status != VARVE_EXISTS) return status;
    if (*key) VV_TRY(remote_delete(r->remote, key, err));
    secret_free(r->secret);
    r->secret = NULL;
    return VARVE_EXISTS;
}

static varve_status load_key(repo *r, const char *key_id, const secret_source *source,
                             varve_error *err)
{
    VV_CLEANUP(vv_freep) char *json = NULL;
    char key[NAMES_KEY_MAX];
    size_t len = 0;
    key_of(NAME_KEY, key_id, key);
    if (!source)
        return vv_fail(err, VARVE_INVALID,
                       "the repository is encrypted: its passphrase or key file is needed");
    VV_TRY(remote_read(r->remote, key, REPO_SMALL_BYTES_MAX, &json, &len, NULL, err));
    VV_TRY(secret_open(source, json, len, &r->secret, err));
    if (strcmp(secret_key_id(r->secret), key_id) == 0) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "'%s' holds another key", key);
}

static varve_status read_head(repo *r, const secret_source *source, varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = NULL;
    char key_id[NAMES_ID_SIZE] = "";
    VV_TRY(repo_read_json(r, "repo.json", REPO_SMALL_BYTES_MAX, &j, NULL, err));
    fields f = fields_begin(j, "repo.json", err);
    fields_format(&f, REPO_FORMAT);
    VV_TRY(f.status);
    fields_id(&f, "repo_id", r->repo_id);
    (void)fields_u64(&f, "created_unix_ms", INT64_MAX);
    const char *hash = fields_text(&f, "hash", 16), *cipher = fields_text(&f, "cipher", 16);
    bool sealed = strcmp(cipher, CIPHER) == 0;
    if (strcmp(hash, "sha256") != 0) (void)fields_fail(&f, "hash", "unknown");
    if (!sealed && strcmp(cipher, CIPHER_NONE) != 0) (void)fields_fail(&f, "cipher", "unknown");
    if (sealed) fields_id(&f, "key_id", key_id);
    VV_TRY(fields_end(&f));
    if (sealed) return load_key(r, key_id, source, err);
    if (source)
        return vv_fail(err, VARVE_INVALID,
                       "a passphrase or key file was given, but the repository is not encrypted");
    return VARVE_OK;
}

/* Who may only read is told nothing of what else the store could do. */
static varve_status find_abilities(repo *r, varve_error *err)
{
    varve_status status = remote_get_abilities(r->remote, &r->can, err);
    r->read_only = status == VARVE_READ_ONLY;
    return r->read_only ? VARVE_OK : status;
}

varve_status repo_check_writable(const repo *r, varve_error *err)
{
    if (!r->read_only) return VARVE_OK;
    return vv_fail(err, VARVE_READ_ONLY, "the repository %s can only be read",
                   remote_name(r->remote));
}

varve_status repo_open(remote *remote, const repo_options *options, repo **ret, varve_error *err)
{
    VV_CLEANUP(repo_closep) repo *r = calloc(1, sizeof *r);
    if (!r) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a repository");
    if (!options->db_id || !names_is_id(options->db_id))
        return vv_fail(err, VARVE_INVALID, "the id of a database is a UUID in lower case");
    r->remote = remote;
    r->env = options->env ? *options->env : snapshot_env_real;
    memcpy(r->db_id, options->db_id, sizeof r->db_id);
    if (options->create) VV_TRY(remote_get_abilities(remote, &r->can, err));
    varve_status status = read_head(r, options->secret, err);
    if (status == VARVE_NOT_FOUND && options->create) {
        status = create(r, options, err);
        if (status == VARVE_EXISTS) status = read_head(r, options->secret, err);
    }
    VV_TRY(status);
    if (!options->create) VV_TRY(find_abilities(r, err));
    *ret = r;
    r = NULL;
    return VARVE_OK;
}
