/* test_ship.c — shippers one step at a time: two of them, one that takes over from another, one
 * that goes on after a crash, gaps, and a state folder that cannot be written. What they leave is
 * looked at by pitr_log_read and restored. */
#include "log_fixture.h"

#include "base/fault.h"
#include "pitr_log.h"
#include "snapshots.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what is there ------------------------------------------------------------------------- */

/* One range without a gap to the folder's end, every object sound and in its place. */
static void expect_whole_log(voyage *v)
{
    pitr_log log = {0};
    const pitr_log_options o = {.full = true};
    ok(&v->s, pitr_log_read(v->repo, &o, &log, &v->s.err));
    if (log.finding_count) fail_msg("%s", log.findings[0]);
    const pitr_log_line *line = &log.lines[log.count - 1];
    assert_true(line->is_present);
    assert_int_equal(line->range_count, 1);
    assert_int_equal(line->gap_count, 0);
    assert_int_equal(line->newest_lsn, voyage_sequence(v));
    assert_int_equal(log.objects_read, line->objects);
    pitr_log_done(&log);
}

static void expect_latest(voyage *v)
{
    pitr_result r = {0};
    ok(&v->s, voyage_restore(v, PITR_LATEST, 0, &r));
    voyage_expect(v, &v->s.m);
}

static void begin(voyage *v, uint64_t seed)
{
    voyage_begin(v, seed, true, NULL);
    scene_steps(&v->s, 4);
    (void)voyage_snapshot(v);
    scene_steps(&v->s, 4);
    voyage_ship_all(v);
}

/* ---- a second one -------------------------------------------------------------------------- */

typedef struct twin { /* a copy of the folder, open for writing, and its shipper */
    char path[320], state[320];
    varve *db;
    varve_collection *c;
    lease lease;
    ship *ship;
} twin;

static void twin_begin(voyage *v, twin *t)
{
    scene *s = &v->s;
    memset(t, 0, sizeof *t);
    (void)beside(s, "twin", t->path);
    (void)beside(s, "twin-state", t->state);
    ok(s, varve_checkpoint_to(s->db, t->path, NULL, &s->err));
    ok(s, varve_open(t->path, &s->options, &t->db, &s->err));
    ok(s, varve_collection_open(t->db, "default", "docs", &t->c, &s->err));
    t->lease = v->lease;
}

static void twin_open_ship(voyage *v, twin *t)
{
    ship_options o = voyage_ship_options(v);
    o.db = t->db;
    o.folder = t->path;
    o.lease = &t->lease;
    o.state = t->state;
    ok(&v->s, ship_open(v->repo, &o, &t->ship, &v->s.err));
}

static void twin_end(voyage *v, twin *t)
{
    ship_close(t->ship);
    varve_collection_release(t->c);
    ok(&v->s, varve_close(t->db, &v->s.err));
}

static void insert_into(scene *s, varve_collection *c, size_t count, float value)
{
    for (size_t i = 0; i < count; i++) {
        float vector[MODEL_DIM];
        for (size_t d = 0; d < MODEL_DIM; d++)
            vector[d] = value + (float)i;
        const varve_id id = {.num = (uint64_t)(value * 1000) + i};
        const varve_rows rows = {.count = 1, .dim = MODEL_DIM, .ids = &id, .vectors = vector};
        ok(s, varve_upsert(c, &rows, NULL, NULL, &s->err));
    }
}

static varve_status step_twin(voyage *v, twin *t)
{
    ship_result r;
    ok(&v->s, varve_flush(t->db, &v->s.err));
    return ship_step(t->ship, &r, &v->s.err);
}

