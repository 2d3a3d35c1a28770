/* handoff_message.c — the messages of job.h in bytes, and back. Little-endian, without gaps:
 *
 *   u32 "VHND" | u32 HANDOFF_VERSION | u8 kind | the fields of its kind
 *
 *   HELLO     u32 pid                        (its version is that of the packet)
 *   WELCOME   u64 epoch, text root
 *   PIN, BYE  nothing
 *   JOB       order, below
 *   PROGRESS  u64 epoch, u64 job, text stage, u64 done, u64 total
 *   CANCEL, ADOPTED       u64 epoch, u64 job
 *   REFUSE, FAILED        u64 epoch, u64 job, u32 status, text
 *   PROPOSE   result, below
 *
 * What decodes is the one form that encoding gives back; what does not follow job.h is refused on
 * both ways. A field more or less is a new HANDOFF_VERSION: both sides come from one release. */
#include "segment/handoff_codec.h"
#include "segment/job.h"

#include "base/bytes.h"

#include <assert.h>
#include <stdlib.h>

#define MAGIC       0x444e4856u /* "VHND" */
#define THREADS_MAX 1024
#define NICE_MAX    19
#define PERCENT_MAX 100

static const char *const names[] = {
    [HANDOFF_HELLO] = "HELLO",     [HANDOFF_WELCOME] = "WELCOME",   [HANDOFF_PIN] = "PIN",
    [HANDOFF_JOB] = "JOB",         [HANDOFF_PROGRESS] = "PROGRESS", [HANDOFF_CANCEL] = "CANCEL",
    [HANDOFF_PROPOSE] = "PROPOSE", [HANDOFF_ADOPTED] = "ADOPTED",   [HANDOFF_REFUSE] = "REFUSE",
    [HANDOFF_FAILED] = "FAILED",   [HANDOFF_BYE] = "BYE",
};

/* ---- records ------------------------------------------------------------------------------- */

static void walk_segment(codec *c, segment_record *r)
{
    uint8_t bytes[SEGMENT_RECORD_BYTES];
    uint64_t number = codec_u64(c, r->number);
    if (c->out) segment_record_put(r, bytes);
    codec_bytes(c, bytes, sizeof bytes);
    if (c->status == VARVE_OK &&
        segment_record_get(bytes, sizeof bytes, number, r, NULL) != VARVE_OK)
        codec_fail(c, "segment record");
}

static void walk_index(codec *c, bool *has_index, index_record *r)
{
    *has_index = codec_bool(c, *has_index);
    if (!*has_index) return;
    r->kind = (index_kind)codec_range(c, r->kind, INDEX_KIND_FRESH, INDEX_KIND_FULL, "index kind");
    r->generation = codec_u32(c, r->generation);
    r->spec_hash = codec_u64(c, r->spec_hash);
    r->rows = codec_u64(c, r->rows);
    r->file_bytes = codec_u64(c, r->file_bytes);
    r->footer_hash = codec_u64(c, r->footer_hash);
    codec_text(c, r->mode, 0, sizeof r->mode, "index mode");
}

static void walk_spec(codec *c, index_spec *s)
{
    s->kind = (index_kind)codec_range(c, s->kind, INDEX_KIND_FRESH, INDEX_KIND_FULL, "index kind");
    s->mode.structure =
        (index_structure)codec_range(c, s->mode.structure, 0, INDEX_SPANN, "index structure");
    s->mode.metric =
        (varve_metric)codec_range(c, (uint32_t)s->mode.metric, 0, VARVE_METRIC_COUNT - 1, "metric");
    s->mode.quantiser =
        (index_quantiser)codec_range(c, s->mode.quantiser, 0, QUANT_BINARY, "quantiser");
    s->mode.parameter = codec_u32(c, s->mode.parameter);
#define X(name, value, meaning) s->params.name = codec_u32(c, s->params.name);
    VARVE_INDEX_PARAM_TABLE(X)
#undef X
    s->params.alpha = codec_f64(c, s->params.alpha);
    s->dim = codec_range(c, s->dim, 1, UINT32_MAX, "dimension");
    s->dtype = (varve_dtype)codec_range(c, s->dtype, 0, VARVE_DTYPE_COUNT - 1, "vector type");
}

/* ---- order --------------------------------------------------------------------------------- */

