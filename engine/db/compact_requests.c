/* compact_requests.c — compaction that somebody asked for: a call, or the schedule. Each request
 * goes through its phases on the compaction thread; a caller only waits, and may stop waiting.
 *
 *   SEAL -> PURGE -> JOBS -> ERASE -> DONE          compact
 *   SEAL ----------> JOBS ----------> DONE          build of an index
 *   SEAL ----------> JOBS -> ERASE -> DONE          compact, of a vector field's inner collection
 *
 * The vector fields of a collection come after it, when its purge has reached them: asked for here
 * when nobody waits, else by the caller (compact_api.c). */
#include "db/children.h"
#include "db/compaction_inner.h"

#define STEPS_NS_MAX UINT64_C(100000000)

compact_request *request_new(varve_collection *c, bool waits)
{
    compact_request *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->c = collection_ref(c);
    r->waits = waits;
    r->began_ns = clock_now_ns();
    return r;
}

static void request_free(compact_request *r)
{
    varve_collection_release(r->c);
    free(r);
}

void request_add(compaction *k, compact_request *r)
{
    pthread_mutex_lock(&k->lock);
    compact_request **end = &k->requests;
    while (*end)
        end = &(*end)->next;
    *end = r;
    pthread_mutex_unlock(&k->lock);
    compaction_wake(k->db);
}

/* ---- the caller */

static void add_ms(struct timespec *t, uint64_t ms)
{
    t->tv_sec += (time_t)(ms / 1000);
    t->tv_nsec += (long)(ms % 1000) * 1000000;
    if (t->tv_nsec >= 1000000000) {
        t->tv_sec++;
        t->tv_nsec -= 1000000000;
    }
}

varve_status request_wait(compaction *k, compact_request *r, uint64_t timeout_ms,
                          varve_compact_report *ret, varve_error *err)
{
    struct timespec until;
    int waited = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    add_ms(&until, VV_MIN(timeout_ms, (uint64_t)INT32_MAX));
    pthread_mutex_lock(&k->lock);
    while (!r->done && waited == 0) {
        waited = timeout_ms ? pthread_cond_timedwait(&k->finished, &k->lock, &until)
                            : pthread_cond_wait(&k->finished, &k->lock);
    }
    bool done = r->done;
    if (!done) r->abandoned = true; /* the thread frees it when it is done */
    pthread_mutex_unlock(&k->lock);
    if (!done)
        return vv_fail(err, VARVE_TIMEOUT,
                       "not done within %llu ms; the compaction goes on by itself",
                       (unsigned long long)timeout_ms);
    varve_status status = r->error.status;
    if (status == VARVE_OK && ret) *ret = r->report;
    if (status != VARVE_OK) status = vv_fail(err, status, "%s", r->error.message);
    request_free(r);
    return status;
}

/* ---- the thread */

static compact_request *first_request(compaction *k)
{
    pthread_mutex_lock(&k->lock);
    compact_request *r = k->requests;
    pthread_mutex_unlock(&k->lock);
    return r;
}

static compact_request *next_request(compaction *k, const compact_request *r)
{
    pthread_mutex_lock(&k->lock);
    compact_request *next = r->next;
    pthread_mutex_unlock(&k->lock);
    return next;
}

static void take_out(compaction *k, const compact_request *r)
{
    for (compact_request **at = &k->requests; *at; at = &(*at)->next) {
        if (*at != r) continue;
        *at = r->next;
        return;
    }
}

/* What nobody waits for goes on with the vector fields. */
static void ask_children(compaction *k, const compact_request *r)
{
    VV_CLEANUP(child_list_done) child_list l = {0};
    varve_error ignored;
    if (r->index_only || r->waits || children_take(r->c, &l, &ignored) != VARVE_OK) return;
    for (size_t i = 0; i < l.count; i++) {
        compact_request *child = request_new(l.all[i], false);
        if (!child) return; /* compaction that is due by itself will come to it */
        child->keep_deleted = r->keep_deleted;
        request_add(k, child);
    }
}