/* Rows that the model does not know, so that the two differ in what comes next. */
static void test_two_histories(void **state)
{
    voyage v;
    twin t;
    (void)state;
    for (uint64_t seed = 31; seed < 34; seed++) {
        begin(&v, seed);
        twin_begin(&v, &t);
        if (seed != 31) { /* it shipped before, and is sure of where it is */
            twin_open_ship(&v, &t);
            ok(&v.s, step_twin(&v, &t));
        }
        if (seed == 33) insert_into(&v.s, t.c, 1, 3.5f); /* its object has another name */
        insert_into(&v.s, t.c, 1, 2.5f);
        scene_steps(&v.s, 3);
        voyage_ship_all(&v);
        if (seed == 31) twin_open_ship(&v, &t);
        for (int i = 0; i < 3; i++) { /* and so it stays */
            assert_int_equal(step_twin(&v, &t), VARVE_CONFLICT);
            assert_non_null(strstr(v.s.err.message, "somebody else")
                                ?: strstr(v.s.err.message, "another history"));
        }
        scene_steps(&v.s, 3);
        voyage_ship_all(&v);
        expect_whole_log(&v);
        expect_latest(&v);
        twin_end(&v, &t);
        voyage_end(&v);
    }
}

/* ---- taking over --------------------------------------------------------------------------- */

static uint64_t clock_of_test(void *arg) { return *(uint64_t *)arg; }

static void test_takeover(void **state)
{
    voyage v;
    twin t;
    ship_result r;
    pitr_result restored;
    (void)state;
    begin(&v, 41);
    uint64_t now_ms = clock_wall_ms();
    v.repo->env.now_ms = clock_of_test;
    v.repo->env.arg = &now_ms;
    lease_options o = {.holder = LOG_OTHER, .lsn = voyage_sequence(&v)}; /* common to both */
    twin_begin(&v, &t);
    assert_int_equal(lease_take(v.repo, &o, &t.lease, &v.s.err), VARVE_LOCKED);
    now_ms += LEASE_LIFE_MS + LEASE_SKEW_MS + 1000;
    ok(&v.s, lease_take(v.repo, &o, &t.lease, &v.s.err));
    assert_int_equal(t.lease.timeline, 2);
    const model at_takeover = v.s.m;

    insert_into(&v.s, v.s.c, 3, 5.5f); /* the old one writes on, and notices when he ships */
    ok(&v.s, varve_flush(v.s.db, &v.s.err));
    assert_int_equal(ship_step(v.ship, &r, &v.s.err), VARVE_CONFLICT);
    assert_non_null(strstr(v.s.err.message, "taken"));
    v.lease.expires_ms = now_ms + LEASE_LIFE_MS; /* by a clock that stood still he may go on */
    ok(&v.s, ship_step(v.ship, &r, &v.s.err));
    assert_true(r.first > t.lease.parent_lsn);

    twin_open_ship(&v, &t);
    pitr_options latest = {.folder = v.target, .threads = 1};
    ok(&v.s, pitr_run(v.repo, &latest, &restored, &v.s.err)); /* of the new line */
    assert_int_equal(restored.sequence, t.lease.parent_lsn);
    voyage_expect(&v, &at_takeover);
    latest.timeline = 1; /* what the old one shipped is there for who asks for his line */
    ok(&v.s, pitr_run(v.repo, &latest, &restored, &v.s.err));
    assert_int_equal(restored.sequence, r.last);
    ok(&v.s, file_remove_tree(v.target, &v.s.err));
    twin_end(&v, &t);
    voyage_end(&v);
}

/* The new one goes on in his own folder, where he has the log from the snapshot on; what the old
 * one ships is not in his line. */
