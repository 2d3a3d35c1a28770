/* ship_walk.c — the process ends in the middle of shipping the log, or of a restore to a moment.
 * Afterwards the data are what they were, every object in the repository is sound and in its place,
 * a restored folder is there whole or not at all; the next run goes on, and a collection leaves
 * nothing that nobody needs.
 *
 *   ship_walk points [first [last [step]]]   it ends at each fault point in turn
 *   ship_walk kills [count [seed]]           it is killed at random */
#include "backup.h"
#include "base/fault.h"
#include "base/file.h"
#include "db_model.h"
#include "gc_record.h"
#include "pitr_log.h"
#include "prune.h"
#include "ship.h"
#include "snapshots.h"
#include "test_dir.h"
#include "wal_object.h"
#include "walk.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DB           "00000000-0000-4000-8000-0000000000db"
#define HOLDER       "00000000-0000-4000-8000-00000000aaaa"
#define SEED         7
#define STEPS_BEFORE 12 /* then a snapshot is made */
#define STEPS_ALL    40
#define STEP_BYTES   4000 /* of an object of the log: so that there are many */
#define EXIT_CRASH   77

typedef enum action { SHIP, RESTORE, ACTIONS } action;
static const char *const action_names[] = {"ship", "restore"};

typedef struct place {
    test_dir dir;
    char path[300]; /* of all: */
    char folder[340], repo[340], state[340], out[340];
    char difference[512];
} place;

static void make_place(place *p)
{
    *p = (place){.difference = ""};
    test_dir_make(&p->dir);
    snprintf(p->path, sizeof p->path, "%s/x", p->dir.path);
    snprintf(p->folder, sizeof p->folder, "%s/folder", p->path);
    snprintf(p->repo, sizeof p->repo, "%s/repo", p->path);
    snprintf(p->state, sizeof p->state, "%s/state", p->path);
    snprintf(p->out, sizeof p->out, "%s/out", p->path);
}

/* ---- in children: the folder --------------------------------------------------------------- */

typedef struct stand { /* folder and repository, open */
    varve_error err;
    varve *db; /* NULL: not asked for */
    varve_collection *c;
    remote *remote;
    repo *repo;
    lease lease;
} stand;

static void open_folder(stand *s, const char *path, bool read_only)
{
    varve_options o;
    model_small_options(&o);
    o.log_keep_ms = 3600000;
    o.session_memory_max = 1 << 20; /* none goes past the log */
    o.read_only = read_only;
    must(varve_open(path, &o, &s->db, &s->err), &s->err);
    if (varve_collection_open(s->db, "default", "docs", &s->c, &s->err) != VARVE_OK)
        must(varve_collection_create(s->db, "default", "docs", NULL, &s->c, &s->err), &s->err);
}

static void open_repo(stand *s, const place *p)
{
    const repo_options o = {.db_id = DB, .create = true};
    const lease_options asked = {.holder = HOLDER};
    must(remote_open_folder(p->repo, true, NULL, &s->remote, &s->err), &s->err);
    must(repo_open(s->remote, &o, &s->repo, &s->err), &s->err);
    must(lease_take(s->repo, &asked, &s->lease, &s->err), &s->err);
}

static void close_folder(stand *s)
{
    varve_collection_release(s->c);
    must(varve_close(s->db, &s->err), &s->err);
    s->db = NULL;
}

static void close_repo(stand *s)
{
    repo_close(s->repo);
    remote_close(s->remote);
}

/* The model as it is after so many steps; with a collection they are done on it as well. */
static void replay(model *m, int from, int to, varve_collection *c)
{
    varve_error err = {0};
    if (from == 0) model_init(m, SEED);
    for (int i = from; i < to; i++) {
        model_step s;
        model_plan(m, &s);
        varve_status expected = model_expect(m, &s);
        if (c && model_do(&s, c, &err) != expected) must(VARVE_INTERNAL, &err);
        if (expected == VARVE_OK) model_apply(m, &s);
        if (c && i % 7 == 6) must(varve_collection_checkpoint(c, &err), &err);
    }
}

