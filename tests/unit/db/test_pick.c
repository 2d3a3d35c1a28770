/* test_pick.c — what compaction does next: one row of a table per case. A segment is written as a
 * word: rows in thousands (of 1024), then, in any order,
 *   s<n> superseded rows, d<n> deleted rows (both in thousands), x a fresh index, X a full one,
 *   ! an index that is lost, | apart from the one before, o older than the request,
 *   c<n> its columns take n thousand bytes. */
#include "db/pick.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define K          UINT64_C(1024)
#define OLD_BEFORE 1000

typedef struct setup {
    bool full, fresh, quiet, index_only, everything;
    uint64_t fit, rows_max, memory; /* thousands; 0: the default */
    uint64_t fanout;                /* 0: 4 */
} setup;

static const setup hnsw = {.full = true, .fresh = true};
static const setup flat = {.fresh = true};
static const setup none = {0}; /* a metric that no file helps */
static const setup quiet = {.full = true, .quiet = true};
static const setup asked = {.full = true, .fresh = true, .everything = true};
static const setup index_only = {.full = true, .index_only = true};
static const setup tight = {.full = true, .fit = 100};
static const setup tighter = {.full = true, .fit = 3};
static const setup nothing_fits = {.full = true, .fit = 1};
static const setup asked_tight = {.full = true, .fit = 100, .everything = true};
static const setup small_memory = {.full = true, .memory = 100};
static const setup wide = {.fresh = true, .fanout = 1000};
static const setup short_rows = {.full = true, .rows_max = 200};

typedef struct row {
    const char *what;
    const setup *setup;
    const char *segments;
    pick_kind kind;
    size_t first, count;
} row;

#define SIXTEEN "4x 4x 4x 4x 4x 4x 4x 4x 4x 4x 4x 4x 4x 4x 4x 4x "

