/* snapshot_walk.c — the process ends in the middle of a checkpoint or a copy; afterwards the folder
 * holds what it held, sound, the copy is there whole or not at all, and nothing is left of it when
 * the folder was opened again and the next one was made.
 *
 *   snapshot_walk points [first [last [step]]]   it ends at each fault point in turn
 *   snapshot_walk kills [count [seed]]           it is killed at random, among writes */
#include "base/bytes.h"
#include "base/fault.h"
#include "db/db.h"
#include "db/manifest_files.h"
#include "db_model.h"
#include "test_dir.h"
#include "varve_snapshot.h"
#include "walk.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STEPS_BEFORE 24 /* then twin is made */
#define STEPS_ALL    30
#define STEPS_MANY   100000
#define EXIT_CRASH   77

typedef enum action { CHECKPOINT, COPY, COPY_OUT, ACTIONS } action;
static const char *const action_names[] = {"checkpoint", "copy", "copy out"};

typedef struct place {
    test_dir dir;
    char folder[300], out[300], difference[512];
} place;

/* ---- the child that works */

static varve *open_folder(const char *path, varve_collection **ret_c)
{
    varve *db = NULL;
    varve_error err = {0};
    varve_options o;
    model_small_options(&o);
    must(varve_open(path, &o, &db, &err), &err);
    if (varve_collection_open(db, "default", "docs", ret_c, &err) != VARVE_OK)
        must(varve_collection_create(db, "default", "docs", NULL, ret_c, &err), &err);
    return db;
}

static void one_step(model *m, varve_collection *c, int i)
{
    model_step s;
    varve_error err = {0};
    model_plan(m, &s);
    varve_status expected = model_expect(m, &s), status = model_do(&s, c, &err);
    if (status != expected) must(status == VARVE_OK ? VARVE_INTERNAL : status, &err);
    if (status == VARVE_OK) model_apply(m, &s);
    if (i % 10 == 9) must(varve_collection_checkpoint(c, &err), &err);
}

static void copy_twin(varve *db)
{
    varve_error err = {0};
    const varve_copy_item one = {"default", "docs", NULL, "twin"};
    const varve_copy_options replace = {.overwrite = true};
    must(varve_copy(db, &one, 1, db, &replace, NULL, &err), &err);
}

static void copy_out(varve *db, const char *path)
{
    varve *to = NULL;
    varve_error err = {0};
    varve_options o;
    const varve_copy_item one = {"default", "docs", NULL, NULL};
    model_small_options(&o);
    must(varve_open(path, &o, &to, &err), &err);
    must(varve_copy(db, &one, 1, to, NULL, NULL, &err), &err);
    must(varve_close(to, &err), &err);
}

static void act(const place *p, varve *db, action a)
{
    varve_error err = {0};
    if (a == CHECKPOINT) must(varve_checkpoint_to(db, p->out, NULL, &err), &err);
    if (a == COPY) copy_twin(db);
    if (a == COPY_OUT) copy_out(db, p->out);
}

static void work(const place *p, uint64_t seed, action a, uint64_t nth)
{
    model m;
    varve_collection *c = NULL;
    varve_error err = {0};
    model_init(&m, seed);
    varve *db = open_folder(p->folder, &c);
    for (int i = 0; i < STEPS_ALL; i++) {
        if (i == STEPS_BEFORE) copy_twin(db);
        one_step(&m, c, i);
    }
    fault_arm(NULL, nth, VV_FAULT_CRASH);
    act(p, db, a);
    fault_disarm();
    varve_collection_release(c);
    must(varve_close(db, &err), &err);
    _exit(0);
}

static void report(int fd, int step)
{
    if (write(fd, &step, sizeof step) != (ssize_t)sizeof step) _exit(9);
}

