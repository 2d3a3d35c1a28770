/* test_path.c — paths: what is accepted, their canonical text, where they lead. */
#include "record_fixture.h"

#include "record/path.h"

static varve_text text(const char *s) { return (varve_text){s, strlen(s)}; }

static void parses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical;
        size_t steps;
    } cases[] = {
        {"a", "a", 1},
        {"a.b", "a.b", 2},
        {"a[3]", "a[3]", 2},
        {"a[]", "a[]", 2},
        {"a[].b[0][].c", "a[].b[0][].c", 6},
        {"a-b_C9", "a-b_C9", 1},
        {"9", "9", 1},
        {"\xc3\xa9t\xc3\xa9.\xe6\x97\xa5", "\xc3\xa9t\xc3\xa9.\xe6\x97\xa5", 2},
        {"\"a\"", "a", 1},
        {"`a`.\"b\"", "a.b", 2},
        {"\"a.b\"", "\"a.b\"", 1},
        {"`a.b`[4294967295]", "\"a.b\"[4294967295]", 2},
        {"\"say \"\"hi\"\"\"", "\"say \"\"hi\"\"\"", 1},
        {"`a``b`", "\"a`b\"", 1},
        {"`a\"b`", "\"a\"\"b\"", 1},
        {"\"\"", "\"\"", 1},
        {"\"a b\"[].`\n`", "\"a b\"[].\"\n\"", 3},
    };
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        VV_CLEANUP(arena_done) arena a;
        path p, again;
        arena_init(&a, 100000, "test");
        assert_ok(path_parse(text(cases[i].text), &a, &p, err));
        assert_string_equal(p.text.data, cases[i].canonical);
        assert_int_equal(p.count, cases[i].steps);
        assert_int_equal(p.many, strstr(cases[i].text, "[]") != NULL);
        assert_ok(path_parse(p.text, &a, &again, err));
        assert_string_equal(again.text.data, cases[i].canonical);
    }
}

static void refuses(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "a path is empty"},
        {".a", "path '.a', byte 1: a key is expected"},
        {"a.", "byte 3: a key is expected"},
        {"a..b", "byte 3: a key is expected"},
        {"[0]", "byte 1: a key is expected"},
        {"[]", "byte 1: a key is expected"},
        {"a b", "byte 2: '.' or '[' is expected"},
        {"a[", "byte 3: a number or ']' is expected"},
        {"a[1", "byte 4: ']' is expected"},
        {"a[-1]", "byte 3: a number or ']'"},
        {"a[4294967296]", "byte 3: the array index is too large"},
        {"a[99999999999999999999999]", "the array index is too large"},
        {"a[]b", "byte 4: '.' or '['"},
        {"\"a", "byte 1: the quote is not closed"},
        {"a.`b", "byte 3: the quote is not closed"},
        {"\"a\"b", "byte 4: '.' or '['"},
        {"a.[0]", "byte 3: a key is expected"},
        {"a$", "byte 2: '.' or '['"},
        {"a\xff", "not UTF-8"},
    };
    VV_CLEANUP(arena_done) arena a;
    path p = {.count = 77};
    arena_init(&a, 1000000, "test");
    for (size_t i = 0; i < VV_COUNT(cases); i++)
        assert_fails(VARVE_INVALID, cases[i][1], path_parse(text(cases[i][0]), &a, &p, err));
    char many[PATH_STEPS_MAX * 2 + 2], longest[PATH_BYTES_MAX + 2] = {0};
    memset(longest, 'a', PATH_BYTES_MAX + 1);
    assert_fails(VARVE_LIMIT, "1024 bytes", path_parse(text(longest), &a, &p, err));
    for (size_t i = 0; i <= PATH_STEPS_MAX; i++)
        memcpy(many + 2 * i, "a.", 2);
    assert_fails(VARVE_LIMIT, "32 steps",
                 path_parse((varve_text){many, sizeof many - 1}, &a, &p, err));
    assert_int_equal(p.count, 77);
    longest[PATH_BYTES_MAX] = '\0';
    assert_ok(path_parse(text(longest), &a, &p, err));
    assert_ok(path_parse((varve_text){many, sizeof many - 3}, &a, &p, err));
}

