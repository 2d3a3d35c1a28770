/* view.c — references, the search for a row version, and accessors over both kinds of source. */
#include "segment/view.h"

#include <assert.h>
#include <stdlib.h>

static row_source source_copy(const row_source *from)
{
    row_source s = *from;
    assert(!s.seg != !s.mem);
    if (s.seg) segment_ref(s.seg);
    if (s.mem) memtable_ref(s.mem);
    tombstones_ref(s.hidden);
    tombstones_ref(s.deleted);
    if (s.index) index_ref(s.index);
    return s;
}

static void source_drop(row_source *s)
{
    segment_unref(s->seg);
    memtable_unref(s->mem);
    tombstones_unref(s->hidden);
    tombstones_unref(s->deleted);
    index_unref(s->index);
}

static void take_source(view *v, const row_source *s)
{
    assert(s->rowver_min <= s->rowver_max);
    assert(v->source_count == 0 || v->sources[v->source_count - 1].rowver_max < s->rowver_min);
    assert(tombstones_count(s->hidden) <= s->rows);
    assert(!s->index || (s->seg && index_get_record(s->index)->rows == s->rows));
    assert(tombstones_count(s->deleted) <= tombstones_count(s->hidden));
    v->sources[v->source_count++] = source_copy(s);
    if (s->seg) v->segments++;
    if (s->seg) v->segment_bytes += segment_get_record(s->seg)->file_bytes;
    if (s->index) v->index_bytes += index_get_record(s->index)->file_bytes;
    v->rows_live += s->rows - tombstones_count(s->hidden);
    v->rows_deleted += tombstones_count(s->deleted);
}

varve_status view_new(const vector_field *field, const row_source *sources, size_t count,
                      view **ret, varve_error *err)
{
    view *v = calloc(1, sizeof *v + count * sizeof v->sources[0]);
    if (!v) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a view of %zu sources", count);
    v->references = 1;
    v->dim = field->dim;
    v->dtype = field->dtype;
    v->metric = field->metric;
    for (size_t i = 0; i < count; i++) {
        if (sources[i].rows > 0) take_source(v, &sources[i]);
    }
    assert(v->dim > 0 || v->source_count == 0);
    *ret = v;
    return VARVE_OK;
}

varve_status view_derive(const view *v, tombstones *const *hidden, view **ret, varve_error *err)
{
    view *d = calloc(1, sizeof *d + v->source_count * sizeof d->sources[0]);
    if (!d)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a view of %zu sources",
                       v->source_count);
    *d = (view){.references = 1, .dim = v->dim, .dtype = v->dtype, .metric = v->metric};
    for (size_t i = 0; i < v->source_count; i++) {
        row_source s = v->sources[i];
        s.hidden = hidden[i];
        take_source(d, &s);
    }
    *ret = d;
    return VARVE_OK;
}

view *view_ref(view *v)
{
    __atomic_add_fetch(&v->references, 1, __ATOMIC_RELAXED);
    return v;
}

void view_unref(view *v)
{
    if (!v || __atomic_sub_fetch(&v->references, 1, __ATOMIC_ACQ_REL) != 0) return;
    for (size_t i = 0; i < v->source_count; i++)
        source_drop(&v->sources[i]);
    free(v);
}

void view_unrefp(view **v)
{
    view_unref(*v);
    *v = NULL;
}

/* Index of the only source whose range can hold rowver, or source_count. */
static size_t source_of(const view *v, uint64_t rowver)
{
    size_t low = 0, high = v->source_count;
    while (low < high) { /* the first source that ends at or after rowver */
        size_t middle = low + (high - low) / 2;
        if (v->sources[middle].rowver_max < rowver)
            low = middle + 1;
        else
            high = middle;
    }
    return low < v->source_count && v->sources[low].rowver_min <= rowver ? low : v->source_count;
}

