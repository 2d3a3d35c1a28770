/* hits.c — the answer of a search: one allocation with everything in it, but for what explains it.
 *   | varve_hits | entry of each hit | end of each query's hits | vectors | bytes of ids, fields,
 *   groups | */
#include "query/hits.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "record/vector.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#define CHECK_ROWS 256 /* between looks at the clock */

typedef struct hit {
    varve_id id;
    varve_text fields, group;
    uint64_t ordinal;
    float score;
} hit;

typedef struct sentences { /* NUL-terminated, one after the other */
    char *text;
    const char **lines;
} sentences;

struct varve_hits {
    size_t queries;
    bool larger;
    uint32_t dim;
    const float *vectors; /* dim of each hit; NULL: not asked for */
    explain explain;
    _Atomic(sentences *) sentences; /* NULL until somebody asks */
    const size_t *ends;             /* of each query, in entries */
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
static varve_status measure(const hits_spec *spec, size_t *ret_bytes, varve_error *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < spec->list->row_count; i++) {
        ranked_row *r = &spec->list->rows[i];
        if (i % CHECK_ROWS == 0) VV_TRY(query_clock_check(spec->clock, err));
        const row_source *s = &spec->v->sources[r->place.source];
        varve_text fields = {0};
        if (!r->id_key) VV_TRY(source_id_key(s, r->place.slot, &r->id_key, &r->id_key_len, err));
        if (spec->with & VARVE_WITH_FIELDS) VV_TRY(source_fields(s, r->place.slot, &fields, err));
        bytes += r->id_key_len + fields.len + (spec->groups ? spec->groups[i].len : 0);
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

static varve_status fill_vector(const hits_spec *spec, row_place place, float *ret,
                                varve_error *err)
{
    const uint8_t *row;
    uint64_t contiguous;
    VV_TRY(source_vectors(&spec->v->sources[place.source], place.slot, 1, &row, &contiguous, err));
    vector_to_float(spec->v->dtype, row, spec->v->dim, ret);
    return VARVE_OK;
}

static varve_status fill(const hits_spec *spec, size_t i, char **at, hit *ret, varve_error *err)
{
    const ranked_row *r = &spec->list->rows[i];
    const row_source *s = &spec->v->sources[r->place.source];
    varve_text fields;
    ret->score = (float)(spec->larger ? -r->key : r->key);
    VV_TRY(source_ordinal(s, r->place.slot, &ret->ordinal, err));
    if (!id_key_get(r->id_key, r->id_key_len, &ret->id))
        return vv_fail(err, VARVE_CORRUPT, "the id of a row is malformed");
    if (ret->id.kind == VARVE_ID_STR) ret->id.text = copy_text(at, ret->id.text);
    if (spec->groups) ret->group = copy_text(at, spec->groups[i]);
    if (!(spec->with & VARVE_WITH_FIELDS)) return VARVE_OK;
    VV_TRY(source_fields(s, r->place.slot, &fields, err));
    ret->fields = copy_text(at, fields);
    return VARVE_OK;
}

static varve_status check_bytes(const hits_spec *spec, size_t vectors, size_t texts,
                                varve_error *err)
{
    size_t count = VV_MAX(spec->list->row_count, (size_t)1), each = vectors / count;
    size_t text = (texts + count - 1) / count;
    if (!size_add(each, text + HIT_BYTES, &each)) each = SIZE_MAX;
    return query_bytes_check(spec->limits, "hits", spec->list->row_count, each, err);
}

/* Zeroed, with its parts in place. */
static varve_status hits_alloc(const hits_spec *spec, varve_hits **ret, char **ret_texts,
                               varve_error *err)
{
    size_t count = spec->list->row_count, text_bytes, bytes, more, vectors = 0;
    size_t ends_bytes = spec->queries * sizeof(size_t);
    bool with_vectors = spec->with & VARVE_WITH_VECTORS;
    VV_TRY(measure(spec, &text_bytes, err));
    bool fits = size_mul(count, sizeof(hit), &bytes) && size_add(bytes, ends_bytes, &bytes);
    if (with_vectors) fits = fits && size_mul(count * sizeof(float), spec->v->dim, &vectors);
    fits = fits && size_add(vectors, text_bytes + sizeof(varve_hits), &more);
    VV_TRY(check_bytes(spec, vectors, text_bytes, err));
    varve_hits *h = fits && size_add(bytes, more, &bytes) ? calloc(1, bytes) : NULL;
    if (!h) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu hits", count);
    size_t *ends = (size_t *)(void *)(h->entries + count);
    for (size_t i = 0; i < spec->queries; i++)
        ends[i] = i < spec->list->end_count ? spec->list->ends[i] : count;
    h->ends = ends;
    h->queries = spec->queries;
    h->larger = spec->larger;
    h->dim = spec->v->dim;
    h->vectors = with_vectors ? (float *)(void *)(ends + spec->queries) : NULL;
    *ret_texts = (char *)(ends + spec->queries) + vectors;
    *ret = h;
    return VARVE_OK;
}

static void free_hits(varve_hits **h) { varve_hits_free(*h); }

varve_status hits_new(const hits_spec *spec, varve_hits **ret, varve_error *err)
{
    VV_CLEANUP(free_hits) varve_hits *h = NULL;
    uint64_t since = clock_now_ns();
    char *at;
    VV_TRY(hits_alloc(spec, &h, &at, err));
    for (size_t i = 0; i < spec->list->row_count; i++) {
        if (i % CHECK_ROWS == 0) VV_TRY(query_clock_check(spec->clock, err));
        VV_TRY(fill(spec, i, &at, &h->entries[i], err));
        if (!h->vectors) continue;
        float *vector = (float *)(void *)(h->ends + h->queries) + i * h->dim;
        VV_TRY(fill_vector(spec, spec->list->rows[i].place, vector, err));
    }
    h->explain = explain_take(spec->explain);
    h->explain.profile.fetch_us = explain_lap(&since);
    h->explain.profile.total_us = explain_lap(&h->explain.started_ns);
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
varve_text varve_hits_group(const varve_hits *h, size_t i) { return get(h, 0, i)->group; }
const float *varve_hits_vector(const varve_hits *h, size_t query, size_t i)
{
    size_t at = (size_t)(get(h, query, i) - h->entries);
    return h->vectors ? h->vectors + at * h->dim : NULL;
}
bool varve_hits_larger_is_better(const varve_hits *h) { return h->larger; }

uint64_t varve_hits_rows_scanned(const varve_hits *h)
{
    return h->explain.profile.work.rows_scanned;
}
void varve_hits_work(const varve_hits *h, varve_search_work *ret_work)
{
    *ret_work = h->explain.profile.work;
}
void varve_hits_profile(const varve_hits *h, varve_profile *ret_profile)
{
    *ret_profile = h->explain.profile;
}

/* ---- what was done, as sentences --------------------------------------------------------------
 * Made by the first who asks; two who ask at once both make them, and one throws his away. */

static void free_sentences(sentences *s)
{
    if (!s) return;
    free(s->text);
    free(s->lines);
    free(s);
}

static sentences *make_sentences(const explain *e)
{
    VV_CLEANUP(buffer_done) buffer text;
    buffer_init(&text, SIZE_MAX, "explanation");
    for (size_t i = 0; i < e->count; i++) {
        if (explain_print(&e->entries[i], &text, NULL) != VARVE_OK) return NULL;
    }
    sentences *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->lines = calloc(e->count + 1, sizeof *s->lines);
    s->text = buffer_take(&text);
    if (!s->lines || !s->text) {
        free_sentences(s);
        return NULL;
    }
    const char *at = s->text;
    for (size_t i = 0; i < e->count; i++, at += strlen(at) + 1)
        s->lines[i] = at;
    return s;
}

const char *varve_hits_explain(const varve_hits *hits, size_t i)
{
    varve_hits *h = (varve_hits *)(uintptr_t)hits; /* the sentences are a cache */
    if (i >= h->explain.count) return NULL;
    sentences *s = atomic_load(&h->sentences), *made = NULL;
    if (!s && !(made = make_sentences(&h->explain))) return NULL;
    if (made && atomic_compare_exchange_strong(&h->sentences, &s, made)) s = made;
    if (made != s) free_sentences(made);
    return s->lines[i];
}

void varve_hits_free(varve_hits *h)
{
    if (!h) return;
    free_sentences(atomic_load(&h->sentences));
    explain_done(&h->explain);
    free(h);
}
