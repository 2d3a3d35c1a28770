/* test_filter_cache.c — filters whose matches are kept against the same filters evaluated anew:
 * while rows are written, deleted, restored, sealed and merged, on one thread and on several; and
 * the cache alone: what it keeps, and what it lets go. */
#include "db_fixture.h"

#include "db/query_input.h"
#include "filter/filter_cache.h"
#include "filter/filter_key.h"
#include "query/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDS = 900, BATCH = 60, STEPS = 120, THREADS = 3, TURNS = 60 };

/* Some mean different rows though they are printed alike. */
static const char *const wheres[] = {
    "n < 100",        "n >= 100 AND n < 700",  "n != 5",
    "m = 3",          "m IN (1, 2, 9)",        "m NOT IN (1, 2, 9)",
    "tags = 'a'",     "tags != 'a'",           "NOT (tags = 'a')",
    "t LIKE '%rd3%'", "t = 'word1' OR n < 20", "t IS NULL",
    "absent = 1",     "n < 1000000",           "n < -1",
    "id = 7",         "id < 400 AND m = 2",    "tags CONTAINS 'b' AND v = 2",
};
static const char *const jsons[] = {
    "{\"must\":[{\"key\":\"tags\",\"match\":{\"value\":\"a\"}}]}",
    "{\"must_not\":[{\"key\":\"tags\",\"match\":{\"value\":\"a\"}}]}",
    "{\"must\":[{\"key\":\"tags\",\"values_count\":{\"gte\":2}}]}",
    "{\"must\":[{\"has_id\":[3,5,700]}]}",
};
enum { FILTERS = VV_COUNT(wheres) + VV_COUNT(jsons) };

static varve_text text_of(const char *text) { return (varve_text){text, strlen(text)}; }

static void make_filters(db_fixture *f, varve_filter *ret[FILTERS])
{
    for (size_t i = 0; i < VV_COUNT(wheres); i++)
        db_ok(f, varve_filter_where(text_of(wheres[i]), NULL, 0, &ret[i], &f->err));
    for (size_t i = 0; i < VV_COUNT(jsons); i++)
        db_ok(f, varve_filter_json(text_of(jsons[i]), &ret[VV_COUNT(wheres) + i], &f->err));
}

static void free_filters(varve_filter *filters[FILTERS])
{
    for (size_t i = 0; i < FILTERS; i++)
        varve_filter_free(filters[i]);
}

static void upsert(db_fixture *f, uint64_t first, size_t count, unsigned version, varve_error *err)
{
    static const char *const tags[] = {"\"a\"", "[\"a\",\"b\"]", "[\"b\"]", "[]", "null"};
    varve_id ids[BATCH];
    varve_text fields[BATCH];
    char texts[BATCH][96];
    float vectors[BATCH * DB_DIM];
    for (size_t i = 0; i < count; i++) {
        uint64_t id = first + i, n = id + 31 * version;
        int len = snprintf(
            texts[i], sizeof texts[i], "{\"n\":%lu,\"m\":%lu,\"v\":%u,\"tags\":%s%s%lu%s", n % IDS,
            n % 7, version % 4, tags[n % 5], n % 3 ? ",\"t\":\"word" : ",\"u\":\"", n % 5, "\"}");
        fields[i] = (varve_text){texts[i], (size_t)len};
        ids[i] = (varve_id){.kind = VARVE_ID_NUM, .num = id};
        db_vector(id, version, vectors + i * DB_DIM);
    }
    varve_rows rows = {.count = count, .dim = DB_DIM, .ids = ids, .vectors = vectors};
    rows.fields = fields;
    if (varve_upsert(f->c, &rows, NULL, NULL, err) != VARVE_OK) abort();
}

/* ---- kept against new ------------------------------------------------------------------------ */

/* false: they differ. For threads, which may not use assertions of cmocka. */
static bool agrees(db_fixture *f, const varve_filter *filter)
{
    collection_input input;
    view *kept = NULL, *anew = NULL;
    varve_error err;
    uint64_t at;
    if (collection_input_init(f->c, true, &input, &err) != VARVE_OK) return false;
    bool good = query_matching(&input.in, filter, &kept, &err) == VARVE_OK;
    input.in.filters = NULL;
    good = good && query_matching(&input.in, filter, &anew, &err) == VARVE_OK;
    good = good && kept->rows_live == anew->rows_live;
    for (size_t i = 0; good && i < kept->source_count; i++)
        good =
            !tombstones_next_difference(kept->sources[i].hidden, anew->sources[i].hidden, 0, &at) &&
            tombstones_count(kept->sources[i].hidden) == tombstones_count(anew->sources[i].hidden);
    view_unref(kept);
    view_unref(anew);
    collection_input_done(&input);
    return good;
}

