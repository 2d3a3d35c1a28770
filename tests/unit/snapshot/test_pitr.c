/* test_pitr.c — mixed work shipped in steps, with snapshots now and then and interruptions at
 * random; then moments picked at random, by sequence number and by time, restored and compared with
 * the model as it was. And what is refused: moments out of reach, and every kind of damage. */
#include "log_fixture.h"

#define TARGETS 30

/* ---- the voyage ---------------------------------------------------------------------------- */

typedef struct trouble { /* one request fails, before or after it was done */
    uint64_t at, seen;
    bool after, hit;
} trouble;

static remote_memory_action make_trouble(void *arg, const remote_memory_request *r)
{
    trouble *t = arg;
    if (!t->at || r->done != t->after) return REMOTE_MEMORY_GO;
    if (++t->seen != t->at) return REMOTE_MEMORY_GO;
    t->hit = true;
    return t->after ? REMOTE_MEMORY_TIMEOUT : REMOTE_MEMORY_FAIL;
}

/* The shipper ends in the middle of a step, and another one takes over where it was. */
static void kill_shipper(voyage *v, trouble *t)
{
    ship_result r;
    if (v->store) {
        *t = (trouble){.at = 1 + random_below(&v->random, 8), .after = random_below(&v->random, 2)};
        varve_status status = ship_step(v->ship, &r, &v->s.err);
        assert_true(status == VARVE_OK || status == VARVE_IO || status == VARVE_TIMEOUT ||
                    status == VARVE_NOT_FOUND);
        v->kills += status == VARVE_IO || status == VARVE_TIMEOUT;
        *t = (trouble){0};
    }
    ship_close(v->ship);
    if (random_below(&v->random, 4) == 0) { /* the state file is lost too */
        char path[400];
        snprintf(path, sizeof path, "%s/shipped", v->state);
        ok(&v->s, file_unlink(path, &v->s.err));
    }
    if (random_below(&v->random, 3) == 0) {
        scene_close(&v->s, false);
        scene_open(&v->s);
    }
    voyage_open_ship(v);
}

static void run(voyage *v, trouble *t, int rounds)
{
    (void)voyage_snapshot(v);
    voyage_note(v);
    for (int i = 0; i < rounds; i++) {
        scene_steps(&v->s, 1 + (int)random_below(&v->random, 4));
        voyage_note(v);
        if (random_below(&v->random, 3) == 0) voyage_ship_all(v);
        if (random_below(&v->random, 5) == 0) kill_shipper(v, t);
        if (random_below(&v->random, 12) == 0) (void)voyage_snapshot(v);
    }
    scene_steps(&v->s, 2);
    voyage_note(v);
    voyage_ship_all(v);
}

static void check_target(voyage *v, const moment *m, bool by_time)
{
    pitr_result r = {0};
    varve_status status =
        voyage_restore(v, by_time ? PITR_TIME : PITR_LSN, by_time ? m->time_ms : m->sequence, &r);
    bool last = m == &v->moments[v->moment_count - 1];
    if (by_time && last) { /* nobody knows that nothing followed */
        assert_int_equal(status, VARVE_NOT_FOUND);
        assert_non_null(strstr(v->s.err.message, "latest"));
        return;
    }
    ok(&v->s, status);
    if (!by_time) assert_int_equal(r.sequence, m->sequence);
    voyage_expect(v, &m->m);
}

static void check_targets(voyage *v)
{
    for (int i = 0; i < TARGETS; i++)
        check_target(v, &v->moments[random_below(&v->random, v->moment_count)], i % 2);
    pitr_result r = {0};
    ok(&v->s, voyage_restore(v, PITR_LATEST, 0, &r));
    assert_int_equal(r.sequence, voyage_sequence(v));
    voyage_expect(v, &v->s.m);
    pitr_range range;
    ok(&v->s, pitr_find_range(v->repo, 0, &range, &v->s.err));
    assert_int_equal(range.last_lsn, voyage_sequence(v));
}

static void voyage_of(uint64_t seed, bool in_memory, const char *passphrase)
{
    voyage v;
    trouble t = {0};
    voyage_begin(&v, seed, in_memory, passphrase);
    if (in_memory) {
        voyage_close_repo(&v);
        ship_close(v.ship);
        v.hook = make_trouble;
        v.hook_arg = &t;
        voyage_open_repo(&v);
        voyage_open_ship(&v);
    }
    run(&v, &t, 60);
    assert_true(v.objects > 10);
    if (in_memory) assert_true(v.kills > 2);
    assert_int_equal(v.gap_count, 0);
    check_targets(&v);
    voyage_end(&v);
}

static void test_in_memory(void **state)
{
    (void)state;
    voyage_of(1, true, NULL);
}

static void test_encrypted(void **state)
{
    (void)state;
    voyage_of(2, true, "a passphrase");
}

static void test_on_a_folder(void **state)
{
    (void)state;
    voyage_of(3, false, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_memory),
        cmocka_unit_test(test_encrypted),
        cmocka_unit_test(test_on_a_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