static const row rows[] = {
    {"nothing there", &hnsw, "", PICK_NONE, 0, 0},
    {"a fresh one is indexed", &hnsw, "64x", PICK_INDEX, 0, 1},
    {"so is one without any", &hnsw, "64", PICK_INDEX, 0, 1},
    {"small ones are scanned", &hnsw, "1x", PICK_NONE, 0, 0},
    {"just large enough", &hnsw, "2", PICK_INDEX, 0, 1},
    {"all is well", &hnsw, "64X 64X 64X", PICK_NONE, 0, 0},
    {"the largest first", &hnsw, "20x 64x 30x", PICK_INDEX, 1, 1},
    {"of equals the first", &hnsw, "64X 20x 20x", PICK_INDEX, 1, 1},
    {"another mode", &hnsw, "64! 64X", PICK_REBUILD, 0, 1},
    {"FLAT is served by fresh ones", &flat, "64x 64x", PICK_NONE, 0, 0},
    {"FLAT, and one is missing", &flat, "64x 64", PICK_INDEX, 1, 1},
    {"FLAT, of another metric before", &flat, "64x 64!", PICK_REBUILD, 1, 1},
    {"FLAT, too small to matter", &flat, "0", PICK_NONE, 0, 0},
    {"no file helps", &none, "64 64!", PICK_NONE, 0, 0},

    {"four of a tier", &hnsw, "64x 64x 64x 64x", PICK_MERGE, 0, 4},
    {"three are not enough", &hnsw, "64X 64X 64X", PICK_NONE, 0, 0},
    {"five go at once", &hnsw, "64x 70x 64x 120x 64x", PICK_MERGE, 0, 5},
    {"indexed ones too", &hnsw, "64X 64X 64X 64X", PICK_MERGE, 0, 4},
    {"without any index as well", &none, "64 64 64 64", PICK_MERGE, 0, 4},
    {"the lowest tier first", &hnsw, "256X 256X 256X 256X 4X 4X 4X 4X", PICK_MERGE, 4, 4},
    {"tiers do not mix upwards", &hnsw, "256X 4X 4X 4X", PICK_NONE, 0, 0},
    {"a small one between is taken along", &hnsw, "256X 256X 4X 256X 256X", PICK_MERGE, 0, 5},
    {"but not behind them", &hnsw, "256X 256X 256X 256X 4X", PICK_MERGE, 0, 4},
    {"nor before them", &hnsw, "4X 256X 256X 256X 256X", PICK_MERGE, 1, 4},
    {"a large one between parts them", &hnsw, "64X 64X 1024X 64X 64X", PICK_NONE, 0, 0},
    {"something between parts them", &hnsw, "64X 64X 64X |64X", PICK_NONE, 0, 0},
    {"and they start behind it", &hnsw, "64X |64X 64X 64X 64X", PICK_MERGE, 1, 4},
    {"tier by what is left", &hnsw, "64X 64X 64X 800s600X", PICK_REWRITE, 3, 1},
    {"tier by what is left, below the share", &hnsw, "64X 64X 64X 130s10X", PICK_MERGE, 0, 4},
    {"merged before indexed", &hnsw, "900x 64x 64x 64x 64x", PICK_MERGE, 1, 4},
    {"not above compact_rows_max", &short_rows, "64X 64X 64X 64X", PICK_NONE, 0, 0},
    {"nor above what memory holds", &tight, "50X 50X 50X 50X", PICK_NONE, 0, 0},
    {"a fanout above what a job may take", &wide, SIXTEEN SIXTEEN SIXTEEN SIXTEEN, PICK_MERGE, 0,
     JOB_INPUTS_MAX},
    {"and one less", &wide, SIXTEEN SIXTEEN SIXTEEN "4x 4x 4x", PICK_NONE, 0, 0},
    {"memory holds them", &tight, "20X 20X 20X 20X", PICK_MERGE, 0, 4},
    {"memory holds some of them", &tight, "25X 25X 25X 25X 25X", PICK_MERGE, 0, 4},
    {"a later window fits", &tight, "60X 20X 20X 20X 20X", PICK_MERGE, 1, 4},

    {"columns pass the memory", &small_memory, "64c26X 64c25X 64c25X 64c25X", PICK_NONE, 0, 0},
    {"columns just fit", &small_memory, "64c25X 64c25X 64c25X 64c25X", PICK_MERGE, 0, 4},

    {"few are superseded", &hnsw, "64s12X", PICK_NONE, 0, 0},
    {"many are", &hnsw, "64s13X", PICK_REWRITE, 0, 1},
    {"all are", &hnsw, "64X 64s64X", PICK_REWRITE, 1, 1},
    {"before indexes", &hnsw, "64x 64s20X", PICK_REWRITE, 1, 1},
    {"before merges elsewhere", &hnsw, "4 4 4 4 900s600X", PICK_REWRITE, 4, 1},
    {"but a merge takes it along", &hnsw, "64s20X 64X 64X 64X", PICK_MERGE, 0, 4},
    {"deleted ones may come back", &hnsw, "64d60X", PICK_NONE, 0, 0},
    {"until it is quiet", &quiet, "64d60X", PICK_PURGE, 0, 1},
    {"few of them", &quiet, "64d12X", PICK_NONE, 0, 0},
    {"they count together", &quiet, "64s6d7X", PICK_PURGE, 0, 1},
    {"and not before", &hnsw, "64s6d50X", PICK_NONE, 0, 0},
    {"purged before merged", &quiet, "64d20X 64X 64X 64X", PICK_PURGE, 0, 1},
    {"rewritten with those kept", &hnsw, "64s20d40X", PICK_REWRITE, 0, 1},

    {"asked: two are merged", &asked, "64oX 4oX", PICK_MERGE, 0, 2},
    {"asked: of any size", &asked, "1oX 900oX 64oX", PICK_MERGE, 0, 3},
    {"asked: not across what is apart", &asked, "64oX |64oX", PICK_NONE, 0, 0},
    {"asked: one superseded row", &asked, "64os1X", PICK_REWRITE, 0, 1},
    {"asked: one that is alone is indexed", &asked, "64ox", PICK_INDEX, 0, 1},
    {"asked: and left as it is", &asked, "64oX", PICK_NONE, 0, 0},
    {"asked: younger ones are left", &asked, "64X 64X", PICK_NONE, 0, 0},
    {"asked: but merged into older ones", &asked, "64X 64oX", PICK_MERGE, 0, 2},
    {"asked: nor rewritten", &asked, "64s10X", PICK_NONE, 0, 0},
    {"asked: nor indexed", &asked, "64x", PICK_NONE, 0, 0},
    {"asked: as far as memory goes", &asked_tight, "60oX 60oX 30oX", PICK_MERGE, 1, 2},
    {"asked: deleted ones that are kept", &asked, "64od10X", PICK_NONE, 0, 0},

    {"indexes alone: no merge", &index_only, "64X 64X 64X 64ox", PICK_INDEX, 3, 1},
    {"indexes alone: no rewrite", &index_only, "64s60oX", PICK_NONE, 0, 0},
    {"indexes alone: none missing", &index_only, "64oX 1o", PICK_NONE, 0, 0},
    {"indexes alone: of another mode", &index_only, "64o!", PICK_REBUILD, 0, 1},

    {"too large for memory", &tight, "101x", PICK_CUT, 0, 1},
    {"just not", &tight, "100x", PICK_INDEX, 0, 1},
    {"too large, and indexed", &tight, "101X", PICK_NONE, 0, 0},
    {"pieces would be too small", &tighter, "64x", PICK_NONE, 0, 0},
    {"too many pieces", &tight, "6500x", PICK_NONE, 0, 0},
    {"as many as may be", &tight, "6300x", PICK_CUT, 0, 1},
    {"indexes cannot be built: merged all the same", &nothing_fits, "64x 64x 64x 64x", PICK_MERGE,
     0, 4},
    {"indexes cannot be built", &nothing_fits, "64x", PICK_NONE, 0, 0},
};

