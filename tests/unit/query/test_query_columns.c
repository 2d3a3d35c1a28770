/* test_query_columns.c — orders and facets by columns are those by rows: over random fields of all
 * kinds (numbers written in several ways, date-times, long texts, arrays, flat members), random
 * paths, all shares of rows; and columns are used where they can be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../filter/random_rows.h"
#include "base/file.h"
#include "query/order.h"

#include <stdio.h>
#include <unistd.h>

#define SEGMENTS     3
#define SEGMENT_ROWS 500
#define MEMORY_ROWS  (MEMTABLE_PART_ROWS + 100)
#define ORDERS       600
#define FACETS       200

static const varve_options limits = {.max_top_k = 100000, .recall_target_percent = 95};

static const char *const paths[] = {"a",   "b",   "c",     "a.b",        "a.b.c",  "b.c",  "a[]",
                                    "b[]", "c[]", "a[].b", "b[].c",      "c[][]",  "a[0]", "a.b[]",
                                    "lon", "lat", "\"\"",  "\"x\"\"y\"", "missing"};

static random_state rnd;
static view *all;
static char folder[64];

/* ---- rows ------------------------------------------------------------------------------------ */

static const float vector[2] = {1, 2};

static segment *make_segment(uint64_t number, uint64_t *rowver)
{
    segment_spec spec = {.collection = 1, .number = number, .dim = 2, .dtype = VARVE_FLOAT32};
    segment_writer *writer = NULL;
    segment_record record;
    segment *s = NULL;
    uint8_t key[16];
    char path[96], temporary[112];
    buffer fields;
    buffer_init(&fields, 1 << 20, "fields");
    snprintf(path, sizeof path, "%s/%d.seg", folder, (int)number);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    assert_int_equal(segment_writer_new(temporary, &spec, &writer, NULL), VARVE_OK);
    for (size_t i = 0; i < SEGMENT_ROWS; i++, (*rowver)++) {
        varve_id id = {.num = *rowver * 7919 % 100003};
        id_key_put(id, key);
        buffer_clear(&fields);
        random_fields(&rnd, false, &fields);
        assert_int_equal(segment_writer_add(writer, *rowver, *rowver, key, id_key_size(id), vector,
                                            (varve_text){fields.data, fields.len}, NULL),
                         VARVE_OK);
    }
    assert_int_equal(segment_writer_finish(writer, path, &record, NULL), VARVE_OK);
    assert_int_equal(segment_open(path, &spec, &record, &s, NULL), VARVE_OK);
    buffer_done(&fields);
    return s;
}

static memtable *make_memtable(uint64_t *rowver)
{
    memtable *m = NULL;
    uint8_t key[16];
    buffer fields;
    buffer_init(&fields, 1 << 20, "fields");
    assert_int_equal(memtable_new(2, VARVE_FLOAT32, &m, NULL), VARVE_OK);
    for (size_t i = 0; i < MEMORY_ROWS; i++, (*rowver)++) {
        varve_id id = {.num = *rowver * 7919 % 100003};
        id_key_put(id, key);
        buffer_clear(&fields);
        random_fields(&rnd, false, &fields);
        assert_int_equal(memtable_add(m, *rowver, *rowver, key, id_key_size(id), vector,
                                      (varve_text){fields.data, fields.len}, NULL),
                         VARVE_OK);
    }
    buffer_done(&fields);
    return m;
}

static int set_up(void **state)
{
    vector_field field = {.dim = 2, .dtype = VARVE_FLOAT32};
    row_source sources[SEGMENTS + 1] = {0};
    uint64_t rowver = 1;
    (void)state;
    random_seed(&rnd, 11);
    snprintf(folder, sizeof folder, "/tmp/varve-columns-XXXXXX");
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i <= SEGMENTS; i++) {
        row_source *s = &sources[i];
        s->rows = i < SEGMENTS ? SEGMENT_ROWS : MEMORY_ROWS;
        s->rowver_min = rowver;
        if (i < SEGMENTS)
            s->seg = make_segment(i + 1, &rowver);
        else
            s->mem = make_memtable(&rowver);
        s->rowver_max = rowver - 1;
    }
    assert_int_equal(view_new(&field, sources, SEGMENTS + 1, &all, NULL), VARVE_OK);
    for (size_t i = 0; i <= SEGMENTS; i++) {
        segment_unref(sources[i].seg);
        memtable_unref(sources[i].mem);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    view_unref(all);
    return file_remove_tree(folder, NULL) != VARVE_OK;
}

