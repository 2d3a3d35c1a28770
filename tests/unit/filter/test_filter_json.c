/* test_filter_json.c — Qdrant's filters: what each form means, and how what is wrong is named. */
#include "filter_fixture.h"

#include "base/json.h"

#include <stdio.h>

#define MUST(condition)  "{\"must\":[" condition "]}"
#define A(condition)     MUST("{\"key\":\"a\"," condition "}")
#define NOT_A(condition) "{\"must_not\":[{\"key\":\"a\"," condition "}]}"

typedef struct json_case {
    const char *filter, *fields;
    bool expected;
} json_case;

static const json_case clauses[] = {
    {"{}", "{}", true},
    {"{\"must\":[]}", "{}", true},
    {"{\"must_not\":[]}", "{}", true},
    {"{\"should\":[]}", "{}", false},
    {"{\"must\":null,\"should\":null,\"must_not\":null,\"min_should\":null}", "{}", true},
    {"{\"should\":[],\"must\":[]}", "{}", false},
    {"{\"must\":[{}]}", "{}", true},
    {"{\"must_not\":[{}]}", "{}", false},
    {"{\"must\":[{\"should\":[]}]}", "{}", false},
    {"{\"must_not\":[{\"should\":[]}]}", "{}", true},
    {"{\"must\":{\"key\":\"a\",\"match\":{\"value\":1}}}", "{\"a\":1}", true},
    {"{\"should\":{\"key\":\"a\",\"match\":{\"value\":1}}}", "{\"a\":2}", false},
    {"{\"must_not\":{\"key\":\"a\",\"match\":{\"value\":1}}}", "{\"a\":2}", true},
    {"{\"must_not\":{\"key\":\"a\",\"match\":{\"value\":1}}}", "{}", true},
    {"{\"must\":[{\"must_not\":{\"key\":\"a\",\"match\":{\"value\":1}}},"
     "{\"should\":[{\"key\":\"b\",\"match\":{\"value\":2}},{\"key\":\"c\",\"match\":"
     "{\"value\":3}}]}]}",
     "{\"b\":0,\"c\":3}", true},
    {"{\"must\":{\"key\":\"a\",\"match\":{\"value\":1}},\"should\":{\"key\":\"b\",\"match\":"
     "{\"value\":2}}}",
     "{\"a\":1,\"b\":3}", false},
    {"{\"must\":{\"key\":\"a\",\"match\":{\"value\":1}},\"must_not\":{\"key\":\"b\",\"match\":"
     "{\"value\":2}}}",
     "{\"a\":1,\"b\":2}", false},
    {"{\"min_should\":{\"conditions\":[{\"key\":\"a\",\"match\":{\"value\":1}},{\"key\":\"b\","
     "\"match\":{\"value\":2}},{\"key\":\"c\",\"match\":{\"value\":3}}],\"min_count\":2}}",
     "{\"a\":1,\"c\":3}", true},
    {"{\"min_should\":{\"conditions\":[{\"key\":\"a\",\"match\":{\"value\":1}},{\"key\":\"b\","
     "\"match\":{\"value\":2}}],\"min_count\":2}}",
     "{\"a\":1}", false},
    {"{\"min_should\":{\"conditions\":[],\"min_count\":0}}", "{}", true},
    {"{\"min_should\":{\"conditions\":[],\"min_count\":1}}", "{}", false},
    {"{\"min_should\":{\"conditions\":[{}],\"min_count\":18446744073709551615}}", "{}", false},
    {"{\"must_not\":[{\"must_not\":[{\"key\":\"a\",\"match\":{\"value\":1}}]}]}", "{}", false},
    {"{\"must_not\":[{\"must_not\":[{\"key\":\"a\",\"match\":{\"value\":1}}]}]}", "{\"a\":1}",
     true},
};

