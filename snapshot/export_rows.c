/* export_rows.c — rows with their primary vectors, page by page in order of ids. */
#include "export_inner.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX ((size_t)1 << 30)

typedef struct rows_out {
    export_job *j;
    file_writer *lines, *vectors;
    uint8_t *packed; /* vectors of a page as they are stored */
    buffer line;
    varve_dtype type;
    size_t dim;
} rows_out;

static void rows_out_done(rows_out *o)
{
    file_discard(o->lines);
    file_discard(o->vectors);
    free(o->packed);
    buffer_done(&o->line);
}

static bool is_lynse(const rows_out *o) { return o->j->layout == EXPORT_LYNSE; }

/* LynseDB knows two types. */
static varve_dtype type_of(const export_job *j)
{
    varve_dtype type = j->stage.stats.dtype;
    return j->layout == EXPORT_LYNSE && type != VARVE_FLOAT16 ? VARVE_FLOAT32 : type;
}

static varve_status put_id(buffer *out, varve_id id, varve_error *err)
{
    if (id.kind == VARVE_ID_NUM) return json_out_u64(out, id.num, err);
    return json_out_string(out, id.text.data, id.text.len, err);
}

static varve_status put_line(rows_out *o, const varve_rowset *rows, size_t i, varve_error *err)
{
    bool lynse = is_lynse(o);
    varve_text fields = varve_rowset_fields(rows, i);
    buffer *out = &o->line;
    buffer_clear(out);
    VV_TRY(buffer_add_text(out, lynse ? "{\"external_id\":" : "{\"id\":", err));
    VV_TRY(put_id(out, varve_rowset_id(rows, i), err));
    VV_TRY(buffer_add_text(out, lynse ? ",\"id\":" : ",\"ordinal\":", err));
    VV_TRY(json_out_u64(out, lynse ? o->j->info.rows : varve_rowset_ordinal(rows, i), err));
    if (varve_rowset_state(rows, i) == VARVE_ROW_DELETED)
        VV_TRY(buffer_add_text(out, ",\"deleted\":true", err));
    VV_TRY(buffer_add_text(out, lynse ? ",\"field\":" : ",\"fields\":", err));
    VV_TRY(buffer_add(out, fields.data ? fields.data : "{}", fields.data ? fields.len : 2, err));
    VV_TRY(buffer_add_text(out, "}\n", err));
    return file_write(o->lines, out->data, out->len, err);
}

static varve_status put_page(rows_out *o, const varve_rowset *rows, varve_error *err)
{
    size_t row_bytes = varve_dtype_row_bytes(o->type, o->dim);
    for (size_t i = 0; i < varve_rowset_count(rows); i++) {
        bool deleted = varve_rowset_state(rows, i) == VARVE_ROW_DELETED;
        VV_TRY(put_line(o, rows, i, err));
        export_pack(o->type, varve_rowset_vector(rows, i), 1, o->dim, o->packed + i * row_bytes);
        o->j->info.rows += !deleted;
        o->j->info.deleted += deleted;
    }
    return file_write(o->vectors, o->packed, varve_rowset_count(rows) * row_bytes, err);
}

static void free_rowset(varve_rowset **rows) { varve_rowset_free(*rows); }

/* `id` is borrowed from the page: it is used before that ends. */
static varve_status put_pages(rows_out *o, varve_error *err)
{
    const export_job *j = o->j;
    unsigned with = VARVE_WITH_VECTORS | VARVE_WITH_FIELDS | (is_lynse(o) ? 0 : VARVE_WITH_DELETED);
    uint64_t all = j->stage.stats.rows_live + (is_lynse(o) ? 0 : j->stage.stats.rows_deleted);
    VV_CLEANUP(free_rowset) varve_rowset *rows = NULL;
    varve_id next;
    bool more = true;
    while (more) {
        varve_rowset *page;
        VV_TRY(varve_scroll(j->stage.c, rows ? &next : NULL, export_page_rows(o->dim), with, &page,
                            err));
        varve_rowset_free(rows);
        rows = page;
        VV_TRY(put_page(o, rows, err));
        VV_TRY(export_progress(j->place, j->info.rows + j->info.deleted, all, err));
        more = varve_rowset_next(rows, &next);
    }
    return VARVE_OK;
}

static varve_status put_head(rows_out *o, uint64_t rows, varve_error *err)
{
    uint8_t head[NPY_HEAD];
    npy_shape shape = export_shape(o->type, o->dim, rows);
    if (is_lynse(o)) return VARVE_OK;
    npy_head(&shape, head);
    return file_written(o->vectors) ? file_write_at(o->vectors, 0, head, sizeof head, err)
                                    : file_write(o->vectors, head, sizeof head, err);
}

varve_status export_rows(export_job *j, varve_error *err)
{
    VV_CLEANUP(rows_out_done)
    rows_out o = {.j = j, .type = type_of(j), .dim = j->stage.stats.dim};
    bool lynse = is_lynse(&o);
    buffer_init(&o.line, LINE_BYTES_MAX, "a line of the export");
    o.packed =
        malloc(VV_MAX(export_page_rows(o.dim) * varve_dtype_row_bytes(o.type, o.dim), (size_t)1));
    if (!o.packed) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a page of vectors");
    VV_TRY(export_create(j, lynse ? LYNSE_ROWS : EXPORT_ROWS, &o.lines, err));
    VV_TRY(export_create(j, lynse ? LYNSE_VECTORS : EXPORT_VECTORS, &o.vectors, err));
    VV_TRY(put_head(&o, 0, err));
    VV_TRY(put_pages(&o, err));
    VV_TRY(put_head(&o, j->info.rows + j->info.deleted, err));
    j->info.bytes += file_written(o.lines) + file_written(o.vectors);
    VV_TRY(export_publish(j, &o.lines, lynse ? LYNSE_ROWS : EXPORT_ROWS, err));
    return export_publish(j, &o.vectors, lynse ? LYNSE_VECTORS : EXPORT_VECTORS, err);
}
