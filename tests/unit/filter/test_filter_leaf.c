/* test_filter_leaf.c — each condition against each kind of value; LIKE; areas. */
#include "filter_fixture.h"

#include <stdio.h>

/* ---- every operator, every kind ------------------------------------------------------------ */

static const char *const values[] = {
    "null",                       /* 0 */
    "true",                       /* 1 */
    "false",                      /* 2 */
    "1",                          /* 3 */
    "1.0",                        /* 4 */
    "-2.5",                       /* 5 */
    "9007199254740993",           /* 6 */
    "18446744073709551615",       /* 7 */
    "\"\"",                       /* 8 */
    "\"1\"",                      /* 9 */
    "\"abc\"",                    /* 10 */
    "\"2024-02-29T12:00:00Z\"",   /* 11 */
    "\"2024-02-29T13:00+01:00\"", /* 12 */
    "[]",                         /* 13 */
    "[1,null]",                   /* 14 */
    "{}",                         /* 15 */
    "{\"lon\":1,\"lat\":2}",      /* 16 */
};

typedef struct leaf_case {
    const char *name;
    filter_node leaf;
    const char *literals[4]; /* of values, or low and high */
    const char *expected;    /* T, F, U for each value */
} leaf_case;

static const leaf_case leaf_cases[] = {
    {"= nothing", {.op = FILTER_EQUAL}, {NULL}, "UFFFFFFFFFFFFFFFF"},
    {"= true", {.op = FILTER_EQUAL}, {"true"}, "UTFFFFFFFFFFFFFFF"},
    {"= 1", {.op = FILTER_EQUAL}, {"1"}, "UFFTTFFFFFFFFFFFF"},
    {"= 2^53 + 1", {.op = FILTER_EQUAL}, {"9007199254740993"}, "UFFFFFTFFFFFFFFFF"},
    {"= 2^53 as a double", {.op = FILTER_EQUAL}, {"9007199254740992.0"}, "UFFFFFFFFFFFFFFFF"},
    {"= 2^64 - 1", {.op = FILTER_EQUAL}, {"18446744073709551615"}, "UFFFFFFTFFFFFFFFF"},
    {"= 2^64 as a double", {.op = FILTER_EQUAL}, {"18446744073709551616.0"}, "UFFFFFFFFFFFFFFFF"},
    {"= '1'", {.op = FILTER_EQUAL}, {"\"1\""}, "UFFFFFFFFTFFFFFFF"},
    {"= an instant", {.op = FILTER_EQUAL}, {"\"2024-02-29 12:00\""}, "UFFFFFFFFFFTTFFFF"},
    {"in", {.op = FILTER_EQUAL}, {"false", "\"abc\"", "-2.5", "\"\""}, "UFTFFTFFTFTFFFFFF"},
    {"except", {.op = FILTER_EXCEPT}, {"1", "\"abc\""}, "UTTFFTTTTTFTTTTTT"},
    {"except nothing", {.op = FILTER_EXCEPT}, {NULL}, "UTTTTTTTTTTTTTTTT"},
    {"1 to 2^53+1",
     {.op = FILTER_RANGE, .range = {.has_low = true, .has_high = true}},
     {"1", "9007199254740993"},
     "UUUTTFTFUUUUUUUUU"},
    {"above 1, below 2^53+1",
     {.op = FILTER_RANGE,
      .range = {.has_low = true, .has_high = true, .low_open = true, .high_open = true}},
     {"1", "9007199254740993"},
     "UUUFFFFFUUUUUUUUU"},
    {"up to 1",
     {.op = FILTER_RANGE, .range = {.has_high = true}},
     {NULL, "1.0"},
     "UUUTTTFFUUUUUUUUU"},
    {"any number", {.op = FILTER_RANGE}, {NULL}, "UUUTTTTTUUUUUUUUU"},
    {"'1' to 'abc'",
     {.op = FILTER_RANGE, .range = {.kind = RANGE_TEXT, .has_low = true, .has_high = true}},
     {"\"1\"", "\"abc\""},
     "UUUUUUUUFTTTTUUUU"},
    {"a text from an instant on", /* other texts by bytes */
     {.op = FILTER_RANGE, .range = {.kind = RANGE_TEXT, .has_low = true}},
     {"\"2024-02-29T12:30:00.000+00:30\""},
     "UUUUUUUUFFTTTUUUU"},
    {"above an instant",
     {.op = FILTER_RANGE, .range = {.kind = RANGE_DATETIME, .has_low = true, .low_open = true}},
     {"\"2024-02-29T11:59:59.999999Z\""},
     "UUUUUUUUUUUTTUUUU"},
    {"an instant exactly",
     {.op = FILTER_RANGE,
      .range = {.kind = RANGE_DATETIME, .has_low = true, .has_high = true, .high_open = true}},
     {"\"2024-02-29T12:00\"", "\"2024-02-29T12:00\""},
     "UUUUUUUUUUUFFUUUU"},
    {"like %b%", {.op = FILTER_LIKE, .pattern = {"%b%", 3}}, {NULL}, "UUUUUUUUFFTFFUUUU"},
    {"prefix 2024", {.op = FILTER_PREFIX, .pattern = {"2024", 4}}, {NULL}, "UUUUUUUUFFFTTUUUU"},
    {"prefix AB, any case",
     {.op = FILTER_PREFIX, .pattern = {"AB", 2}, .ignore_case = true},
     {NULL},
     "UUUUUUUUFFTFFUUUU"},
    {"substring", {.op = FILTER_SUBSTRING, .pattern = {"bc", 2}}, {NULL}, "UUUUUUUUFFTFFUUUU"},
    {"substring of nothing",
     {.op = FILTER_SUBSTRING, .pattern = {"", 0}},
     {NULL},
     "UUUUUUUUTTTTTUUUU"},
    {"null", {.op = FILTER_IS_NULL}, {NULL}, "TFFFFFFFFFFFFFFFF"},
    {"null within", {.op = FILTER_IS_NULL, .expand = true}, {NULL}, "TFFFFFFFFFFFFFTFF"},
    {"empty", {.op = FILTER_IS_EMPTY}, {NULL}, "TFFFFFFFFFFFFTFFF"},
    {"exists", {.op = FILTER_EXISTS}, {NULL}, "TTTTTTTTTTTTTTTTT"},
    {"count 1",
     {.op = FILTER_COUNT, .range = {.has_low = true, .has_high = true}},
     {"1", "1"},
     "FTTTTTTTTTTTTFFTT"},
    {"count 2", {.op = FILTER_COUNT, .range = {.has_low = true}}, {"2"}, "FFFFFFFFFFFFFFTFF"},
    {"count 0",
     {.op = FILTER_COUNT, .range = {.has_high = true, .high_open = true}},
     {NULL, "0.5"},
     "TFFFFFFFFFFFFTFFF"},
    {"box",
     {.op = FILTER_GEO_BOX, .geo = {.low = {0, 0}, .high = {2, 3}}},
     {NULL},
     "UUUUUUUUUUUUUUUUT"},
    {"another box",
     {.op = FILTER_GEO_BOX, .geo = {.low = {5, 0}, .high = {6, 3}}},
     {NULL},
     "UUUUUUUUUUUUUUUUF"},
};

