/* compact_pin.c — from a decision to a job: inputs held by a view, the slots to drop on the desk,
 * the numbers of the outputs reserved. */
#include "db/compaction_inner.h"

/* Beyond those expected, for outputs that end early because their fields take much memory. */
#define SPARE_OUTPUTS 8

varve_status compact_point(const char *name, varve_error *err)
{
    fault_kind fault = VV_FAULT(name);
    (void)name;
    if (fault == VV_FAULT_NONE) return VARVE_OK;
    return vv_fail(err, fault == VV_FAULT_ENOSPC ? VARVE_NO_SPACE : VARVE_IO, "a fault at %s",
                   name);
}

static void remove_desk(const compact_job *j)
{
    varve_error ignored;
    if (!j->desk[0]) return;
    varve_status status = file_remove_tree(j->desk, &ignored);
    (void)status; /* what stays, the sweep removes */
    (void)VV_FAULT("compact.desk_removed");
}

void job_free(compact_job *j)
{
    if (!j) return;
    remove_desk(j);
    for (size_t i = 0; i < VV_COUNT(j->drops); i++)
        tombstones_unref(j->drops[i]);
    view_unref(j->pin);
    varve_collection_release(j->c);
    free(j);
}

static void job_freep(compact_job **j) { job_free(*j); }

/* ---- what to drop */

/* Hidden, and not to come back: superseded. */
static varve_status superseded_slots(const row_source *s, tombstones **ret, varve_error *err)
{
    uint64_t count = tombstones_count(s->deleted), slot = 0;
    size_t n = 0;
    VV_CLEANUP(vv_freep) uint64_t *deleted = malloc((count + 1) * sizeof *deleted);
    if (!deleted) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a compaction");
    for (; tombstones_next(s->deleted, slot, &slot); slot++)
        deleted[n++] = slot;
    return tombstones_change(s->hidden, NULL, 0, deleted, n, ret, err);
}

static varve_status add_input(compact_job *j, size_t i, varve_error *err)
{
    const row_source *s = &j->pin->sources[j->first + i];
    job_input *in = &j->order.inputs[i];
    bool drops = j->order.kind == JOB_MERGE;
    if (drops) VV_TRY(superseded_slots(s, &j->drops[i], err));
    in->segment = *segment_get_record(s->seg);
    in->drop_count = tombstones_count(j->drops[i]);
    in->has_index = s->index != NULL;
    if (s->index) in->index = *index_get_record(s->index);
    j->rows_kept += s->rows - in->drop_count;
    return VARVE_OK;
}

static varve_status write_drops(const compact_job *j, varve_error *err)
{
    VV_TRY(compact_point("compact.desk", err));
    VV_TRY(file_make_dir(j->desk, err));
    for (size_t i = 0; i < j->count; i++) {
        const job_input *in = &j->order.inputs[i];
        char name[JOB_NAME_MAX], path[DB_PATH_MAX];
        if (in->drop_count == 0) continue;
        job_drop_name(in->segment.number, name);
        VV_TRY(file_join(path, sizeof path, j->desk, name, err));
        VV_TRY(drop_file_write(path, in->segment.number, in->segment.rows, j->drops[i], err));
    }
    return VARVE_OK;
}

/* ---- what to build */

/* The index that outputs of so many rows get: FLAT-IP without a quantiser stands for none. (FLAT by
 * a metric of bits would not: it has a file of its own.) */
static index_spec spec_for(const compact_plan *p, uint64_t rows)
{
    index_spec none = p->wants.fresh_spec;
    none.kind = INDEX_KIND_FULL;
    none.mode = (index_mode){.structure = INDEX_FLAT, .metric = VARVE_METRIC_IP};
    if (p->wants.full && rows >= p->rules.index_rows_min && rows <= p->rules.rows_fit)
        return p->wants.full_spec;
    return p->wants.fresh && rows >= PICK_FRESH_ROWS_MIN ? p->wants.fresh_spec : none;
}

static varve_status set_outputs(compact_job *j, const compact_plan *p, varve_error *err)
{
    job_order *o = &j->order;
    if (o->kind == JOB_INDEX) {
        o->spec = *index_wanted(&p->wants);
        o->generation = j->pin->sources[j->first].index_generation + 1;
        return VARVE_OK;
    }
    uint32_t outputs = merge_outputs(j->rows_kept, p->decision.rows_max);
    if (outputs > JOB_OUTPUTS_MAX)
        return vv_fail(err, VARVE_LIMIT, "%llu rows do not fit into %d segments of %llu",
                       (unsigned long long)j->rows_kept, JOB_OUTPUTS_MAX,
                       (unsigned long long)p->decision.rows_max);
    outputs = VV_MAX(outputs, 1);
    o->output_max = VV_MIN(outputs + SPARE_OUTPUTS, JOB_OUTPUTS_MAX);
    o->rows_max = p->decision.rows_max;
    o->generation = 1;
    o->spec = spec_for(p, j->rows_kept / outputs);
    return VARVE_OK;
}

static job_limits limits_of(const varve_options *o)
{
    return (job_limits){.threads = (uint32_t)VV_MAX(1, VV_MIN(o->compact_threads, 1024)),
                        .nice = (uint32_t)VV_MIN(o->compact_nice, 19),
                        .cpu_percent = (uint32_t)VV_MAX(1, VV_MIN(o->compact_cpu_percent, 100)),
                        .memory_max = o->compact_memory_max,
                        .io_bytes_per_s = o->compact_io_bytes_per_s};
}

static void reserve_numbers(compact_job *j)
{
    varve_collection *c = j->c;
    pthread_mutex_lock(&c->db->writer_lock);
    j->order.first_number = c->counters.next_segment;
    c->counters.next_segment += j->order.output_max;
    pthread_mutex_unlock(&c->db->writer_lock);
}

static varve_status prepare(compaction *k, compact_job *j, const compact_plan *p, varve_error *err)
{
    job_order *o = &j->order;
    bool index = p->decision.kind == PICK_INDEX || p->decision.kind == PICK_REBUILD;
    o->epoch = k->epoch;
    o->job = k->next_job++;
    o->kind = index ? JOB_INDEX : JOB_MERGE;
    o->collection = j->c->id;
    o->field = INDEX_FIELD_PRIMARY;
    o->dim = p->field.dim;
    o->dtype = p->field.dtype;
    o->limits = limits_of(&k->db->options);
    o->input_count = (uint32_t)j->count;
    for (size_t i = 0; i < j->count; i++)
        VV_TRY(add_input(j, i, err));
    VV_TRY(set_outputs(j, p, err));
    VV_TRY(job_desk_path(k->db->path, o->epoch, o->job, j->desk, sizeof j->desk, err));
    VV_TRY(write_drops(j, err));
    reserve_numbers(j);
    VV_TRY(compact_point("compact.reserved", err));
    return compact_point("compact.pinned", err);
}

varve_status pin_job(compaction *k, varve_collection *c, const compact_plan *p, compact_job **ret,
                     varve_error *err)
{
    VV_CLEANUP(job_freep) compact_job *j = calloc(1, sizeof *j);
    if (!j) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a job");
    j->c = collection_ref(c);
    j->pin = view_ref(p->v);
    j->first = p->sources[p->decision.first];
    j->count = p->decision.count;
    VV_TRY(prepare(k, j, p, err));
    *ret = j;
    j = NULL;
    return VARVE_OK;
}
