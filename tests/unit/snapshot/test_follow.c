/* test_follow.c — a folder that follows another one through the repository, step by step beside the
 * model: its bootstrap, ends at any place, gaps, and pins. */
#include "follow_fixture.h"
#include "prune.h"

/* ---- following ------------------------------------------------------------------------------ */

static void follow_work(uint64_t seed, bool in_memory)
{
    chase c;
    chase_begin(&c, seed, in_memory);
    for (int i = 0; i < 25; i++) {
        scene_steps(&c.v.s, 1 + (int)random_below(&c.v.random, 5));
        voyage_ship_all(&c.v);
        const follow_result r = catch_up(&c);
        assert_int_equal(r.sequence, voyage_sequence(&c.v));
        assert_int_equal(r.known, r.sequence);
        assert_int_equal(follow_sequence(c.f), r.sequence);
        if (i % 4 == 0) expect(&c, &c.v.s.m);
        if (random_below(&c.v.random, 4) == 0) restart(&c);
        if (random_below(&c.v.random, 6) == 0) (void)voyage_snapshot(&c.v);
    }
    expect(&c, &c.v.s.m);
    assert_int_equal(c.bootstraps, 1);
    assert_true(c.objects > 20);
    chase_end(&c);
}

static void test_in_memory(void **state)
{
    (void)state;
    follow_work(21, true);
}

static void test_on_a_folder(void **state)
{
    (void)state;
    follow_work(22, false);
}

/* A request that fails, anywhere in a step, fails that step and nothing else. */
typedef struct trouble {
    uint64_t at, seen;
    bool hit;
} trouble;

static remote_memory_action make_trouble(void *arg, const remote_memory_request *r)
{
    trouble *t = arg;
    (void)r;
    if (!t->at || ++t->seen != t->at) return REMOTE_MEMORY_GO;
    t->hit = true;
    return REMOTE_MEMORY_FAIL;
}

static void test_every_request_may_fail(void **state)
{
    chase c;
    trouble t = {0};
    size_t hits = 0;
    (void)state;
    chase_begin(&c, 23, true);
    follow_close(c.f);
    remote *other = remote_open_memory(c.v.store, make_trouble, &t);
    repo *r = NULL;
    const repo_options ro = {.db_id = LOG_DB};
    ok(&c.v.s, repo_open(other, &ro, &r, &c.v.s.err));
    const follow_options o = {.folder = c.folder, .threads = 1};
    scene_steps(&c.v.s, 8);
    voyage_ship_all(&c.v);
    ok(&c.v.s, follow_open(r, &o, &c.f, &c.v.s.err));
    for (bool done = false; !done;) {
        follow_result result;
        t = (trouble){.at = 1 + t.at, .seen = 0, .hit = false};
        varve_status status = follow_step(c.f, &result, &c.v.s.err);
        done = !t.hit;
        hits += t.hit;
        if (done) ok(&c.v.s, status);
        if (status != VARVE_OK) assert_int_equal(status, VARVE_IO);
    }
    assert_true(hits > 8);
    t = (trouble){0};
    (void)catch_up(&c);
    expect(&c, &c.v.s.m);
    follow_close(c.f);
    c.f = NULL;
    repo_close(r);
    remote_close(other);
    chase_end(&c);
}

/* ---- ends in the middle of a swap ----------------------------------------------------------- */

static void test_swap(void **state)
{
    chase c;
    char fresh[400], aside[400];
    (void)state;
    chase_begin(&c, 24, true);
    scene_steps(&c.v.s, 6);
    voyage_ship_all(&c.v);
    (void)catch_up(&c);
    follow_close(c.f);
    snprintf(fresh, sizeof fresh, "%s.follow-new", c.folder);
    snprintf(aside, sizeof aside, "%s.aside", c.folder);

    assert_int_equal(rename(c.folder, fresh), 0); /* complete, without its name */
    chase_open(&c);
    assert_true(follow_sequence(c.f) > 0);
    assert_false(file_exists(fresh));
    follow_close(c.f);

    ok(&c.v.s, file_link_tree(c.folder, fresh, NULL, &c.v.s.err)); /* the one of before */
    chase_open(&c);
    assert_false(file_exists(fresh));
    follow_close(c.f);

    assert_int_equal(rename(c.folder, aside), 0); /* a make that did not end */
    ok(&c.v.s, file_make_dir(fresh, &c.v.s.err));
    chase_open(&c);
    assert_int_equal(follow_sequence(c.f), 0);
    (void)catch_up(&c);
    assert_int_equal(c.bootstraps, 2);
    assert_false(file_exists(fresh));
    expect(&c, &c.v.s.m);
    chase_end(&c);
}

