/* test_checkpoint.c — varve_checkpoint_to: what is in it, under work of all kinds; that files it
 * needs stay while it is made; that sessions are in it whole or not at all; its refusals. */
#include "snapshot_fixture.h"

#include "base/fault.h"
#include "db/dropped.h"
#include "db/session.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

static void checkpoint(scene *s, const char *name, char ret_path[320], varve_checkpoint_info *ret)
{
    ok(s, varve_checkpoint_to(s->db, beside(s, name, ret_path), ret, &s->err));
}

/* All files below, but for the lock, which is empty. */
static void add_sizes(const char *path, varve_checkpoint_info *sum)
{
    file_names n = {0};
    assert_int_equal(file_list(path, &n, NULL), VARVE_OK);
    for (size_t i = 0; i < n.count; i++) {
        char inner[1024];
        struct stat st;
        snprintf(inner, sizeof inner, "%s/%s", path, n.names[i]);
        assert_int_equal(stat(inner, &st), 0);
        if (S_ISDIR(st.st_mode)) add_sizes(inner, sum);
        if (!S_ISREG(st.st_mode) || strcmp(n.names[i], "LOCK") == 0) continue;
        sum->files++;
        sum->bytes += (uint64_t)st.st_size;
    }
    file_names_free(&n);
}

static void test_sizes(void **state)
{
    scene s;
    char path[320];
    varve_checkpoint_info info, sum = {0};
    (void)state;
    scene_begin(&s, 4);
    scene_steps(&s, 40);
    checkpoint(&s, "b", path, &info);
    add_sizes(path, &sum);
    assert_int_equal(info.files, sum.files);
    assert_int_equal(info.bytes, sum.bytes);
    scene_close(&s, true);
    scene_end(&s);
}

static void test_one_moment(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        scene s;
        char first[320], second[320];
        varve_checkpoint_info info, later;
        scene_begin(&s, seed);
        scene_steps(&s, 40);
        model then = s.m;
        checkpoint(&s, "b", first, &info);
        assert_true(info.sequence > 0 && info.files > 3 && info.bytes > 0 && info.time_ms > 0);
        assert_int_equal(others_beside(&s), 1);
        scene_steps(&s, 30);
        checkpoint(&s, "c", second, &later);
        assert_true(later.sequence > info.sequence && later.time_ms >= info.time_ms);
        model now = s.m;
        scene_steps(&s, 10);
        assert_model(&s.m, s.c);
        assert_folder(&s, first, &then, true);
        assert_folder(&s, first, &then, false);
        assert_folder(&s, second, &now, false);
        scene_close(&s, seed % 2);
        assert_folder(&s, s.path, &s.m, false);
        scene_end(&s);
    }
}

/* The copy goes its own way, and the folder does not notice. */
static void test_two_folders(void **state)
{
    scene s, t;
    char path[320];
    (void)state;
    scene_begin(&s, 11);
    scene_steps(&s, 40);
    checkpoint(&s, "b", path, NULL);
    memset(&t, 0, sizeof t);
    t.dir = s.dir;
    t.options = s.options;
    t.m = s.m;
    snprintf(t.path, sizeof t.path, "%s", path);
    scene_open(&t);
    scene_steps(&t, 40);
    ok(&t, varve_checkpoint(t.db, &t.err));
    assert_model(&s.m, s.c);
    scene_steps(&s, 20);
    assert_model(&t.m, t.c);
    scene_close(&t, true);
    assert_sound(path);
    scene_end(&s);
}

static void put_one(scene *s, uint64_t num, bool relaxed)
{
    static const float vector[MODEL_DIM] = {1, 2, 3, 4};
    varve_id id = {.kind = VARVE_ID_NUM, .num = num};
    varve_rows rows = {.count = 1, .dim = MODEL_DIM, .ids = &id, .vectors = vector};
    varve_write_options w = {0};
    if (relaxed) w.durability = VARVE_DURABILITY_RELAXED;
    ok(s, varve_upsert(s->c, &rows, &w, NULL, &s->err));
}

static void put_many(scene *s, size_t count)
{
    float *vectors = calloc(count * MODEL_DIM, sizeof *vectors);
    varve_rows rows = {.count = count, .dim = MODEL_DIM, .vectors = vectors};
    const varve_write_options w = {VARVE_DURABILITY_RELAXED};
    ok(s, varve_insert(s->c, &rows, &w, NULL, &s->err));
    free(vectors);
}

