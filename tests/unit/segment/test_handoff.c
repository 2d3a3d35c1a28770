/* test_handoff.c — messages of the hand-off: what is sent comes out field by field; nothing
 * malformed is accepted; a socket that fails says how. */
#include "segment_rows.h"

#include "base/clock.h"
#include "base/fault.h"
#include "handoff_messages.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

static void encode(const handoff_message *m, buffer *out)
{
    buffer_init(out, HANDOFF_MESSAGE_MAX, "message");
    OK(handoff_encode(m, out, err));
}

static void make_pair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
}

static void close_pair(int fds[2])
{
    for (int i = 0; i < 2; i++) {
        vv_closep(&fds[i]);
        fds[i] = -1;
    }
}

/* ---- what is sent comes out ---------------------------------------------------------------- */

static void assert_order(const job_order *a, const job_order *b)
{
    assert_true(a->epoch == b->epoch && a->job == b->job && a->kind == b->kind);
    assert_true(a->collection == b->collection && a->field == b->field && a->dim == b->dim);
    assert_true(a->dtype == b->dtype && a->generation == b->generation);
    assert_true(a->rows_max == b->rows_max && a->first_number == b->first_number);
    assert_true(a->output_max == b->output_max && a->input_count == b->input_count);
    assert_memory_equal(&a->spec.mode, &b->spec.mode, sizeof a->spec.mode);
    assert_true(a->spec.kind == b->spec.kind && a->spec.dim == b->spec.dim);
    assert_true(a->spec.params.m == b->spec.params.m);
    assert_true(a->spec.params.alpha == b->spec.params.alpha);
    assert_memory_equal(&a->limits, &b->limits, sizeof a->limits);
    for (uint32_t i = 0; i < a->input_count; i++) {
        const job_input *x = &a->inputs[i], *y = &b->inputs[i];
        assert_memory_equal(&x->segment, &y->segment, sizeof x->segment);
        assert_true(x->drop_count == y->drop_count && x->has_index == y->has_index);
        assert_true(x->index.footer_hash == y->index.footer_hash);
        assert_true(x->index.generation == y->index.generation && x->index.kind == y->index.kind);
        assert_string_equal(x->index.mode, y->index.mode);
    }
}

static void assert_result(const job_result *a, const job_result *b)
{
    assert_true(a->epoch == b->epoch && a->job == b->job);
    assert_true(a->bytes_read == b->bytes_read && a->bytes_written == b->bytes_written);
    assert_int_equal(a->output_count, b->output_count);
    for (uint32_t i = 0; i < a->output_count; i++) {
        const job_output *x = &a->outputs[i], *y = &b->outputs[i];
        assert_memory_equal(&x->segment, &y->segment, sizeof x->segment);
        assert_true(x->has_index == y->has_index && x->index.rows == y->index.rows);
        assert_true(x->index.spec_hash == y->index.spec_hash);
        assert_true(x->index.file_bytes == y->index.file_bytes);
    }
}

static void assert_message(const handoff_message *a, const handoff_message *b)
{
    assert_int_equal(a->kind, b->kind);
    switch (a->kind) {
    case HANDOFF_HELLO: assert_true(a->version == b->version && a->pid == b->pid); break;
    case HANDOFF_WELCOME:
        assert_true(a->epoch == b->epoch);
        assert_string_equal(a->root, b->root);
        break;
    case HANDOFF_JOB: assert_order(a->order, b->order); break;
    case HANDOFF_PROPOSE: assert_result(a->result, b->result); break;
    case HANDOFF_PROGRESS:
        assert_true(a->progress.epoch == b->progress.epoch && a->progress.job == b->progress.job);
        assert_true(a->progress.done == b->progress.done);
        assert_true(a->progress.total == b->progress.total);
        assert_string_equal(a->progress.stage, b->progress.stage);
        break;
    case HANDOFF_REFUSE:
    case HANDOFF_FAILED:
        assert_int_equal(a->why.status, b->why.status);
        assert_string_equal(a->why.message, b->why.message);
        assert_true(a->epoch == b->epoch && a->job == b->job);
        break;
    case HANDOFF_CANCEL:
    case HANDOFF_ADOPTED: assert_true(a->epoch == b->epoch && a->job == b->job); break;
    default: break;
    }
}

static void test_over_a_socket(void **state)
{
    int fds[2];
    (void)state;
    make_pair(fds);
    for (unsigned i = 0; i < SAMPLE_COUNT; i++) {
        handoff_message sent = sample_message(i), got = {0};
        OK(handoff_send(fds[0], &sent, err));
        OK(handoff_receive(fds[1], 1000, &got, err));
        assert_message(&sent, &got);
        handoff_message_done(&sent);
        handoff_message_done(&got);
    }
    close_pair(fds);
}