/* Checkpoints are named by the steps that they must hold. */
static void work_for_ever(const place *p, uint64_t seed, int fd)
{
    model m;
    varve_collection *c = NULL;
    varve_error err = {0};
    char path[340];
    model_init(&m, seed);
    varve *db = open_folder(p->folder, &c);
    for (int i = 0; i < STEPS_MANY; i++) {
        one_step(&m, c, i);
        report(fd, i);
        snprintf(path, sizeof path, "%s-%d", p->out, i + 1);
        if (i % 5 == 4) must(varve_checkpoint_to(db, path, NULL, &err), &err);
        if (i % 7 == 6) copy_twin(db);
    }
    _exit(0);
}

/* ---- the child that looks */

/* Does the collection hold the rows after this many steps, or after as many as `other`? */
static bool holds(place *p, varve *db, const char *name, uint64_t seed, int steps, int other)
{
    model m;
    varve_collection *c = NULL;
    varve_error err = {0};
    if (varve_collection_open(db, "default", name, &c, &err) != VARVE_OK)
        return differs(p, "%s: %s", name, err.message);
    walk_replay(&m, seed, steps);
    bool same = model_check(&m, c, p->difference, sizeof p->difference);
    if (!same) {
        char ignored[256];
        walk_replay(&m, seed, other);
        same = model_check(&m, c, ignored, sizeof ignored);
    }
    varve_collection_release(c);
    return same;
}

static varve_status count_one(void *arg, const manifest_file *file, varve_error *err)
{
    size_t *count = arg;
    (void)file;
    (void)err;
    ++*count;
    return VARVE_OK;
}

static bool is_known(varve *db, const varve_text *key)
{
    varve_collection **all = NULL;
    size_t count = 0;
    bool known = false;
    if (catalog_all(db, &all, &count, NULL) != VARVE_OK) return false;
    for (size_t i = 0; i < count; i++) {
        known |= key->len >= 4 && get_be32(key->data) == all[i]->id;
        varve_collection_release(all[i]);
    }
    free(all);
    return known;
}

/* No row of a number that nothing names, and no record of a copy under way. */
static bool no_rows_left(place *p, varve *db)
{
    static const store_family families[] = {STORE_ROWS, STORE_FRESH, STORE_DEAD, STORE_BLOBS};
    varve_error err = {0};
    varve_text key;
    store_iter *i = NULL;
    bool fine = true;
    for (size_t f = 0; f < VV_COUNT(families) && fine; f++) {
        must(store_iter_new(db->store, families[f], NULL, 0, NULL, 0, &i, &err), &err);
        for (; fine && store_iter_at(i, &key, NULL); store_iter_next(i))
            fine = is_known(db, &key);
        store_iter_free(i);
    }
    if (!fine) return differs(p, "rows are left of a number that nothing names");
    must(store_iter_new(db->store, STORE_META, "k", 1, "l", 1, &i, &err), &err);
    if (store_iter_at(i, &key, NULL)) fine = differs(p, "the record of a copy is left");
    store_iter_free(i);
    return fine;
}

/* An open has swept: what is there is what the manifest names. */
static bool nothing_left(place *p, varve *db)
{
    char path[DB_PATH_MAX];
    varve_error err = {0};
    size_t named = 0;
    if (manifest_files_each(db->store, count_one, &named, &err) != VARVE_OK ||
        db_path(db, "segments", path, &err) != VARVE_OK)
        return differs(p, "manifest: %s", err.message);
    size_t there = test_dir_files(path);
    if (there != named) return differs(p, "%zu files where %zu are named", there, named);
    if (db_path(db, "work", path, &err) != VARVE_OK || test_dir_files(path) != 0)
        return differs(p, "something is left in work/");
    return no_rows_left(p, db);
}

