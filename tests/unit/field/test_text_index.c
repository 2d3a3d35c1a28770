/* test_text_index.c — text indexes against the plain formula, on the bundled package descriptions
 * and on small rows of many shapes. */
#include "text_fixture.h"

#include "base/hash.h"
#include "base/json.h"
#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define K 10

typedef struct question {
    const char *text;
    const char *const *keys; /* NULL: all */
    size_t key_count;
    const uint64_t *live, *allowed;
    size_t k;
} question;

static void gather(const text_rows *r, const question *ask, arena *memory, text_query *q)
{
    varve_text paths[8], text = {ask->text, strlen(ask->text)};
    for (size_t i = 0; i < ask->key_count; i++)
        paths[i] = (varve_text){ask->keys[i], strlen(ask->keys[i])};
    assert_int_equal(text_query_init(q, text, &r->options, ask->keys ? paths : NULL, ask->key_count,
                                     memory, NULL),
                     VARVE_OK);
    assert_int_equal(text_stats_add(q, r->index, ask->live, NULL, NULL), VARVE_OK);
}

static bool has(const uint64_t *bits, uint32_t i)
{
    return !bits || (bits[i / 64] >> (i % 64) & 1);
}

/* The rows that are better than row `of`, by the reference. */
static size_t better_rows(const text_rows *r, const double *scores, const uint64_t *allowed,
                          double score)
{
    size_t count = 0;
    for (uint32_t i = 0; i < r->count; i++)
        count += has(allowed, i) && scores[i] > score * (1 + 1e-9);
    return count;
}

/* The hits are the best by the reference, with its scores; as many as there are. */
static void expect_best(const text_rows *r, const question *ask)
{
    VV_CLEANUP(arena_done) arena memory;
    double *scores = calloc(r->count, sizeof *scores), row_score;
    topk_entry *entries = calloc(ask->k, sizeof *entries);
    analyzer *a = NULL;
    size_t matches = 0;
    text_query q;
    topk best;
    uint64_t work = 0;
    assert_true(scores && entries);
    arena_init(&memory, 1 << 20, "query");
    gather(r, ask, &memory, &q);
    text_rows_score(r, ask->text, ask->keys, ask->key_count, ask->live, q.k1, q.b, scores);
    topk_init(&best, entries, ask->k);
    const uint64_t *allowed = ask->allowed ? ask->allowed : ask->live;
    assert_int_equal(text_search(&q, r->index, allowed, 1000, &best, 0, &work, NULL), VARVE_OK);
    topk_sort(&best);
    for (uint32_t i = 0; i < r->count; i++)
        matches += has(allowed, i) && scores[i] > 0;
    assert_int_equal(best.count, matches < ask->k ? matches : ask->k);
    assert_int_equal(analyzer_new(&r->options, &a, NULL), VARVE_OK);
    for (size_t i = 0; i < best.count; i++) {
        uint32_t slot = (uint32_t)(entries[i].slot - 1000);
        double score = -entries[i].key;
        assert_true(slot < r->count && has(allowed, slot));
        assert_true(fabs(score - scores[slot]) <= 1e-9 * scores[slot]);
        assert_true(better_rows(r, scores, allowed, score) <= i);
        if (i)
            assert_true(
                entries[i - 1].key < entries[i].key ||
                (entries[i - 1].key == entries[i].key && entries[i - 1].slot < entries[i].slot));
        varve_text fields = {r->fields[slot], strlen(r->fields[slot])};
        assert_int_equal(text_score_row(&q, a, fields, &row_score, NULL), VARVE_OK);
        assert_true(row_score == score);
    }
    analyzer_free(a);
    free(scores);
    free(entries);
}

static varve_status get_fields(void *context, uint32_t slot, varve_text *ret, varve_error *err)
{
    const text_rows *r = context;
    (void)err;
    *ret = (varve_text){r->fields[slot], strlen(r->fields[slot])};
    return VARVE_OK;
}

static void expect_sound(text_rows *r)
{
    varve_error err = {0};
    if (text_index_check(r->index, get_fields, r, &err) != VARVE_OK) fail_msg("%s", err.message);
}