static void test_new_line(void **state)
{
    voyage v;
    twin t;
    ship_result r;
    (void)state;
    begin(&v, 42);
    const lease_options o = {.holder = LOG_OTHER, .lsn = voyage_sequence(&v), .force = true};
    twin_begin(&v, &t);
    ok(&v.s, lease_take(v.repo, &o, &t.lease, &v.s.err));
    insert_into(&v.s, v.s.c, 3, 5.5f);
    ok(&v.s, varve_flush(v.s.db, &v.s.err));
    ok(&v.s, ship_step(v.ship, &r, &v.s.err)); /* within what is left of his lease */
    assert_true(r.first > t.lease.parent_lsn);
    ship_close(v.ship);
    scene_close(&v.s, true);
    v.ship = NULL;
    v.lease = t.lease;
    snprintf(v.s.path, sizeof v.s.path, "%s", t.path);
    snprintf(v.state, sizeof v.state, "%s", t.state);
    v.s.db = t.db;
    v.s.c = t.c;
    voyage_open_ship(&v);
    scene_steps(&v.s, 4);
    voyage_note(&v);
    voyage_ship_all(&v);
    (void)voyage_snapshot(&v);
    scene_steps(&v.s, 4);
    voyage_note(&v);
    voyage_ship_all(&v);
    expect_latest(&v);
    pitr_result restored;
    for (size_t i = 0; i < v.moment_count; i++) {
        ok(&v.s, voyage_restore(&v, PITR_LSN, v.moments[i].sequence, &restored));
        voyage_expect(&v, &v.moments[i].m);
    }
    voyage_end(&v);
}

/* ---- going on ------------------------------------------------------------------------------ */

typedef struct lost { /* the answer to one put of the log */
    bool on, hit;
} lost;

static remote_memory_action lose_answer(void *arg, const remote_memory_request *r)
{
    lost *l = arg;
    if (!l->on || !r->done || r->step != REMOTE_MEMORY_PUT || !strstr(r->key, "/wal/"))
        return REMOTE_MEMORY_GO;
    l->on = false;
    l->hit = true;
    return REMOTE_MEMORY_TIMEOUT;
}

static void lose_state(voyage *v)
{
    char path[400];
    snprintf(path, sizeof path, "%s/shipped", v->state);
    ok(&v->s, file_unlink(path, &v->s.err));
}

/* Every way to begin: handle, state file and folder kept or not, the last answer heard or not. */
static void test_restarts(void **state)
{
    voyage v;
    lost l = {0};
    ship_result r;
    (void)state;
    begin(&v, 51);
    ship_close(v.ship);
    voyage_close_repo(&v);
    v.hook = lose_answer;
    v.hook_arg = &l;
    voyage_open_repo(&v);
    voyage_open_ship(&v);
    for (unsigned way = 0; way < 16; way++) {
        scene_steps(&v.s, 2);
        ok(&v.s, varve_flush(v.s.db, &v.s.err));
        l = (lost){.on = way & 1};
        varve_status status = ship_step(v.ship, &r, &v.s.err);
        assert_int_equal(status, l.hit ? VARVE_TIMEOUT : VARVE_OK);
        assert_true(l.hit == (way & 1));
        if (way & 2) ship_close(v.ship);
        if (way & 4) lose_state(&v);
        if (way & 8) scene_close(&v.s, false);
        if (way & 8) scene_open(&v.s);
        if ((way & 8) && !(way & 2)) ship_close(v.ship);
        if (way & 10) voyage_open_ship(&v);
        voyage_ship_all(&v);
        expect_whole_log(&v);
    }
    expect_latest(&v);
    voyage_end(&v);
}

/* ---- gaps ---------------------------------------------------------------------------------- */

static varve_status note_last(void *arg, const object_name *name, const char *key, uint64_t size,
                              varve_error *err)
{
    object_name *last = arg;
    (void)key, (void)size, (void)err;
    *last = *name;
    return VARVE_OK;
}

static void expect_gap(voyage *v, const object_name *gap, bool bridged)
{
    pitr_log log = {0};
    const pitr_log_options o = {0};
    ok(&v->s, pitr_log_read(v->repo, &o, &log, &v->s.err));
    const pitr_log_line *line = &log.lines[0];
    assert_int_equal(line->gap_count, 1);
    assert_int_equal(line->gaps[0].first, gap->lsn);
    assert_int_equal(line->gaps[0].last, gap->last);
    assert_int_equal(line->gaps[0].bridged, bridged);
    assert_int_equal(log.finding_count, !bridged);
    assert_int_equal(line->newest_lsn, bridged ? voyage_sequence(v) : gap->lsn - 1);
    pitr_log_done(&log);
}