static const json_case matches[] = {
    {A("\"match\":{\"value\":\"x\"}"), "{\"a\":\"x\"}", true},
    {A("\"match\":{\"value\":\"x\"}"), "{\"a\":[\"y\",\"x\"]}", true},
    {A("\"match\":{\"value\":\"x\"}"), "{\"a\":[[\"x\"]]}", false},
    {A("\"match\":{\"value\":\"1\"}"), "{\"a\":1}", false},
    {A("\"match\":{\"value\":1}"), "{\"a\":\"1\"}", false},
    {A("\"match\":{\"value\":true}"), "{\"a\":true}", true},
    {A("\"match\":{\"value\":true}"), "{\"a\":1}", false},
    {A("\"match\":{\"value\":true}"), "{\"a\":\"true\"}", false},
    {A("\"match\":{\"value\":9007199254740993}"), "{\"a\":9007199254740993}", true},
    {A("\"match\":{\"value\":9007199254740993}"), "{\"a\":9007199254740992}", false},
    {A("\"match\":{\"value\":18446744073709551615}"), "{\"a\":18446744073709551615}", true},
    {A("\"match\":{\"value\":18446744073709551615}"), "{\"a\":18446744073709551614}", false},
    {A("\"match\":{\"value\":-9223372036854775808}"), "{\"a\":-9223372036854775808}", true},
    /* Texts that could be date-times match byte by byte. */
    {A("\"match\":{\"value\":\"2024-01-01\"}"), "{\"a\":\"2024-01-01T00:00:00Z\"}", false},
    {A("\"match\":{\"value\":\"2024-01-01\"}"), "{\"a\":\"2024-01-01\"}", true},
    {A("\"match\":{\"any\":[\"x\",\"y\"]}"), "{\"a\":\"y\"}", true},
    {A("\"match\":{\"any\":[\"x\",\"y\"]}"), "{\"a\":\"z\"}", false},
    {A("\"match\":{\"any\":[1,2]}"), "{\"a\":[5,2]}", true},
    {A("\"match\":{\"any\":[1,2]}"), "{\"a\":\"1\"}", false},
    {A("\"match\":{\"any\":[]}"), "{\"a\":1}", false},
    {NOT_A("\"match\":{\"any\":[]}"), "{\"a\":1}", true},
    {A("\"match\":{\"any\":[0,1,2,3,4,5,6,7,8,9,10,18446744073709551615]}"), "{\"a\":7}", true},
    {A("\"match\":{\"any\":[0,1,2,3,4,5,6,7,8,9,10,18446744073709551615]}"),
     "{\"a\":18446744073709551615}", true},
    {A("\"match\":{\"any\":[0,1,2,3,4,5,6,7,8,9,10,18446744073709551615]}"), "{\"a\":11}", false},
    {A("\"match\":{\"any\":[\"h\",\"g\",\"f\",\"e\",\"d\",\"c\",\"2024-01-01\",\"b\",\"a\"]}"),
     "{\"a\":\"2024-01-01T00:00\"}", false},
    {A("\"match\":{\"except\":[\"x\",\"y\"]}"), "{\"a\":\"z\"}", true},
    {A("\"match\":{\"except\":[\"x\",\"y\"]}"), "{\"a\":\"x\"}", false},
    {A("\"match\":{\"except\":[\"x\",\"y\"]}"), "{\"a\":[\"x\",\"z\"]}", true},
    {A("\"match\":{\"except\":[\"x\",\"y\"]}"), "{\"a\":[\"x\",\"y\"]}", false},
    {A("\"match\":{\"except\":[\"x\"]}"), "{\"a\":5}", true},
    {A("\"match\":{\"except\":[\"x\"]}"), "{}", false},
    {A("\"match\":{\"except\":[]}"), "{\"a\":5}", true},
    {A("\"match\":{\"except\":[]}"), "{\"a\":[]}", false},
    {A("\"match\":{\"except\":[]}"), "{}", false},
    {A("\"match\":{\"text\":\"b c\",\"value\":null}"), "{\"a\":\"A b. C\"}", true},
    {A("\"match\":{\"text_any\":\"b x\"}"), "{\"a\":\"A b. C\"}", true},
    {A("\"match\":{\"phrase\":\"b c\"}"), "{\"a\":\"A b. C\"}", true},
    {A("\"match\":{\"phrase\":\"a c\"}"), "{\"a\":\"A b. C\"}", false},
    {A("\"match\":{\"prefix\":\"ab\"}"), "{\"a\":\"abc\"}", true},
    {A("\"match\":{\"prefix\":\"ab\"}"), "{\"a\":\"Abc\"}", false},
    {A("\"match\":{\"prefix\":\"\"}"), "{\"a\":\"\"}", true},
    {A("\"match\":{\"prefix\":\"\"}"), "{\"a\":1}", false},
};

