/* import_rows.c — rows into the collection that is being built, in order of insertion. */
#include "import_inner.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_TEXT_MAX ((size_t)1 << 30)

typedef struct rows_in {
    import_job *j;
    const uint8_t *values; /* of the file; row_bytes each */
    size_t row_bytes, page;
    varve_id *ids;
    varve_text *fields;
    uint8_t *vectors;
    buffer text, id_text;
    npy_array array;
    file_map raw;
} rows_in;

static void rows_in_done(rows_in *in)
{
    free(in->ids);
    free(in->fields);
    free(in->vectors);
    buffer_done(&in->text);
    buffer_done(&in->id_text);
    npy_close(&in->array);
    file_unmap(&in->raw);
}

/* ---- the vectors' file --------------------------------------------------------------------- */

static varve_status open_ours(rows_in *in, const char *path, varve_error *err)
{
    const import_source *s = &in->j->source;
    npy_shape wanted = export_shape(s->dtype, s->dim, in->j->line_count);
    VV_TRY(npy_open(path, &in->array, err));
    const npy_shape *found = &in->array.shape;
    if (found->type != wanted.type || found->rows != wanted.rows ||
        found->columns != wanted.columns)
        return vv_fail(err, VARVE_CORRUPT, "%s: not the type and shape that its manifest says",
                       path);
    in->values = in->array.values;
    return VARVE_OK;
}

static varve_status open_lynse(rows_in *in, const char *path, varve_error *err)
{
    uint64_t bytes;
    VV_TRY(file_map_open(path, &in->raw, err));
    if (__builtin_mul_overflow(in->j->line_count, in->row_bytes, &bytes) || bytes != in->raw.size)
        return vv_fail(err, VARVE_CORRUPT, "%s has %zu bytes, not %llu rows of %zu", path,
                       in->raw.size, (unsigned long long)in->j->line_count, in->row_bytes);
    in->values = in->raw.data;
    return VARVE_OK;
}

static varve_status open_vectors(rows_in *in, varve_error *err)
{
    char path[EXPORT_PATH_MAX];
    bool lynse = in->j->source.layout == EXPORT_LYNSE;
    VV_TRY(file_join(path, sizeof path, in->j->place->path, lynse ? LYNSE_VECTORS : EXPORT_VECTORS,
                     err));
    return lynse ? open_lynse(in, path, err) : open_ours(in, path, err);
}

/* ---- batches ------------------------------------------------------------------------------- */

static varve_status fill(rows_in *in, uint64_t first, size_t count, varve_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const import_line *line = &in->j->lines[first + i];
        VV_TRY(import_parse_line(in->j, line, &in->text, &in->id_text, &in->ids[i], &in->fields[i],
                                 err));
        memcpy(in->vectors + i * in->row_bytes, in->values + line->row * in->row_bytes,
               in->row_bytes);
    }
    return VARVE_OK;
}

/* Both buffers keep their place while a batch is read: they have room for all of it. */
static varve_status make_room(rows_in *in, uint64_t first, size_t count, varve_error *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += in->j->lines[first + i].bytes;
    buffer_clear(&in->text);
    buffer_clear(&in->id_text);
    VV_TRY(buffer_reserve(&in->text, bytes, err));
    return buffer_reserve(&in->id_text, bytes, err);
}

/* Rows from `first` on that go into one batch. */
static size_t batch_rows(const rows_in *in, uint64_t first)
{
    size_t count = 0, bytes = 0;
    while (first + count < in->j->line_count && count < in->page) {
        bytes += in->j->lines[first + count].bytes;
        if (count > 0 && bytes > EXPORT_PAGE) break;
        count++;
    }
    return count;
}

static varve_status add_batches(rows_in *in, varve_session *session, varve_error *err)
{
    const import_source *s = &in->j->source;
    for (uint64_t first = 0; first < in->j->line_count;) {
        size_t count = batch_rows(in, first);
        VV_TRY(make_room(in, first, count, err));
        VV_TRY(fill(in, first, count, err));
        varve_rows rows = {.count = count,
                           .dim = s->dim,
                           .ids = in->ids,
                           .vectors = in->vectors,
                           .vectors_type = s->dtype,
                           .fields = in->fields};
        VV_TRY(varve_session_add(session, &rows, err));
        first += count;
        VV_TRY(export_progress(in->j->place, first, in->j->line_count, err));
    }
    return VARVE_OK;
}

static void free_session(varve_session **s) { varve_session_free(*s); }

static varve_status add_rows(rows_in *in, varve_error *err)
{
    VV_CLEANUP(free_session) varve_session *session = NULL;
    VV_TRY(varve_session_new(in->j->stage.c, NULL, &session, err));
    VV_TRY(add_batches(in, session, err));
    return varve_session_commit(session, NULL, err);
}

varve_status import_rows(import_job *j, varve_error *err)
{
    VV_CLEANUP(rows_in_done) rows_in in = {.j = j};
    in.row_bytes = varve_dtype_row_bytes(j->source.dtype, j->source.dim);
    in.page = export_page_rows(j->source.dim);
    buffer_init(&in.text, BATCH_TEXT_MAX, "a batch of an import");
    buffer_init(&in.id_text, BATCH_TEXT_MAX, "ids of an import");
    VV_TRY(open_vectors(&in, err));
    if (j->line_count == 0) return VARVE_OK;
    in.ids = malloc(in.page * sizeof *in.ids);
    in.fields = malloc(in.page * sizeof *in.fields);
    in.vectors = malloc(in.page * in.row_bytes);
    if (!in.ids || !in.fields || !in.vectors)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a batch of %zu rows", in.page);
    return add_rows(&in, err);
}