/* An object that somebody deleted, and a folder whose log was not kept. */
static void test_gaps(void **state)
{
    voyage v;
    object_name last = {0};
    char key[NAMES_KEY_MAX];
    ship_result r;
    (void)state;
    begin(&v, 61);
    ok(&v.s, repo_list(v.repo, NAME_WAL, LOG_DB, 1, note_last, &last, &v.s.err));
    scene_steps(&v.s, 3);
    voyage_note(&v);
    voyage_ship_all(&v);
    names_build(&last, key);
    remote_memory_set(v.store, key, NULL, 0);
    expect_gap(&v, &last, false);
    (void)voyage_snapshot(&v);
    expect_gap(&v, &last, true);

    ship_close(v.ship);
    scene_steps(&v.s, 4);
    scene_close(&v.s, true);
    char archive[400]; /* of logs that are kept for shippers alone */
    snprintf(archive, sizeof archive, "%s/rocks/archive", v.s.path);
    scene_open(&v.s);
    scene_steps(&v.s, 4);
    scene_close(&v.s, true);
    assert_true(file_exists(archive));
    ok(&v.s, file_remove_tree(archive, &v.s.err));
    scene_open(&v.s);
    voyage_open_ship(&v);
    scene_steps(&v.s, 4);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ship_step(v.ship, &r, &v.s.err), VARVE_NOT_FOUND);
        assert_non_null(strstr(v.s.err.message, "Take a new snapshot"));
    }
    const object_name bridge = voyage_snapshot(&v);
    scene_steps(&v.s, 4);
    ok(&v.s, varve_flush(v.s.db, &v.s.err));
    ok(&v.s, ship_step(v.ship, &r, &v.s.err));
    assert_true(r.bridged);
    assert_int_equal(r.first, bridge.lsn + 1);
    voyage_ship_all(&v);
    expect_latest(&v);
    voyage_end(&v);
}

/* ---- the state folder ---------------------------------------------------------------------- */

static void test_state_cannot_be_written(void **state)
{
    voyage v;
    ship_result r;
    char path[400];
    (void)state;
    begin(&v, 71);
    snprintf(path, sizeof path, "%s/shipped", v.state);
    ok(&v.s, file_unlink(path, &v.s.err));
    assert_int_equal(mkdir(path, 0700), 0); /* what no rename replaces */
    scene_steps(&v.s, 3);
    ok(&v.s, varve_flush(v.s.db, &v.s.err));
    for (int i = 0; i < 3; i++) {
        varve_status status = ship_step(v.ship, &r, &v.s.err);
        assert_int_equal(status, VARVE_IO);
        assert_non_null(strstr(v.s.err.message, "shipped"));
    }
    assert_int_equal(rmdir(path), 0);
    voyage_ship_all(&v);
    expect_whole_log(&v);
    expect_latest(&v);
    ship_close(v.ship);
    v.ship = NULL;
    ok(&v.s, file_remove_tree(v.state, &v.s.err));
    ok(&v.s, file_replace(v.state, "no folder", 9, &v.s.err));
    const ship_options o = voyage_ship_options(&v);
    assert_int_not_equal(ship_open(v.repo, &o, &v.ship, &v.s.err), VARVE_OK);
    assert_null(v.ship);
    voyage_end(&v);
}

#ifdef VARVE_FAULTS
/* The disk is full at each write of a step in turn. */
static void test_disk_full(void **state)
{
    static const char *const places[] = {"file.open", "file.write", "file.sync", "file.rename"};
    voyage v;
    ship_result r;
    size_t hits = 0;
    (void)state;
    begin(&v, 72);
    for (size_t p = 0; p < VV_COUNT(places); p++) {
        bool hit = true;
        for (uint64_t nth = 1; hit && nth < 20; nth++) {
            scene_steps(&v.s, 2);
            ok(&v.s, varve_flush(v.s.db, &v.s.err));
            fault_arm(places[p], nth, VV_FAULT_ENOSPC);
            varve_status status = ship_step(v.ship, &r, &v.s.err);
            hit = fault_was_hit();
            fault_disarm();
            if (status != VARVE_OK && status != VARVE_NO_SPACE && status != VARVE_IO)
                fail_msg("%s, %d: %s", places[p], (int)nth, v.s.err.message);
            hits += hit;
            voyage_ship_all(&v);
        }
    }
    assert_true(hits >= 4);
    expect_whole_log(&v);
    expect_latest(&v);
    voyage_end(&v);
}
#endif

