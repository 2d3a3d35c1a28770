/* test_columns.c — columns: what is filed where, how images are read, checked, and refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "../filter/column_rows.h"

#include "base/hash.h"
#include "field/columns_format.h"

static varve_error error, *const err = &error;

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        if ((call) != VARVE_OK) fail_msg("%s", err->message);                                      \
    } while (0)

#define GOLDEN_ROWS  UINT64_C(0xd54598d2a4acba5a) /* changes with random_rows.h */
#define GOLDEN_IMAGE UINT64_C(0xb41704898810028d)

static column_rows rows;

static void add(const char *fields)
{
    random_put(&rows.text, fields);
    column_rows_end(&rows);
}

static void open_rows(void)
{
    assert_ok(column_rows_build(&rows, err));
    assert_ok(column_rows_open(&rows, err));
    assert_ok(columns_check(rows.columns, column_rows_text, &rows, err));
}

static int setup(void **state)
{
    (void)state;
    column_rows_init(&rows);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    column_rows_done(&rows);
    return 0;
}

/* Steps: keys, and "[]" for each element. */
static bool find(column *ret, const char *const *names, size_t count)
{
    path_step steps[8];
    bool found;
    for (size_t i = 0; i < count; i++)
        steps[i] = strcmp(names[i], "[]") == 0
                       ? (path_step){.kind = PATH_EACH}
                       : (path_step){.kind = PATH_KEY, .key = {names[i], strlen(names[i])}};
    assert_ok(column_find(rows.columns, steps, count, ret, &found, err));
    return found;
}

