/* secret_codec.c — objects sealed and opened chunk by chunk; see secret_format.h. A chunk is held
 * back until a byte of the next one is there, because only then is it known not to be the last. */
#include "secret_inner.h"

#include "base/bytes.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

struct secret_codec {
    const secret *s;
    bool sealing;
    secret_out out;
    void *arg;
    uint8_t header[SECRET_HEADER_BYTES];
    size_t header_len; /* of what was read of it */
    uint8_t key[SECRET_KEY_BYTES];
    uint64_t chunk; /* number of the one that is being filled */
    size_t in_len;
    uint8_t in[SECRET_CHUNK_BYTES + SECRET_TAG_BYTES];
    uint8_t result[SECRET_CHUNK_BYTES + SECRET_TAG_BYTES];
};

bool secret_sealed_size(const secret *s, uint64_t plain_size, uint64_t *ret)
{
    uint64_t chunks = plain_size / SECRET_CHUNK_BYTES + (plain_size % SECRET_CHUNK_BYTES != 0);
    uint64_t more = SECRET_HEADER_BYTES + SECRET_TAG_BYTES * VV_MAX(chunks, (uint64_t)1);
    return !__builtin_add_overflow(plain_size, s ? more : 0, ret);
}

static varve_status codec_new(const secret *s, secret_out out, void *arg, secret_codec **ret,
                              varve_error *err)
{
    secret_codec *c = calloc(1, sizeof *c);
    if (!c) return vv_fail(err, VARVE_NO_MEMORY, "no memory to encrypt");
    *c = (secret_codec){.s = s, .out = out, .arg = arg};
    *ret = c;
    return VARVE_OK;
}

void secret_codec_free(secret_codec *c)
{
    if (c) OPENSSL_cleanse(c, sizeof *c);
    free(c);
}

void secret_codec_freep(secret_codec **c) { secret_codec_free(*c); }

static varve_status object_key(secret_codec *c, varve_error *err)
{
    return secret_derive(c->s, "varve object", c->header + 32, SECRET_SALT_BYTES, c->key, err);
}

varve_status secret_seal_new(const secret *s, const uint8_t plain[SUMS_BYTES], secret_out out,
                             void *arg, secret_codec **ret, varve_error *err)
{
    VV_CLEANUP(secret_codec_freep) secret_codec *c = NULL;
    VV_TRY(codec_new(s, out, arg, &c, err));
    c->sealing = true;
    memcpy(c->header, SECRET_MAGIC, 8);
    put_u32(c->header + 8, SECRET_VERSION);
    put_u32(c->header + 12, SECRET_CHUNK_BYTES);
    memcpy(c->header + 16, s->key_id_bytes, sizeof s->key_id_bytes);
    VV_TRY(secret_derive(s, "varve salt", plain, SUMS_BYTES, c->header + 32, err));
    VV_TRY(object_key(c, err));
    VV_TRY(out(arg, c->header, sizeof c->header, err));
    c->header_len = sizeof c->header;
    *ret = c;
    c = NULL;
    return VARVE_OK;
}

varve_status secret_unseal_new(const secret *s, secret_out out, void *arg, secret_codec **ret,
                               varve_error *err)
{
    return codec_new(s, out, arg, ret, err);
}

static varve_status check_header(secret_codec *c, varve_error *err)
{
    if (memcmp(c->header, SECRET_MAGIC, 8) != 0)
        return vv_fail(err, VARVE_CORRUPT, "it is no encrypted object");
    if (get_u32(c->header + 8) > SECRET_VERSION)
        return vv_fail(err, VARVE_NEWER_FORMAT, "it has encryption format %u; use a newer version",
                       get_u32(c->header + 8));
    if (get_u32(c->header + 8) == 0 || get_u32(c->header + 12) != SECRET_CHUNK_BYTES)
        return vv_fail(err, VARVE_CORRUPT, "the header of the encrypted object is wrong");
    if (memcmp(c->header + 16, c->s->key_id_bytes, 16) != 0)
        return vv_fail(err, VARVE_CORRUPT, "it is encrypted with another key");
    return object_key(c, err);
}

static varve_status take_header(secret_codec *c, const uint8_t **bytes, size_t *len,
                                varve_error *err)
{
    size_t n = VV_MIN(sizeof c->header - c->header_len, *len);
    memcpy(c->header + c->header_len, *bytes, n);
    c->header_len += n;
    *bytes += n;
    *len -= n;
    return n && c->header_len == sizeof c->header ? check_header(c, err) : VARVE_OK;
}

/* What is in `in`, as the next chunk. */
static varve_status pass_chunk(secret_codec *c, bool last, varve_error *err)
{
    secret_box box = {.key = c->key, .associated = c->header, .associated_len = sizeof c->header};
    put_u64(box.nonce, c->chunk++);
    put_u32(box.nonce + 8, last);
    size_t len = c->in_len;
    c->in_len = 0;
    if (c->sealing) {
        VV_TRY(secret_box_seal(&box, c->in, len, c->result, err));
        return c->out(c->arg, c->result, len + SECRET_TAG_BYTES, err);
    }
    if (len < SECRET_TAG_BYTES || (last && len == SECRET_TAG_BYTES && c->chunk > 1))
        return vv_fail(err, VARVE_CORRUPT, "the encrypted object ends early");
    if (secret_box_open(&box, c->in, len - SECRET_TAG_BYTES, c->result, err) != VARVE_OK)
        return vv_fail(err, VARVE_CORRUPT, "chunk %llu of the encrypted object was altered%s",
                       (unsigned long long)c->chunk - 1, last ? ", or the object cut short" : "");
    return c->out(c->arg, c->result, len - SECRET_TAG_BYTES, err);
}

varve_status secret_codec_put(secret_codec *c, const void *bytes, size_t len, varve_error *err)
{
    const uint8_t *at = bytes;
    size_t room = SECRET_CHUNK_BYTES + (c->sealing ? 0 : SECRET_TAG_BYTES);
    if (c->header_len < sizeof c->header) VV_TRY(take_header(c, &at, &len, err));
    while (len > 0) {
        if (c->in_len == room) VV_TRY(pass_chunk(c, false, err));
        size_t n = VV_MIN(room - c->in_len, len);
        memcpy(c->in + c->in_len, at, n);
        c->in_len += n;
        at += n;
        len -= n;
    }
    return VARVE_OK;
}

varve_status secret_codec_end(secret_codec *c, varve_error *err)
{
    if (c->header_len < sizeof c->header)
        return vv_fail(err, VARVE_CORRUPT, "the encrypted object ends early");
    return pass_chunk(c, true, err);
}
