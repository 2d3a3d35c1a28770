/* test_filter_columns.c — filters over columns: what is answered without looking at a row, what is
 * narrowed, how ids are found, and what stops it. That answers are right is what
 * test_filter_property.c holds. */
#include "where_fixture.h"

#include "column_rows.h"

#include "filter/filter_json.h"

#define ROWS 1000

static column_rows rows;
static filter_work work;
static uint64_t found[COLUMN_ROWS_MAX / 64];

static void assert_done(varve_status status, const varve_error *err)
{
    if (status != VARVE_OK) fail_msg("%s", err->message);
}

/* n: 0..999; kind: ten of them; one in 100 has "rare"; tags; a point; nested orders; an index. */
static void add_row(uint32_t i)
{
    random_must(buffer_printf(
        &rows.text, NULL,
        "{\"n\":%u,\"half\":%u.5,\"kind\":\"k%u\",\"on\":%s,\"at\":\"2024-01-%02uT00:00:00Z\","
        "\"text\":\"number %u of many\",\"tags\":[\"t%u\",\"t%u\"],\"none\":null,"
        "\"place\":{\"lon\":%u,\"lat\":%u},\"flat.key\":%u%s,"
        "\"orders\":[{\"sku\":\"s%u\",\"count\":%u},{\"sku\":\"s%u\",\"count\":%u}]}",
        i, i, i % 10, i % 2 ? "true" : "false", 1 + i % 28, i, i % 7, 7 + i % 5, i % 100, i % 50,
        i % 4, i % 100 ? "" : ",\"rare\":{\"deep\":1}", i % 50, i % 5, (i + 1) % 50, (i + 2) % 5));
    column_rows_end(&rows);
}

static int setup(void **state)
{
    (void)state;
    column_rows_init(&rows);
    for (uint32_t i = 0; i < ROWS; i++)
        add_row(i);
    random_must(column_rows_build(&rows, NULL));
    random_must(column_rows_open(&rows, NULL));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    column_rows_done(&rows);
    return 0;
}

static uint64_t count_found(void)
{
    uint64_t count = 0;
    for (size_t i = 0; i < (ROWS + 63) / 64; i++)
        count += (uint64_t)__builtin_popcountll(found[i]);
    return count;
}

static uint64_t run_filter(const filter *f, const filter_rows *of)
{
    varve_error err;
    work = (filter_work){0};
    assert_done(filter_columns(f, rows.columns, of, 0, found, &work, &err), &err);
    return count_found();
}

static filter_rows all_rows(void)
{
    return (filter_rows){.count = ROWS, .get = column_rows_get, .context = &rows};
}

static uint64_t matches(const char *where)
{
    filter_rows of = all_rows();
    filter *f = where_of(text_of(where), NULL, 0);
    uint64_t count = run_filter(f, &of);
    filter_free(f);
    return count;
}

static uint64_t matches_json(const char *json, const filter_rows *of)
{
    varve_error err;
    filter *f;
    assert_done(filter_parse_json_text(text_of(json), &f, &err), &err);
    uint64_t count = run_filter(f, of);
    filter_free(f);
    return count;
}

/* ---- by columns alone ---------------------------------------------------------------------- */

static void answered_by_columns_alone(void **state)
{
    static const struct {
        const char *where;
        uint64_t count;
    } cases[] = {
        {"n = 5", 1},
        {"n = 5.0", 1},
        {"n = '5'", 0},
        {"n < 10", 10},
        {"n BETWEEN 10 AND 19", 10},
        {"half > 989", 11},
        {"NOT n < 10", 990},
        {"kind = 'k3'", 100},
        {"kind != 'k3'", 900},
        {"kind IN ('k1', 'k2', 'x')", 200},
        {"kind NOT IN ('k1', 'k2')", 800},
        {"kind >= 'k8'", 200},
        {"kind LIKE 'k%' AND on", 500},
        {"text LIKE '%number 77%'", 11},
        {"text ILIKE 'NUMBER 7 %'", 1},
        {"text REGEXP ' 7.7 '", 10},
        {"on", 500},
        {"on = FALSE", 500},
        {"NOT on", 500},
        {"at >= '2024-01-28'", 35},
        {"at = '2024-01-28T01:00:00+01:00'", 35},
        {"tags CONTAINS 't3'", 143},
        {"tags[] = 't3'", 143},
        {"NOT tags CONTAINS 't3'", 857},
        {"tags CONTAINS ALL ('t3', 't8')", 28},
        {"rare IS MISSING", 990},
        {"rare.deep = 1", 10},
        {"rare IS NOT NULL", 10},
        {"none IS NULL", 1000},
        {"none = 1", 0},
        {"NOT none = 1", 0},
        {"nothing = 1", 0},
        {"NOT nothing = 1", 0},
        {"nothing IS NULL", 1000},
        {"flat.key = 3", 250},
        {"NOT flat.key = 3", 750},
        {"orders[].count = 4", 400},
        {"place.lon < 10", 100},
        {"kind = 'k3' AND n < 100 OR n > 990", 19},
    };
    (void)state;
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        uint64_t count = matches(cases[i].where);
        if (count != cases[i].count || work.rows)
            fail_msg("%s: %u rows match, not %u; %u looked at", cases[i].where, (unsigned)count,
                     (unsigned)cases[i].count, (unsigned)work.rows);
        assert_false(work.no_column);
    }
}

