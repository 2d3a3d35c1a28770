/* test_follow.c — a folder that follows another one through the repository, step by step beside the
 * model: its bootstrap, ends at any place, gaps, timelines that branch, pins, and its promotion. */
#include "log_fixture.h"

#include "follow.h"
#include "pins.h"
#include "prune.h"

#define THIRD "00000000-0000-4000-8000-00000000cccc"

typedef struct chase {
    voyage v;
    varve *reader; /* the one before: each shares with it */
    char folder[320];
    follow_handle *f;
    uint64_t objects, bootstraps;
} chase;

static void chase_open(chase *c)
{
    const follow_options o = {
        .folder = c->folder, .threads = 1, .step_bytes = 4000, .bridge_ms = 1};
    ok(&c->v.s, follow_open(c->v.repo, &o, &c->f, &c->v.s.err));
}

static void chase_begin(chase *c, uint64_t seed, bool in_memory)
{
    *c = (chase){0};
    voyage_begin(&c->v, seed, in_memory, NULL);
    (void)beside(&c->v.s, "follower", c->folder);
    (void)voyage_snapshot(&c->v);
    chase_open(c);
}

static void chase_end(chase *c)
{
    bool there = c->f && follow_sequence(c->f);
    ok(&c->v.s, varve_close(c->reader, &c->v.s.err));
    follow_close(c->f);
    if (there) assert_sound(c->folder);
    voyage_end(&c->v);
}

/* Steps until all that is there is applied. */
static follow_result catch_up(chase *c)
{
    follow_result r = {0};
    while (!r.all) {
        ok(&c->v.s, follow_step(c->f, &r, &c->v.s.err));
        c->objects += r.objects;
        c->bootstraps += r.bootstrapped;
    }
    return r;
}

/* Beside the follower, as a server opens it. */
static void expect(chase *c, const model *m)
{
    varve *db = NULL;
    varve_collection *docs = NULL;
    varve_options o = c->v.s.options;
    o.read_only = true;
    ok(&c->v.s, varve_open_newer(c->folder, &o, c->reader, &db, &c->v.s.err));
    ok(&c->v.s, varve_collection_open(db, "default", "docs", &docs, &c->v.s.err));
    ok(&c->v.s, varve_close(c->reader, &c->v.s.err));
    c->reader = db;
    assert_model(m, docs);
    varve_collection_release(docs);
}

static void restart(chase *c)
{
    follow_close(c->f);
    chase_open(c);
}

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