static void test_other_folders(void **state)
{
    chase c;
    (void)state;
    chase_begin(&c, 25, true);
    refused(&c, c.v.s.path, VARVE_EXISTS, "data of its own");
    (void)catch_up(&c);
    follow_close(c.f);
    c.f = NULL;
    char right[NAMES_ID_SIZE];
    memcpy(right, c.v.repo->db_id, sizeof right);
    memcpy(c.v.repo->db_id, LOG_OTHER, sizeof right);
    refused(&c, c.folder, VARVE_CONFLICT, LOG_DB);
    memcpy(c.v.repo->db_id, right, sizeof right);
    chase_open(&c);
    chase_end(&c);
}

static void test_readers_that_cannot_share(void **state)
{
    chase c;
    varve *db = NULL;
    (void)state;
    chase_begin(&c, 34, true);
    (void)catch_up(&c);
    expect(&c, &c.v.s.m);
    varve_options o = c.v.s.options; /* for writing */
    assert_int_equal(varve_open_newer(c.folder, &o, NULL, &db, &c.v.s.err), VARVE_INVALID);
    o.read_only = true;
    assert_int_equal(varve_open_newer(c.folder, &o, c.v.s.db, &db, &c.v.s.err), VARVE_INVALID);
    assert_int_equal(varve_open_newer(c.v.s.path, &o, c.reader, &db, &c.v.s.err), VARVE_INVALID);
    assert_non_null(strstr(c.v.s.err.message, c.folder));
    assert_null(db);
    chase_end(&c);
}

/* ---- gaps ----------------------------------------------------------------------------------- */

static void go_past_the_log(chase *c)
{
    static float vectors[400 * MODEL_DIM];
    voyage *v = &c->v;
    varve_session *session = NULL;
    varve_collection *other = NULL;
    const varve_rows rows = {.count = 400, .dim = MODEL_DIM, .vectors = vectors};
    ship_close(v->ship);
    scene_close(&v->s, true);
    v->s.options.session_memory_max = 2048;
    scene_open(&v->s);
    voyage_open_ship(v);
    ok(&v->s, varve_collection_create(v->s.db, "default", "other", NULL, &other, &v->s.err));
    ok(&v->s, varve_session_new(other, NULL, &session, &v->s.err));
    ok(&v->s, varve_session_add(session, &rows, &v->s.err));
    ok(&v->s, varve_session_commit(session, NULL, &v->s.err));
    varve_session_free(session);
    varve_collection_release(other);
    ok(&v->s, varve_collection_drop(v->s.db, "default", "other", &v->s.err));
    ok(&v->s, varve_flush(v->s.db, &v->s.err));
}