static value read_value(const char *json, buffer *scratch)
{
    const char *at = json;
    value v;
    assert_true(value_read(&at, json + strlen(json), scratch, &v));
    return v;
}

/* The literals into the leaf; a list of several goes through their order, too. */
static void fill(filter *f, filter_node *leaf, const char *const *literals, filter_value *made,
                 bool sorted)
{
    VV_CLEANUP(buffer_done) buffer scratch;
    size_t count = 0;
    buffer_init(&scratch, 1000, "test");
    for (size_t i = 0; i < 4; i++) {
        if (!literals[i]) continue;
        value v = read_value(literals[i], &scratch);
        assert_ok(filter_value_make(f, &v, &made[i], err));
        count++;
    }
    leaf->range.low = made[0];
    leaf->range.high = made[1];
    leaf->values = made;
    leaf->value_count = leaf->op == FILTER_EQUAL || leaf->op == FILTER_EXCEPT ? count : 0;
    for (size_t i = 4; sorted && count > 0 && i < 20; i++) { /* enough to be sorted */
        value v = {.kind = VALUE_INT, .integer = 100 - (int64_t)i};
        assert_ok(filter_value_make(f, &v, &made[i], err));
    }
    for (size_t i = count; sorted && i < 4; i++)
        made[i] = made[0];
    if (sorted && leaf->value_count) leaf->value_count = 20;
    if (sorted) assert_ok(filter_values_sort(f, leaf, err));
}