static void json_by_columns_alone(void **state)
{
    static const struct {
        const char *json;
        uint64_t count;
    } cases[] = {
        {"{\"must\":[{\"key\":\"tags\",\"match\":{\"value\":\"t3\"}}]}", 143},
        {"{\"must_not\":[{\"key\":\"n\",\"range\":{\"gte\":10}}]}", 10},
        {"{\"must\":[{\"key\":\"tags\",\"values_count\":{\"gte\":2}}]}", 1000},
        {"{\"must\":[{\"is_empty\":{\"key\":\"rare\"}}]}", 990},
        {"{\"must\":[{\"key\":\"place\",\"geo_bounding_box\":{\"top_left\":{\"lon\":9.5,"
         "\"lat\":60},\"bottom_right\":{\"lon\":20.5,\"lat\":-1}}}]}",
         110},
        {"{\"min_should\":{\"conditions\":[{\"key\":\"n\",\"range\":{\"lt\":100}},"
         "{\"key\":\"kind\",\"match\":{\"value\":\"k1\"}},{\"key\":\"on\",\"match\":"
         "{\"value\":true}}],\"min_count\":2}}",
         140},
    };
    filter_rows of = all_rows();
    (void)state;
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        uint64_t count = matches_json(cases[i].json, &of);
        if (count != cases[i].count || work.rows)
            fail_msg("%s: %u rows match, not %u; %u looked at", cases[i].json, (unsigned)count,
                     (unsigned)cases[i].count, (unsigned)work.rows);
    }
}

/* ---- narrowed ------------------------------------------------------------------------------ */

static void indexes_are_narrowed(void **state)
{
    (void)state;
    assert_int_equal(matches("tags[0] = 't3'"), 143);
    assert_int_equal(work.rows, 143);
    assert_int_equal(matches("tags[1] = 't3'"), 0);
    assert_int_equal(work.rows, 143);
    assert_int_equal(matches("rare[0] = 1"), 0);
    assert_int_equal(work.rows, 0);
}

static void nested_is_narrowed(void **state)
{
    filter_rows of = all_rows();
    (void)state;
    /* sku s3 has count 3 or, in the row before, 4: of the rows with both, half mean one order. */
    assert_int_equal(matches_json("{\"must\":[{\"nested\":{\"key\":\"orders\",\"filter\":{\"must\":"
                                  "[{\"key\":\"sku\",\"match\":{\"value\":\"s3\"}},"
                                  "{\"key\":\"count\",\"match\":{\"value\":4}}]}}}]}",
                                  &of),
                     20);
    assert_true(work.rows < 60);
    assert_int_equal(
        matches_json("{\"must\":[{\"nested\":{\"key\":\"rare\",\"filter\":{\"must_not\":"
                     "[{\"key\":\"deep\",\"match\":{\"value\":2}}]}}}]}",
                     &of),
        10);
    assert_int_equal(work.rows, 10);
}