static void walk_limits(codec *c, job_limits *l)
{
    l->threads = codec_range(c, l->threads, 1, THREADS_MAX, "number of threads");
    l->nice = codec_range(c, l->nice, 0, NICE_MAX, "nice value");
    l->cpu_percent = codec_range(c, l->cpu_percent, 1, PERCENT_MAX, "share of a processor");
    l->memory_max = codec_u64(c, l->memory_max);
    l->io_bytes_per_s = codec_u64(c, l->io_bytes_per_s);
}

static void walk_input(codec *c, job_input *in)
{
    walk_segment(c, &in->segment);
    in->drop_count = codec_u64(c, in->drop_count);
    walk_index(c, &in->has_index, &in->index);
    if (in->drop_count > in->segment.rows) codec_fail(c, "number of slots to drop");
}

static void check_index_order(codec *c, const job_order *o)
{
    if (o->input_count != 1 || o->inputs[0].drop_count != 0)
        codec_fail(c, "inputs of an index job");
}

static void check_merge_order(codec *c, const job_order *o)
{
    if (o->rows_max == 0) codec_fail(c, "rows of an output");
    if (o->output_max == 0) codec_fail(c, "number of outputs");
    if (o->first_number > UINT64_MAX - o->output_max) codec_fail(c, "output numbers");
    for (uint32_t i = 1; i < o->input_count; i++)
        if (o->inputs[i].segment.rowver_min <= o->inputs[i - 1].segment.rowver_max)
            codec_fail(c, "order of inputs");
}

static void walk_order(codec *c, job_order *o)
{
    o->epoch = codec_u64(c, o->epoch);
    o->job = codec_u64(c, o->job);
    o->kind = (job_kind)codec_range(c, o->kind, JOB_INDEX, JOB_MERGE, "kind");
    o->collection = codec_u32(c, o->collection);
    o->field = codec_u16(c, o->field);
    o->dim = codec_range(c, o->dim, 1, UINT32_MAX, "dimension");
    o->dtype = (varve_dtype)codec_range(c, o->dtype, 0, VARVE_DTYPE_COUNT - 1, "vector type");
    walk_spec(c, &o->spec);
    o->generation = codec_u32(c, o->generation);
    o->rows_max = codec_u64(c, o->rows_max);
    o->first_number = codec_u64(c, o->first_number);
    o->output_max = codec_range(c, o->output_max, 0, JOB_OUTPUTS_MAX, "number of outputs");
    walk_limits(c, &o->limits);
    o->input_count = codec_range(c, o->input_count, 1, JOB_INPUTS_MAX, "number of inputs");
    for (uint32_t i = 0; i < o->input_count && c->status == VARVE_OK; i++)
        walk_input(c, &o->inputs[i]);
    if (o->spec.dim != o->dim || o->spec.dtype != o->dtype) codec_fail(c, "index spec");
    if (o->kind == JOB_INDEX) check_index_order(c, o);
    if (o->kind == JOB_MERGE) check_merge_order(c, o);
}

/* ---- result, progress, texts --------------------------------------------------------------- */

static void walk_result(codec *c, job_result *r)
{
    r->epoch = codec_u64(c, r->epoch);
    r->job = codec_u64(c, r->job);
    r->bytes_read = codec_u64(c, r->bytes_read);
    r->bytes_written = codec_u64(c, r->bytes_written);
    r->output_count = codec_range(c, r->output_count, 0, JOB_OUTPUTS_MAX, "number of outputs");
    for (uint32_t i = 0; i < r->output_count && c->status == VARVE_OK; i++) {
        walk_segment(c, &r->outputs[i].segment);
        walk_index(c, &r->outputs[i].has_index, &r->outputs[i].index);
    }
}

static void walk_progress(codec *c, job_progress *p)
{
    p->epoch = codec_u64(c, p->epoch);
    p->job = codec_u64(c, p->job);
    codec_text(c, p->stage, 0, sizeof p->stage, "stage");
    p->done = codec_u64(c, p->done);
    p->total = codec_u64(c, p->total);
    if (p->done > p->total) codec_fail(c, "progress");
}

static void walk_job(codec *c, handoff_message *m)
{
    m->epoch = codec_u64(c, m->epoch);
    m->job = codec_u64(c, m->job);
}

