/* compaction.c — the compaction thread: it waits for compactors, requests, time and changes, and
 * gives out one job at a time. */
#include "db/compaction_inner.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/random.h>

#define TICK_MS            1000
#define PLANS_MAX          64 /* of one collection in a row, while it is purged */
#define BACKOFF_MS_MAX     300000
#define BACKOFF_AFTER_USER 6 /* failures that a job which the user cancelled counts as */
#define STUCK_FAILURES     3
#define CHILD_STARTS_MAX   3 /* failures in a row before those who wait are told */

static uint64_t now_ms(void) { return clock_now_ns() / 1000000; }

void compaction_wake(varve *db)
{
    static const uint64_t one = 1;
    const compaction *k = db->compaction;
    if (!k) return;
    ssize_t written = write(k->wake_fd, &one, sizeof one);
    (void)written; /* full: it is awake */
}

varve_status compact_write_relaxed_locked(varve *db, store_batch *batch, varve_error *err)
{
    VV_TRY(db_check_writable(db, false, err));
    VV_TRY(db_note_failure(db, store_write(db->store, batch, false, err), err));
    atomic_store(&db->unsynced, true);
    return VARVE_OK;
}

varve_status compact_write_relaxed(varve *db, store_batch *batch, varve_error *err)
{
    pthread_mutex_lock(&db->writer_lock);
    varve_status status = compact_write_relaxed_locked(db, batch, err);
    pthread_mutex_unlock(&db->writer_lock);
    return status;
}

/* ---- the end of a job */

static void back_off(varve_collection *c, varve_status status, bool user)
{
    if (status == VARVE_OK) {
        c->compact_failures = 0;
        c->compact_after_ms = 0;
        atomic_store(&c->stuck, false); /* the next view counts what waits */
        return;
    }
    uint64_t pause = 1000;
    c->compact_failures = user ? BACKOFF_AFTER_USER : c->compact_failures + 1;
    for (unsigned i = 1; i < c->compact_failures && pause < BACKOFF_MS_MAX; i++)
        pause *= 2;
    c->compact_after_ms = now_ms() + VV_MIN(pause, BACKOFF_MS_MAX);
    if (c->compact_failures < STUCK_FAILURES) return;
    atomic_store(&c->stuck, true); /* writers are not slowed down for what does not come */
    collection_count_backlog(c, 0);
}

/* What a job ended with, as requests and people should see it. */
static varve_status outcome(const compact_job *j, varve_status status, const varve_error *why,
                            varve_error *ret)
{
    if (why) *ret = *why;
    if (status == VARVE_OK || j->user_cancelled) return status;
    if (atomic_load(&j->c->dropped))
        return vv_fail(ret, VARVE_NOT_FOUND, "Collection not found: %s", j->c->name);
    if (j->cancelled) /* by ourselves */
        return vv_fail(ret, VARVE_CONFLICT, "what the job was for has changed");
    if (status == VARVE_CANCELLED || status == VARVE_CLOSED) /* not by us: the compactor ends */
        status = ret->status = VARVE_IO;
    return status;
}

static varve_job_state state_of(const compact_job *j, varve_status status)
{
    if (status == VARVE_OK) return VARVE_JOB_DONE;
    if (j->user_cancelled) return VARVE_JOB_CANCELLED;
    return status == VARVE_CONFLICT || status == VARVE_NOT_FOUND ? VARVE_JOB_REFUSED
                                                                 : VARVE_JOB_FAILED;
}

void compact_end_job(compaction *k, varve_status ended, const varve_error *ended_with)
{
    compact_job *j = k->job;
    varve_error why = {0};
    varve_status status = outcome(j, ended, ended_with, &why);
    k->job = NULL;
    if (status == VARVE_OK) k->child.failures = 0;
    jobs_end(k, state_of(j, status), &why);
    back_off(j->c, status, j->user_cancelled);
    requests_note(k, j->request, status, &why);
    job_free(j);
    (void)VV_FAULT("compact.unlinked");
}