static const char *read_segment(const char *word, size_t i, pick_segment *ret)
{
    pick_segment s = {.number = OLD_BEFORE + i};
    if (*word == '|') {
        s.apart = true;
        word++;
    }
    char *end;
    s.rows = strtoull(word, &end, 10) * K;
    if (s.rows == 0) s.rows = PICK_FRESH_ROWS_MIN - 1;
    while (*end && *end != ' ') {
        char c = *end++;
        uint64_t n = strchr("sdc", c) ? strtoull(end, &end, 10) * K : 0;
        if (c != 'c') s.hidden += n;
        if (c == 'c') s.column_bytes = n;
        if (c == 'd') s.deleted += n;
        if (c == 'x' || c == 'X') s.has_index = true;
        if (c == 'X') s.kind = INDEX_KIND_FULL;
        if (c == '!') s.index_lost = true;
        if (c == 'o') s.number = i;
    }
    *ret = s;
    return *end ? end + 1 : end;
}

static size_t read_segments(const char *text, pick_segment *ret)
{
    size_t n = 0;
    while (*text) {
        text = read_segment(text, n, &ret[n]);
        n++;
    }
    return n;
}

static pick_rules rules_of(const setup *s)
{
    return (pick_rules){.wants_full = s->full,
                        .wants_fresh = s->fresh,
                        .mode = "HNSW-L2",
                        .rows_fit = s->fit ? s->fit * K : UINT64_MAX,
                        .memory_max = s->memory * K,
                        .rows_max = s->rows_max ? s->rows_max * K : 16777216,
                        .index_rows_min = 2048,
                        .fanout = s->fanout ? s->fanout : 4,
                        .tombstone_percent = 20,
                        .deleted_counts = s->quiet,
                        .index_only = s->index_only,
                        .everything = s->everything,
                        .before = s->everything || s->index_only ? OLD_BEFORE : 0};
}

static void decides(void **state)
{
    (void)state;
    for (size_t i = 0; i < VV_COUNT(rows); i++) {
        pick_segment segments[80];
        pick_decision d;
        pick_rules r = rules_of(rows[i].setup);
        size_t n = read_segments(rows[i].segments, segments);
        pick_next(segments, n, &r, &d);
        if (d.kind != rows[i].kind || d.first != rows[i].first || d.count != rows[i].count)
            fail_msg("%s (%s): %d of %zu from %zu on: %s", rows[i].what, rows[i].segments,
                     (int)d.kind, d.count, d.first, d.reason);
        assert_int_equal(d.kind == PICK_NONE, d.reason[0] == 0);
    }
}