static void walk_why(codec *c, handoff_message *m)
{
    walk_job(c, m);
    m->why.status =
        (varve_status)codec_range(c, m->why.status, VARVE_OK + 1, VARVE_STATUS_COUNT - 1, "status");
    codec_text(c, m->why.message, 0, sizeof m->why.message, "sentence");
}

static void walk_welcome(codec *c, handoff_message *m)
{
    m->epoch = codec_u64(c, m->epoch);
    codec_text(c, m->root, 1, sizeof m->root, "folder");
    if (c->status == VARVE_OK && m->root[0] != '/') codec_fail(c, "folder");
}

/* ---- message ------------------------------------------------------------------------------- */

static void walk_message(codec *c, handoff_message *m)
{
    assert(m->kind != HANDOFF_JOB || m->order);
    assert(m->kind != HANDOFF_PROPOSE || m->result);
    switch (m->kind) {
    case HANDOFF_HELLO: m->pid = codec_u32(c, m->pid); break;
    case HANDOFF_WELCOME: walk_welcome(c, m); break;
    case HANDOFF_JOB: walk_order(c, m->order); break;
    case HANDOFF_PROGRESS: walk_progress(c, &m->progress); break;
    case HANDOFF_CANCEL:
    case HANDOFF_ADOPTED: walk_job(c, m); break;
    case HANDOFF_PROPOSE: walk_result(c, m->result); break;
    case HANDOFF_REFUSE:
    case HANDOFF_FAILED: walk_why(c, m); break;
    case HANDOFF_PIN:
    case HANDOFF_BYE: break;
    }
    codec_end(c);
}

/* Magic and version stand in front of everything a version may change. */
static void walk_head(codec *c, handoff_message *m)
{
    uint32_t version = m->kind == HANDOFF_HELLO ? m->version : HANDOFF_VERSION;
    if (codec_u32(c, MAGIC) != MAGIC) codec_fail(c, "magic");
    version = codec_u32(c, version);
    if (c->status != VARVE_OK) return;
    if (!c->out && version != HANDOFF_VERSION) {
        c->status = vv_fail(c->err, VARVE_NEWER_FORMAT,
                            "the other side speaks version %u of the hand-off, this one %d",
                            version, HANDOFF_VERSION);
        return;
    }
    m->kind = (handoff_kind)codec_u8(c, (uint8_t)m->kind);
    if (m->kind < HANDOFF_HELLO || m->kind > HANDOFF_BYE) codec_fail(c, "kind");
    if (c->status != VARVE_OK) return;
    c->what = names[m->kind];
    if (m->kind == HANDOFF_HELLO) m->version = version;
}

varve_status handoff_encode(const handoff_message *m, buffer *out, varve_error *err)
{
    codec c = {.out = out, .what = "message", .err = err};
    handoff_message copy = *m; /* the walk writes back what it reads; here that is the same */
    size_t before = out->len;
    walk_head(&c, &copy);
    if (c.status == VARVE_OK) walk_message(&c, &copy);
    if (c.status == VARVE_OK && out->len - before > HANDOFF_MESSAGE_MAX) codec_fail(&c, "length");
    if (c.status != VARVE_OK) out->len = before;
    return c.status;
}

static varve_status message_init(handoff_message *m, varve_error *err)
{
    if (m->kind == HANDOFF_JOB) m->order = calloc(1, sizeof *m->order);
    if (m->kind == HANDOFF_PROPOSE) m->result = calloc(1, sizeof *m->result);
    if ((m->kind == HANDOFF_JOB && !m->order) || (m->kind == HANDOFF_PROPOSE && !m->result))
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a message");
    return VARVE_OK;
}

varve_status handoff_decode(const void *bytes, size_t len, handoff_message *ret, varve_error *err)
{
    VV_CLEANUP(handoff_message_done) handoff_message m = {0};
    codec c = {.at = bytes, .left = len, .what = "message", .err = err};
    if (len > HANDOFF_MESSAGE_MAX) codec_fail(&c, "length");
    walk_head(&c, &m);
    if (c.status == VARVE_OK) c.status = message_init(&m, err);
    if (c.status == VARVE_OK) walk_message(&c, &m);
    if (c.status != VARVE_OK) return c.status;
    *ret = m;
    m = (handoff_message){0};
    return VARVE_OK;
}

void handoff_message_done(handoff_message *m)
{
    free(m->order);
    free(m->result);
    *m = (handoff_message){0};
}
