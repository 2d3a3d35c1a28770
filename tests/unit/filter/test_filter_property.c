/* test_filter_property.c — both evaluators on random rows and random trees: the same rows match.
 * Arguments: seed, pairs of row and filter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "column_rows.h"
#include "random_filter.h"

#define FILTERS_PER_ROWS 40
#define ROWS_MOST        200
#define PAIRS_DEFAULT    3000000

static uint64_t seed = 1, pairs_wanted = PAIRS_DEFAULT, pairs_matched;

static void check_ok(varve_status status, const varve_error *err)
{
    if (status != VARVE_OK) fail_msg("%s", err->message);
}

static void make_rows(random_state *r, column_rows *rows)
{
    varve_error err;
    bool many = random_below(r, 20) == 0;
    uint32_t count = 1 + (uint32_t)random_below(r, ROWS_MOST);
    column_rows_init(rows);
    for (uint32_t i = 0; i < count; i++) {
        random_fields(r, many, &rows->text);
        column_rows_end(rows);
    }
    check_ok(column_rows_build(rows, &err), &err);
    check_ok(column_rows_open(rows, &err), &err);
    check_ok(columns_check(rows->columns, column_rows_text, rows, &err), &err);
}

static void explain(const filter *f, const column_rows *rows, uint32_t slot, bool found,
                    uint64_t round)
{
    buffer text;
    varve_text fields = column_rows_fields(rows, slot);
    buffer_init(&text, SIZE_MAX, "filter");
    random_must(filter_print(f, &text, NULL));
    fail_msg("seed %llu, round %llu: %.*s\n  by columns: %s, by row: %s, for row %u: %.*s",
             (unsigned long long)seed, (unsigned long long)round, (int)text.len, text.data,
             found ? "matches" : "no match", found ? "no match" : "matches", slot, (int)fields.len,
             fields.data);
}

static void compare(const filter *f, const column_rows *rows, const uint64_t *live,
                    const uint64_t *found, uint64_t round)
{
    buffer scratch;
    varve_error err;
    buffer_init(&scratch, SIZE_MAX, "text");
    for (uint32_t slot = 0; slot < rows->count; slot++) {
        filter_row row;
        truth t;
        check_ok(column_rows_get((void *)rows, slot, &row, &err), &err);
        check_ok(filter_row_truth(f, &row, &scratch, &t, &err), &err);
        bool is_live = !live || (live[slot / 64] >> (slot % 64) & 1);
        bool is_found = found[slot / 64] >> (slot % 64) & 1;
        pairs_matched += is_found;
        if (is_found != (is_live && t == TRUTH_TRUE)) explain(f, rows, slot, is_found, round);
    }
    if (rows->count % 64) assert_true(found[rows->count / 64] >> (rows->count % 64) == 0);
    buffer_done(&scratch);
}

static void one_filter(random_state *r, column_rows *rows, uint64_t round, filter_work *work)
{
    uint64_t live[ROWS_MOST / 64 + 1], found[ROWS_MOST / 64 + 1];
    varve_error err;
    filter *f = random_filter(r);
    bool some = random_below(r, 3) == 0, none = random_below(r, 10) == 0;
    for (size_t i = 0; i < VV_COUNT(live); i++)
        live[i] = random_u64(r);
    filter_rows of = {.count = rows->count,
                      .get = column_rows_get,
                      .context = rows,
                      .live = some ? live : NULL,
                      .find = random_below(r, 2) ? column_rows_find : NULL};
    check_ok(filter_columns(f, none ? NULL : rows->columns, &of, 0, found, work, &err), &err);
    compare(f, rows, of.live, found, round);
    double estimate = filter_estimate(f, none ? NULL : rows->columns);
    assert_true(estimate >= 0 && estimate <= 1);
    filter_free(f);
}

static void evaluators_agree(void **state)
{
    static column_rows rows;
    filter_work work = {0};
    uint64_t pairs = 0, row_pairs = 0;
    (void)state;
    for (uint64_t round = 0; pairs < pairs_wanted; round++) {
        random_state r;
        random_seed(&r, seed * 1000003 + round);
        make_rows(&r, &rows);
        for (size_t i = 0; i < FILTERS_PER_ROWS; i++)
            one_filter(&r, &rows, round, &work);
        pairs += (uint64_t)rows.count * FILTERS_PER_ROWS;
        row_pairs = work.rows;
        column_rows_done(&rows);
    }
    print_message("%llu pairs, %.1f %% match, %.1f %% were left to the rows\n",
                  (unsigned long long)pairs, 100.0 * (double)pairs_matched / (double)pairs,
                  100.0 * (double)row_pairs / (double)pairs);
    assert_true(row_pairs < pairs / 3);
    assert_true(pairs_matched > pairs / 10 && pairs_matched < pairs / 2);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(evaluators_agree)};
    if (argc > 1) seed = strtoull(argv[1], NULL, 10);
    if (argc > 2) pairs_wanted = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
