/* export_fields.c — vectors of named fields. Those of deleted rows too: in the copy that is
 * exported, such rows are brought back once their lines are written. */
#include "export_inner.h"

#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>

typedef enum part { PART_ROWS, PART_STARTS, PART_VECTORS, PART_INDICES, PART_VALUES, PARTS } part;

static const char *const part_names[PARTS] = {"rows", "starts", "vectors", "indices", "values"};

typedef struct field_out {
    export_job *j;
    const varve_field_info *info;
    file_writer *files[PARTS]; /* NULL: the kind has none */
    uint64_t entries, items;   /* items: vectors or pairs of all entries */
    uint64_t line;             /* of the page's first row */
} field_out;

static void field_out_done(field_out *o)
{
    for (int i = 0; i < PARTS; i++)
        file_discard(o->files[i]);
}

static bool has_part(varve_field_kind kind, part p)
{
    bool sparse = kind == VARVE_FIELD_SPARSE;
    switch (p) {
    case PART_ROWS: return true;
    case PART_STARTS: return kind != VARVE_FIELD_DENSE;
    case PART_VECTORS: return !sparse;
    default: return sparse;
    }
}

static npy_shape part_shape(const field_out *o, part p)
{
    switch (p) {
    case PART_ROWS: return (npy_shape){NPY_U8, o->entries, 0};
    case PART_STARTS: return (npy_shape){NPY_U8, o->entries + 1, 0};
    case PART_VECTORS: return export_shape(o->info->dtype, o->info->dim, o->items);
    case PART_INDICES: return (npy_shape){NPY_U4, o->items, 0};
    default: return (npy_shape){NPY_F4, o->items, 0};
    }
}

static void part_file(const field_out *o, part p, char ret[EXPORT_NAME_MAX])
{
    (void)snprintf(ret, EXPORT_NAME_MAX, "%s.%s.npy", o->info->name, part_names[p]);
}

static varve_status put_u64_value(file_writer *w, uint64_t value, varve_error *err)
{
    uint8_t bytes[8];
    put_u64(bytes, value);
    return file_write(w, bytes, sizeof bytes, err);
}

static varve_status put_vectors(field_out *o, const float *values, size_t count, varve_error *err)
{
    size_t bytes = count * varve_dtype_row_bytes(o->info->dtype, o->info->dim);
    VV_CLEANUP(vv_freep) uint8_t *packed = malloc(VV_MAX(bytes, (size_t)1));
    if (!packed) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu vectors", count);
    export_pack(o->info->dtype, values, count, o->info->dim, packed);
    return file_write(o->files[PART_VECTORS], packed, bytes, err);
}

static varve_status put_entry(field_out *o, const varve_field_vectors *v, size_t i, uint64_t line,
                              varve_error *err)
{
    size_t count = varve_field_vectors_count(v, i);
    const float *values = varve_field_vectors_values(v, i);
    if (count == 0) return VARVE_OK;
    VV_TRY(put_u64_value(o->files[PART_ROWS], line, err));
    o->entries++;
    o->items += count;
    if (o->info->kind != VARVE_FIELD_DENSE)
        VV_TRY(put_u64_value(o->files[PART_STARTS], o->items, err));
    if (o->info->kind != VARVE_FIELD_SPARSE) return put_vectors(o, values, count, err);
    VV_TRY(file_write(o->files[PART_INDICES], varve_field_vectors_indices(v, i),
                      count * sizeof(uint32_t), err));
    return file_write(o->files[PART_VALUES], values, count * sizeof(float), err);
}

static void free_vectors(varve_field_vectors **v) { varve_field_vectors_free(*v); }
static void free_rowset(varve_rowset **rows) { varve_rowset_free(*rows); }

static varve_status put_page(field_out *o, const varve_rowset *rows, varve_error *err)
{
    size_t count = varve_rowset_count(rows);
    VV_CLEANUP(free_vectors) varve_field_vectors *v = NULL;
    VV_CLEANUP(vv_freep) varve_id *ids = malloc(VV_MAX(count, (size_t)1) * sizeof *ids);
    if (!ids) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a page of ids");
    for (size_t i = 0; i < count; i++)
        ids[i] = varve_rowset_id(rows, i);
    if (count == 0) return VARVE_OK;
    VV_TRY(varve_field_read(o->j->stage.c, o->info->name, ids, count, &v, err));
    for (size_t i = 0; i < count; i++)
        VV_TRY(put_entry(o, v, i, o->line + i, err));
    o->line += count;
    return VARVE_OK;
}