static uint64_t rows_of(scene *s, const char *path)
{
    varve *db = NULL;
    varve_collection *c = NULL;
    varve_collection_stats stats;
    varve_options o = s->options;
    o.read_only = true;
    ok(s, varve_open(path, &o, &db, &s->err));
    ok(s, varve_collection_open(db, "default", "docs", &c, &s->err));
    ok(s, varve_collection_get_stats(c, &stats, &s->err));
    varve_collection_release(c);
    ok(s, varve_close(db, &s->err));
    return stats.rows_live;
}

/* Relaxed writes are in it; their log is not written to tables for it, nor copied. */
static void test_relaxed_and_log(void **state)
{
    scene s;
    char path[320], rocks[400], file[DB_PATH_MAX];
    file_names n = {0};
    struct stat st;
    size_t linked = 0;
    uint64_t copied = 0;
    (void)state;
    scene_begin(&s, 1);
    scene_close(&s, true);
    s.options.row_buffer_bytes = 64 << 20;
    s.options.relaxed_ms = s.options.floor_ms = 3600000;
    s.options.seal_rows = 1 << 20;
    scene_open(&s);
    put_many(&s, 60000);
    put_one(&s, 70000, true);
    checkpoint(&s, "b", path, NULL);
    snprintf(rocks, sizeof rocks, "%s/rocks", path);
    ok(&s, file_list(rocks, &n, &s.err));
    for (size_t i = 0; i < n.count; i++) {
        if (!strstr(n.names[i], ".log")) continue;
        ok(&s, file_join(file, sizeof file, rocks, n.names[i], &s.err));
        assert_int_equal(stat(file, &st), 0);
        linked += st.st_nlink > 1;
        if (st.st_nlink == 1) copied += (uint64_t)st.st_size;
    }
    file_names_free(&n);
    assert_int_equal(linked, 1);
    assert_true(copied < 100000);
    assert_int_equal(rows_of(&s, path), 60001);
    assert_sound(path);
    scene_end(&s);
}

/* Files of a dropped collection stay while somebody holds, and go then. */
static void test_hold(void **state)
{
    scene s;
    char segments[DB_PATH_MAX];
    (void)state;
    scene_begin(&s, 5);
    for (uint64_t i = 0; i < 200; i++)
        put_one(&s, i, false);
    ok(&s, varve_checkpoint(s.db, &s.err));
    ok(&s, varve_collection_get_path(s.c, segments, sizeof segments, &s.err));
    assert_true(file_exists(segments));
    dropped_hold(s.db);
    dropped_hold(s.db);
    ok(&s, varve_collection_drop(s.db, "default", "docs", &s.err));
    assert_true(file_exists(segments));
    dropped_release(s.db);
    assert_true(file_exists(segments));
    dropped_release(s.db);
    assert_false(file_exists(segments));
    varve_collection_release(s.c);
    ok(&s, varve_collection_create(s.db, "default", "docs", NULL, &s.c, &s.err));
    scene_end(&s);
}

/* ---- beside others */

typedef struct worker {
    scene *s;
    atomic_bool stop;
    uint64_t sessions;
    unsigned pause_us; /* between two rounds */
} worker;

#define SESSION_ROWS 300

static void *commit_sessions(void *arg)
{
    worker *w = arg;
    static float vectors[SESSION_ROWS * MODEL_DIM];
    varve_id ids[SESSION_ROWS];
    varve_error err;
    for (; !atomic_load(&w->stop); w->sessions++) {
        usleep(2000);
        varve_session *session = NULL;
        for (size_t i = 0; i < SESSION_ROWS; i++)
            ids[i] = (varve_id){.kind = VARVE_ID_NUM, .num = w->sessions * SESSION_ROWS + i};
        varve_rows rows = {.count = SESSION_ROWS, .dim = MODEL_DIM, .ids = ids, .vectors = vectors};
        if (varve_session_new(w->s->c, NULL, &session, &err) != VARVE_OK ||
            varve_session_add(session, &rows, &err) != VARVE_OK ||
            varve_session_commit(session, NULL, &err) != VARVE_OK) {
            fprintf(stderr, "session: %s\n", err.message);
            abort();
        }
        varve_session_free(session);
    }
    return NULL;
}

static void test_sessions_whole(void **state)
{
    scene s;
    pthread_t thread;
    (void)state;
    scene_begin(&s, 1);
    worker w = {.s = &s};
    assert_int_equal(pthread_create(&thread, NULL, commit_sessions, &w), 0);
    for (int i = 0; i < 8; i++) {
        char name[16], path[320];
        snprintf(name, sizeof name, "copy%d", i);
        checkpoint(&s, name, path, NULL);
        assert_int_equal(rows_of(&s, path) % SESSION_ROWS, 0);
        assert_sound(path);
    }
    atomic_store(&w.stop, true);
    pthread_join(thread, NULL);
    scene_end(&s);
}

