/* merge.c — rows from segment to segment, one after the other. Inputs and outputs are both in
 * rowver order, so there is nothing to sort: the first output takes the first rows, and so on. */
#include "segment/merge.h"

#include "base/file.h"
#include "segment/job.h"
#include "segment/merge_row.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* To finish an image: this is twice what it holds, and a text index may hold 4 GiB. */
#define IMAGES_BYTES_MOST (UINT64_C(7) << 30)

typedef struct merge {
    const merge_spec *spec;
    size_t stride;      /* bytes of a vector */
    uint64_t rows_left; /* that stay, but for those of outputs begun */
    uint32_t finished;
    uint64_t writer_rows; /* that the writer's output will have */
    segment_record *records;
    segment_writer *writer;  /* of output `finished`; NULL between two */
    segment_content content; /* these two: of the inputs, all alike */
    text_options text;
    uint64_t rowver_next; /* at least: of the row to be added */
    uint64_t seen, total; /* rows of the inputs */
    uint64_t bytes;       /* since the last report */
} merge;

/* ---- outputs ------------------------------------------------------------------------------- */

uint32_t merge_outputs(uint64_t rows, uint64_t rows_max)
{
    uint64_t count;
    if (rows == 0) return 0;
    if (rows_max == 0) return UINT32_MAX;
    count = rows / rows_max + (rows % rows_max != 0);
    return (uint32_t)VV_MIN(count, (uint64_t)UINT32_MAX);
}

/* Of the next output: what is left in equal parts, of which the first ones may have a row more. */
static uint64_t rows_of_output(const merge *m)
{
    uint64_t outputs = merge_outputs(m->rows_left, m->spec->rows_max);
    return m->rows_left / outputs + (m->rows_left % outputs != 0);
}

static varve_status output_path(const merge *m, uint32_t i, const char *suffix,
                                char ret[JOB_PATH_MAX], varve_error *err)
{
    char name[JOB_NAME_MAX], full[JOB_NAME_MAX + 8];
    job_segment_name(m->spec->first_number + i, name);
    (void)snprintf(full, sizeof full, "%s%s", name, suffix);
    return file_join(ret, JOB_PATH_MAX, m->spec->directory, full, err);
}

static varve_status begin_output(merge *m, varve_error *err)
{
    char path[JOB_PATH_MAX];
    const segment_spec spec = {.content = m->content,
                               .text = m->text,
                               .collection = m->spec->collection,
                               .number = m->spec->first_number + m->finished,
                               .dim = m->spec->dim,
                               .dtype = m->spec->dtype};
    VV_TRY(output_path(m, m->finished, ".tmp", path, err));
    m->writer_rows = rows_of_output(m);
    m->rows_left -= m->writer_rows;
    return segment_writer_new(path, &spec, &m->writer, err);
}

static varve_status end_output(merge *m, varve_error *err)
{
    char path[JOB_PATH_MAX];
    segment_writer *w = m->writer;
    VV_TRY(output_path(m, m->finished, "", path, err));
    m->writer = NULL;
    VV_TRY(segment_writer_finish(w, path, &m->records[m->finished], err));
    m->finished++;
    return VARVE_OK;
}

/* After a failure: what was made before it goes too. */
static void remove_outputs(merge *m)
{
    char path[JOB_PATH_MAX];
    segment_writer_discard(m->writer);
    for (uint32_t i = 0; i < m->finished; i++)
        if (output_path(m, i, "", path, NULL) == VARVE_OK) (void)!file_unlink(path, NULL);
}

/* ---- rows ---------------------------------------------------------------------------------- */

static varve_status report(merge *m, varve_error *err)
{
    uint64_t bytes = m->bytes;
    m->bytes = 0;
    if (!m->spec->progress ||
        m->spec->progress(m->spec->context, "merge", m->seen, m->total, bytes))
        return VARVE_OK;
    return vv_fail(err, VARVE_CANCELLED, "the merge was cancelled");
}

/* Also without a limit an output ends before its images would meet theirs. */
static bool fits_memory(const merge *m)
{
    uint64_t bytes = segment_writer_finish_bytes(m->writer);
    bool small = bytes < IMAGES_BYTES_MOST ||
                 bytes - segment_writer_memory_bytes(m->writer) < IMAGES_BYTES_MOST;
    return small && (m->spec->memory_max == 0 || bytes <= m->spec->memory_max);
}

/* Are there outputs for the other rows, if this one ends now? */
static bool may_end_early(const merge *m)
{
    uint64_t left = m->rows_left + (m->writer_rows - segment_writer_rows(m->writer));
    return merge_outputs(left, m->spec->rows_max) < m->spec->output_max - m->finished;
}

/* Values of fields that take more than expected: the output ends before its time; the last one goes
 * without what is built of them. */
static varve_status keep_within_memory(merge *m, varve_error *err)
{
    if (VV_LIKELY(fits_memory(m))) return VARVE_OK;
    if (may_end_early(m)) {
        m->rows_left += m->writer_rows - segment_writer_rows(m->writer);
        return end_output(m, err);
    }
    segment_writer_drop_images(m->writer);
    if (fits_memory(m)) return VARVE_OK;
    return vv_fail(err, VARVE_LIMIT,
                   "the columns of a merged segment take %llu bytes of memory, the limit "
                   "compact_memory_max is %llu",
                   (unsigned long long)segment_writer_memory_bytes(m->writer),
                   (unsigned long long)m->spec->memory_max);
}