/* deleted: where rows were deleted last, to be restored. */
static void one_step(db_fixture *f, unsigned step, random_state *r, uint64_t *deleted)
{
    uint64_t first = random_below(r, IDS - BATCH), what = random_below(r, 8);
    varve_id ids[BATCH];
    size_t count = 1 + random_below(r, BATCH);
    if (what == 3) *deleted = first;
    for (size_t i = 0; i < BATCH; i++)
        ids[i] = (varve_id){.kind = VARVE_ID_NUM, .num = (what == 4 ? *deleted : first) + i};
    switch (what) {
    case 0:
    case 1:
    case 2: upsert(f, first, count, step, &f->err); break;
    case 3: db_ok(f, varve_delete(f->c, ids, count, NULL, NULL, &f->err)); break;
    case 4: db_ok(f, varve_restore(f->c, ids, count, NULL, NULL, &f->err)); break;
    case 5:
    case 6: db_seal_now(f); break;
    default:
        if (random_below(r, 4) == 0) db_ok(f, varve_compact(f->c, NULL, NULL, &f->err));
    }
}

static void begin(db_fixture *f, uint64_t cache_bytes)
{
    db_options(f);
    f->options.filter_cache_bytes = cache_bytes;
    f->options.compactor_path = COMPACTOR_PATH;
    db_begin(f, "FLAT-L2", VARVE_FLOAT32);
    for (uint64_t first = 0; first < IDS; first += BATCH)
        upsert(f, first, BATCH, 0, &f->err);
    db_seal_now(f);
}

static void stays_true(uint64_t cache_bytes, uint64_t seed)
{
    db_fixture f = {0};
    varve_filter *filters[FILTERS];
    varve_folder_stats stats;
    random_state r;
    uint64_t deleted = 0;
    begin(&f, cache_bytes);
    make_filters(&f, filters);
    random_seed(&r, seed);
    for (unsigned step = 1; step <= STEPS; step++) {
        one_step(&f, step, &r, &deleted);
        for (size_t i = 0; i < 3 * FILTERS; i++) /* thrice: the third time it may be kept */
            if (!agrees(&f, filters[i / 3])) fail_msg("step %u: filter %zu differs", step, i / 3);
    }
    varve_stats(f.db, &stats);
    assert_true(stats.filter_cache_hits > STEPS && stats.filter_cache_misses > STEPS);
    assert_true(stats.filter_cache_bytes > 0 && stats.filter_cache_bytes <= cache_bytes);
    free_filters(filters);
    db_end(&f);
}

static void what_is_kept_stays_true(void **state)
{
    (void)state;
    stays_true(64 << 20, 1);
}

static void what_is_kept_stays_true_while_most_is_let_go(void **state)
{
    (void)state;
    stays_true(60000, 2);
}

/* Rows that were deleted when the matches were kept. */
static void what_comes_back_is_found(void **state)
{
    db_fixture f = {0};
    varve_filter *filters[FILTERS];
    (void)state;
    begin(&f, 1 << 20);
    make_filters(&f, filters);
    db_delete(&f, 100, 50, 3);
    for (size_t i = 0; i < 3 * FILTERS; i++)
        assert_true(agrees(&f, filters[i / 3]));
    db_restore(&f, 100, 50, 3, 50);
    for (size_t i = 0; i < FILTERS; i++)
        assert_true(agrees(&f, filters[i]));
    free_filters(filters);
    db_end(&f);
}

/* ---- threads --------------------------------------------------------------------------------- */

typedef struct reader {
    db_fixture *f;
    varve_filter **filters;
    unsigned number;
    bool good;
} reader;

static void *read_on(void *context)
{
    reader *r = context;
    r->good = true;
    for (unsigned i = 0; i < TURNS && r->good; i++)
        r->good = agrees(r->f, r->filters[(i * (r->number + 1)) % FILTERS]);
    return NULL;
}

static void threads_ask_while_rows_change(void **state)
{
    db_fixture f = {0};
    varve_filter *filters[FILTERS];
    reader readers[THREADS];
    pthread_t threads[THREADS];
    (void)state;
    begin(&f, 40000);
    make_filters(&f, filters);
    for (unsigned i = 0; i < THREADS; i++) {
        readers[i] = (reader){&f, filters, i, false};
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
    }
    for (unsigned i = 1; i <= 20; i++) {
        upsert(&f, 40 * (i % 20), BATCH, i, &f.err);
        db_delete(&f, 7 * i, 3, 1);
        if (i % 5 == 0) db_seal_now(&f);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(readers[i].good);
    }
    free_filters(filters);
    db_end(&f);
}

/* ---- a search says so ------------------------------------------------------------------------ */