static void leaf_by_kind(const leaf_case *c, bool sorted)
{
    VV_CLEANUP(filter_freep) filter *f = NULL;
    VV_CLEANUP(buffer_done) buffer scratch;
    filter_node leaf = c->leaf;
    filter_value made[20] = {0};
    buffer_init(&scratch, 1000, "test");
    assert_ok(filter_new(&f, err));
    fill(f, &leaf, c->literals, made, sorted);
    assert_int_equal(leaf.order != NULL, sorted && leaf.value_count > 0);
    for (size_t i = 0; i < VV_COUNT(values); i++) {
        value v = read_value(values[i], &scratch);
        char found = "FUT"[filter_leaf_value(&leaf, &v)];
        if (found != c->expected[i])
            fail_msg("%s of %s: %c, not %c", c->name, values[i], found, c->expected[i]);
    }
}

static void every_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < VV_COUNT(leaf_cases); i++) {
        assert_int_equal(strlen(leaf_cases[i].expected), VV_COUNT(values));
        leaf_by_kind(&leaf_cases[i], false);
        leaf_by_kind(&leaf_cases[i], true);
    }
}

static void absent(void **state)
{
    (void)state;
    static const struct {
        filter_node leaf;
        truth expected;
    } cases[] = {
        {{.op = FILTER_EQUAL}, TRUTH_UNKNOWN},
        {{.op = FILTER_EXCEPT}, TRUTH_UNKNOWN},
        {{.op = FILTER_RANGE}, TRUTH_UNKNOWN},
        {{.op = FILTER_LIKE}, TRUTH_UNKNOWN},
        {{.op = FILTER_GEO_BOX}, TRUTH_UNKNOWN},
        {{.op = FILTER_IS_NULL}, TRUTH_FALSE},
        {{.op = FILTER_IS_NULL, .missing_counts = true}, TRUTH_TRUE},
        {{.op = FILTER_IS_EMPTY}, TRUTH_TRUE},
        {{.op = FILTER_EXISTS}, TRUTH_FALSE},
        {{.op = FILTER_COUNT}, TRUTH_TRUE},
        {{.op = FILTER_COUNT, .range = {.has_low = true, .low_open = true}}, TRUTH_FALSE},
    };
    for (size_t i = 0; i < VV_COUNT(cases); i++)
        assert_int_equal(filter_leaf_absent(&cases[i].leaf), cases[i].expected);
}

/* ---- LIKE ---------------------------------------------------------------------------------- */

static const struct {
    const char *pattern;
    char escape;
    const char *yes[4], *no[4]; /* by case */
    const char *folded[3];      /* only without regard to case */
} likes[] = {
    {"abc", 0, {"abc"}, {"", "ab", "abcd", "xabc"}, {"ABC", "aBc"}},
    {"", 0, {""}, {"a"}, {NULL}},
    {"%", 0, {"", "a", "a%b\xff"}, {NULL}, {NULL}},
    {"_", 0, {"a", "\xc3\xa9", "\xf0\x9f\x98\x80", "\xff"}, {"", "ab"}, {NULL}},
    {"a%", 0, {"a", "ab"}, {"", "ba"}, {"A", "Ab"}},
    {"%a", 0, {"a", "ba", "aba"}, {"", "ab"}, {"bA"}},
    {"%a%", 0, {"a", "bab"}, {"", "b"}, {"BAB"}},
    {"%ab%cd%", 0, {"abcd", "xabxcdx", "aababcd", "abcabcd"}, {"acd", "cdab", "abc"}, {"ABCD"}},
    {"a_c",
     0,
     {"abc",
      "a\xe6\x97\xa5"
      "c",
      "a%c"},
     {"ac", "abbc"},
     {"AbC"}},
    {"__%", 0, {"ab", "abc", "\xc3\xa9\xc3\xa9"}, {"", "a", "\xc3\xa9"}, {NULL}},
    {"%_b", 0, {"ab", "aab", "bb"}, {"b", "ba"}, {"AB"}},
    {"%%_%%", 0, {"a", "ab"}, {""}, {NULL}},
    {"100\\%", '\\', {"100%"}, {"100", "100x", "100\\%"}, {NULL}},
    {"a\\_b", '\\', {"a_b"}, {"axb"}, {"A_B"}},
    {"a\\\\b", '\\', {"a\\b"}, {"a\\\\b", "ab"}, {NULL}},
    {"a\\b", '\\', {"ab"}, {"a\\b"}, {NULL}},
    {"a\\", '\\', {"a\\"}, {"a"}, {NULL}},
    {"a\\%", 0, {"a\\", "a\\b"}, {"a%"}, {NULL}},
    {"%%x", '%', {"%x"}, {"x", "ax"}, {"%X"}},
    {"\xc3\xa9%", 0, {"\xc3\xa9t\xc3\xa9"}, {"e", "\xc3"}, {"\xc3\x89T"}},
    {"stra\xc3\x9f"
     "e",
     0,
     {"stra\xc3\x9f"
      "e"},
     {"strasse"},
     {"STRA\xe1\xba\x9e"
      "E"}},
    {"\xcf\x83\xcf\x82", 0, {"\xcf\x83\xcf\x82"}, {NULL}, {"\xce\xa3\xce\xa3"}},
    {"%\xff", 0, {"a\xff"}, {"a\xfe", "a"}, {NULL}},
};