static bool folder_holds(place *p, const char *path, uint64_t seed, int steps, int other, int twin,
                         int other_twin)
{
    varve *db = NULL;
    varve_error err = {0};
    varve_options o;
    model_small_options(&o);
    o.compact_fanout = 60;
    if (!sound(p, path)) return false;
    if (varve_open(path, &o, &db, &err) != VARVE_OK)
        return differs(p, "open %s: %s", path, err.message);
    bool same = nothing_left(p, db) && holds(p, db, "docs", seed, steps, other);
    if (same && twin) same = holds(p, db, "twin", seed, twin, other_twin);
    if (varve_close(db, &err) != VARVE_OK) return differs(p, "close %s: %s", path, err.message);
    return same && sound(p, path);
}

static bool is_folder(const char *path)
{
    char format[DB_PATH_MAX];
    return file_join(format, sizeof format, path, "FORMAT", NULL) == VARVE_OK &&
           file_exists(format);
}

/* A new folder that a collection was to be copied into: it has the collection, or has not. */
static bool out_holds(place *p, uint64_t seed)
{
    varve *db = NULL;
    varve_error err = {0};
    varve_options o;
    model_small_options(&o);
    if (varve_open(p->out, &o, &db, &err) != VARVE_OK)
        return differs(p, "open %s: %s", p->out, err.message);
    bool there = varve_collection_exists(db, "default", "docs");
    bool fine = nothing_left(p, db) && (!there || holds(p, db, "docs", seed, STEPS_ALL, STEPS_ALL));
    if (varve_close(db, &err) != VARVE_OK) return differs(p, "close %s: %s", p->out, err.message);
    return fine && sound(p, p->out);
}

/* After one more of the same, nothing of the first one is left beside the folder. */
static bool again(place *p, action a)
{
    varve_collection *c = NULL;
    varve_error err = {0};
    file_names n = {0};
    varve *db = open_folder(p->folder, &c);
    if (a != COPY) must(file_remove_tree(p->out, &err), &err);
    act(p, db, a);
    varve_collection_release(c);
    must(varve_close(db, &err), &err);
    must(file_list(p->dir.path, &n, &err), &err);
    size_t count = n.count;
    file_names_free(&n);
    if (count == (a == COPY ? 1u : 2u)) return true;
    return differs(p, "%zu names are beside the folder", count);
}

static bool look(place *p, uint64_t seed, action a)
{
    bool there = is_folder(p->out);
    if (!folder_holds(p, p->folder, seed, STEPS_ALL, STEPS_ALL, STEPS_BEFORE,
                      a == COPY ? STEPS_ALL : STEPS_BEFORE))
        return false;
    if (a == CHECKPOINT && there &&
        !folder_holds(p, p->out, seed, STEPS_ALL, STEPS_ALL, STEPS_BEFORE, STEPS_BEFORE))
        return false;
    if (a == CHECKPOINT && !there && file_exists(p->out))
        return differs(p, "half a checkpoint is at its path");
    if (a == COPY_OUT && there && !out_holds(p, seed)) return false;
    return again(p, a);
}

static bool look_at_checkpoints(place *p, uint64_t seed, int steps)
{
    char path[340];
    for (int i = 1; i <= steps; i++) {
        snprintf(path, sizeof path, "%s-%d", p->out, i);
        if (!file_exists(path)) continue;
        if (!is_folder(path)) return differs(p, "half of %s is there", path);
        if (!folder_holds(p, path, seed, i, i, 0, 0)) return false;
    }
    return true;
}

static bool look_after_kill(place *p, uint64_t seed, int answered)
{
    return folder_holds(p, p->folder, seed, answered, answered + 1, 0, 0) &&
           look_at_checkpoints(p, seed, answered + 1);
}

/* ---- the parent, which never opens a folder itself: RocksDB's threads do not come along into a
 * fork */

typedef bool (*looking)(place *p, uint64_t seed, int argument);

static bool look_at_action(place *p, uint64_t seed, int a) { return look(p, seed, (action)a); }

