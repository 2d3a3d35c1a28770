/* test_s3_xml.c — answers of S3 as they come, and as they must not. */
#include "unit.h"

#include "s3_xml.h"

#define XML "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

static varve_status collect(void *arg, const char *key, uint64_t size, varve_error *err)
{
    char *all = arg;
    (void)err;
    sprintf(all + strlen(all), "%s:%llu ", key, (unsigned long long)size);
    return strcmp(key, "stop") == 0 ? VARVE_LIMIT : VARVE_OK;
}

static varve_status read_list(const char *text, char *all, s3_xml_page *page, varve_error *err)
{
    all[0] = '\0';
    return s3_xml_read_list(text, strlen(text), collect, all, page, err);
}

static const char amazon_list[] = XML
    "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>"
    "<Prefix>p/</Prefix><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys>"
    "<IsTruncated>true</IsTruncated><NextContinuationToken>1ueG&amp;cfD=</NextContinuationToken>"
    "<Contents><Key>p/a&lt;b</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified>"
    "<ETag>\"fba9\"</ETag><Size>434234</Size><Owner><ID>x</ID><Key>no</Key></Owner></Contents>"
    "<Contents><Size>0</Size><Key>p/c%20d</Key></Contents>"
    "<CommonPrefixes><Prefix>q/</Prefix></CommonPrefixes></ListBucketResult>";

static void test_list(void **state)
{
    char all[200];
    s3_xml_page page = {0};
    (void)state;
    assert_ok(read_list(amazon_list, all, &page, NULL));
    assert_string_equal(all, "p/a<b:434234 p/c%20d:0 ");
    assert_true(page.truncated);
    assert_string_equal(page.next_token, "1ueG&cfD=");
    assert_ok(
        read_list("<ListBucketResult><Contents><Key>p/c%20d%2Be</Key><Size>1</Size></Contents>"
                  "<IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>"
                  "</ListBucketResult>",
                  all, &page, NULL));
    assert_string_equal(all, "p/c d+e:1 ");
    assert_false(page.truncated);
}

static void test_bad_lists(void **state)
{
#define LIST(inner) "<ListBucketResult>" inner "</ListBucketResult>"
#define KEY(key)    "<Contents><Key>" key "</Key><Size>1</Size></Contents>"
#define WHOLE       "<IsTruncated>false</IsTruncated>"
    static const char *const bad[] = {
        "",
        "x",
        "<ListBucketResult>",
        LIST(""),
        LIST("<IsTruncated>maybe</IsTruncated>"),
        LIST("<IsTruncated>true</IsTruncated>"),
        LIST(WHOLE "<Contents><Key>a</Key></Contents>"),
        LIST(WHOLE "<Contents><Size>1</Size></Contents>"),
        LIST(WHOLE "<Contents><Key>a</Key><Size>-1</Size></Contents>"),
        LIST(WHOLE "<Contents><Key>a</Key><Size>99999999999999999999</Size></Contents>"),
        LIST(WHOLE KEY("a%2")) "<x/>",
        LIST(WHOLE "<EncodingType>url</EncodingType>" KEY("a%2")),
        LIST(WHOLE "<EncodingType>url</EncodingType>" KEY("a%00")),
        "<Error>" WHOLE "</Error>",
        "<ListAllMyBucketsResult>" WHOLE "</ListAllMyBucketsResult>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]>" LIST(WHOLE KEY("&b;")),
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\">" LIST(WHOLE),
        LIST("<a><a><a><a><a><a><a><a><a>x</a></a></a></a></a></a></a></a></a>" WHOLE),
        LIST(WHOLE KEY("a\x01")),
        LIST(WHOLE KEY("a\xff")),
    };
    char all[200];
    (void)state;
    for (size_t i = 0; i < VV_COUNT(bad); i++) {
        s3_xml_page page = {.next_token = "untouched"};
        if (read_list(bad[i], all, &page, NULL) != VARVE_CORRUPT) fail_msg("%s", bad[i]);
        assert_string_equal(all, "");
        assert_string_equal(page.next_token, "untouched");
    }
}

