/* fault_walk.c — every write, sync, rename, open, map, link and unlink of ours in open, put, seal,
 * session, checkpoint and close fails once, or ends the process there. For each fault point in turn
 * a child works on a fresh folder and reports each step it got an answer for; the parent then opens
 * the folder, with no fault, and it must hold exactly the answered steps, with or without the one
 * in flight. fault_walk [first [last [step]]]     the fault points to walk; the default walks until
 * no fault is hit any more */
#include "base/fault.h"
#include "db_model.h"
#include "test_dir.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPS         40
#define EXIT_NO_FAULT 0
#define EXIT_FAULT    3
#define EXIT_CRASH    77

typedef struct walk {
    uint64_t points, crashes, errors, survived;
} walk;

/* ---- the child */

static void report(int fd, int step)
{
    if (write(fd, &step, sizeof step) != (ssize_t)sizeof step) _exit(9);
}

/* false: a fault made a step fail, and the child stops there as a careful client would. */
static bool work(const char *path, int fd, uint64_t seed, model *m, int first, int last)
{
    varve *db = NULL;
    varve_collection *c = NULL;
    varve_error err = {0};
    varve_options o;
    model_small_options(&o);
    if (varve_open(path, &o, &db, &err) != VARVE_OK) return false;
    bool going = varve_collection_open(db, "default", "docs", &c, &err) == VARVE_OK ||
                 varve_collection_create(db, "default", "docs", NULL, &c, &err) == VARVE_OK;
    for (int i = first; going && i < last; i++) {
        model_step s;
        model_plan(m, &s);
        varve_status expected = model_expect(m, &s), status = model_do(&s, c, &err);
        going = status == expected;
        if (!going && getenv("FAULT_WALK_VERBOSE"))
            fprintf(stderr, "seed %lu step %d: %s: %s\n", seed, i, varve_status_name(status),
                    err.message);
        if (!going) break;
        if (status == VARVE_OK) model_apply(m, &s);
        report(fd, i);
        if (i % 10 == 9) going = varve_collection_checkpoint(c, &err) == VARVE_OK;
    }
    varve_collection_release(c);
    if (!going) {
        varve_abandon(db);
        return false;
    }
    return varve_close(db, &err) == VARVE_OK;
}

static void child(const char *path, int fd, uint64_t seed, uint64_t nth, fault_kind kind)
{
    model m;
    model_init(&m, seed);
    fault_arm(NULL, nth, kind);
    bool whole =
        work(path, fd, seed, &m, 0, STEPS / 2) && work(path, fd, seed, &m, STEPS / 2, STEPS);
    bool hit = fault_was_hit();
    fault_disarm();
    if (!hit && !whole) {
        fprintf(stderr, "seed %lu: failed without a fault\n", seed);
        _exit(8);
    }
    _exit(hit ? EXIT_FAULT : EXIT_NO_FAULT);
}

/* ---- the parent */

static int last_reported(int fd)
{
    int step, last = -1;
    while (read(fd, &step, sizeof step) == (ssize_t)sizeof step)
        last = step;
    return last;
}

static void replay(model *m, uint64_t seed, int steps)
{
    model_init(m, seed);
    for (int i = 0; i < steps; i++) {
        model_step s;
        model_plan(m, &s);
        if (model_expect(m, &s) == VARVE_OK) model_apply(m, &s);
    }
}

static bool sound(const char *path, char *difference, size_t size)
{
    varve_report *r = NULL;
    varve_error err = {0};
    if (varve_fsck(path, &r, &err) != VARVE_OK) {
        snprintf(difference, size, "fsck: %s", err.message);
        return false;
    }
    bool fine = varve_report_count(r) == 0;
    if (!fine) snprintf(difference, size, "fsck: %s", varve_report_line(r, 0));
    varve_report_free(r);
    return fine;
}

