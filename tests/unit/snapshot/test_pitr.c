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

/* ---- out of reach -------------------------------------------------------------------------- */

static void refused(voyage *v, pitr_target target, uint64_t value, varve_status expected,
                    const char *part)
{
    pitr_result r;
    varve_status status = voyage_restore(v, target, value, &r);
    if (status != expected || !strstr(v->s.err.message, part))
        fail_msg("%s: %s", varve_status_name(status), v->s.err.message);
    assert_false(file_exists(v->target));
}

static void test_out_of_reach(void **state)
{
    voyage v;
    char number[32];
    (void)state;
    voyage_begin(&v, 4, true, NULL);
    refused(&v, PITR_LATEST, 0, VARVE_NOT_FOUND, "no snapshot");
    scene_steps(&v.s, 8);
    const object_name first = voyage_snapshot(&v);
    scene_steps(&v.s, 8);
    voyage_ship_all(&v);
    snprintf(number, sizeof number, "sequence %llu ", (unsigned long long)first.lsn);
    refused(&v, PITR_LSN, first.lsn - 1, VARVE_NOT_FOUND, number);
    refused(&v, PITR_TIME, 1000, VARVE_NOT_FOUND, number);
    snprintf(number, sizeof number, "sequence %llu ", (unsigned long long)voyage_sequence(&v));
    refused(&v, PITR_LSN, voyage_sequence(&v) + 1, VARVE_NOT_FOUND, number);
    refused(&v, PITR_TIME, clock_wall_ms() + 5, VARVE_NOT_FOUND, "latest");
    voyage_end(&v);
}

/* A session past the log: refused until a snapshot bridges it, and inside it for ever. */
static void test_gap(void **state)
{
    static float vectors[400 * MODEL_DIM];
    voyage v;
    ship_result step;
    varve_session *session = NULL;
    pitr_result r;
    (void)state;
    voyage_begin(&v, 5, true, NULL);
    (void)voyage_snapshot(&v);
    scene_steps(&v.s, 6);
    voyage_note(&v);
    voyage_ship_all(&v);
    ship_close(v.ship);
    scene_close(&v.s, true);
    v.s.options.session_memory_max = 2048;
    scene_open(&v.s);
    voyage_open_ship(&v);
    const varve_rows rows = {.count = 400, .dim = MODEL_DIM, .vectors = vectors};
    varve_collection *c = NULL;
    ok(&v.s, varve_collection_create(v.s.db, "default", "other", NULL, &c, &v.s.err));
    ok(&v.s, varve_session_new(c, NULL, &session, &v.s.err));
    ok(&v.s, varve_session_add(session, &rows, &v.s.err));
    ok(&v.s, varve_session_commit(session, NULL, &v.s.err));
    varve_session_free(session);
    varve_collection_release(c);
    ok(&v.s, varve_collection_drop(v.s.db, "default", "other", &v.s.err));
    ok(&v.s, varve_flush(v.s.db, &v.s.err));
    varve_status status = VARVE_OK;
    for (int i = 0; i < 20 && status == VARVE_OK; i++)
        status = ship_step(v.ship, &step, &v.s.err);
    assert_int_equal(status, VARVE_NOT_FOUND);
    assert_non_null(strstr(v.s.err.message, "snapshot"));
    voyage_ship_all(&v);
    scene_steps(&v.s, 6);
    voyage_note(&v);
    voyage_ship_all(&v);
    ok(&v.s, voyage_restore(&v, PITR_LSN, v.moments[0].sequence, &r));
    voyage_expect(&v, &v.moments[0].m);
    ok(&v.s, voyage_restore(&v, PITR_LATEST, 0, &r));
    voyage_expect(&v, &v.s.m);
    voyage_end(&v);
}

/* ---- before a drop ------------------------------------------------------------------------- */

#define OTHER_ROWS 5

static void make_other(voyage *v, const char *name)
{
    static const float vectors[OTHER_ROWS * MODEL_DIM];
    varve_collection *c = NULL;
    const varve_rows rows = {.count = OTHER_ROWS, .dim = MODEL_DIM, .vectors = vectors};
    ok(&v->s, varve_collection_create(v->s.db, "default", name, NULL, &c, &v->s.err));
    ok(&v->s, varve_insert(c, &rows, NULL, NULL, &v->s.err));
    varve_collection_release(c);
}

/* The moment before the drop, which is noted. */
static moment drop_other(voyage *v, const char *name)
{
    voyage_note(v);
    ok(&v->s, varve_collection_drop(v->s.db, "default", name, &v->s.err));
    return v->moments[v->moment_count - 1];
}

static varve_status restore_before_drop(voyage *v, const char *name, pitr_result *ret)
{
    const pitr_options options = {.target = PITR_BEFORE_DROP,
                                  .database = "default",
                                  .collection = name,
                                  .folder = v->target,
                                  .threads = 1};
    return pitr_run(v->repo, &options, ret, &v->s.err);
}

