/* ordinals.c — see ordinals.h. Rows mostly lie in order of their ordinals, as they were inserted,
 * so an ordinal is looked for by bisection first; where updates have upset the order it may be
 * missed, and then all rows of the sources that can have it are looked at. */
#include "query/ordinals.h"

#include "base/bytes.h"

#include <assert.h>
#include <stdlib.h>

#define WORD_ROWS   64
#define CHECK_ROWS  4096 /* between looks at the clock */
#define CHECK_FOUND 64
#define BITS_DENSE  128 /* bits of a bitmap per member, at most; a listed one takes 64 */
#define BITS_ALWAYS ((uint64_t)1 << 16)

/* ---- walking ------------------------------------------------------------------------------- */

static uint64_t live_word(const row_source *s, uint64_t word)
{
    uint64_t mask = s->rows - word < WORD_ROWS ? (UINT64_C(1) << (s->rows - word)) - 1 : UINT64_MAX;
    return ~tombstones_word(s->hidden, word) & mask;
}

varve_status view_walk_slots(const view *v, size_t source, uint64_t first, uint64_t end,
                             view_visit *visit, void *context, const time_limit *clock,
                             varve_error *err)
{
    const row_source *s = &v->sources[source];
    uint64_t ordinal;
    assert(first % WORD_ROWS == 0 && (end % WORD_ROWS == 0 || end == s->rows));
    for (uint64_t word = first; word < end; word += WORD_ROWS) {
        if (word % CHECK_ROWS == 0) VV_TRY(time_limit_check(clock, err));
        for (uint64_t bits = live_word(s, word); bits; bits &= bits - 1) {
            uint64_t slot = word + (uint64_t)__builtin_ctzll(bits);
            VV_TRY(source_ordinal(s, slot, &ordinal, err));
            VV_TRY(visit(context, (row_place){source, slot}, ordinal, err));
        }
    }
    return VARVE_OK;
}

static varve_status walk_source(const view *v, size_t source, view_visit *visit, void *context,
                                const time_limit *clock, varve_error *err)
{
    return view_walk_slots(v, source, 0, v->sources[source].rows, visit, context, clock, err);
}

varve_status view_walk_ordinals(const view *v, view_visit *visit, void *context,
                                const time_limit *clock, varve_error *err)
{
    for (size_t i = 0; i < v->source_count; i++)
        VV_TRY(walk_source(v, i, visit, context, clock, err));
    return VARVE_OK;
}

/* ---- sets ---------------------------------------------------------------------------------- */

typedef struct extent {
    uint64_t low, high, count;
} extent;

static void extend(extent *e, uint64_t ordinal)
{
    e->low = e->count ? VV_MIN(e->low, ordinal) : ordinal;
    e->high = e->count ? VV_MAX(e->high, ordinal) : ordinal;
    e->count++;
}

static varve_status visit_extend(void *context, row_place place, uint64_t ordinal, varve_error *err)
{
    (void)place, (void)err;
    extend(context, ordinal);
    return VARVE_OK;
}

/* An empty set with room for ordinals of this extent. */
static varve_status set_reserve(ordinal_set *s, const extent *e, varve_error *err)
{
    uint64_t span = e->high - e->low;
    size_t bytes;
    *s = (ordinal_set){.first = e->low};
    if (e->count == 0) return VARVE_OK;
    if (span < BITS_ALWAYS || span / BITS_DENSE < e->count) {
        s->span = span + 1;
        s->bits = calloc((size_t)(span / 64 + 1), sizeof *s->bits);
    } else if (size_mul((size_t)e->count, sizeof *s->sorted, &bytes)) {
        s->sorted = malloc(bytes);
    }
    if (s->bits || s->sorted) return VARVE_OK;
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for %llu rows", (unsigned long long)e->count);
}

static void set_add(ordinal_set *s, uint64_t ordinal)
{
    uint64_t at = ordinal - s->first;
    if (s->bits)
        s->bits[at / 64] |= UINT64_C(1) << at % 64;
    else
        s->sorted[s->count++] = ordinal;
}

static varve_status visit_add(void *context, row_place place, uint64_t ordinal, varve_error *err)
{
    (void)place, (void)err;
    set_add(context, ordinal);
    return VARVE_OK;
}