static varve_status put_pages(field_out *o, varve_error *err)
{
    VV_CLEANUP(free_rowset) varve_rowset *rows = NULL;
    varve_id next;
    bool more = true;
    while (more) {
        varve_rowset *page;
        VV_TRY(varve_scroll(o->j->stage.c, rows ? &next : NULL, export_page_rows(o->info->dim), 0,
                            &page, err));
        varve_rowset_free(rows);
        rows = page;
        VV_TRY(put_page(o, rows, err));
        VV_TRY(export_progress(o->j->place, o->line, o->j->info.rows + o->j->info.deleted, err));
        more = varve_rowset_next(rows, &next);
    }
    return VARVE_OK;
}

static varve_status open_parts(field_out *o, varve_error *err)
{
    const uint8_t head[NPY_HEAD] = {0};
    for (part p = 0; p < PARTS; p++) {
        char name[EXPORT_NAME_MAX];
        if (!has_part(o->info->kind, p)) continue;
        part_file(o, p, name);
        VV_TRY(export_create(o->j, name, &o->files[p], err));
        VV_TRY(file_write(o->files[p], head, sizeof head, err));
    }
    if (o->files[PART_STARTS]) return put_u64_value(o->files[PART_STARTS], 0, err);
    return VARVE_OK;
}

static varve_status close_parts(field_out *o, varve_error *err)
{
    for (part p = 0; p < PARTS; p++) {
        char name[EXPORT_NAME_MAX];
        uint8_t head[NPY_HEAD];
        npy_shape shape;
        if (!o->files[p]) continue;
        shape = part_shape(o, p);
        npy_head(&shape, head);
        part_file(o, p, name);
        VV_TRY(file_write_at(o->files[p], 0, head, sizeof head, err));
        o->j->info.bytes += file_written(o->files[p]);
        VV_TRY(export_publish(o->j, &o->files[p], name, err));
    }
    return VARVE_OK;
}

static varve_status describe(const field_out *o, json_t *list, varve_error *err)
{
    static const char *const kinds[] = {"dense", "sparse", "multi"};
    const varve_field_info *f = o->info;
    json_t *entry = json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:I}", "name", f->name, "kind",
                              kinds[f->kind], "dim", (json_int_t)f->dim, "dtype",
                              varve_dtype_name(f->dtype), "metric", varve_metric_name(f->metric),
                              "index_mode", f->index_mode, "entries", (json_int_t)o->entries);
    if (!entry || json_array_append_new(list, entry) != 0)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a manifest");
    return VARVE_OK;
}

static varve_status restore_page(export_job *j, const varve_rowset *rows, varve_error *err)
{
    size_t count = varve_rowset_count(rows);
    VV_CLEANUP(vv_freep) varve_id *ids = malloc(VV_MAX(count, (size_t)1) * sizeof *ids);
    if (!ids) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu ids", count);
    for (size_t i = 0; i < count; i++)
        ids[i] = varve_rowset_id(rows, i);
    return count ? varve_restore(j->stage.c, ids, count, NULL, NULL, err) : VARVE_OK;
}

static varve_status restore_deleted(export_job *j, varve_error *err)
{
    for (uint64_t left = j->info.deleted; left > 0;) {
        VV_CLEANUP(free_rowset) varve_rowset *rows = NULL;
        size_t page = VV_MIN((size_t)left, (size_t)EXPORT_PAGE_ROWS);
        VV_TRY(varve_list_deleted(j->stage.c, page, &rows, err));
        if (varve_rowset_count(rows) == 0)
            return vv_fail(err, VARVE_INTERNAL, "%llu deleted rows are not to be found",
                           (unsigned long long)left);
        VV_TRY(restore_page(j, rows, err));
        left -= VV_MIN(left, (uint64_t)varve_rowset_count(rows));
    }
    return VARVE_OK;
}

varve_status export_fields(export_job *j, varve_error *err)
{
    json_t *list = json_array();
    varve_field_info info;
    if (!list || json_object_set_new(j->manifest, "vector_fields", list) != 0)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a manifest");
    if (varve_field_get(j->stage.c, 1, &info, NULL) == VARVE_OK) VV_TRY(restore_deleted(j, err));
    for (size_t i = 1;; i++) {
        VV_CLEANUP(field_out_done) field_out o = {.j = j, .info = &info};
        varve_status status = varve_field_get(j->stage.c, i, &info, err);
        if (status == VARVE_NOT_FOUND) return VARVE_OK;
        if (status != VARVE_OK) return status;
        VV_TRY(open_parts(&o, err));
        VV_TRY(put_pages(&o, err));
        VV_TRY(close_parts(&o, err));
        VV_TRY(describe(&o, list, err));
        j->info.vector_fields++;
    }
}
