/* run_job.c — see run_job.h.
 *
 *   open inputs --> MERGE: merge to the desk, compare --> each output: index, check --+--> result
 *               +-> INDEX: index of the one input, check -----------------------------+
 *
 * Indexes are built from nothing (docs/index-modes.md says why). */
#include "run_job.h"

#include "meter.h"
#include "self_check.h"
#include "stages.h"

#include "base/fault.h"
#include "base/file.h"
#include "segment/drop_file.h"
#include "segment/merge.h"

#include <stdio.h>

typedef struct run {
    const job_order *order;
    const char *root;
    char desk[JOB_PATH_MAX];
    bool has_index; /* outputs get one */
    uint64_t rows;  /* that stay */
    merge_input inputs[JOB_INPUTS_MAX];
    tombstones *drops[JOB_INPUTS_MAX];
    segment *outputs[JOB_OUTPUTS_MAX]; /* of a merge, once it is done */
    meter progress;
    channel *to;
    job_result *result;
} run;

static varve_status step(fault_kind fault, const char *what, varve_error *err)
{
    if (fault == VV_FAULT_NONE) return VARVE_OK;
    return vv_fail(err, VARVE_IO, "%s failed because a test wants it to", what);
}

/* VARVE_CANCELLED from below tells that, not why. */
static varve_status reason_of(run *r, varve_status status, varve_error *err)
{
    varve_error why = {0};
    if (status == VARVE_OK || channel_check(r->to, &why) == VARVE_OK) return status;
    return vv_fail(err, why.status, "%s", why.message);
}

/* Between two long calls that do not report. */
static varve_status pass(run *r, const char *stage, uint64_t bytes, varve_error *err)
{
    (void)meter_step(&r->progress, stage, 0, 0, bytes);
    return channel_check(r->to, err);
}

/* ---- inputs -------------------------------------------------------------------------------- */

static varve_status open_input(run *r, uint32_t i, varve_error *err)
{
    const job_order *o = r->order;
    const job_input *in = &o->inputs[i];
    const segment_spec spec = {.collection = o->collection,
                               .number = in->segment.number,
                               .dim = o->dim,
                               .dtype = o->dtype,
                               .any_content = true}; /* the owner compares */
    char name[JOB_NAME_MAX], path[JOB_PATH_MAX];
    job_segment_name(in->segment.number, name);
    VV_TRY(job_input_path(r->root, o->collection, name, path, sizeof path, err));
    VV_TRY(segment_open(path, &spec, &in->segment, &r->inputs[i].seg, err));
    r->result->bytes_read += in->segment.file_bytes;
    r->rows += in->segment.rows - in->drop_count;
    if (in->drop_count == 0) return VARVE_OK;
    job_drop_name(in->segment.number, name);
    VV_TRY(file_join(path, sizeof path, r->desk, name, err));
    VV_TRY(drop_file_read(path, in->segment.number, in->segment.rows, in->drop_count, &r->drops[i],
                          err));
    r->inputs[i].drop = r->drops[i];
    return VARVE_OK;
}

static varve_status open_inputs(run *r, varve_error *err)
{
    for (uint32_t i = 0; i < r->order->input_count; i++)
        VV_TRY(open_input(r, i, err));
    return step(VV_FAULT("compactor.inputs_open"), "opening the inputs", err);
}

static void close_segments(run *r)
{
    for (uint32_t i = 0; i < r->order->input_count; i++) {
        segment_unref(r->inputs[i].seg);
        tombstones_unref(r->drops[i]);
    }
    for (uint32_t i = 0; i < JOB_OUTPUTS_MAX; i++)
        segment_unref(r->outputs[i]);
}

