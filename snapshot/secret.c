/* secret.c — the data key: made, wrapped, unwrapped; see secret.h and secret_format.h. */
#include "secret.h"

#include "base/file.h"
#include "fields.h"
#include "secret_inner.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define KEY_FORMAT        1
#define KEY_JSON_MAX      65536
#define KEY_FILE_MIN      32
#define KEY_FILE_MAX      65536
#define SCRYPT_LOG2N      17
#define SCRYPT_LOG2N_MAX  20
#define SCRYPT_R          8
#define SCRYPT_P          1
#define SCRYPT_MEMORY_MAX ((uint64_t)2 << 30)
#define WRAPPED_BYTES     (SECRET_KEY_BYTES + SECRET_TAG_BYTES)

typedef struct wrap { /* keys/<key_id>.json */
    bool of_file;
    char key_id[NAMES_ID_SIZE];
    uint64_t log2n;
    uint8_t salt[SECRET_SALT_BYTES], nonce[SECRET_NONCE_BYTES], wrapped[WRAPPED_BYTES];
} wrap;

void secret_free(secret *s)
{
    if (s) OPENSSL_cleanse(s, sizeof *s);
    free(s);
}

void secret_freep(secret **s) { secret_free(*s); }
const char *secret_key_id(const secret *s) { return s->key_id; }

/* ---- the key around the key ---- */

static varve_status key_of_passphrase(const secret_source *source, const wrap *w,
                                      uint8_t ret[SECRET_KEY_BYTES], varve_error *err)
{
    if (EVP_PBE_scrypt(source->passphrase, strlen(source->passphrase), w->salt, sizeof w->salt,
                       (uint64_t)1 << w->log2n, SCRYPT_R, SCRYPT_P, SCRYPT_MEMORY_MAX, ret,
                       SECRET_KEY_BYTES) == 1)
        return VARVE_OK;
    return vv_fail(err, VARVE_NO_MEMORY, "no memory to derive the key of a passphrase");
}

static varve_status key_of_file(const secret_source *source, const wrap *w,
                                uint8_t ret[SECRET_KEY_BYTES], varve_error *err)
{
    char *bytes = NULL;
    size_t len = 0;
    VV_TRY(file_read(source->key_file, KEY_FILE_MAX, &bytes, &len, err));
    varve_status status =
        len < KEY_FILE_MIN
            ? vv_fail(err, VARVE_INVALID, "the key file %s has %zu bytes; at least %d are needed",
                      source->key_file, len, KEY_FILE_MIN)
            : sums_hmac(w->salt, sizeof w->salt, bytes, len, ret, err);
    OPENSSL_cleanse(bytes, len);
    free(bytes);
    return status;
}

static varve_status outer_key(const secret_source *source, const wrap *w,
                              uint8_t ret[SECRET_KEY_BYTES], varve_error *err)
{
    if (w->of_file ? !source->key_file : !source->passphrase)
        return vv_fail(err, VARVE_INVALID, "the repository is encrypted; its key needs a %s",
                       w->of_file ? "key file" : "passphrase");
    return w->of_file ? key_of_file(source, w, ret, err) : key_of_passphrase(source, w, ret, err);
}

static secret_box wrap_box(const wrap *w, const uint8_t *key)
{
    secret_box box = {.key = key, .associated = w->key_id, .associated_len = strlen(w->key_id)};
    memcpy(box.nonce, w->nonce, sizeof box.nonce);
    return box;
}