static void test_limits(void **state)
{
    static char text[S3_XML_TEXT_MAX + 200];
    char all[200];
    s3_xml_page page;
    (void)state;
    strcpy(text, "<ListBucketResult><x>");
    memset(text + strlen(text), 'k', S3_XML_TEXT_MAX + 1);
    strcat(text, "</x><IsTruncated>false</IsTruncated></ListBucketResult>");
    assert_status(read_list(text, all, &page, NULL), VARVE_LIMIT);
    assert_status(read_list(LIST(WHOLE KEY("a") KEY("stop") KEY("c")), all, &page, NULL),
                  VARVE_LIMIT);
    assert_string_equal(all, "a:1 stop:1 ");
}

static void test_failures(void **state)
{
    static const char told[] = XML "<Error><Code>SlowDown</Code><Message>Please reduce\nyour "
                                   "rate\xc3\xa4</Message><HostId>x</HostId></Error>";
    s3_xml_failure f = {"kept", "kept"};
    (void)state;
    assert_false(s3_xml_read_failure("", 0, &f));
    assert_false(s3_xml_read_failure("<Error><Code>x</Code>", 21, &f));
    assert_false(s3_xml_read_failure("<html>Error</html>", 18, &f));
    assert_false(s3_xml_read_failure(amazon_list, strlen(amazon_list), &f));
    assert_string_equal(f.code, "kept");
    assert_true(s3_xml_read_failure(told, strlen(told), &f));
    assert_string_equal(f.code, "SlowDown");
    assert_string_equal(f.message, "Please reduce?your rate??");
}

static varve_status collect_part(void *arg, const s3_xml_part *part, varve_error *err)
{
    char *all = arg;
    (void)err;
    sprintf(all + strlen(all), "%llu:%s:%llu ", (unsigned long long)part->number, part->etag,
            (unsigned long long)part->size);
    return VARVE_OK;
}

static void test_uploads(void **state)
{
    char id[S3_UPLOAD_ID_MAX], tag[S3_ETAG_MAX], all[200] = "";
    s3_xml_parts_page page = {0};
    static const char begun[] =
        "<InitiateMultipartUploadResult><Bucket>b</Bucket><UploadId>VXBs+/=</UploadId>"
        "</InitiateMultipartUploadResult>";
    static const char ended[] = "<CompleteMultipartUploadResult><ETag>&quot;3858-2&quot;</ETag>"
                                "</CompleteMultipartUploadResult>";
    static const char parts[] =
        "<ListPartsResult><Part><PartNumber>2</PartNumber><ETag>\"77\"</ETag><Size>10</Size></Part>"
        "<Part><PartNumber>3</PartNumber><ETag>\"aa\"</ETag><Size>11</Size></Part>"
        "<NextPartNumberMarker>3</NextPartNumberMarker><IsTruncated>true</IsTruncated>"
        "</ListPartsResult>";
    static const char bad_part[] =
        "<ListPartsResult><Part><ETag>\"77\"</ETag></Part></ListPartsResult>";
    (void)state;
    assert_ok(s3_xml_read_upload_id(begun, strlen(begun), id, NULL));
    assert_string_equal(id, "VXBs+/=");
    assert_status(s3_xml_read_upload_id(ended, strlen(ended), id, NULL), VARVE_CORRUPT);
    assert_ok(s3_xml_read_complete(ended, strlen(ended), tag, NULL));
    assert_string_equal(tag, "\"3858-2\"");
    assert_status(s3_xml_read_complete(begun, strlen(begun), tag, NULL), VARVE_CORRUPT);
    assert_ok(s3_xml_read_parts(parts, strlen(parts), collect_part, all, &page, NULL));
    assert_string_equal(all, "2:\"77\":10 3:\"aa\":11 ");
    assert_true(page.truncated && page.next_marker == 3);
    assert_status(s3_xml_read_parts(bad_part, strlen(bad_part), collect_part, all, &page, NULL),
                  VARVE_CORRUPT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list), cmocka_unit_test(test_bad_lists),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_failures),
        cmocka_unit_test(test_uploads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
