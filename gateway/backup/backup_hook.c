/* backup_hook.c — see backup_hook.h; the part about programs. */
#include "backup_hook.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 10

static const char exec_prefix[] = "exec:";

static const char *program_of(const char *target)
{
    size_t len = sizeof exec_prefix - 1;
    return strncmp(target, exec_prefix, len) == 0 ? target + len : NULL;
}

static bool is_url(const char *target)
{
    return strncmp(target, "http://", 7) == 0 || strncmp(target, "https://", 8) == 0;
}

varve_status backup_hook_check(const char *target, varve_error *err)
{
    const char *program = program_of(target);
    if (is_url(target) || (program && *program == '/')) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID,
                   "backup_on_failure is '%.200s', must be exec:/path of a program, or a URL with "
                   "http:// or https://",
                   target);
}

/* Our signals are blocked or ignored; a program begins with all as they usually are. */
static void set_signals(posix_spawnattr_t *how)
{
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawnattr_setsigmask(how, &none);
    (void)posix_spawnattr_setsigdefault(how, &all);
    (void)posix_spawnattr_setpgroup(how, 0);
    (void)posix_spawnattr_setflags(how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                            POSIX_SPAWN_SETPGROUP);
}

/* 0, or an errno. */
static int spawn(const char *program, int input, pid_t *ret)
{
    char *arguments[] = {(char *)program, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    if (posix_spawn_file_actions_init(&files) != 0) return ENOMEM;
    if (posix_spawnattr_init(&how) != 0) {
        (void)posix_spawn_file_actions_destroy(&files);
        return ENOMEM;
    }
    set_signals(&how);
    int code = posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    if (!code)
        code = posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (!code)
        code = posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (!code) code = posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    if (!code) code = posix_spawn(ret, program, &files, &how, arguments, environ);
    (void)posix_spawn_file_actions_destroy(&files);
    (void)posix_spawnattr_destroy(&how);
    return code;
}

static varve_status await(const char *program, pid_t pid, uint64_t timeout_ms, varve_error *err)
{
    uint64_t until = clock_now_ns() + timeout_ms * 1000000;
    int state = 0;
    pid_t ended;
    while ((ended = waitpid(pid, &state, WNOHANG)) == 0 && clock_now_ns() < until)
        clock_sleep_ms(LOOK_MS);
    if (ended == 0) {
        (void)kill(-pid, SIGKILL);
        (void)waitpid(pid, &state, 0);
        return vv_fail(err, VARVE_TIMEOUT, "%s did not end within %llu ms and was killed", program,
                       (unsigned long long)timeout_ms);
    }
    if (ended == pid && WIFEXITED(state) && WEXITSTATUS(state) == 0) return VARVE_OK;
    if (ended == pid && WIFEXITED(state))
        return vv_fail(err, VARVE_IO, "%s ended with code %d", program, WEXITSTATUS(state));
    return vv_fail(err, VARVE_IO, "%s was ended by signal %d", program,
                   ended == pid ? WTERMSIG(state) : 0);
}

/* What was written to a pipe, whose other end alone is left; -1: an errno. */
static int fill_pipe(const char *json)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return -1;
    ssize_t wrote = write(ends[1], json, strlen(json)); /* fits: BACKUP_HOOK_BYTES_MAX */
    (void)close(ends[1]);
    if (wrote == (ssize_t)strlen(json)) return ends[0];
    (void)close(ends[0]);
    return -1;
}

static varve_status run(const char *program, const char *json, uint64_t timeout_ms,
                        varve_error *err)
{
    pid_t pid = 0;
    int input = fill_pipe(json);
    if (input < 0) return vv_fail(err, VARVE_IO, "no pipe to %s: %s", program, strerror(errno));
    int code = spawn(program, input, &pid);
    (void)close(input);
    if (code) return vv_fail(err, VARVE_IO, "%s cannot be started: %s", program, strerror(code));
    return await(program, pid, timeout_ms, err);
}

varve_status backup_hook_call(const char *target, const char *json, uint64_t timeout_ms,
                              varve_error *err)
{
    VV_TRY(backup_hook_check(target, err));
    if (strlen(json) > BACKUP_HOOK_BYTES_MAX)
        return vv_fail(err, VARVE_LIMIT, "the document for backup_on_failure is too long");
    const char *program = program_of(target);
    return program ? run(program, json, timeout_ms, err)
                   : backup_hook_post(target, json, timeout_ms, err);
}
