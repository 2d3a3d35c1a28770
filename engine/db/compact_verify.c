/* compact_verify.c — is what lies on the desk what was asked for? Every row version is looked at:
 * the outputs must have exactly those that were to be kept, in order. Whole rows are compared at
 * some places; their bytes are covered by checksums that the merge verified as it read them. */
#include "db/compaction_inner.h"

#define SAMPLES 64

/* Steps over the rows that are kept, through all inputs, or through all outputs. */
typedef struct row_walk {
    segment *const *segments;
    tombstones *const *drops; /* NULL: none */
    size_t count, at;
    uint64_t slot;
} row_walk;

static bool walk_next(row_walk *w, segment **ret, uint64_t *ret_slot)
{
    for (; w->at < w->count; w->at++, w->slot = 0) {
        uint64_t rows = segment_get_record(w->segments[w->at])->rows;
        const tombstones *drop = w->drops ? w->drops[w->at] : NULL;
        while (w->slot < rows && tombstones_has(drop, w->slot))
            w->slot++;
        if (w->slot >= rows) continue;
        *ret = w->segments[w->at];
        *ret_slot = w->slot++;
        return true;
    }
    return false;
}

static varve_status same_row(segment *a, uint64_t i, segment *b, uint64_t j, varve_error *err)
{
    const segment_spec *spec = segment_get_spec(a);
    const uint8_t *key_a, *key_b, *vector_a, *vector_b;
    size_t len_a, len_b, stride = varve_dtype_row_bytes(spec->dtype, spec->dim);
    uint64_t ordinal_a, ordinal_b;
    varve_text fields_a, fields_b;
    VV_TRY(segment_id_key(a, i, &key_a, &len_a, err));
    VV_TRY(segment_id_key(b, j, &key_b, &len_b, err));
    VV_TRY(segment_ordinal(a, i, &ordinal_a, err));
    VV_TRY(segment_ordinal(b, j, &ordinal_b, err));
    VV_TRY(segment_fields(a, i, &fields_a, err));
    VV_TRY(segment_fields(b, j, &fields_b, err));
    VV_TRY(segment_vectors(a, i, 1, &vector_a, err));
    VV_TRY(segment_vectors(b, j, 1, &vector_b, err));
    bool same = len_a == len_b && memcmp(key_a, key_b, len_a) == 0 && ordinal_a == ordinal_b &&
                fields_a.len == fields_b.len &&
                memcmp(fields_a.data, fields_b.data, fields_a.len) == 0 &&
                memcmp(vector_a, vector_b, stride) == 0;
    if (same) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "row %llu of %s is not that of %s", (unsigned long long)j,
                   segment_path(b), segment_path(a));
}

static varve_status same_rows(row_walk *in, row_walk *out, uint64_t rows, varve_error *err)
{
    uint64_t step = rows / SAMPLES + 1;
    segment *a, *b;
    uint64_t i, j, version_a, version_b;
    for (uint64_t n = 0; walk_next(in, &a, &i); n++) {
        if (!walk_next(out, &b, &j))
            return vv_fail(err, VARVE_CORRUPT, "a row of %s is missing", segment_path(a));
        VV_TRY(segment_rowver(a, i, &version_a, err));
        VV_TRY(segment_rowver(b, j, &version_b, err));
        if (version_a != version_b)
            return vv_fail(err, VARVE_CORRUPT, "row %llu of %s has version %llu, not %llu",
                           (unsigned long long)j, segment_path(b), (unsigned long long)version_b,
                           (unsigned long long)version_a);
        if (n % step == 0 || n + 1 == rows) VV_TRY(same_row(a, i, b, j, err));
    }
    if (walk_next(out, &b, &j))
        return vv_fail(err, VARVE_CORRUPT, "%s has rows too many", segment_path(b));
    return VARVE_OK;
}

/* ---- index */

static varve_status check_index(const compact_job *j, const job_output *out, varve_error *err)
{
    char name[JOB_NAME_MAX], path[DB_PATH_MAX];
    vector_index *x = NULL;
    const job_order *o = &j->order;
    unsigned long long number = out->segment.number;
    if (out->has_index != index_spec_has_file(&o->spec))
        return vv_fail(err, VARVE_CORRUPT, "segment %llu comes with%s an index", number,
                       out->has_index ? "" : "out");
    if (!out->has_index) return VARVE_OK;
    if (out->index.kind != o->spec.kind || out->index.generation != o->generation ||
        out->index.rows != out->segment.rows || out->index.spec_hash != index_spec_hash(&o->spec))
        return vv_fail(err, VARVE_CORRUPT, "the index of segment %llu is not the one asked for",
                       number);
    job_index_name(out->segment.number, o->field, o->generation, name);
    VV_TRY(file_join(path, sizeof path, j->desk, name, err));
    VV_TRY(index_open(path, &out->index, &x, err));
    index_unref(x);
    return VARVE_OK;
}