static bool holds_here(const char *path, uint64_t seed, int answered, char *difference, size_t size)
{
    varve *db = NULL;
    varve_collection *c = NULL;
    varve_error err = {0};
    varve_options o;
    model_small_options(&o);
    if (varve_open(path, &o, &db, &err) != VARVE_OK) {
        snprintf(difference, size, "open: %s", err.message);
        return false;
    }
    varve_status status = varve_collection_open(db, "default", "docs", &c, &err);
    bool same = status == VARVE_NOT_FOUND && answered == 0;
    if (status == VARVE_OK) {
        model m;
        replay(&m, seed, answered);
        same = model_check(&m, c, difference, size);
        if (!same && answered < STEPS) { /* the step in flight may have come through */
            char other[256];
            replay(&m, seed, answered + 1);
            same = model_check(&m, c, other, sizeof other);
        }
        varve_collection_release(c);
    } else if (!same) {
        snprintf(difference, size, "collection: %s", err.message);
    }
    if (varve_close(db, &err) != VARVE_OK) {
        snprintf(difference, size, "close: %s", err.message);
        same = false;
    }
    return same && sound(path, difference, size);
}

/* In a process of its own: RocksDB keeps threads for the life of a process, and those do not come
 * along into a fork, so the parent of the workers must never have opened a folder. */
static bool holds(const char *path, uint64_t seed, int answered, char *difference, size_t size)
{
    int fds[2], status;
    if (pipe(fds) != 0) abort();
    pid_t pid = fork();
    if (pid == 0) {
        bool same = holds_here(path, seed, answered, difference, size);
        if (!same && write(fds[1], difference, strlen(difference) + 1) < 0) _exit(2);
        _exit(same ? 0 : 1);
    }
    close(fds[1]);
    ssize_t got = read(fds[0], difference, size - 1);
    difference[got > 0 ? got : 0] = 0;
    close(fds[0]);
    if (waitpid(pid, &status, 0) != pid) abort();
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int run_child(const char *path, uint64_t seed, uint64_t nth, fault_kind kind, int *ret_last)
{
    int fds[2], status;
    if (pipe(fds) != 0) abort();
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        alarm(60); /* a fault must never hang the work */
        child(path, fds[1], seed, nth, kind);
    }
    close(fds[1]);
    *ret_last = last_reported(fds[0]);
    close(fds[0]);
    if (waitpid(pid, &status, 0) != pid) abort();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* 1: go on; 0: no fault was hit, the walk is over; -1: found something. */
static int one_point(walk *w, uint64_t nth, fault_kind kind)
{
    test_dir dir;
    char difference[256] = "";
    int last;
    uint64_t seed = 1 + nth % 7;
    test_dir_make(&dir);
    int code = run_child(dir.path, seed, nth, kind, &last);
    bool fine = code == EXIT_NO_FAULT || code == EXIT_FAULT || code == EXIT_CRASH;
    if (!fine) snprintf(difference, sizeof difference, "the child ended with %d", code);
    if (fine) fine = holds(dir.path, seed, last + 1, difference, sizeof difference);
    if (!fine) {
        printf("point %lu kind %d seed %lu, %d steps answered: %s (kept: %s)\n", nth, (int)kind,
               seed, last + 1, difference, dir.path);
        return -1;
    }
    test_dir_remove(&dir);
    w->points++;
    w->crashes += code == EXIT_CRASH;
    w->errors += code == EXIT_FAULT && last + 1 < STEPS;
    w->survived += code == EXIT_FAULT && last + 1 == STEPS;
    return code != EXIT_NO_FAULT;
}

int main(int argc, char **argv)
{
    static const fault_kind kinds[] = {VV_FAULT_CRASH, VV_FAULT_EIO, VV_FAULT_ENOSPC,
                                       VV_FAULT_SHORT};
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1,
             last = argc > 2 ? strtoull(argv[2], NULL, 10) : 5000;
    uint64_t step = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    walk w = {0};
    int found = 0;
    for (size_t k = 0; k < VV_COUNT(kinds); k++) {
        for (uint64_t nth = first; nth <= last; nth += step) {
            int result = one_point(&w, nth, kinds[k]);
            found += result < 0;
            if (result == 0) break;
        }
    }
    printf("%lu fault points: %lu crashes, %lu errors answered, %lu survived; %d failures\n",
           w.points, w.crashes, w.errors, w.survived, found);
    return found != 0;
}