/* Known before the first byte is written: the build would refuse as well, after the merge. */
static varve_status check_memory(const run *r, varve_error *err)
{
    const job_order *o = r->order;
    uint32_t outputs = o->kind == JOB_MERGE ? merge_outputs(r->rows, o->rows_max) : 1;
    uint64_t rows = outputs ? (r->rows + outputs - 1) / outputs : 0, bytes;
    if (rows > UINT32_MAX)
        return vv_fail(err, VARVE_LIMIT, "a segment of %llu rows is too large",
                       (unsigned long long)rows);
    if (!r->has_index || rows == 0 || o->limits.memory_max == 0) return VARVE_OK;
    bytes = index_build_bytes(&o->spec, rows);
    if (bytes <= o->limits.memory_max) return VARVE_OK;
    return vv_fail(err, VARVE_LIMIT,
                   "an index over %llu rows takes about %llu bytes of memory, the limit "
                   "compact_memory_max is %llu",
                   (unsigned long long)rows, (unsigned long long)bytes,
                   (unsigned long long)o->limits.memory_max);
}

/* ---- an index ------------------------------------------------------------------------------ */

static varve_status get_vectors(void *context, uint32_t first, uint32_t n, const uint8_t **ret,
                                varve_error *err)
{
    return segment_vectors(context, first, n, ret, err);
}

static index_rows rows_of(segment *s)
{
    const segment_spec *spec = segment_get_spec(s);
    return (index_rows){.count = (uint32_t)segment_get_record(s)->rows,
                        .dim = spec->dim,
                        .dtype = spec->dtype,
                        .get = get_vectors,
                        .context = s};
}

static varve_status build_index(run *r, segment *s, uint32_t generation, char path[JOB_PATH_MAX],
                                index_record *ret, varve_error *err)
{
    const job_order *o = r->order;
    const index_rows rows = rows_of(s);
    const index_build_options options = {.threads = o->limits.threads,
                                         .seed = segment_get_record(s)->number,
                                         .memory_max = o->limits.memory_max,
                                         .progress = meter_step,
                                         .context = &r->progress};
    char name[JOB_NAME_MAX], temporary[JOB_PATH_MAX + 8];
    job_index_name(segment_get_record(s)->number, o->field, generation, name);
    VV_TRY(file_join(path, JOB_PATH_MAX, r->desk, name, err));
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", path);
    meter_begin(&r->progress, rows.count * stages_row_cost(&o->spec), &o->spec);
    return index_build(&o->spec, &rows, generation, &options, temporary, path, ret, err);
}

static varve_status index_output(run *r, segment *s, uint32_t generation, job_output *out,
                                 varve_error *err)
{
    char path[JOB_PATH_MAX];
    const index_rows rows = rows_of(s);
    VV_TRY(build_index(r, s, generation, path, &out->index, err));
    out->has_index = true;
    r->result->bytes_written += out->index.file_bytes;
    VV_TRY(step(VV_FAULT("compactor.indexed"), "building an index", err));
    VV_TRY(pass(r, "check", out->index.file_bytes, err));
    VV_TRY(self_check_index(path, &out->index, &rows, err));
    return step(VV_FAULT("compactor.index_checked"), "the check of an index", err);
}

/* ---- the two kinds of job ------------------------------------------------------------------ */

static varve_status run_index(run *r, varve_error *err)
{
    job_output *out = &r->result->outputs[0];
    if (!r->has_index)
        return vv_fail(err, VARVE_INVALID, "an index of this mode is served without a file");
    out->segment = r->order->inputs[0].segment;
    VV_TRY(index_output(r, r->inputs[0].seg, r->order->generation, out, err));
    r->result->output_count = 1;
    return VARVE_OK;
}

static merge_spec spec_of(run *r)
{
    const job_order *o = r->order;
    return (merge_spec){.collection = o->collection,
                        .dim = o->dim,
                        .dtype = o->dtype,
                        .first_number = o->first_number,
                        .output_max = o->output_max,
                        .rows_max = o->rows_max,
                        .memory_max = o->limits.memory_max,
                        .directory = r->desk,
                        .progress = meter_step,
                        .context = &r->progress};
}