/* An object in the middle is lost: nothing is applied over it until a snapshot lies beyond. */
static void test_gap(void **state)
{
    chase c;
    follow_result r;
    (void)state;
    chase_begin(&c, 26, true);
    scene_steps(&c.v.s, 5);
    voyage_ship_all(&c.v);
    const uint64_t before = catch_up(&c).sequence;
    const model then = c.v.s.m;
    object_name lost = {.kind = NAME_WAL, .timeline = 1, .lsn = before + 1};
    char key[NAMES_KEY_MAX];
    ship_result shipped = {0};
    scene_steps(&c.v.s, 3);
    ok(&c.v.s, varve_flush(c.v.s.db, &c.v.s.err));
    ok(&c.v.s, ship_step(c.v.ship, &shipped, &c.v.s.err));
    memcpy(lost.db_id, LOG_DB, sizeof lost.db_id);
    lost.lsn = shipped.first;
    lost.last = shipped.last;
    assert_int_equal(lost.lsn, before + 1);
    names_build(&lost, key);
    scene_steps(&c.v.s, 8);
    voyage_ship_all(&c.v);
    remote_memory_set(c.v.store, key, NULL, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(follow_step(c.f, &r, &c.v.s.err), VARVE_NOT_FOUND);
        assert_non_null(strstr(c.v.s.err.message, "gap"));
        assert_int_equal(follow_sequence(c.f), before);
        expect(&c, &then);
        restart(&c);
    }
    (void)voyage_snapshot(&c.v);
    scene_steps(&c.v.s, 4);
    voyage_ship_all(&c.v);
    assert_int_equal(catch_up(&c).sequence, voyage_sequence(&c.v));
    assert_int_equal(c.bootstraps, 2);
    expect(&c, &c.v.s.m);
    chase_end(&c);
}

/* A large session went past the log; the shipper went on behind a snapshot. */
static void test_session(void **state)
{
    chase c;
    (void)state;
    chase_begin(&c, 27, true);
    scene_steps(&c.v.s, 5);
    voyage_ship_all(&c.v);
    (void)catch_up(&c);
    go_past_the_log(&c);
    voyage_ship_all(&c.v);
    scene_steps(&c.v.s, 6);
    voyage_ship_all(&c.v);
    assert_true(c.v.gap_count > 0);
    assert_int_equal(catch_up(&c).sequence, voyage_sequence(&c.v));
    assert_true(c.bootstraps > 1);
    expect(&c, &c.v.s.m);
    chase_end(&c);
}

/* ---- pins ------------------------------------------------------------------------------------ */

/* The log that a follower needs stays, also while the follower is not there. */
static void test_pin(void **state)
{
    chase c;
    prune_result pruned = {0};
    const prune_options o = {
        .rules = {.last = 1}, .yes = true, .alone = true, .grace_ms = 1, .wait_ms = 1};
    (void)state;
    chase_begin(&c, 28, true);
    const uint64_t at = catch_up(&c).sequence;
    pin_look l = find_pins(&c);
    assert_int_equal(l.count, 1);
    assert_int_equal(l.last.kind, PIN_REPLICA);
    assert_int_equal(l.last.timeline, 1);
    assert_int_equal(l.last.wal_from, at + 1);
    follow_close(c.f);
    for (int i = 0; i < 4; i++) {
        scene_steps(&c.v.s, 4);
        voyage_ship_all(&c.v);
    }
    (void)voyage_snapshot(&c.v);
    ok(&c.v.s, prune_run(c.v.repo, &o, &pruned, &c.v.s.err));
    assert_int_equal(pruned.wal_gone, 0);
    prune_result_done(&pruned);
    chase_open(&c);
    assert_int_equal(catch_up(&c).sequence, voyage_sequence(&c.v));
    assert_int_equal(c.bootstraps, 1);
    l = find_pins(&c);
    assert_int_equal(l.count, 1);              /* the same, found again */
    assert_int_equal(l.last.wal_from, at + 1); /* it moves once a minute */

    restart(&c); /* moves it on */
    (void)catch_up(&c);
    assert_int_equal(find_pins(&c).last.wal_from, voyage_sequence(&c.v) + 1);
    remote_memory_set(c.v.store, l.key, NULL, 0); /* lost: another one is taken */
    restart(&c);
    (void)catch_up(&c);
    assert_int_equal(find_pins(&c).count, 1);
    pruned = (prune_result){0};
    ok(&c.v.s, prune_run(c.v.repo, &o, &pruned, &c.v.s.err));
    assert_true(pruned.wal_gone > 0);
    prune_result_done(&pruned);
    chase_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_memory),
        cmocka_unit_test(test_on_a_folder),
        cmocka_unit_test(test_every_request_may_fail),
        cmocka_unit_test(test_swap),
        cmocka_unit_test(test_other_folders),
        cmocka_unit_test(test_readers_that_cannot_share),
        cmocka_unit_test(test_gap),
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_pin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
