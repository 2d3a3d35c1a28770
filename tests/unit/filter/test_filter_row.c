/* test_filter_row.c — trees against rows: Kleene's truth, many values, missing ones, nested
 * objects, ids, vectors, tokens. */
#include "filter_fixture.h"

#include "record/id.h"

#include <stdio.h>

/* ---- and, or, not -------------------------------------------------------------------------- */

static filter_node constants[] = {
    {.op = FILTER_FALSE}, {.op = FILTER_UNKNOWN}, {.op = FILTER_TRUE}};

static char truth_of_tree(filter_node *root)
{
    filter f = {.root = root};
    filter_row row = {.id = {.num = 1}, .fields = {"{}", 2}};
    return truth_of_row(&f, &row);
}

static char truth_of_two(filter_op op, size_t at_least, bool two_valued, int a, int b)
{
    filter_node *children[] = {&constants[a], &constants[b]};
    filter_node root = {.op = op,
                        .two_valued = two_valued,
                        .child_count = 2,
                        .children = children,
                        .at_least = at_least};
    return truth_of_tree(&root);
}

/* For FF, FU, FT, UF, … TT. */
static void check_table(filter_op op, size_t at_least, bool two_valued, const char *expected)
{
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            assert_int_equal(truth_of_two(op, at_least, two_valued, a, b), expected[3 * a + b]);
}

static void truth_tables(void **state)
{
    (void)state;
    check_table(FILTER_AND, 0, false, "FFFFUUFUT");
    check_table(FILTER_OR, 0, false, "FUTUUTTTT");
    check_table(FILTER_AND, 0, true, "FFFFFFFFT");
    check_table(FILTER_OR, 0, true, "FFTFFTTTT");
    check_table(FILTER_AT_LEAST, 0, false, "TTTTTTTTT");
    check_table(FILTER_AT_LEAST, 1, false, "FFTFFTTTT");
    check_table(FILTER_AT_LEAST, 2, false, "FFFFFFFFT");
    check_table(FILTER_AT_LEAST, 3, false, "FFFFFFFFF");
    for (int i = 0; i < 3; i++) {
        filter_node *child = &constants[i];
        filter_node not = {.op = FILTER_NOT, .child_count = 1, .children = &child};
        assert_int_equal(truth_of_tree(&constants[i]), "FUT"[i]);
        assert_int_equal(truth_of_tree(&not ), "TUF"[i]);
        not .two_valued = true;
        assert_int_equal(truth_of_tree(&not ), "TFF"[i]);
    }
    filter_node all = {.op = FILTER_AND}, any = {.op = FILTER_OR}, least = {.op = FILTER_AT_LEAST};
    assert_int_equal(truth_of_tree(&all), 'T');
    assert_int_equal(truth_of_tree(&any), 'F');
    assert_int_equal(truth_of_tree(&least), 'T');
    least.at_least = 1;
    assert_int_equal(truth_of_tree(&least), 'F');
}

/* ---- values of a path ---------------------------------------------------------------------- */

typedef struct path_case {
    filter_node leaf; /* the literal is 1 */
    const char *path, *fields;
    char expected;
} path_case;

#define EQ                                                                                         \
    {                                                                                              \
        .op = FILTER_EQUAL                                                                         \
    }
#define EQ_IN                                                                                      \
    {                                                                                              \
        .op = FILTER_EQUAL, .expand = true                                                         \
    }
#define HAS                                                                                        \
    {                                                                                              \
        .op = FILTER_EQUAL, .expand = true, .array_only = true                                     \
    }
#define NE                                                                                         \
    {                                                                                              \
        .op = FILTER_EXCEPT                                                                        \
    }
#define NE_IN                                                                                      \
    {                                                                                              \
        .op = FILTER_EXCEPT, .expand = true                                                        \
    }
#define NIL                                                                                        \
    {                                                                                              \
        .op = FILTER_IS_NULL                                                                       \
    }
#define NIL_IN                                                                                     \
    {                                                                                              \
        .op = FILTER_IS_NULL, .expand = true                                                       \
    }