static bool in_child(place *p, looking f, uint64_t seed, int argument)
{
    int fds[2], status;
    if (pipe(fds) != 0) abort();
    pid_t pid = fork();
    if (pid == 0) {
        alarm(120);
        bool same = f(p, seed, argument);
        if (!same && write(fds[1], p->difference, sizeof p->difference) < 0) _exit(2);
        _exit(same ? 0 : 1);
    }
    close(fds[1]);
    ssize_t got = read(fds[0], p->difference, sizeof p->difference);
    close(fds[0]);
    if (waitpid(pid, &status, 0) != pid) abort();
    bool fine = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!fine && got <= 0) differs(p, "the check ended with %d", status);
    return fine;
}

static void make_place(place *p)
{
    test_dir_make(&p->dir);
    snprintf(p->folder, sizeof p->folder, "%s/folder", p->dir.path);
    snprintf(p->out, sizeof p->out, "%s/out", p->dir.path);
}

static int end_of(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) != pid) abort();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* 1: go on; 0: no point was reached any more; -1: found something. */
static int one_point(action a, uint64_t nth)
{
    place p = {.difference = ""};
    uint64_t seed = 1 + nth % 5;
    make_place(&p);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(120);
        work(&p, seed, a, nth);
    }
    int code = end_of(pid);
    bool fine = code == 0 || code == EXIT_CRASH;
    if (!fine) differs(&p, "the child ended with %d", code);
    if (fine) fine = in_child(&p, look_at_action, seed, (int)a);
    if (!fine) {
        printf("%s, point %lu: %s (kept: %s)\n", action_names[a], nth, p.difference, p.dir.path);
        return -1;
    }
    test_dir_remove(&p.dir);
    return code == EXIT_CRASH;
}

static int walk_points(uint64_t first, uint64_t last, uint64_t step)
{
    int found = 0;
    for (int a = 0; a < ACTIONS; a++) {
        uint64_t points = 0;
        for (uint64_t nth = first; nth <= last; nth += step, points++) {
            int result = one_point((action)a, nth);
            found += result < 0;
            if (result == 0) break;
        }
        printf("%s: %lu points\n", action_names[a], points);
    }
    return found;
}

static int last_reported(int fd)
{
    int step, last = -1;
    while (read(fd, &step, sizeof step) == (ssize_t)sizeof step)
        last = step;
    return last;
}

static bool one_kill(uint64_t seed)
{
    place p = {.difference = ""};
    random_state random;
    int fds[2];
    random_seed(&random, seed);
    make_place(&p);
    if (pipe(fds) != 0) abort();
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        alarm(120);
        work_for_ever(&p, seed, fds[1]);
    }
    close(fds[1]);
    struct timespec pause = {0, (long)(30 + random_below(&random, 400)) * 1000000};
    nanosleep(&pause, NULL);
    kill(pid, SIGKILL);
    int answered = last_reported(fds[0]) + 1, code = end_of(pid);
    close(fds[0]);
    bool fine = code == 1000 + SIGKILL;
    if (!fine) differs(&p, "the child ended with %d", code);
    if (fine && answered) fine = in_child(&p, look_after_kill, seed, answered);
    if (!fine)
        printf("seed %lu, %d steps answered: %s (kept: %s)\n", seed, answered, p.difference,
               p.dir.path);
    else
        test_dir_remove(&p.dir);
    return fine;
}

int main(int argc, char **argv)
{
    uint64_t numbers[3] = {1, 2000, 1};
    bool kills = argc > 1 && strcmp(argv[1], "kills") == 0;
    if (kills) numbers[0] = 40;
    if (kills) numbers[1] = 1;
    for (int i = 2; i < argc && i < 5; i++)
        numbers[i - 2] = strtoull(argv[i], NULL, 10);
    int found = 0;
    if (!kills) found = walk_points(numbers[0], numbers[1], VV_MAX(numbers[2], 1));
    for (uint64_t i = 0; kills && i < numbers[0]; i++)
        found += !one_kill(numbers[1] + i);
    printf("%d failures\n", found);
    return found != 0;
}