#define FIND(ret, ...)                                                                             \
    find(ret, (const char *const[]){__VA_ARGS__},                                                  \
         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static uint64_t kind_bits(const column *c, column_kind kind)
{
    uint64_t bits[COLUMN_ROWS_MAX / 64] = {0}, postings = 0;
    assert_ok(column_or_kind(c, kind, bits, &postings, err));
    assert_int_equal(postings, c->kinds[kind].count);
    return bits[0];
}

static uint64_t run_bits(const column *c, column_table table, uint32_t first, uint32_t end)
{
    uint64_t bits[COLUMN_ROWS_MAX / 64] = {0}, postings = 0;
    assert_ok(column_or_run(c, table, (column_run){first, end}, bits, &postings, err));
    return bits[0];
}

static uint32_t seek_number(const column *c, const char *number, column_seek_to to)
{
    value v;
    uint32_t at;
    const char *end = number + strlen(number);
    assert_true(value_read(&number, end, NULL, &v));
    assert_ok(column_seek(c, COLUMN_NUMBERS, column_key_number(&v), to, &at, err));
    return at;
}

static uint32_t seek_text(const column *c, const char *text, column_seek_to to)
{
    uint32_t at;
    assert_ok(column_seek_keyword(c, (varve_text){text, strlen(text)}, to, &at, err));
    return at;
}

/* ---- what is filed ------------------------------------------------------------------------- */

static void kinds_are_apart(void **state)
{
    column c;
    (void)state;
    add("{\"a\":null}");
    add("{\"a\":false}");
    add("{\"a\":true}");
    add("{\"a\":1}");
    add("{\"a\":\"1\"}");
    add("{\"a\":\"2024-05-06\"}");
    add("{\"a\":[]}");
    add("{\"a\":[1]}");
    add("{\"a\":{}}");
    add("{}");
    open_rows();
    assert_true(FIND(&c, "a"));
    assert_true(c.single);
    for (int kind = 0; kind < COLUMN_ARRAY; kind++)
        assert_int_equal(kind_bits(&c, (column_kind)kind), 1u << kind);
    assert_int_equal(kind_bits(&c, COLUMN_ARRAY), 1u << 6 | 1u << 7);
    assert_int_equal(kind_bits(&c, COLUMN_EMPTY), 1u << 6);
    assert_int_equal(kind_bits(&c, COLUMN_OBJECT), 1u << 8);
    assert_true(FIND(&c, "a", "[]"));
    assert_false(c.single);
    assert_int_equal(kind_bits(&c, COLUMN_NUMBER), 1u << 7);
    assert_false(FIND(&c, "a", "b"));
    assert_false(FIND(&c, "b"));
}

static void nested_and_flat_keys(void **state)
{
    column c;
    (void)state;
    add("{\"a\":{\"b\":1,\"\":2},\"a.b\":3}");
    add("{\"\\u0061\":{\"b\":[{\"c\":4},{\"c\":5},{\"c\":4}]}}");
    open_rows();
    assert_true(FIND(&c, "a", "b"));
    assert_int_equal(kind_bits(&c, COLUMN_NUMBER), 1);
    assert_int_equal(kind_bits(&c, COLUMN_ARRAY), 2);
    assert_true(FIND(&c, "a.b"));
    assert_int_equal(kind_bits(&c, COLUMN_NUMBER), 1);
    assert_true(FIND(&c, "a", ""));
    assert_true(FIND(&c, "a", "b", "[]", "c"));
    assert_int_equal(c.tables[COLUMN_NUMBERS].count, 2);
    assert_int_equal(run_bits(&c, COLUMN_NUMBERS, 0, 2), 2);
}

static void numbers_by_value(void **state)
{
    static const char *const sorted[] = {"-1e300",
                                         "-9223372036854775808",
                                         "-9007199254740993",
                                         "-9007199254740992",
                                         "-1.5",
                                         "-1",
                                         "0",
                                         "5e-324",
                                         "0.1",
                                         "1",
                                         "9007199254740992",
                                         "9007199254740993",
                                         "9007199254740994",
                                         "9223372036854775807",
                                         "9223372036854775808",
                                         "18446744073709551614",
                                         "18446744073709551615",
                                         "18446744073709551616",
                                         "1e300"};
    column c;
    (void)state;
    for (size_t i = 0; i < VV_COUNT(sorted); i++) { /* filed in another order */
        random_must(
            buffer_printf(&rows.text, NULL, "{\"n\":%s}", sorted[(i * 7 + 3) % VV_COUNT(sorted)]));
        column_rows_end(&rows);
    }
    add("{\"n\":1.0}");
    add("{\"n\":-0.0}");
    open_rows();
    assert_true(FIND(&c, "n"));
    assert_int_equal(c.tables[COLUMN_NUMBERS].count, VV_COUNT(sorted));
    for (uint32_t i = 0; i < VV_COUNT(sorted); i++) {
        assert_int_equal(seek_number(&c, sorted[i], COLUMN_AT), i);
        assert_int_equal(seek_number(&c, sorted[i], COLUMN_BEHIND), i + 1);
        uint64_t bits = run_bits(&c, COLUMN_NUMBERS, i, i + 1);
        bool twice = strcmp(sorted[i], "1") == 0 || strcmp(sorted[i], "0") == 0;
        assert_int_equal(__builtin_popcountll(bits), twice ? 2 : 1);
    }
    assert_int_equal(seek_number(&c, "0.5", COLUMN_AT), 9);
}

static varve_status count_keyword(void *context, uint32_t index, varve_text keyword, varve_error *e)
{
    char expected[16];
    uint32_t *next = context;
    (void)e;
    assert_int_equal(index, (*next)++);
    (void)snprintf(expected, sizeof expected, "word%03u", index);
    assert_int_equal(keyword.len, strlen(expected));
    assert_memory_equal(keyword.data, expected, keyword.len);
    return VARVE_OK;
}

static void texts_by_bytes(void **state)
{
    column c;
    uint32_t next = 5;
    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        random_must(buffer_printf(&rows.text, NULL, "{\"t\":\"word%03u\"}", i * 7 % 100));
        column_rows_end(&rows);
    }
    open_rows();
    assert_true(FIND(&c, "t"));
    assert_int_equal(c.tables[COLUMN_KEYWORDS].count, 100);
    for (uint32_t i = 0; i < 100; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "word%03u", i);
        assert_int_equal(seek_text(&c, text, COLUMN_AT), i);
        assert_int_equal(seek_text(&c, text, COLUMN_BEHIND), i + 1);
    }
    assert_int_equal(seek_text(&c, "word01", COLUMN_AT), 10);
    assert_int_equal(seek_text(&c, "word01", COLUMN_BEHIND), 10);
    assert_int_equal(seek_text(&c, "word01", COLUMN_BEHIND_PREFIX), 20);
    assert_int_equal(seek_text(&c, "", COLUMN_BEHIND_PREFIX), 100);
    assert_int_equal(seek_text(&c, "x", COLUMN_AT), 100);
    assert_int_equal(seek_text(&c, "a", COLUMN_BEHIND), 0);
    assert_ok(column_walk_keywords(&c, (column_run){5, 100}, count_keyword, &next, err));
    assert_int_equal(next, 100);
}