static void count_adopted(compaction *k, const compact_job *j, const job_result *r)
{
    uint64_t removed = 0;
    bool merge = j->order.kind == JOB_MERGE;
    for (size_t i = 0; i < j->count; i++) {
        const row_source *s = &j->pin->sources[j->first + i];
        if (merge) removed += segment_get_record(s->seg)->file_bytes;
        if (s->index) removed += index_get_record(s->index)->file_bytes;
        j->c->versions_dropped += j->order.inputs[i].drop_count;
    }
    pthread_mutex_lock(&k->lock);
    k->stats.bytes_written += r->bytes_written;
    k->stats.bytes_removed += removed;
    pthread_mutex_unlock(&k->lock);
}

varve_status compact_adopt_job(compaction *k, const job_result *r, varve_error *err)
{
    varve_status status = adopt_result(k->job, r, err);
    if (status == VARVE_OK) count_adopted(k, k->job, r);
    compact_end_job(k, status, err);
    return status;
}

/* ---- giving out jobs */

static compact_peer *waiting_peer(compaction *k)
{
    for (size_t i = 0; i < COMPACT_PEERS_MAX; i++) {
        if (k->peers[i].fd >= 0 && k->peers[i].waiting) return &k->peers[i];
    }
    return NULL;
}

/* All rows of the inputs go: nobody has to be asked. */
static bool is_empty(const compact_job *j)
{
    return j->order.kind == JOB_MERGE && j->rows_kept == 0;
}

static void begin(compaction *k, varve_collection *c, const compact_plan *p,
                  const compact_request *request, compact_peer *peer)
{
    varve_error err = {0};
    compact_job *j = NULL;
    varve_status status = pin_job(k, c, p, &j, &err);
    if (status != VARVE_OK) {
        back_off(c, status, false);
        requests_note(k, request, status, &err);
        return;
    }
    j->request = request;
    j->peer = peer;
    k->job = j;
    jobs_begin(k, j, &p->decision);
    if (is_empty(j)) {
        const job_result nothing = {.epoch = k->epoch, .job = j->order.job};
        status = compact_adopt_job(k, &nothing, &err);
    } else {
        status = server_send_job(peer, j, &err);
        (void)VV_FAULT("compact.sent");
        if (status != VARVE_OK) server_drop_peer(k, peer); /* ends the job */
    }
    (void)status;
}

/* What is due in this collection by itself. true: a job was begun. */
static bool begin_due(compaction *k, varve_collection *c, compact_peer *peer)
{
    for (int plans = 0; plans < PLANS_MAX; plans++) {
        VV_CLEANUP(plan_done) compact_plan p = {0};
        varve_error ignored;
        uint64_t published = atomic_load(&c->published), rows = 0;
        if (plan_make(c, NULL, &p, &ignored) != VARVE_OK) return false;
        if (p.decision.kind == PICK_NONE) {
            c->compact_idle = published;
            return false;
        }
        if (p.decision.kind != PICK_PURGE) {
            begin(k, c, &p, NULL, peer);
            return true;
        }
        varve_status status =
            purge_segments(c, p.v, p.sources[p.decision.first], p.decision.count, &rows, &ignored);
        pthread_mutex_lock(&k->lock);
        k->stats.rows_removed += rows;
        pthread_mutex_unlock(&k->lock);
        if (status == VARVE_OK) continue;
        back_off(c, status, false);
        return false;
    }
    return false;
}

/* Unchanged since nothing was found in it, and no deleted rows whose time may come (those of a
 * vector field go with its collection's). */
static bool is_idle(varve_collection *c)
{
    if (!atomic_load(&c->loaded) || atomic_load(&c->dropped)) return true;
    if (c->compact_after_ms > now_ms()) return true;
    if (c->compact_idle != atomic_load(&c->published)) return false;
    VV_CLEANUP(view_unrefp) view *v = collection_view(c);
    return c->inner || v->rows_deleted == 0;
}

static void give_due(compaction *k, compact_peer *peer)
{
    varve_collection **all = NULL;
    size_t count = 0;
    bool begun = false;
    if (catalog_all(k->db, &all, &count, NULL) != VARVE_OK) return;
    for (size_t i = 0; i < count && !begun; i++) {
        varve_collection *c = all[(k->turn + i) % count];
        if (is_idle(c) || !begin_due(k, c, peer)) continue;
        k->turn = (k->turn + i + 1) % count;
        begun = true;
    }
    for (size_t i = 0; i < count; i++)
        varve_collection_release(all[i]);
    free(all);
}