varve_status view_find(view *v, uint64_t rowver, bool *ret_found, row_place *ret, varve_error *err)
{
    size_t i = source_of(v, rowver);
    const row_source *s = &v->sources[i];
    uint64_t slot = 0;
    bool found = false;
    if (i < v->source_count) {
        if (s->seg)
            VV_TRY(segment_find(s->seg, rowver, &found, &slot, err));
        else
            found = memtable_find(s->mem, s->rows, rowver, &slot);
    }
    if (found) *ret = (row_place){i, slot};
    *ret_found = found;
    return VARVE_OK;
}

varve_status source_vectors(const row_source *s, uint64_t first, uint64_t n, const uint8_t **ret,
                            uint64_t *ret_contiguous, varve_error *err)
{
    assert(n > 0 && first < s->rows && n <= s->rows - first);
    if (s->seg) {
        VV_TRY(segment_vectors(s->seg, first, n, ret, err));
        *ret_contiguous = n;
    } else {
        *ret = memtable_vectors(s->mem, first, first + n, ret_contiguous);
    }
    return VARVE_OK;
}

varve_status source_rowver(const row_source *s, uint64_t slot, uint64_t *ret, varve_error *err)
{
    assert(slot < s->rows);
    if (s->seg) return segment_rowver(s->seg, slot, ret, err);
    *ret = memtable_rowver(s->mem, slot);
    return VARVE_OK;
}

varve_status source_ordinal(const row_source *s, uint64_t slot, uint64_t *ret, varve_error *err)
{
    assert(slot < s->rows);
    if (s->seg) return segment_ordinal(s->seg, slot, ret, err);
    *ret = memtable_ordinal(s->mem, slot);
    return VARVE_OK;
}

varve_status source_id_key(const row_source *s, uint64_t slot, const uint8_t **ret, size_t *ret_len,
                           varve_error *err)
{
    assert(slot < s->rows);
    if (s->seg) return segment_id_key(s->seg, slot, ret, ret_len, err);
    *ret = memtable_id_key(s->mem, slot, ret_len);
    return VARVE_OK;
}

varve_status source_fields(const row_source *s, uint64_t slot, varve_text *ret, varve_error *err)
{
    assert(slot < s->rows);
    if (s->seg) return segment_fields(s->seg, slot, ret, err);
    *ret = memtable_fields(s->mem, slot);
    return VARVE_OK;
}

size_t source_part_count(const row_source *s)
{
    if (s->seg) return 1;
    return (size_t)((s->rows + MEMTABLE_PART_ROWS - 1) / MEMTABLE_PART_ROWS);
}

varve_status source_part_get(const row_source *s, size_t i, source_part *ret, varve_error *err)
{
    const row_images *images;
    source_part p = {.first = (uint64_t)i * MEMTABLE_PART_ROWS};
    assert(i < source_part_count(s));
    if (s->seg) {
        VV_TRY(segment_images(s->seg, &images, err));
        p = (source_part){.rows = (uint32_t)s->rows, .images = *images};
    } else {
        p.rows = (uint32_t)VV_MIN(s->rows - p.first, (uint64_t)MEMTABLE_PART_ROWS);
        if (p.rows == MEMTABLE_PART_ROWS) {
            VV_TRY(memtable_part(s->mem, i, &images, err));
            p.images = *images;
        }
    }
    *ret = p;
    return VARVE_OK;
}

segment_content source_content(const row_source *s)
{
    return s->seg ? segment_get_spec(s->seg)->content : memtable_content(s->mem);
}

const text_options *source_text_options(const row_source *s)
{
    return s->seg ? &segment_get_spec(s->seg)->text : memtable_text_options(s->mem);
}

double source_norm_max(const row_source *s)
{
    return s->seg ? segment_get_record(s->seg)->norm_max : memtable_norm_max(s->mem);
}

static varve_status get_rows(void *context, uint32_t first, uint32_t n, const uint8_t **ret,
                             varve_error *err)
{
    return segment_vectors(context, first, n, ret, err);
}

void source_index_rows(const row_source *s, index_rows *ret)
{
    assert(s->seg && s->rows <= UINT32_MAX);
    const segment_spec *spec = segment_get_spec(s->seg);
    *ret = (index_rows){.count = (uint32_t)s->rows,
                        .dim = spec->dim,
                        .dtype = spec->dtype,
                        .get = get_rows,
                        .context = s->seg};
}
