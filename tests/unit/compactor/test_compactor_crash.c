/* test_compactor_crash.c — the compactor ends, or something it asks of the system fails, at every
 * point of a job in turn. Whatever the point: the inputs are as they were, nothing lies outside the
 * desk, what was proposed is complete, and the next compactor does the job. */
#include "owner.h"

#include "base/fault.h"

#ifdef VARVE_FAULTS

/* The places of this program, beside those of base/file.h and of the hand-off. */
static const char *const places[] = {
    "compactor.begin",
    "compactor.inputs_open",
    "compactor.merged",
    "compactor.indexed",
    "compactor.index_checked",
    "compactor.checked",
    "compactor.before_propose",
    "compactor.after_propose",
    "compactor.adopted",
    "handoff.send",
    "handoff.receive",
    "file.open",
    "file.map",
    "file.write",
    "file.sync",
    "file.rename",
    "file.sync_dir",
};

static const uint64_t some[INPUTS] = {3, 0, 2};

typedef struct outcome {
    bool hit;      /* the fault was */
    bool proposed; /* something, which was complete */
    bool failed;   /* FAILED came */
    varve_status why;
} outcome;

static void make(merge_inputs *t)
{
    inputs_make(t, owner_segments(), 200, 16, VARVE_FLOAT32, some);
}

static job_order *order_with_index(const merge_inputs *t, job_kind kind, uint64_t job)
{
    job_order *order = owner_order(t, kind, job);
    order->spec.mode = (index_mode){INDEX_FLAT, VARVE_METRIC_L2, QUANT_SQ8, 0};
    order->rows_max = 300; /* two outputs */
    return order;
}

/* What an owner says to this; no kind: nothing. */
static handoff_message answer_to(const handoff_message *m, const merge_inputs *t,
                                 const job_order *order, outcome *ret)
{
    handoff_message answer = {.epoch = OWNER_EPOCH, .job = order->job};
    switch (m->kind) {
    case HANDOFF_HELLO:
        answer.kind = HANDOFF_WELCOME;
        snprintf(answer.root, sizeof answer.root, "%s", owner_root());
        break;
    case HANDOFF_PIN:
        answer.kind = ret->proposed || ret->failed ? HANDOFF_BYE : HANDOFF_JOB;
        answer.order = (job_order *)(uintptr_t)order;
        break;
    case HANDOFF_PROPOSE:
        owner_judge(t, order, m->result);
        ret->proposed = true;
        answer.kind = HANDOFF_ADOPTED;
        break;
    default:
        assert_int_equal(m->kind, HANDOFF_FAILED);
        ret->failed = true;
        ret->why = m->why.status;
    }
    return answer;
}

/* Until the connection ends or the job is done. */
static void converse(owner *o, const merge_inputs *t, const job_order *order, outcome *ret)
{
    handoff_message m = {0};
    for (bool going = true; going && owner_next(o, &m) == VARVE_OK;) {
        handoff_message answer = answer_to(&m, t, order, ret);
        handoff_message_done(&m);
        if (answer.kind) going = handoff_send(o->fd, &answer, NULL) == VARVE_OK;
        if (answer.kind == HANDOFF_BYE) going = false;
    }
}

static outcome attempt(const merge_inputs *t, const job_order *order, const char *fault)
{
    outcome is = {0};
    owner o;
    int status;
    owner_start(&o, fault);
    converse(&o, t, order, &is);
    owner_leave(&o);
    status = owner_wait(&o);
    is.hit = status == CRASH_EXIT;
    if (!is.hit) assert_in_range(status, 0, 1);
    owner_assert_only_desk(order);
    owner_assert_inputs(t);
    return is;
}

static void redo(const merge_inputs *t, job_kind kind, uint64_t job)
{
    job_order *order = order_with_index(t, kind, job);
    outcome is = attempt(t, order, NULL);
    assert_true(is.proposed && !is.hit && !is.failed);
    owner_clear(order);
    free(order);
}

/* ---- the process ends ---------------------------------------------------------------------- */

static bool is_of_merges(const char *place)
{
    return strcmp(place, "compactor.merged") == 0 || strcmp(place, "compactor.checked") == 0;
}

