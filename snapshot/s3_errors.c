/* s3_errors.c — see s3_errors.h. Codes: "Error responses" of the Amazon S3 API reference. */
#include "s3_errors.h"

#include <string.h>

typedef struct code_row {
    const char *code;
    s3_verdict verdict;
} code_row;

/* Codes that say more than the number of the answer. */
static const code_row codes[] = {
    {"ExpiredToken", {VARVE_IO, S3_RELOAD, false}},
    {"ExpiredTokenException", {VARVE_IO, S3_RELOAD, false}},
    {"InvalidToken", {VARVE_IO, S3_RELOAD, false}},
    {"TokenRefreshRequired", {VARVE_IO, S3_RELOAD, false}},
    {"RequestExpired", {VARVE_IO, S3_RELOAD, false}},
    {"RequestTimeTooSkewed", {VARVE_IO, S3_CLOCK, false}},
    {"RequestTimeout", {VARVE_TIMEOUT, S3_AGAIN, true}},
    {"IncompleteBody", {VARVE_CORRUPT, S3_AGAIN, false}},
    {"BadDigest", {VARVE_CORRUPT, S3_AGAIN, false}},
    {"InvalidDigest", {VARVE_CORRUPT, S3_AGAIN, false}},
    {"XAmzContentSHA256Mismatch", {VARVE_CORRUPT, S3_AGAIN, false}},
    {"InvalidPart", {VARVE_CORRUPT, S3_FINAL, false}},
    {"InvalidPartOrder", {VARVE_CORRUPT, S3_FINAL, false}},
    {"EntityTooSmall", {VARVE_CORRUPT, S3_FINAL, false}},
    {"EntityTooLarge", {VARVE_LIMIT, S3_FINAL, false}},
    {"KeyTooLongError", {VARVE_LIMIT, S3_FINAL, false}},
    {"NoSuchBucket", {VARVE_IO, S3_FINAL, false}},
    {"NoSuchKey", {VARVE_NOT_FOUND, S3_FINAL, false}},
    {"NoSuchUpload", {VARVE_NOT_FOUND, S3_FINAL, false}},
    {"NotImplemented", {VARVE_UNSUPPORTED, S3_FINAL, false}},
    {"PreconditionFailed", {VARVE_CONFLICT, S3_FINAL, false}},
    {"ConditionalRequestConflict", {VARVE_CONFLICT, S3_AGAIN, false}},
    {"OperationAborted", {VARVE_CONFLICT, S3_AGAIN, false}},
    {"InvalidRange", {VARVE_CORRUPT, S3_FINAL, false}},
    {"QuotaExceeded", {VARVE_NO_SPACE, S3_FINAL, false}},
    {"XMinioStorageFull", {VARVE_NO_SPACE, S3_FINAL, false}},
    {"InternalError", {VARVE_IO, S3_AGAIN, true}},
    {"SlowDown", {VARVE_IO, S3_AGAIN, false}},
    {"ServiceUnavailable", {VARVE_IO, S3_AGAIN, true}},
};

typedef struct http_row {
    int http;
    s3_verdict verdict;
} http_row;

static const http_row numbers[] = {
    {401, {VARVE_IO, S3_RELOAD, false}},         {403, {VARVE_IO, S3_RELOAD, false}},
    {404, {VARVE_NOT_FOUND, S3_FINAL, false}},   {405, {VARVE_UNSUPPORTED, S3_FINAL, false}},
    {408, {VARVE_TIMEOUT, S3_AGAIN, true}},      {409, {VARVE_CONFLICT, S3_AGAIN, false}},
    {412, {VARVE_CONFLICT, S3_FINAL, false}},    {413, {VARVE_LIMIT, S3_FINAL, false}},
    {416, {VARVE_CORRUPT, S3_FINAL, false}},     {425, {VARVE_IO, S3_AGAIN, false}},
    {429, {VARVE_IO, S3_AGAIN, false}},          {501, {VARVE_UNSUPPORTED, S3_FINAL, false}},
    {505, {VARVE_UNSUPPORTED, S3_FINAL, false}}, {507, {VARVE_NO_SPACE, S3_FINAL, false}},
};

s3_verdict s3_judge(int http, const char *code)
{
    for (size_t i = 0; *code && i < VV_COUNT(codes); i++)
        if (strcmp(codes[i].code, code) == 0) return codes[i].verdict;
    if (http >= 200 && http < 300 && !*code) return (s3_verdict){VARVE_OK, S3_FINAL, false};
    /* An <Error> that we do not know, in an answer that said yes: nothing to build on. */
    if (http >= 200 && http < 300) return (s3_verdict){VARVE_IO, S3_AGAIN, true};
    for (size_t i = 0; i < VV_COUNT(numbers); i++)
        if (numbers[i].http == http) return numbers[i].verdict;
    if (http >= 500) return (s3_verdict){VARVE_IO, S3_AGAIN, true};
    return (s3_verdict){VARVE_IO, S3_FINAL, false};
}