static const json_case ranges[] = {
    {A("\"range\":{\"gte\":1,\"lt\":3}"), "{\"a\":1}", true},
    {A("\"range\":{\"gte\":1,\"lt\":3}"), "{\"a\":2.999}", true},
    {A("\"range\":{\"gte\":1,\"lt\":3}"), "{\"a\":3}", false},
    {A("\"range\":{\"gte\":1,\"lt\":3}"), "{\"a\":[0,9]}", false}, /* no one element is */
    {A("\"range\":{\"gte\":1,\"lt\":3}"), "{\"a\":[0,2]}", true},
    {A("\"range\":{\"gte\":1,\"lt\":3}"), "{\"a\":\"2\"}", false},
    {NOT_A("\"range\":{\"gte\":1,\"lt\":3}"), "{\"a\":\"2\"}", true},
    {NOT_A("\"range\":{\"gte\":1,\"lt\":3}"), "{}", true},
    {A("\"range\":{\"gt\":1,\"gte\":null,\"lt\":null}"), "{\"a\":2}", true},
    {A("\"range\":{\"gt\":1,\"gte\":1}"), "{\"a\":1}", false},
    {A("\"range\":{\"gte\":1,\"gt\":0}"), "{\"a\":1}", true},
    {A("\"range\":{\"gte\":1,\"gt\":0}"), "{\"a\":0.5}", false},
    {A("\"range\":{\"gte\":0,\"gt\":1}"), "{\"a\":1}", false},
    {A("\"range\":{\"lt\":5,\"lte\":4}"), "{\"a\":4}", true},
    {A("\"range\":{\"lt\":5,\"lte\":4}"), "{\"a\":4.5}", false},
    {A("\"range\":{\"lt\":4,\"lte\":4}"), "{\"a\":4}", false},
    {A("\"range\":{}"), "{\"a\":4}", true},
    {A("\"range\":{}"), "{\"a\":\"x\"}", false},
    {A("\"range\":{\"gt\":9007199254740992}"), "{\"a\":9007199254740993}", true},
    {A("\"range\":{\"gt\":9007199254740992.0}"), "{\"a\":9007199254740993}", true},
    {A("\"range\":{\"gte\":9007199254740993}"), "{\"a\":9007199254740992.0}", false},
    {A("\"range\":{\"lt\":9223372036854775808}"), "{\"a\":9223372036854775807}", true},
    {A("\"range\":{\"gt\":9223372036854775807}"), "{\"a\":9223372036854775808}", true},
    {A("\"range\":{\"gte\":18446744073709551615}"), "{\"a\":18446744073709551614}", false},
    {A("\"range\":{\"gte\":18446744073709551615}"), "{\"a\":1e20}", true},
    {A("\"range\":{\"gte\":\"2024-01-01\",\"lt\":\"2024-01-02\"}"),
     "{\"a\":\"2024-01-01T23:59:59.999Z\"}", true},
    {A("\"range\":{\"gte\":\"2024-01-01\",\"lt\":\"2024-01-02\"}"),
     "{\"a\":\"2024-01-02T00:30:00+01:00\"}", true},
    {A("\"range\":{\"gte\":\"2024-01-01\",\"lt\":\"2024-01-02\"}"),
     "{\"a\":\"2024-01-01T00:30:00+01:00\"}", false},
    {A("\"range\":{\"gte\":\"2024-01-01T10:00:00+02:00\"}"), "{\"a\":\"2024-01-01 08:00\"}", true},
    {A("\"range\":{\"gt\":\"2024-01-01T10:00:00+02:00\"}"), "{\"a\":\"2024-01-01 08:00\"}", false},
    {A("\"range\":{\"gt\":\"2024-01-01\",\"gte\":\"2024-01-01T00:00:00Z\"}"),
     "{\"a\":\"2024-01-01\"}", false},
    {A("\"range\":{\"gt\":\"2024-01-01\"}"), "{\"a\":\"tomorrow\"}", false},
    {A("\"range\":{\"gt\":\"2024-01-01\"}"), "{\"a\":1735689600}", false},
    {A("\"values_count\":{\"gte\":2}"), "{\"a\":[1,2]}", true},
    {A("\"values_count\":{\"gte\":2}"), "{\"a\":[1]}", false},
    {A("\"values_count\":{\"lt\":1}"), "{\"a\":[]}", true},
    {A("\"values_count\":{\"lt\":1}"), "{}", true},
    {A("\"values_count\":{\"lt\":1}"), "{\"a\":null}", true},
    {A("\"values_count\":{\"gt\":0,\"lte\":1}"), "{\"a\":{\"x\":1,\"y\":2}}", true},
    {A("\"values_count\":{\"gt\":0,\"lte\":1}"), "{\"a\":\"x\"}", true},
};

