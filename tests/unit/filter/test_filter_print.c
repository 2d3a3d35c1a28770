/* test_filter_print.c — how trees look that the where grammar cannot make: those of JSON; and what
 * building a tree refuses. */
#include "where_fixture.h"

#include <math.h>

static varve_error failure;

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        varve_error *err = &failure;                                                               \
        if ((call) != VARVE_OK) fail_msg("%s: %s", #call, err->message);                           \
    } while (0)

static filter *new_filter(void)
{
    filter *f = NULL;
    assert_ok(filter_new(&f, err));
    return f;
}

static filter_node *node(filter *f, filter_op op, const char *path_text)
{
    filter_node *n = NULL;
    assert_ok(filter_node_new(f, op, &n, err));
    assert_int_equal(n->op, op);
    if (!path_text) return n;
    void *p = NULL;
    assert_ok(arena_take(&f->memory, 1, sizeof(path), &p, err));
    assert_ok(path_parse(text_of(path_text), &f->memory, p, err));
    n->path = p;
    return n;
}

static filter_value number(filter *f, int64_t n)
{
    filter_value v = {0};
    assert_ok(filter_value_make(f, &(value){.kind = VALUE_INT, .integer = n}, &v, err));
    return v;
}

static void assert_root(filter *f, filter_node *root, const char *expected)
{
    f->root = root;
    assert_print(f, expected);
}

static void leaves(void **state)
{
    (void)state;
    static const geo_point square[] = {{0, 0}, {0, 1}, {1, 1}, {0, 0}};
    const geo_ring ring = {square, 4};
    filter *f = new_filter();
    filter_node *n = node(f, FILTER_PREFIX, "a");
    n->pattern = text_of("x");
    assert_root(f, n, "a LIKE 'x%'");
    n->pattern = text_of("10%_\\");
    assert_root(f, n, "a LIKE '10\\%\\_\\\\%' ESCAPE '\\'");
    n->op = FILTER_SUBSTRING;
    n->ignore_case = true;
    n->pattern = text_of("it's");
    assert_root(f, n, "a ILIKE '%it''s%'");
    assert_root(f, node(f, FILTER_IS_NULL, "a"), "IS_NULL(a)");
    assert_root(f, node(f, FILTER_IS_EMPTY, "a.b"), "IS_EMPTY(a.b)");
    n = node(f, FILTER_HAS_VECTOR, NULL);
    n->pattern = text_of("image");
    assert_root(f, n, "HAS_VECTOR('image')");
    n = node(f, FILTER_SLICE, NULL);
    n->slice_index = 2;
    n->slice_total = 7;
    assert_root(f, n, "SLICE(2, 7)");
    n = node(f, FILTER_GEO_BOX, "at");
    n->geo.low = (geo_point){-1.5, 2};
    n->geo.high = (geo_point){3, 4};
    assert_root(f, n, "GEO_BOX(at, (-1.5 2), (3 4))");
    n->op = FILTER_GEO_RADIUS;
    n->geo.center = n->geo.low;
    n->geo.radius_m = 1000;
    assert_root(f, n, "GEO_RADIUS(at, (-1.5 2), 1000)");
    n->op = FILTER_GEO_POLYGON;
    n->geo.rings = &ring;
    n->geo.ring_count = 1;
    assert_root(f, n, "GEO_POLYGON(at, ring of 4 points)");
    assert_root(f, node(f, FILTER_HAS_ID, NULL), "FALSE");
    filter_free(f);
}

static void ranges(void **state)
{
    (void)state;
    filter *f = new_filter();
    filter_node *n = node(f, FILTER_RANGE, "a"), *not = node(f, FILTER_NOT, NULL);
    n->range = (filter_range){.has_low = true,
                              .has_high = true,
                              .low_open = true,
                              .low = number(f, 1),
                              .high = number(f, 3)};
    assert_root(f, n, "a > 1 AND a <= 3");
    not ->children = &n;
    not ->child_count = 1;
    assert_root(f, not, "NOT (a > 1 AND a <= 3)");
    n->op = FILTER_COUNT;
    n->range.has_high = false;
    n->range.low_open = false;
    assert_root(f, n, "COUNT(a) >= 1");
    n->range.has_high = true;
    assert_root(f, n, "COUNT(a) >= 1 AND COUNT(a) <= 3");
    n->op = FILTER_EXCEPT;
    filter_value values[] = {number(f, 1), number(f, 2)};
    n->values = values;
    n->value_count = 2;
    assert_root(f, n, "a EXCEPT (1, 2)");
    filter_free(f);
}