static uint64_t *random_bits(random_state *random, uint32_t rows, double part)
{
    uint64_t *bits = calloc(rows / 64 + 1, sizeof *bits);
    assert_non_null(bits);
    for (uint32_t i = 0; i < rows; i++)
        if (random_unit(random) < part) bits[i / 64] |= UINT64_C(1) << (i % 64);
    return bits;
}

/* ---- the bundled descriptions --------------------------------------------------------------- */

static void load_packages(text_rows *r, uint32_t rows)
{
    char *line = NULL;
    size_t room = 0;
    FILE *f = popen("zstd -dcq " BENCH_DATA "/packages.ndjson.zst", "r");
    assert_non_null(f);
    while (r->count < rows && getline(&line, &room, f) > 0) {
        VV_CLEANUP(buffer_done) buffer small;
        json_limits limits = {1 << 20, 64, 1000};
        buffer_init(&small, 1 << 20, "row");
        assert_int_equal(json_minify_object(line, strlen(line), &limits, &small, NULL), VARVE_OK);
        assert_int_equal(buffer_add(&small, "", 1, NULL), VARVE_OK);
        text_rows_add(r, small.data);
    }
    free(line);
    (void)pclose(f);
    assert_int_equal(r->count, rows);
}

static void packages_as_the_formula_says(void **state)
{
    (void)state;
    static const char *const queries[] = {"read the number off a photo of a display",
                                          "library for the development of python",
                                          "the",
                                          "zyzzyva",
                                          "git git git repository",
                                          "the a of to and"};
    static const char *const one[] = {"description"}, *const two[] = {"summary", "tags"},
                             *const none[] = {"nothing"};
    const text_options options[] = {{.stem = false},
                                    {.language = "english", .stem = true, .stop_words = true}};
    for (size_t o = 0; o < VV_COUNT(options); o++) {
        text_rows r;
        random_state random;
        random_seed(&random, 5);
        text_rows_init(&r, &options[o]);
        load_packages(&r, 3000);
        text_rows_build(&r);
        uint64_t *live = random_bits(&random, r.count, 0.9);
        uint64_t *few = random_bits(&random, r.count, 0.004);
        for (size_t i = 0; i < VV_COUNT(queries); i++) {
            expect_best(&r, &(question){queries[i], NULL, 0, NULL, NULL, K});
            expect_best(&r, &(question){queries[i], one, 1, NULL, NULL, K});
            expect_best(&r, &(question){queries[i], two, 2, live, NULL, K});
            expect_best(&r, &(question){queries[i], none, 1, NULL, NULL, K});
            expect_best(&r, &(question){queries[i], NULL, 0, live, NULL, 200});
            expect_best(&r, &(question){queries[i], NULL, 0, NULL, few, K});
        }
        expect_sound(&r);
        free(live);
        free(few);
        text_rows_done(&r);
    }
}

/* ---- random rows ---------------------------------------------------------------------------- */

/* A word, the first ones far more often. */
static unsigned zipf(random_state *random, unsigned words)
{
    return (unsigned)(pow((double)words + 1, random_unit(random)) - 1) % words;
}

static void random_row(random_state *random, unsigned words, unsigned texts, char *ret, size_t room)
{
    static const char *const forms[] = {"\"t\":\"", "\"u\":\"", "\"v\":[\"x\",\"",
                                        "\"w\":{\"i\":\""};
    static const char *const ends[] = {"\"", "\"", "\",\"w1\"]", "\"}"};
    size_t len = 0;
    ret[len++] = '{';
    for (unsigned i = 0; i < texts; i++) {
        unsigned n = (unsigned)random_below(random, 12);
        if (random_below(random, 5) == 0) continue;
        len += (size_t)snprintf(ret + len, room - len, "%s%s", len > 1 ? "," : "", forms[i]);
        for (unsigned w = 0; w < n; w++)
            len += (size_t)snprintf(ret + len, room - len, "w%u ", zipf(random, words));
        len += (size_t)snprintf(ret + len, room - len, "%s", ends[i]);
    }
    (void)snprintf(ret + len, room - len, "}");
}

