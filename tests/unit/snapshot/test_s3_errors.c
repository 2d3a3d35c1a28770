/* test_s3_errors.c — the table of what an answer means. */
#include "unit.h"

#include "s3_errors.h"

typedef struct row {
    int http;
    const char *code;
    varve_status status;
    s3_remedy remedy;
    bool unsure;
} row;

static const row rows[] = {
    {200, "", VARVE_OK, S3_FINAL, false},
    {204, "", VARVE_OK, S3_FINAL, false},
    {200, "InternalError", VARVE_IO, S3_AGAIN, true},
    {200, "Unheard", VARVE_IO, S3_AGAIN, true},
    {301, "PermanentRedirect", VARVE_IO, S3_FINAL, false},
    {400, "ExpiredToken", VARVE_IO, S3_RELOAD, false},
    {400, "RequestTimeout", VARVE_TIMEOUT, S3_AGAIN, true},
    {400, "XAmzContentSHA256Mismatch", VARVE_CORRUPT, S3_AGAIN, false},
    {400, "InvalidPart", VARVE_CORRUPT, S3_FINAL, false},
    {400, "InvalidArgument", VARVE_IO, S3_FINAL, false},
    {403, "AccessDenied", VARVE_IO, S3_RELOAD, false},
    {403, "RequestTimeTooSkewed", VARVE_IO, S3_CLOCK, false},
    {404, "NoSuchKey", VARVE_NOT_FOUND, S3_FINAL, false},
    {404, "", VARVE_NOT_FOUND, S3_FINAL, false},
    {404, "NoSuchBucket", VARVE_IO, S3_FINAL, false},
    {409, "ConditionalRequestConflict", VARVE_CONFLICT, S3_AGAIN, false},
    {412, "PreconditionFailed", VARVE_CONFLICT, S3_FINAL, false},
    {416, "InvalidRange", VARVE_CORRUPT, S3_FINAL, false},
    {418, "", VARVE_IO, S3_FINAL, false},
    {429, "", VARVE_IO, S3_AGAIN, false},
    {500, "", VARVE_IO, S3_AGAIN, true},
    {501, "NotImplemented", VARVE_UNSUPPORTED, S3_FINAL, false},
    {502, "", VARVE_IO, S3_AGAIN, true},
    {503, "SlowDown", VARVE_IO, S3_AGAIN, false},
    {504, "", VARVE_IO, S3_AGAIN, true},
    {507, "", VARVE_NO_SPACE, S3_FINAL, false},
    {599, "Unheard", VARVE_IO, S3_AGAIN, true},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < VV_COUNT(rows); i++) {
        s3_verdict v = s3_judge(rows[i].http, rows[i].code);
        if (v.status != rows[i].status || v.remedy != rows[i].remedy || v.unsure != rows[i].unsure)
            fail_msg("%d %s: %s, remedy %d, unsure %d", rows[i].http, rows[i].code,
                     varve_status_name(v.status), v.remedy, v.unsure);
    }
}

/* Whatever comes: only 2xx without an <Error> is a success. */
static void test_all_numbers(void **state)
{
    (void)state;
    for (int http = 100; http < 700; http++) {
        assert_int_equal(s3_judge(http, "").status == VARVE_OK, http >= 200 && http < 300);
        assert_int_not_equal(s3_judge(http, "Unheard").status, VARVE_OK);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows),
                                              cmocka_unit_test(test_all_numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