/* The same rows, of which one in `share` is left. */
static view *thinned(unsigned share)
{
    tombstones *hidden[SEGMENTS + 1] = {0};
    view *v = NULL;
    for (size_t i = 0; i <= SEGMENTS; i++) {
        size_t words = (size_t)((all->sources[i].rows + 63) / 64);
        uint64_t *bits = calloc(words, sizeof *bits);
        assert_non_null(bits);
        for (uint64_t slot = 0; slot < all->sources[i].rows; slot++)
            if (random_below(&rnd, share)) bits[slot / 64] |= UINT64_C(1) << slot % 64;
        assert_int_equal(tombstones_of_words(bits, words, &hidden[i], NULL), VARVE_OK);
        free(bits);
    }
    assert_int_equal(view_derive(all, hidden, &v, NULL), VARVE_OK);
    for (size_t i = 0; i <= SEGMENTS; i++)
        tombstones_unref(hidden[i]);
    return v;
}

/* ---- orders ---------------------------------------------------------------------------------- */

static ordered_rows order(const row_bits *bits, const order_request *r)
{
    ordered_rows ret = {0};
    varve_error err;
    if (order_rows(bits, r, NULL, &ret, &err) != VARVE_OK) fail_msg("%s", err.message);
    return ret;
}

static void compare_orders(const order_request *r, const ordered_rows *a, const ordered_rows *b)
{
    if (a->count != b->count) fail_msg("%s: %zu and %zu rows", r->path, a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        const ordered_row *x = &a->rows[i], *y = &b->rows[i];
        bool same = x->place.source == y->place.source && x->place.slot == y->place.slot &&
                    x->value.instant == y->value.instant && x->value.key.key == y->value.key.key &&
                    x->value.key.residual == y->value.key.residual &&
                    x->value.about == y->value.about;
        if (!same)
            fail_msg("%s, descending %d, from %s, row %zu: %zu/%zu %.17g, by rows %zu/%zu %.17g",
                     r->path, r->descending, r->start_from.data ? r->start_from.data : "", i,
                     x->place.source, (size_t)x->place.slot, x->value.about, y->place.source,
                     (size_t)y->place.slot, y->value.about);
    }
}

static void orders_by_columns_are_those_by_rows(void **state)
{
    static const char *const starts[] = {"1",     "9007199254740993",
                                         "-1.5",  "\"2024-01-01\"",
                                         "1e300", "\"1969-12-31T23:59:59.999999Z\""};
    static const size_t keeps[] = {1, 3, 20, 400, 10000};
    static const unsigned shares[] = {1, 1, 3, 40};
    uint64_t postings = 0, rows_read = 0, by_rows_read = 0;
    (void)state;
    for (size_t n = 0; n < ORDERS; n++) {
        order_request r = {.path = random_of(&rnd, paths), .descending = random_below(&rnd, 2)};
        row_bits bits = {0};
        view *v = thinned(random_of(&rnd, shares));
        r.keep = random_of(&rnd, keeps);
        if (random_below(&rnd, 3) == 0) {
            const char *start = random_of(&rnd, starts);
            r.start_from = (varve_text){start, strlen(start)};
        }
        assert_int_equal(row_bits_of_view(&bits, v, NULL), VARVE_OK);
        ordered_rows by_columns = order(&bits, &r);
        r.by_rows = true;
        ordered_rows by_rows = order(&bits, &r);
        compare_orders(&r, &by_columns, &by_rows);
        assert_int_equal(by_rows.postings, 0);
        postings += by_columns.postings;
        rows_read += by_columns.rows_read;
        by_rows_read += by_rows.rows_read;
        ordered_rows_done(&by_columns);
        ordered_rows_done(&by_rows);
        row_bits_done(&bits);
        view_unref(v);
    }
    print_message("%llu postings and %llu rows read, by rows %llu\n", (unsigned long long)postings,
                  (unsigned long long)rows_read, (unsigned long long)by_rows_read);
    assert_true(postings > 0 && rows_read < by_rows_read / 2);
}

