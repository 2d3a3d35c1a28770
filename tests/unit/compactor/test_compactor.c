/* test_compactor.c — the real varve-compactor at the other end of a socket: merges come out row by
 * row, indexes are sound, and whatever ends a job early (the owner's word, its death, a signal, a
 * damaged file, a limit) ends it in good order. */
#include "owner.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

static const uint64_t some[INPUTS] = {3, 0, 2};

static void make_small(merge_inputs *t)
{
    inputs_make(t, owner_segments(), 500, 24, VARVE_FLOAT32, some);
}

/* A job that would take long: 4 MB at 100 kB per second. */
static job_order *slow_order(merge_inputs *t, uint64_t job)
{
    job_order *order;
    inputs_make(t, owner_segments(), 3000, 100, VARVE_FLOAT32, some);
    order = owner_order(t, JOB_MERGE, job);
    order->limits.io_bytes_per_s = 100000;
    return order;
}

static void wait_for_progress(owner *o)
{
    handoff_message m = {0};
    OK(handoff_receive(o->fd, TIMEOUT_MS, &m, err));
    assert_int_equal(m.kind, HANDOFF_PROGRESS);
}

static void propose_and_adopt(owner *o, const merge_inputs *t, const job_order *order)
{
    handoff_message m;
    owner_send(o, order);
    m = owner_expect(o, HANDOFF_PROPOSE);
    owner_judge(t, order, m.result);
    handoff_message_done(&m);
    owner_assert_only_desk(order);
    owner_say(o, HANDOFF_ADOPTED, order->job);
    (void)owner_expect(o, HANDOFF_PIN);
}

static void end_job(merge_inputs *t, job_order *order)
{
    owner_assert_inputs(t);
    owner_clear(order);
    free(order);
}

/* ---- what it makes ------------------------------------------------------------------------- */

/* Job after job, over one connection; several outputs; nothing left of any row. */
static void test_merges(void **state)
{
    static const uint64_t all[INPUTS] = {1, 1, 1};
    static const uint64_t rows_max[] = {100000, 500, 400};
    merge_inputs t;
    owner o;
    char *log;
    (void)state;
    owner_start(&o, NULL);
    owner_greet(&o);
    for (unsigned i = 0; i < 3 * VARVE_DTYPE_COUNT; i++) {
        job_order *order;
        inputs_make(&t, owner_segments(), 500, 24, (varve_dtype)(i / 3), some);
        order = owner_order(&t, JOB_MERGE, 10 + i);
        order->rows_max = rows_max[i % 3];
        propose_and_adopt(&o, &t, order);
        end_job(&t, order);
        inputs_free(&t);
    }
    inputs_make(&t, owner_segments(), 500, 24, VARVE_FLOAT32, all);
    job_order *order = owner_order(&t, JOB_MERGE, 99);
    propose_and_adopt(&o, &t, order);
    end_job(&t, order);
    inputs_free(&t);
    owner_stop(&o);
    log = owner_log();
    assert_non_null(strstr(log, "job 10: merge of 3 segment(s), 1503 rows: adopted in "));
    assert_non_null(strstr(log, "job 99: merge of 3 segment(s), 1503 rows: adopted in "));
    free(log);
}

static void test_indexes(void **state)
{
    static const index_spec specs[] = {
        {.kind = INDEX_KIND_FRESH, .mode = {.metric = VARVE_METRIC_L2}},
        {.kind = INDEX_KIND_FULL, .mode = {INDEX_FLAT, VARVE_METRIC_L2, QUANT_SQ8, 0}},
        {.kind = INDEX_KIND_FULL, .mode = {INDEX_FLAT, VARVE_METRIC_COSINE, QUANT_SQ8, 0}},
        {.kind = INDEX_KIND_FULL, .mode = {INDEX_HNSW, VARVE_METRIC_L2, QUANT_NONE, 0}},
        {.kind = INDEX_KIND_FULL, .mode = {INDEX_DISKANN, VARVE_METRIC_COSINE, QUANT_SQ8, 0}},
    };
    merge_inputs t;
    owner o;
    (void)state;
    make_small(&t);
    owner_start(&o, NULL);
    owner_greet(&o);
    for (unsigned i = 0; i < 2 * VV_COUNT(specs); i++) {
        job_order *order = owner_order(&t, i % 2 ? JOB_MERGE : JOB_INDEX, 20 + i);
        order->spec.kind = specs[i / 2].kind;
        order->spec.mode = specs[i / 2].mode;
        order->limits.threads = 2;
        order->rows_max = 800;
        propose_and_adopt(&o, &t, order);
        end_job(&t, order);
    }
    owner_stop(&o);
    inputs_free(&t);
}

