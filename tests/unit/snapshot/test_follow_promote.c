/* test_follow_promote.c — a follower becomes the writer; what others that follow make of it, before
 * the branch and behind it, and of two who want to. */
#include "follow_fixture.h"

#define THIRD "00000000-0000-4000-8000-00000000cccc"

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
        cmocka_unit_test(test_promotion_waits),         cmocka_unit_test(test_branch),
        cmocka_unit_test(test_branch_of_an_old_writer), cmocka_unit_test(test_behind_the_branch),
        cmocka_unit_test(test_two_promotions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
