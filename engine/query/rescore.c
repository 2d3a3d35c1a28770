/* rescore.c — the exact half of a search: keys in double precision, ties by id. Ids are read only
 * for rows whose keys are equal. */
#include "query/collector.h"

#include "base/bytes.h"

#include <math.h>
#include <stdlib.h>

static varve_status exact_key(const collector_query *q, row_place place, double *ret,
                              varve_error *err)
{
    const uint8_t *row;
    uint64_t contiguous;
    VV_TRY(source_vectors(&q->v->sources[place.source], place.slot, 1, &row, &contiguous, err));
    *ret = key_of(q->metric, distance_exact(q->metric, q->v->dtype, q->v->dim, q->values, row));
    return VARVE_OK;
}

static varve_status reserve_best(collector *c, size_t more, varve_error *err)
{
    size_t room = c->best_count + more;
    if (room <= c->best_room) return VARVE_OK;
    ranked_row *larger = realloc(c->best, room * sizeof *larger);
    if (!larger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu hits", room);
    c->best = larger;
    c->best_room = room;
    return VARVE_OK;
}

varve_status rescore_candidates(collector *c, varve_error *err)
{
    VV_TRY(reserve_best(c, c->candidate_count, err));
    for (size_t i = 0; i < c->candidate_count; i++) {
        ranked_row row = {.place = c->candidates[i].place};
        VV_TRY(exact_key(c->query, row.place, &row.key, err));
        if (row.key <= c->bound) c->best[c->best_count++] = row;
    }
    return VARVE_OK;
}

static int compare_keys(const void *a, const void *b)
{
    double x = ((const ranked_row *)a)->key, y = ((const ranked_row *)b)->key;
    return (x > y) - (x < y);
}

static int compare_ids(const void *a, const void *b)
{
    const ranked_row *x = a, *y = b;
    return id_key_compare(x->id_key, x->id_key_len, y->id_key, y->id_key_len);
}

/* Rows of equal key, by id. */
static varve_status sort_tied(const view *v, ranked_row *rows, size_t count, varve_error *err)
{
    for (size_t i = 0; i < count; i++) {
        ranked_row *r = &rows[i];
        if (r->id_key) continue;
        VV_TRY(source_id_key(&v->sources[r->place.source], r->place.slot, &r->id_key,
                             &r->id_key_len, err));
    }
    qsort(rows, count, sizeof *rows, compare_ids);
    return VARVE_OK;
}

varve_status rank_best(collector *c, varve_error *err)
{
    size_t keep = c->query->keep, end;
    if (c->best_count == 0) return VARVE_OK;
    qsort(c->best, c->best_count, sizeof *c->best, compare_keys);
    for (size_t i = 0; i < VV_MIN(keep, c->best_count); i = end) {
        for (end = i + 1; end < c->best_count && c->best[end].key == c->best[i].key; end++)
            ;
        if (end - i > 1) VV_TRY(sort_tied(c->query->v, c->best + i, end - i, err));
    }
    c->best_count = VV_MIN(keep, c->best_count);
    return VARVE_OK;
}
