/* backup_walk.c — the process ends in the middle of a backup, a restore, a collection, or of
 * making, restoring and deleting a snapshot; afterwards nothing that is listed is false, what was
 * there is as it was, the same once more completes, and nothing is left over.
 *
 *   backup_walk points [wanted [action [sealed]]]   it ends at each fault point, or at so many of
 *                                                   each action, or of one; sealed: encrypted
 *   backup_walk kills [count [seed]]                it is killed at random */
#include "backup_scene.h"

#include "base/fault.h"
#include "base/random.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXIT_CRASH    77
#define CHILD_SECONDS 120

static const char *const words[] = {
#define X(name, word) [SCENE_##name] = word,
    SCENE_ACTION_TABLE(X)
#undef X
};

/* ---- processes: the parent never opens a folder itself, for RocksDB's threads do not come along
 * into a fork */

static int end_of(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) != pid) abort();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void make_template(scene *s)
{
    test_dir_make(&s->dir);
    scene_paths(s);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(CHILD_SECONDS);
        scene_make(s);
        _exit(0);
    }
    if (end_of(pid) != 0) abort();
}

static void copy_template(const scene *from, scene *to)
{
    char source[300];
    *to = (scene){.sealed = from->sealed};
    test_dir_make(&to->dir);
    scene_paths(to);
    snprintf(source, sizeof source, "%s/.", from->dir.path);
    pid_t pid = fork();
    if (pid == 0) {
        execlp("cp", "cp", "-a", source, to->dir.path, (char *)NULL);
        _exit(9);
    }
    if (end_of(pid) != 0) abort();
}

/* nth UINT64_MAX: no point; how many there are goes into `fd`. */
static void act(const scene *s, scene_action a, uint64_t nth, int fd)
{
    varve_error err = {0};
    alarm(CHILD_SECONDS);
    fault_arm(NULL, nth, VV_FAULT_CRASH);
    varve_status status = scene_act(s, a, &err);
    uint64_t points = fault_points_reached();
    fault_disarm();
    if (status != VARVE_OK) fprintf(stderr, "%s: %s\n", words[a], err.message);
    if (fd >= 0 && write(fd, &points, sizeof points) < 0) _exit(9);
    _exit(status == VARVE_OK ? 0 : 8);
}

static pid_t start(const scene *s, scene_action a, uint64_t nth, int fd)
{
    pid_t pid = fork();
    if (pid == 0) act(s, a, nth, fd);
    return pid;
}

static bool look(scene *s, scene_action a)
{
    int fds[2];
    if (pipe(fds) != 0) abort();
    pid_t pid = fork();
    if (pid == 0) {
        alarm(CHILD_SECONDS);
        bool fine = scene_look(s, a);
        if (!fine && write(fds[1], s->difference, sizeof s->difference) < 0) _exit(2);
        _exit(fine ? 0 : 1);
    }
    close(fds[1]);
    ssize_t got = read(fds[0], s->difference, sizeof s->difference);
    close(fds[0]);
    int code = end_of(pid);
    if (code != 0 && got <= 0)
        snprintf(s->difference, sizeof s->difference, "the look ended with %d", code);
    return code == 0;
}

/* ---- at every point ---- */

static uint64_t count_points(const scene *template, scene_action a)
{
    scene s;
    uint64_t points = 0;
    int fds[2];
    if (pipe(fds) != 0) abort();
    copy_template(template, &s);
    pid_t pid = start(&s, a, UINT64_MAX, fds[1]);
    close(fds[1]);
    if (read(fds[0], &points, sizeof points) != (ssize_t)sizeof points) points = 0;
    close(fds[0]);
    if (end_of(pid) != 0) points = 0;
    test_dir_remove(&s.dir);
    return points;
}

static bool one_point(const scene *template, scene_action a, uint64_t nth)
{
    scene s;
    copy_template(template, &s);
    int code = end_of(start(&s, a, nth, -1));
    bool fine = code == 0 || code == EXIT_CRASH;
    if (!fine) snprintf(s.difference, sizeof s.difference, "the child ended with %d", code);
    fine = fine && look(&s, a);
    if (fine)
        test_dir_remove(&s.dir);
    else
        printf("%s, point %lu: %s (kept: %s)\n", words[a], nth, s.difference, s.dir.path);
    return fine;
}

/* `wanted` of them, evenly; 0: all. The last one always. */
static int walk_action(const scene *template, scene_action a, uint64_t wanted)
{
    uint64_t all = count_points(template, a), points = wanted ? VV_MIN(wanted, all) : all;
    int found = all == 0;
    for (uint64_t i = 1; i <= points; i++)
        found += !one_point(template, a, i * all / points);
    printf("%s: ended at %lu of %lu points, %d failures\n", words[a], points, all, found);
    fflush(stdout);
    return found;
}

/* ---- at random ---- */

static bool one_kill(const scene *template, uint64_t seed)
{
    scene s;
    random_state random;
    scene_action a = (scene_action)(seed % SCENE_ACTIONS);
    random_seed(&random, seed);
    copy_template(template, &s);
    pid_t pid = start(&s, a, UINT64_MAX, -1);
    struct timespec pause = {0, (long)random_below(&random, 60000) * 1000};
    nanosleep(&pause, NULL);
    kill(pid, SIGKILL);
    int code = end_of(pid);
    bool fine = code == 0 || code == 1000 + SIGKILL;
    if (!fine) snprintf(s.difference, sizeof s.difference, "the child ended with %d", code);
    fine = fine && look(&s, a);
    if (fine)
        test_dir_remove(&s.dir);
    else
        printf("%s, seed %lu: %s (kept: %s)\n", words[a], seed, s.difference, s.dir.path);
    return fine;
}

static int walk_points(const scene *template, uint64_t wanted, const char *only)
{
    int found = 0;
    for (int a = 0; a < SCENE_ACTIONS; a++)
        if (!only || strcmp(only, "all") == 0 || strcmp(only, words[a]) == 0)
            found += walk_action(template, (scene_action)a, wanted);
    return found;
}

static int walk_kills(const scene *template, uint64_t count, uint64_t seed)
{
    int found = 0;
    for (uint64_t i = 0; i < count; i++)
        found += !one_kill(template, seed + i);
    return found;
}

static uint64_t number(int argc, char **argv, int at, uint64_t otherwise)
{
    return argc > at ? strtoull(argv[at], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    scene template = {.sealed = argc > 4 && strcmp(argv[4], "sealed") == 0};
    bool kills = argc > 1 && strcmp(argv[1], "kills") == 0;
    make_template(&template);
    int found = kills ? walk_kills(&template, number(argc, argv, 2, 40), number(argc, argv, 3, 1))
                      : walk_points(&template, number(argc, argv, 2, 0), argc > 3 ? argv[3] : NULL);
    test_dir_remove(&template.dir);
    printf("%d failures\n", found);
    return found != 0;
}