static void a_search_says_what_was_known(void **state)
{
    db_fixture f = {0};
    varve_filter *filter = NULL;
    float q[DB_DIM];
    (void)state;
    begin(&f, 1 << 20);
    db_vector(1, 0, q);
    db_ok(&f, varve_filter_where(text_of("m = 3"), NULL, 0, &filter, &f.err));
    for (unsigned turn = 0; turn < 3; turn++) {
        varve_hits *hits = NULL;
        varve_profile profile;
        varve_search_request request = {.vectors = q, .count = 1, .dim = DB_DIM, .k = 5};
        request.filter = filter;
        db_ok(&f, varve_search(f.c, &request, &hits, &f.err));
        varve_hits_profile(hits, &profile);
        assert_int_equal(profile.filter_cached, turn == 2);
        assert_int_equal(profile.filter_postings == 0, turn == 2);
        assert_int_equal(strstr(varve_hits_explain(hits, 0), "1 segments cached") != NULL,
                         turn == 2);
        varve_hits_free(hits);
    }
    varve_filter_free(filter);
    db_end(&f);
}

/* ---- the cache alone ------------------------------------------------------------------------- */

static tombstones *set_of(uint64_t slot)
{
    tombstones *t = NULL;
    assert_int_equal(tombstones_change(NULL, &slot, 1, NULL, 0, &t, NULL), VARVE_OK);
    return t;
}

/* Asked for twice, then put: key i holds slot i. */
static void keep(filter_cache *c, uint32_t i)
{
    tombstones *got = NULL, *t = set_of(i);
    assert_int_equal(filter_cache_get(c, &i, sizeof i, &got), FILTER_CACHE_NEW);
    assert_int_equal(filter_cache_get(c, &i, sizeof i, &got), FILTER_CACHE_WANTED);
    filter_cache_put(c, &i, sizeof i, t);
    tombstones_unref(t);
}

static bool holds(filter_cache *c, uint32_t i)
{
    tombstones *got = NULL;
    if (filter_cache_get(c, &i, sizeof i, &got) != FILTER_CACHE_FOUND) return false;
    assert_true(tombstones_has(got, i));
    tombstones_unref(got);
    return true;
}

static void the_least_lately_used_goes(void **state)
{
    filter_cache *c = NULL;
    varve_error err;
    (void)state;
    assert_int_equal(filter_cache_new(5 * 4500, &c, &err), VARVE_OK);
    for (uint32_t i = 0; i < 5; i++)
        keep(c, i);
    assert_int_equal(filter_cache_get_stats(c).entries, 5);
    assert_true(holds(c, 0));
    keep(c, 5);
    assert_true(holds(c, 0));
    assert_false(holds(c, 1));
    for (uint32_t i = 2; i < 6; i++)
        assert_true(holds(c, i));
    filter_cache_stats s = filter_cache_get_stats(c);
    assert_true(s.bytes > 0 && s.bytes <= 5 * 4500);
    assert_int_equal(s.entries, 5);
    assert_int_equal(s.hits, 6);
    assert_int_equal(s.misses, 13);
    filter_cache_free(c);
}

static void a_set_too_large_is_not_kept(void **state)
{
    filter_cache *c = NULL;
    uint32_t key = 1;
    tombstones *got = NULL, *t = set_of(1);
    (void)state;
    assert_int_equal(filter_cache_new(1000, &c, NULL), VARVE_OK);
    filter_cache_put(c, &key, sizeof key, t);
    assert_int_equal(filter_cache_get(c, &key, sizeof key, &got), FILTER_CACHE_NEW);
    assert_int_equal(filter_cache_get_stats(c).bytes, 0);
    filter_cache_put(c, &key, sizeof key, NULL); /* no row is missing: small enough */
    assert_int_equal(filter_cache_get(c, &key, sizeof key, &got), FILTER_CACHE_FOUND);
    assert_null(got);
    filter_cache_free(c);
    tombstones_unref(t);
}

/* Each has a key of its own, but for those that depend on more than a row. */
static void keys_tell_filters_apart(void **state)
{
    db_fixture f = {0};
    varve_filter *filters[FILTERS];
    buffer keys[FILTERS];
    size_t without = 0;
    (void)state;
    make_filters(&f, filters);
    for (size_t i = 0; i < FILTERS; i++) {
        buffer_init(&keys[i], FILTER_CACHE_KEY_MAX, "key");
        if (!filter_key(filters[i], &keys[i])) {
            buffer_clear(&keys[i]);
            without++;
        }
        for (size_t j = 0; j < i && keys[i].len > 0; j++)
            assert_false(keys[i].len == keys[j].len &&
                         memcmp(keys[i].data, keys[j].data, keys[i].len) == 0);
    }
    assert_int_equal(without, 3); /* those with ids */
    for (size_t i = 0; i < FILTERS; i++)
        buffer_done(&keys[i]);
    free_filters(filters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_lately_used_goes),
        cmocka_unit_test(a_set_too_large_is_not_kept),
        cmocka_unit_test(keys_tell_filters_apart),
        cmocka_unit_test(a_search_says_what_was_known),
        cmocka_unit_test(what_is_kept_stays_true),
        cmocka_unit_test(what_is_kept_stays_true_while_most_is_let_go),
        cmocka_unit_test(what_comes_back_is_found),
        cmocka_unit_test(threads_ask_while_rows_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