#define POINT(lon, lat) "{\"lon\":" #lon ",\"lat\":" #lat "}"
#define BOX(lon, lat, x, y)                                                                        \
    "\"geo_bounding_box\":{\"top_left\":" POINT(lon, lat) ",\"bottom_right\":" POINT(x, y) "}"
#define AROUND(lon, lat, r) "\"geo_radius\":{\"center\":" POINT(lon, lat) ",\"radius\":" #r "}"

#define OUTER "[" POINT(0, 0) "," POINT(9, 0) "," POINT(9, 9) "," POINT(0, 9) "," POINT(0, 0) "]"
#define INNER "[" POINT(1, 1) "," POINT(3, 1) "," POINT(3, 3) "," POINT(1, 1) "]"

#define SQUARE                                                                                     \
    "\"geo_polygon\":{\"exterior\":{\"points\":" OUTER "},"                                        \
    "\"interiors\":[{\"points\":" INNER "}]}"

static const json_case areas[] = {
    {A(BOX(10, 40, 30, 20)), "{\"a\":" POINT(20, 30) "}", true},
    {A(BOX(10, 40, 30, 20)), "{\"a\":" POINT(20, 50) "}", false},
    {A(BOX(10, 40, 30, 20)), "{\"a\":[1," POINT(0, 0) "," POINT(20, 30) "]}", true},
    {A(BOX(10, 40, 30, 20)), "{\"a\":\"20,30\"}", false},
    {NOT_A(BOX(10, 40, 30, 20)), "{\"a\":\"20,30\"}", true},
    {A(BOX(170, 10, -170, -10)), "{\"a\":" POINT(179, 0) "}", true},
    {A(BOX(170, 10, -170, -10)), "{\"a\":" POINT(-179, 0) "}", true},
    {A(BOX(170, 10, -170, -10)), "{\"a\":" POINT(0, 0) "}", false},
    {A(AROUND(13.405, 52.52, 1000)), "{\"a\":" POINT(13.410, 52.525) "}", true},
    {A(AROUND(13.405, 52.52, 1000)), "{\"a\":" POINT(13.430, 52.525) "}", false},
    {A(SQUARE), "{\"a\":" POINT(5, 5) "}", true},
    {A(SQUARE), "{\"a\":" POINT(2.5, 1.5) "}", false},
    {A(SQUARE), "{\"a\":" POINT(10, 5) "}", false},
};

static const json_case presence[] = {
    {MUST("{\"is_empty\":{\"key\":\"a\"}}"), "{}", true},
    {MUST("{\"is_empty\":{\"key\":\"a\"}}"), "{\"a\":null}", true},
    {MUST("{\"is_empty\":{\"key\":\"a\"}}"), "{\"a\":[]}", true},
    {MUST("{\"is_empty\":{\"key\":\"a\"}}"), "{\"a\":0}", false},
    {MUST("{\"is_empty\":{\"key\":\"a.b\"}}"), "{\"a\":{\"b\":\"\"}}", false},
    {MUST("{\"is_null\":{\"key\":\"a\"}}"), "{}", false},
    {MUST("{\"is_null\":{\"key\":\"a\"}}"), "{\"a\":null}", true},
    {MUST("{\"is_null\":{\"key\":\"a\"}}"), "{\"a\":[1,null]}", true},
    {MUST("{\"is_null\":{\"key\":\"a\"}}"), "{\"a\":[]}", false},
    {"{\"must_not\":{\"is_null\":{\"key\":\"a\"}}}", "{}", true},
    {A("\"is_empty\":true"), "{}", true},
    {A("\"is_empty\":false"), "{}", false},
    {A("\"is_empty\":false"), "{\"a\":0}", true},
    {A("\"is_null\":true"), "{\"a\":[null]}", true},
    {A("\"is_null\":false"), "{\"a\":null}", false},
    {A("\"is_null\":false"), "{}", true},
    {A("\"is_null\":false"), "{\"a\":0}", true},
};