/* ---- result */

static varve_status open_output(const compact_job *j, const job_output *out, segment **ret,
                                varve_error *err)
{
    char name[JOB_NAME_MAX], path[DB_PATH_MAX];
    const job_order *o = &j->order;
    segment_spec spec = collection_segment_spec(j->c, out->segment.number, o->dim);
    job_segment_name(out->segment.number, name);
    VV_TRY(file_join(path, sizeof path, j->desk, name, err));
    return segment_open(path, &spec, &out->segment, ret, err);
}

/* The numbers reserved, each at most once, in rowver order. */
static varve_status check_numbers(const compact_job *j, const job_result *r, varve_error *err)
{
    const job_order *o = &j->order;
    if (r->output_count > o->output_max)
        return vv_fail(err, VARVE_CORRUPT, "%u segments where at most %u were asked for",
                       r->output_count, o->output_max);
    for (uint32_t i = 0; i < r->output_count; i++) {
        const segment_record *s = &r->outputs[i].segment;
        bool ours = s->number >= o->first_number && s->number - o->first_number < o->output_max;
        bool follows = i == 0 || (s->number > r->outputs[i - 1].segment.number &&
                                  s->rowver_min > r->outputs[i - 1].segment.rowver_max);
        if (!ours || !follows || s->rows == 0)
            return vv_fail(err, VARVE_CORRUPT, "segment %llu is not one that was asked for",
                           (unsigned long long)s->number);
    }
    return VARVE_OK;
}

/* The manifest finds rows by these ranges: one that is too wide would overlap with others. */
static varve_status check_range(segment *s, varve_error *err)
{
    const segment_record *r = segment_get_record(s);
    uint64_t first, last;
    VV_TRY(segment_rowver(s, 0, &first, err));
    VV_TRY(segment_rowver(s, r->rows - 1, &last, err));
    if (first == r->rowver_min && last == r->rowver_max) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "%s has other row versions than it says", segment_path(s));
}

static varve_status check_rows(const compact_job *j, segment *const *outputs, uint32_t count,
                               varve_error *err)
{
    segment *inputs[JOB_INPUTS_MAX];
    for (size_t i = 0; i < j->count; i++)
        inputs[i] = j->pin->sources[j->first + i].seg;
    for (uint32_t i = 0; i < count; i++)
        VV_TRY(check_range(outputs[i], err));
    row_walk in = {.segments = inputs, .drops = j->drops, .count = j->count};
    row_walk out = {.segments = outputs, .count = count};
    return same_rows(&in, &out, j->rows_kept, err);
}

static varve_status verify_merge(const compact_job *j, const job_result *r, varve_error *err)
{
    segment *outputs[JOB_OUTPUTS_MAX] = {NULL};
    VV_TRY(check_numbers(j, r, err));
    varve_status status = VARVE_OK;
    for (uint32_t i = 0; i < r->output_count && status == VARVE_OK; i++) {
        status = open_output(j, &r->outputs[i], &outputs[i], err);
        if (status == VARVE_OK) status = check_index(j, &r->outputs[i], err);
    }
    if (status == VARVE_OK) status = check_rows(j, outputs, r->output_count, err);
    for (uint32_t i = 0; i < r->output_count; i++)
        segment_unref(outputs[i]);
    return status;
}

static varve_status verify_index(const compact_job *j, const job_result *r, varve_error *err)
{
    const segment_record *in = &j->order.inputs[0].segment;
    const segment_record *out = &r->outputs[0].segment;
    if (r->output_count != 1 || !r->outputs[0].has_index || out->number != in->number ||
        out->rows != in->rows || out->directory_hash != in->directory_hash)
        return vv_fail(err, VARVE_CORRUPT, "what came is not an index of segment %llu",
                       (unsigned long long)in->number);
    return check_index(j, &r->outputs[0], err);
}

varve_status verify_result(const compact_job *j, const job_result *r, varve_error *err)
{
    if (r->output_count > JOB_OUTPUTS_MAX)
        return vv_fail(err, VARVE_CORRUPT, "%u outputs are too many", r->output_count);
    return j->order.kind == JOB_INDEX ? verify_index(j, r, err) : verify_merge(j, r, err);
}