static void take_snapshot(stand *s, const place *p)
{
    char copy[400];
    varve_checkpoint_info info;
    varve_collection_stats of;
    backup_result made = {0};
    stand at = {.db = NULL};
    snprintf(copy, sizeof copy, "%s/copy", p->path);
    must(varve_checkpoint_to(s->db, copy, &info, &s->err), &s->err);
    open_folder(&at, copy, true);
    must(varve_collection_get_stats(at.c, &of, &at.err), &at.err);
    close_folder(&at);
    const manifest_collection docs = {.id = of.id,
                                      .database = "default",
                                      .name = "docs",
                                      .rows = of.rows_live,
                                      .deleted = of.rows_deleted};
    const backup_options o = {.folder = copy,
                              .sequence = info.sequence,
                              .commit_ms = info.time_ms,
                              .storage_format = 1,
                              .collections = &docs,
                              .collection_count = 1,
                              .lease = &s->lease};
    must(backup_run(s->repo, &o, &made, &s->err), &s->err);
    must(file_remove_tree(copy, &s->err), &s->err);
}

static void ship_all(stand *s, const place *p)
{
    ship *shipper = NULL;
    ship_result r = {0};
    const ship_options o = {.db = s->db,
                            .folder = p->folder,
                            .lease = &s->lease,
                            .state = p->state,
                            .step_bytes = STEP_BYTES};
    must(ship_open(s->repo, &o, &shipper, &s->err), &s->err);
    do
        must(ship_step(shipper, &r, &s->err), &s->err);
    while (r.last);
    ship_close(shipper);
}

static varve_status restore(stand *s, const place *p)
{
    pitr_result r = {0};
    const pitr_options o = {.target = PITR_LATEST, .folder = p->out, .threads = 1};
    return pitr_run(s->repo, &o, &r, &s->err);
}

/* ---- in children: work --------------------------------------------------------------------- */

/* A snapshot, and a log behind it, which is shipped for RESTORE alone. */
static bool prepare(place *p, int a)
{
    model m;
    stand s = {.db = NULL};
    open_folder(&s, p->folder, false);
    open_repo(&s, p);
    replay(&m, 0, STEPS_BEFORE, s.c);
    take_snapshot(&s, p);
    replay(&m, STEPS_BEFORE, STEPS_ALL, s.c);
    if (a == RESTORE) ship_all(&s, p);
    close_repo(&s);
    close_folder(&s);
    return true;
}

static void work(const place *p, action a, uint64_t nth)
{
    stand s = {.db = NULL};
    if (a == SHIP) open_folder(&s, p->folder, false);
    open_repo(&s, p);
    if (nth) fault_arm(NULL, nth, VV_FAULT_CRASH);
    if (a == SHIP) ship_all(&s, p);
    if (a == RESTORE) must(restore(&s, p), &s.err);
    fault_disarm();
    close_repo(&s);
    if (a == SHIP) close_folder(&s);
    _exit(0);
}

/* ---- in children: looks -------------------------------------------------------------------- */

static bool holds_all(place *p, const char *path)
{
    model m;
    stand s = {.db = NULL};
    if (!sound(p, path)) return false;
    replay(&m, 0, STEPS_ALL, NULL);
    open_folder(&s, path, true);
    bool same = model_check(&m, s.c, p->difference, sizeof p->difference);
    close_folder(&s);
    return same;
}

static bool log_is_sound(place *p, stand *s)
{
    pitr_log log = {0};
    const pitr_log_options o = {.full = true};
    must(pitr_log_read(s->repo, &o, &log, &s->err), &s->err);
    bool fine = log.finding_count == 0 && log.lines[0].range_count <= 1;
    if (!fine) differs(p, "the log: %s", log.kept ? log.findings[0] : "it has gaps");
    pitr_log_done(&log);
    return fine;
}

typedef struct needed {
    gc_set keys;
    repo *repo;
    size_t missing, orphans, blobs;
} needed;

static varve_status need_of_snapshot(void *arg, const object_name *name, const char *key,
                                     uint64_t size, varve_error *err)
{
    needed *n = arg;
    VV_CLEANUP(manifest_done) manifest m = {0};
    (void)key, (void)size;
    VV_TRY(snapshots_load(n->repo, name, &m, err));
    for (size_t i = 0; i < m.file_count; i++) {
        char blob[NAMES_KEY_MAX];
        manifest_blob_key(&m.files[i], blob);
        VV_TRY(gc_set_add(&n->keys, blob, err));
    }
    return VARVE_OK;
}

