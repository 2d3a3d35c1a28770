/* fetch.c — copies of chosen rows: one allocation with everything in it.
 *   | varve_rowset | entry of each row | their vectors | bytes of ids and fields | */
#include "base/bytes.h"
#include "query/query.h"
#include "record/vector.h"

#include <assert.h>
#include <stdlib.h>

typedef struct row {
    varve_id id;
    varve_text fields;
    uint64_t ordinal;
    varve_row_state state;
} row;

struct varve_rowset {
    size_t count, dim;
    const float *vectors; /* count × dim; NULL: not asked for */
    bool has_next;
    varve_id next;
    char *next_text; /* owned; of next */
    row rows[];
};

/* Bytes of the ids and fields of the rows. */
static varve_status measure(view *v, const row_place *places, size_t count, bool with_fields,
                            size_t *ret, varve_error *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        const row_source *s = &v->sources[places[i].source];
        const uint8_t *id_key;
        size_t id_key_len;
        varve_text fields = {0};
        VV_TRY(source_id_key(s, places[i].slot, &id_key, &id_key_len, err));
        if (with_fields) VV_TRY(source_fields(s, places[i].slot, &fields, err));
        bytes += id_key_len + fields.len;
    }
    *ret = bytes;
    return VARVE_OK;
}

static varve_text copy_text(char **at, varve_text text)
{
    varve_text copy = {*at, text.len};
    if (text.len > 0) memcpy(*at, text.data, text.len);
    *at += text.len;
    return copy;
}

static varve_status fill(const row_source *s, uint64_t slot, bool with_fields, char **at, row *ret,
                         varve_error *err)
{
    const uint8_t *id_key;
    size_t id_key_len;
    varve_text fields;
    VV_TRY(source_id_key(s, slot, &id_key, &id_key_len, err));
    if (!id_key_get(id_key, id_key_len, &ret->id))
        return vv_fail(err, VARVE_CORRUPT, "the id of a row is malformed");
    if (ret->id.kind == VARVE_ID_STR) ret->id.text = copy_text(at, ret->id.text);
    if (with_fields) {
        VV_TRY(source_fields(s, slot, &fields, err));
        ret->fields = copy_text(at, fields);
    }
    ret->state = tombstones_has(s->deleted, slot) ? VARVE_ROW_DELETED : VARVE_ROW_LIVE;
    return source_ordinal(s, slot, &ret->ordinal, err);
}

static varve_status fill_vector(view *v, row_place place, float *ret, varve_error *err)
{
    const uint8_t *vector;
    uint64_t contiguous;
    const row_source *s = &v->sources[place.source];
    VV_TRY(source_vectors(s, place.slot, 1, &vector, &contiguous, err));
    vector_to_float(v->dtype, vector, v->dim, ret);
    return VARVE_OK;
}

varve_status query_fetch(view *v, const row_place *places, size_t count, unsigned with,
                         const varve_options *limits, varve_rowset **ret, varve_error *err)
{
    bool with_fields = with & VARVE_WITH_FIELDS;
    size_t text_bytes = 0, vector_bytes = 0, bytes;
    VV_TRY(measure(v, places, count, with_fields, &text_bytes, err));
    if ((with & VARVE_WITH_VECTORS) && !size_mul(count * sizeof(float), v->dim, &vector_bytes))
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu rows", count);
    bool fits = size_mul(count, sizeof(row), &bytes) && size_add(bytes, vector_bytes, &bytes) &&
                size_add(bytes, text_bytes + sizeof(varve_rowset), &bytes);
    if (fits && limits && count > 0)
        VV_TRY(query_bytes_check(limits, "rows", count, (bytes - 1) / count + 1, err));
    VV_CLEANUP(vv_freep) varve_rowset *r = fits ? calloc(1, bytes) : NULL;
    if (!r) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu rows", count);
    float *vectors = (float *)(void *)(r->rows + count);
    char *at = (char *)vectors + vector_bytes;
    for (size_t i = 0; i < count; i++) {
        const row_source *s = &v->sources[places[i].source];
        VV_TRY(fill(s, places[i].slot, with_fields, &at, &r->rows[i], err));
        if (with & VARVE_WITH_VECTORS) VV_TRY(fill_vector(v, places[i], vectors + i * v->dim, err));
    }
    r->count = count;
    r->dim = v->dim;
    r->vectors = with & VARVE_WITH_VECTORS ? vectors : NULL;
    *ret = r;
    r = NULL;
    return VARVE_OK;
}

varve_status rowset_set_next(varve_rowset *r, varve_id next, varve_error *err)
{
    char *text = NULL;
    if (next.kind == VARVE_ID_STR) {
        text = malloc(next.text.len + 1);
        if (!text) return vv_fail(err, VARVE_NO_MEMORY, "no memory for an id");
        memcpy(text, next.text.data, next.text.len);
        next.text.data = text;
    }
    free(r->next_text);
    r->next_text = text;
    r->next = next;
    r->has_next = true;
    return VARVE_OK;
}

/* ---- accessors ----------------------------------------------------------------------------- */

static const row *get(const varve_rowset *r, size_t i)
{
    assert(i < r->count);
    return &r->rows[i];
}

size_t varve_rowset_count(const varve_rowset *r) { return r->count; }
size_t varve_rowset_dim(const varve_rowset *r) { return r->dim; }
varve_id varve_rowset_id(const varve_rowset *r, size_t i) { return get(r, i)->id; }
uint64_t varve_rowset_ordinal(const varve_rowset *r, size_t i) { return get(r, i)->ordinal; }
varve_row_state varve_rowset_state(const varve_rowset *r, size_t i) { return get(r, i)->state; }
varve_text varve_rowset_fields(const varve_rowset *r, size_t i) { return get(r, i)->fields; }

const float *varve_rowset_vector(const varve_rowset *r, size_t i)
{
    assert(i < r->count);
    return r->vectors ? r->vectors + i * r->dim : NULL;
}

bool varve_rowset_next(const varve_rowset *r, varve_id *ret_next)
{
    if (r->has_next) *ret_next = r->next;
    return r->has_next;
}

void varve_rowset_free(varve_rowset *r)
{
    if (!r) return;
    free(r->next_text);
    free(r);
}
