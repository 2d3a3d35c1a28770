/* import_fields.c — named fields and their vectors, and which rows are deleted. */
#include "import_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct field_in {
    import_job *j;
    const import_field *field;
    uint64_t *line_of; /* place in j->lines of each row of the file */
    npy_array rows, starts, vectors, indices, values;
} field_in;

static void field_in_done(field_in *in)
{
    npy_close(&in->rows);
    npy_close(&in->starts);
    npy_close(&in->vectors);
    npy_close(&in->indices);
    npy_close(&in->values);
}

static varve_status open_part(const field_in *in, const char *part, npy_type type, uint64_t rows,
                              uint64_t columns, npy_array *ret, varve_error *err)
{
    char name[EXPORT_NAME_MAX], path[EXPORT_PATH_MAX];
    (void)snprintf(name, sizeof name, "%s.%s.npy", in->field->info.name, part);
    VV_TRY(file_join(path, sizeof path, in->j->place->path, name, err));
    VV_TRY(npy_open(path, ret, err));
    if (ret->shape.type == type && ret->shape.rows == rows && ret->shape.columns == columns)
        return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "%s: not the type and shape that its manifest says", path);
}

static uint64_t u64_at(const npy_array *a, uint64_t i)
{
    uint64_t value;
    memcpy(&value, npy_row(a, i), sizeof value);
    return value;
}

/* Vectors or pairs before entry i. */
static uint64_t start_of(const field_in *in, uint64_t i)
{
    return in->field->info.kind == VARVE_FIELD_DENSE ? i : u64_at(&in->starts, i);
}

static varve_status wrong(const field_in *in, uint64_t i, const char *what, varve_error *err)
{
    return vv_fail(err, VARVE_CORRUPT, "vector field '%s': entry %llu: %s", in->field->info.name,
                   (unsigned long long)i, what);
}

/* Rows ascend and are rows; starts ascend. */
static varve_status check_entries(const field_in *in, varve_error *err)
{
    bool dense = in->field->info.kind == VARVE_FIELD_DENSE;
    for (uint64_t i = 0; i < in->field->entries; i++) {
        uint64_t row = u64_at(&in->rows, i);
        if (row >= in->j->line_count || (i > 0 && row <= u64_at(&in->rows, i - 1)))
            return wrong(in, i, "its row does not ascend, or is none", err);
        if (!dense && start_of(in, i) >= start_of(in, i + 1))
            return wrong(in, i, "it has no vectors", err);
    }
    if (!dense && start_of(in, 0) != 0) return wrong(in, 0, "it does not start at 0", err);
    return VARVE_OK;
}

static varve_status open_parts(field_in *in, varve_error *err)
{
    const varve_field_info *f = &in->field->info;
    uint64_t n = in->field->entries, items = n;
    VV_TRY(open_part(in, "rows", NPY_U8, n, 0, &in->rows, err));
    if (f->kind != VARVE_FIELD_DENSE) {
        VV_TRY(open_part(in, "starts", NPY_U8, n + 1, 0, &in->starts, err));
        items = start_of(in, n);
    }
    VV_TRY(check_entries(in, err));
    npy_shape s = export_shape(f->dtype, f->dim, items);
    if (f->kind != VARVE_FIELD_SPARSE)
        return open_part(in, "vectors", s.type, items, s.columns, &in->vectors, err);
    VV_TRY(open_part(in, "indices", NPY_U4, items, 0, &in->indices, err));
    return open_part(in, "values", NPY_F4, items, 0, &in->values, err);
}

/* ---- batches ------------------------------------------------------------------------------- */

typedef struct field_batch {
    varve_id *ids;
    size_t *counts;
    buffer text, id_text;
} field_batch;

static void batch_done(field_batch *b)
{
    free(b->ids);
    free(b->counts);
    buffer_done(&b->text);
    buffer_done(&b->id_text);
}

static varve_status batch_init(field_batch *b, varve_error *err)
{
    buffer_init(&b->text, (size_t)1 << 31, "a batch of an import");
    buffer_init(&b->id_text, (size_t)1 << 31, "ids of an import");
    b->ids = malloc(EXPORT_PAGE_ROWS * sizeof *b->ids);
    b->counts = malloc(EXPORT_PAGE_ROWS * sizeof *b->counts);
    return b->ids && b->counts ? VARVE_OK : vv_fail(err, VARVE_NO_MEMORY, "no memory for a batch");
}

static const import_line *line_at(const field_in *in, uint64_t entry)
{
    return &in->j->lines[in->line_of[u64_at(&in->rows, entry)]];
}