static void a_profile_has_what_an_order_took(void **state)
{
    const query_input in = {.v = all, .limits = &limits};
    varve_leg leg = {.kind = VARVE_LEG_ORDER, .order_by = "c"};
    varve_query_request r = {.legs = &leg, .leg_count = 1, .k = 5};
    varve_profile p;
    varve_hits *hits = NULL;
    (void)state;
    for (int indexed = 0; indexed < 2; indexed++) {
        leg.order_by = indexed ? "c" : "c[0]";
        assert_int_equal(query_run(&in, &r, &hits, NULL), VARVE_OK);
        varve_hits_profile(hits, &p);
        assert_true(indexed ? p.order_postings > 0 : p.order_postings == 0);
        /* The youngest rows have no index. */
        assert_int_equal(p.order_rows, indexed ? MEMORY_ROWS - MEMTABLE_PART_ROWS : all->rows_live);
        assert_non_null(strstr(varve_hits_explain(hits, 0), "rows looked at"));
        varve_hits_free(hits);
    }
}

/* ---- facets ---------------------------------------------------------------------------------- */

static varve_facets *count(view *v, facets_request *r, bool by_rows)
{
    const query_input in = {.v = v, .limits = &limits};
    varve_facets *ret = NULL;
    varve_error err;
    r->by_rows = by_rows;
    if (query_facets(&in, r, &ret, &err) != VARVE_OK) fail_msg("%s: %s", r->path, err.message);
    return ret;
}

static void compare_facets(const char *path, const varve_facets *a, const varve_facets *b)
{
    size_t n = varve_facets_size(a);
    if (n != varve_facets_size(b))
        fail_msg("%s: %zu values, by rows %zu", path, n, varve_facets_size(b));
    for (size_t i = 0; i < n; i++) {
        varve_text x = varve_facets_value(a, i), y = varve_facets_value(b, i);
        if (x.len != y.len || memcmp(x.data, y.data, x.len) != 0 ||
            varve_facets_rows(a, i) != varve_facets_rows(b, i))
            fail_msg("%s: %.*s in %zu rows, by rows %.*s in %zu", path, (int)x.len, x.data,
                     (size_t)varve_facets_rows(a, i), (int)y.len, y.data,
                     (size_t)varve_facets_rows(b, i));
    }
}

static void facets_by_columns_are_those_by_rows(void **state)
{
    static const unsigned shares[] = {1, 2, 40};
    uint64_t postings = 0, rows_read = 0, by_rows_read = 0, one, two;
    (void)state;
    for (size_t n = 0; n < FACETS; n++) {
        facets_request r = {.path = random_of(&rnd, paths)};
        view *v = thinned(random_of(&rnd, shares));
        r.limit = random_below(&rnd, 2) ? 5 : 100000;
        varve_facets *by_columns = count(v, &r, false), *by_rows = count(v, &r, true);
        compare_facets(r.path, by_columns, by_rows);
        facets_work(by_columns, &one, &two);
        postings += one;
        rows_read += two;
        facets_work(by_rows, &one, &two);
        assert_int_equal(one, 0);
        by_rows_read += two;
        varve_facets_free(by_columns);
        varve_facets_free(by_rows);
        view_unref(v);
    }
    print_message("%llu postings and %llu rows read, by rows %llu\n", (unsigned long long)postings,
                  (unsigned long long)rows_read, (unsigned long long)by_rows_read);
    assert_true(postings > 0 && rows_read < by_rows_read);
}

/* Values that are equal are one facet, in the one form that all of them have. */
static void numbers_are_counted_by_value(void **state)
{
    facets_request r = {.path = "a", .limit = 100000};
    varve_facets *f = count(all, &r, false);
    size_t ones = 0, large = 0;
    (void)state;
    for (size_t i = 0; i < varve_facets_size(f); i++) {
        varve_text v = varve_facets_value(f, i);
        ones += v.len > 0 && v.data[0] == '1' && strtod(v.data, NULL) == 1;
        large += v.len == 20 && memcmp(v.data, "10000000000000000000", 20) == 0;
    }
    assert_int_equal(ones, 1);
    assert_int_equal(large, 1); /* written 1e19 */
    varve_facets_free(f);
}

static void facets_have_a_limit_of_memory(void **state)
{
    const varve_options small = {.query_bytes_max = 4096};
    const query_input in = {.v = all, .limits = &small};
    const facets_request r = {.path = "a", .limit = 10};
    varve_facets *f = NULL;
    varve_error err;
    (void)state;
    assert_int_equal(query_facets(&in, &r, &f, &err), VARVE_LIMIT);
    assert_non_null(strstr(err.message, "'a' exceed query_bytes_max 4096"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(orders_by_columns_are_those_by_rows),
                                       cmocka_unit_test(a_profile_has_what_an_order_took),
                                       cmocka_unit_test(facets_by_columns_are_those_by_rows),
                                       cmocka_unit_test(numbers_are_counted_by_value),
                                       cmocka_unit_test(facets_have_a_limit_of_memory)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