static void random_rows_and_ties(void **state)
{
    (void)state;
    static const char *const some[] = {"t", "v"};
    char row[1024], query[128];
    for (uint64_t seed = 0; seed < 12; seed++) {
        text_rows r;
        random_state random;
        unsigned words = seed % 3 == 0 ? 6 : 300; /* few: many rows are alike */
        random_seed(&random, seed);
        text_rows_init(&r, &(text_options){0});
        for (uint32_t i = 0; i < 600 + seed * 700; i++) {
            random_row(&random, words, 1 + seed % 4, row, sizeof row);
            text_rows_add(&r, row);
        }
        text_rows_build(&r);
        expect_sound(&r);
        for (size_t round = 0; round < 8; round++) {
            uint64_t *live = random_bits(&random, r.count, 0.3 + 0.2 * (double)(round % 4));
            (void)snprintf(query, sizeof query, "w%u w%u w%u w%u w0", zipf(&random, words),
                           zipf(&random, words), zipf(&random, words), zipf(&random, words));
            size_t k = 1 + random_below(&random, 30);
            expect_best(&r, &(question){query, NULL, 0, round % 2 ? live : NULL, NULL, k});
            expect_best(&r, &(question){query, some, 2, NULL, round % 2 ? live : NULL, k});
            free(live);
        }
        text_rows_done(&r);
    }
}

/* What search leaves out must not change what it finds: all rows as hits have the same order. */
static void skipping_is_rank_safe(void **state)
{
    (void)state;
    char row[1024], query[128];
    for (uint64_t seed = 100; seed < 106; seed++) {
        VV_CLEANUP(arena_done) arena memory;
        text_rows r;
        random_state random;
        unsigned words = seed % 2 ? 4 : 2000;
        random_seed(&random, seed);
        arena_init(&memory, 1 << 20, "query");
        text_rows_init(&r, &(text_options){0});
        for (uint32_t i = 0; i < 30000; i++) {
            random_row(&random, words, 1 + seed % 2, row, sizeof row);
            text_rows_add(&r, row);
        }
        text_rows_build(&r);
        topk_entry *all = calloc(r.count, sizeof *all);
        assert_non_null(all);
        for (size_t round = 0; round < 15; round++) {
            uint64_t *allowed = random_bits(&random, r.count, round % 3 == 1 ? 0.5 : 0.003);
            const uint64_t *filter = round % 3 ? allowed : NULL;
            uint64_t work_all = 0, work_few = 0;
            topk_entry few[7];
            topk best, whole;
            text_query q;
            (void)snprintf(query, sizeof query, "w%u w%u w0 w%u", zipf(&random, words),
                           zipf(&random, words), zipf(&random, words));
            gather(&r, &(question){.text = query}, &memory, &q);
            topk_init(&best, few, VV_COUNT(few));
            topk_init(&whole, all, r.count);
            assert_int_equal(text_search(&q, r.index, filter, 0, &best, 0, &work_few, NULL),
                             VARVE_OK);
            assert_int_equal(text_search(&q, r.index, filter, 0, &whole, 0, &work_all, NULL),
                             VARVE_OK);
            topk_sort(&best);
            topk_sort(&whole);
            assert_int_equal(best.count, VV_MIN(whole.count, VV_COUNT(few)));
            assert_memory_equal(few, all, best.count * sizeof *few);
            assert_true(work_few <= work_all);
            free(allowed);
        }
        free(all);
        text_rows_done(&r);
    }
}

/* ---- shapes --------------------------------------------------------------------------------- */