varve_status merge_row_read(segment *s, uint64_t slot, merge_row *ret, varve_error *err)
{
    VV_TRY(segment_rowver(s, slot, &ret->rowver, err));
    VV_TRY(segment_ordinal(s, slot, &ret->ordinal, err));
    VV_TRY(segment_id_key(s, slot, &ret->id, &ret->id_len, err));
    VV_TRY(segment_vectors(s, slot, 1, &ret->vector, err));
    return segment_fields(s, slot, &ret->fields, err);
}

/* Checksums say that bytes are those once written; the writer relies on some of their sense. */
static varve_status check_row(const merge *m, const segment *s, uint64_t slot, const merge_row *row,
                              varve_error *err)
{
    const segment_record *r = segment_get_record(s);
    if (row->rowver >= m->rowver_next && row->rowver >= r->rowver_min &&
        row->rowver <= r->rowver_max && row->id_len > 0 && row->fields.len >= 2)
        return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "segment %s: row %llu is no row that can be merged",
                   segment_path(s), (unsigned long long)slot);
}

static varve_status copy_row(merge *m, segment *s, uint64_t slot, varve_error *err)
{
    merge_row row;
    VV_TRY(merge_row_read(s, slot, &row, err));
    VV_TRY(check_row(m, s, slot, &row, err));
    if (!m->writer) VV_TRY(begin_output(m, err));
    VV_TRY(segment_writer_add(m->writer, row.rowver, row.ordinal, row.id, row.id_len, row.vector,
                              row.fields, err));
    m->rowver_next = row.rowver + 1;
    m->bytes += 2 * merge_row_bytes(&row, m->stride);
    if (segment_writer_rows(m->writer) == m->writer_rows) return end_output(m, err);
    return keep_within_memory(m, err);
}

static varve_status copy_segment(merge *m, const merge_input *in, varve_error *err)
{
    uint64_t rows = segment_get_record(in->seg)->rows;
    for (uint64_t slot = 0; slot < rows; slot++) {
        if (!tombstones_has(in->drop, slot)) VV_TRY(copy_row(m, in->seg, slot, err));
        m->seen++;
        if (m->bytes < MERGE_PROGRESS_BYTES) continue;
        VV_TRY(report(m, err));
    }
    return report(m, err);
}

/* ---- the whole ----------------------------------------------------------------------------- */

static varve_status check_input(const merge *m, const merge_input *inputs, size_t i,
                                varve_error *err)
{
    const segment *s = inputs[i].seg;
    const segment_spec *is = segment_get_spec(s);
    const segment_record *r = segment_get_record(s);
    uint64_t beyond;
    if (is->collection != m->spec->collection || is->dim != m->spec->dim ||
        is->dtype != m->spec->dtype || is->content != m->content ||
        memcmp(&is->text, &m->text, sizeof m->text) != 0)
        return vv_fail(err, VARVE_INVALID, "segment %s: does not go with the others",
                       segment_path(s));
    if (i > 0 && r->rowver_min <= segment_get_record(inputs[i - 1].seg)->rowver_max)
        return vv_fail(err, VARVE_INVALID, "segment %s: does not follow the one before it",
                       segment_path(s));
    if (tombstones_next(inputs[i].drop, r->rows, &beyond))
        return vv_fail(err, VARVE_INVALID, "segment %s: slots to drop beyond its rows",
                       segment_path(s));
    return VARVE_OK;
}

static varve_status plan(merge *m, const merge_input *inputs, size_t input_count, varve_error *err)
{
    if (input_count > 0) {
        m->content = segment_get_spec(inputs[0].seg)->content;
        m->text = segment_get_spec(inputs[0].seg)->text;
    }
    for (size_t i = 0; i < input_count; i++) {
        uint64_t rows = segment_get_record(inputs[i].seg)->rows;
        VV_TRY(check_input(m, inputs, i, err));
        m->total += rows;
        m->rows_left += rows - tombstones_count(inputs[i].drop);
    }
    uint32_t outputs = merge_outputs(m->rows_left, m->spec->rows_max);
    if (outputs > m->spec->output_max)
        return vv_fail(err, VARVE_LIMIT,
                       "merging %llu rows takes %u segments of at most %llu rows, the limit is %u",
                       (unsigned long long)m->rows_left, outputs,
                       (unsigned long long)m->spec->rows_max, m->spec->output_max);
    return VARVE_OK;
}

static varve_status copy_all(merge *m, const merge_input *inputs, size_t input_count,
                             varve_error *err)
{
    for (size_t i = 0; i < input_count; i++)
        VV_TRY(copy_segment(m, &inputs[i], err));
    assert(m->rows_left == 0 && !m->writer);
    return VARVE_OK;
}

varve_status segment_merge(const merge_spec *spec, const merge_input *inputs, size_t input_count,
                           segment_record *ret_records, uint32_t *ret_count, varve_error *err)
{
    segment_record records[JOB_OUTPUTS_MAX];
    merge m = {
        .spec = spec, .stride = varve_dtype_row_bytes(spec->dtype, spec->dim), .records = records};
    varve_status status;
    if (spec->output_max > JOB_OUTPUTS_MAX)
        return vv_fail(err, VARVE_LIMIT, "%u outputs are more than %d", spec->output_max,
                       JOB_OUTPUTS_MAX);
    VV_TRY(plan(&m, inputs, input_count, err));
    status = copy_all(&m, inputs, input_count, err);
    if (status != VARVE_OK) {
        remove_outputs(&m);
        return status;
    }
    for (uint32_t i = 0; i < m.finished; i++)
        ret_records[i] = records[i];
    *ret_count = m.finished;
    return VARVE_OK;
}