#define NO                                                                                         \
    {                                                                                              \
        .op = FILTER_IS_NULL, .missing_counts = true                                               \
    }
#define EMPTY                                                                                      \
    {                                                                                              \
        .op = FILTER_IS_EMPTY                                                                      \
    }
#define THERE                                                                                      \
    {                                                                                              \
        .op = FILTER_EXISTS                                                                        \
    }
#define MORE                                                                                       \
    {                                                                                              \
        .op = FILTER_RANGE, .range = {.has_low = true, .low_open = true }                          \
    }
#define MORE_IN                                                                                    \
    {                                                                                              \
        .op = FILTER_RANGE, .expand = true, .range = {.has_low = true, .low_open = true }          \
    }
#define COUNT_1                                                                                    \
    {                                                                                              \
        .op = FILTER_COUNT, .range = {.has_low = true }                                            \
    }

static const path_case path_cases[] = {
    {EQ, "a", "{\"a\":1}", 'T'},
    {EQ, "a", "{\"a\":2}", 'F'},
    {EQ, "a", "{\"a\":null}", 'U'},
    {EQ, "a", "{}", 'U'},
    {EQ, "a", "", 'U'},
    {EQ, "a", "{\"a\":[1]}", 'F'},
    {EQ, "a[]", "{\"a\":[2,1]}", 'T'},
    {EQ, "a[]", "{\"a\":[2,3]}", 'F'},
    {EQ, "a[]", "{\"a\":[2,null]}", 'U'},
    {EQ, "a[]", "{\"a\":[null,1]}", 'T'},
    {EQ, "a[]", "{\"a\":[]}", 'U'},
    {EQ, "a[]", "{\"a\":1}", 'U'},
    {EQ_IN, "a", "{\"a\":[2,1]}", 'T'},
    {EQ_IN, "a", "{\"a\":[2,3]}", 'F'},
    {EQ_IN, "a", "{\"a\":[2,null]}", 'U'},
    {EQ_IN, "a", "{\"a\":[[1]]}", 'F'},
    {EQ_IN, "a", "{\"a\":[]}", 'U'},
    {EQ_IN, "a", "{\"a\":1}", 'T'},
    {EQ_IN, "a[].b", "{\"a\":[{\"b\":2},{\"b\":[3,1]}]}", 'T'},
    {EQ_IN, "a[].b", "{\"a\":[{\"b\":2},{\"c\":1}]}", 'F'},
    {HAS, "a", "{\"a\":[2,1]}", 'T'},
    {HAS, "a", "{\"a\":1}", 'F'},
    {HAS, "a", "{\"a\":[]}", 'F'},
    {HAS, "a", "{\"a\":null}", 'U'},
    {HAS, "a", "{}", 'U'},
    {HAS, "a", "{\"a\":{\"b\":1}}", 'F'},
    {NE, "a", "{\"a\":2}", 'T'},
    {NE, "a", "{\"a\":\"1\"}", 'T'},
    {NE, "a", "{\"a\":1.0}", 'F'},
    {NE, "a", "{\"a\":null}", 'U'},
    {NE, "a", "{}", 'U'},
    {NE, "a", "{\"a\":[1]}", 'T'},
    {NE_IN, "a", "{\"a\":[1,1]}", 'F'},
    {NE_IN, "a", "{\"a\":[1,2]}", 'T'},
    {NE_IN, "a", "{\"a\":[]}", 'U'},
    {MORE, "a", "{\"a\":1.5}", 'T'},
    {MORE, "a", "{\"a\":1}", 'F'},
    {MORE, "a", "{\"a\":\"x\"}", 'U'},
    {MORE, "a", "{\"a\":[5]}", 'U'},
    {MORE_IN, "a", "{\"a\":[0,\"x\"]}", 'U'},
    {MORE_IN, "a", "{\"a\":[0,5]}", 'T'},
    {NIL, "a", "{\"a\":null}", 'T'},
    {NIL, "a", "{\"a\":0}", 'F'},
    {NIL, "a", "{\"a\":[null]}", 'F'},
    {NIL, "a", "{}", 'F'},
    {NIL, "a[]", "{\"a\":[1,null]}", 'T'},
    {NIL_IN, "a", "{\"a\":[1,null]}", 'T'},
    {NIL_IN, "a", "{\"a\":[1,[null]]}", 'F'},
    {NO, "a", "{}", 'T'},
    {NO, "a", "{\"a\":null}", 'T'},
    {NO, "a", "{\"a\":[]}", 'F'},
    {NO, "a[]", "{\"a\":[]}", 'T'},
    {EMPTY, "a", "{}", 'T'},
    {EMPTY, "a", "{\"a\":null}", 'T'},
    {EMPTY, "a", "{\"a\":[]}", 'T'},
    {EMPTY, "a", "{\"a\":\"\"}", 'F'},
    {EMPTY, "a", "{\"a\":{}}", 'F'},
    {EMPTY, "a", "{\"a\":[null]}", 'F'},
    {EMPTY, "a[].b", "{\"a\":[{\"b\":null},{\"b\":1}]}", 'F'},
    {EMPTY, "a[].b", "{\"a\":[{\"b\":1},{\"b\":null}]}", 'F'},
    {EMPTY, "a[].b", "{\"a\":[{\"b\":[]},{\"b\":null},{}]}", 'T'},
    {THERE, "a", "{\"a\":null}", 'T'},
    {THERE, "a.b", "{\"a\":{\"b\":0}}", 'T'},
    {THERE, "a.c", "{\"a\":{\"b\":0}}", 'F'},
    {THERE, "a.b", "{\"a.b\":0}", 'T'},
    {COUNT_1, "a", "{}", 'F'},
    {COUNT_1, "a", "{\"a\":null}", 'F'},
    {COUNT_1, "a", "{\"a\":[]}", 'F'},
    {COUNT_1, "a", "{\"a\":[null]}", 'T'},
    {COUNT_1, "a", "{\"a\":\"x\"}", 'T'},
    {COUNT_1, "a", "{\"a\":{}}", 'T'},
};

