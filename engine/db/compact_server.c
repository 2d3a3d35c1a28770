/* compact_server.c — the socket that compactors come to, and what is said there. Whoever may write
 * in the folder may be its compactor: the socket is 0600, and the kernel says who is at the other
 * end. */
#include "db/compaction_inner.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <fcntl.h>

#define SOCKET_NAME "compactor.sock"

static uint64_t now_ms(void) { return clock_now_ns() / 1000000; }

/* ---- listen */

/* A path of a data folder may be longer than a socket's may be: name it by way of the open folder.
 * */
static varve_status bind_in(const varve *db, int fd, varve_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int folder = open(db->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return vv_fail(err, VARVE_IO, "cannot open %s: %s", db->path, strerror(errno));
    (void)unlinkat(folder, SOCKET_NAME, 0); /* of an owner that is gone: we hold LOCK */
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" SOCKET_NAME, folder);
    int result = bind(fd, (struct sockaddr *)&address, sizeof address);
    int error = errno;
    if (result == 0 && fchmodat(folder, SOCKET_NAME, S_IRUSR | S_IWUSR, 0) != 0) {
        result = -1;
        error = errno;
    }
    close(folder);
    if (result == 0) return VARVE_OK;
    return vv_fail(err, VARVE_IO, "cannot listen on %s/" SOCKET_NAME ": %s", db->path,
                   strerror(error));
}

varve_status server_listen(compaction *k, varve_error *err)
{
    VV_CLEANUP(vv_closep)
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return vv_fail(err, VARVE_IO, "cannot make a socket: %s", strerror(errno));
    VV_TRY(bind_in(k->db, fd, err));
    if (listen(fd, COMPACT_PEERS_MAX) != 0)
        return vv_fail(err, VARVE_IO, "cannot listen on %s/" SOCKET_NAME ": %s", k->db->path,
                       strerror(errno));
    k->listen_fd = fd;
    fd = -1;
    return VARVE_OK;
}

void server_unlisten(compaction *k)
{
    char path[DB_PATH_MAX];
    varve_error ignored;
    if (k->listen_fd < 0) return;
    close(k->listen_fd);
    k->listen_fd = -1;
    if (db_path(k->db, SOCKET_NAME, path, &ignored) == VARVE_OK) (void)unlink(path);
}

/* ---- peers */

static void note_connected(compaction *k)
{
    int pid = 0;
    bool connected = false;
    for (size_t i = 0; i < COMPACT_PEERS_MAX; i++) {
        const compact_peer *p = &k->peers[i];
        if (p->fd < 0 || !p->greeted) continue;
        connected = true;
        if (pid == 0 || (k->job && k->job->peer == p)) pid = (int)p->pid;
    }
    pthread_mutex_lock(&k->lock);
    k->connected = connected;
    k->stats.pid = pid;
    pthread_mutex_unlock(&k->lock);
}

compact_peer *server_add_peer(compaction *k, int fd)
{
    for (size_t i = 0; i < COMPACT_PEERS_MAX; i++) {
        if (k->peers[i].fd >= 0) continue;
        k->peers[i] = (compact_peer){.fd = fd, .since_ms = now_ms(), .heard_ms = now_ms()};
        return &k->peers[i];
    }
    close(fd);
    return NULL;
}

static bool has_job(const compaction *k, const compact_peer *p)
{
    return k->job && k->job->peer == p;
}

static void drop(compaction *k, compact_peer *p, const varve_error *why)
{
    if (p->fd < 0) return;
    close(p->fd);
    p->fd = -1;
    if (k->child.peer == p) k->child.peer = NULL;
    if (has_job(k, p))
        compact_end_job(k, k->job->user_cancelled ? VARVE_CANCELLED : why->status, why);
    note_connected(k);
}

void server_drop_peer(compaction *k, compact_peer *p)
{
    varve_error gone;
    (void)vv_fail(&gone, VARVE_IO, "the compactor ended while it worked on the job");
    drop(k, p, &gone);
}

/* What it has said may not have been read yet: this process may have been stopped for a while. */
static bool says_something(const compact_peer *p)
{
    struct pollfd said = {.fd = p->fd, .events = POLLIN};
    return poll(&said, 1, 0) > 0;
}

void server_drop_silent(compaction *k, compact_peer *p)
{
    uint64_t limit_ms = atomic_load(&k->silence_ms);
    varve_error why;
    if (p->fd < 0 || !p->greeted || (p->waiting && !has_job(k, p)) ||
        now_ms() - p->heard_ms <= limit_ms || says_something(p))
        return;
    (void)vv_fail(&why, VARVE_IO, "the compactor has said nothing for more than %llu ms: given up",
                  (unsigned long long)limit_ms);
    drop(k, p, &why);
}

void server_accept(compaction *k)
{
    struct ucred who = {0};
    socklen_t len = sizeof who;
    int fd = accept4(k->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE) clock_sleep_ms(50); /* it comes again at once */
        return;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0 || who.uid != geteuid()) {
        close(fd);
        return;
    }
    (void)server_add_peer(k, fd);
}