static varve_status read_ids(const field_in *in, uint64_t first, size_t count, field_batch *b,
                             varve_error *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += line_at(in, first + i)->bytes;
    buffer_clear(&b->text);
    buffer_clear(&b->id_text);
    VV_TRY(buffer_reserve(&b->text, bytes, err));
    VV_TRY(buffer_reserve(&b->id_text, bytes, err));
    for (size_t i = 0; i < count; i++) {
        varve_text fields;
        VV_TRY(import_parse_line(in->j, line_at(in, first + i), &b->text, &b->id_text, &b->ids[i],
                                 &fields, err));
        b->counts[i] = (size_t)(start_of(in, first + i + 1) - start_of(in, first + i));
    }
    return VARVE_OK;
}

static varve_status put(const field_in *in, uint64_t first, size_t count, const field_batch *b,
                        varve_error *err)
{
    const varve_field_info *f = &in->field->info;
    uint64_t at = start_of(in, first);
    varve_field_rows rows = {.count = count, .ids = b->ids};
    if (f->kind == VARVE_FIELD_SPARSE) {
        rows.indices = (const uint32_t *)(const void *)npy_row(&in->indices, at);
        rows.values = (const float *)(const void *)npy_row(&in->values, at);
        rows.nonzero = b->counts;
    } else {
        rows.vectors = npy_row(&in->vectors, at);
        rows.vectors_type = f->dtype;
        rows.dim = f->dim;
        rows.counts = f->kind == VARVE_FIELD_MULTI ? b->counts : NULL;
    }
    return varve_field_put(in->j->stage.c, f->name, &rows, false, NULL, NULL, err);
}

static size_t batch_entries(const field_in *in, uint64_t first)
{
    const varve_field_info *f = &in->field->info;
    size_t item = f->kind == VARVE_FIELD_SPARSE ? 8 : varve_dtype_row_bytes(f->dtype, f->dim);
    uint64_t most = VV_MAX(EXPORT_PAGE / item, (size_t)1);
    size_t count = 1;
    while (first + count < in->field->entries && count < EXPORT_PAGE_ROWS &&
           start_of(in, first + count + 1) - start_of(in, first) <= most)
        count++;
    return count;
}

static varve_status import_field_rows(import_job *j, const import_field *f, uint64_t *line_of,
                                      varve_error *err)
{
    VV_CLEANUP(field_in_done) field_in in = {.j = j, .field = f, .line_of = line_of};
    VV_CLEANUP(batch_done) field_batch b = {.ids = NULL};
    const char *mode = f->info.index_mode[0] ? f->info.index_mode : NULL;
    varve_field_spec spec = {f->info.kind, f->info.dim, f->info.dtype, f->info.metric, mode};
    VV_TRY(varve_field_create(j->stage.c, f->info.name, &spec, err));
    VV_TRY(open_parts(&in, err));
    VV_TRY(batch_init(&b, err));
    for (uint64_t first = 0; first < f->entries;) {
        size_t count = batch_entries(&in, first);
        VV_TRY(read_ids(&in, first, count, &b, err));
        VV_TRY(put(&in, first, count, &b, err));
        first += count;
        VV_TRY(export_progress(j->place, first, f->entries, err));
    }
    j->info.vector_fields++;
    return VARVE_OK;
}

/* ---- deleted rows -------------------------------------------------------------------------- */

static varve_status delete_rows(import_job *j, varve_error *err)
{
    VV_CLEANUP(batch_done) field_batch b = {.ids = NULL};
    VV_TRY(batch_init(&b, err));
    for (uint64_t i = 0; i < j->line_count; i++) {
        varve_text fields;
        if (!j->lines[i].deleted) continue;
        buffer_clear(&b.text);
        buffer_clear(&b.id_text);
        VV_TRY(import_parse_line(j, &j->lines[i], &b.text, &b.id_text, b.ids, &fields, err));
        varve_write_options relaxed = {VARVE_DURABILITY_RELAXED};
        VV_TRY(varve_delete(j->stage.c, b.ids, 1, &relaxed, NULL, err));
        j->info.deleted++;
    }
    return VARVE_OK;
}

varve_status import_fields(import_job *j, varve_error *err)
{
    VV_CLEANUP(vv_freep) uint64_t *line_of = malloc((j->line_count + 1) * sizeof *line_of);
    if (!line_of) return vv_fail(err, VARVE_NO_MEMORY, "no memory for an import");
    for (uint64_t i = 0; i < j->line_count; i++)
        line_of[j->lines[i].row] = i;
    for (size_t i = 0; i < j->source.field_count; i++)
        VV_TRY(import_field_rows(j, &j->source.fields[i], line_of, err));
    return delete_rows(j, err);
}
