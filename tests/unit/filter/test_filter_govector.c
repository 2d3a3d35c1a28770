/* test_filter_govector.c — GoVector's filters: the cases of its TestMatchFilter, and those it gets
 * wrong. */
#include "filter_fixture.h"

static filter *parse(const char *json, varve_status expected, const char *part)
{
    filter *f = NULL;
    varve_error err = {0};
    json_t *root = json_loads(json, 0, NULL);
    assert_non_null(root);
    if (filter_parse_govector(root, &f, &err) != expected || !strstr(err.message, part))
        fail_msg("%s: \"%s\" lacks \"%s\"", json, err.message, part);
    json_decref(root);
    return f;
}

#define K(rest)    "{\"key\":\"k\"," rest "}"
#define ONE(rest)  "{\"must\":[" K(rest) "]}"
#define NONE(rest) "{\"must_not\":[" K(rest) "]}"

static const struct {
    const char *filter, *fields;
    bool expected;
} cases[] = {
    {"{}", "{}", true},
    {"{\"must\":[],\"must_not\":null}", "{\"k\":1}", true},
    /* exact, the default */
    {ONE("\"match\":{\"value\":\"red\"}"), "{\"k\":\"red\"}", true},
    {ONE("\"type\":\"exact\",\"match\":{\"value\":\"red\"}"), "{\"k\":\"blue\"}", false},
    {ONE("\"match\":{\"value\":5}"), "{\"k\":5}", true},
    {ONE("\"match\":{\"value\":5}"), "{\"k\":5.0}", true},
    {ONE("\"match\":{\"value\":5}"), "{\"k\":\"5\"}", false},
    {ONE("\"match\":{\"value\":1.5}"), "{\"k\":1.5}", true},
    {ONE("\"match\":{\"value\":true}"), "{\"k\":true}", true},
    {ONE("\"match\":{\"value\":null}"), "{\"k\":null}", true},
    {ONE("\"match\":{\"value\":null}"), "{}", false},
    /* a key that is missing: must fails, must_not passes */
    {ONE("\"match\":{\"value\":\"red\"}"), "{}", false},
    {NONE("\"match\":{\"value\":\"red\"}"), "{}", true},
    {NONE("\"match\":{\"value\":\"red\"}"), "{\"k\":\"red\"}", false},
    {NONE("\"match\":{\"value\":\"red\"}"), "{\"k\":\"blue\"}", true},
    {NONE("\"type\":\"range\",\"range\":{\"gt\":1}"), "{}", true},
    {NONE("\"type\":\"regex\",\"match\":{\"value\":\".*\"}"), "{}", true},
    /* arrays and objects are compared with nothing, and nothing breaks */
    {ONE("\"match\":{\"value\":[1,2]}"), "{\"k\":[1,2]}", false},
    {NONE("\"match\":{\"value\":{\"a\":1}}"), "{\"k\":{\"a\":1}}", true},
    {ONE("\"match\":{\"value\":1}"), "{\"k\":[1,2]}", true},
    {ONE("\"match\":{\"value\":1}"), "{\"k\":{\"a\":1}}", false},
    /* ranges, of integers too */
    {ONE("\"type\":\"range\",\"range\":{\"gte\":18,\"lt\":65}"), "{\"k\":18}", true},
    {ONE("\"type\":\"range\",\"range\":{\"gte\":18,\"lt\":65}"), "{\"k\":65}", false},
    {ONE("\"type\":\"range\",\"range\":{\"gte\":18,\"lt\":65}"), "{\"k\":17}", false},
    {ONE("\"type\":\"range\",\"range\":{\"gt\":9007199254740992}"), "{\"k\":9007199254740993}",
     true},
    {ONE("\"type\":\"range\",\"range\":{\"gt\":9007199254740993}"), "{\"k\":9007199254740993}",
     false},
    {ONE("\"type\":\"range\",\"range\":{\"gt\":1}"), "{\"k\":\"2\"}", false},
    {ONE("\"type\":\"range\",\"range\":{\"gt\":1.5,\"lte\":2.5}"), "{\"k\":2.5}", true},
    /* texts */
    {ONE("\"type\":\"prefix\",\"match\":{\"value\":\"go\"}"), "{\"k\":\"govector\"}", true},
    {ONE("\"type\":\"prefix\",\"match\":{\"value\":\"go\"}"), "{\"k\":\"cargo\"}", false},
    {ONE("\"type\":\"contains\",\"match\":{\"value\":\"vec\"}"), "{\"k\":\"govector\"}", true},
    {ONE("\"type\":\"contains\",\"match\":{\"value\":\"vec\"}"), "{\"k\":[\"go\",\"vec\"]}", true},
    {ONE("\"type\":\"contains\",\"match\":{\"value\":\"vec\"}"), "{\"k\":7}", false},
    {ONE("\"type\":\"regex\",\"match\":{\"value\":\"^go.*r$\"}"), "{\"k\":\"govector\"}", true},
    {ONE("\"type\":\"regex\",\"match\":{\"value\":\"^vec\"}"), "{\"k\":\"govector\"}", false},
    {ONE("\"type\":\"regex\",\"match\":{\"value\":\"v.c\"}"), "{\"k\":\"govector\"}", true},
    /* several */
    {"{\"must\":[{\"key\":\"a\",\"match\":{\"value\":1}},{\"key\":\"b\",\"match\":{\"value\":2}}],"
     "\"must_not\":[{\"key\":\"c\",\"match\":{\"value\":3}}]}",
     "{\"a\":1,\"b\":2,\"c\":4}", true},
    {"{\"must\":[{\"key\":\"a\",\"match\":{\"value\":1}},{\"key\":\"b\",\"match\":{\"value\":2}}],"
     "\"must_not\":[{\"key\":\"c\",\"match\":{\"value\":3}}]}",
     "{\"a\":1,\"b\":2,\"c\":3}", false},
    /* a key is a name, not a path */
    {"{\"must\":[{\"key\":\"a.b\",\"match\":{\"value\":1}}]}", "{\"a.b\":1}", true},
    {"{\"must\":[{\"key\":\"a.b\",\"match\":{\"value\":1}}]}", "{\"a\":{\"b\":1}}", false},
    {"{\"must\":[{\"key\":\"a b[0]\",\"match\":{\"value\":1}}]}", "{\"a b[0]\":1}", true},
};

