/* compact_child.c — a compactor of our own: a child that gets its socket as descriptor 3. Found
 * beside the library or the running program, or in PATH; started again with growing pauses when it
 * ends; told to end when it is no longer wanted, and killed when it does not. */
#include "db/compaction_inner.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PROGRAM  "varve-compactor"
#define CHILD_FD 3
#define REAP_MS  50 /* between two looks at a child that ends */

extern char **environ;

static uint64_t now_ms(void) { return clock_now_ns() / 1000000; }

/* ---- which program */

/* Beside the file, or in ../compactor or compactor of its folder, as in a build tree. */
static bool find_beside(const char *file, char ret[DB_PATH_MAX])
{
    static const char *const places[] = {"", "../", "../compactor/", "compactor/"};
    const char *slash = file ? strrchr(file, '/') : NULL;
    if (!slash) return false;
    for (size_t i = 0; i < VV_COUNT(places); i++) {
        int len =
            snprintf(ret, DB_PATH_MAX, "%.*s/%s" PROGRAM, (int)(slash - file), file, places[i]);
        if (len < DB_PATH_MAX && access(ret, X_OK) == 0) return true;
    }
    return false;
}

varve_status child_find(const varve_options *o, char ret[DB_PATH_MAX], varve_error *err)
{
    char self[DB_PATH_MAX], found[DB_PATH_MAX];
    Dl_info info = {0};
    if (o->compactor_path) {
        if (access(o->compactor_path, X_OK) != 0)
            return vv_fail(err, VARVE_IO, "cannot start %s: %s", o->compactor_path,
                           strerror(errno));
        snprintf(ret, DB_PATH_MAX, "%s", o->compactor_path);
        return VARVE_OK;
    }
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 0] = 0;
    bool there = dladdr((const void *)child_find, &info) != 0 && find_beside(info.dli_fname, found);
    if (!there) there = find_beside(self, found);
    snprintf(ret, DB_PATH_MAX, "%s", there ? found : PROGRAM); /* else by PATH */
    return VARVE_OK;
}

/* ---- start */

/* All signals as a program expects them, and no descriptors but the first four. */
static int spawn(const char *program, int fd, pid_t *ret)
{
    char fd_text[12];
    char name[] = PROGRAM, option[] = "--fd";
    char *const arguments[] = {name, option, fd_text, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    snprintf(fd_text, sizeof fd_text, "%d", CHILD_FD);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fd, CHILD_FD);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    posix_spawn_file_actions_addclosefrom_np(&actions, CHILD_FD + 1);
#endif
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int error = strchr(program, '/')
                    ? posix_spawn(ret, program, &actions, &attributes, arguments, environ)
                    : posix_spawnp(ret, program, &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static varve_status start(compaction *k, varve_error *err)
{
    char program[DB_PATH_MAX];
    int fds[2];
    VV_TRY(child_find(&k->db->options, program, err));
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return vv_fail(err, VARVE_IO, "cannot make a socket: %s", strerror(errno));
    pid_t pid = 0;
    int error = spawn(program, fds[1], &pid);
    close(fds[1]);
    if (error) {
        close(fds[0]);
        return vv_fail(err, VARVE_IO, "cannot start %s: %s", program, strerror(error));
    }
    k->child.pid = pid;
    k->child.ends_ms = 0;
    k->child.peer = server_add_peer(k, fds[0]);
    return VARVE_OK;
}

static void back_off(compact_child *c)
{
    uint64_t pause = CHILD_BACKOFF_MS;
    for (unsigned i = 0; i < c->failures && pause < CHILD_BACKOFF_MS_MAX; i++)
        pause *= 2;
    c->failures++;
    c->next_ms = now_ms() + VV_MIN(pause, CHILD_BACKOFF_MS_MAX);
}

/* ---- end */

/* false: it still runs. Somebody else may have reaped it: then it is gone as well. */
static bool reap(compaction *k)
{
    int status = 0;
    pid_t pid = waitpid(k->child.pid, &status, WNOHANG);
    if (pid == 0 || (pid < 0 && errno == EINTR)) return false;
    bool told = k->child.ends_ms != 0 && !k->child.lost;
    k->child.pid = 0;
    k->child.ends_ms = 0;
    k->child.lost = false;
    if (k->child.peer) server_drop_peer(k, k->child.peer);
    if (told) return true;
    bool killed = pid > 0 && WIFSIGNALED(status);
    (void)vv_fail(&k->child.why, VARVE_IO, "the compactor ended with %s %d",
                  killed ? "signal" : "status",
                  pid < 0  ? -1
                  : killed ? WTERMSIG(status)
                           : WEXITSTATUS(status));
    back_off(&k->child);
    return true;
}

static void tell_to_end(compaction *k)
{
    k->child.ends_ms = now_ms() + CHILD_GRACE_MS;
    if (!k->child.peer) return;
    server_send_bye(k->child.peer);
    server_drop_peer(k, k->child.peer);
}

static void kill_if_late(compaction *k)
{
    if (k->child.pid && k->child.ends_ms && now_ms() >= k->child.ends_ms)
        (void)kill(k->child.pid, SIGKILL); /* not reaped yet, so the number is still its own */
}

void child_end(compaction *k)
{
    if (!k->child.pid) return;
    if (!k->child.ends_ms) tell_to_end(k);
    while (!reap(k)) {
        kill_if_late(k);
        clock_sleep_ms(5);
    }
}

/* ---- now and then */

/* A child whose connection is gone is of no use; it ends by itself, or is made to. */
static bool is_lost(const compaction *k)
{
    return k->child.pid && !k->child.peer && !k->child.ends_ms;
}

void child_look(compaction *k, bool wanted)
{
    compact_child *c = &k->child;
    if (c->pid && reap(k) && wanted) {
        pthread_mutex_lock(&k->lock);
        if (k->supervised) k->stats.restarts++;
        pthread_mutex_unlock(&k->lock);
    }
    if (is_lost(k)) {
        c->ends_ms = now_ms() + CHILD_GRACE_MS;
        c->lost = true;
    }
    if (c->pid && !wanted && !c->ends_ms && !k->job) tell_to_end(k);
    kill_if_late(k);
    if (c->pid || !wanted || now_ms() < c->next_ms) return;
    if (start(k, &c->why) != VARVE_OK) back_off(c);
}

int child_timeout_ms(const compaction *k)
{
    const compact_child *c = &k->child;
    if (c->pid) return c->ends_ms ? REAP_MS : -1;
    uint64_t now = now_ms();
    return c->next_ms > now ? (int)(c->next_ms - now) : -1;
}