static void makes(void **state)
{
    (void)state;
    VV_CLEANUP(arena_done) arena a;
    path p;
    char key[] = "k";
    path_step steps[PATH_STEPS_MAX + 1] = {{PATH_KEY, {key, 1}, 0},
                                           {PATH_EACH, {NULL, 0}, 0},
                                           {PATH_KEY, {"a.b", 3}, 0},
                                           {PATH_INDEX, {NULL, 0}, 7}};
    arena_init(&a, 1000000, "test");
    assert_ok(path_make(steps, 4, &a, &p, err));
    key[0] = 'x'; /* it has its own copy */
    assert_string_equal(p.text.data, "k[].\"a.b\"[7]");
    assert_memory_equal(p.steps[0].key.data, "k", 1);
    assert_true(p.many);
    assert_fails(VARVE_INVALID, "begins with a key", path_make(steps, 0, &a, &p, err));
    assert_fails(VARVE_INVALID, "begins with a key", path_make(steps + 1, 1, &a, &p, err));
    assert_fails(VARVE_LIMIT, "steps", path_make(steps, PATH_STEPS_MAX + 1, &a, &p, err));
    steps[0].key = (varve_text){"", PATH_BYTES_MAX + 1};
    assert_fails(VARVE_LIMIT, "1024 bytes", path_make(steps, 1, &a, &p, err));
}

/* ---- walking ------------------------------------------------------------------------------- */

typedef struct visits {
    buffer found; /* values, a '|' behind each */
    size_t stop_after;
} visits;

static bool visit(void *context, varve_text raw)
{
    visits *v = context;
    assert_ok(buffer_add(&v->found, raw.data, raw.len, err));
    assert_ok(buffer_add_text(&v->found, "|", err));
    return --v->stop_after > 0;
}

static void check_walk(const char *path_text, const char *fields, const char *expected)
{
    VV_CLEANUP(arena_done) arena a;
    visits v = {.stop_after = 100};
    path p;
    arena_init(&a, 100000, "test");
    buffer_init(&v.found, 1000, "test");
    assert_ok(path_parse(text(path_text), &a, &p, err));
    assert_true(path_walk(&p, text(fields), visit, &v));
    assert_ok(buffer_add(&v.found, "", 1, err));
    if (strcmp(v.found.data, expected) != 0)
        fail_msg("%s in %s: %s instead of %s", path_text, fields, v.found.data, expected);
    buffer_done(&v.found);
}

static void walks(void **state)
{
    (void)state;
    const char *fields =
        "{\"a\":{\"b\":1,\"c\":[10,[11],{\"d\":12}]},\"s\":\"x,}\\\"y\",\"n\":null,"
        "\"list\":[{\"d\":1},{\"d\":[2,3]},{\"e\":4},5,{\"d\":null}],\"\":0,"
        "\"sp ace\":{\"q\\\"\":6},\"last\":true}";
    static const char *const cases[][2] = {
        {"a", "{\"b\":1,\"c\":[10,[11],{\"d\":12}]}|"},
        {"a.b", "1|"},
        {"a.c", "[10,[11],{\"d\":12}]|"},
        {"a.c[0]", "10|"},
        {"a.c[1][0]", "11|"},
        {"a.c[2].d", "12|"},
        {"a.c[3]", ""},
        {"a.c[]", "10|[11]|{\"d\":12}|"},
        {"a.c[][]", "11|"},
        {"a.c[].d", "12|"},
        {"a.b.c", ""},
        {"a.b[0]", ""},
        {"a.b[]", ""},
        {"a[0]", ""},
        {"s", "\"x,}\\\"y\"|"},
        {"n", "null|"},
        {"n.a", ""},
        {"list[].d", "1|[2,3]|null|"},
        {"list[].d[]", "2|3|"},
        {"list.d", ""},
        {"list[3]", "5|"},
        {"list[4294967295]", ""},
        {"\"\"", "0|"},
        {"\"sp ace\".\"q\"\"\"", "6|"},
        {"last", "true|"},
        {"missing", ""},
        {"missing.a[].b", ""},
        {"la", ""},
    };
    for (size_t i = 0; i < VV_COUNT(cases); i++)
        check_walk(cases[i][0], fields, cases[i][1]);
    check_walk("a", "{}", "");
    check_walk("a", "", "");
    check_walk("a", "[1]", "");
    check_walk("a[]", "{\"a\":[]}", "");
    check_walk("a[][0]", "{\"a\":[[],[1,2],3,[4]]}", "1|4|");
}

