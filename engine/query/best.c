/* best.c — see best.h. A binary heap with the worst row at its root, sorted in place at the end. */
#include "query/best.h"

#include "base/bytes.h"

#include <math.h>
#include <stdlib.h>

void best_rows_init(best_rows *b, const view *v, size_t keep)
{
    *b = (best_rows){.v = v, .keep = keep};
}

void best_rows_done(best_rows *b) { free(b->rows); }

double best_rows_bound(const best_rows *b)
{
    return b->count < b->keep ? INFINITY : b->rows[0].key;
}

static varve_status read_id(const view *v, ranked_row *r, varve_error *err)
{
    if (r->id_key) return VARVE_OK;
    return source_id_key(&v->sources[r->place.source], r->place.slot, &r->id_key, &r->id_key_len,
                         err);
}

varve_status ranked_compare(const view *v, ranked_row *a, ranked_row *b, int *ret, varve_error *err)
{
    int order = (a->key > b->key) - (a->key < b->key);
    if (order == 0) {
        VV_TRY(read_id(v, a, err));
        VV_TRY(read_id(v, b, err));
        order = id_key_compare(a->id_key, a->id_key_len, b->id_key, b->id_key_len);
    }
    *ret = order;
    return VARVE_OK;
}

/* Put row where the root was, in a heap of count rows. */
static varve_status sift_down(best_rows *b, size_t count, ranked_row row, varve_error *err)
{
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        int order;
        if (child + 1 < count) {
            VV_TRY(ranked_compare(b->v, &b->rows[child + 1], &b->rows[child], &order, err));
            child += order > 0;
        }
        VV_TRY(ranked_compare(b->v, &row, &b->rows[child], &order, err));
        if (order >= 0) break;
        b->rows[at] = b->rows[child];
    }
    b->rows[at] = row;
    return VARVE_OK;
}

static varve_status sift_up(best_rows *b, size_t at, ranked_row row, varve_error *err)
{
    for (size_t parent; at > 0; at = parent) {
        int order;
        parent = (at - 1) / 2;
        VV_TRY(ranked_compare(b->v, &row, &b->rows[parent], &order, err));
        if (order <= 0) break;
        b->rows[at] = b->rows[parent];
    }
    b->rows[at] = row;
    return VARVE_OK;
}

static varve_status reserve(best_rows *b, varve_error *err)
{
    size_t room = VV_MIN(b->keep, VV_MAX((size_t)32, 2 * b->room)), bytes;
    if (b->count < b->room) return VARVE_OK;
    void *larger = size_mul(room, sizeof *b->rows, &bytes) ? realloc(b->rows, bytes) : NULL;
    if (!larger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu hits", room);
    b->rows = larger;
    b->room = room;
    return VARVE_OK;
}

varve_status best_rows_push(best_rows *b, double key, row_place place, varve_error *err)
{
    ranked_row row = {.key = key, .place = place};
    int order;
    if (b->count < b->keep) {
        VV_TRY(reserve(b, err));
        return sift_up(b, b->count++, row, err);
    }
    if (key > b->rows[0].key) return VARVE_OK;
    VV_TRY(ranked_compare(b->v, &row, &b->rows[0], &order, err));
    return order < 0 ? sift_down(b, b->count, row, err) : VARVE_OK;
}

varve_status best_rows_sort(best_rows *b, varve_error *err)
{
    for (size_t count = b->count; count > 1; count--) {
        ranked_row last = b->rows[count - 1];
        b->rows[count - 1] = b->rows[0];
        VV_TRY(sift_down(b, count - 1, last, err));
    }
    return VARVE_OK;
}