static varve_status need_of_log(void *arg, const object_name *name, const char *key, uint64_t size,
                                varve_error *err)
{
    needed *n = arg;
    VV_CLEANUP(wal_object_done) wal_object o = {0};
    (void)key, (void)size;
    VV_TRY(wal_object_read(n->repo, name, &o, err));
    for (size_t i = 0; i < o.file_count; i++) {
        char blob[NAMES_KEY_MAX];
        manifest_blob_key(&o.files[i], blob);
        VV_TRY(gc_set_add(&n->keys, blob, err));
    }
    return VARVE_OK;
}

static varve_status judge_blob(void *arg, const object_name *name, const char *key, uint64_t size,
                               varve_error *err)
{
    needed *n = arg;
    (void)name, (void)size, (void)err;
    n->blobs++;
    n->orphans += !gc_set_has(&n->keys, key);
    return VARVE_OK;
}

static varve_status drop_pin(void *arg, const object_name *name, const char *key, uint64_t size,
                             varve_error *err)
{
    needed *n = arg;
    (void)name, (void)size;
    return remote_delete(n->repo->remote, key, err);
}

/* Pins of those who died expire in a day: that day is over. */
static bool nothing_left(place *p, stand *s)
{
    needed n = {.repo = s->repo};
    prune_result result = {0};
    const prune_options o = {.yes = true, .grace_ms = 1, .wait_ms = 1};
    gc_set_init(&n.keys);
    must(repo_list(s->repo, NAME_PIN, DB, 0, drop_pin, &n, &s->err), &s->err);
    must(prune_run(s->repo, &o, &result, &s->err), &s->err);
    prune_result_done(&result);
    must(repo_list(s->repo, NAME_SNAP, DB, 1, need_of_snapshot, &n, &s->err), &s->err);
    must(repo_list(s->repo, NAME_WAL, DB, 1, need_of_log, &n, &s->err), &s->err);
    must(repo_list(s->repo, NAME_BLOB, "", 0, judge_blob, &n, &s->err), &s->err);
    size_t wanted = n.keys.keys.count;
    gc_set_done(&n.keys);
    if (n.orphans == 0 && n.blobs == wanted) return true;
    return differs(p, "%zu blobs are there, %zu are needed, nobody needs %zu", n.blobs, wanted,
                   n.orphans);
}

/* What was shipped is sound; then the rest of it, and all can be restored. */
static bool look_at_ship(place *p)
{
    stand s = {.db = NULL};
    if (!holds_all(p, p->folder)) return false;
    open_folder(&s, p->folder, false);
    open_repo(&s, p);
    bool fine = log_is_sound(p, &s);
    if (fine) ship_all(&s, p);
    close_folder(&s);
    fine = fine && log_is_sound(p, &s) && nothing_left(p, &s) && log_is_sound(p, &s);
    if (fine) must(restore(&s, p), &s.err);
    close_repo(&s);
    return fine && holds_all(p, p->out);
}

static bool none_beside(place *p)
{
    static const char *const ends[] = {".pitr-tmp", ".restore-tmp", ".pitr-tmp.restore-tmp"};
    char path[400];
    for (size_t i = 0; i < VV_COUNT(ends); i++) {
        snprintf(path, sizeof path, "%s%s", p->out, ends[i]);
        if (file_exists(path)) return differs(p, "%s is left", path);
    }
    return true;
}

static bool look_at_restore(place *p)
{
    stand s = {.db = NULL};
    bool there = file_exists(p->out);
    if (there && !holds_all(p, p->out)) return false;
    open_repo(&s, p);
    bool fine = log_is_sound(p, &s);
    if (fine && !there) must(restore(&s, p), &s.err);
    fine = fine && nothing_left(p, &s);
    close_repo(&s);
    return fine && holds_all(p, p->out) && (there || none_beside(p));
}

static bool look(place *p, int a) { return a == SHIP ? look_at_ship(p) : look_at_restore(p); }