/* ---- at once ------------------------------------------------------------------------------- */

#define WRITERS_ROWS 400

typedef struct work {
    varve_collection *c;
    varve_status status;
    varve_error err;
} work;

static void *write_rows(void *arg)
{
    work *w = arg;
    for (size_t i = 0; i < WRITERS_ROWS && w->status == VARVE_OK; i++) {
        float vector[MODEL_DIM] = {(float)i};
        const varve_id id = {.num = i};
        const varve_rows rows = {.count = 1, .dim = MODEL_DIM, .ids = &id, .vectors = vector};
        w->status = varve_upsert(w->c, &rows, NULL, NULL, &w->err);
    }
    return NULL;
}

typedef struct sailor {
    ship *ship;
    varve_status status;
    varve_error err;
    bool *over;
} sailor;

static void *ship_on(void *arg)
{
    sailor *s = arg;
    ship_result r = {0};
    while (s->status == VARVE_OK && (!__atomic_load_n(s->over, __ATOMIC_ACQUIRE) || r.last))
        s->status = ship_step(s->ship, &r, &s->err);
    return NULL;
}

/* Two shippers of one folder while it is written: the same log, so that either may be second. */
static void test_while_written(void **state)
{
    voyage v;
    twin t = {0};
    pthread_t writer, first, second;
    bool over = false;
    (void)state;
    begin(&v, 81);
    (void)beside(&v.s, "twin-state", t.state);
    snprintf(t.path, sizeof t.path, "%s", v.s.path);
    t.db = v.s.db;
    t.lease = v.lease;
    twin_open_ship(&v, &t);
    work w = {.status = VARVE_OK};
    ok(&v.s, varve_collection_create(v.s.db, "default", "busy", NULL, &w.c, &v.s.err));
    sailor one = {.ship = v.ship, .over = &over}, two = {.ship = t.ship, .over = &over};
    assert_int_equal(pthread_create(&writer, NULL, write_rows, &w), 0);
    assert_int_equal(pthread_create(&first, NULL, ship_on, &one), 0);
    assert_int_equal(pthread_create(&second, NULL, ship_on, &two), 0);
    (void)pthread_join(writer, NULL);
    ok(&v.s, varve_flush(v.s.db, &v.s.err));
    __atomic_store_n(&over, true, __ATOMIC_RELEASE);
    (void)pthread_join(first, NULL);
    (void)pthread_join(second, NULL);
    assert_int_equal(w.status, VARVE_OK);
    if (one.status != VARVE_OK && one.status != VARVE_CONFLICT) fail_msg("%s", one.err.message);
    if (two.status != VARVE_OK && two.status != VARVE_CONFLICT) fail_msg("%s", two.err.message);
    varve_collection_release(w.c);
    ship_close(t.ship);
    voyage_ship_all(&v);
    pitr_log log = {0};
    const pitr_log_options o = {.full = true};
    ok(&v.s, pitr_log_read(v.repo, &o, &log, &v.s.err));
    assert_int_equal(log.lines[0].gap_count, 0);
    assert_int_equal(log.lines[0].newest_lsn, voyage_sequence(&v));
    pitr_log_done(&log);
    expect_latest(&v);
    voyage_end(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_histories), cmocka_unit_test(test_takeover),
        cmocka_unit_test(test_new_line),      cmocka_unit_test(test_restarts),
        cmocka_unit_test(test_gaps),          cmocka_unit_test(test_state_cannot_be_written),
#ifdef VARVE_FAULTS
        cmocka_unit_test(test_disk_full),
#endif
        cmocka_unit_test(test_while_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