static void give_work(compaction *k)
{
    compact_request *r = NULL;
    VV_CLEANUP(plan_done) compact_plan plan = {0};
    if (k->job) return;
    requests_step(k, &r, &plan);
    compact_peer *peer = waiting_peer(k);
    if (!peer || db_check_writable(k->db, false, NULL) != VARVE_OK) return;
    if (r) {
        begin(k, r->c, &plan, r, peer);
    } else {
        give_due(k, peer);
    }
}

/* ---- what may happen meanwhile */

static void look_at_cancel(compaction *k)
{
    compact_job *j = k->job;
    pthread_mutex_lock(&k->lock);
    bool asked = j && k->cancel == j->order.job;
    k->cancel = 0;
    pthread_mutex_unlock(&k->lock);
    if (!j) return;
    index_wants w;
    vector_field f = collection_field(j->c);
    index_wants_of(&f, &w);
    bool built = index_spec_has_file(&j->order.spec);
    bool stale = built && !index_serves(&w, j->order.spec.kind, index_spec_hash(&j->order.spec));
    if (asked) j->user_cancelled = true;
    if (asked || stale || atomic_load(&j->c->dropped)) server_cancel_job(k);
}

static void look_at_schedule(compaction *k)
{
    int64_t now = (int64_t)(clock_wall_ms() / 1000);
    if (!k->scheduled || k->schedule_next == 0 || now < k->schedule_next) return;
    k->schedule_next = schedule_next(&k->schedule, now);
    requests_from_schedule(k);
}

static void look_at_peers(compaction *k)
{
    for (size_t i = 0; i < COMPACT_PEERS_MAX; i++) {
        compact_peer *p = &k->peers[i];
        if (p->fd >= 0 && !p->greeted && now_ms() - p->since_ms > COMPACT_HELLO_MS)
            server_drop_peer(k, p);
        server_drop_silent(k, p);
    }
    const compact_job *j = k->job;
    if (j && j->cancelled && now_ms() - j->cancelled_ms > COMPACT_CANCEL_MS)
        server_drop_peer(k, j->peer);
}

static bool has_other_peer(const compaction *k)
{
    for (size_t i = 0; i < COMPACT_PEERS_MAX; i++) {
        const compact_peer *p = &k->peers[i];
        if (p->fd >= 0 && p->greeted && p != k->child.peer) return true;
    }
    return false;
}

static void look_at_child(compaction *k)
{
    pthread_mutex_lock(&k->lock);
    bool supervised = k->supervised;
    pthread_mutex_unlock(&k->lock);
    bool other = has_other_peer(k), asked = requests_need_peer(k) && !other;
    bool works = k->job && k->child.peer && k->job->peer == k->child.peer;
    child_look(k, supervised || asked || works);
    bool hopeless = k->child.failures >= CHILD_STARTS_MAX;
    bool there = k->child.peer && k->child.peer->greeted;
    if (asked && hopeless && !there) requests_fail_waiting(k, &k->child.why);
    pthread_mutex_lock(&k->lock);
    k->hopeless = hopeless;
    pthread_mutex_unlock(&k->lock);
    if (!supervised && !asked) {
        k->child.failures = 0;
        k->child.next_ms = 0;
    }
}

/* ---- the thread */

static int timeout_of(compaction *k)
{
    int child = child_timeout_ms(k), tick = -1;
    pthread_mutex_lock(&k->lock);
    bool busy = k->requests || k->supervised;
    pthread_mutex_unlock(&k->lock);
    for (size_t i = 0; i < COMPACT_PEERS_MAX; i++)
        busy |= k->peers[i].fd >= 0;
    if (busy || k->scheduled || k->child.pid) tick = TICK_MS;
    return child >= 0 && (tick < 0 || child < tick) ? child : tick;
}

static void wait_and_receive(compaction *k)
{
    struct pollfd fds[COMPACT_PEERS_MAX + 2];
    fds[0] = (struct pollfd){.fd = k->wake_fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = k->listen_fd, .events = POLLIN};
    for (size_t i = 0; i < COMPACT_PEERS_MAX; i++)
        fds[i + 2] = (struct pollfd){.fd = k->peers[i].fd, .events = POLLIN};
    if (poll(fds, VV_COUNT(fds), timeout_of(k)) <= 0) return;
    uint64_t wakes;
    if (fds[0].revents && read(k->wake_fd, &wakes, sizeof wakes) < 0) wakes = 0;
    for (size_t i = 0; i < COMPACT_PEERS_MAX; i++) {
        if (fds[i + 2].revents && k->peers[i].fd == fds[i + 2].fd) server_receive(k, &k->peers[i]);
    }
    if (fds[1].revents) server_accept(k);
}