/* ---- send */

static bool send_or_drop(compaction *k, compact_peer *p, const handoff_message *m)
{
    varve_error ignored;
    if (handoff_send(p->fd, m, &ignored) == VARVE_OK) return true;
    server_drop_peer(k, p);
    return false;
}

varve_status server_send_job(compact_peer *p, const compact_job *j, varve_error *err)
{
    handoff_message m = {.kind = HANDOFF_JOB, .order = (job_order *)&j->order};
    VV_TRY(handoff_send(p->fd, &m, err));
    p->waiting = false;
    p->heard_ms = now_ms();
    return VARVE_OK;
}

void server_send_bye(compact_peer *p)
{
    varve_error ignored;
    handoff_message m = {.kind = HANDOFF_BYE};
    varve_status status = handoff_send(p->fd, &m, &ignored);
    (void)status; /* it sees the connection end as well */
}

void server_cancel_job(compaction *k)
{
    compact_job *j = k->job;
    if (!j || j->cancelled) return;
    j->cancelled = true;
    j->cancelled_ms = now_ms();
    handoff_message m = {.kind = HANDOFF_CANCEL, .epoch = j->order.epoch, .job = j->order.job};
    (void)send_or_drop(k, j->peer, &m);
}

/* ---- receive */

static void welcome(compaction *k, compact_peer *p, const handoff_message *m)
{
    handoff_message answer = {.kind = HANDOFF_WELCOME, .epoch = k->epoch};
    if (p->greeted || m->version != HANDOFF_VERSION) {
        server_drop_peer(k, p);
        return;
    }
    snprintf(answer.root, sizeof answer.root, "%s", k->root);
    p->greeted = true;
    p->pid = (pid_t)m->pid;
    if (send_or_drop(k, p, &answer)) note_connected(k);
}

static bool is_current(const compaction *k, const compact_peer *p, uint64_t epoch, uint64_t job)
{
    return k->job && k->job->peer == p && k->job->order.epoch == epoch && k->job->order.job == job;
}

static void propose(compaction *k, compact_peer *p, const job_result *r)
{
    handoff_message answer = {.kind = HANDOFF_ADOPTED, .epoch = r->epoch, .job = r->job};
    varve_status status;
    bool current = is_current(k, p, r->epoch, r->job);
    (void)VV_FAULT("compact.proposed");
    if (current) {
        status = compact_adopt_job(k, r, &answer.why);
    } else {
        status = vv_fail(&answer.why, VARVE_CONFLICT, "it is not the job that was given");
    }
    if (status != VARVE_OK) answer.kind = HANDOFF_REFUSE;
    if (p->fd >= 0) (void)send_or_drop(k, p, &answer);
}

static void handle(compaction *k, compact_peer *p, const handoff_message *m)
{
    if (!p->greeted && m->kind != HANDOFF_HELLO) {
        server_drop_peer(k, p);
        return;
    }
    switch (m->kind) {
    case HANDOFF_HELLO: welcome(k, p, m); return;
    case HANDOFF_PIN: p->waiting = true; return;
    case HANDOFF_PROGRESS:
        if (is_current(k, p, m->progress.epoch, m->progress.job)) jobs_progress(k, &m->progress);
        return;
    case HANDOFF_PROPOSE: propose(k, p, m->result); return;
    case HANDOFF_FAILED:
        if (is_current(k, p, m->epoch, m->job)) compact_end_job(k, m->why.status, &m->why);
        return;
    default: server_drop_peer(k, p); return;
    }
}

void server_receive(compaction *k, compact_peer *p)
{
    handoff_message m = {0};
    varve_error ignored;
    if (handoff_receive(p->fd, 1000, &m, &ignored) != VARVE_OK) {
        server_drop_peer(k, p);
        return;
    }
    p->heard_ms = now_ms();
    handle(k, p, &m);
    handoff_message_done(&m);
}
