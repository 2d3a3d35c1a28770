/* test_restore_some.c — a collection, or rows of one, out of a backup into a folder that is open:
 * it is as it was, the others are as they were, and whatever fails on the way changes nothing. */
#include "log_fixture.h"

#include "contents.h"
#include "restore_some.h"

static object_name back_up(voyage *v)
{
    char copy[320];
    scene *s = &v->s;
    varve_checkpoint_info info;
    contents all = {0};
    backup_result made = {0};
    ok(s, varve_checkpoint_to(s->db, beside(s, "copy", copy), &info, &s->err));
    ok(s, contents_read(copy, NULL, &all, &s->err));
    const backup_options options = {.folder = copy,
                                    .sequence = info.sequence,
                                    .commit_ms = info.time_ms,
                                    .storage_format = 1,
                                    .collections = all.items,
                                    .collection_count = all.count,
                                    .lease = &v->lease};
    ok(s, backup_run(v->repo, &options, &made, &s->err));
    ok(s, file_remove_tree(copy, &s->err));
    contents_done(&all);
    return made.snapshot;
}

static void fill_other(voyage *v, const char *name, size_t rows)
{
    varve_collection *c = NULL;
    scene *s = &v->s;
    ok(s, varve_collection_create(s->db, "default", name, NULL, &c, &s->err));
    for (uint64_t i = 0; i < rows; i++) {
        const float vector[3] = {(float)i, 1, 2};
        const varve_rows add = {
            .count = 1, .dim = 3, .ids_from_first = true, .first_id = i, .vectors = vector};
        ok(s, varve_insert(c, &add, NULL, NULL, &s->err));
    }
    ok(s, varve_collection_checkpoint(c, &s->err));
    varve_collection_release(c);
}

typedef struct sum {
    uint8_t bytes[SUMS_BYTES];
} sum;

static sum digest_of(voyage *v, varve *db, const char *name)
{
    varve_collection *c = NULL;
    digest_rows found = {0};
    sum ret;
    const digest_options options = {.threads = 1};
    ok(&v->s, varve_collection_open(db, "default", name, &c, &v->s.err));
    ok(&v->s, digest_collection(c, &options, &found, &v->s.err));
    memcpy(ret.bytes, found.sum, SUMS_BYTES);
    digest_rows_done(&found);
    varve_collection_release(c);
    return ret;
}

static void assert_same(const sum *a, const sum *b)
{
    assert_memory_equal(a->bytes, b->bytes, SUMS_BYTES);
}

/* Of "docs" into the folder itself, in a scratch folder that is gone afterwards. */
static varve_status some(voyage *v, const restore_some_options *more, restore_some_result *ret)
{
    char scratch[320];
    restore_some_options o = *more;
    o.database = "default";
    o.collection = o.collection ? o.collection : "docs";
    o.into = o.into ? o.into : v->s.db;
    o.threads = 1;
    o.scratch = beside(&v->s, "scratch", scratch);
    varve_status status = restore_some(v->repo, &o, ret, &v->s.err);
    assert_false(file_exists(scratch));
    return status;
}

static void begin(voyage *v, uint64_t seed, const char *passphrase)
{
    voyage_begin(v, seed, true, passphrase);
    fill_other(v, "other", 200);
    scene_steps(&v->s, 120);
    (void)back_up(v);
}

/* ---- a collection -------------------------------------------------------------------------- */

static void test_another_name(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        voyage v;
        restore_some_result result;
        begin(&v, seed, seed == 2 ? "a passphrase" : NULL);
        model then = v.s.m;
        sum was = digest_of(&v, v.s.db, "docs");
        scene_steps(&v.s, 40);
        sum docs = digest_of(&v, v.s.db, "docs"), other = digest_of(&v, v.s.db, "other");
        const restore_some_options options = {.to_collection = "was"};
        ok(&v.s, some(&v, &options, &result));
        sum back = digest_of(&v, v.s.db, "was"), docs_now = digest_of(&v, v.s.db, "docs");
        sum other_now = digest_of(&v, v.s.db, "other");
        assert_same(&was, &back);
        assert_same(&docs, &docs_now);
        assert_same(&other, &other_now);
        varve_collection *c = NULL;
        ok(&v.s, varve_collection_open(v.s.db, "default", "was", &c, &v.s.err));
        assert_model(&then, c);
        varve_collection_release(c);
        scene_close(&v.s, true);
        assert_sound(v.s.path);
        scene_open(&v.s);
        voyage_end(&v);
    }
}

static void test_in_place(void **state)
{
    (void)state;
    voyage v;
    restore_some_result result;
    begin(&v, 4, NULL);
    sum was = digest_of(&v, v.s.db, "docs"), other = digest_of(&v, v.s.db, "other");
    scene_steps(&v.s, 40);
    sum changed = digest_of(&v, v.s.db, "docs");
    restore_some_options options = {0};
    assert_int_equal(some(&v, &options, &result), VARVE_EXISTS);
    sum now = digest_of(&v, v.s.db, "docs");
    assert_same(&changed, &now);
    options.overwrite = true;
    varve_collection_release(v.s.c);
    ok(&v.s, some(&v, &options, &result));
    now = digest_of(&v, v.s.db, "docs");
    assert_same(&was, &now);
    now = digest_of(&v, v.s.db, "other");
    assert_same(&other, &now);
    ok(&v.s, varve_collection_open(v.s.db, "default", "docs", &v.s.c, &v.s.err));
    voyage_end(&v);
}