/* A session between its commit point and its end is awaited; one that is not coming to its end is a
 * refusal. */
static void mark_session(scene *s, bool begun)
{
    uint8_t key[SESSION_KEY_BYTES];
    store_batch *batch = store_batch_new();
    session_key(1, key);
    if (begun)
        store_batch_put(batch, s->db->store, STORE_META, key, sizeof key, "x", 1);
    else
        store_batch_delete(batch, s->db->store, STORE_META, key, sizeof key);
    varve_error err;
    if (store_write(s->db->store, batch, true, &err) != VARVE_OK) abort();
    store_batch_free(batch);
}

static void *end_session_later(void *arg)
{
    worker *w = arg;
    pthread_mutex_lock(&w->s->db->writer_lock);
    mark_session(w->s, true);
    atomic_store(&w->stop, true); /* begun */
    usleep(200000);
    mark_session(w->s, false);
    pthread_mutex_unlock(&w->s->db->writer_lock);
    return NULL;
}

static void test_session_awaited(void **state)
{
    scene s;
    pthread_t thread;
    char path[320];
    (void)state;
    scene_begin(&s, 4);
    scene_steps(&s, 10);
    mark_session(&s, true);
    assert_int_equal(varve_checkpoint_to(s.db, beside(&s, "b", path), NULL, &s.err),
                     VARVE_CONFLICT);
    assert_int_equal(others_beside(&s), 0);
    mark_session(&s, false);
    worker w = {.s = &s};
    assert_int_equal(pthread_create(&thread, NULL, end_session_later, &w), 0);
    while (!atomic_load(&w.stop))
        usleep(1000);
    checkpoint(&s, "b", path, NULL);
    pthread_join(thread, NULL);
    assert_folder(&s, path, &s.m, true);
    scene_end(&s);
}

/* Drops and creations, seals and checkpoints at once: every file that is named is linked. */
static void *drop_and_create(void *arg)
{
    worker *w = arg;
    varve_error err;
    static float vectors[200 * MODEL_DIM];
    varve_rows rows = {.count = 200, .dim = MODEL_DIM, .vectors = vectors};
    for (; !atomic_load(&w->stop); w->sessions++) {
        usleep(w->pause_us);
        varve_collection *c = NULL;
        if (varve_collection_create(w->s->db, "default", "short", NULL, &c, &err) != VARVE_OK ||
            varve_insert(c, &rows, NULL, NULL, &err) != VARVE_OK ||
            varve_collection_checkpoint(c, &err) != VARVE_OK ||
            varve_collection_drop(w->s->db, "default", "short", &err) != VARVE_OK) {
            fprintf(stderr, "drop: %s\n", err.message);
            abort();
        }
        varve_collection_release(c);
    }
    return NULL;
}

static void test_drops_beside(void **state)
{
    scene s;
    pthread_t thread;
    (void)state;
    scene_begin(&s, 1);
    worker w = {.s = &s};
    assert_int_equal(pthread_create(&thread, NULL, drop_and_create, &w), 0);
    for (int i = 0; i < 20; i++) {
        char name[16], path[320];
        snprintf(name, sizeof name, "copy%d", i);
        checkpoint(&s, name, path, NULL);
        assert_sound(path);
        ok(&s, file_remove_tree(path, &s.err));
    }
    atomic_store(&w.stop, true);
    pthread_join(thread, NULL);
    scene_end(&s);
}

/* ---- read-only, refusals, leftovers */

static void test_of_a_reader(void **state)
{
    scene s;
    char path[320];
    varve *db = NULL;
    varve_checkpoint_info info, again;
    (void)state;
    scene_begin(&s, 21);
    scene_steps(&s, 40);
    checkpoint(&s, "b", path, &info);
    scene_close(&s, false); /* as kill -9 leaves it: the log holds the last writes */
    s.options.read_only = true;
    ok(&s, varve_open(s.path, &s.options, &db, &s.err));
    ok(&s, varve_checkpoint_to(db, beside(&s, "c", path), &again, &s.err));
    assert_int_equal(info.sequence, again.sequence);
    ok(&s, varve_close(db, &s.err));
    s.options.read_only = false;
    assert_folder(&s, path, &s.m, true);
    assert_folder(&s, path, &s.m, false);
    assert_folder(&s, s.path, &s.m, false);
    scene_end(&s);
}