static bool stopping(compaction *k)
{
    pthread_mutex_lock(&k->lock);
    bool stop = k->stop;
    pthread_mutex_unlock(&k->lock);
    return stop;
}

static void end_all(compaction *k)
{
    varve_error closing;
    varve_status status = vv_fail(&closing, VARVE_CLOSED, "the folder is being closed");
    child_end(k);
    for (size_t i = 0; i < COMPACT_PEERS_MAX; i++) {
        if (k->peers[i].fd < 0) continue;
        server_send_bye(&k->peers[i]);
        server_drop_peer(k, &k->peers[i]);
    }
    if (k->job) compact_end_job(k, status, &closing);
    requests_fail_all(k);
    server_unlisten(k);
}

static void *run(void *context)
{
    compaction *k = context;
    while (!stopping(k)) {
        look_at_cancel(k);
        look_at_schedule(k);
        look_at_peers(k);
        give_work(k);
        look_at_child(k);
        wait_and_receive(k);
    }
    end_all(k);
    return NULL;
}

/* ---- start, stop */

static varve_status set_up(compaction *k, varve_error *err)
{
    const char *line = k->db->options.compact_schedule;
    if (line && *line) {
        VV_TRY(schedule_parse(line, &k->schedule, err));
        k->scheduled = true;
        k->schedule_next = schedule_next(&k->schedule, (int64_t)(clock_wall_ms() / 1000));
    }
    char *root = realpath(k->db->path, NULL);
    if (!root || strlen(root) >= sizeof k->root) {
        free(root);
        return vv_fail(err, VARVE_IO, "%s: cannot say where it is: %s", k->db->path,
                       strerror(root ? ENAMETOOLONG : errno));
    }
    memcpy(k->root, root, strlen(root) + 1);
    free(root);
    if (getrandom(&k->epoch, sizeof k->epoch, 0) != (ssize_t)sizeof k->epoch)
        k->epoch = clock_now_ns() ^ (uint64_t)getpid() << 40;
    k->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (k->wake_fd < 0) return vv_fail(err, VARVE_IO, "cannot make an event: %s", strerror(errno));
    /* Where sockets cannot be had, compactors of our own still work. */
    varve_error ignored;
    varve_status status = server_listen(k, &ignored);
    (void)status;
    return VARVE_OK;
}

varve_status compaction_start(varve *db, varve_error *err)
{
    pthread_condattr_t monotonic;
    compaction *k = calloc(1, sizeof *k);
    if (!k) return vv_fail(err, VARVE_NO_MEMORY, "no memory for compaction");
    k->db = db;
    k->next_job = 1;
    k->silence_ms = COMPACT_SILENCE_MS;
    k->wake_fd = k->listen_fd = -1;
    for (size_t i = 0; i < COMPACT_PEERS_MAX; i++)
        k->peers[i].fd = -1;
    pthread_mutex_init(&k->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&k->finished, &monotonic);
    pthread_condattr_destroy(&monotonic);
    db->compaction = k; /* freed with the folder, also when this fails */
    VV_TRY(set_up(k, err));
    if (pthread_create(&k->thread, NULL, run, k) != 0)
        return vv_fail(err, VARVE_NO_MEMORY, "cannot start a thread");
    k->started = true;
    return VARVE_OK;
}

void compaction_stop(varve *db)
{
    compaction *k = db->compaction;
    if (!k || !k->started) return;
    pthread_mutex_lock(&k->lock);
    k->stop = true;
    pthread_mutex_unlock(&k->lock);
    compaction_wake(db);
    pthread_join(k->thread, NULL);
    k->started = false;
}

void compaction_free(varve *db)
{
    compaction *k = db->compaction;
    if (!k) return;
    server_unlisten(k);
    if (k->wake_fd >= 0) close(k->wake_fd);
    pthread_mutex_destroy(&k->lock);
    pthread_cond_destroy(&k->finished);
    free(k);
    db->compaction = NULL;
}
