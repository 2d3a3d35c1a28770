/* leg_multi_rows.c — max_sim of rows: their vectors are gathered from all sources, piece by piece,
 * sorted by row, and compared, block by block; on several threads where there are many. */
#include "query/leg_multi.h"
#include "query/leg_tasks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_ROWS   ((uint64_t)65536) /* a multiple of 64 */
#define BLOCK_ROWS   256
#define ROOM_FIRST   ((size_t)256)
#define CHECK_VALUES ((uint64_t)1 << 20) /* compared between looks at the clock */
/* What room for a vector takes: in its piece, in all of them, and as a row. */
#define MULTI_BYTES (2 * sizeof(multi_vector) + sizeof(ranked_row) + sizeof(size_t))

static varve_status no_memory(varve_error *err)
{
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for a search of several vectors");
}

/* ---- gathering ------------------------------------------------------------------------------- */

typedef struct pieces pieces;

typedef struct piece { /* of a source */
    pieces *all;
    size_t source;
    uint64_t first, end;
    multi_vector *vectors;
    size_t count, room;
} piece;

struct pieces {
    const multi *m;
    const view *v;
    _Atomic(size_t) room; /* of all pieces: vectors */
    piece *pieces;
    size_t count;
};

static void pieces_done(pieces *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->pieces[i].vectors);
    free(p->pieces);
}

static varve_status grow(piece *p, varve_error *err)
{
    size_t room = VV_MAX(ROOM_FIRST, 2 * p->room);
    size_t more = room - p->room, all = atomic_fetch_add(&p->all->room, more) + more;
    VV_TRY(query_bytes_check(p->all->m->job->context->in->limits, "vectors of the rows to compare",
                             all, MULTI_BYTES, err));
    multi_vector *larger = realloc(p->vectors, room * sizeof *larger);
    if (!larger) return no_memory(err);
    p->vectors = larger;
    p->room = room;
    return VARVE_OK;
}

static varve_status visit_vector(void *context, row_place place, uint64_t ordinal, varve_error *err)
{
    piece *p = context;
    const multi *m = p->all->m;
    if (m->by_set && !ordinal_set_has(&m->candidates, ordinal)) return VARVE_OK;
    if (p->count == p->room) VV_TRY(grow(p, err));
    p->vectors[p->count++] = (multi_vector){ordinal, place};
    return VARVE_OK;
}

static varve_status gather_piece(void *context, size_t i, size_t thread, varve_error *err)
{
    pieces *all = context;
    piece *p = &all->pieces[i];
    (void)thread;
    return view_walk_slots(all->v, p->source, p->first, p->end, visit_vector, p,
                           all->m->job->context->clock, err);
}

static varve_status cut_pieces(pieces *p, uint64_t *ret_rows, varve_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < p->v->source_count; i++)
        count += (size_t)(p->v->sources[i].rows / PIECE_ROWS) + 1;
    p->pieces = calloc(count + 1, sizeof *p->pieces);
    if (!p->pieces) return no_memory(err);
    *ret_rows = 0;
    for (size_t i = 0; i < p->v->source_count; i++) {
        uint64_t rows = p->v->sources[i].rows;
        *ret_rows += rows;
        for (uint64_t first = 0; first < rows; first += PIECE_ROWS) {
            uint64_t end = first + VV_MIN(PIECE_ROWS, rows - first);
            p->pieces[p->count++] = (piece){.all = p, .source = i, .first = first, .end = end};
        }
    }
    return VARVE_OK;
}

static int compare_vectors(const void *a, const void *b)
{
    const multi_vector *x = a, *y = b;
    if (x->ordinal != y->ordinal) return x->ordinal < y->ordinal ? -1 : 1;
    if (x->place.source != y->place.source) return x->place.source < y->place.source ? -1 : 1;
    return (x->place.slot > y->place.slot) - (x->place.slot < y->place.slot);
}

static varve_status join_pieces(multi *m, const pieces *p, varve_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++)
        count += p->pieces[i].count;
    free(m->vectors);
    m->vector_count = 0;
    m->vectors = malloc((count + 1) * sizeof *m->vectors);
    if (!m->vectors) return no_memory(err);
    for (size_t i = 0; i < p->count; i++) {
        const piece *from = &p->pieces[i];
        if (from->count == 0) continue;
        memcpy(m->vectors + m->vector_count, from->vectors, from->count * sizeof *m->vectors);
        m->vector_count += from->count;
    }
    qsort(m->vectors, m->vector_count, sizeof *m->vectors, compare_vectors);
    return VARVE_OK;
}

