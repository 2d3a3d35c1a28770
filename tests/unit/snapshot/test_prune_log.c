/* test_prune_log.c — collections in a repository with a shipped log: blobs that only the log names
 * stay, the log before the oldest snapshot that stays goes and its blobs with it, and the log is
 * looked at by the beginnings of its objects, once in a run. */
#include "log_fixture.h"

#include "prune.h"

typedef struct watched { /* reads of objects of the log */
    char keys[512][NAMES_KEY_MAX];
    size_t count, twice;
    bool on;
} watched;

static remote_memory_action watch(void *arg, const remote_memory_request *r)
{
    watched *w = arg;
    if (!w->on || r->step != REMOTE_MEMORY_GET || r->done || !strstr(r->key, "/wal/"))
        return REMOTE_MEMORY_GO;
    for (size_t i = 0; i < w->count; i++)
        w->twice += strcmp(w->keys[i], r->key) == 0;
    assert_true(w->count < VV_COUNT(w->keys));
    snprintf(w->keys[w->count++], NAMES_KEY_MAX, "%s", r->key);
    return REMOTE_MEMORY_GO;
}

static void begin(voyage *v, watched *w, uint64_t seed, const char *passphrase)
{
    memset(w, 0, sizeof *w);
    voyage_begin(v, seed, true, passphrase);
    ship_close(v->ship);
    voyage_close_repo(v);
    v->hook = watch;
    v->hook_arg = w;
    voyage_open_repo(v);
    voyage_open_ship(v);
}

typedef struct counted {
    size_t blobs, log, snapshots;
} counted;

static varve_status count_key(void *arg, const char *key, uint64_t size, varve_error *err)
{
    counted *c = arg;
    (void)size, (void)err;
    c->blobs += strncmp(key, "blobs/", 6) == 0;
    c->log += strstr(key, "/wal/") != NULL;
    c->snapshots += strstr(key, "/snap/") != NULL;
    return VARVE_OK;
}

static counted count(voyage *v)
{
    counted c = {0};
    ok(&v->s, remote_list(v->remote, "", NULL, count_key, &c, &v->s.err));
    return c;
}

static prune_result prune(voyage *v, uint32_t last)
{
    prune_result result = {0};
    const prune_options options = {
        .rules = {.last = last}, .yes = true, .grace_ms = 1, .wait_ms = 1};
    ok(&v->s, prune_run(v->repo, &options, &result, &v->s.err));
    const prune_result counts = result; /* without its list */
    prune_result_done(&result);
    return counts;
}

/* Steps with a moment behind each; all shipped. */
static void sail(voyage *v, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        scene_steps(&v->s, 3);
        voyage_note(v);
        voyage_ship_all(v);
    }
}

static void restore_moment(voyage *v, const moment *m)
{
    pitr_result r = {0};
    ok(&v->s, voyage_restore(v, PITR_LSN, m->sequence, &r));
    assert_int_equal(r.sequence, m->sequence);
    voyage_expect(v, &m->m);
}

static void expect_unreachable(voyage *v, const moment *m)
{
    pitr_result r = {0};
    assert_int_equal(voyage_restore(v, PITR_LSN, m->sequence, &r), VARVE_NOT_FOUND);
    assert_false(file_exists(v->target));
}

/* One snapshot before all of it: what came later is in the log alone. */
static void stay(const char *passphrase)
{
    static watched w;
    voyage v;
    begin(&v, &w, 21, passphrase);
    (void)voyage_snapshot(&v);
    sail(&v, 14);
    counted before = count(&v);
    w.on = true;
    (void)prune(&v, 1);
    w.on = false;
    counted after = count(&v);
    assert_int_equal(after.log, before.log);
    assert_true(after.blobs > 10);
    assert_int_equal(w.count, before.log); /* each is looked at, none twice */
    assert_int_equal(w.twice, 0);
    for (size_t i = 0; i < v.moment_count; i += 3)
        restore_moment(&v, &v.moments[i]);
    pitr_result r;
    ok(&v.s, voyage_restore(&v, PITR_LATEST, 0, &r));
    voyage_expect(&v, &v.s.m);
    voyage_end(&v);
}

static void test_blobs_of_the_log_stay(void **state)
{
    (void)state;
    stay(NULL);
    stay("a passphrase");
}

/* With the first snapshot goes the log up to the second one, and the blobs that it alone named. */
static void test_log_before_the_oldest_goes(void **state)
{
    static watched w;
    voyage v;
    (void)state;
    begin(&v, &w, 22, NULL);
    (void)voyage_snapshot(&v);
    sail(&v, 8);
    size_t old = v.moment_count;
    (void)voyage_snapshot(&v);
    sail(&v, 8);
    counted before = count(&v);
    const prune_result result = prune(&v, 1);
    counted after = count(&v);
    assert_int_equal(result.snapshots_gone, 1);
    assert_true(result.wal_gone > 3);
    assert_int_equal(after.log, before.log - result.wal_gone);
    assert_true(result.blobs_gone > 0);
    assert_int_equal(after.blobs, before.blobs - result.blobs_gone);
    expect_unreachable(&v, &v.moments[0]);
    expect_unreachable(&v, &v.moments[old - 2]);
    for (size_t i = old; i < v.moment_count; i++)
        restore_moment(&v, &v.moments[i]);
    (void)prune(&v, 1);
    assert_int_equal(count(&v).blobs, after.blobs); /* nothing was left for a second run */
    sail(&v, 2);                                    /* and the shipper goes on */
    restore_moment(&v, &v.moments[v.moment_count - 1]);
    voyage_end(&v);
}

/* An object whose names cannot be read: nobody knows what it needs. */
static void test_damaged_names_stop_it(void **state)
{
    static watched w;
    voyage v;
    size_t len;
    (void)state;
    begin(&v, &w, 23, NULL);
    (void)voyage_snapshot(&v);
    sail(&v, 4);
    (void)voyage_snapshot(&v);
    sail(&v, 4);
    w.on = true;
    (void)prune(&v, 9);
    const char *key = w.keys[w.count - 1];
    const void *bytes = remote_memory_bytes(v.store, key, &len);
    char *saved = malloc(len), *bent = malloc(len);
    memcpy(saved, bytes, len);
    memcpy(bent, bytes, len);
    bent[20] ^= 1;
    remote_memory_set(v.store, key, bent, len);
    counted before = count(&v);
    prune_result result = {0};
    const prune_options options = {.rules = {.last = 1}, .yes = true, .grace_ms = 1, .wait_ms = 1};
    w.on = false;
    assert_int_equal(prune_run(v.repo, &options, &result, &v.s.err), VARVE_CORRUPT);
    assert_non_null(strstr(v.s.err.message, key));
    assert_non_null(strstr(v.s.err.message, "nothing was pruned"));
    counted after = count(&v);
    assert_memory_equal(&after, &before, sizeof after);
    remote_memory_set(v.store, key, saved, len);
    free(saved);
    free(bent);
    assert_int_equal(prune(&v, 1).snapshots_gone, 1);
    restore_moment(&v, &v.moments[v.moment_count - 1]);
    voyage_end(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blobs_of_the_log_stay),
        cmocka_unit_test(test_log_before_the_oldest_goes),
        cmocka_unit_test(test_damaged_names_stop_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