static void expect_before_drop(voyage *v, const char *name, const moment *m)
{
    pitr_result r = {0};
    varve *db = NULL;
    varve_collection *c = NULL;
    varve_collection_stats of;
    varve_options o = v->s.options;
    ok(&v->s, restore_before_drop(v, name, &r));
    assert_int_equal(r.sequence, m->sequence);
    assert_int_equal(r.drop_lsn, m->sequence + 1);
    assert_true(r.drop_ms >= m->time_ms);
    o.read_only = true;
    ok(&v->s, varve_open(v->target, &o, &db, &v->s.err));
    ok(&v->s, varve_collection_open(db, "default", name, &c, &v->s.err));
    ok(&v->s, varve_collection_get_stats(c, &of, &v->s.err));
    assert_int_equal(of.rows_live, OTHER_ROWS);
    varve_collection_release(c);
    ok(&v->s, varve_close(db, &v->s.err));
    voyage_expect(v, &m->m);
}

static void test_before_drop(void **state)
{
    voyage v;
    pitr_result r;
    (void)state;
    voyage_begin(&v, 7, true, NULL);
    (void)voyage_snapshot(&v);
    make_other(&v, "other");
    make_other(&v, "stays");
    make_other(&v, "other.more"); /* a name that begins like it */
    scene_steps(&v.s, 6);
    const moment first = drop_other(&v, "other");
    scene_steps(&v.s, 6);
    voyage_ship_all(&v);
    expect_before_drop(&v, "other", &first);
    (void)voyage_snapshot(&v); /* behind it: an older one is taken then */
    const moment more = drop_other(&v, "other.more");
    make_other(&v, "other");
    scene_steps(&v.s, 6);
    voyage_ship_all(&v);
    expect_before_drop(&v, "other", &first);
    const moment second = drop_other(&v, "other");
    voyage_ship_all(&v);
    expect_before_drop(&v, "other", &second); /* the last one counts */
    expect_before_drop(&v, "other.more", &more);
    assert_int_equal(restore_before_drop(&v, "stays", &r), VARVE_NOT_FOUND);
    assert_non_null(strstr(v.s.err.message, "default.stays"));
    assert_int_equal(restore_before_drop(&v, NULL, &r), VARVE_INVALID);
    assert_false(file_exists(v.target));
    voyage_end(&v);
}

/* ---- damage -------------------------------------------------------------------------------- */

typedef struct key_list {
    char keys[512][NAMES_KEY_MAX];
    size_t count;
} key_list;

static varve_status note_key(void *arg, const object_name *name, const char *key, uint64_t size,
                             varve_error *err)
{
    key_list *l = arg;
    (void)name, (void)size, (void)err;
    assert_true(l->count < VV_COUNT(l->keys));
    snprintf(l->keys[l->count++], NAMES_KEY_MAX, "%s", key);
    return VARVE_OK;
}

static void test_damage(void **state)
{
    static key_list l;
    voyage v;
    (void)state;
    l.count = 0;
    voyage_begin(&v, 6, true, NULL);
    (void)voyage_snapshot(&v);
    for (int i = 0; i < 12; i++) {
        scene_steps(&v.s, 2);
        voyage_ship_all(&v);
    }
    ok(&v.s, repo_list(v.repo, NAME_WAL, LOG_DB, 1, note_key, &l, &v.s.err));
    assert_true(l.count > 6);
    for (size_t i = 1; i < 4; i++) {
        size_t len, other_len;
        const char *key = l.keys[i];
        const void *bytes = remote_memory_bytes(v.store, key, &len);
        char *saved = malloc(len), *bent = malloc(len);
        memcpy(saved, bytes, len);
        memcpy(bent, bytes, len);
        bent[random_below(&v.random, len)] ^= 4;
        remote_memory_set(v.store, key, bent, len);
        refused(&v, PITR_LATEST, 0, VARVE_CORRUPT, key);
        remote_memory_set(v.store, key, saved, random_below(&v.random, len));
        refused(&v, PITR_LATEST, 0, VARVE_CORRUPT, key);
        bytes = remote_memory_bytes(v.store, l.keys[i + 1], &other_len);
        char *other = malloc(other_len);
        memcpy(other, bytes, other_len);
        remote_memory_set(v.store, key, other, other_len);
        refused(&v, PITR_LATEST, 0, VARVE_CORRUPT, key);
        remote_memory_set(v.store, key, NULL, 0);
        refused(&v, PITR_LATEST, 0, VARVE_NOT_FOUND, "gap");
        remote_memory_set(v.store, key, saved, len);
        free(saved);
        free(bent);
        free(other);
    }
    pitr_result r;
    ok(&v.s, voyage_restore(&v, PITR_LATEST, 0, &r));
    voyage_expect(&v, &v.s.m);
    voyage_end(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_memory),   cmocka_unit_test(test_encrypted),
        cmocka_unit_test(test_on_a_folder), cmocka_unit_test(test_out_of_reach),
        cmocka_unit_test(test_gap),         cmocka_unit_test(test_before_drop),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