static void groups(void **state)
{
    (void)state;
    filter *f = new_filter();
    filter_node *a = node(f, FILTER_EXISTS, "a"), *b = node(f, FILTER_EXISTS, "b");
    filter_node *both[] = {a, b}, * or = node(f, FILTER_OR, NULL), *and = node(f, FILTER_AND, NULL);
    assert_root(f, and, "TRUE");
    assert_root(f, or, "FALSE");
    and->children = both;
    and->child_count = 1;
    assert_root(f, and, "a IS NOT MISSING");
    or->children = both;
    or->child_count = 2;
    and->children = & or ;
    assert_root(f, and, "a IS NOT MISSING OR b IS NOT MISSING");
    filter_node *not = node(f, FILTER_NOT, NULL), *twice = node(f, FILTER_NOT, NULL);
    not ->child_count = twice->child_count = 1;
    not ->children = &and;
    assert_root(f, not, "NOT (a IS NOT MISSING OR b IS NOT MISSING)");
    twice->children = &not ;
    assert_root(f, twice, "NOT NOT (a IS NOT MISSING OR b IS NOT MISSING)");
    filter_node *least = node(f, FILTER_AT_LEAST, NULL), *nested = node(f, FILTER_NESTED, "c[]");
    least->children = both;
    least->child_count = 2;
    least->at_least = 1;
    assert_root(f, least, "AT_LEAST(1, a IS NOT MISSING, b IS NOT MISSING)");
    nested->children = & or ;
    nested->child_count = 1;
    assert_root(f, nested, "NESTED(c[], a IS NOT MISSING OR b IS NOT MISSING)");
    filter_free(f);
}

static void limits(void **state)
{
    (void)state;
    filter *f = new_filter();
    filter_node *n = NULL;
    varve_error err = {0};
    for (int i = 0; i < FILTER_NODES_MAX; i++)
        node(f, FILTER_TRUE, NULL);
    assert_int_equal(filter_node_new(f, FILTER_TRUE, &n, &err), VARVE_LIMIT);
    assert_null(n);
    assert_non_null(strstr(err.message, "1000 conditions"));
    buffer small;
    f->root = NULL;
    filter *text = where_of(text_of("a = 1 AND b = 2"), NULL, 0);
    buffer_init(&small, 8, "small buffer");
    assert_int_equal(filter_print(text, &small, &err), VARVE_LIMIT);
    buffer_done(&small);
    filter_free(text);
    filter_free(f);
    filter_free(NULL);
}

static void values(void **state)
{
    (void)state;
    filter *f = new_filter();
    filter_value v = {0};
    char text[] = "2024-01-01T00:00:00Z";
    const value copied = {.kind = VALUE_TEXT, .text = {text, sizeof text - 1}};
    assert_ok(filter_value_make(f, &copied, &v, err));
    text[0] = 'x';
    assert_string_equal(v.v.text.data, "2024-01-01T00:00:00Z");
    assert_true(v.datetime);
    assert_int_equal(v.instant, INT64_C(1704067200000000));
    assert_ok(filter_value_make(f, &copied, &v, err));
    assert_false(v.datetime);
    assert_ok(filter_value_make(f, &(value){.kind = VALUE_DOUBLE, .real = -0.0}, &v, err));
    assert_false(signbit(v.v.real));
    assert_int_equal(f->value_total, 3);
    filter_free(f);
}

static void expressions(void **state)
{
    (void)state;
    filter *f = new_filter();
    filter_node *n = node(f, FILTER_REGEX, "a");
    static const struct {
        const char *pattern, *text;
        bool found;
    } examples[] = {
        {"b+", "abbc", true},     {"^b", "ab", false},
        {"(?i)^AB$", "aB", true}, {"", "", true},
        {"x", "", false},         {"^.$", "\xc3\xbc", true},
        {"a.c", "a\nc", false},   {"(?s)a.c", "a\nc", true},
        {"\\d{3}", "12", false},  {"(a|aa)+$", "aaaab", false},
    };
    for (size_t i = 0; i < VV_COUNT(examples); i++) {
        n->pattern = text_of(examples[i].pattern);
        assert_ok(filter_regex_compile(f, n, err));
        assert_int_equal(filter_regex_found(n->regex, text_of(examples[i].text)),
                         examples[i].found);
    }
    assert_int_equal(f->regex_count, VV_COUNT(examples));
    assert_false(filter_regex_found(n->regex, (varve_text){0}));
    varve_error err = {0};
    n->pattern = text_of("x**");
    assert_int_equal(filter_regex_compile(f, n, &err), VARVE_INVALID);
    assert_non_null(strstr(err.message, "bad repetition operator"));
    filter_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves), cmocka_unit_test(ranges), cmocka_unit_test(groups),
        cmocka_unit_test(limits), cmocka_unit_test(values), cmocka_unit_test(expressions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