varve_status multi_gather(multi *m, const view *v, varve_error *err)
{
    const query_input *in = m->job->context->in;
    VV_CLEANUP(pieces_done) pieces p = {.m = m, .v = v};
    uint64_t rows;
    VV_TRY(cut_pieces(&p, &rows, err));
    size_t threads = leg_threads(in, leg_bytes(rows, sizeof(uint64_t)));
    VV_TRY(leg_tasks_run(in, threads, p.count, gather_piece, &p, err));
    return join_pieces(m, &p, err);
}

/* ---- scores ---------------------------------------------------------------------------------- */

typedef struct scoring {
    const multi *m;
    ranked_row *rows;
    size_t *ends; /* of each row, in vectors */
    size_t count;
} scoring;

static varve_status vector_at(const multi *m, size_t i, const uint8_t **ret, varve_error *err)
{
    uint64_t contiguous;
    const row_place *at = &m->vectors[i].place;
    return source_vectors(&m->v->sources[at->source], at->slot, 1, ret, &contiguous, err);
}

/* The exact key of the vector that looks best to query vector i, among [first, end). */
static varve_status best_key(const multi *m, size_t i, size_t first, size_t end, double *ret,
                             varve_error *err)
{
    const uint8_t *row;
    size_t best = first;
    double least = INFINITY;
    for (size_t j = first; j < end; j++) {
        float score;
        VV_TRY(vector_at(m, j, &row, err));
        distance_scan(m->prepared[i], row, 1, &score);
        double key = key_of(m->metric, (double)score);
        if (key < least) best = j;
        least = fmin(least, key);
    }
    VV_TRY(vector_at(m, best, &row, err));
    *ret = key_of(m->metric, distance_exact(m->metric, m->v->dtype, m->v->dim,
                                            m->values + i * m->v->dim, row));
    return VARVE_OK;
}

/* compared: values, since the last look at the clock. */
static varve_status row_key(const multi *m, size_t first, size_t end, uint64_t *compared,
                            double *ret, varve_error *err)
{
    double sum = 0, key;
    for (size_t i = 0; i < m->count; i++) {
        *compared += (end - first) * m->v->dim;
        if (*compared >= CHECK_VALUES) VV_TRY(query_clock_check(m->job->context->clock, err));
        *compared %= CHECK_VALUES;
        VV_TRY(best_key(m, i, first, end, &key, err));
        sum += key;
    }
    *ret = sum;
    return VARVE_OK;
}

static varve_status score_block(void *context, size_t block, size_t thread, varve_error *err)
{
    const scoring *s = context;
    size_t first = block * BLOCK_ROWS, end = VV_MIN(first + BLOCK_ROWS, s->count);
    uint64_t compared = 0;
    (void)thread;
    VV_TRY(query_clock_check(s->m->job->context->clock, err));
    for (size_t i = first; i < end; i++)
        VV_TRY(row_key(s->m, i ? s->ends[i - 1] : 0, s->ends[i], &compared, &s->rows[i].key, err));
    return VARVE_OK;
}

/* Where each row's vectors end. */
static void cut_rows(scoring *s)
{
    const multi_vector *v = s->m->vectors;
    for (size_t at = 0, end; at < s->m->vector_count; at = end) {
        end = at + 1;
        while (end < s->m->vector_count && v[end].ordinal == v[at].ordinal)
            end++;
        s->rows[s->count] = (ranked_row){.place = v[at].place};
        s->ends[s->count++] = end;
    }
}

varve_status multi_score(const multi *m, leg_rows *ret, varve_error *err)
{
    const query_input *in = m->job->context->in;
    VV_CLEANUP(vv_freep) ranked_row *rows = malloc((m->vector_count + 1) * sizeof *rows);
    VV_CLEANUP(vv_freep) size_t *ends = malloc((m->vector_count + 1) * sizeof *ends);
    scoring s = {m, rows, ends, 0};
    if (!rows || !ends) return no_memory(err);
    cut_rows(&s);
    uint64_t bytes = leg_bytes(m->vector_count, varve_dtype_row_bytes(m->v->dtype, m->v->dim));
    size_t blocks = (s.count + BLOCK_ROWS - 1) / BLOCK_ROWS;
    VV_TRY(leg_tasks_run(in, leg_threads(in, leg_bytes(bytes, m->count)), blocks, score_block, &s,
                         err));
    *ret = (leg_rows){rows, s.count, ret->larger};
    rows = NULL;
    return VARVE_OK;
}