/* ---- what is malformed is refused ---------------------------------------------------------- */

static void assert_refused(const void *bytes, size_t len)
{
    varve_error err = {0};
    handoff_message m = {.pid = 99};
    varve_status status = handoff_decode(bytes, len, &m, &err);
    assert_true(status == VARVE_CORRUPT || status == VARVE_NEWER_FORMAT);
    assert_true(err.message[0] != '\0');
    assert_int_equal(m.pid, 99); /* untouched */
}

static void test_any_length(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SAMPLE_COUNT; i++) {
        handoff_message m = sample_message(i);
        VV_CLEANUP(buffer_done) buffer b;
        encode(&m, &b);
        for (size_t len = 0; len < b.len; len++)
            assert_refused(b.data, len);
        OK(buffer_add(&b, "", 1, err));
        assert_refused(b.data, b.len);
        handoff_message_done(&m);
    }
}

/* Any byte changed: refused, or a message that gives these bytes again. */
static void test_any_byte(void **state)
{
    unsigned refused = 0, accepted = 0;
    (void)state;
    for (unsigned i = 0; i < SAMPLE_COUNT; i++) {
        handoff_message m = sample_message(i);
        VV_CLEANUP(buffer_done) buffer b;
        encode(&m, &b);
        handoff_message_done(&m);
        for (size_t at = 0; at < b.len; at++) {
            handoff_message got = {0};
            VV_CLEANUP(buffer_done) buffer again;
            b.data[at] ^= 0x40;
            if (handoff_decode(b.data, b.len, &got, NULL) == VARVE_OK) {
                encode(&got, &again);
                assert_int_equal(again.len, b.len);
                assert_memory_equal(again.data, b.data, b.len);
                accepted++;
            } else {
                buffer_init(&again, 1, "nothing");
                refused++;
            }
            handoff_message_done(&got);
            b.data[at] ^= 0x40;
        }
    }
    assert_true(refused > 100 && accepted > 100);
}

static void refuse_order(job_order *o)
{
    handoff_message m = {.kind = HANDOFF_JOB, .order = o};
    VV_CLEANUP(buffer_done) buffer b;
    buffer_init(&b, HANDOFF_MESSAGE_MAX, "message");
    assert_int_equal(handoff_encode(&m, &b, NULL), VARVE_INVALID);
    assert_int_equal(b.len, 0);
    free(o);
}

/* Each line breaks one promise of an order. */
static void test_orders(void **state)
{
    (void)state;
#define BROKEN(kind, inputs, change)                                                               \
    do {                                                                                           \
        job_order *o = sample_order(kind, inputs);                                                 \
        change;                                                                                    \
        refuse_order(o);                                                                           \
    } while (0)
    BROKEN(JOB_MERGE, 3, o->kind = (job_kind)3);
    BROKEN(JOB_MERGE, 0, (void)0);
    BROKEN(JOB_MERGE, JOB_INPUTS_MAX, o->input_count++);
    BROKEN(JOB_INDEX, 2, (void)0);
    BROKEN(JOB_INDEX, 1, o->inputs[0].drop_count = 1);
    BROKEN(JOB_MERGE, 3, o->inputs[1].segment.rowver_min = o->inputs[0].segment.rowver_max);
    BROKEN(JOB_MERGE, 3, o->inputs[2].drop_count = 51);
    BROKEN(JOB_MERGE, 3, o->inputs[2].segment.rows = 0);
    BROKEN(JOB_MERGE, 3, o->output_max = 0);
    BROKEN(JOB_MERGE, 3, o->output_max = JOB_OUTPUTS_MAX + 1);
    BROKEN(JOB_MERGE, 3, o->first_number = UINT64_MAX - 2);
    BROKEN(JOB_MERGE, 3, o->rows_max = 0);
    BROKEN(JOB_MERGE, 3, o->dim = 0);
    BROKEN(JOB_MERGE, 3, o->dim++);
    BROKEN(JOB_MERGE, 3, o->dtype = VARVE_DTYPE_COUNT);
    BROKEN(JOB_MERGE, 3, o->spec.dtype = VARVE_INT8);
    BROKEN(JOB_MERGE, 3, o->spec.kind = (index_kind)2);
    BROKEN(JOB_MERGE, 3, o->spec.mode.metric = VARVE_METRIC_OF_FIELD);
    BROKEN(JOB_MERGE, 3, o->spec.mode.structure = (index_structure)9);
    BROKEN(JOB_MERGE, 3, o->spec.mode.quantiser = (index_quantiser)9);
    BROKEN(JOB_MERGE, 3, o->spec.params.alpha = (double)INFINITY);
    BROKEN(JOB_MERGE, 3, o->limits.threads = 0);
    BROKEN(JOB_MERGE, 3, o->limits.nice = 20);
    BROKEN(JOB_MERGE, 3, o->limits.cpu_percent = 0);
    BROKEN(JOB_MERGE, 3, o->limits.cpu_percent = 101);
    BROKEN(JOB_MERGE, 3, memset(o->inputs[0].index.mode, 'x', sizeof o->inputs[0].index.mode));
#undef BROKEN
}