/* Every place, each time it is passed. */
static void crash_everywhere(const merge_inputs *t, job_kind kind)
{
    for (unsigned i = 0; i < VV_COUNT(places); i++) {
        unsigned times = 0;
        for (bool hit = true; hit; times++) {
            char fault[96];
            job_order *order = order_with_index(t, kind, 1000 + i);
            snprintf(fault, sizeof fault, "%s:%u:crash", places[i], times + 1);
            outcome is = attempt(t, order, fault);
            hit = is.hit;
            assert_true(hit || is.proposed);
            assert_false(is.failed);
            if (strcmp(places[i], "compactor.before_propose") == 0 && hit)
                assert_false(is.proposed);
            if (strcmp(places[i], "compactor.after_propose") == 0 && hit) assert_true(is.proposed);
            owner_clear(order);
            free(order);
        }
        bool passed = times > 1 || (kind == JOB_INDEX && is_of_merges(places[i]));
        if (!passed) fail_msg("%s is not passed", places[i]);
        redo(t, kind, 2000 + i);
    }
}

static void test_crash_merging(void **state)
{
    merge_inputs t;
    (void)state;
    make(&t);
    crash_everywhere(&t, JOB_MERGE);
    inputs_free(&t);
}

static void test_crash_indexing(void **state)
{
    merge_inputs t;
    (void)state;
    make(&t);
    crash_everywhere(&t, JOB_INDEX);
    inputs_free(&t);
}

/* ---- something fails ----------------------------------------------------------------------- */

static outcome attempt_nth(const merge_inputs *t, unsigned nth, const char *kind)
{
    char fault[96];
    job_order *order = order_with_index(t, JOB_MERGE, 3000 + nth);
    snprintf(fault, sizeof fault, "*:%u:%s", nth, kind);
    outcome is = attempt(t, order, fault);
    owner_clear(order);
    free(order);
    return is;
}

/* How many places a job passes, whatever their names. */
static unsigned count_places(const merge_inputs *t)
{
    unsigned count = 0;
    while (attempt_nth(t, count + 1, "crash").hit)
        count++;
    return count;
}

/* Each of them fails: the job fails for that reason, or the connection ends. */
static void fail_everywhere(const merge_inputs *t, const char *kind, varve_status status)
{
    static unsigned count; /* the same for every kind */
    unsigned failed = 0, proposed = 0;
    if (count == 0) count = count_places(t);
    for (unsigned nth = 1; nth <= count; nth++) {
        outcome is = attempt_nth(t, nth, kind);
        if (is.failed) assert_true(is.why == status || is.why == VARVE_IO);
        failed += is.failed;
        proposed += is.proposed;
    }
    print_message("%s at %u places: %u jobs failed, %u were proposed\n", kind, count, failed,
                  proposed);
    assert_true(count > 40 && failed > count / 2 && proposed < count / 3);
    redo(t, JOB_MERGE, 4000);
}

static void test_io_errors(void **state)
{
    merge_inputs t;
    (void)state;
    make(&t);
    fail_everywhere(&t, "eio", VARVE_IO);
    inputs_free(&t);
}

static void test_disk_full(void **state)
{
    merge_inputs t;
    (void)state;
    make(&t);
    fail_everywhere(&t, "enospc", VARVE_NO_SPACE);
    inputs_free(&t);
}

/* After a job that failed the same process does the next one. */
static void test_goes_on(void **state)
{
    merge_inputs t;
    owner o;
    handoff_message m;
    (void)state;
    make(&t);
    owner_start(&o, "compactor.merged:1:eio");
    owner_greet(&o);
    job_order *order = order_with_index(&t, JOB_MERGE, 5000);
    owner_send(&o, order);
    owner_expect_failure(&o, 5000, VARVE_IO, "the merge");
    owner_clear(order);
    free(order);
    order = order_with_index(&t, JOB_MERGE, 5001);
    owner_send(&o, order);
    m = owner_expect(&o, HANDOFF_PROPOSE);
    owner_judge(&t, order, m.result);
    handoff_message_done(&m);
    owner_say(&o, HANDOFF_ADOPTED, 5001);
    (void)owner_expect(&o, HANDOFF_PIN);
    owner_stop(&o);
    owner_clear(order);
    free(order);
    inputs_free(&t);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, owner_make_folder, owner_remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_crash_merging), TEST(test_crash_indexing), TEST(test_io_errors),
        TEST(test_disk_full),     TEST(test_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void) { return 0; } /* a build without fault points */

#endif