/* The leaf, its literal 1, its path. */
static void fill(filter *f, filter_node *leaf, const char *path_text, path *p, filter_value *one)
{
    value v = {.kind = VALUE_INT, .integer = 1};
    assert_ok(filter_value_make(f, &v, one, err));
    assert_ok(path_parse(text(path_text), &f->memory, p, err));
    leaf->path = p;
    leaf->values = one;
    leaf->value_count = 1;
    leaf->range.low = *one;
}

static void paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < VV_COUNT(path_cases); i++) {
        const path_case *c = &path_cases[i];
        VV_CLEANUP(filter_freep) filter *f = NULL;
        filter_node leaf = c->leaf;
        filter_value one;
        path p;
        filter_row row = {.id = num(1), .fields = text(c->fields)};
        assert_ok(filter_new(&f, err));
        fill(f, &leaf, c->path, &p, &one);
        f->root = &leaf;
        char found = truth_of_row(f, &row);
        leaf.two_valued = true;
        char two = truth_of_row(f, &row);
        if (found != c->expected || two != (found == 'U' ? 'F' : found))
            fail_msg("case %zu: %s in %s: %c %c", i, c->path, c->fields, found, two);
    }
}

/* Texts with escapes, after each other in one scratch. */
static void escaped_texts(void **state)
{
    (void)state;
    check_json("{\"must\":[{\"key\":\"a\",\"match\":{\"value\":\"x\\\"y\"}},"
               "{\"key\":\"b[]\",\"match\":{\"value\":\"\\u00e9\"}}]}",
               "{\"a\":\"x\\\"y\",\"b\":[\"\\n\",\"\\u00e9\",\"\\t\"]}", true);
    check_json("{\"must\":{\"key\":\"a\",\"match\":{\"value\":\"x\\\"y\"}}}", "{\"a\":\"xy\"}",
               false);
}

/* ---- ids, vectors, slices ------------------------------------------------------------------ */