/* Hand the outcome to the caller, or end the request when there is none. */
static void finish(compaction *k, compact_request *r, varve_status status, const varve_error *why)
{
    if (r->scheduled) r->c->compact_scheduled = false;
    if (status == VARVE_OK) ask_children(k, r);
    r->report.elapsed_ms = (clock_now_ns() - r->began_ns) / 1000000;
    pthread_mutex_lock(&k->lock);
    take_out(k, r);
    r->error = status == VARVE_OK ? (varve_error){0} : *why;
    r->error.status = status;
    r->done = true;
    bool ours = r->abandoned || !r->waits;
    pthread_cond_broadcast(&k->finished);
    pthread_mutex_unlock(&k->lock);
    if (ours) request_free(r);
}

/* All rows in memory, few as they may be; then what there is now is what the request is about. */
static varve_status seal_all(compact_request *r, varve_error *err)
{
    varve_collection *c = r->c;
    VV_TRY(collection_ready(c, err));
    pthread_mutex_lock(&c->db->writer_lock);
    r->report.segments_before = c->view->segments;
    r->report.bytes_before = c->view->segment_bytes + c->view->index_bytes;
    collection_freeze(c);
    pthread_mutex_unlock(&c->db->writer_lock);
    VV_TRY(seal_collection(c, err));
    pthread_mutex_lock(&c->db->writer_lock);
    r->before = c->counters.next_segment;
    pthread_mutex_unlock(&c->db->writer_lock);
    r->dropped_before = c->versions_dropped;
    return VARVE_OK;
}

static varve_status purge_all(compaction *k, compact_request *r, varve_error *err)
{
    VV_CLEANUP(view_unrefp) view *v = collection_view(r->c);
    uint64_t rows = 0;
    varve_status status = purge_segments(r->c, v, 0, v->source_count, &rows, err);
    r->report.rows_removed += rows;
    pthread_mutex_lock(&k->lock);
    k->stats.rows_removed += rows;
    pthread_mutex_unlock(&k->lock);
    return status;
}

static void end_report(compact_request *r)
{
    VV_CLEANUP(view_unrefp) view *v = collection_view(r->c);
    r->report.versions_removed = r->c->versions_dropped - r->dropped_before;
    r->report.segments_after = v->segments;
    r->report.bytes_after = v->segment_bytes + v->index_bytes;
}

/* Nothing is left to do, but is everything indexed that should be? */
static varve_status check_indexed(const compact_request *r, const compact_plan *p, varve_error *err)
{
    for (size_t i = 0; r->index_only && p->wants.full && i < p->count; i++) {
        const pick_segment *s = &p->segments[i];
        bool indexed = s->has_index && s->kind == INDEX_KIND_FULL;
        if (indexed || s->number >= r->before || s->rows < p->rules.index_rows_min) continue;
        return vv_fail(err, VARVE_LIMIT,
                       "the index %s of a segment of %llu rows needs more than compact_memory_max "
                       "%llu, also when it is cut up",
                       p->mode, (unsigned long long)s->rows,
                       (unsigned long long)p->rules.memory_max);
    }
    return VARVE_OK;
}

static varve_status plan_jobs(compact_request *r, bool *ret_ready, compact_plan *ret_plan,
                              varve_error *err)
{
    VV_TRY(plan_make(r->c, r, ret_plan, err));
    *ret_ready = ret_plan->decision.kind != PICK_NONE;
    if (*ret_ready) return VARVE_OK;
    varve_status status = check_indexed(r, ret_plan, err);
    plan_done(ret_plan);
    r->phase = r->index_only ? REQUEST_DONE : REQUEST_ERASE;
    return status;
}

/* The schedule comes to all collections: those that lost nothing are not rid of it again. */
static bool has_removed(const compact_request *r)
{
    return r->waits || r->report.rows_removed || r->c->versions_dropped > r->dropped_before;
}

