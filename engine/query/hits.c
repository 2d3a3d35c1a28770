/* hits.c — the answer of a search: one allocation with everything in it.
 *   | varve_hits | entry of each hit | end of each query's hits | bytes of ids and fields | */
#include "query/hits.h"

#include "base/bytes.h"

#include <assert.h>
#include <stdlib.h>

typedef struct hit {
    varve_id id;
    varve_text fields;
    uint64_t ordinal;
    float score;
} hit;

struct varve_hits {
    size_t queries;
    varve_search_work work;
    const size_t *ends; /* of each query, in entries */
    hit entries[];
};

/* ---- the list ------------------------------------------------------------------------------ */

static bool grow(void **array, size_t element_bytes, size_t count, size_t *room)
{
    size_t wanted = VV_MAX(count, VV_MAX((size_t)16, 2 * *room)), bytes;
    if (count <= *room) return true;
    if (!size_mul(wanted, element_bytes, &bytes)) return false;
    void *larger = realloc(*array, bytes);
    if (!larger) return false;
    *array = larger;
    *room = wanted;
    return true;
}

varve_status hit_list_add(hit_list *l, const ranked_row *rows, size_t count, varve_error *err)
{
    void *all_rows = l->rows, *all_ends = l->ends;
    bool fits = grow(&all_rows, sizeof *l->rows, l->row_count + count, &l->row_room);
    l->rows = all_rows;
    fits = fits && grow(&all_ends, sizeof *l->ends, l->end_count + 1, &l->end_room);
    l->ends = all_ends;
    if (!fits) return vv_fail(err, VARVE_NO_MEMORY, "no memory for hits");
    if (count > 0) memcpy(l->rows + l->row_count, rows, count * sizeof *rows);
    l->row_count += count;
    l->ends[l->end_count++] = l->row_count;
    return VARVE_OK;
}

void hit_list_done(hit_list *l)
{
    free(l->rows);
    free(l->ends);
    *l = (hit_list){0};
}

/* ---- the answer ---------------------------------------------------------------------------- */

/* Ids, which not all rows have looked up yet, and the bytes that their texts and fields need. */
static varve_status measure(const view *v, hit_list *l, bool with_fields, size_t *ret_bytes,
                            varve_error *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < l->row_count; i++) {
        ranked_row *r = &l->rows[i];
        const row_source *s = &v->sources[r->place.source];
        varve_text fields = {0};
        if (!r->id_key) VV_TRY(source_id_key(s, r->place.slot, &r->id_key, &r->id_key_len, err));
        if (with_fields) VV_TRY(source_fields(s, r->place.slot, &fields, err));
        bytes += r->id_key_len + fields.len;
    }
    *ret_bytes = bytes;
    return VARVE_OK;
}

static varve_text copy_text(char **at, varve_text text)
{
    varve_text copy = {*at, text.len};
    if (text.len > 0) memcpy(*at, text.data, text.len);
    *at += text.len;
    return copy;
}

static varve_status fill(const view *v, varve_metric metric, const ranked_row *r, bool with_fields,
                         char **at, hit *ret, varve_error *err)
{
    const row_source *s = &v->sources[r->place.source];
    varve_text fields;
    ret->score = (float)key_of(metric, r->key); /* its own inverse */
    VV_TRY(source_ordinal(s, r->place.slot, &ret->ordinal, err));
    if (!id_key_get(r->id_key, r->id_key_len, &ret->id))
        return vv_fail(err, VARVE_CORRUPT, "the id of a row is malformed");
    if (ret->id.kind == VARVE_ID_STR) ret->id.text = copy_text(at, ret->id.text);
    if (with_fields) {
        VV_TRY(source_fields(s, r->place.slot, &fields, err));
        ret->fields = copy_text(at, fields);
    }
    return VARVE_OK;
}

varve_status hits_new(const view *v, varve_metric metric, const varve_search_request *request,
                      hit_list *l, const varve_search_work *work, varve_hits **ret,
                      varve_error *err)
{
    bool with_fields = request->with & VARVE_WITH_FIELDS;
    size_t bytes, ends_bytes = request->count * sizeof(size_t);
    VV_TRY(measure(v, l, with_fields, &bytes, err));
    VV_CLEANUP(vv_freep)
    varve_hits *h = calloc(1, sizeof *h + l->row_count * sizeof(hit) + ends_bytes + bytes);
    if (!h) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu hits", l->row_count);
    size_t *ends = (size_t *)(void *)(h->entries + l->row_count);
    char *at = (char *)ends + ends_bytes;
    for (size_t i = 0; i < l->row_count; i++)
        VV_TRY(fill(v, metric, &l->rows[i], with_fields, &at, &h->entries[i], err));
    for (size_t i = 0; i < request->count; i++)
        ends[i] = i < l->end_count ? l->ends[i] : l->row_count;
    h->queries = request->count;
    h->work = *work;
    h->ends = ends;
    *ret = h;
    h = NULL;
    return VARVE_OK;
}

/* ---- accessors ----------------------------------------------------------------------------- */

static size_t first_of(const varve_hits *h, size_t query)
{
    assert(query < h->queries);
    return query > 0 ? h->ends[query - 1] : 0;
}

static const hit *get(const varve_hits *h, size_t query, size_t i)
{
    size_t at = first_of(h, query) + i;
    assert(at < h->ends[query]);
    return &h->entries[at];
}

size_t varve_hits_queries(const varve_hits *h) { return h->queries; }
size_t varve_hits_count(const varve_hits *h, size_t query)
{
    return h->ends[query] - first_of(h, query);
}
varve_id varve_hits_id(const varve_hits *h, size_t query, size_t i) { return get(h, query, i)->id; }
uint64_t varve_hits_ordinal(const varve_hits *h, size_t query, size_t i)
{
    return get(h, query, i)->ordinal;
}
float varve_hits_score(const varve_hits *h, size_t query, size_t i)
{
    return get(h, query, i)->score;
}
varve_text varve_hits_fields(const varve_hits *h, size_t query, size_t i)
{
    return get(h, query, i)->fields;
}
uint64_t varve_hits_rows_scanned(const varve_hits *h) { return h->work.rows_scanned; }
void varve_hits_work(const varve_hits *h, varve_search_work *ret_work) { *ret_work = h->work; }

void varve_hits_free(varve_hits *h) { free(h); }
