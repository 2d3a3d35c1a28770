/* process.c — work folders, and what /proc says of processes. See bench.h. */
#include "bench.h"

#include "base/clock.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

varve_status work_new(const bench_options *o, const char *name, work *ret, varve_error *err)
{
    int n = snprintf(ret->path, sizeof ret->path, "%s/varve-bench-%s-XXXXXX", o->dir, name);
    if (n < 0 || (size_t)n >= sizeof ret->path)
        return vv_fail(err, VARVE_LIMIT, "the path %s is too long", o->dir);
    if (!mkdtemp(ret->path)) {
        int why = errno;
        varve_status status =
            vv_fail(err, VARVE_IO, "cannot make a folder in %s: %s", o->dir, strerror(why));
        ret->path[0] = '\0';
        return status;
    }
    return VARVE_OK;
}

void work_done(work *w)
{
    if (!w->path[0]) return;
    varve_status ignored = file_remove_tree(w->path, NULL);
    (void)ignored; /* a folder left behind is no failure of the measurement */
    w->path[0] = '\0';
}

static double seconds_of_clock(clockid_t clock)
{
    struct timespec t = {0};
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double cpu_seconds_self(void) { return seconds_of_clock(CLOCK_PROCESS_CPUTIME_ID); }

double cpu_seconds_thread(void) { return seconds_of_clock(CLOCK_THREAD_CPUTIME_ID); }

double bench_seconds(size_t threads)
{
    return threads <= 1 ? cpu_seconds_self() : (double)clock_now_ns() / 1e9;
}

varve_status cpu_seconds_of(int pid, double *ret, varve_error *err)
{
    clockid_t clock;
    int why = clock_getcpuclockid(pid, &clock);
    if (why) return vv_fail(err, VARVE_IO, "no CPU clock of process %d: %s", pid, strerror(why));
    *ret = seconds_of_clock(clock);
    return VARVE_OK;
}

/* The number behind "name:" in a file of /proc; 0 when it is not there. */
static uint64_t number_in(const char *path, const char *name)
{
    char line[256];
    size_t n = strlen(name);
    uint64_t value = 0;
    FILE *f = fopen(path, "re");
    if (!f) return 0;
    while (fgets(line, sizeof line, f))
        if (strncmp(line, name, n) == 0 && line[n] == ':') value = strtoull(line + n + 1, NULL, 10);
    fclose(f);
    return value;
}

uint64_t bytes_written_self(void) { return number_in("/proc/self/io", "write_bytes"); }

uint64_t bytes_read_self(void) { return number_in("/proc/self/io", "read_bytes"); }

uint64_t memory_of_self(const char *line) { return number_in("/proc/self/status", line) * 1024; }

size_t open_files_self(void)
{
    size_t count = 0;
    DIR *d = opendir("/proc/self/fd");
    if (!d) return 0;
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        count += e->d_name[0] != '.';
    closedir(d);
    return count - 1; /* less the one of the directory itself */
}

size_t processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (size_t)n : 1;
}

varve_status run_in_child(child_task *task, void *context, varve_error *err)
{
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) return vv_fail(err, VARVE_IO, "cannot fork: %s", strerror(errno));
    if (child == 0) {
        varve_error why = {0};
        if (task(context, &why) == VARVE_OK) _exit(0);
        fprintf(stderr, "varve-bench: %s\n", why.message);
        _exit(1);
    }
    if (waitpid(child, &status, 0) < 0)
        return vv_fail(err, VARVE_IO, "lost the child: %s", strerror(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return VARVE_OK;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return VARVE_OK; /* as it meant to */
    return vv_fail(err, VARVE_INTERNAL, "the child process failed");
}