static void refused(chase *c, const char *folder, varve_status expected, const char *part)
{
    follow_handle *f = NULL;
    const follow_options o = {.folder = folder};
    varve_status status = follow_open(c->v.repo, &o, &f, &c->v.s.err);
    if (status != expected || !strstr(c->v.s.err.message, part))
        fail_msg("%s: %s", varve_status_name(status), c->v.s.err.message);
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

typedef struct pin_look {
    repo *r;
    size_t count;
    pin last;
    char key[NAMES_KEY_MAX];
} pin_look;

static varve_status look_at_pin(void *arg, const object_name *name, const char *key, uint64_t size,
                                varve_error *err)
{
    pin_look *l = arg;
    (void)name, (void)size;
    pin p;
    VV_TRY(pin_read(l->r, key, &p, NULL, err));
    l->count++;
    l->last = p;
    snprintf(l->key, sizeof l->key, "%s", key);
    pin_done(&p);
    return VARVE_OK;
}

static pin_look find_pins(chase *c)
{
    pin_look l = {.r = c->v.repo};
    ok(&c->v.s, repo_list(c->v.repo, NAME_PIN, LOG_DB, 0, look_at_pin, &l, &c->v.s.err));
    return l;
}

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

/* ---- promotion ------------------------------------------------------------------------------- */

static void promote(chase *c, bool force, lease *ret)
{
    char state[400];
    snprintf(state, sizeof state, "%s.state", c->folder);
    const follow_promotion o = {.holder = LOG_OTHER, .force = force, .state = state};
    ok(&c->v.s, follow_promote(c->f, &o, ret, &c->v.s.err));
}

/* Rows of the new writer, shipped along its timeline. */
static uint64_t write_as(chase *c, lease *l, model *m, int steps)
{
    scene other = c->v.s;
    ship *s = NULL;
    ship_result r = {0};
    char state[400];
    snprintf(other.path, sizeof other.path, "%s", c->folder);
    snprintf(state, sizeof state, "%s.state", c->folder);
    other.m = *m;
    scene_open(&other);
    const ship_options o = {
        .db = other.db, .folder = other.path, .lease = l, .state = state, .step_bytes = 2000};
    ok(&other, ship_open(c->v.repo, &o, &s, &other.err));
    scene_steps(&other, steps);
    ok(&other, varve_flush(other.db, &other.err));
    for (r.last = 1; r.last;) {
        varve_status status = ship_step(s, &r, &other.err);
        if (status == VARVE_NOT_FOUND) {
            voyage v = c->v;
            v.s = other;
            v.lease = *l;
            (void)voyage_snapshot(&v);
            *l = v.lease;
            r.last = 1;
            continue;
        }
        ok(&other, status);
    }
    varve_folder_stats stats;
    varve_stats(other.db, &stats);
    ship_close(s);
    *m = other.m;
    scene_close(&other, false);
    return stats.sequence;
}

static void test_promotion_waits(void **state)
{
    chase c;
    lease taken;
    follow_kind kind;
    char db_id[NAMES_ID_SIZE];
    const follow_promotion o = {.holder = LOG_OTHER};
    (void)state;
    chase_begin(&c, 29, true);
    scene_steps(&c.v.s, 5);
    voyage_ship_all(&c.v);
    (void)catch_up(&c);
    assert_int_equal(follow_promote(c.f, &o, &taken, &c.v.s.err), VARVE_LOCKED);
    assert_non_null(strstr(c.v.s.err.message, LOG_HOLDER));
    scene_steps(&c.v.s, 3); /* goes on as before */
    voyage_ship_all(&c.v);
    assert_int_equal(catch_up(&c).sequence, voyage_sequence(&c.v));
    scene_steps(&c.v.s, 3);
    voyage_ship_all(&c.v);
    ok(&c.v.s, lease_drop(&c.v.lease, &c.v.s.err));
    promote(&c, false, &taken); /* applies what it had not seen yet */
    assert_int_equal(taken.timeline, 2);
    assert_int_equal(taken.parent, 1);
    assert_int_equal(taken.parent_lsn, voyage_sequence(&c.v));
    ok(&c.v.s, follow_look(c.folder, &kind, db_id, &c.v.s.err));
    assert_int_equal(kind, FOLLOW_PROMOTED);
    assert_string_equal(db_id, LOG_DB);
    follow_close(c.f);
    c.f = NULL;
    assert_int_equal(find_pins(&c).count, 0);
    refused(&c, c.folder, VARVE_CONFLICT, "promoted");
    assert_folder(&c.v.s, c.folder, &c.v.s.m, false);
    chase_end(&c);
}

/* Two followers; one is promoted while the old writer goes on. The other one, behind the branch or
 * before it, ends with what the new writer has. */
static void branch(uint64_t seed, bool behind)
{
    chase c, second;
    lease taken;
    chase_begin(&c, seed, true);
    second = c;
    (void)beside(&c.v.s, "second", second.folder);
    chase_open(&second);
    scene_steps(&c.v.s, 6);
    voyage_ship_all(&c.v);
    (void)catch_up(&c);
    (void)catch_up(&second);
    model m = c.v.s.m;
    scene_steps(&c.v.s, 3);
    if (behind) { /* the old writer ships what the new one never saw */
        const follow_promotion o = {.holder = LOG_OTHER, .force = true};
        ok(&c.v.s, follow_promote(c.f, &o, &taken, &c.v.s.err));
        ship_result r;
        ok(&c.v.s, varve_flush(c.v.s.db, &c.v.s.err));
        ok(&c.v.s, ship_step(c.v.ship, &r, &c.v.s.err)); /* its lease is fresh, by its own clock */
        assert_true(r.last > 0);
        assert_int_equal(lease_renew(&c.v.lease, &c.v.s.err), VARVE_CONFLICT);
    } else {
        promote(&c, true, &taken);
    }
    follow_close(c.f);
    c.f = NULL;
    const uint64_t last = write_as(&c, &taken, &m, 8);
    assert_int_equal(catch_up(&second).sequence, last);
    assert_int_equal(catch_up(&second).timeline, 2);
    expect(&second, &m);
    ok(&c.v.s, varve_close(second.reader, &c.v.s.err));
    follow_close(second.f);
    chase_end(&c);
}

static void test_branch(void **state)
{
    (void)state;
    branch(30, false);
}

static void test_branch_of_an_old_writer(void **state)
{
    (void)state;
    branch(31, true);
}

/* What was applied lies behind the branch: only a new folder is right. */
static void test_behind_the_branch(void **state)
{
    chase c, second;
    lease taken;
    (void)state;
    chase_begin(&c, 32, true);
    second = c;
    (void)beside(&c.v.s, "second", second.folder);
    chase_open(&second);
    scene_steps(&c.v.s, 6);
    voyage_ship_all(&c.v);
    (void)catch_up(&c);
    model m = c.v.s.m;
    promote(&c, true, &taken);
    follow_close(c.f);
    c.f = NULL;
    scene_steps(&c.v.s, 3);
    ship_result r;
    ok(&c.v.s, varve_flush(c.v.s.db, &c.v.s.err));
    ok(&c.v.s, ship_step(c.v.ship, &r, &c.v.s.err));

    /* The second one saw the old line for longer: it applied what is not part of the new one. */
    remote_memory_set(c.v.store, "db/" LOG_DB "/WRITER.json", NULL, 0);
    remote_memory_set(c.v.store, "db/" LOG_DB "/tl/00000002/HISTORY.json", NULL, 0);
    assert_int_equal(catch_up(&second).sequence, r.shipped);
    const lease_options o = {.holder = LOG_OTHER, .lsn = taken.parent_lsn};
    ok(&c.v.s, lease_take(c.v.repo, &o, &taken, &c.v.s.err));
    assert_int_equal(taken.timeline, 2);
    const uint64_t last = write_as(&c, &taken, &m, 8);
    second.bootstraps = 0;
    assert_int_equal(catch_up(&second).sequence, last);
    assert_int_equal(second.bootstraps, 1);
    expect(&second, &m);
    ok(&c.v.s, varve_close(second.reader, &c.v.s.err));
    follow_close(second.f);
    chase_end(&c);
}

/* The writer is another one than the one that was followed: the lease is not taken. */
static void test_two_promotions(void **state)
{
    chase c;
    lease taken;
    (void)state;
    chase_begin(&c, 33, true);
    (void)catch_up(&c);
    const lease_options o = {.holder = THIRD, .lsn = follow_sequence(c.f), .force = true};
    ok(&c.v.s, lease_take(c.v.repo, &o, &taken, &c.v.s.err));
    const lease_options late = {
        .holder = LOG_OTHER, .lsn = follow_sequence(c.f), .force = true, .parent = 1};
    assert_int_equal(lease_take(c.v.repo, &late, &taken, &c.v.s.err), VARVE_CONFLICT);
    promote(&c, true, &taken); /* looks first */
    assert_int_equal(taken.timeline, 3);
    assert_int_equal(taken.parent, 2);
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
        cmocka_unit_test(test_promotion_waits),
        cmocka_unit_test(test_branch),
        cmocka_unit_test(test_branch_of_an_old_writer),
        cmocka_unit_test(test_behind_the_branch),
        cmocka_unit_test(test_two_promotions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