/* One step without a compactor. *ret_ready: the next one needs one, and this is its plan. */
static varve_status step(compaction *k, compact_request *r, bool *ret_ready, compact_plan *ret_plan,
                         varve_error *err)
{
    VV_TRY(collection_alive(r->c, err));
    VV_TRY(db_check_writable(k->db, false, err));
    switch (r->phase) {
    case REQUEST_SEAL:
        VV_TRY(seal_all(r, err));
        r->phase = r->index_only || r->keep_deleted || r->c->inner ? REQUEST_JOBS : REQUEST_PURGE;
        return VARVE_OK;
    case REQUEST_PURGE:
        VV_TRY(purge_all(k, r, err));
        r->phase = REQUEST_JOBS;
        return VARVE_OK;
    case REQUEST_JOBS: return plan_jobs(r, ret_ready, ret_plan, err);
    case REQUEST_ERASE:
        if (has_removed(r)) VV_TRY(erase_collection(r->c, err));
        r->phase = REQUEST_DONE;
        return VARVE_OK;
    case REQUEST_DONE: break;
    }
    return VARVE_OK;
}

void requests_step(compaction *k, compact_request **ret_ready, compact_plan *ret_plan)
{
    compact_request *next;
    uint64_t begun_ns = clock_now_ns();
    *ret_ready = NULL;
    for (compact_request *r = first_request(k); r && !*ret_ready; r = next) {
        if (clock_now_ns() - begun_ns > STEPS_NS_MAX) { /* others wait too: go on soon */
            compaction_wake(k->db);
            return;
        }
        varve_error err = {0};
        varve_status status = VARVE_OK;
        bool ready = false;
        /* a job that runs is waited for: its inputs are not planned with */
        while (status == VARVE_OK && r->phase != REQUEST_DONE && !ready && !k->job)
            status = step(k, r, &ready, ret_plan, &err);
        next = next_request(k, r);
        if (ready) {
            *ret_ready = r;
        } else if (status != VARVE_OK || r->phase == REQUEST_DONE) {
            if (status == VARVE_OK) end_report(r);
            finish(k, r, status, &err);
        }
    }
}

bool requests_need_peer(compaction *k)
{
    bool need = false;
    pthread_mutex_lock(&k->lock);
    for (const compact_request *r = k->requests; r; r = r->next)
        need |= r->waits && r->phase == REQUEST_JOBS;
    pthread_mutex_unlock(&k->lock);
    return need;
}

/* Refused jobs and lost compactors are tried again some times; what the job itself ended with is
 * the outcome for whoever waits. */
static bool is_final(const compact_request *r, varve_status status)
{
    bool again = status == VARVE_CONFLICT || status == VARVE_IO;
    return !again || r->tries >= COMPACT_TRIES_MAX;
}

void requests_note(compaction *k, const compact_request *request, varve_status status,
                   const varve_error *why)
{
    compact_request *r = first_request(k);
    while (r && r != request)
        r = next_request(k, r);
    if (!r) return;
    r->report.jobs += status == VARVE_OK;
    r->tries = status == VARVE_OK ? 0 : r->tries + 1;
    if (status != VARVE_OK && is_final(r, status)) finish(k, r, status, why);
}

static void fail_requests(compaction *k, bool all, const varve_error *why)
{
    compact_request *next;
    for (compact_request *r = first_request(k); r; r = next) {
        next = next_request(k, r);
        if (all || (r->waits && r->phase == REQUEST_JOBS)) finish(k, r, why->status, why);
    }
}

void requests_fail_waiting(compaction *k, const varve_error *why) { fail_requests(k, false, why); }

void requests_fail_all(compaction *k)
{
    varve_error closing;
    (void)vv_fail(&closing, VARVE_CLOSED, "the folder is being closed");
    fail_requests(k, true, &closing);
}

/* A request of each collection, unless that of the last time is not done yet. */
void requests_from_schedule(compaction *k)
{
    varve_collection **all = NULL;
    size_t count = 0;
    if (catalog_all(k->db, &all, &count, NULL) != VARVE_OK) return;
    for (size_t i = 0; i < count; i++) {
        bool asked = all[i]->compact_scheduled || all[i]->inner;
        compact_request *r = asked ? NULL : request_new(all[i], false);
        if (r) {
            r->scheduled = all[i]->compact_scheduled = true;
            request_add(k, r);
        }
        varve_collection_release(all[i]);
    }
    free(all);
}