static void shapes_of_rows(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{}",
        "{\"a\":1}",
        "{\"a\":\"one two\"}",
        "{\"a\":[\"one\",[\"two\",{\"b\":\"three\"}]]}",
        "{\"a\":{\"b\":\"three \\u00e9\\n\"},\"c d\":\"four\",\"\":\"\"}",
        "{\"a.b\":\"five three\"}"};
    static const struct {
        const char *query, *path;
        unsigned found; /* a bit per row */
    } cases[] = {{"one", NULL, 12},
                 {"one", "a", 12},
                 {"three", "a.b", 56},
                 {"three", "a", 0},
                 {"four", "\"c d\"", 16},
                 {"four", "a", 0},
                 {"\xc3\xa9", "a.b", 16},
                 {"two", "a[1]", 12},
                 {"five", "\"a.b\"", 32},
                 {"nothing", NULL, 0},
                 {"", NULL, 0}};
    text_rows r;
    text_rows_init(&r, &(text_options){0});
    for (size_t i = 0; i < VV_COUNT(rows); i++)
        text_rows_add(&r, rows[i]);
    text_rows_build(&r);
    expect_sound(&r);
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        VV_CLEANUP(arena_done) arena memory;
        topk_entry entries[10];
        text_query q;
        topk best;
        unsigned found = 0;
        arena_init(&memory, 1 << 20, "query");
        const char *name = cases[i].path;
        gather(&r, &(question){cases[i].query, name ? &name : NULL, name != NULL, NULL, NULL, 10},
               &memory, &q);
        assert_int_equal(q.rows, VV_COUNT(rows));
        topk_init(&best, entries, 10);
        assert_int_equal(text_search(&q, r.index, NULL, 0, &best, 0, NULL, NULL), VARVE_OK);
        for (size_t n = 0; n < best.count; n++)
            found |= 1u << entries[n].slot;
        assert_int_equal(found, cases[i].found);
    }
    text_rows_done(&r);
}

static void no_rows(void **state)
{
    (void)state;
    VV_CLEANUP(arena_done) arena memory;
    topk_entry entry;
    topk best;
    text_query q;
    text_rows r;
    arena_init(&memory, 1 << 20, "query");
    text_rows_init(&r, &(text_options){0});
    text_rows_build(&r);
    expect_sound(&r);
    gather(&r, &(question){.text = "a"}, &memory, &q);
    topk_init(&best, &entry, 1);
    assert_int_equal(text_search(&q, r.index, NULL, 0, &best, 0, NULL, NULL), VARVE_OK);
    assert_int_equal(best.count, 0);
    text_rows_done(&r);
}

/* Statistics of several stretches and of rows without an index are those of all rows. */
static void statistics_add_up(void **state)
{
    (void)state;
    VV_CLEANUP(arena_done) arena memory;
    static const char *const paths[] = {"t", "u"};
    char row[1024];
    text_rows whole, half;
    text_query q, parts;
    analyzer *a = NULL;
    random_state random;
    random_seed(&random, 9);
    arena_init(&memory, 1 << 20, "query");
    text_rows_init(&whole, &(text_options){0});
    text_rows_init(&half, &(text_options){0});
    assert_int_equal(analyzer_new(&whole.options, &a, NULL), VARVE_OK);
    for (uint32_t i = 0; i < 1000; i++) {
        random_row(&random, 50, 3, row, sizeof row);
        text_rows_add(&whole, row);
        if (i < 500) text_rows_add(&half, row);
    }
    text_rows_build(&whole);
    text_rows_build(&half);
    for (size_t n = 0; n < 3; n++) {
        question ask = {"w1 w5 w44 w2", n ? paths : NULL, n, NULL, NULL, 1};
        gather(&whole, &ask, &memory, &q);
        gather(&half, &ask, &memory, &parts);
        for (uint32_t i = 500; i < 1000; i++) {
            varve_text fields = {whole.fields[i], strlen(whole.fields[i])};
            assert_int_equal(text_stats_add_row(&parts, a, fields, NULL), VARVE_OK);
        }
        assert_int_equal(q.rows, parts.rows);
        assert_true(q.length_total == parts.length_total);
        assert_memory_equal(q.df, parts.df, q.term_count * sizeof *q.df);
    }
    analyzer_free(a);
    text_rows_done(&whole);
    text_rows_done(&half);
}