static void test_refused(void **state)
{
    merge_inputs t;
    owner o;
    handoff_message m;
    char *log;
    (void)state;
    make_small(&t);
    owner_start(&o, NULL);
    owner_greet(&o);
    job_order *order = owner_order(&t, JOB_MERGE, 30);
    owner_send(&o, order);
    m = owner_expect(&o, HANDOFF_PROPOSE);
    handoff_message_done(&m);
    owner_say(&o, HANDOFF_REFUSE, 30);
    (void)owner_expect(&o, HANDOFF_PIN);
    owner_clear(order);
    free(order);
    order = owner_order(&t, JOB_MERGE, 31); /* and it goes on */
    propose_and_adopt(&o, &t, order);
    end_job(&t, order);
    owner_stop(&o);
    log = owner_log();
    assert_non_null(strstr(log, "job 30: merge of 3 segment(s), 1503 rows: refused in "));
    assert_non_null(strstr(log, "the inputs are gone"));
    free(log);
    inputs_free(&t);
}

/* ---- what ends a job ----------------------------------------------------------------------- */

static void test_cancelled(void **state)
{
    merge_inputs t;
    owner o;
    job_order *order = slow_order(&t, 40);
    (void)state;
    owner_start(&o, NULL);
    owner_greet(&o);
    owner_say(&o, HANDOFF_CANCEL, 40); /* of a job that it does not have: passed over */
    owner_send(&o, order);
    wait_for_progress(&o);
    owner_say(&o, HANDOFF_CANCEL, 39);
    owner_say(&o, HANDOFF_CANCEL, 40);
    owner_expect_failure(&o, 40, VARVE_CANCELLED, "the owner cancelled the job");
    owner_assert_only_desk(order);
    end_job(&t, order);
    order = owner_order(&t, JOB_MERGE, 41); /* and it goes on */
    propose_and_adopt(&o, &t, order);
    end_job(&t, order);
    owner_stop(&o);
    inputs_free(&t);
}

/* It sleeps for the rate, many seconds at a time, and is heard of all the same. */
static void test_signs_of_life(void **state)
{
    merge_inputs t;
    owner o;
    job_order *order = slow_order(&t, 43);
    (void)state;
    order->limits.io_bytes_per_s = 10000;
    owner_start(&o, NULL);
    owner_greet(&o);
    owner_send(&o, order);
    for (int i = 0; i < 4; i++) {
        handoff_message m = {0};
        OK(handoff_receive(o.fd, 10000, &m, err));
        assert_int_equal(m.kind, HANDOFF_PROGRESS);
    }
    owner_say(&o, HANDOFF_CANCEL, 43);
    owner_expect_failure(&o, 43, VARVE_CANCELLED, "the owner cancelled the job");
    end_job(&t, order);
    owner_stop(&o);
    inputs_free(&t);
}

static void test_owner_dies(void **state)
{
    merge_inputs t;
    owner o;
    job_order *order = slow_order(&t, 50);
    uint64_t gone_ns;
    (void)state;
    owner_start(&o, NULL);
    owner_greet(&o);
    owner_send(&o, order);
    wait_for_progress(&o);
    owner_leave(&o);
    gone_ns = clock_now_ns();
    assert_int_equal(owner_wait(&o), 1);
    assert_true(clock_now_ns() - gone_ns < 1000000000u);
    owner_assert_only_desk(order);
    end_job(&t, order);
    inputs_free(&t);
}