static char truth_of_id(filter_node leaf, varve_id id, value literal)
{
    VV_CLEANUP(filter_freep) filter *f = NULL;
    filter_value made;
    filter_node *child = &leaf;
    filter_node root = {.op = FILTER_ID, .child_count = 1, .children = &child};
    filter_row row = {.id = id, .fields = {"{\"id\":7}", 8}};
    assert_ok(filter_new(&f, err));
    assert_ok(filter_value_make(f, &literal, &made, err));
    leaf.values = &made;
    leaf.value_count = 1;
    leaf.range.low = made;
    f->root = &root;
    return truth_of_row(f, &row);
}

static void ids(void **state)
{
    (void)state;
    value five = {.kind = VALUE_INT, .integer = 5};
    value big = {.kind = VALUE_UINT, .big = UINT64_MAX};
    value five_text = {.kind = VALUE_TEXT, .text = {"5", 1}};
    filter_node equal = EQ, except = NE, more = MORE, null = NIL, prefix = {.op = FILTER_PREFIX};
    prefix.pattern = text("do");
    assert_int_equal(truth_of_id(equal, num(5), five), 'T');
    assert_int_equal(truth_of_id(equal, num(7), five), 'F');
    assert_int_equal(truth_of_id(equal, str("5"), five), 'F');
    assert_int_equal(truth_of_id(equal, str("5"), five_text), 'T');
    assert_int_equal(truth_of_id(equal, num(UINT64_MAX), big), 'T');
    assert_int_equal(truth_of_id(equal, num(UINT64_MAX - 1), big), 'F');
    assert_int_equal(truth_of_id(except, num(7), five), 'T');
    assert_int_equal(truth_of_id(more, num(UINT64_MAX), five), 'T');
    assert_int_equal(truth_of_id(more, num(5), five), 'F');
    assert_int_equal(truth_of_id(more, str("x"), five), 'U');
    assert_int_equal(truth_of_id(null, num(5), five), 'F');
    assert_int_equal(truth_of_id(prefix, str("doc"), five), 'T');
    assert_int_equal(truth_of_id(prefix, num(5), five), 'U');
    prefix.two_valued = true;
    assert_int_equal(truth_of_id(prefix, num(5), five), 'F');
    check_row("{\"must\":{\"has_id\":[3,\"b\",18446744073709551615,1]}}", num(3), "{}", 'T');
    check_row("{\"must\":{\"has_id\":[3,\"b\",18446744073709551615,1]}}", num(UINT64_MAX), "{}",
              'T');
    check_row("{\"must\":{\"has_id\":[3,\"b\",18446744073709551615,1]}}", str("b"), "{}", 'T');
    check_row("{\"must\":{\"has_id\":[3,\"b\",18446744073709551615,1]}}", num(2), "{}", 'F');
    check_row("{\"must\":{\"has_id\":[3,\"b\"]}}", str("3"), "{}", 'F');
    check_row("{\"must\":{\"has_id\":[]}}", num(1), "{}", 'F');
}

static bool has_titles(void *context, varve_text name)
{
    ++*(int *)context;
    return name.len == 5 && memcmp(name.data, "title", 5) == 0;
}

static void vectors(void **state)
{
    (void)state;
    VV_CLEANUP(filter_freep) filter *title = json_filter("{\"must\":{\"has_vector\":\"title\"}}");
    VV_CLEANUP(filter_freep) filter *primary = json_filter("{\"must\":{\"has_vector\":\"\"}}");
    int calls = 0;
    filter_row row = {.id = num(1), .fields = {"{}", 2}};
    assert_int_equal(truth_of_row(title, &row), 'F');
    assert_int_equal(truth_of_row(primary, &row), 'T');
    row.has_vector = has_titles;
    row.context = &calls;
    assert_int_equal(truth_of_row(title, &row), 'T');
    assert_int_equal(truth_of_row(primary, &row), 'F');
    assert_int_equal(calls, 2);
}