static void test_dropped(void **state)
{
    (void)state;
    voyage v;
    restore_some_result result;
    begin(&v, 5, NULL);
    sum was = digest_of(&v, v.s.db, "other");
    ok(&v.s, varve_collection_drop(v.s.db, "default", "other", &v.s.err));
    const restore_some_options options = {.collection = "other"};
    ok(&v.s, some(&v, &options, &result));
    assert_int_equal(result.rows, 200);
    sum back = digest_of(&v, v.s.db, "other");
    assert_same(&was, &back);
    const restore_some_options unknown = {.collection = "never"};
    assert_int_equal(some(&v, &unknown, &result), VARVE_NOT_FOUND);
    voyage_end(&v);
}

/* ---- only what is needed, and all of that -------------------------------------------------- */

static size_t damage_segments(voyage *v, uint32_t collection, bool of_it)
{
    object_name name;
    manifest m;
    size_t count = 0;
    ok(&v->s, snapshots_newest(v->repo, UINT64_MAX, &name, &v->s.err));
    ok(&v->s, snapshots_load(v->repo, &name, &m, &v->s.err));
    for (size_t i = 0; i < m.file_count; i++) {
        char key[NAMES_KEY_MAX];
        if (m.files[i].role != ROLE_SEGMENT || (m.files[i].collection == collection) != of_it)
            continue;
        manifest_blob_key(&m.files[i], key);
        remote_memory_set(v->store, key, "damaged", 7);
        count++;
    }
    manifest_done(&m);
    return count;
}

static uint32_t number_of(voyage *v, const char *name)
{
    varve_collection *c = NULL;
    varve_collection_stats stats;
    ok(&v->s, varve_collection_open(v->s.db, "default", name, &c, &v->s.err));
    ok(&v->s, varve_collection_get_stats(c, &stats, &v->s.err));
    varve_collection_release(c);
    return stats.id;
}

static void test_others_are_not_fetched(void **state)
{
    (void)state;
    voyage v;
    restore_some_result result;
    voyage_begin(&v, 6, true, NULL);
    fill_other(&v, "other", 200);
    fill_other(&v, "wanted", 100);
    (void)back_up(&v);
    sum was = digest_of(&v, v.s.db, "wanted");
    assert_true(damage_segments(&v, number_of(&v, "wanted"), false) > 0);
    const restore_some_options options = {.collection = "wanted", .to_collection = "again"};
    ok(&v.s, some(&v, &options, &result));
    sum back = digest_of(&v, v.s.db, "again");
    assert_same(&was, &back);
    voyage_end(&v);
}