static void refuse(handoff_message m)
{
    VV_CLEANUP(buffer_done) buffer b;
    buffer_init(&b, HANDOFF_MESSAGE_MAX, "message");
    assert_int_equal(handoff_encode(&m, &b, NULL), VARVE_INVALID);
    handoff_message_done(&m);
}

static void test_messages(void **state)
{
    handoff_message m = {.kind = HANDOFF_FAILED};
    (void)state;
    refuse(m); /* failed with OK */
    m.kind = (handoff_kind)0;
    refuse(m);
    m.kind = (handoff_kind)12;
    refuse(m);
    m.kind = HANDOFF_WELCOME;
    refuse(m); /* no folder */
    snprintf(m.root, sizeof m.root, "relative");
    refuse(m);
    memset(m.root, '/', sizeof m.root); /* no end */
    refuse(m);
    m = (handoff_message){.kind = HANDOFF_PROGRESS, .progress = {.done = 2, .total = 1}};
    refuse(m);
    m = (handoff_message){.kind = HANDOFF_PROPOSE, .result = sample_result(1)};
    m.result->output_count = JOB_OUTPUTS_MAX + 1;
    refuse(m);
}

static void test_version(void **state)
{
    handoff_message m = {.kind = HANDOFF_HELLO, .version = HANDOFF_VERSION + 1, .pid = 1}, got;
    VV_CLEANUP(buffer_done) buffer b;
    varve_error err = {0};
    (void)state;
    encode(&m, &b);
    assert_int_equal(handoff_decode(b.data, b.len, &got, &err), VARVE_NEWER_FORMAT);
    assert_non_null(strstr(err.message, "version 2"));
    b.data[0] ^= 1; /* another program altogether */
    assert_int_equal(handoff_decode(b.data, b.len, &got, &err), VARVE_CORRUPT);
}

/* ---- the socket ---------------------------------------------------------------------------- */

static void test_peer_gone(void **state)
{
    handoff_message pin = {.kind = HANDOFF_PIN}, got = {0};
    int fds[2];
    (void)state;
    make_pair(fds);
    OK(handoff_send(fds[1], &pin, err));
    vv_closep(&fds[1]);
    OK(handoff_receive(fds[0], 0, &got, err)); /* what it sent before is still read */
    assert_int_equal(got.kind, HANDOFF_PIN);
    assert_int_equal(handoff_receive(fds[0], 0, &got, NULL), VARVE_CLOSED);
    assert_int_equal(handoff_send(fds[0], &pin, NULL), VARVE_CLOSED); /* and no SIGPIPE */
    vv_closep(&fds[0]);
}

/* It had not read what was sent to it: its last word is read all the same. */
static void test_peer_gone_unread(void **state)
{
    handoff_message pin = {.kind = HANDOFF_PIN}, bye = {.kind = HANDOFF_BYE}, got = {0};
    int fds[2];
    (void)state;
    make_pair(fds);
    OK(handoff_send(fds[0], &pin, err));
    OK(handoff_send(fds[1], &bye, err));
    vv_closep(&fds[1]);
    OK(handoff_receive(fds[0], 0, &got, err));
    assert_int_equal(got.kind, HANDOFF_BYE);
    assert_int_equal(handoff_receive(fds[0], 0, &got, NULL), VARVE_CLOSED);
    vv_closep(&fds[0]);
}

static void test_timeout(void **state)
{
    handoff_message got = {0};
    int fds[2];
    uint64_t before_ns = clock_now_ns();
    (void)state;
    make_pair(fds);
    assert_int_equal(handoff_receive(fds[0], 30, &got, NULL), VARVE_TIMEOUT);
    assert_true(clock_now_ns() - before_ns >= 30000000u);
    close_pair(fds);
}