/* Inside a call that does not come back, too. */
static void test_owner_dies_meanwhile(void **state)
{
    merge_inputs t;
    owner o;
    uint64_t gone_ns;
    char aside[512];
    const char *path;
    (void)state;
    make_small(&t);
    path = segment_path(t.segments[1]);
    snprintf(aside, sizeof aside, "%s/1.seg", owner_segments());
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(mkfifo(path, 0600), 0); /* opening it waits for a writer */
    job_order *order = owner_order(&t, JOB_MERGE, 51);
    owner_start(&o, NULL);
    owner_greet(&o);
    owner_send(&o, order);
    clock_sleep_ms(50);
    assert_int_equal(waitpid(o.pid, NULL, WNOHANG), 0);
    owner_leave(&o);
    gone_ns = clock_now_ns();
    assert_int_equal(owner_wait(&o), 1);
    assert_true(clock_now_ns() - gone_ns < 1000000000u);
    assert_int_equal(rename(aside, path), 0);
    end_job(&t, order);
    inputs_free(&t);
}

static void test_bye(void **state)
{
    merge_inputs t;
    owner o;
    job_order *order = slow_order(&t, 52);
    (void)state;
    owner_start(&o, NULL);
    owner_greet(&o);
    owner_send(&o, order);
    wait_for_progress(&o);
    owner_stop(&o);
    end_job(&t, order);
    inputs_free(&t);
}

static void test_signal(void **state)
{
    merge_inputs t;
    owner o;
    job_order *order = slow_order(&t, 53);
    handoff_message m;
    (void)state;
    owner_start(&o, NULL);
    owner_greet(&o);
    owner_send(&o, order);
    wait_for_progress(&o);
    assert_int_equal(kill(o.pid, SIGTERM), 0);
    m = owner_expect(&o, HANDOFF_FAILED);
    assert_int_equal(m.why.status, VARVE_CANCELLED);
    assert_int_equal(owner_wait(&o), 0);
    assert_int_equal(owner_next(&o, &m), VARVE_CLOSED);
    owner_leave(&o);
    end_job(&t, order);
    owner_start(&o, NULL); /* idle, too */
    owner_greet(&o);
    assert_int_equal(kill(o.pid, SIGINT), 0);
    assert_int_equal(owner_wait(&o), 0);
    owner_leave(&o);
    inputs_free(&t);
}

/* ---- what is wrong with a job -------------------------------------------------------------- */

static void damage(const char *path, long at)
{
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_int_equal(fwrite("damage", 1, 6, f), 6);
    assert_int_equal(fclose(f), 0);
}

static void expect_failed_job(owner *o, job_order *order, varve_status status, const char *text)
{
    owner_send(o, order);
    owner_expect_failure(o, order->job, status, text);
    owner_clear(order);
    free(order);
}

static void test_damaged_files(void **state)
{
    merge_inputs t;
    owner o;
    job_order *order;
    char path[JOB_PATH_MAX], name[JOB_NAME_MAX];
    (void)state;
    make_small(&t);
    owner_start(&o, NULL);
    owner_greet(&o);
    order = owner_order(&t, JOB_MERGE, 60); /* its slots to drop */
    job_drop_name(order->inputs[2].segment.number, name);
    snprintf(path, sizeof path, "%s/job-%d-60/%s", owner_path("work"), OWNER_EPOCH, name);
    damage(path, 40);
    expect_failed_job(&o, order, VARVE_CORRUPT, name);
    order = owner_order(&t, JOB_MERGE, 61); /* none at all */
    snprintf(path, sizeof path, "%s/job-%d-61/%s", owner_path("work"), OWNER_EPOCH, name);
    OK(file_unlink(path, err));
    expect_failed_job(&o, order, VARVE_NOT_FOUND, name);
    order = owner_order(&t, JOB_MERGE, 62); /* another file than the manifest names */
    order->inputs[1].segment.directory_hash++;
    expect_failed_job(&o, order, VARVE_CORRUPT, segment_path(t.segments[1]));
    order = owner_order(&t, JOB_MERGE, 63); /* vectors */
    damage(segment_path(t.segments[1]), 30000);
    expect_failed_job(&o, order, VARVE_CORRUPT, segment_path(t.segments[1]));
    order = owner_order(&t, JOB_MERGE, 64);
    OK(file_unlink(segment_path(t.segments[1]), err));
    expect_failed_job(&o, order, VARVE_NOT_FOUND, segment_path(t.segments[1]));
    order = owner_order(&t, JOB_MERGE, 65); /* no desk */
    owner_clear(order);
    expect_failed_job(&o, order, VARVE_NOT_FOUND, "work/job-77-65");
    owner_stop(&o);
    inputs_free(&t);
}