static const json_case keys[] = {
    {MUST("{\"key\":\"a.b\",\"match\":{\"value\":1}}"), "{\"a\":{\"b\":1}}", true},
    {MUST("{\"key\":\"a.b\",\"match\":{\"value\":1}}"), "{\"a.b\":1}", true},
    {MUST("{\"key\":\"a[].b\",\"match\":{\"value\":1}}"), "{\"a\":[{\"b\":0},{\"b\":1}]}", true},
    {MUST("{\"key\":\"a.b\",\"match\":{\"value\":1}}"), "{\"a\":[{\"b\":0},{\"b\":1}]}", false},
    {MUST("{\"key\":\"a[1]\",\"match\":{\"value\":1}}"), "{\"a\":[0,1]}", true},
    {MUST("{\"key\":\"a[0]\",\"match\":{\"value\":1}}"), "{\"a\":[0,1]}", false},
    {MUST("{\"key\":\"a.\\\"with.dot\\\"\",\"match\":{\"value\":1}}"), "{\"a\":{\"with.dot\":1}}",
     true},
    {MUST("{\"key\":\"metadata.x-y_z\",\"match\":{\"value\":\"v\"},\"range\":null}"),
     "{\"metadata\":{\"x-y_z\":\"v\"}}", true},
};

static void check_all(const json_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_json(cases[i].filter, cases[i].fields, cases[i].expected);
}

static void meanings(void **state)
{
    (void)state;
    check_all(clauses, VV_COUNT(clauses));
    check_all(matches, VV_COUNT(matches));
    check_all(ranges, VV_COUNT(ranges));
    check_all(areas, VV_COUNT(areas));
    check_all(presence, VV_COUNT(presence));
    check_all(keys, VV_COUNT(keys));
}

/* A UUID means the row, however it is spelled. */
static void uuids(void **state)
{
    (void)state;
    static const char *const spellings[] = {
        "550e8400-e29b-41d4-a716-446655440000", "550E8400-E29B-41D4-A716-446655440000",
        "550e8400e29b41d4a716446655440000", "{550e8400-e29b-41d4-a716-446655440000}",
        "urn:uuid:550e8400-e29b-41d4-A716-446655440000"};
    static const char *const others[] = {
        "550e8400-e29b-41d4-a716-44665544000", "550e8400-e29b-41d4-a716-44665544000g",
        "550e8400ee29b-41d4-a716-446655440000", "{550e8400-e29b-41d4-a716-446655440000"};
    char json[200];
    for (size_t i = 0; i < VV_COUNT(spellings); i++) {
        snprintf(json, sizeof json, "{\"must\":{\"has_id\":[5,\"%s\"]}}", spellings[i]);
        check_row(json, str(spellings[0]), "{}", 'T');
        check_row(json, str(spellings[i]), "{}", 'T');
        check_row(json, str("550e8400-e29b-41d4-a716-446655440001"), "{}", 'F');
    }
    for (size_t i = 0; i < VV_COUNT(others); i++) {
        snprintf(json, sizeof json, "{\"must\":{\"has_id\":[\"%s\"]}}", others[i]);
        check_row(json, str(spellings[0]), "{}", 'F');
        check_row(json, str(others[i]), "{}", 'T');
    }
}

/* ---- what is refused ----------------------------------------------------------------------- */

