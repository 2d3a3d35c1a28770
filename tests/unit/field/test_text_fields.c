/* test_text_fields.c — searches of some fields, against the plain formula: terms that rows have
 * under one path, under several and under many, and terms that only other fields have. */
#include "text_fixture.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS       700
#define FIELDS_MAX 14
#define TEXT_BYTES 4096

/* Each field has 1 to 6 of a few words, so that rows share most words with most rows; "often" comes
 * up to 40 times in a text, "left" in the first field alone. */
static void add_row(text_rows *r, random_state *random, size_t fields)
{
    char row[TEXT_BYTES];
    size_t len = (size_t)snprintf(row, sizeof row, "{");
    for (size_t i = 0; i < fields; i++) {
        len += (size_t)snprintf(row + len, sizeof row - len, "%s\"f%zu\":\"", i ? "," : "", i);
        for (size_t n = 1 + random_below(random, 6); n > 0; n--)
            len += (size_t)snprintf(row + len, sizeof row - len, "w%u ",
                                    (unsigned)random_below(random, 4));
        for (size_t n = random_below(random, 20) ? 0 : random_below(random, 40); n > 0; n--)
            len += (size_t)snprintf(row + len, sizeof row - len, "often ");
        len += (size_t)snprintf(row + len, sizeof row - len, "%s\"", i ? "" : "left");
    }
    (void)snprintf(row + len, sizeof row - len, "}");
    text_rows_add(r, row);
}

/* All rows with one of the words, and no others, with the scores of the formula. */
static void expect_all(const text_rows *r, const char *query, const char *const *keys, size_t count)
{
    VV_CLEANUP(arena_done) arena memory;
    varve_text paths[FIELDS_MAX];
    text_query q;
    topk best;
    size_t expected = 0;
    double *scores = calloc(r->count, sizeof *scores);
    topk_entry *entries = calloc(r->count, sizeof *entries);
    assert_true(scores && entries);
    arena_init(&memory, 1 << 20, "query");
    for (size_t i = 0; i < count; i++)
        paths[i] = (varve_text){keys[i], strlen(keys[i])};
    varve_text text = {query, strlen(query)};
    assert_int_equal(text_query_init(&q, text, &r->options, paths, count, &memory, NULL), 0);
    assert_int_equal(text_stats_add(&q, r->index, NULL, NULL, NULL), VARVE_OK);
    text_rows_score(r, query, keys, count, NULL, q.k1, q.b, scores);
    topk_init(&best, entries, r->count);
    assert_int_equal(text_search(&q, r->index, NULL, 0, &best, NULL, NULL, NULL), VARVE_OK);
    for (uint32_t i = 0; i < r->count; i++)
        expected += scores[i] > 0;
    assert_int_equal(best.count, expected);
    for (size_t i = 0; i < best.count; i++)
        assert_true(fabs(-entries[i].key - scores[entries[i].slot]) <=
                    1e-9 * scores[entries[i].slot]);
    free(entries);
    free(scores);
}

static void some_fields_as_the_formula_says(void **state)
{
    (void)state;
    static const char *const queries[] = {"w0", "w1 w2 often", "left", "left w3 often often",
                                          "nowhere"};
    static const char *const keys[] = {"f0", "f1", "f2", "f9", "f13"};
    for (size_t fields = 1; fields <= FIELDS_MAX; fields += fields < 3 ? 1 : 11) {
        text_rows r;
        random_state random;
        random_seed(&random, fields);
        text_rows_init(&r, &(text_options){0});
        for (uint32_t i = 0; i < ROWS; i++)
            add_row(&r, &random, 1 + random_below(&random, fields));
        text_rows_build(&r);
        for (size_t i = 0; i < VV_COUNT(queries); i++)
            for (size_t first = 0; first < VV_COUNT(keys); first++)
                for (size_t count = 1; first + count <= VV_COUNT(keys); count++)
                    expect_all(&r, queries[i], keys + first, count);
        text_rows_done(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(some_fields_as_the_formula_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