static void requests_are_checked(void **state)
{
    (void)state;
    VV_CLEANUP(arena_done) arena memory;
    VV_CLEANUP(buffer_done) buffer text;
    topk_entry entry;
    topk best;
    text_rows r;
    text_query q;
    const time_limit past = {.deadline_ns = 1};
    varve_text bad = {"a..b", 4};
    arena_init(&memory, 1 << 24, "query");
    buffer_init(&text, 1 << 20, "text");
    text_rows_init(&r, &(text_options){0});
    text_rows_add(&r, "{\"a\":\"b\"}");
    text_rows_build(&r);
    assert_int_equal(text_query_init(&q, bad, &r.options, &bad, 1, &memory, NULL), VARVE_INVALID);
    gather(&r, &(question){.text = "b"}, &memory, &q);
    topk_init(&best, &entry, 1);
    q.b = 1.5;
    assert_int_equal(text_search(&q, r.index, NULL, 0, &best, 0, NULL, NULL), VARVE_INVALID);
    q.b = 0;
    q.k1 = (double)NAN;
    assert_int_equal(text_search(&q, r.index, NULL, 0, &best, 0, NULL, NULL), VARVE_INVALID);
    q.k1 = 0;
    assert_int_equal(text_search(&q, r.index, NULL, 0, &best, &past, NULL, NULL), VARVE_TIMEOUT);
    assert_int_equal(text_search(&q, r.index, NULL, 0, &best, 0, NULL, NULL), VARVE_OK);
    assert_int_equal(best.count, 1);
    for (unsigned i = 0; i <= TEXT_TERMS_MAX; i++)
        assert_int_equal(buffer_printf(&text, NULL, "w%u ", i), VARVE_OK);
    assert_int_equal(
        text_query_init(&q, (varve_text){text.data, text.len}, &r.options, NULL, 0, &memory, NULL),
        VARVE_LIMIT);
    text_rows_done(&r);
}

static void matches(void **state)
{
    (void)state;
    static const char *const rows[] = {"{\"t\":\"red fox runs\"}", "{\"t\":\"red dog\"}",
                                       "{\"t\":\"foxes\",\"u\":\"red\"}",
                                       "{\"u\":[\"red\",\"fox\"]}", "{\"n\":1}"};
    static const struct {
        const char *path, *terms[2];
        size_t count;
        bool any, prefix;
        unsigned found;
        bool exact;
    } cases[] = {{"t", {"red", "fox"}, 2, false, false, 1, true},
                 {"t", {"red", "fox"}, 2, false, true, 1, true},
                 {"t", {"fox", NULL}, 1, false, true, 5, true},
                 {"t", {"dog", "foxes"}, 2, true, false, 6, true},
                 {"u", {"red", "fox"}, 2, false, false, 8, false},
                 {NULL, {"red", NULL}, 1, false, false, 15, true},
                 {NULL, {"red", "fox"}, 2, false, true, 13, false},
                 {"x", {"red", NULL}, 1, false, false, 0, true},
                 {"t", {NULL, NULL}, 0, false, false, 0, true},
                 {"t", {"", NULL}, 1, false, true, 7, true}};
    text_rows r;
    text_rows_init(&r, &(text_options){0});
    for (size_t i = 0; i < VV_COUNT(rows); i++)
        text_rows_add(&r, rows[i]);
    text_rows_build(&r);
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        varve_text terms[2] = {{0}}, name = {cases[i].path, cases[i].path ? 1 : 0};
        uint64_t found = ~UINT64_C(0);
        bool exact;
        for (size_t t = 0; t < cases[i].count; t++)
            terms[t] = (varve_text){cases[i].terms[t], strlen(cases[i].terms[t])};
        assert_int_equal(text_index_match(r.index, name, terms, cases[i].count, cases[i].any,
                                          cases[i].prefix, &found, &exact, NULL),
                         VARVE_OK);
        assert_int_equal(found, cases[i].found);
        assert_int_equal(exact, cases[i].exact);
    }
    text_rows_done(&r);
}

/* More paths than have names: found among all texts, and by filters, not by their name. */
static void paths_without_a_name(void **state)
{
    (void)state;
    char row[64];
    text_rows r;
    text_rows_init(&r, &(text_options){0});
    for (unsigned i = 0; i < TEXT_PATHS_MAX + 10; i++) {
        (void)snprintf(row, sizeof row, "{\"k%u\":\"same w%u\"}", i, i % 7);
        text_rows_add(&r, row);
    }
    text_rows_build(&r);
    expect_sound(&r);
    expect_best(&r, &(question){"same w3", NULL, 0, NULL, NULL, 20});
    static const char *const named[] = {"k5"};
    expect_best(&r, &(question){"same", named, 1, NULL, NULL, 20});
    uint64_t *found = calloc(r.count / 64 + 1, sizeof *found), count = 0;
    bool exact;
    varve_text term = {"same", 4}, name = {"k1030", 5};
    assert_non_null(found);
    assert_int_equal(text_index_match(r.index, name, &term, 1, false, false, found, &exact, NULL),
                     VARVE_OK);
    for (uint32_t i = 0; i <= r.count / 64; i++)
        count += (uint64_t)__builtin_popcountll(found[i]);
    assert_int_equal(count, 10);
    assert_false(exact);
    free(found);
    text_rows_done(&r);
}