static void test_packets(void **state)
{
    static char large[HANDOFF_MESSAGE_MAX + 1];
    handoff_message pin = {.kind = HANDOFF_PIN}, got = {0};
    int fds[2];
    (void)state;
    make_pair(fds);
    assert_int_equal(send(fds[0], large, sizeof large, 0), sizeof large);
    assert_int_equal(send(fds[0], "x", 1, 0), 1);
    OK(handoff_send(fds[0], &pin, err));
    assert_int_equal(handoff_receive(fds[1], 1000, &got, NULL), VARVE_CORRUPT);
    assert_int_equal(handoff_receive(fds[1], 1000, &got, NULL), VARVE_CORRUPT);
    OK(handoff_receive(fds[1], 1000, &got, err)); /* the borders held */
    assert_int_equal(got.kind, HANDOFF_PIN);
    close_pair(fds);
}

/* ---- signals and a slow reader ------------------------------------------------------------- */

static volatile sig_atomic_t alarms;

static void on_alarm(int signal)
{
    (void)signal;
    alarms++;
}

static void *read_late(void *context)
{
    int fd = *(int *)context;
    size_t packets = 0;
    clock_sleep_ms(50);
    for (handoff_message m = {0}; handoff_receive(fd, 1000, &m, NULL) == VARVE_OK; packets++) {
        bool last = m.kind == HANDOFF_BYE;
        handoff_message_done(&m);
        if (last) break;
    }
    return (void *)(uintptr_t)packets;
}

/* The sender fills the socket and waits, is interrupted time and again, and loses nothing. */
static void test_interrupted(void **state)
{
    const struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    struct sigaction act = {.sa_handler = on_alarm}, old;
    handoff_message large = sample_message(6), bye = {.kind = HANDOFF_BYE};
    pthread_t reader;
    void *packets = NULL;
    int fds[2];
    (void)state;
    make_pair(fds);
    assert_int_equal(sigaction(SIGALRM, &act, &old), 0); /* without SA_RESTART */
    assert_int_equal(pthread_create(&reader, NULL, read_late, &fds[1]), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    for (int i = 0; i < 100; i++)
        OK(handoff_send(fds[0], &large, err));
    OK(handoff_send(fds[0], &bye, err));
    assert_int_equal(pthread_join(reader, &packets), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
    assert_int_equal((uintptr_t)packets, 100);
    assert_true(alarms > 0);
    handoff_message_done(&large);
    close_pair(fds);
}

static void test_faults(void **state)
{
#ifdef VARVE_FAULTS
    handoff_message pin = {.kind = HANDOFF_PIN}, got = {0};
    int fds[2];
    make_pair(fds);
    fault_arm("handoff.send", 1, VV_FAULT_EIO);
    assert_int_equal(handoff_send(fds[0], &pin, NULL), VARVE_IO);
    fault_arm("handoff.send", 1, VV_FAULT_SHORT);
    OK(handoff_send(fds[0], &pin, err));
    fault_arm("handoff.receive", 2, VV_FAULT_EIO);
    assert_int_equal(handoff_receive(fds[1], 1000, &got, NULL), VARVE_CORRUPT);
    OK(handoff_send(fds[0], &pin, err));
    assert_int_equal(handoff_receive(fds[1], 1000, &got, NULL), VARVE_IO);
    fault_disarm();
    close_pair(fds);
#endif
    (void)state;
}

/* ---- names --------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    char path[64], name[JOB_NAME_MAX];
    (void)state;
    OK(job_desk_path("/data", UINT64_MAX, 7, path, sizeof path, err));
    assert_string_equal(path, "/data/work/job-18446744073709551615-7");
    assert_int_equal(job_desk_path("/data", UINT64_MAX, 7, path, 20, NULL), VARVE_LIMIT);
    job_segment_name(UINT64_MAX, name);
    assert_string_equal(name, "18446744073709551615.seg");
    job_index_name(UINT64_MAX, UINT16_MAX, UINT32_MAX, name);
    assert_string_equal(name, "18446744073709551615.65535.4294967295.idx");
    job_drop_name(3, name);
    assert_string_equal(name, "3.drop");
    OK(job_input_path("/data", 5, "3.seg", path, sizeof path, err));
    assert_string_equal(path, "/data/segments/5/3.seg");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_over_a_socket), cmocka_unit_test(test_any_length),
        cmocka_unit_test(test_any_byte),      cmocka_unit_test(test_orders),
        cmocka_unit_test(test_messages),      cmocka_unit_test(test_version),
        cmocka_unit_test(test_peer_gone),     cmocka_unit_test(test_peer_gone_unread),
        cmocka_unit_test(test_timeout),       cmocka_unit_test(test_packets),
        cmocka_unit_test(test_interrupted),   cmocka_unit_test(test_faults),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
