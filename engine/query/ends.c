/* ends.c — rows by their ordinal: the first, the last, the deleted ones. Rows lie in rowver order,
 * and an update keeps the ordinal of a row, so every source has to be looked through, except that
 * a segment whose ordinals are all beyond what was found already is left out. */
#include "query/query.h"

#include <stdlib.h>

#define SLACK 1024 /* rows beside the ones to keep, so that sorting is rare */

/* rank: grows with the distance from the end that is asked for. */
typedef struct ranked_place {
    uint64_t rank;
    row_place place;
} ranked_place;

typedef struct gathering {
    view *v;
    bool tail, live, deleted; /* which end; which rows */
    size_t keep;              /* > 0 */
    uint64_t bound;           /* no row with a larger rank is among them */
    ranked_place *rows;
    size_t count, room;
} gathering;

static void gathering_done(gathering *g) { free(g->rows); }

static int compare_ranks(const void *a, const void *b)
{
    uint64_t x = ((const ranked_place *)a)->rank, y = ((const ranked_place *)b)->rank;
    return (x > y) - (x < y);
}

static void cut(gathering *g)
{
    if (g->count == 0) return;
    qsort(g->rows, g->count, sizeof *g->rows, compare_ranks);
    if (g->count < g->keep) return;
    g->count = g->keep;
    g->bound = g->rows[g->count - 1].rank;
}

static varve_status add(gathering *g, ranked_place row, varve_error *err)
{
    size_t most = g->keep + VV_MAX(g->keep, (size_t)SLACK);
    if (row.rank > g->bound) return VARVE_OK;
    if (g->count == most) cut(g);
    if (g->count == g->room) {
        size_t room = VV_MAX((size_t)64, 2 * g->room);
        ranked_place *larger = realloc(g->rows, room * sizeof *larger);
        if (!larger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu rows", room);
        g->rows = larger;
        g->room = room;
    }
    g->rows[g->count++] = row;
    return VARVE_OK;
}

static uint64_t rank_of(const gathering *g, uint64_t ordinal)
{
    return g->tail ? UINT64_MAX - ordinal : ordinal;
}

/* The smallest rank that a row of the source can have. */
static uint64_t source_rank(const gathering *g, const row_source *s)
{
    if (!s->seg) return 0;
    const segment_record *r = segment_get_record(s->seg);
    return rank_of(g, g->tail ? r->ordinal_max : r->ordinal_min);
}

/* The wanted rows among 64 slots. */
static uint64_t wanted(const gathering *g, const row_source *s, uint64_t word)
{
    uint64_t mask = s->rows - word < 64 ? (UINT64_C(1) << (s->rows - word)) - 1 : UINT64_MAX;
    uint64_t live = g->live ? ~tombstones_word(s->hidden, word) : 0;
    uint64_t deleted = g->deleted ? tombstones_word(s->deleted, word) : 0;
    return (live | deleted) & mask;
}

static varve_status gather_source(gathering *g, size_t source, varve_error *err)
{
    const row_source *s = &g->v->sources[source];
    uint64_t ordinal;
    for (uint64_t word = 0; word < s->rows; word += 64) {
        for (uint64_t bits = wanted(g, s, word); bits; bits &= bits - 1) {
            uint64_t slot = word + (uint64_t)__builtin_ctzll(bits);
            VV_TRY(source_ordinal(s, slot, &ordinal, err));
            VV_TRY(add(g, (ranked_place){rank_of(g, ordinal), {source, slot}}, err));
        }
    }
    cut(g);
    return VARVE_OK;
}

/* Sources that can hold the smallest ranks come first. */
static varve_status gather(gathering *g, varve_error *err)
{
    size_t count = g->v->source_count;
    VV_CLEANUP(vv_freep) ranked_place *order = malloc((count + 1) * sizeof *order);
    if (!order) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu sources", count);
    for (size_t i = 0; i < count; i++)
        order[i] = (ranked_place){source_rank(g, &g->v->sources[i]), {i, 0}};
    qsort(order, count, sizeof *order, compare_ranks);
    for (size_t i = 0; i < count && order[i].rank <= g->bound; i++)
        VV_TRY(gather_source(g, order[i].place.source, err));
    return VARVE_OK;
}

/* Rows in ascending order of ordinal. */
static varve_status fetch_gathered(gathering *g, unsigned with, varve_rowset **ret,
                                   varve_error *err)
{
    VV_CLEANUP(vv_freep) row_place *places = malloc((g->count + 1) * sizeof *places);
    if (!places) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu rows", g->count);
    for (size_t i = 0; i < g->count; i++)
        places[g->tail ? g->count - 1 - i : i] = g->rows[i].place;
    return query_fetch(g->v, places, g->count, with, NULL, ret, err);
}

static varve_status gather_and_fetch(gathering *g, size_t n, unsigned with, varve_rowset **ret,
                                     varve_error *err)
{
    uint64_t rows = (g->live ? g->v->rows_live : 0) + (g->deleted ? g->v->rows_deleted : 0);
    g->keep = VV_MIN(n, (size_t)rows);
    g->bound = UINT64_MAX;
    if (g->keep > 0) VV_TRY(gather(g, err));
    return fetch_gathered(g, with, ret, err);
}

varve_status query_ends(view *v, bool tail, size_t n, unsigned with, varve_rowset **ret,
                        varve_error *err)
{
    VV_CLEANUP(gathering_done) gathering g = {.v = v, .tail = tail, .live = true};
    g.deleted = with & VARVE_WITH_DELETED;
    return gather_and_fetch(&g, n, with, ret, err);
}

varve_status query_deleted(view *v, size_t n, varve_rowset **ret, varve_error *err)
{
    VV_CLEANUP(gathering_done) gathering g = {.v = v, .deleted = true};
    return gather_and_fetch(&g, n == 0 ? SIZE_MAX : n, 0, ret, err);
}
