/* test_secret.c — client-side encryption: round trips of every length around a chunk, and every way
 * to alter an object is found. */
#include "base/buffer.h"
#include "secret.h"
#include "secret_format.h"
#include "test_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#define ROOM ((size_t)1 << 20)

static const secret_source right = {.passphrase = "correct horse", .scrypt_log2n = 4};

static secret *make(void)
{
    secret *s = NULL;
    char *json = NULL;
    varve_error err = {0};
    if (secret_create(&right, &snapshot_env_real, &s, &json, &err) != VARVE_OK)
        fail_msg("%s", err.message);
    free(json);
    return s;
}

static varve_status collect(void *arg, const void *bytes, size_t len, varve_error *err)
{
    return buffer_add(arg, bytes, len, err);
}

static void fill(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        text[i] = (char)(i * 31 >> 3);
}

static void seal(const secret *s, const char *text, size_t len, size_t step, buffer *out)
{
    uint8_t sum[SUMS_BYTES];
    secret_codec *c = NULL;
    buffer_init(out, ROOM, "object");
    assert_int_equal(sums_of_bytes(text, len, sum, NULL), VARVE_OK);
    assert_int_equal(secret_seal_new(s, sum, collect, out, &c, NULL), VARVE_OK);
    for (size_t at = 0; at < len; at += step)
        assert_int_equal(secret_codec_put(c, text + at, VV_MIN(step, len - at), NULL), VARVE_OK);
    assert_int_equal(secret_codec_end(c, NULL), VARVE_OK);
    secret_codec_free(c);
}

static varve_status unseal(const secret *s, const char *bytes, size_t len, size_t step, buffer *out,
                           varve_error *err)
{
    secret_codec *c = NULL;
    buffer_init(out, ROOM, "plain text");
    varve_status status = secret_unseal_new(s, collect, out, &c, err);
    for (size_t at = 0; status == VARVE_OK && at < len; at += step)
        status = secret_codec_put(c, bytes + at, VV_MIN(step, len - at), err);
    if (status == VARVE_OK) status = secret_codec_end(c, err);
    secret_codec_free(c);
    return status;
}

static void test_round_trips(void **state)
{
    (void)state;
    static const size_t lengths[] = {0,     1,     15,     16,     17,     65535,
                                     65536, 65537, 131071, 131072, 131073, 200000};
    secret *s = make();
    char *text = malloc(ROOM);
    fill(text, ROOM);
    for (size_t i = 0; i < VV_COUNT(lengths); i++) {
        buffer sealed, plain, again;
        uint64_t size = 0;
        seal(s, text, lengths[i], 7777, &sealed);
        seal(s, text, lengths[i], ROOM, &again);
        assert_true(secret_sealed_size(s, lengths[i], &size));
        assert_int_equal(sealed.len, size);
        assert_int_equal(again.len, size); /* the same content is the same object */
        assert_memory_equal(sealed.data, again.data, size);
        assert_int_equal(unseal(s, sealed.data, sealed.len, 1000, &plain, NULL), VARVE_OK);
        assert_int_equal(plain.len, lengths[i]);
        if (plain.len) assert_memory_equal(plain.data, text, plain.len);
        buffer_done(&sealed);
        buffer_done(&plain);
        buffer_done(&again);
    }
    free(text);
    secret_free(s);
}

static void expect_refused(const secret *s, const char *bytes, size_t len, const char *how)
{
    buffer plain;
    varve_error err = {0};
    varve_status status = unseal(s, bytes, len, 4096, &plain, &err);
    if (status == VARVE_OK) fail_msg("not found: %s", how);
    assert_true(status == VARVE_CORRUPT || status == VARVE_NEWER_FORMAT);
    assert_true(err.message[0]);
    buffer_done(&plain);
}

static void test_every_byte_counts(void **state)
{
    (void)state;
    secret *s = make();
    buffer sealed;
    seal(s, "some plain text", 15, 15, &sealed);
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.data[i] ^= 1;
        expect_refused(s, sealed.data, sealed.len, "a flipped bit");
        sealed.data[i] ^= 1;
    }
    for (size_t len = 0; len < sealed.len; len++)
        expect_refused(s, sealed.data, len, "a truncation");
    buffer_done(&sealed);
    secret_free(s);
}

static void test_chunks_stay_in_order(void **state)
{
    (void)state;
    enum { CHUNK = SECRET_CHUNK_BYTES + SECRET_TAG_BYTES, HEAD = SECRET_HEADER_BYTES };
    secret *s = make();
    char *text = malloc(ROOM);
    buffer sealed, other;
    fill(text, ROOM);
    seal(s, text, 3 * SECRET_CHUNK_BYTES, ROOM, &sealed);
    text[0] ^= 1;
    seal(s, text, 3 * SECRET_CHUNK_BYTES, ROOM, &other);
    assert_memory_not_equal(sealed.data + 32, other.data + 32, 32);
    expect_refused(s, sealed.data, HEAD + 2 * CHUNK, "a missing last chunk");
    expect_refused(s, sealed.data, HEAD + CHUNK, "two missing chunks");
    char *swapped = malloc(sealed.len);
    memcpy(swapped, sealed.data, sealed.len);
    memcpy(swapped + HEAD, sealed.data + HEAD + CHUNK, CHUNK);
    memcpy(swapped + HEAD + CHUNK, sealed.data + HEAD, CHUNK);
    expect_refused(s, swapped, sealed.len, "swapped chunks");
    memcpy(swapped, sealed.data, sealed.len);
    memcpy(swapped + HEAD + CHUNK, other.data + HEAD + CHUNK, CHUNK);
    expect_refused(s, swapped, sealed.len, "a chunk of another object");
    memmove(swapped + HEAD, sealed.data + HEAD + CHUNK, 2 * CHUNK);
    expect_refused(s, swapped, HEAD + 2 * CHUNK, "a missing first chunk");
    free(swapped);
    free(text);
    buffer_done(&sealed);
    buffer_done(&other);
    secret_free(s);
}

