/* blobs_get.c — blobs read and checked; see blobs.h. */
#include "blobs.h"

#include <string.h>

typedef struct reader {
    const manifest_file *file;
    const char *key;
    uint64_t stored_at, plain_at; /* bytes seen so far */
    sums_stream stored, plain;
    secret_codec *codec; /* NULL: not encrypted */
    secret_out out;
    void *arg;
} reader;

static void reader_done(reader *r)
{
    sums_stream_done(&r->stored);
    sums_stream_done(&r->plain);
    secret_codec_free(r->codec);
}

static varve_status take_plain(void *arg, const void *bytes, size_t len, varve_error *err)
{
    reader *r = arg;
    r->plain_at += len;
    VV_TRY(sums_stream_put(&r->plain, bytes, len, err));
    return r->out ? r->out(r->arg, bytes, len, err) : VARVE_OK;
}

/* What came already is passed over when it comes again: if it was wrong, the sum will say so. */
static varve_status take_stored(void *arg, uint64_t at, const void *bytes, size_t len,
                                varve_error *err)
{
    reader *r = arg;
    if (at > r->stored_at || len > r->file->stored_size || at > r->file->stored_size - len)
        return vv_fail(err, VARVE_CORRUPT, "'%s' is not of its size", r->key);
    uint64_t seen = r->stored_at - at;
    if (seen >= len) return VARVE_OK;
    bytes = (const char *)bytes + seen;
    len -= (size_t)seen;
    r->stored_at += len;
    if (!r->codec) return take_plain(r, bytes, len, err);
    VV_TRY(sums_stream_put(&r->stored, bytes, len, err));
    return secret_codec_put(r->codec, bytes, len, err);
}

static varve_status check(reader *r, varve_error *err)
{
    uint8_t sum[SUMS_BYTES];
    const manifest_file *f = r->file;
    if (r->stored_at != f->stored_size)
        return vv_fail(err, VARVE_CORRUPT, "'%s' has %llu bytes, not %llu", r->key,
                       (unsigned long long)r->stored_at, (unsigned long long)f->stored_size);
    if (r->codec) {
        VV_TRY(sums_stream_end(&r->stored, sum, err));
        if (!sums_equal(sum, f->stored_sha256))
            return vv_fail(err, VARVE_CORRUPT, "'%s' was altered: its SHA-256 differs", r->key);
        VV_TRY(secret_codec_end(r->codec, err));
    }
    VV_TRY(sums_stream_end(&r->plain, sum, err));
    if (r->plain_at == f->size && sums_equal(sum, f->sha256)) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "'%s' was altered: its SHA-256 differs", r->key);
}

varve_status blobs_get(repo *repo, const manifest_file *file, secret_out out, void *arg,
                       const remote_cancel *cancel, varve_error *err)
{
    char key[NAMES_KEY_MAX];
    VV_CLEANUP(reader_done) reader r = {.file = file, .key = key, .out = out, .arg = arg};
    manifest_blob_key(file, key);
    VV_TRY(sums_stream_init(&r.plain, err));
    VV_TRY(sums_stream_init(&r.stored, err));
    if (repo->secret) VV_TRY(secret_unseal_new(repo->secret, take_plain, &r, &r.codec, err));
    VV_TRY(remote_get(repo->remote, key, 0, UINT64_MAX, take_stored, &r, cancel, err));
    return check(&r, err);
}

varve_status blobs_stat(repo *r, const manifest_file *file, varve_error *err)
{
    char key[NAMES_KEY_MAX];
    remote_stat_result found;
    manifest_blob_key(file, key);
    VV_TRY(remote_stat(r->remote, key, &found, err));
    if (found.size == file->stored_size) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "'%s' has %llu bytes, not %llu", key,
                   (unsigned long long)found.size, (unsigned long long)file->stored_size);
}