static const char *const refused[][2] = {
    {"[]", "filter: expected an object"},
    {"5", "filter: expected an object"},
    {"{\"must\":[", "filter: at byte"},
    {"{\"mus\":[]}", "filter: unknown key 'mus'"},
    {"{\"must\":5}", "filter.must: expected a condition"},
    {"{\"must\":[null]}", "filter.must[0]: expected a condition"},
    {"{\"must\":[{},{\"x\":1}]}", "filter.must[1]: unknown key 'x'"},
    {"{\"should\":[{\"must_not\":[{\"key\":\"a\"}]}]}",
     "filter.should[0].must_not[0]: expected one condition: match"},
    {A("\"x\":1"), "filter.must[0]: unknown key 'x'"},
    {A("\"match\":{\"value\":1},\"range\":{\"gt\":1}"), "filter.must[0]: expected one condition"},
    {A("\"match\":5"), "filter.must[0].match: expected an object"},
    {A("\"match\":{}"), "filter.must[0].match: expected one of value, any"},
    {A("\"match\":{\"value\":1,\"any\":[1]}"), "filter.must[0].match: expected one of value, any"},
    {A("\"match\":{\"value\":1.5}"), "match.value: expected a text, an integer or a boolean"},
    {A("\"match\":{\"value\":[1]}"), "match.value: expected a text, an integer or a boolean"},
    {A("\"match\":{\"any\":5}"), "match.any: expected a list"},
    {A("\"match\":{\"any\":[1,\"x\"]}"), "match.any[1]: expected an integer"},
    {A("\"match\":{\"except\":[\"x\",true]}"), "match.except[1]: expected a text or an integer"},
    {A("\"match\":{\"except\":[\"x\",1]}"), "match.except[1]: expected a text, as before it"},
    {A("\"match\":{\"text\":1}"), "match.text: expected a text"},
    {A("\"match\":{\"contains\":1}"), "match: unknown key 'contains'"},
    {A("\"range\":{\"gt\":\"x\"}"), "filter.must[0].range.gt: expected a number or a date-time"},
    {A("\"range\":{\"gt\":true}"), "range.gt: expected a number or a date-time"},
    {A("\"range\":{\"gt\":\"2023-02-29\"}"), "range.gt: expected a number or a date-time"},
    {A("\"range\":{\"gt\":[1]}"), "range.gt: expected a number or a date-time"},
    {A("\"range\":{\"from\":1}"), "range: unknown key 'from'"},
    {A("\"range\":{\"gt\":1,\"lt\":\"2023-02-28\"}"), "range.lt: numbers and date-times"},
    {A("\"values_count\":{\"gt\":\"2023-02-28\"}"), "values_count: expected numbers"},
    {A("\"is_empty\":1"), "is_empty: expected true or false"},
    {MUST("{\"key\":5,\"match\":{\"value\":1}}"), "filter.must[0].key: expected a text"},
    {MUST("{\"key\":\"a..b\",\"match\":{\"value\":1}}"), "filter.must[0].key: path 'a..b', byte 3"},
    {MUST("{\"is_null\":{}}"), "filter.must[0].is_null.key: expected a text"},
    {MUST("{\"is_null\":{\"key\":\"a\",\"x\":1}}"), "is_null: unknown key 'x'"},
    {MUST("{\"has_id\":5}"), "has_id: expected a list of ids"},
    {MUST("{\"has_id\":[1,-1]}"), "has_id[1]: expected an integer from 0 on"},
    {MUST("{\"has_id\":[1.5]}"), "has_id[0]: expected an integer from 0 on"},
    {MUST("{\"has_id\":[true]}"), "has_id[0]: expected an id"},
    {MUST("{\"has_id\":[\"\"]}"), "has_id[0]: an id is not empty"},
    {MUST("{\"has_id\":[1],\"must\":[]}"), "filter.must[0]: unknown key 'must'"},
    {MUST("{\"has_vector\":5}"), "has_vector: expected a text"},
    {MUST("{\"nested\":{\"key\":\"a\"}}"), "nested.filter: expected an object"},
    {MUST("{\"nested\":{\"key\":\"a\",\"filter\":{\"must\":[{\"x\":1}]}}}"),
     "filter.must[0].nested.filter.must[0]: unknown key 'x'"},
    {MUST("{\"slice\":{\"total\":0,\"index\":0}}"), "slice.total: expected 1 or more"},
    {MUST("{\"slice\":{\"total\":2,\"index\":2}}"), "slice.index: expected less than total"},
    {MUST("{\"slice\":{\"total\":2}}"), "slice.index: expected an integer"},
    {"{\"min_should\":{\"conditions\":[]}}", "filter.min_should.min_count: expected an integer"},
    {"{\"min_should\":{\"min_count\":1}}", "filter.min_should.conditions: expected a list"},
    {"{\"min_should\":[]}", "filter.min_should: expected an object"},
    {A("\"geo_radius\":{\"center\":{\"lon\":1},\"radius\":1}"),
     "geo_radius.center.lat: expected a number"},
    {A("\"geo_radius\":{\"center\":" POINT(181, 0) ",\"radius\":1}"),
     "geo_radius.center.lon: 181 is beyond"},
    {A("\"geo_radius\":{\"center\":" POINT(1, 0) "}"), "geo_radius.radius: expected a number"},
    {A("\"geo_bounding_box\":{\"top_left\":" POINT(1, 0) "}"),
     "geo_bounding_box.bottom_right: expected an object"},
    {A("\"geo_polygon\":{\"exterior\":{\"points\":[" POINT(1, 0) "]}}"),
     "geo_polygon.exterior.points: expected a list of four points"},
    {A("\"geo_polygon\":{\"exterior\":{\"points\":[" POINT(1, 0) "," POINT(2, 0) "," POINT(
         2, 2) "," POINT(1, 1) "]}}"),
     "exterior.points: the last point is not the first"},
    {A("\"geo_polygon\":{\"interiors\":[]}"), "geo_polygon.exterior: expected an object"},
};

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < VV_COUNT(refused); i++) {
        filter *f = NULL;
        varve_error err = {0};
        if (filter_parse_json_text(text(refused[i][0]), &f, &err) != VARVE_INVALID)
            fail_msg("%s: %s: %s", refused[i][0], varve_status_name(err.status), err.message);
        if (!strstr(err.message, refused[i][1]))
            fail_msg("%s: \"%s\" lacks \"%s\"", refused[i][0], err.message, refused[i][1]);
        assert_null(f);
    }
}