/* A pattern after what leaves few rows is asked of these, not of a thousand keywords. */
static void patterns_wait_for_few_rows(void **state)
{
    (void)state;
    assert_int_equal(matches("text LIKE '%7%' AND n < 10"), 1);
    assert_int_equal(work.rows, 10);
    assert_int_equal(matches("text LIKE '%7%' AND n < 500"), 95);
    assert_int_equal(work.rows, 0);
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void only_live_rows(void **state)
{
    uint64_t live[(ROWS + 63) / 64] = {0};
    filter_rows of = all_rows();
    filter *f = where_of(text_of("tags[0] = 't3' OR n < 10"), NULL, 0);
    (void)state;
    live[0] = 0xff;
    of.live = live;
    assert_int_equal(run_filter(f, &of), 8);
    assert_true(work.rows == 0);
    filter_free(f);
}

static uint64_t finds;

static varve_status counted_find(void *context, varve_id id, uint32_t *ret, varve_error *err)
{
    finds++;
    return column_rows_find(context, id, ret, err);
}

static void ids_are_found(void **state)
{
    filter_rows of = all_rows();
    filter *f = where_of(text_of("id IN (1, 2.0, 3, -1, 'ab', 5000, 1.5, TRUE)"), NULL, 0);
    (void)state;
    assert_int_equal(run_filter(f, &of), 4);
    assert_int_equal(work.rows, ROWS);
    of.find = counted_find;
    finds = 0;
    assert_int_equal(run_filter(f, &of), 4);
    assert_int_equal(work.rows, 0);
    assert_int_equal(finds, 5);
    filter_free(f);
    assert_int_equal(matches_json("{\"must\":[{\"has_id\":[7, 8, 123456]}]}", &of), 2);
    assert_int_equal(work.rows, 0);
    assert_int_equal(matches("id < 3 AND n > 0"), 2);
}

static void without_columns(void **state)
{
    varve_error err;
    filter_rows of = all_rows();
    filter *f = where_of(text_of("n < 10 AND kind = 'k3'"), NULL, 0);
    (void)state;
    work = (filter_work){0};
    assert_done(filter_columns(f, NULL, &of, 0, found, &work, &err), &err);
    assert_int_equal(count_found(), 1);
    assert_int_equal(work.rows, ROWS);
    assert_true(work.no_column);
    assert_memory_equal(work.no_column_path.data, "n", 1);
    filter_free(f);
}

static void paths_without_room(void **state)
{
    (void)state;
    teardown(NULL);
    column_rows_init(&rows);
    for (uint32_t i = 0; i < ROWS; i++) {
        random_must(buffer_printf(&rows.text, NULL, "{\"k%u\":1,\"l%u\":{\"m\":[%u]}}", i, i, i));
        column_rows_end(&rows);
    }
    random_must(column_rows_build(&rows, NULL));
    random_must(column_rows_open(&rows, NULL));
    assert_int_equal(matches("k7 = 1"), 1);
    assert_int_equal(work.rows, 0);
    assert_int_equal(matches("k999 = 1 AND k999 > 0"), 1);
    assert_int_equal(work.rows, ROWS);
    assert_true(work.no_column);
    assert_memory_equal(work.no_column_path.data, "k999", 4);
    assert_int_equal(matches("l999.m[] = 999"), 1);
    assert_int_equal(matches("NOT l999.m[] = 998"), 1);
}

/* ---- trouble ------------------------------------------------------------------------------- */

static varve_status refuse(void *context, uint32_t slot, filter_row *ret, varve_error *err)
{
    (void)context;
    (void)ret;
    return vv_fail(err, VARVE_IO, "row %u cannot be read", slot);
}

static void trouble_is_handed_up(void **state)
{
    varve_error err;
    const time_limit past = {.deadline_ns = 1};
    filter_rows of = all_rows();
    filter *f = where_of(text_of("tags[0] = 't3'"), NULL, 0);
    uint64_t before[COLUMN_ROWS_MAX / 64];
    (void)state;
    memset(found, 0x5a, sizeof found);
    memcpy(before, found, sizeof found);
    assert_int_equal(filter_columns(f, rows.columns, &of, &past, found, &work, &err),
                     VARVE_TIMEOUT);
    of.get = refuse;
    assert_int_equal(filter_columns(f, rows.columns, &of, 0, found, &work, &err), VARVE_IO);
    of.count = ROWS - 1;
    assert_int_equal(filter_columns(f, rows.columns, &of, 0, found, &work, &err), VARVE_INTERNAL);
    assert_memory_equal(found, before, sizeof found);
    filter_free(f);
}

/* ---- estimates ----------------------------------------------------------------------------- */

static void estimates_are_near(void **state)
{
    static const struct {
        const char *where;
        double low, high;
    } cases[] = {
        {"n = 5", 0.001, 0.001},
        {"n < 100", 0.09, 0.11},
        {"kind = 'k3'", 0.09, 0.11},
        {"kind = 'k3' AND on", 0.04, 0.06},
        {"on", 0.49, 0.51},
        {"NOT on", 0.49, 0.51},
        {"at >= '2024-01-28'", 0.03, 0.04},
        {"tags CONTAINS 't3'", 0.13, 0.16},
        {"rare IS MISSING", 0.98, 1},
        {"nothing = 1", 0, 0},
        {"n < 100 OR on", 0.5, 0.6},
        {"kind LIKE 'k1%'", 0.05, 0.2},
        {"TRUE", 1, 1},
        {"flat.key = 3", 0, 0.3},
    };
    (void)state;
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        filter *f = where_of(text_of(cases[i].where), NULL, 0);
        double share = filter_estimate(f, rows.columns);
        if (share < cases[i].low - 1e-9 || share > cases[i].high + 1e-9)
            fail_msg("%s: %g", cases[i].where, share);
        filter_free(f);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(answered_by_columns_alone),
        TEST(json_by_columns_alone),
        TEST(indexes_are_narrowed),
        TEST(nested_is_narrowed),
        TEST(patterns_wait_for_few_rows),
        TEST(only_live_rows),
        TEST(ids_are_found),
        TEST(without_columns),
        TEST(paths_without_room),
        TEST(trouble_is_handed_up),
        TEST(estimates_are_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