static void test_passphrase(void **state)
{
    (void)state;
    secret *s = NULL, *again = NULL;
    char *json = NULL;
    uint8_t sum[SUMS_BYTES] = {1}, a[SUMS_BYTES], b[SUMS_BYTES];
    varve_error err = {0};
    assert_int_equal(secret_create(&right, &snapshot_env_real, &s, &json, &err), VARVE_OK);
    assert_null(strstr(json, right.passphrase));
    assert_int_equal(secret_open(&right, json, strlen(json), &again, &err), VARVE_OK);
    assert_string_equal(secret_key_id(s), secret_key_id(again));
    assert_int_equal(secret_blob_name(s, sum, a, NULL), VARVE_OK);
    assert_int_equal(secret_blob_name(again, sum, b, NULL), VARVE_OK);
    assert_memory_equal(a, b, SUMS_BYTES);
    assert_memory_not_equal(a, sum, SUMS_BYTES); /* the name tells nothing of the content */
    assert_int_equal(secret_blob_name(NULL, sum, b, NULL), VARVE_OK);
    assert_memory_equal(b, sum, SUMS_BYTES);
    secret_free(again);
    secret *none = NULL;
    assert_int_equal(
        secret_open(&(secret_source){.passphrase = "wrong"}, json, strlen(json), &none, &err),
        VARVE_INVALID);
    assert_non_null(strstr(err.message, "wrong passphrase"));
    assert_int_equal(secret_open(&(secret_source){0}, json, strlen(json), &none, &err),
                     VARVE_INVALID);
    assert_non_null(strstr(err.message, "needs a passphrase"));
    assert_int_equal(
        secret_create(&(secret_source){.passphrase = ""}, &snapshot_env_real, &none, &json, &err),
        VARVE_INVALID);
    assert_null(none);
    free(json);
    secret_free(s);
}

static void test_key_file(void **state)
{
    (void)state;
    test_dir dir;
    char path[300], other[300], small[300];
    test_dir_make(&dir);
    snprintf(path, sizeof path, "%s/key", dir.path);
    snprintf(other, sizeof other, "%s/other", dir.path);
    snprintf(small, sizeof small, "%s/small", dir.path);
    assert_int_equal(file_replace(path, "0123456789abcdef0123456789abcdef", 32, NULL), VARVE_OK);
    assert_int_equal(file_replace(other, "0123456789abcdef0123456789abcdeF", 32, NULL), VARVE_OK);
    assert_int_equal(file_replace(small, "0123456789", 10, NULL), VARVE_OK);
    secret *s = NULL, *again = NULL;
    char *json = NULL;
    varve_error err = {0};
    const secret_source source = {.key_file = path};
    assert_int_equal(secret_create(&source, &snapshot_env_real, &s, &json, &err), VARVE_OK);
    assert_int_equal(secret_open(&source, json, strlen(json), &again, &err), VARVE_OK);
    secret_free(again);
    again = NULL;
    assert_int_equal(
        secret_open(&(secret_source){.key_file = other}, json, strlen(json), &again, &err),
        VARVE_INVALID);
    assert_non_null(strstr(err.message, "wrong key file"));
    assert_int_equal(
        secret_open(&(secret_source){.key_file = small}, json, strlen(json), &again, &err),
        VARVE_INVALID);
    assert_int_equal(secret_open(&right, json, strlen(json), &again, &err), VARVE_INVALID);
    assert_non_null(strstr(err.message, "needs a key file"));
    free(json);
    secret_free(s);
    test_dir_remove(&dir);
}

static void test_another_key(void **state)
{
    (void)state;
    secret *s = make(), *other = make();
    buffer sealed;
    seal(s, "text", 4, 4, &sealed);
    expect_refused(other, sealed.data, sealed.len, "another key");
    buffer_done(&sealed);
    secret_free(s);
    secret_free(other);
}

static void test_key_json_is_checked(void **state)
{
    (void)state;
    secret *s = NULL, *none = NULL;
    char *json = NULL;
    varve_error err = {0};
    assert_int_equal(secret_create(&right, &snapshot_env_real, &s, &json, &err), VARVE_OK);
    size_t len = strlen(json);
    for (size_t i = 0; i < len; i++) {
        json[i] ^= 1;
        varve_status status = secret_open(&right, json, len, &none, &err);
        assert_true(status == VARVE_CORRUPT || status == VARVE_INVALID ||
                    status == VARVE_NEWER_FORMAT);
        assert_null(none);
        json[i] ^= 1;
    }
    for (size_t i = 0; i < len; i++)
        assert_int_equal(secret_open(&right, json, i, &none, &err), VARVE_CORRUPT);
    static const char newer[] = "{\"format\":2}";
    assert_int_equal(secret_open(&right, newer, strlen(newer), &none, &err), VARVE_NEWER_FORMAT);
    free(json);
    secret_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_chunks_stay_in_order),
        cmocka_unit_test(test_passphrase),
        cmocka_unit_test(test_key_file),
        cmocka_unit_test(test_another_key),
        cmocka_unit_test(test_key_json_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