/* ---- the parent, which never opens a folder itself: RocksDB's threads do not come along into a
 * fork */

typedef bool (*task)(place *p, int a);

static bool in_child(place *p, task f, int a)
{
    int fds[2], status;
    if (pipe(fds) != 0) abort();
    pid_t pid = fork();
    if (pid == 0) {
        alarm(120);
        bool same = f(p, a);
        if (!same && write(fds[1], p->difference, sizeof p->difference) < 0) _exit(2);
        _exit(same ? 0 : 1);
    }
    close(fds[1]);
    ssize_t got = read(fds[0], p->difference, sizeof p->difference);
    close(fds[0]);
    if (waitpid(pid, &status, 0) != pid) abort();
    bool fine = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!fine && got <= 0) differs(p, "a child ended with %d", status);
    return fine;
}

static int end_of(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) != pid) abort();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void copy_of(const place *from, place *ret)
{
    char command[700];
    make_place(ret);
    snprintf(command, sizeof command, "cp -a '%s' '%s'", from->path, ret->path);
    if (system(command) != 0) abort();
}

/* 1: go on; 0: it came to its end; -1: found something. kill_ms: by a signal after so long. */
static int one_case(const place *template, action a, uint64_t nth, long kill_ms)
{
    place p;
    copy_of(template, &p);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(120);
        work(&p, a, nth);
    }
    if (kill_ms) {
        const struct timespec pause = {kill_ms / 1000, kill_ms % 1000 * 1000000};
        nanosleep(&pause, NULL);
        kill(pid, SIGKILL);
    }
    int code = end_of(pid);
    bool cut = code == EXIT_CRASH || code == 1000 + SIGKILL;
    bool fine = code == 0 || cut;
    if (!fine) differs(&p, "the child ended with %d", code);
    if (fine) fine = in_child(&p, look, (int)a);
    if (!fine) {
        printf("%s, point %lu, %ld ms: %s (kept: %s)\n", action_names[a], (unsigned long)nth,
               kill_ms, p.difference, p.path);
        return -1;
    }
    test_dir_remove(&p.dir);
    return cut;
}

static bool make_template(action a, place *ret)
{
    make_place(ret);
    if (file_make_dir(ret->path, NULL) != VARVE_OK) abort();
    if (in_child(ret, prepare, (int)a)) return true;
    printf("%s: %s\n", action_names[a], ret->difference);
    return false;
}

static int walk_points(action a, const uint64_t numbers[3])
{
    place template;
    int found = 0;
    uint64_t points = 0;
    if (!make_template(a, &template)) return 1;
    for (uint64_t nth = numbers[0]; nth <= numbers[1]; nth += VV_MAX(numbers[2], 1), points++) {
        int result = one_case(&template, a, nth, 0);
        found += result < 0;
        if (result == 0) break;
    }
    printf("%s: %lu points\n", action_names[a], (unsigned long)points);
    test_dir_remove(&template.dir);
    return found;
}

static int kill_often(action a, uint64_t count, uint64_t seed)
{
    place template;
    int found = 0, cut = 0;
    random_state random;
    random_seed(&random, seed);
    if (!make_template(a, &template)) return 1;
    for (uint64_t i = 0; i < count; i++) {
        int result = one_case(&template, a, 0, 1 + (long)random_below(&random, 250));
        found += result < 0;
        cut += result > 0;
    }
    printf("%s: %d of %lu were cut off\n", action_names[a], cut, (unsigned long)count);
    test_dir_remove(&template.dir);
    return found;
}

int main(int argc, char **argv)
{
    uint64_t numbers[3] = {1, 5000, 1};
    bool kills = argc > 1 && strcmp(argv[1], "kills") == 0;
    int found = 0;
    if (kills) numbers[0] = 40;
    if (kills) numbers[1] = 1;
    for (int i = 2; i < argc && i < 5; i++)
        numbers[i - 2] = strtoull(argv[i], NULL, 10);
    for (int a = 0; a < ACTIONS; a++)
        found +=
            kills ? kill_often((action)a, numbers[0], numbers[1]) : walk_points((action)a, numbers);
    printf("%d failures\n", found);
    return found != 0;
}