static int compare_ordinals(const void *a, const void *b)
{
    uint64_t x = get_u64(a), y = get_u64(b);
    return (x > y) - (x < y);
}

static void set_finish(ordinal_set *s)
{
    if (s->sorted) qsort(s->sorted, s->count, sizeof *s->sorted, compare_ordinals);
}

varve_status ordinal_set_of_view(const view *v, const time_limit *clock, ordinal_set *ret,
                                 varve_error *err)
{
    extent e = {0};
    VV_CLEANUP(ordinal_set_done) ordinal_set s = {0};
    VV_TRY(view_walk_ordinals(v, visit_extend, &e, clock, err));
    VV_TRY(set_reserve(&s, &e, err));
    VV_TRY(view_walk_ordinals(v, visit_add, &s, clock, err));
    set_finish(&s);
    *ret = s;
    s = (ordinal_set){0};
    return VARVE_OK;
}

varve_status ordinal_set_of_list(const uint64_t *ordinals, size_t count, ordinal_set *ret,
                                 varve_error *err)
{
    extent e = {0};
    ordinal_set s;
    for (size_t i = 0; i < count; i++)
        extend(&e, ordinals[i]);
    VV_TRY(set_reserve(&s, &e, err));
    for (size_t i = 0; i < count; i++)
        set_add(&s, ordinals[i]);
    set_finish(&s);
    *ret = s;
    return VARVE_OK;
}

void ordinal_set_done(ordinal_set *s)
{
    free(s->bits);
    free(s->sorted);
    *s = (ordinal_set){0};
}

bool ordinal_set_has(const ordinal_set *s, uint64_t ordinal)
{
    uint64_t at = ordinal - s->first;
    if (s->bits) return at < s->span && (s->bits[at / 64] >> at % 64 & 1);
    return s->count > 0 &&
           bsearch(&ordinal, s->sorted, s->count, sizeof *s->sorted, compare_ordinals);
}

/* ---- views --------------------------------------------------------------------------------- */

static varve_status hide_others(const view *v, size_t source, const ordinal_set *set,
                                const time_limit *clock, tombstones **ret, varve_error *err)
{
    const row_source *s = &v->sources[source];
    size_t count = (size_t)((s->rows + WORD_ROWS - 1) / WORD_ROWS);
    uint64_t ordinal;
    VV_CLEANUP(vv_freep) uint64_t *words = malloc(count * sizeof *words);
    if (!words) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a view");
    for (size_t i = 0; i < count; i++) {
        if (i % (CHECK_ROWS / WORD_ROWS) == 0) VV_TRY(time_limit_check(clock, err));
        uint64_t live = live_word(s, i * WORD_ROWS), kept = 0;
        uint64_t rows = VV_MIN(s->rows - i * WORD_ROWS, (uint64_t)WORD_ROWS);
        for (uint64_t bits = live; bits; bits &= bits - 1) {
            uint64_t bit = bits & (~bits + 1);
            VV_TRY(
                source_ordinal(s, i * WORD_ROWS + (uint64_t)__builtin_ctzll(bits), &ordinal, err));
            kept |= ordinal_set_has(set, ordinal) ? bit : 0;
        }
        words[i] = ~kept & (rows < WORD_ROWS ? (UINT64_C(1) << rows) - 1 : UINT64_MAX);
    }
    return tombstones_of_words(words, count, ret, err);
}

varve_status view_with_ordinals(const view *v, const ordinal_set *set, const time_limit *clock,
                                view **ret, varve_error *err)
{
    varve_status status = VARVE_OK;
    VV_CLEANUP(vv_freep) tombstones **hidden = calloc(v->source_count + 1, sizeof *hidden);
    if (!hidden) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a view");
    for (size_t i = 0; i < v->source_count && status == VARVE_OK; i++)
        status = hide_others(v, i, set, clock, &hidden[i], err);
    if (status == VARVE_OK) status = view_derive(v, hidden, ret, err);
    for (size_t i = 0; i < v->source_count; i++)
        tombstones_unref(hidden[i]);
    return status;
}

/* ---- finding ------------------------------------------------------------------------------- */

typedef struct wanted {
    uint64_t ordinal;
    size_t at; /* in the caller's list */
} wanted;