static void flat_members(void **state)
{
    (void)state;
    check_walk("a.b", "{\"a.b\":1}", "1|");
    check_walk("a.b", "{\"a\":{\"b\":2},\"a.b\":1}", "1|");
    check_walk("a.b", "{\"a.b\":1,\"a\":{\"b\":2}}", "1|");
    check_walk("\"a.b\"", "{\"a.b\":1,\"a\":{\"b\":2}}", "1|");
    check_walk("\"a.b\"", "{\"a\":{\"b\":2}}", "");
    check_walk("a.b.c", "{\"a.b.c\":1}", "1|");
    check_walk("a.b.c", "{\"a.b\":{\"c\":1}}", ""); /* the whole of the keys, or none */
    check_walk("a.b.c", "{\"a\":{\"b.c\":1}}", ""); /* and only at the top */
    check_walk("a.b[1]", "{\"a.b\":[5,6]}", "6|");
    check_walk("a.b[].c.d", "{\"a.b\":[{\"c\":{\"d\":7}},{\"c.d\":8}]}", "7|");
    check_walk("a.b", "{\"a.b\":null,\"a\":{\"b\":2}}", "null|"); /* there, if null */
    check_walk("a.b[]", "{\"a.b\":1,\"a\":{\"b\":[2]}}", "");     /* there, if not an array */
    check_walk("a.b", "{\"a.\":{\"b\":1},\"ab\":2,\"a.bc\":3}", "");
}

static void escaped_keys(void **state)
{
    (void)state;
    check_walk("a", "{\"\\u0061\":1}", "1|");
    check_walk("a.b", "{\"\\u0061.b\":1}", "1|");
    check_walk("\xc3\xa9", "{\"\\u00e9\":1}", "1|");
    check_walk("`a\\b`", "{\"a\\\\b\":1}", "1|");
    check_walk("`a\\\\b`", "{\"a\\\\b\":1}", "");
    check_walk("`\\u0061`", "{\"\\u0061\":1,\"\\\\u0061\":2}", "2|");
    check_walk("`\n`.x", "{\"\\n\":{\"x\":1}}", "1|");
    check_walk("a", "{\"\\ud800\":1,\"\\u006\":2,\"a\":3}",
               "3|"); /* malformed names are no one's */
}

static void stops(void **state)
{
    (void)state;
    VV_CLEANUP(arena_done) arena a;
    visits v = {.stop_after = 2};
    path p;
    arena_init(&a, 100000, "test");
    buffer_init(&v.found, 1000, "test");
    assert_ok(path_parse(text("a[][]"), &a, &p, err));
    assert_false(path_walk(&p, text("{\"a\":[[1],[2,3],[4]]}"), visit, &v));
    assert_int_equal(v.found.len, 4);
    buffer_done(&v.found);
}

static bool visit_any(void *context, varve_text raw)
{
    const varve_text *fields = context;
    assert_true(raw.len > 0 && raw.data > fields->data);
    assert_true(raw.data + raw.len <= fields->data + fields->len);
    return true;
}

static bool walk_bytes(const void *bytes, size_t len, buffer *again)
{
    static const char *const paths[] = {"a.b[].c", "a.b", "x[1].\xc3\xa9", "a.b.c"};
    VV_CLEANUP(arena_done) arena a;
    varve_text fields = {bytes, len};
    arena_init(&a, 100000, "test");
    for (size_t i = 0; i < VV_COUNT(paths); i++) {
        path p;
        assert_ok(path_parse(text(paths[i]), &a, &p, err));
        assert_true(path_walk(&p, fields, visit_any, &fields));
    }
    assert_ok(buffer_add(again, bytes, len, err));
    return true;
}

/* Whatever the bytes, none are read behind their end. */
static void damaged(void **state)
{
    (void)state;
    const char *fields = "{\"\\u0061.b\":[{\"c\":1},{\"c\":\"\\\"\"}],\"a\":{\"b\":{\"c\":[2]}},"
                         "\"x\":[0,{\"\\u00e9\":1.5}]}";
    mutate(walk_bytes, fields, strlen(fields));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses), cmocka_unit_test(refuses),      cmocka_unit_test(makes),
        cmocka_unit_test(walks),  cmocka_unit_test(flat_members), cmocka_unit_test(escaped_keys),
        cmocka_unit_test(stops),  cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests_name("record/path", tests, NULL, NULL);
}