static void long_texts_are_cut(void **state)
{
    column c;
    char text[400];
    (void)state;
    memset(text, 'x', sizeof text);
    for (int len = 255; len < 260; len++) {
        random_must(buffer_printf(&rows.text, NULL, "{\"t\":\"%.*s\"}", len, text));
        column_rows_end(&rows);
    }
    open_rows();
    assert_true(FIND(&c, "t"));
    assert_int_equal(c.tables[COLUMN_KEYWORDS].count, 3);
    assert_int_equal(run_bits(&c, COLUMN_KEYWORDS, 2, 3), 7u << 2);
}

static void more_paths_than_columns(void **state)
{
    column c;
    (void)state;
    for (unsigned i = 0; i < COLUMNS_PATHS_MAX + 10; i++) {
        random_must(buffer_printf(&rows.text, NULL, "{\"k%u\":%u,\"same\":1}", i, i));
        column_rows_end(&rows);
    }
    open_rows();
    assert_true(columns_incomplete(rows.columns));
    assert_true(FIND(&c, "same"));
    assert_true(FIND(&c, "k1000"));
    assert_false(FIND(&c, "k1030"));
}

static void deep_paths_have_no_column(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++)
        random_put(&rows.text, "{\"d\":");
    random_put(&rows.text, "1");
    for (int i = 0; i < 60; i++)
        random_put(&rows.text, "}");
    column_rows_end(&rows);
    open_rows();
    assert_false(columns_incomplete(rows.columns));
}

/* ---- sets of slots ------------------------------------------------------------------------- */

/* Each slot with this share of 64: lists, bitmaps, gaps, and all. */
static void every_encoding(void **state)
{
    static const unsigned shares[] = {0, 1, 2, 16, 32, 60, 63, 64};
    column c;
    random_state r;
    unsigned encodings = 0;
    (void)state;
    for (size_t k = 0; k < VV_COUNT(shares); k++) {
        unsigned share = shares[k];
        uint64_t expected[COLUMN_ROWS_MAX / 64] = {0}, found[COLUMN_ROWS_MAX / 64] = {0},
                                            run[COLUMN_ROWS_MAX / 64] = {0}, postings = 0;
        column_rows_init(&rows);
        random_seed(&r, share);
        for (uint32_t i = 0; i < 1999; i++) {
            bool set = share == 64 || i == 5 || (i != 7 && random_below(&r, 64) < share);
            add(set ? "{\"x\":1}" : "{\"x\":\"1\"}");
            expected[i / 64] |= (uint64_t)set << (i % 64);
        }
        open_rows();
        assert_true(FIND(&c, "x"));
        encodings |= 1u << c.kinds[COLUMN_NUMBER].encoding;
        assert_ok(column_or_kind(&c, COLUMN_NUMBER, found, &postings, err));
        assert_memory_equal(found, expected, sizeof found);
        assert_ok(column_or_run(&c, COLUMN_NUMBERS, (column_run){0, 1}, run, &postings, err));
        assert_memory_equal(run, expected, sizeof run);
        uint64_t slots;
        assert_ok(column_run_slots(&c, COLUMN_NUMBERS, (column_run){0, 1}, &slots, err));
        assert_int_equal(slots, c.kinds[COLUMN_NUMBER].count);
        column_rows_done(&rows);
    }
    column_rows_init(&rows);
    assert_int_equal(encodings, 1u << COLUMNS_FULL | 1u << COLUMNS_LIST | 1u << COLUMNS_BITMAP |
                                    1u << COLUMNS_GAPS);
}

/* ---- building ------------------------------------------------------------------------------ */

static void no_rows_and_no_fields(void **state)
{
    column c;
    (void)state;
    open_rows();
    assert_false(FIND(&c, "a"));
    column_rows_done(&rows);
    column_rows_init(&rows);
    column_rows_end(&rows); /* absent */
    add("{}");
    open_rows();
    assert_int_equal(columns_rows(rows.columns), 2);
}

static void malformed_fields_are_refused(void **state)
{
    static const char *const bad[] = {"{",          "[]",         "{\"a\"}",    "{\"a\":}",
                                      "{\"a\":1,}", "{\"a\":1",   "{\"a\":[1}", "{a:1}",
                                      "{}x",        "{\"a\":nul}"};
    (void)state;
    for (size_t i = 0; i < VV_COUNT(bad); i++) {
        columns_builder *b;
        assert_ok(columns_builder_new(&b, err));
        assert_int_equal(columns_builder_add(b, (varve_text){bad[i], strlen(bad[i])}, err),
                         VARVE_CORRUPT);
        columns_builder_free(b);
    }
}

