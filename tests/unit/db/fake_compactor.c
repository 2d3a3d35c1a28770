/* fake_compactor.c — see fake_compactor.h. Whatever goes wrong here is a failure of the test. */
#include "fake_compactor.h"

#include "base/file.h"
#include "db/db.h"
#include "segment/drop_file.h"
#include "segment/merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void check(varve_status status, const varve_error *err)
{
    if (status == VARVE_OK) return;
    fprintf(stderr, "fake compactor: %s: %s\n", varve_status_name(status), err->message);
    abort();
}

static void send_message(fake_compactor *f, const handoff_message *m)
{
    varve_error err = {0};
    check(handoff_send(f->fd, m, &err), &err);
}

/* ---- connection */

void fake_start(fake_compactor *f, const char *folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    varve_error err = {0};
    handoff_message hello = {
        .kind = HANDOFF_HELLO, .version = HANDOFF_VERSION, .pid = (uint32_t)getpid()};
    handoff_message m = {0};
    *f = (fake_compactor){.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/compactor.sock", folder);
    if (connect(f->fd, (struct sockaddr *)&address, sizeof address) != 0) abort();
    send_message(f, &hello);
    check(handoff_receive(f->fd, 10000, &m, &err), &err);
    if (m.kind != HANDOFF_WELCOME) abort();
    f->epoch = m.epoch;
    snprintf(f->root, sizeof f->root, "%s", m.root);
    handoff_message_done(&m);
}

void fake_end(fake_compactor *f)
{
    /* A job that is being built is proposed still: once the owner sees the end of the connection,
     * its desk goes. */
    if (f->serving) pthread_mutex_lock(&f->building);
    f->ending = true;
    if (f->fd >= 0) shutdown(f->fd, SHUT_RD);
    if (f->serving) {
        pthread_mutex_unlock(&f->building);
        pthread_join(f->thread, NULL);
        pthread_mutex_destroy(&f->building);
    }
    if (f->fd >= 0) close(f->fd);
    free(f->order);
    *f = (fake_compactor){.fd = -1};
}

void fake_ask(fake_compactor *f)
{
    const handoff_message pin = {.kind = HANDOFF_PIN};
    send_message(f, &pin);
}

/* Takes over the order of a JOB. */
static handoff_kind receive(fake_compactor *f, uint64_t timeout_ms)
{
    handoff_message m = {0};
    varve_error err = {0};
    varve_status status = handoff_receive(f->fd, timeout_ms, &m, &err);
    if (status != VARVE_OK) return 0;
    if (m.kind == HANDOFF_JOB) {
        free(f->order);
        f->order = m.order;
        m.order = NULL;
    }
    f->why = m.why;
    handoff_kind kind = m.kind;
    handoff_message_done(&m);
    return kind;
}

handoff_kind fake_next(fake_compactor *f) { return receive(f, 10000); }

bool fake_take_within(fake_compactor *f, uint64_t timeout_ms)
{
    fake_ask(f);
    return receive(f, timeout_ms) == HANDOFF_JOB;
}

void fake_take(fake_compactor *f)
{
    if (!fake_take_within(f, 10000)) abort();
}

/* ---- work */

static void join(char ret[DB_PATH_MAX], const char *directory, const char *name)
{
    varve_error err = {0};
    check(file_join(ret, DB_PATH_MAX, directory, name, &err), &err);
}

static varve_status get_rows(void *context, uint32_t first, uint32_t n, const uint8_t **ret,
                             varve_error *err)
{
    return segment_vectors(context, first, n, ret, err);
}

static void build_index(fake_compactor *f, const char *desk, segment *s, job_output *out)
{
    const job_order *o = f->order;
    char name[JOB_NAME_MAX], path[DB_PATH_MAX], temporary[DB_PATH_MAX + 8];
    varve_error err = {0};
    index_rows rows = {.count = (uint32_t)out->segment.rows,
                       .dim = o->dim,
                       .dtype = o->dtype,
                       .get = get_rows,
                       .context = s};
    index_build_options options = {.threads = 1, .seed = 1};
    out->has_index = index_spec_has_file(&o->spec);
    if (!out->has_index) return;
    job_index_name(out->segment.number, o->field, o->generation, name);
    join(path, desk, name);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    check(index_build(&o->spec, &rows, o->generation, &options, temporary, path, &out->index, &err),
          &err);
}

static segment *open_in(const char *directory, const job_order *o, const segment_record *r)
{
    char name[JOB_NAME_MAX], path[DB_PATH_MAX];
    segment_spec spec = {.collection = o->collection,
                         .number = r->number,
                         .dim = o->dim,
                         .dtype = o->dtype,
                         .any_content = true};
    segment *s = NULL;
    varve_error err = {0};
    job_segment_name(r->number, name);
    join(path, directory, name);
    check(segment_open(path, &spec, r, &s, &err), &err);
    return s;
}

static void merge(fake_compactor *f, const char *desk, const char *folder)
{
    const job_order *o = f->order;
    merge_input inputs[JOB_INPUTS_MAX] = {0};
    segment_record records[JOB_OUTPUTS_MAX];
    varve_error err = {0};
    for (uint32_t i = 0; i < o->input_count; i++) {
        char name[JOB_NAME_MAX], path[DB_PATH_MAX];
        const job_input *in = &o->inputs[i];
        tombstones *drop = NULL;
        inputs[i].seg = open_in(folder, o, &in->segment);
        job_drop_name(in->segment.number, name);
        join(path, desk, name);
        if (in->drop_count)
            check(drop_file_read(path, in->segment.number, in->segment.rows, in->drop_count, &drop,
                                 &err),
                  &err);
        inputs[i].drop = drop;
    }
    merge_spec spec = {.collection = o->collection,
                       .dim = o->dim,
                       .dtype = o->dtype,
                       .first_number = o->first_number,
                       .output_max = o->output_max,
                       .rows_max = o->rows_max,
                       .directory = desk};
    check(segment_merge(&spec, inputs, o->input_count, records, &f->result.output_count, &err),
          &err);
    for (uint32_t i = 0; i < f->result.output_count; i++) {
        f->result.outputs[i] = (job_output){.segment = records[i]};
        segment *s = open_in(desk, o, &records[i]);
        build_index(f, desk, s, &f->result.outputs[i]);
        segment_unref(s);
    }
    for (uint32_t i = 0; i < o->input_count; i++) {
        segment_unref(inputs[i].seg);
        tombstones_unref((tombstones *)inputs[i].drop);
    }
}

void fake_build(fake_compactor *f)
{
    const job_order *o = f->order;
    char desk[DB_PATH_MAX], folder[DB_PATH_MAX], name[64];
    varve_error err = {0};
    check(job_desk_path(f->root, o->epoch, o->job, desk, sizeof desk, &err), &err);
    snprintf(name, sizeof name, "segments/%u", o->collection);
    join(folder, f->root, name);
    f->result = (job_result){.epoch = o->epoch, .job = o->job};
    if (o->kind == JOB_MERGE) {
        merge(f, desk, folder);
        return;
    }
    segment *s = open_in(folder, o, &o->inputs[0].segment);
    f->result.output_count = 1;
    f->result.outputs[0] = (job_output){.segment = o->inputs[0].segment};
    build_index(f, desk, s, &f->result.outputs[0]);
    segment_unref(s);
}

bool fake_propose(fake_compactor *f)
{
    const handoff_message m = {.kind = HANDOFF_PROPOSE, .result = &f->result};
    send_message(f, &m);
    handoff_kind kind;
    do
        kind = fake_next(f);
    while (kind == HANDOFF_CANCEL); /* it crossed the proposal */
    if (kind != HANDOFF_ADOPTED && kind != HANDOFF_REFUSE) abort();
    return kind == HANDOFF_ADOPTED;
}

void fake_fail(fake_compactor *f, varve_status status, const char *why)
{
    handoff_message m = {.kind = HANDOFF_FAILED, .epoch = f->order->epoch, .job = f->order->job};
    (void)vv_fail(&m.why, status, "%s", why);
    send_message(f, &m);
}

void fake_progress(fake_compactor *f, const char *stage, uint64_t done, uint64_t total)
{
    handoff_message m = {.kind = HANDOFF_PROGRESS};
    m.progress = (job_progress){
        .epoch = f->order->epoch, .job = f->order->job, .done = done, .total = total};
    snprintf(m.progress.stage, sizeof m.progress.stage, "%s", stage);
    send_message(f, &m);
}

/* ---- a thread */

/* false: the connection is gone, or shall be. */
static bool build_and_propose(fake_compactor *f)
{
    const handoff_message m = {.kind = HANDOFF_PROPOSE, .result = &f->result};
    pthread_mutex_lock(&f->building);
    bool goes_on = !f->ending;
    if (goes_on) {
        fake_build(f);
        goes_on = handoff_send(f->fd, &m, NULL) == VARVE_OK;
    }
    pthread_mutex_unlock(&f->building);
    return goes_on;
}

static void *serve(void *context)
{
    fake_compactor *f = context;
    const handoff_message pin = {.kind = HANDOFF_PIN};
    for (;;) {
        if (handoff_send(f->fd, &pin, NULL) != VARVE_OK) return NULL;
        handoff_kind kind;
        do
            kind = receive(f, 0);
        while (kind == HANDOFF_CANCEL);
        if (kind != HANDOFF_JOB) return NULL; /* BYE, or the connection is gone */
        if (!build_and_propose(f)) return NULL;
        do
            kind = receive(f, 0);
        while (kind == HANDOFF_CANCEL);
        if (kind != HANDOFF_ADOPTED && kind != HANDOFF_REFUSE) return NULL;
    }
}

void fake_serve(fake_compactor *f)
{
    f->serving = true;
    pthread_mutex_init(&f->building, NULL);
    if (pthread_create(&f->thread, NULL, serve, f) != 0) abort();
}
