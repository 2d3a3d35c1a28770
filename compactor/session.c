/* session.c — see session.h. */
#include "session.h"

#include "run_job.h"

#include "base/clock.h"
#include "base/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WELCOME_TIMEOUT_MS 10000
#define NS_PER_MS          1000000u

typedef struct session {
    channel *c;
    uint64_t epoch;
    char root[JOB_PATH_MAX];
} session;

/* ---- a line for people --------------------------------------------------------------------- */

static void log_job(const job_order *o, uint64_t elapsed_ms, const job_result *r,
                    const char *outcome, const char *why)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < o->input_count; i++)
        rows += o->inputs[i].segment.rows;
    fprintf(stderr,
            "varve-compactor: job %llu: %s of %u segment(s), %llu rows: %s in %llu ms, %llu bytes "
            "read, %llu written%s%s\n",
            (unsigned long long)o->job, o->kind == JOB_INDEX ? "index" : "merge", o->input_count,
            (unsigned long long)rows, outcome, (unsigned long long)elapsed_ms,
            (unsigned long long)r->bytes_read, (unsigned long long)r->bytes_written,
            why[0] ? ": " : "", why);
}

/* ---- a job --------------------------------------------------------------------------------- */

static varve_status fault_status(fault_kind fault, varve_error *err)
{
    if (fault == VV_FAULT_NONE) return VARVE_OK;
    return vv_fail(err, VARVE_IO, "the proposal failed because a test wants it to");
}

/* The owner's word on the proposal. */
static varve_status propose(session *s, job_result *result, handoff_message *ret_answer,
                            varve_error *err)
{
    const handoff_message proposal = {.kind = HANDOFF_PROPOSE, .result = result};
    VV_TRY(fault_status(VV_FAULT("compactor.before_propose"), err));
    VV_TRY(channel_send(s->c, &proposal, err));
    VV_TRY(fault_status(VV_FAULT("compactor.after_propose"), err));
    VV_TRY(channel_wait(s->c, 0, ret_answer, err));
    if ((ret_answer->kind != HANDOFF_ADOPTED && ret_answer->kind != HANDOFF_REFUSE) ||
        ret_answer->epoch != result->epoch || ret_answer->job != result->job)
        return vv_fail(err, VARVE_CORRUPT, "hand-off: this does not answer a proposal");
    return fault_status(VV_FAULT("compactor.adopted"), err);
}

static varve_status tell_failure(session *s, const job_order *o, const varve_error *why,
                                 varve_error *err)
{
    const handoff_message failed = {
        .kind = HANDOFF_FAILED, .epoch = o->epoch, .job = o->job, .why = *why};
    return channel_send(s->c, &failed, err);
}

static varve_status make(session *s, const job_order *o, job_result *result, varve_error *err)
{
    if (o->epoch != s->epoch)
        return vv_fail(err, VARVE_INVALID,
                       "the job is of epoch %llu, this connection of epoch %llu",
                       (unsigned long long)o->epoch, (unsigned long long)s->epoch);
    return run_job(s->c, s->root, o, result, err);
}

static varve_status do_job(session *s, const job_order *o, job_result *result, varve_error *err)
{
    uint64_t begin_ns = clock_now_ns();
    handoff_message answer = {0};
    varve_error why = {0};
    varve_status status = make(s, o, result, &why);
    if (status == VARVE_OK) {
        VV_TRY(propose(s, result, &answer, err));
        log_job(o, (clock_now_ns() - begin_ns) / NS_PER_MS, result,
                answer.kind == HANDOFF_ADOPTED ? "adopted" : "refused", answer.why.message);
        return VARVE_OK;
    }
    log_job(o, (clock_now_ns() - begin_ns) / NS_PER_MS, result,
            status == VARVE_CANCELLED ? "cancelled" : "failed", why.message);
    return tell_failure(s, o, &why, err);
}

/* ---- the conversation ---------------------------------------------------------------------- */

static varve_status greet(session *s, varve_error *err)
{
    const handoff_message hello = {
        .kind = HANDOFF_HELLO, .version = HANDOFF_VERSION, .pid = (uint32_t)getpid()};
    handoff_message m = {0};
    VV_TRY(channel_send(s->c, &hello, err));
    VV_TRY(channel_wait(s->c, WELCOME_TIMEOUT_MS, &m, err));
    if (m.kind == HANDOFF_REFUSE) return vv_fail(err, m.why.status, "%s", m.why.message);
    if (m.kind != HANDOFF_WELCOME) {
        handoff_message_done(&m);
        return vv_fail(err, VARVE_CORRUPT, "hand-off: a message before WELCOME");
    }
    s->epoch = m.epoch;
    memcpy(s->root, m.root, sizeof s->root);
    return VARVE_OK;
}

static varve_status next_job(session *s, job_result *result, varve_error *err)
{
    VV_CLEANUP(handoff_message_done) handoff_message m = {0};
    const handoff_message pin = {.kind = HANDOFF_PIN};
    VV_TRY(channel_ready(s->c, err));
    VV_TRY(channel_send(s->c, &pin, err));
    VV_TRY(channel_wait(s->c, 0, &m, err));
    if (m.kind != HANDOFF_JOB)
        return vv_fail(err, VARVE_CORRUPT, "hand-off: message %d does not answer PIN", (int)m.kind);
    return do_job(s, m.order, result, err);
}

/* A send may fail for a BYE and a closed socket that the reader has seen already: that says why. */
static varve_status ended(session *s, varve_status status, varve_error *err)
{
    varve_status known;
    if (channel_said_bye(s->c)) return VARVE_OK;
    if (status != VARVE_CLOSED) return status;
    known = channel_ready(s->c, err);
    return known == VARVE_OK ? status : known;
}

varve_status session_run(channel *c, bool *ret_welcome, varve_error *err)
{
    VV_CLEANUP(vv_freep) session *s = calloc(1, sizeof *s);
    VV_CLEANUP(vv_freep) job_result *result = calloc(1, sizeof *result);
    varve_status status;
    *ret_welcome = false;
    if (!s || !result) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a session");
    s->c = c;
    status = greet(s, err);
    *ret_welcome = status == VARVE_OK;
    while (status == VARVE_OK)
        status = next_job(s, result, err);
    return ended(s, status, err);
}