static void says_why(void **state)
{
    (void)state;
    static const struct {
        const setup *setup;
        const char *segments, *reason;
    } cases[] = {
        {&hnsw, "64 64 64 64", "4 segments of about 65536 rows"},
        {&asked, "64o 32o", "asked for: 2 segments of about 49152 rows"},
        {&hnsw, "64x", "65536 rows without an index of HNSW-L2"},
        {&hnsw, "64!", "65536 rows whose index is not of HNSW-L2, or damaged"},
        {&hnsw, "64s32X", "32768 of 65536 rows are superseded"},
        {&quiet, "64s16d16X", "32768 of 65536 rows are deleted or superseded"},
        {&tight, "200", "204800 rows, of which 102400 can be indexed within compact_memory_max"},
    };
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        pick_segment segments[8];
        pick_decision d;
        pick_rules r = rules_of(cases[i].setup);
        size_t n = read_segments(cases[i].segments, segments);
        pick_next(segments, n, &r, &d);
        assert_string_equal(d.reason, cases[i].reason);
    }
}

/* Outputs are as large as rows_max, memory and the number of outputs of a job allow. */
static void sizes_outputs(void **state)
{
    (void)state;
    static const struct {
        const setup *setup;
        const char *segments;
        uint64_t rows_max_least, rows_max_most, outputs_max;
    } cases[] = {
        {&hnsw, "64s20X", 44 * K, UINT64_MAX, 1},
        {&short_rows, "800s200X", 150 * K, 200 * K, 4},
        {&tight, "350x", 80 * K, 100 * K, 4},
        {&small_memory, "800s200c350X", 150 * K, 151 * K, 4},
        {&short_rows, "40000s10000X", 468 * K, 470 * K, JOB_OUTPUTS_MAX},
    };
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        pick_segment segments[8];
        pick_decision d;
        pick_rules r = rules_of(cases[i].setup);
        size_t n = read_segments(cases[i].segments, segments);
        pick_next(segments, n, &r, &d);
        assert_in_range(d.rows_max, cases[i].rows_max_least, cases[i].rows_max_most);
        uint64_t left = segments[0].rows - segments[0].hidden;
        assert_in_range((left + d.rows_max - 1) / d.rows_max, 1, cases[i].outputs_max);
    }
}

static void tiers(void **state)
{
    (void)state;
    static const struct {
        uint64_t rows;
        unsigned tier;
    } cases[] = {{0, 0},      {131071, 0},  {131072, 1},   {524287, 1},
                 {524288, 2}, {2097152, 3}, {16777216, 4}, {UINT64_MAX, 24}};
    for (size_t i = 0; i < VV_COUNT(cases); i++)
        assert_int_equal(pick_tier(cases[i].rows), cases[i].tier);
}

/* What acts on decisions ends, and with few segments: the steps are played on the table alone. */
static size_t play(pick_segment *s, size_t n, const pick_decision *d, uint64_t number)
{
    pick_segment made = {.number = number, .has_index = true, .kind = INDEX_KIND_FULL};
    if (d->kind == PICK_INDEX || d->kind == PICK_REBUILD) {
        s[d->first].has_index = true;
        s[d->first].kind = INDEX_KIND_FULL;
        return n;
    }
    for (size_t i = d->first; i < d->first + d->count; i++) {
        made.rows += s[i].rows - (s[i].hidden - s[i].deleted);
        made.hidden += s[i].deleted;
        made.deleted += s[i].deleted;
    }
    made.apart = s[d->first].apart;
    memmove(s + d->first + 1, s + d->first + d->count, (n - d->first - d->count) * sizeof *s);
    s[d->first] = made;
    return n - d->count + 1;
}

static void comes_to_an_end(void **state)
{
    (void)state;
    static pick_segment s[512];
    pick_rules r = rules_of(&hnsw);
    size_t n = 0;
    uint64_t number = 1, written = 0, merged = 0;
    for (int i = 0; i < 400; i++) {
        s[n++] = (pick_segment){.number = number++, .rows = 65536, .hidden = 100};
        written += 65536;
        for (int steps = 0;; steps++) {
            pick_decision d;
            pick_next(s, n, &r, &d);
            if (d.kind == PICK_NONE) break;
            assert_true(steps < 20);
            n = play(s, n, &d, number++);
            if (d.kind == PICK_MERGE) merged += s[d.first].rows;
        }
        assert_true(n < 24);
    }
    assert_true(merged < 5 * written); /* each row is copied once per tier */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides),         cmocka_unit_test(says_why),
        cmocka_unit_test(sizes_outputs),   cmocka_unit_test(tiers),
        cmocka_unit_test(comes_to_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