static void test_damage(void **state)
{
    (void)state;
    voyage v;
    restore_some_result result;
    voyage_begin(&v, 7, true, NULL);
    fill_other(&v, "wanted", 100);
    (void)back_up(&v);
    assert_true(damage_segments(&v, number_of(&v, "wanted"), true) > 0);
    const restore_some_options options = {.collection = "wanted", .to_collection = "again"};
    assert_int_equal(some(&v, &options, &result), VARVE_CORRUPT);
    assert_non_null(strstr(v.s.err.message, "blobs/"));
    assert_false(varve_collection_exists(v.s.db, "default", "again"));
    voyage_end(&v);
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void test_rows(void **state)
{
    (void)state;
    for (uint64_t seed = 10; seed < 14; seed++) {
        voyage v;
        restore_some_result result = {0};
        static char texts[MODEL_IDS][24];
        static varve_id ids[2 * MODEL_IDS];
        size_t count = 0;
        begin(&v, seed, NULL);
        model then = v.s.m;
        sum was = digest_of(&v, v.s.db, "docs");
        scene_steps(&v.s, 60);
        /* Rows that came since are deleted, so that the rest can be equal. */
        for (uint32_t i = 0; i < MODEL_IDS; i++) {
            varve_id id = model_id(i, texts[i]);
            if (then.rows[i].state == VARVE_ROW_LIVE)
                ids[count++] = id;
            else
                ok(&v.s, varve_delete(v.s.c, &id, 1, NULL, NULL, &v.s.err));
        }
        memcpy(ids + count, ids, count * sizeof *ids); /* each twice: once is enough */
        const restore_some_options options = {.ids = ids, .id_count = 2 * count};
        sum other = digest_of(&v, v.s.db, "other");
        ok(&v.s, some(&v, &options, &result));
        assert_int_equal(result.rows, count);
        sum now = digest_of(&v, v.s.db, "docs"), other_now = digest_of(&v, v.s.db, "other");
        assert_same(&was, &now);
        assert_same(&other, &other_now);
        voyage_end(&v);
    }
}

static void test_rows_that_are_not_there(void **state)
{
    (void)state;
    voyage v;
    restore_some_result result = {0};
    begin(&v, 20, NULL);
    const varve_id ids[2] = {{.num = 17}, {.num = 999999}};
    scene_steps(&v.s, 20);
    sum before = digest_of(&v, v.s.db, "other");
    restore_some_options options = {.collection = "other", .ids = ids, .id_count = 2};
    assert_int_equal(some(&v, &options, &result), VARVE_NOT_FOUND);
    assert_non_null(strstr(v.s.err.message, "999999"));
    varve_collection *c = NULL;
    ok(&v.s, varve_collection_open(v.s.db, "default", "other", &c, &v.s.err));
    ok(&v.s, varve_delete(c, ids, 1, NULL, NULL, &v.s.err));
    varve_collection_release(c);
    assert_int_equal(some(&v, &options, &result), VARVE_NOT_FOUND);
    options.skip_missing = true;
    ok(&v.s, some(&v, &options, &result));
    assert_int_equal(result.rows, 1);
    assert_int_equal(result.rows_missing, 1);
    sum after = digest_of(&v, v.s.db, "other");
    assert_same(&before, &after);
    options.to_collection = "nowhere";
    assert_int_equal(some(&v, &options, &result), VARVE_NOT_FOUND);
    voyage_end(&v);
}

/* ---- moments between snapshots, into another folder ---------------------------------------- */

static void test_moments(void **state)
{
    (void)state;
    voyage v;
    char path[320], name[32];
    varve *into = NULL;
    restore_some_result result;
    voyage_begin(&v, 30, true, NULL);
    v.busy = true; /* seals go on meanwhile */
    (void)voyage_snapshot(&v);
    for (int i = 0; i < 5; i++) {
        scene_steps(&v.s, 15);
        voyage_ship_all(&v);
        voyage_note(&v);
    }
    voyage_ship_all(&v); /* a seal may have committed before the last moment was noted */
    ok(&v.s, varve_open(beside(&v.s, "second", path), NULL, &into, &v.s.err));
    for (size_t i = 0; i < v.moment_count; i++) {
        varve_collection *c = NULL;
        snprintf(name, sizeof name, "was-%zu", i);
        const pitr_options moment = {.target = i % 2 ? PITR_TIME : PITR_LSN,
                                     .lsn = v.moments[i].sequence,
                                     .time_ms = v.moments[i].time_ms};
        const restore_some_options options = {
            .moment = &moment, .to_database = "default", .to_collection = name, .into = into};
        ok(&v.s, some(&v, &options, &result));
        ok(&v.s, varve_collection_open(into, "default", name, &c, &v.s.err));
        assert_model(&v.moments[i].m, c);
        varve_collection_release(c);
    }
    ok(&v.s, varve_close(into, &v.s.err));
    assert_sound(path);
    voyage_end(&v);
}

/* ---- failures ------------------------------------------------------------------------------ */

typedef struct failing {
    uint64_t at, seen;
    bool hit;
} failing;

static remote_memory_action fail_one(void *arg, const remote_memory_request *r)
{
    failing *f = arg;
    if (r->done || f->seen++ != f->at) return REMOTE_MEMORY_GO;
    f->hit = true;
    return REMOTE_MEMORY_FAIL;
}

static void test_every_request_fails(void **state)
{
    (void)state;
    voyage v;
    restore_some_result result;
    failing fails = {.at = UINT64_MAX};
    size_t failed = 0;
    begin(&v, 40, NULL);
    voyage_close_repo(&v);
    v.hook = fail_one;
    v.hook_arg = &fails;
    const repo_options again = {.db_id = LOG_DB};
    v.remote = remote_open_memory(v.store, fail_one, &fails);
    ok(&v.s, repo_open(v.remote, &again, &v.repo, &v.s.err));
    for (uint64_t at = 0;; at++) {
        const restore_some_options options = {.to_collection = "was"};
        fails = (failing){.at = at};
        varve_status status = some(&v, &options, &result);
        bool there = varve_collection_exists(v.s.db, "default", "was");
        assert_int_equal(there, status == VARVE_OK);
        failed += status != VARVE_OK;
        if (there) ok(&v.s, varve_collection_drop(v.s.db, "default", "was", &v.s.err));
        if (!fails.hit) break;
    }
    assert_true(failed > 5);
    fails.at = UINT64_MAX;
    voyage_end(&v);
}

static bool always(void *arg)
{
    (void)arg;
    return true;
}

static void test_cancelled(void **state)
{
    (void)state;
    voyage v;
    restore_some_result result;
    begin(&v, 50, NULL);
    const restore_some_options options = {.to_collection = "was", .cancel = {always, NULL}};
    assert_int_equal(some(&v, &options, &result), VARVE_CANCELLED);
    assert_false(varve_collection_exists(v.s.db, "default", "was"));
    voyage_end(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_another_name),
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_others_are_not_fetched),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_rows_that_are_not_there),
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_every_request_fails),
        cmocka_unit_test(test_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
