/* test_s3_sign.c — the signer against the examples of the Amazon S3 API reference ("Signature
 * Calculations for the Authorization Header", 2013-05-24), and what the canonical form must be
 * where other signers were seen to be refused. */
#include "unit.h"

#include "s3_sign.h"

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

typedef struct example {
    const char *method, *path, *query, *payload, *signature;
    s3_header more[3];
} example;

static const example examples[] = {
    {"GET",
     "/test.txt",
     "",
     EMPTY_SHA256,
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
     {{"range", "bytes=0-9"}}},
    {"PUT",
     "/test%24file.text",
     "",
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
     {{"x-amz-storage-class", "REDUCED_REDUNDANCY"}, {"date", "Fri, 24 May 2013 00:00:00 GMT"}}},
    {"GET",
     "/",
     "lifecycle=",
     EMPTY_SHA256,
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
     {{NULL}}},
    {"GET",
     "/",
     "max-keys=2&prefix=J",
     EMPTY_SHA256,
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
     {{NULL}}},
};

static void sign_example(const example *e, buffer *out)
{
    s3_header headers[6] = {{"x-amz-date", "20130524T000000Z"},
                            {"x-amz-content-sha256", e->payload},
                            {"host", "examplebucket.s3.amazonaws.com"}};
    s3_sign_request q = {.method = e->method,
                         .path = e->path,
                         .query = e->query,
                         .headers = headers,
                         .header_count = 3,
                         .payload_sha256 = e->payload,
                         .region = "us-east-1",
                         .service = "s3",
                         .access_key = "AKIAIOSFODNN7EXAMPLE",
                         .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                         .date = "20130524T000000Z"};
    for (size_t i = 0; i < VV_COUNT(e->more) && e->more[i].name; i++)
        headers[q.header_count++] = e->more[i];
    assert_ok(s3_sign(&q, out, NULL));
    assert_ok(buffer_add(out, "", 1, NULL));
}

static void test_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < VV_COUNT(examples); i++) {
        VV_CLEANUP(buffer_done) buffer out;
        buffer_init(&out, 4096, "authorization");
        sign_example(&examples[i], &out);
        assert_contains(out.data, "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/");
        assert_contains(out.data, examples[i].signature);
    }
}

/* Spaces around and runs of spaces in a value do not change the signature. */
static void test_trimmed_values(void **state)
{
    example e = examples[1];
    VV_CLEANUP(buffer_done) buffer out;
    (void)state;
    buffer_init(&out, 4096, "authorization");
    e.more[1].value = "  Fri,  24 May   2013 00:00:00 GMT ";
    sign_example(&e, &out);
    assert_contains(out.data, e.signature);
    assert_contains(out.data,
                    "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,");
}

static void test_encoding(void **state)
{
    static const s3_param params[] = {{"prefix", "a/b+c d~\xc3\xa4"},
                                      {"list-type", "2"},
                                      {"uploads", ""},
                                      {"continuation-token", "x==&y=%"}};
    VV_CLEANUP(buffer_done) buffer query, path;
    (void)state;
    buffer_init(&query, 4096, "query");
    buffer_init(&path, 4096, "path");
    assert_ok(s3_encode_query(&query, params, VV_COUNT(params), NULL));
    assert_ok(buffer_add(&query, "", 1, NULL));
    assert_string_equal(query.data, "continuation-token=x%3D%3D%26y%3D%25&list-type=2&"
                                    "prefix=a%2Fb%2Bc%20d~%C3%A4&uploads=");
    assert_ok(s3_encode_path(&path, "/a b/c+d/~-._%\xc3\xa4", NULL));
    assert_ok(buffer_add(&path, "", 1, NULL));
    assert_string_equal(path.data, "/a%20b/c%2Bd/~-._%25%C3%A4");
}

static void test_limits(void **state)
{
    char secret[400];
    s3_header header = {"host", "h"};
    VV_CLEANUP(buffer_done) buffer out;
    varve_error err = {0};
    (void)state;
    memset(secret, 'S', sizeof secret);
    secret[sizeof secret - 1] = '\0';
    buffer_init(&out, 4096, "authorization");
    s3_sign_request q = {"GET", "/", "",     &header,           1, EMPTY_SHA256, "r",
                         "s3",  "",  secret, "20130524T000000Z"};
    assert_status(s3_sign(&q, &out, &err), VARVE_LIMIT);
    assert_null(strstr(err.message, "SSSS"));
    q.secret_key = "s";
    q.header_count = S3_HEADERS_MAX + 1;
    assert_status(s3_sign(&q, &out, &err), VARVE_LIMIT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples), cmocka_unit_test(test_trimmed_values),
        cmocka_unit_test(test_encoding), cmocka_unit_test(test_limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