static void check_like(size_t i, const char *subject, bool ignore_case, bool expected)
{
    if (!subject) return;
    varve_text pattern = text(likes[i].pattern);
    if (filter_like(pattern, likes[i].escape, ignore_case, text(subject)) != expected)
        fail_msg("'%s' like '%s'%s is not %d", subject, likes[i].pattern,
                 ignore_case ? ", any case," : "", expected);
}

static void like(void **state)
{
    (void)state;
    for (size_t i = 0; i < VV_COUNT(likes); i++) {
        for (size_t j = 0; j < 4; j++) {
            check_like(i, likes[i].yes[j], false, true);
            check_like(i, likes[i].yes[j], true, true);
            check_like(i, likes[i].no[j], false, false);
            check_like(i, likes[i].no[j], true, false);
        }
        for (size_t j = 0; j < 3; j++) {
            check_like(i, likes[i].folded[j], false, false);
            check_like(i, likes[i].folded[j], true, true);
        }
    }
}

/* The plain meaning, by trying every end of every %. */
static bool like_plainly(const char *p, const char *t)
{
    if (!*p) return !*t;
    if (*p == '%') return like_plainly(p + 1, t) || (*t && like_plainly(p, t + 1));
    return *t && (*p == '_' || *p == *t) && like_plainly(p + 1, t + 1);
}

static void like_as_defined(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int i = 0; i < 200000; i++) {
        char pattern[8] = "", subject[12] = "";
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint64_t bits = seed >> 8;
        for (size_t j = 0; j < bits % 8; j++)
            pattern[j] = "ab%_"[(seed >> (20 + 3 * j)) & 3];
        pattern[7] = '\0';
        for (size_t j = 0; j < (bits >> 3) % 12; j++)
            subject[j] = "ab"[(seed >> (41 + j)) & 1];
        subject[11] = '\0';
        if (filter_like(text(pattern), 0, i & 1, text(subject)) != like_plainly(pattern, subject))
            fail_msg("'%s' like '%s'", subject, pattern);
    }
}

/* A pattern with many % does not try all ways to spread them. */
static void like_is_quick(void **state)
{
    (void)state;
    enum { LEN = 20000 };
    static char subject[LEN], pattern[400];
    memset(subject, 'a', LEN);
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = i % 2 ? 'a' : '%';
    pattern[sizeof pattern - 1] = 'b';
    assert_false(
        filter_like((varve_text){pattern, sizeof pattern}, 0, false, (varve_text){subject, LEN}));
}

/* ---- areas --------------------------------------------------------------------------------- */

static bool contains(filter_op op, filter_geo geo, double lon, double lat)
{
    filter_node leaf = {.op = op, .geo = geo};
    return filter_geo_contains(&leaf, (geo_point){lon, lat});
}

static void boxes(void **state)
{
    (void)state;
    filter_geo box = {.low = {10, 20}, .high = {30, 40}};
    assert_true(contains(FILTER_GEO_BOX, box, 20, 30));
    assert_false(contains(FILTER_GEO_BOX, box, 20, 41));
    assert_false(contains(FILTER_GEO_BOX, box, 20, 19));
    assert_false(contains(FILTER_GEO_BOX, box, 9, 30));
    assert_false(contains(FILTER_GEO_BOX, box, 31, 30));
    filter_geo pacific = {.low = {170, -10}, .high = {-160, 10}};
    assert_true(contains(FILTER_GEO_BOX, pacific, 175, 0));
    assert_true(contains(FILTER_GEO_BOX, pacific, -175, 0));
    assert_true(contains(FILTER_GEO_BOX, pacific, 180, 0));
    assert_false(contains(FILTER_GEO_BOX, pacific, 0, 0));
    assert_false(contains(FILTER_GEO_BOX, pacific, -159, 0));
    assert_false(contains(FILTER_GEO_BOX, pacific, 175, 11));
}