static void memory_is_bounded_and_counted(void **state)
{
    columns_builder *b;
    random_state r;
    uint64_t bytes = 0;
    (void)state;
    random_seed(&r, 3);
    assert_ok(columns_builder_new(&b, err));
    for (uint32_t i = 0; i < 20000; i++) {
        char text[300];
        int len = snprintf(text, sizeof text,
                           "{\"title\":\"Item number %llu\",\"kind\":\"k%u\",\"price\":%u.%02u,"
                           "\"stock\":%u,\"active\":%s,\"made\":\"2024-05-06T07:08:09Z\","
                           "\"owner\":{\"id\":%u},\"tags\":[\"t%u\",\"t%u\"]}",
                           (unsigned long long)random_u64(&r), (unsigned)random_below(&r, 9),
                           (unsigned)random_below(&r, 999), (unsigned)random_below(&r, 100),
                           (unsigned)random_below(&r, 50), random_below(&r, 2) ? "true" : "false",
                           (unsigned)random_below(&r, 9999), (unsigned)random_below(&r, 99),
                           (unsigned)random_below(&r, 99));
        assert_ok(columns_builder_add(b, (varve_text){text, (size_t)len}, err));
        bytes += (uint64_t)len;
    }
    assert_true(columns_builder_bytes(b) > bytes / 2);
    assert_true(columns_builder_bytes(b) < bytes * 2);
    assert_ok(columns_builder_finish(b, &rows.image, err));
    assert_true(rows.image.len < bytes * 3 / 5);
    columns_builder_free(b);
}

static void image_beyond_its_limit(void **state)
{
    (void)state;
    add("{\"a\":1}");
    rows.image.max_bytes = 100;
    assert_int_equal(column_rows_build(&rows, err), VARVE_LIMIT);
    assert_int_equal(rows.image.len, 0);
}

/* An image may begin anywhere in a buffer. */
static void image_behind_others(void **state)
{
    (void)state;
    add("{\"a\":[1,2,\"x\"],\"b\":\"2024-01-01\"}");
    assert_ok(column_rows_build(&rows, err));
    buffer first = rows.image;
    buffer_init(&rows.image, 1 << 20, "columns");
    random_put(&rows.image, "12345");
    assert_ok(column_rows_build(&rows, err));
    assert_int_equal(rows.image.len, first.len + 5);
    assert_memory_equal(rows.image.data + 5, first.data, first.len);
    buffer_done(&first);
}

/* Images are compared with what this builder makes of the rows: what it makes may change only with
 * the version of the format, and then the older builder has to stay. */
static void image_of_version_1(void **state)
{
    random_state r;
    (void)state;
    random_seed(&r, 1);
    for (int i = 0; i < 500; i++) {
        random_fields(&r, false, &rows.text);
        column_rows_end(&rows);
    }
    open_rows();
    assert_int_equal(COLUMNS_VERSION, 1);
    uint64_t of_rows = hash_bytes(rows.text.data, rows.text.len);
    uint64_t of_image = hash_bytes(rows.image.data, rows.image.len);
    if (of_rows != GOLDEN_ROWS || of_image != GOLDEN_IMAGE)
        fail_msg("rows %#llx, image %#llx", (unsigned long long)of_rows,
                 (unsigned long long)of_image);
}

/* ---- checking ------------------------------------------------------------------------------ */

static void check_finds_what_is_not_filed(void **state)
{
    static const struct {
        const char *was, *is, *names;
    } cases[] = {{"{\"a\":1}", "{\"a\":2}", "'a'"},
                 {"{\"a\":\"x\"}", "{\"a\":\"y\"}", "'a'"},
                 {"{\"a\":1}", "{\"b\":1}", "'a'"},
                 {"{\"b\":1}", "{\"a\":1}", "'a'"},
                 {"{\"a\":1}", "{\"a\":1,\"b\":2}", "'b'"},
                 {"{\"a\":[1]}", "{\"a\":[2]}", "'a'"},
                 {"{\"p\":{\"lon\":1,\"lat\":2,\"x\":3}}", "{\"p\":{\"lon\":1,\"lat\":2}}", "'x'"},
                 {"{\"a\":null}", "{\"a\":true}", "'a'"}};
    (void)state;
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        add(cases[i].was);
        open_rows();
        buffer_clear(&rows.text);
        rows.count = 0;
        add(cases[i].is);
        assert_int_equal(columns_check(rows.columns, column_rows_text, &rows, err), VARVE_CORRUPT);
        assert_non_null(strstr(err->message, cases[i].names));
        column_rows_done(&rows);
        column_rows_init(&rows);
    }
}