typedef struct part { /* the first bytes of an image */
    const char *data;
    uint64_t size;
} part;

static varve_status get_part(void *context, uint64_t offset, uint64_t len, const uint8_t **ret,
                             varve_error *err)
{
    const part *p = context;
    (void)err;
    assert_true(offset <= p->size && len <= p->size - offset);
    *ret = (const uint8_t *)p->data + offset;
    return VARVE_OK;
}

/* An image that is cut short, of other rows, or none at all. */
static void damaged_images(void **state)
{
    (void)state;
    text_rows r;
    text_index *x = NULL;
    text_rows_init(&r, &(text_options){0});
    for (size_t i = 0; i < 300; i++)
        text_rows_add(&r, i % 2 ? "{\"t\":\"some words\"}" : "{\"u\":\"other words\"}");
    text_rows_build(&r);
    part p = {r.image.data, 0};
    for (; p.size < r.image.len; p.size += 1 + p.size / 16) {
        field_image image = {p.size, get_part, &p};
        assert_int_equal(text_index_open(&image, r.count, &x, NULL), VARVE_CORRUPT);
    }
    p.size = r.image.len;
    field_image image = {p.size, get_part, &p};
    assert_int_equal(text_index_open(&image, r.count + 1, &x, NULL), VARVE_CORRUPT);
    r.image.data[8] = 2;
    assert_int_equal(text_index_open(&image, r.count, &x, NULL), VARVE_CORRUPT);
    r.image.data[8] = 1;
    assert_int_equal(text_index_open(&image, r.count, &x, NULL), VARVE_OK);
    text_index_free(x);
    r.image.data[r.image.len / 2] ^= 1;
    assert_int_equal(text_index_check(r.index, get_fields, &r, NULL), VARVE_CORRUPT);
    text_rows_done(&r);
}

static void fields_that_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"[",        "{\"a\"", "{\"a\":\"b",     "{\"a\":\"b\"",
                                      "{\"a\":}", "{}}",    "{\"a\":\"\\\"}", "{\"a\":[\"b\"}"};
    for (size_t i = 0; i < VV_COUNT(bad); i++) {
        text_builder *b = NULL;
        assert_int_equal(text_builder_new(&(text_options){0}, &b, NULL), VARVE_OK);
        assert_int_equal(text_builder_add(b, (varve_text){bad[i], strlen(bad[i])}, NULL),
                         VARVE_CORRUPT);
        text_builder_free(b);
    }
}

/* The bytes of version 1 stay what they are: a change of them needs a version of its own. */
static void bytes_of_version_1(void **state)
{
    (void)state;
    char row[128];
    text_rows r;
    text_rows_init(&r, &(text_options){"english", false, true, true});
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(row, sizeof row, "{\"t\":\"word%u Caf\u00e9 %s\",\"u\":[\"runs %u\"]}",
                       i % 50, i % 3 ? "and more" : "runs runs", i % 7);
        text_rows_add(&r, row);
    }
    text_rows_build(&r);
    assert_int_equal(TEXT_INDEX_VERSION, 1);
    assert_int_equal(r.image.len, 7037);
    assert_int_equal(hash_bytes(r.image.data, r.image.len), 0xfb414099cc76db51u);
    text_rows_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packages_as_the_formula_says),
        cmocka_unit_test(random_rows_and_ties),
        cmocka_unit_test(skipping_is_rank_safe),
        cmocka_unit_test(shapes_of_rows),
        cmocka_unit_test(no_rows),
        cmocka_unit_test(statistics_add_up),
        cmocka_unit_test(requests_are_checked),
        cmocka_unit_test(matches),
        cmocka_unit_test(paths_without_a_name),
        cmocka_unit_test(bytes_of_version_1),
        cmocka_unit_test(damaged_images),
        cmocka_unit_test(fields_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
