/* merge_check.c — what a merge made, row by row against what it was made of. Equal bytes keep every
 * promise that the inputs kept; what a segment says of its rows as a whole is made anew, and so is
 * checked anew. */
#include "segment/merge.h"

#include "segment/merge_row.h"
#include "segment/norm.h"

#include <string.h>

typedef struct comparison {
    const merge_spec *spec;
    size_t stride; /* bytes of a vector */
    const merge_input *inputs;
    size_t input_count, input; /* the input in hand, and its next slot */
    uint64_t input_slot;
    segment_record found; /* of the output in hand: rows, ranges, norm */
    uint64_t seen, total; /* rows of the outputs */
    uint64_t bytes;       /* since the last report */
} comparison;

/* The next row that stays; false: there is none. */
static varve_status next_row(comparison *c, merge_row *ret, bool *ret_found, varve_error *err)
{
    for (*ret_found = false; c->input < c->input_count; c->input++, c->input_slot = 0) {
        const merge_input *in = &c->inputs[c->input];
        uint64_t rows = segment_get_record(in->seg)->rows;
        while (c->input_slot < rows && tombstones_has(in->drop, c->input_slot))
            c->input_slot++;
        if (c->input_slot == rows) continue;
        *ret_found = true;
        return merge_row_read(in->seg, c->input_slot++, ret, err);
    }
    return VARVE_OK;
}

static bool same_row(const comparison *c, const merge_row *a, const merge_row *b)
{
    return a->rowver == b->rowver && a->ordinal == b->ordinal && a->id_len == b->id_len &&
           a->fields.len == b->fields.len && memcmp(a->id, b->id, a->id_len) == 0 &&
           memcmp(a->fields.data, b->fields.data, a->fields.len) == 0 &&
           memcmp(a->vector, b->vector, c->stride) == 0;
}

static void note_row(segment_record *r, const merge_row *row, double norm)
{
    if (r->rows == 0) r->rowver_min = row->rowver;
    r->rowver_max = row->rowver;
    r->ordinal_min = VV_MIN(r->ordinal_min, row->ordinal);
    r->ordinal_max = VV_MAX(r->ordinal_max, row->ordinal);
    r->norm_max = VV_MAX(r->norm_max, norm);
    r->rows++;
}

static varve_status check_row(comparison *c, segment *s, uint64_t slot, varve_error *err)
{
    merge_row wanted = {0}, row = {0};
    bool found;
    VV_TRY(next_row(c, &wanted, &found, err));
    VV_TRY(merge_row_read(s, slot, &row, err));
    if (!found || !same_row(c, &wanted, &row))
        return vv_fail(err, VARVE_CORRUPT, "segment %s: row %llu is not what was merged",
                       segment_path(s), (unsigned long long)slot);
    note_row(&c->found, &row, norm_bound(c->spec->dtype, c->spec->dim, row.vector));
    c->bytes += 2 * merge_row_bytes(&row, c->stride);
    c->seen++;
    return VARVE_OK;
}

static varve_status report(comparison *c, varve_error *err)
{
    uint64_t bytes = c->bytes;
    c->bytes = 0;
    if (!c->spec->progress ||
        c->spec->progress(c->spec->context, "check", c->seen, c->total, bytes))
        return VARVE_OK;
    return vv_fail(err, VARVE_CANCELLED, "the check of a merge was cancelled");
}

static varve_status check_output(comparison *c, segment *s, varve_error *err)
{
    const segment_record *r = segment_get_record(s);
    c->found = (segment_record){.ordinal_min = UINT64_MAX};
    for (uint64_t slot = 0; slot < r->rows; slot++) {
        VV_TRY(check_row(c, s, slot, err));
        if (c->bytes >= MERGE_PROGRESS_BYTES) VV_TRY(report(c, err));
    }
    if (c->found.rowver_min != r->rowver_min || c->found.rowver_max != r->rowver_max ||
        c->found.ordinal_min != r->ordinal_min || c->found.ordinal_max != r->ordinal_max ||
        c->found.norm_max != r->norm_max)
        return vv_fail(err, VARVE_CORRUPT, "segment %s: has other rows than its header says",
                       segment_path(s));
    return report(c, err);
}

varve_status segment_merge_check(const merge_spec *spec, const merge_input *inputs,
                                 size_t input_count, segment *const *outputs, size_t output_count,
                                 varve_error *err)
{
    comparison c = {.spec = spec,
                    .stride = varve_dtype_row_bytes(spec->dtype, spec->dim),
                    .inputs = inputs,
                    .input_count = input_count};
    merge_row left;
    bool found;
    for (size_t i = 0; i < output_count; i++)
        c.total += segment_get_record(outputs[i])->rows;
    for (size_t i = 0; i < output_count; i++)
        VV_TRY(check_output(&c, outputs[i], err));
    VV_TRY(next_row(&c, &left, &found, err));
    if (!found) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "segment %s: row %llu is in no output",
                   segment_path(inputs[c.input].seg), (unsigned long long)(c.input_slot - 1));
}
