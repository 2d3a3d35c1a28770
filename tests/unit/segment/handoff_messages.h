/* handoff_messages.h — one message of every kind, with a value in every field, for tests of the
 * hand-off. */
#ifndef VARVE_TESTS_HANDOFF_MESSAGES_H
#define VARVE_TESTS_HANDOFF_MESSAGES_H

#include "segment/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline segment_record sample_segment(uint64_t i)
{
    return (segment_record){
        .number = 100 + i,
        .rows = 50,
        .rowver_min = 1000 * i + 1,
        .rowver_max = 1000 * i + 900,
        .ordinal_min = 7,
        .ordinal_max = 77 + i,
        .file_bytes = 123456 + i,
        .directory_hash = 0x1122334455667788u + i,
        .norm_max = 1.5 + (double)i,
    };
}

static inline index_record sample_index(uint64_t i)
{
    return (index_record){
        .kind = i % 2 ? INDEX_KIND_FULL : INDEX_KIND_FRESH,
        .generation = (uint32_t)i,
        .spec_hash = i * 3,
        .rows = 50,
        .file_bytes = i * 5,
        .footer_hash = i * 7,
        .mode = "HNSW-COS-SQ8",
    };
}

static inline job_order *sample_order(job_kind kind, uint32_t inputs)
{
    job_order *o = calloc(1, sizeof *o);
    if (!o) abort();
    o->epoch = 11;
    o->job = 12;
    o->kind = kind;
    o->collection = 13;
    o->field = 2;
    o->dim = 14;
    o->dtype = VARVE_FLOAT16;
    o->spec = (index_spec){.kind = INDEX_KIND_FULL,
                           .mode = {INDEX_HNSW, VARVE_METRIC_COSINE, QUANT_SQ8, 3},
                           .dim = 14,
                           .dtype = VARVE_FLOAT16};
    o->spec.params.m = 15;
    o->spec.params.alpha = 1.25;
    o->generation = 16;
    o->rows_max = 17;
    o->first_number = 18;
    o->output_max = 19;
    o->limits = (job_limits){
        .threads = 2, .nice = 19, .cpu_percent = 50, .memory_max = 21, .io_bytes_per_s = 22};
    o->input_count = inputs;
    for (uint32_t i = 0; i < inputs && i < JOB_INPUTS_MAX; i++)
        o->inputs[i] = (job_input){.segment = sample_segment(i),
                                   .drop_count = kind == JOB_MERGE ? i % 3 : 0,
                                   .has_index = i % 2 == 0,
                                   .index = i % 2 == 0 ? sample_index(i) : (index_record){0}};
    return o;
}

static inline job_result *sample_result(uint32_t outputs)
{
    job_result *r = calloc(1, sizeof *r);
    if (!r) abort();
    *r = (job_result){.epoch = 31, .job = 32, .bytes_read = 33, .bytes_written = 34};
    r->output_count = outputs;
    for (uint32_t i = 0; i < outputs && i < JOB_OUTPUTS_MAX; i++)
        r->outputs[i] = (job_output){.segment = sample_segment(i),
                                     .has_index = i % 2 == 1,
                                     .index = i % 2 == 1 ? sample_index(i) : (index_record){0}};
    return r;
}

#define SAMPLE_COUNT 16
/* End with handoff_message_done(). */
static inline handoff_message sample_message(unsigned i)
{
    handoff_message m = {.epoch = 41, .job = 42};
    static const handoff_kind kinds[SAMPLE_COUNT] = {
        HANDOFF_HELLO,   HANDOFF_WELCOME, HANDOFF_PIN,     HANDOFF_JOB,
        HANDOFF_JOB,     HANDOFF_JOB,     HANDOFF_JOB,     HANDOFF_PROGRESS,
        HANDOFF_CANCEL,  HANDOFF_PROPOSE, HANDOFF_PROPOSE, HANDOFF_PROPOSE,
        HANDOFF_ADOPTED, HANDOFF_REFUSE,  HANDOFF_FAILED,  HANDOFF_BYE,
    };
    m.kind = kinds[i % SAMPLE_COUNT];
    switch (i % SAMPLE_COUNT) {
    case 0:
        m.version = HANDOFF_VERSION;
        m.pid = 4711;
        break;
    case 1: (void)snprintf(m.root, sizeof m.root, "/a folder/\xc3\xa4"); break;
    case 3: m.order = sample_order(JOB_INDEX, 1); break;
    case 4: m.order = sample_order(JOB_MERGE, 1); break;
    case 5: m.order = sample_order(JOB_MERGE, 3); break;
    case 6: m.order = sample_order(JOB_MERGE, JOB_INPUTS_MAX); break;
    case 7:
        m.progress =
            (job_progress){.epoch = 51, .job = 52, .stage = "graph", .done = 3, .total = 9};
        break;
    case 9: m.result = sample_result(0); break;
    case 10: m.result = sample_result(2); break;
    case 11: m.result = sample_result(JOB_OUTPUTS_MAX); break;
    case 13:
    case 14: vv_error_set(&m.why, VARVE_CORRUPT, "segment 7.seg: block 3"); break;
    default: break;
    }
    return m;
}

#endif