/* Every id is in one slice, always the same; the slices are about alike. */
static void slices(void **state)
{
    (void)state;
    enum { SLICES = 4, IDS = 4000 };
    VV_CLEANUP(buffer_done) buffer scratch;
    size_t counts[SLICES] = {0};
    buffer_init(&scratch, 1000, "test");
    for (uint64_t i = 0; i < IDS; i++) {
        char name[16];
        snprintf(name, sizeof name, "doc-%llu", (unsigned long long)i);
        size_t in = 0;
        for (uint64_t s = 0; s < SLICES; s++) {
            filter_node root = {.op = FILTER_SLICE, .slice_total = SLICES, .slice_index = s};
            filter f = {.root = &root};
            filter_row row = {.id = i % 2 ? num(i) : str(name), .fields = {"{}", 2}};
            truth t;
            assert_ok(filter_row_truth(&f, &row, &scratch, &t, err));
            in += t == TRUTH_TRUE;
            counts[s] += t == TRUTH_TRUE;
        }
        assert_int_equal(in, 1);
    }
    for (size_t s = 0; s < SLICES; s++)
        assert_in_range(counts[s], IDS / SLICES - 150, IDS / SLICES + 150);
    /* Written down once: a slice asked for later must be the same. */
    check_row("{\"must\":{\"slice\":{\"total\":1000000,\"index\":81455}}}", num(7), "{}", 'T');
    check_row("{\"must\":{\"slice\":{\"total\":1000000,\"index\":224284}}}", str("doc-7"), "{}",
              'T');
}

/* ---- nested -------------------------------------------------------------------------------- */

static void nested(void **state)
{
    (void)state;
    const char *both = "{\"must\":{\"nested\":{\"key\":\"a\",\"filter\":{\"must\":["
                       "{\"key\":\"x\",\"match\":{\"value\":1}},"
                       "{\"key\":\"y\",\"match\":{\"value\":2}}]}}}}";
    check_json(both, "{\"a\":[{\"x\":1,\"y\":3},{\"x\":0,\"y\":2}]}", false);
    check_json(both, "{\"a\":[{\"x\":1,\"y\":3},{\"x\":1,\"y\":2}]}", true);
    check_json(both, "{\"a\":[5,null,[{\"x\":1,\"y\":2}]]}", false);
    check_json(both, "{\"a\":{\"x\":1,\"y\":2}}", true);
    check_json(both, "{\"a\":[]}", false);
    check_json(both, "{\"x\":1,\"y\":2}", false);
    check_json("{\"must\":{\"nested\":{\"key\":\"a[].b\",\"filter\":{\"must_not\":"
               "{\"key\":\"x\",\"match\":{\"value\":1}}}}}}",
               "{\"a\":[{\"b\":{\"x\":1}},{\"b\":[{\"x\":1},{}]}]}", true);
    check_json("{\"must_not\":{\"nested\":{\"key\":\"a\",\"filter\":{\"must\":"
               "{\"key\":\"x\",\"match\":{\"value\":1}}}}}}",
               "{\"b\":1}", true);
    check_json("{\"must\":{\"nested\":{\"key\":\"a\",\"filter\":{\"must\":{\"nested\":{\"key\":"
               "\"b\",\"filter\":{\"must\":[{\"key\":\"x\",\"range\":{\"gt\":1,\"lt\":3}},"
               "{\"has_id\":[1]}]}}}}}}}",
               "{\"a\":[{\"b\":[{\"x\":1},{\"x\":2}]}]}", true);
}

/* ---- tokens -------------------------------------------------------------------------------- */

static void check_tokens(const char *how, const char *pattern, const char *subject, bool expected)
{
    char json[300], fields[300];
    snprintf(json, sizeof json, "{\"must\":{\"key\":\"t\",\"match\":{\"%s\":\"%s\"}}}", how,
             pattern);
    snprintf(fields, sizeof fields, "{\"t\":\"%s\"}", subject);
    check_json(json, fields, expected);
    snprintf(fields, sizeof fields, "{\"t\":[7,\"nothing\",\"%s\"]}", subject);
    check_json(json, fields, expected);
}