/* "[" part, part, … "]" between head and tail. */
static char *repeated(const char *head, const char *part, size_t count, const char *tail)
{
    size_t room = strlen(head) + strlen(tail) + count * (strlen(part) + 1) + 3;
    char *json = malloc(room), *to = json;
    assert_non_null(json);
    to += sprintf(to, "%s[", head);
    for (size_t i = 0; i < count; i++)
        to += sprintf(to, "%s%s", i ? "," : "", part);
    sprintf(to, "]%s", tail);
    return json;
}

static char *nested_filters(size_t depth)
{
    char *json = calloc(depth, 12);
    assert_non_null(json);
    for (size_t i = 0; i < depth; i++)
        memcpy(json + 8 * i, "{\"must\":", 8);
    memcpy(json + 8 * depth, "{}", 2);
    memset(json + 8 * depth + 2, '}', depth);
    return json;
}

static void check_limit(char *json, varve_status status, const char *part)
{
    filter *f = NULL;
    varve_error err = {0};
    assert_int_equal(filter_parse_json_text(text(json), &f, &err), status);
    if (part && !strstr(err.message, part)) fail_msg("\"%s\" lacks \"%s\"", err.message, part);
    filter_free(f);
    free(json);
}

static void limits(void **state)
{
    (void)state;
    const char *leaf = "{\"key\":\"a\",\"match\":{\"value\":1}}";
    check_limit(repeated("{\"must\":", leaf, 900, "}"), VARVE_OK, NULL);
    check_limit(repeated("{\"must\":", leaf, 1001, "}"), VARVE_LIMIT,
                "]: the filter has more than 1000 conditions");
    check_limit(repeated("{\"must\":{\"has_id\":", "1", 65536, "}}"), VARVE_OK, NULL);
    check_limit(repeated("{\"must\":{\"has_id\":", "1", 65537, "}}"), VARVE_LIMIT,
                "filter.must.has_id: the filter has more than 65536 values");
    const char *any = "{\"must\":{\"key\":\"a\",\"match\":{\"any\":";
    check_limit(repeated(any, "1", 65536, "}}}"), VARVE_OK, NULL);
    check_limit(repeated(any, "1", 65537, "}}}"), VARVE_LIMIT,
                "[65536]: the filter has more than 65536 values");
    check_limit(repeated("{\"must\":", "{}", 1500000, "}"), VARVE_LIMIT, "4194304 bytes");
    const char *phrase = "{\"must\":{\"key\":\"a\",\"match\":{\"phrase\":\"x";
    check_limit(repeated(phrase, "long words ", 340, "\"}}}"), VARVE_OK, NULL);
    check_limit(repeated(phrase, "long words ", 400, "\"}}}"), VARVE_LIMIT,
                "match.phrase: a phrase is longer than 4096 bytes");
    check_limit(nested_filters(30), VARVE_OK, NULL);
    check_limit(nested_filters(35), VARVE_LIMIT, "must.must: nested deeper than 64 levels");
    for (size_t n = 1; n < 400; n += 37) { /* a place too long for the message is cut in front */
        char *names = malloc(n + 40);
        assert_non_null(names);
        memset(names, 'x', n + 40);
        memcpy(names, "{\"", 2);
        memcpy(names + n + 20, "\":1}", 5);
        check_limit(names, VARVE_INVALID, "filter: unknown key 'xxx");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meanings),
        cmocka_unit_test(uuids),
        cmocka_unit_test(refuses),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests_name("filter/json", tests, NULL, NULL);
}