static void test_wrong_orders(void **state)
{
    merge_inputs t;
    owner o;
    job_order *order;
    (void)state;
    make_small(&t);
    owner_start(&o, NULL);
    owner_greet(&o);
    order = owner_order(&t, JOB_MERGE, 70);
    owner_clear(order);
    order->epoch++;
    expect_failed_job(&o, order, VARVE_INVALID, "epoch");
    order = owner_order(&t, JOB_INDEX, 71); /* FLAT needs no file */
    expect_failed_job(&o, order, VARVE_INVALID, "without a file");
    order = owner_order(&t, JOB_MERGE, 72);
    order->collection++;
    expect_failed_job(&o, order, VARVE_NOT_FOUND, "segments/8/");
    order = owner_order(&t, JOB_MERGE, 73);
    order->rows_max = 100;
    expect_failed_job(&o, order, VARVE_LIMIT, "segments");
    order = owner_order(&t, JOB_MERGE, 74);
    propose_and_adopt(&o, &t, order);
    end_job(&t, order);
    owner_stop(&o);
    inputs_free(&t);
}

static void test_memory_limit(void **state)
{
    merge_inputs t;
    owner o;
    job_order *order;
    (void)state;
    inputs_make(&t, owner_segments(), 10000, 100, VARVE_FLOAT32, some);
    owner_start(&o, NULL);
    owner_greet(&o);
    order = owner_order(&t, JOB_MERGE, 80); /* of columns */
    order->limits.memory_max = 100000;
    expect_failed_job(&o, order, VARVE_LIMIT, "compact_memory_max is 100000");
    order = owner_order(&t, JOB_MERGE, 81); /* of an index: before anything is written */
    order->spec.mode = (index_mode){INDEX_FLAT, VARVE_METRIC_L2, QUANT_SQ8, 0};
    order->limits.memory_max = 200000;
    owner_send(&o, order);
    owner_expect_failure(&o, 81, VARVE_LIMIT, "compact_memory_max is 200000");
    assert_int_equal(o.progress, 0);
    owner_clear(order);
    free(order);
    owner_stop(&o);
    inputs_free(&t);
}

/* ---- how hard it works --------------------------------------------------------------------- */

static void test_priority(void **state)
{
    merge_inputs t;
    owner o;
    job_order *order = slow_order(&t, 90);
    (void)state;
    order->limits.nice = 19;
    owner_start(&o, NULL);
    owner_greet(&o);
    owner_send(&o, order);
    wait_for_progress(&o);
    assert_int_equal(getpriority(PRIO_PROCESS, (id_t)o.pid), 19);
    assert_int_equal(syscall(SYS_ioprio_get, 1, o.pid) >> 13, 3); /* idle */
    owner_stop(&o);
    end_job(&t, order);
    inputs_free(&t);
}