/* ---- damage -------------------------------------------------------------------------------- */

static varve_status ignore_keyword(void *context, uint32_t index, varve_text keyword,
                                   varve_error *e)
{
    (void)context;
    (void)index;
    (void)e;
    return keyword.len <= COLUMN_KEYWORD_BYTES + 1 ? VARVE_OK : VARVE_INTERNAL;
}

static varve_status ignore_point(void *context, uint32_t slot, double lon, double lat,
                                 varve_error *err)
{
    (void)lon, (void)lat, (void)err;
    assert_true(slot < *(uint32_t *)context);
    return VARVE_OK;
}

static void read_all(const column *c)
{
    uint64_t bits[COLUMN_ROWS_MAX / 64 + 1] = {0}, postings = 0;
    uint32_t at;
    for (int kind = 0; kind < COLUMN_KINDS; kind++)
        (void)!column_or_kind(c, (column_kind)kind, bits, &postings, err);
    for (int table = 0; table < COLUMN_TABLES; table++) {
        column_run all = {0, c->tables[table].count};
        (void)!column_or_run(c, (column_table)table, all, bits, &postings, err);
        (void)!column_run_slots(c, (column_table)table, all, &postings, err);
        if (table != COLUMN_KEYWORDS)
            (void)!column_seek(c, (column_table)table, (column_key){UINT64_C(3) << 62, 0},
                               COLUMN_AT, &at, err);
    }
    (void)!column_seek_keyword(c, (varve_text){"b", 1}, COLUMN_BEHIND_PREFIX, &at, err);
    (void)!column_walk_keywords(c, (column_run){0, c->tables[COLUMN_KEYWORDS].count},
                                ignore_keyword, NULL, err);
    (void)!column_walk_points(c, ignore_point, &rows.count, &postings, err);
}

static void use_damaged(void)
{
    static const char *const names[] = {"a", "b", "c", "lon"};
    column c;
    if (column_rows_open(&rows, err) != VARVE_OK) {
        assert_true(err->status == VARVE_CORRUPT || err->status == VARVE_NEWER_FORMAT);
        return;
    }
    for (size_t i = 0; i < 2 * VV_COUNT(names); i++) {
        path_step steps[2] = {{.kind = PATH_KEY, .key = {names[i / 2], strlen(names[i / 2])}},
                              {.kind = PATH_EACH}};
        bool found;
        if (column_find(rows.columns, steps, 1 + i % 2, &c, &found, err) == VARVE_OK && found)
            read_all(&c);
    }
    columns_free(rows.columns);
    rows.columns = NULL;
}

/* Every byte of an image, flipped and set: read without a crash, and noticed by the check. */
static void damaged_images(void **state)
{
    random_state r;
    (void)state;
    random_seed(&r, 11);
    for (int i = 0; i < 60; i++) {
        random_fields(&r, false, &rows.text);
        column_rows_end(&rows);
    }
    assert_ok(column_rows_build(&rows, err));
    uint8_t *bytes = (uint8_t *)rows.image.data;
    for (size_t i = 0; i < rows.image.len; i++) {
        uint8_t was = bytes[i];
        bytes[i] = (uint8_t)(was ^ (1u << random_below(&r, 8)));
        use_damaged();
        bytes[i] = random_below(&r, 2) ? 0xff : (uint8_t)random_u64(&r);
        use_damaged();
        bytes[i] = was;
    }
    size_t len = rows.image.len;
    for (size_t cut = 0; cut < len; cut += 1 + len / 300) {
        rows.image.len = cut;
        assert_int_equal(column_rows_open(&rows, err), VARVE_CORRUPT);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(kinds_are_apart),
        TEST(nested_and_flat_keys),
        TEST(numbers_by_value),
        TEST(texts_by_bytes),
        TEST(long_texts_are_cut),
        TEST(more_paths_than_columns),
        TEST(deep_paths_have_no_column),
        TEST(every_encoding),
        TEST(no_rows_and_no_fields),
        TEST(malformed_fields_are_refused),
        TEST(memory_is_bounded_and_counted),
        TEST(image_beyond_its_limit),
        TEST(image_behind_others),
        TEST(image_of_version_1),
        TEST(check_finds_what_is_not_filed),
        TEST(damaged_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