static varve_status merge_inputs(run *r, varve_error *err)
{
    segment_record records[JOB_OUTPUTS_MAX];
    const merge_spec spec = spec_of(r);
    job_result *result = r->result;
    VV_TRY(segment_merge(&spec, r->inputs, r->order->input_count, records, &result->output_count,
                         err));
    for (uint32_t i = 0; i < result->output_count; i++) {
        result->outputs[i].segment = records[i];
        result->bytes_written += records[i].file_bytes;
    }
    return step(VV_FAULT("compactor.merged"), "the merge", err);
}

static varve_status open_output(run *r, uint32_t i, varve_error *err)
{
    const job_order *o = r->order;
    const segment_record *record = &r->result->outputs[i].segment;
    const segment_spec spec = {.collection = o->collection,
                               .number = record->number,
                               .dim = o->dim,
                               .dtype = o->dtype,
                               .any_content = true};
    char name[JOB_NAME_MAX], path[JOB_PATH_MAX];
    job_segment_name(record->number, name);
    VV_TRY(file_join(path, sizeof path, r->desk, name, err));
    return segment_open(path, &spec, record, &r->outputs[i], err);
}

static varve_status check_outputs(run *r, varve_error *err)
{
    const merge_spec spec = spec_of(r);
    for (uint32_t i = 0; i < r->result->output_count; i++)
        VV_TRY(open_output(r, i, err));
    VV_TRY(segment_merge_check(&spec, r->inputs, r->order->input_count, r->outputs,
                               r->result->output_count, err));
    return step(VV_FAULT("compactor.checked"), "the check", err);
}

static varve_status run_merge(run *r, uint64_t input_rows, varve_error *err)
{
    meter_begin(&r->progress, (double)input_rows, NULL);
    VV_TRY(merge_inputs(r, err));
    meter_begin(&r->progress, (double)r->rows, NULL);
    VV_TRY(check_outputs(r, err));
    for (uint32_t i = 0; r->has_index && i < r->result->output_count; i++)
        VV_TRY(index_output(r, r->outputs[i], 1, &r->result->outputs[i], err));
    return VARVE_OK;
}

/* ---- the job ------------------------------------------------------------------------------- */

/* In rows that are merged: a row compared, or indexed by the cheapest kind, is about as much. */
static double work_of(const run *r, uint64_t input_rows)
{
    double rows = (double)r->rows, work = 0;
    if (r->has_index) work += rows * stages_row_cost(&r->order->spec);
    if (r->order->kind == JOB_MERGE) work += (double)input_rows + rows;
    return work;
}

static varve_status run_order(run *r, varve_error *err)
{
    const job_order *o = r->order;
    uint64_t input_rows = 0;
    VV_TRY(step(VV_FAULT("compactor.begin"), "the beginning", err));
    VV_TRY(job_desk_path(r->root, o->epoch, o->job, r->desk, sizeof r->desk, err));
    if (r->has_index) VV_TRY(index_spec_check(&o->spec, err));
    VV_TRY(open_inputs(r, err));
    VV_TRY(check_memory(r, err));
    for (uint32_t i = 0; i < o->input_count; i++)
        input_rows += o->inputs[i].segment.rows;
    meter_init(&r->progress, r->to, o, input_rows, work_of(r, input_rows));
    return o->kind == JOB_INDEX ? run_index(r, err) : run_merge(r, input_rows, err);
}

varve_status run_job(channel *c, const char *root, const job_order *order, job_result *ret,
                     varve_error *err)
{
    run r = {.order = order, .root = root, .to = c, .result = ret};
    varve_status status;
    *ret = (job_result){.epoch = order->epoch, .job = order->job};
    r.has_index = index_spec_has_file(&order->spec);
    throttle_set_priority(order->limits.nice);
    status = reason_of(&r, run_order(&r, err), err);
    close_segments(&r);
    return status;
}
