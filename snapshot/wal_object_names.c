/* wal_object_names.c — head and files of an object of the log, read without its batches; see
 * wal_object.h. Mostly one short request, of the first chunk if the repository is encrypted. */
#include "base/bytes.h"
#include "secret_format.h"
#include "wal_object.h"
#include "wal_object_format.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 8192 /* of the object: some sixty files */
#define CHUNK_BYTES ((uint64_t)SECRET_CHUNK_BYTES + SECRET_TAG_BYTES)

typedef struct beginning {
    repo *r;
    const char *key;
    uint64_t stored;  /* bytes of the object as it lies there */
    uint64_t whole;   /* as it is */
    uint64_t at, end; /* stored bytes seen, and asked for */
    buffer plain;
    secret_codec *codec; /* NULL: not encrypted */
} beginning;

static void beginning_done(beginning *b)
{
    buffer_done(&b->plain);
    secret_codec_free(b->codec);
}

static varve_status take_plain(void *arg, const void *bytes, size_t len, varve_error *err)
{
    return buffer_add(arg, bytes, len, err);
}

/* What came already is passed over when it comes again: the sum of the head is over what is kept.
 * */
static varve_status take_stored(void *arg, uint64_t at, const void *bytes, size_t len,
                                varve_error *err)
{
    beginning *b = arg;
    if (at > b->at || len > b->end || at > b->end - len)
        return vv_fail(err, VARVE_CORRUPT, "'%s' is not of its size", b->key);
    uint64_t seen = b->at - at;
    if (seen >= len) return VARVE_OK;
    bytes = (const char *)bytes + seen;
    len -= (size_t)seen;
    b->at += len;
    return b->codec ? secret_codec_put(b->codec, bytes, len, err)
                    : take_plain(&b->plain, bytes, len, err);
}

/* Stored bytes that hold the first `wanted` ones. A chunk opens when a byte of the next one, or the
 * end of the object, is there. */
static uint64_t stored_bytes_of(const beginning *b, uint64_t wanted)
{
    uint64_t chunks = (wanted + SECRET_CHUNK_BYTES - 1) / SECRET_CHUNK_BYTES;
    if (b->r->secret) wanted = SECRET_HEADER_BYTES + chunks * CHUNK_BYTES + 1;
    return VV_MIN(wanted, b->stored);
}

static varve_status fetch(beginning *b, uint64_t wanted, varve_error *err)
{
    secret_codec_free(b->codec);
    b->codec = NULL;
    b->at = 0;
    b->end = stored_bytes_of(b, wanted);
    buffer_done(&b->plain);
    buffer_init(&b->plain, (size_t)b->end, b->key);
    if (b->r->secret)
        VV_TRY(secret_unseal_new(b->r->secret, take_plain, &b->plain, &b->codec, err));
    VV_TRY(remote_get(b->r->remote, b->key, 0, b->end, take_stored, b, NULL, err));
    if (!b->codec || b->end < b->stored) return VARVE_OK;
    return secret_codec_end(b->codec, err);
}

static varve_status fetch_named(beginning *b, uint64_t wanted, varve_error *err)
{
    varve_status status = fetch(b, wanted, err);
    if (status == VARVE_CORRUPT && b->codec) vv_error_prefix(err, "'%s'", b->key);
    return status;
}

/* The other way round of secret_sealed_size. */
static varve_status find_whole(beginning *b, varve_error *err)
{
    uint64_t back = 0;
    b->whole = b->stored;
    if (b->r->secret) {
        uint64_t body = b->stored - VV_MIN(b->stored, (uint64_t)SECRET_HEADER_BYTES);
        uint64_t tags = (body + CHUNK_BYTES - 1) / CHUNK_BYTES * SECRET_TAG_BYTES;
        b->whole = body - VV_MIN(body, tags);
        if (!secret_sealed_size(b->r->secret, b->whole, &back) || back != b->stored)
            return vv_fail(err, VARVE_CORRUPT, "'%s' has a size that no sealed object has", b->key);
    }
    if (b->whole <= WAL_OBJECT_BYTES_MAX) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "'%s' has %llu bytes", b->key, (unsigned long long)b->whole);
}

/* Not believed yet: it says how much to fetch, of what is there. */
static uint64_t names_end(const beginning *b)
{
    uint64_t files = 0, end;
    if (b->plain.len >= WAL_OBJECT_HEAD_BYTES)
        files = get_u64((const uint8_t *)b->plain.data + WAL_HEAD_FILE_BYTES);
    if (__builtin_add_overflow(files, WAL_OBJECT_HEAD_BYTES, &end)) return b->whole;
    return VV_MIN(end, b->whole);
}

varve_status wal_object_read_names(repo *r, const object_name *name, uint64_t stored_size,
                                   wal_object *ret, varve_error *err)
{
    char key[NAMES_KEY_MAX];
    VV_CLEANUP(beginning_done) beginning b = {.r = r, .key = key, .stored = stored_size};
    const wal_expected expected = {.name = *name, .repo_id = r->repo_id, .secret = r->secret};
    names_build(name, key);
    VV_TRY(find_whole(&b, err));
    VV_TRY(fetch_named(&b, FIRST_BYTES, err));
    if (names_end(&b) > b.plain.len) VV_TRY(fetch_named(&b, names_end(&b), err));
    VV_TRY(wal_object_parse_names(b.plain.data, b.plain.len, b.whole, &expected, key, ret, err));
    ret->bytes = buffer_take(&b.plain);
    return VARVE_OK;
}