typedef struct finding {
    const view *v;
    ordinal_set set;
    wanted *rows; /* by ordinal */
    size_t count, left;
    row_place *ret;
    const time_limit *clock;
} finding;

static void finding_done(finding *f)
{
    ordinal_set_done(&f->set);
    free(f->rows);
}

static int compare_wanted(const void *a, const void *b)
{
    uint64_t x = ((const wanted *)a)->ordinal, y = ((const wanted *)b)->ordinal;
    return (x > y) - (x < y);
}

static bool may_have(const row_source *s, uint64_t low, uint64_t high)
{
    const segment_record *r = s->seg ? segment_get_record(s->seg) : NULL;
    return !r || (r->ordinal_max >= low && r->ordinal_min <= high);
}

static varve_status bisect(const row_source *s, uint64_t ordinal, uint64_t *ret_slot, bool *ret,
                           varve_error *err)
{
    uint64_t low = 0, high = s->rows, here;
    *ret = false;
    while (low < high) { /* the first slot that is not below, were they in order */
        uint64_t middle = low + (high - low) / 2;
        VV_TRY(source_ordinal(s, middle, &here, err));
        if (here < ordinal)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == s->rows) return VARVE_OK;
    VV_TRY(source_ordinal(s, low, &here, err));
    *ret = here == ordinal && !tombstones_has(s->hidden, low);
    *ret_slot = low;
    return VARVE_OK;
}

/* Newest sources first: a row that was updated is in the last. */
static varve_status find_one(finding *f, const wanted *w, varve_error *err)
{
    for (size_t i = f->v->source_count; i-- > 0;) {
        const row_source *s = &f->v->sources[i];
        uint64_t slot;
        bool found;
        if (!may_have(s, w->ordinal, w->ordinal)) continue;
        VV_TRY(bisect(s, w->ordinal, &slot, &found, err));
        if (!found) continue;
        f->ret[w->at] = (row_place){i, slot};
        f->left--;
        return VARVE_OK;
    }
    return VARVE_OK;
}

static varve_status visit_find(void *context, row_place place, uint64_t ordinal, varve_error *err)
{
    finding *f = context;
    wanted key = {.ordinal = ordinal}, *w;
    (void)err;
    if (!ordinal_set_has(&f->set, ordinal)) return VARVE_OK;
    w = bsearch(&key, f->rows, f->count, sizeof *f->rows, compare_wanted);
    while (w && w > f->rows && w[-1].ordinal == ordinal)
        w--;
    for (; w && w < f->rows + f->count && w->ordinal == ordinal; w++) {
        f->left -= f->ret[w->at].source == SIZE_MAX;
        f->ret[w->at] = place;
    }
    return VARVE_OK;
}

static varve_status find_all(finding *f, varve_error *err)
{
    uint64_t low = f->rows[0].ordinal, high = f->rows[f->count - 1].ordinal;
    for (size_t i = 0; i < f->count; i++) {
        if (i % CHECK_FOUND == 0) VV_TRY(time_limit_check(f->clock, err));
        VV_TRY(find_one(f, &f->rows[i], err));
    }
    for (size_t i = f->v->source_count; f->left > 0 && i-- > 0;) {
        if (may_have(&f->v->sources[i], low, high))
            VV_TRY(walk_source(f->v, i, visit_find, f, f->clock, err));
    }
    return VARVE_OK;
}

varve_status view_find_ordinals(const view *v, const uint64_t *ordinals, size_t count,
                                const time_limit *clock, row_place *ret, varve_error *err)
{
    VV_CLEANUP(finding_done)
    finding f = {.v = v, .count = count, .left = count, .ret = ret, .clock = clock};
    if (count == 0) return VARVE_OK;
    f.rows = malloc(count * sizeof *f.rows);
    if (!f.rows) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu rows", count);
    for (size_t i = 0; i < count; i++) {
        f.rows[i] = (wanted){ordinals[i], i};
        ret[i] = (row_place){SIZE_MAX, 0};
    }
    qsort(f.rows, count, sizeof *f.rows, compare_wanted);
    VV_TRY(ordinal_set_of_list(ordinals, count, &f.set, err));
    return find_all(&f, err);
}
