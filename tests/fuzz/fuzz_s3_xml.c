/* fuzz_s3_xml.c — any bytes as each answer of S3 that is read, as a file of credentials, and as the
 * answer of a metadata service. Besides not crashing: texts handed over end and are short enough, a
 * reader that fails leaves its result alone, and at most one of the kinds of answer is accepted. */
#include "base/json.h"
#include "credentials.h"
#include "s3_xml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* As assert, in every build. */
#define require(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static varve_status take_key(void *arg, const char *key, uint64_t size, varve_error *err)
{
    (void)arg, (void)size, (void)err;
    require(strlen(key) <= S3_XML_TEXT_MAX);
    return VARVE_OK;
}

static varve_status take_part(void *arg, const s3_xml_part *part, varve_error *err)
{
    (void)arg, (void)err;
    require(part->number > 0 && strnlen(part->etag, S3_ETAG_MAX) < S3_ETAG_MAX);
    return VARVE_OK;
}

static int accepted_list(const char *text, size_t len)
{
    s3_xml_page page = {.next_token = "untouched"};
    varve_status status = s3_xml_read_list(text, len, take_key, NULL, &page, NULL);
    if (status != VARVE_OK) require(strcmp(page.next_token, "untouched") == 0);
    if (status == VARVE_OK && page.truncated) require(page.next_token[0] != '\0');
    return status == VARVE_OK;
}

static int accepted_failure(const char *text, size_t len)
{
    s3_xml_failure failure = {"untouched", ""};
    bool is_one = s3_xml_read_failure(text, len, &failure);
    require(is_one || strcmp(failure.code, "untouched") == 0);
    for (const char *c = failure.message; *c; c++)
        require(*c >= ' ' && *c < 0x7f);
    return is_one;
}

static int accepted_upload(const char *text, size_t len)
{
    char id[S3_UPLOAD_ID_MAX] = "", tag[S3_ETAG_MAX] = "";
    s3_xml_parts_page page;
    int accepted = s3_xml_read_upload_id(text, len, id, NULL) == VARVE_OK;
    require(!accepted || id[0]);
    accepted += s3_xml_read_complete(text, len, tag, NULL) == VARVE_OK;
    accepted += s3_xml_read_parts(text, len, take_part, NULL, &page, NULL) == VARVE_OK;
    return accepted;
}

static void read_credentials(const char *text, size_t len)
{
    credentials c = {{0}, {0}, {0}, 0, 0};
    if (credentials_parse_file(text, len, "default", &c, NULL) == VARVE_OK)
        require(c.access_key[0] && c.secret_key[0]);
    memset(&c, 0, sizeof c);
    if (credentials_parse_metadata(text, len, &c, NULL) == VARVE_OK) require(c.expires_ms > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + JSON_TEXT_PADDING);
    require(text);
    if (size > 0) memcpy(text, data, size);
    memset(text + size, 0, JSON_TEXT_PADDING);
    require(accepted_list(text, size) + accepted_failure(text, size) +
                accepted_upload(text, size) <=
            1);
    read_credentials(text, size);
    free(text);
    return 0;
}