static void tokens(void **state)
{
    (void)state;
    check_tokens("text", "quick fox", "The quick brown Fox.", true);
    check_tokens("text", "FOX the quick quick", "The quick brown Fox.", true);
    check_tokens("text", "quick wolf", "The quick brown fox", false);
    check_tokens("text", "qui", "The quick brown fox", false);
    check_tokens("text", "", "The quick brown fox", false);
    check_tokens("text", "...", "The quick ... brown fox", false);
    check_tokens("text", "fox", "", false);
    check_tokens("text_any", "wolf fox", "The quick brown fox", true);
    check_tokens("text_any", "wolf bear", "The quick brown fox", false);
    check_tokens("text_any", "", "The quick brown fox", false);
    check_tokens("phrase", "quick brown", "The quick, brown fox", true);
    check_tokens("phrase", "brown quick", "The quick brown fox", false);
    check_tokens("phrase", "quick fox", "The quick brown fox", false);
    check_tokens("phrase", "a b a c", "a b a b a c", true);
    check_tokens("phrase", "brown fox jumps", "The quick brown fox", false);
    check_json("{\"must\":{\"key\":\"t\",\"match\":{\"text\":\"7\"}}}", "{\"t\":7}", false);
    check_json("{\"must_not\":{\"key\":\"t\",\"match\":{\"text\":\"x\"}}}", "{}", true);
    check_json("{\"should\":[{\"key\":\"t\",\"match\":{\"text\":\"x\"}},"
               "{\"key\":\"t\",\"match\":{\"phrase\":\"y z\"}}]}",
               "{\"t\":\"y z\"}", true);
}

/* With the options of a collection; and a phrase that may go on. */
static void tokens_with_options(void **state)
{
    (void)state;
    VV_CLEANUP(filter_freep)
    filter *f = json_filter("{\"must\":[{\"key\":\"t\",\"match\":{\"text\":\"running\"}},"
                            "{\"key\":\"t\",\"match\":{\"phrase\":\"lord of the ri\"}}]}");
    VV_CLEANUP(filter_tokens_freep) filter_tokens *t = NULL;
    text_options options = {.language = "english", .stem = true, .stop_words = true};
    filter_row row = {.id = num(1), .fields = text("{\"t\":\"runs: Lord of the Rings\"}")};
    f->root->children[1]->how = TOKENS_PHRASE_PREFIX;
    assert_int_equal(truth_of_row(f, &row), 'F');
    assert_ok(filter_tokens_new(f, &options, &t, err));
    row.tokens = t;
    assert_int_equal(truth_of_row(f, &row), 'T');
    row.fields = text("{\"t\":\"runs: Lord Rings\"}"); /* two words are missing between them */
    assert_int_equal(truth_of_row(f, &row), 'F');
    row.fields = text("{\"t\":\"lord of the rivers run\"}");
    assert_int_equal(truth_of_row(f, &row), 'T');
    VV_CLEANUP(filter_freep) filter *other = json_filter("{}");
    VV_CLEANUP(filter_tokens_freep) filter_tokens *none = t;
    assert_ok(filter_tokens_new(other, &options, &none, err));
    assert_null(none);
}

static void long_fields(void **state)
{
    (void)state;
    VV_CLEANUP(filter_freep) filter *f = json_filter("{}");
    VV_CLEANUP(buffer_done) buffer scratch;
    filter_row row = {.id = num(1), .fields = text("{\"a\":\"12345678\"}")};
    varve_error err = {0};
    truth t = TRUTH_UNKNOWN;
    buffer_init(&scratch, 10, "fields");
    assert_int_equal(filter_row_truth(f, &row, &scratch, &t, &err), VARVE_LIMIT);
    assert_int_equal(t, TRUTH_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truth_tables),
        cmocka_unit_test(paths),
        cmocka_unit_test(escaped_texts),
        cmocka_unit_test(ids),
        cmocka_unit_test(vectors),
        cmocka_unit_test(slices),
        cmocka_unit_test(nested),
        cmocka_unit_test(tokens),
        cmocka_unit_test(tokens_with_options),
        cmocka_unit_test(long_fields),
    };
    return cmocka_run_group_tests_name("filter/row", tests, NULL, NULL);
}