static varve_status id_bytes(secret *s, varve_error *err)
{
    size_t n = 0;
    for (const char *at = s->key_id; *at && n < sizeof s->key_id_bytes; at += 2) {
        char pair[3] = {0};
        if (*at == '-') at++;
        memcpy(pair, at, 2);
        s->key_id_bytes[n++] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return n == sizeof s->key_id_bytes ? VARVE_OK
                                       : vv_fail(err, VARVE_CORRUPT, "the key id is no UUID");
}

/* ---- the text of a key ---- */

static json_t *new_hex(const uint8_t *bytes, size_t len)
{
    char text[2 * WRAPPED_BYTES + 1] = "";
    for (size_t i = 0; i < len; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return json_string(text);
}

static varve_status write_wrap(const wrap *w, char **ret_json, varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = json_object();
    VV_CLEANUP(buffer_done) buffer text = {0};
    buffer_init(&text, KEY_JSON_MAX, "key");
    VV_TRY(fields_set(j, "format", fields_new_u64(KEY_FORMAT), err));
    VV_TRY(fields_set(j, "key_id", json_string(w->key_id), err));
    VV_TRY(fields_set(j, "kind", json_string(w->of_file ? "file" : "passphrase"), err));
    if (!w->of_file) {
        VV_TRY(fields_set(j, "scrypt_log2n", fields_new_u64(w->log2n), err));
        VV_TRY(fields_set(j, "scrypt_r", fields_new_u64(SCRYPT_R), err));
        VV_TRY(fields_set(j, "scrypt_p", fields_new_u64(SCRYPT_P), err));
    }
    VV_TRY(fields_set(j, "salt", new_hex(w->salt, sizeof w->salt), err));
    VV_TRY(fields_set(j, "nonce", new_hex(w->nonce, sizeof w->nonce), err));
    VV_TRY(fields_set(j, "wrapped", new_hex(w->wrapped, sizeof w->wrapped), err));
    VV_TRY(fields_dump(j, &text, err));
    VV_TRY(buffer_add(&text, "", 1, err));
    *ret_json = buffer_take(&text);
    return VARVE_OK;
}

static void read_cost(fields *f, wrap *w)
{
    w->log2n = fields_u64(f, "scrypt_log2n", SCRYPT_LOG2N_MAX);
    uint64_t r = fields_u64(f, "scrypt_r", SCRYPT_R), p = fields_u64(f, "scrypt_p", SCRYPT_P);
    if (w->log2n == 0 || r != SCRYPT_R || p != SCRYPT_P)
        (void)fields_fail(f, "scrypt_log2n", "not as we write it");
}

static varve_status read_wrap(const char *json, size_t len, wrap *ret, varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = NULL;
    wrap w = {0};
    VV_TRY(fields_parse(json, len, "the key of the repository", &j, err));
    fields f = fields_begin(j, "the key of the repository", err);
    fields_format(&f, KEY_FORMAT);
    fields_id(&f, "key_id", w.key_id);
    const char *kind = fields_text(&f, "kind", 16);
    w.of_file = strcmp(kind, "file") == 0;
    if (!w.of_file && strcmp(kind, "passphrase") != 0) (void)fields_fail(&f, "kind", "unknown");
    if (!w.of_file) read_cost(&f, &w);
    bool sizes = fields_hex(&f, "salt", w.salt, sizeof w.salt) == sizeof w.salt;
    sizes &= fields_hex(&f, "nonce", w.nonce, sizeof w.nonce) == sizeof w.nonce;
    sizes &= fields_hex(&f, "wrapped", w.wrapped, sizeof w.wrapped) == sizeof w.wrapped;
    if (!sizes) (void)fields_fail(&f, "wrapped", "cut short");
    VV_TRY(fields_end(&f));
    *ret = w;
    return VARVE_OK;
}

/* ---- make and open ---- */

static varve_status secret_new(const char *key_id, secret **ret, varve_error *err)
{
    VV_CLEANUP(secret_freep) secret *s = calloc(1, sizeof *s);
    if (!s) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a key");
    memcpy(s->key_id, key_id, sizeof s->key_id);
    VV_TRY(id_bytes(s, err));
    *ret = s;
    s = NULL;
    return VARVE_OK;
}

varve_status secret_create(const secret_source *source, const snapshot_env *env, secret **ret,
                           char **ret_json, varve_error *err)
{
    VV_CLEANUP(secret_freep) secret *s = NULL;
    wrap w = {.of_file = source->key_file != NULL, .log2n = source->scrypt_log2n};
    uint8_t key[SECRET_KEY_BYTES];
    if (w.log2n == 0) w.log2n = SCRYPT_LOG2N;
    if (w.log2n > SCRYPT_LOG2N_MAX)
        return vv_fail(err, VARVE_LIMIT, "scrypt_log2n is %d at the most", SCRYPT_LOG2N_MAX);
    if (!w.of_file && (!source->passphrase || !*source->passphrase))
        return vv_fail(err, VARVE_INVALID, "encryption needs a passphrase or a key file");
    VV_TRY(env_make_id(env, w.key_id, err));
    VV_TRY(env->random(env->arg, w.salt, sizeof w.salt, err));
    VV_TRY(env->random(env->arg, w.nonce, sizeof w.nonce, err));
    VV_TRY(secret_new(w.key_id, &s, err));
    VV_TRY(env->random(env->arg, s->data_key, sizeof s->data_key, err));
    VV_TRY(outer_key(source, &w, key, err));
    secret_box box = wrap_box(&w, key);
    varve_status status = secret_box_seal(&box, s->data_key, sizeof s->data_key, w.wrapped, err);
    OPENSSL_cleanse(key, sizeof key);
    VV_TRY(status);
    VV_TRY(write_wrap(&w, ret_json, err));
    *ret = s;
    s = NULL;
    return VARVE_OK;
}

varve_status secret_open(const secret_source *source, const char *json, size_t len, secret **ret,
                         varve_error *err)
{
    VV_CLEANUP(secret_freep) secret *s = NULL;
    wrap w;
    uint8_t key[SECRET_KEY_BYTES];
    VV_TRY(read_wrap(json, len, &w, err));
    VV_TRY(secret_new(w.key_id, &s, err));
    VV_TRY(outer_key(source, &w, key, err));
    secret_box box = wrap_box(&w, key);
    varve_status status = secret_box_open(&box, w.wrapped, SECRET_KEY_BYTES, s->data_key, err);
    OPENSSL_cleanse(key, sizeof key);
    if (status == VARVE_CORRUPT)
        return vv_fail(err, VARVE_INVALID, "wrong %s: it does not open the key %s",
                       w.of_file ? "key file" : "passphrase", w.key_id);
    VV_TRY(status);
    *ret = s;
    s = NULL;
    return VARVE_OK;
}