static uint64_t cpu_ns_of_children(void)
{
    struct rusage u;
    assert_int_equal(getrusage(RUSAGE_CHILDREN, &u), 0);
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000u +
           (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000u;
}

/* 7.4 MB are read, written, and read again: at 15 MB per second that takes over a second. */
static void test_io_rate(void **state)
{
    merge_inputs t;
    owner o;
    uint64_t begin_ns;
    (void)state;
    inputs_make(&t, owner_segments(), 10000, 100, VARVE_FLOAT32, some);
    job_order *order = owner_order(&t, JOB_MERGE, 91);
    order->limits.io_bytes_per_s = 15000000;
    owner_start(&o, NULL);
    owner_greet(&o);
    begin_ns = clock_now_ns();
    propose_and_adopt(&o, &t, order);
    assert_true(clock_now_ns() - begin_ns > 900000000u);
    assert_in_range(o.progress, 2, (clock_now_ns() - begin_ns) / 200000000u + 1);
    owner_stop(&o);
    end_job(&t, order);
    inputs_free(&t);
}

static void test_cpu_share(void **state)
{
    merge_inputs t;
    owner o;
    uint64_t begin_ns, cpu_ns, wall_ns;
    (void)state;
    inputs_make(&t, owner_segments(), 10000, 100, VARVE_FLOAT32, some);
    job_order *order = owner_order(&t, JOB_MERGE, 92);
    order->limits.cpu_percent = 5;
    owner_start(&o, NULL);
    owner_greet(&o);
    cpu_ns = cpu_ns_of_children();
    begin_ns = clock_now_ns();
    owner_send(&o, order);
    handoff_message m = owner_expect(&o, HANDOFF_PROPOSE);
    wall_ns = clock_now_ns() - begin_ns;
    handoff_message_done(&m);
    owner_stop(&o);
    cpu_ns = cpu_ns_of_children() - cpu_ns;
    assert_true(wall_ns > 3 * cpu_ns); /* the last step, a check, is not waited for */
    end_job(&t, order);
    inputs_free(&t);
}

/* ---- connections --------------------------------------------------------------------------- */

static void test_version(void **state)
{
    handoff_message m;
    owner o;
    (void)state;
    owner_start(&o, NULL);
    m = owner_expect(&o, HANDOFF_HELLO);
    m = (handoff_message){.kind = HANDOFF_REFUSE, .why = {VARVE_NEWER_FORMAT, "I am of version 2"}};
    OK(handoff_send(o.fd, &m, err));
    assert_int_equal(owner_wait(&o), 3);
    owner_leave(&o);
    owner_start(&o, NULL); /* an owner that answers in another version */
    m = owner_expect(&o, HANDOFF_HELLO);
    assert_int_equal(send(o.fd, "VHND\2\0\0\0\2", 9, 0), 9);
    assert_int_equal(owner_wait(&o), 3);
    owner_leave(&o);
}

static void test_nonsense(void **state)
{
    owner o;
    (void)state;
    owner_start(&o, NULL);
    owner_greet(&o);
    assert_int_equal(send(o.fd, "nonsense", 8, 0), 8);
    assert_int_equal(owner_wait(&o), 1);
    owner_leave(&o);
    owner_start(&o, NULL);
    owner_greet(&o);
    owner_say(&o, HANDOFF_PIN, 0); /* the other's line */
    assert_int_equal(owner_wait(&o), 1);
    owner_leave(&o);
    owner_start(&o, NULL);
    owner_greet(&o);
    owner_say(&o, HANDOFF_ADOPTED, 1); /* of what? */
    assert_int_equal(owner_wait(&o), 1);
    owner_leave(&o);
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static int accept_one(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* With --socket it waits for an owner to come, to come back, and to come back after BYE. */
static void test_reconnects(void **state)
{
    merge_inputs t;
    owner o;
    char path[100];
    int listener;
    (void)state;
    snprintf(path, sizeof path, "%s", owner_path("socket"));
    make_small(&t);
    owner_start_socket(&o, path);
    clock_sleep_ms(50);
    listener = listen_at(path);
    for (uint64_t job = 100; job < 104; job++) {
        o.fd = accept_one(listener);
        owner_greet(&o);
        job_order *order = owner_order(&t, JOB_MERGE, job);
        propose_and_adopt(&o, &t, order);
        end_job(&t, order);
        if (job % 2) owner_say(&o, HANDOFF_BYE, 0);
        owner_leave(&o);
    }
    o.fd = accept_one(listener);
    owner_greet(&o);
    assert_int_equal(kill(o.pid, SIGTERM), 0);
    assert_int_equal(owner_wait(&o), 0);
    owner_leave(&o);
    vv_closep(&listener);
    OK(file_unlink(path, err));
    inputs_free(&t);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, owner_make_folder, owner_remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_merges),       TEST(test_indexes),      TEST(test_refused),
        TEST(test_cancelled),    TEST(test_owner_dies),   TEST(test_owner_dies_meanwhile),
        TEST(test_bye),          TEST(test_signal),       TEST(test_damaged_files),
        TEST(test_wrong_orders), TEST(test_memory_limit), TEST(test_priority),
        TEST(test_io_rate),      TEST(test_cpu_share),    TEST(test_version),
        TEST(test_nonsense),     TEST(test_reconnects),   TEST(test_signs_of_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