/* Beside an owner that drops files and trims its log: whole, or refused. */
static void test_of_a_reader_beside(void **state)
{
    scene s;
    pthread_t thread;
    char path[320];
    int made = 0;
    (void)state;
    scene_begin(&s, 1);
    worker w = {.s = &s, .pause_us = 20000};
    varve_options o = s.options;
    o.read_only = true;
    assert_int_equal(pthread_create(&thread, NULL, drop_and_create, &w), 0);
    for (int i = 0; i < 16; i++) {
        varve *db = NULL;
        varve_status status = varve_open(s.path, &o, &db, &s.err);
        if (status != VARVE_OK) continue; /* what an open beside an owner promises is not ours */
        usleep(500u * (unsigned)(i % 4));
        status = varve_checkpoint_to(db, beside(&s, "b", path), NULL, &s.err);
        if (status == VARVE_OK) {
            made++;
            assert_sound(path);
            ok(&s, file_remove_tree(path, &s.err));
        } else {
            assert_int_equal(status, VARVE_CONFLICT);
        }
        assert_int_equal(others_beside(&s), 0);
        ok(&s, varve_close(db, &s.err));
    }
    atomic_store(&w.stop, true);
    pthread_join(thread, NULL);
    assert_true(made > 0);
    scene_end(&s);
}

static void test_refusals(void **state)
{
    scene s;
    char path[320], making[340], inside[360];
    (void)state;
    scene_begin(&s, 3);
    put_one(&s, 1, false);
    assert_int_equal(varve_checkpoint_to(s.db, s.path, NULL, &s.err), VARVE_EXISTS);
    assert_int_equal(varve_checkpoint_to(s.db, "", NULL, &s.err), VARVE_INVALID);
    assert_int_equal(varve_checkpoint_to(s.db, NULL, NULL, &s.err), VARVE_INVALID);
    beside(&s, "no/such", path);
    assert_int_equal(varve_checkpoint_to(s.db, path, NULL, &s.err), VARVE_NOT_FOUND);
    assert_int_equal(varve_checkpoint_to(s.db, "/proc/x", NULL, &s.err), VARVE_UNSUPPORTED);
    beside(&s, "b", path);
    snprintf(making, sizeof making, "%s.making", path);
    snprintf(inside, sizeof inside, "%s/segments/9", making);
    ok(&s, file_make_dir(inside, &s.err));
    snprintf(inside, sizeof inside, "%s/LOCK", making);
    lock_file lock = LOCK_FILE_NONE;
    ok(&s, lock_take(inside, &lock, &s.err));
    assert_int_equal(varve_checkpoint_to(s.db, path, NULL, &s.err), VARVE_LOCKED);
    lock_drop(&lock);
    ok(&s, varve_checkpoint_to(s.db, path, NULL, &s.err)); /* what was left is no hindrance */
    assert_int_equal(others_beside(&s), 1);
    assert_int_equal(rows_of(&s, path), 1);
    assert_sound(path);
    scene_end(&s);
}

#ifdef VARVE_FAULTS
/* Every point fails once: nothing is left at the path, the folder is sound, and the next try
 * succeeds. */
static bool fail_at(scene *s, uint64_t nth, fault_kind kind)
{
    char path[320];
    fault_arm(NULL, nth, kind);
    varve_status status = varve_checkpoint_to(s->db, beside(s, "b", path), NULL, &s->err);
    bool hit = fault_was_hit();
    fault_disarm();
    if (status == VARVE_OK)
        ok(s, file_remove_tree(path, &s->err));
    else
        assert_false(file_exists(path));
    if (status != VARVE_OK) {
        scene_close(s, false);
        scene_open(s);
    }
    ok(s, varve_checkpoint_to(s->db, path, NULL, &s->err));
    assert_int_equal(others_beside(s), 1);
    if (nth % 8 == 1) assert_folder(s, path, &s->m, true);
    ok(s, file_remove_tree(path, &s->err));
    return hit;
}

static void test_failures(void **state)
{
    static const fault_kind kinds[] = {VV_FAULT_EIO, VV_FAULT_ENOSPC};
    scene s;
    uint64_t nth;
    (void)state;
    scene_begin(&s, 7);
    scene_steps(&s, 12);
    for (size_t k = 0; k < VV_COUNT(kinds); k++) {
        for (nth = 1; fail_at(&s, nth, kinds[k]); nth++)
            assert_true(nth < 500);
        assert_true(nth > 20);
    }
    assert_model(&s.m, s.c);
    scene_close(&s, true);
    assert_sound(s.path);
    scene_end(&s);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_moment),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_two_folders),
        cmocka_unit_test(test_relaxed_and_log),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_sessions_whole),
        cmocka_unit_test(test_drops_beside),
        cmocka_unit_test(test_of_a_reader),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_session_awaited),
        cmocka_unit_test(test_of_a_reader_beside),
#ifdef VARVE_FAULTS
        cmocka_unit_test(test_failures),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