/* Berlin (13.4050, 52.5200) to Paris (2.3522, 48.8566) is 877.46 km on this sphere. */
static void radius(void **state)
{
    (void)state;
    filter_geo near = {.center = {13.4050, 52.5200}, .radius_m = 877000};
    assert_false(contains(FILTER_GEO_RADIUS, near, 2.3522, 48.8566));
    near.radius_m = 878000;
    assert_true(contains(FILTER_GEO_RADIUS, near, 2.3522, 48.8566));
    filter_geo fiji = {.center = {179.9, -17}, .radius_m = 30000}; /* 21.3 km across the line */
    assert_true(contains(FILTER_GEO_RADIUS, fiji, -179.9, -17));
    filter_geo half = {.center = {0, 0}, .radius_m = 20015114}; /* half the circumference */
    assert_false(contains(FILTER_GEO_RADIUS, half, 180, 0));
    half.radius_m = 20015115;
    assert_true(contains(FILTER_GEO_RADIUS, half, 180, 0));
    filter_geo none = {.center = {0, 0}, .radius_m = 0};
    assert_false(contains(FILTER_GEO_RADIUS, none, 0, 0));
}

static void polygons(void **state)
{
    (void)state;
    static const geo_point outer[] = {{0, 0}, {10, 0}, {10, 10}, {5, 5}, {0, 10}, {0, 0}};
    static const geo_point hole[] = {{1, 1}, {3, 1}, {3, 3}, {1, 3}, {1, 1}};
    static const geo_ring rings[] = {{outer, VV_COUNT(outer)}, {hole, VV_COUNT(hole)}};
    filter_geo area = {.rings = rings, .ring_count = 2};
    assert_true(contains(FILTER_GEO_POLYGON, area, 5, 2));
    assert_true(contains(FILTER_GEO_POLYGON, area, 9, 8));
    assert_false(contains(FILTER_GEO_POLYGON, area, 5, 8)); /* in the notch */
    assert_false(contains(FILTER_GEO_POLYGON, area, 2, 2)); /* in the hole */
    assert_false(contains(FILTER_GEO_POLYGON, area, -1, 5));
    assert_false(contains(FILTER_GEO_POLYGON, area, 5, -1));
    area.ring_count = 1;
    assert_true(contains(FILTER_GEO_POLYGON, area, 2, 2));
    area.ring_count = 0;
    assert_false(contains(FILTER_GEO_POLYGON, area, 2, 2));
}

static void points(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{\"lon\":1,\"lat\":2}", "{\"lat\":2.0,\"x\":{\"lon\":9},\"lon\":1}",
        "{\"l\\u006fn\":1,\"lat\":2,\"name\":\"x\"}", "{\"lon\":10e-1,\"lat\":2}"};
    static const char *const bad[] = {"{}",
                                      "{\"lon\":1}",
                                      "{\"lat\":1}",
                                      "{\"lon\":\"1\",\"lat\":2}",
                                      "{\"lon\":null,\"lat\":2}",
                                      "{\"lon\":180.1,\"lat\":2}",
                                      "{\"lon\":1,\"lat\":-90.1}",
                                      "{\"lon\":[1],\"lat\":2}",
                                      "{\"Lon\":1,\"lat\":2}",
                                      "[1,2]",
                                      ""};
    geo_point p = {0, 0};
    for (size_t i = 0; i < VV_COUNT(good); i++) {
        assert_true(filter_geo_point(text(good[i]), &p));
        assert_true(p.lon == 1 && p.lat == 2);
    }
    for (size_t i = 0; i < VV_COUNT(bad); i++)
        if (filter_geo_point(text(bad[i]), &p)) fail_msg("%s is a point", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind),    cmocka_unit_test(absent),
        cmocka_unit_test(like),          cmocka_unit_test(like_as_defined),
        cmocka_unit_test(like_is_quick), cmocka_unit_test(boxes),
        cmocka_unit_test(radius),        cmocka_unit_test(polygons),
        cmocka_unit_test(points),
    };
    return cmocka_run_group_tests_name("filter/leaf", tests, NULL, NULL);
}