static void meanings(void **state)
{
    (void)state;
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        VV_CLEANUP(filter_freep) filter *f = parse(cases[i].filter, VARVE_OK, "");
        filter_row row = {.id = num(1), .fields = text(cases[i].fields)};
        if (truth_of_row(f, &row) != (cases[i].expected ? 'T' : 'F'))
            fail_msg("%s of %s", cases[i].filter, cases[i].fields);
    }
}

static void refuses(void **state)
{
    (void)state;
    static const char *const refused[][2] = {
        {"[]", "filter: expected an object"},
        {"{\"should\":[]}", "filter: unknown key 'should'"},
        {"{\"must\":{}}", "filter.must: expected a list of conditions"},
        {"{\"must\":[{}]}", "filter.must[0].key: expected a text"},
        {ONE("\"type\":\"fuzzy\""), "filter.must[0].type: expected exact, range, prefix"},
        {ONE("\"type\":5"), "filter.must[0].type: expected a text"},
        {ONE("\"type\":\"exact\""), "filter.must[0].match: expected an object"},
        {ONE("\"match\":{}"), "filter.must[0].match.value: expected a value"},
        {ONE("\"match\":{\"value\":1,\"x\":1}"), "match: unknown key 'x'"},
        {NONE("\"type\":\"range\""), "filter.must_not[0].range: expected an object"},
        {ONE("\"type\":\"range\",\"range\":{\"gt\":\"x\"}"), "range.gt: expected a number"},
        {ONE("\"type\":\"prefix\",\"match\":{\"value\":1}"), "match.value: expected a text"},
        {ONE("\"type\":\"regex\",\"match\":{\"value\":\"(\"}"),
         "filter.must[0].match.value: not a regular expression"},
    };
    for (size_t i = 0; i < VV_COUNT(refused); i++)
        assert_null(parse(refused[i][0], VARVE_INVALID, refused[i][1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(meanings), cmocka_unit_test(refuses)};
    return cmocka_run_group_tests_name("filter/govector", tests, NULL, NULL);
}
