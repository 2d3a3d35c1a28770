/* test_copy.c — varve_copy: clones, copies out and back, what is kept, what is replaced, and that a
 * copy which fails leaves nothing. */
#include "snapshot_fixture.h"

#include "base/fault.h"
#include "db/db.h"
#include "varve_compaction.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

static varve_copy_item item(const char *from, const char *database, const char *to)
{
    return (varve_copy_item){.from_database = "default",
                             .from_collection = from,
                             .to_database = database,
                             .to_collection = to};
}

static varve_collection *opened(scene *s, varve *db, const char *database, const char *name)
{
    varve_collection *c = NULL;
    ok(s, varve_collection_open(db, database, name, &c, &s->err));
    return c;
}

/* n more steps of the model on a collection. */
static void go_on(scene *s, varve_collection *c, model *m, int steps)
{
    scene other = *s;
    other.c = c;
    other.m = *m;
    scene_steps(&other, steps);
    *m = other.m;
    assert_model(m, c);
}

/* ---- within a folder */

static void test_clone(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        scene s;
        varve_copy_info info;
        const varve_copy_item items[] = {item("docs", NULL, "twin"), item("docs", "else", NULL)};
        scene_begin(&s, seed);
        scene_steps(&s, 40);
        ok(&s, varve_copy(s.db, items, 2, s.db, NULL, &info, &s.err));
        assert_int_equal(info.collections, 2);
        assert_true(info.rows > 0 && info.segments > 0 && info.bytes_linked > 0);
        model twin_model = s.m, other_model = s.m;
        varve_collection *twin = opened(&s, s.db, "default", "twin");
        varve_collection *other = opened(&s, s.db, "else", "docs");
        assert_model(&s.m, twin);
        assert_model(&s.m, other);
        go_on(&s, twin, &twin_model, 25);
        go_on(&s, s.c, &s.m, 25);
        assert_model(&other_model, other);
        ok(&s, varve_collection_drop(s.db, "default", "docs", &s.err));
        assert_model(&twin_model, twin);
        varve_collection_release(twin);
        varve_collection_release(other);
        scene_close(&s, seed % 2);
        assert_folder_as(&s, s.path, &twin_model, true, "default", "twin");
        assert_folder_as(&s, s.path, &other_model, false, "else", "docs");
        scene_end(&s);
    }
}

/* Segments that were born elsewhere are merged and indexed as any. */
static void test_clone_compacted(void **state)
{
    scene s;
    const varve_copy_item one = item("docs", NULL, "twin");
    const varve_compact_options keep = {.keep_deleted = true};
    varve_compact_report report;
    (void)state;
    scene_begin(&s, 12);
    scene_close(&s, true);
    s.options.compactor_path = COMPACTOR_PATH;
    s.options.index_rows_min = 32;
    scene_open(&s);
    scene_steps(&s, 40);
    ok(&s, varve_copy(s.db, &one, 1, s.db, NULL, NULL, &s.err));
    varve_collection *twin = opened(&s, s.db, "default", "twin");
    model twin_model = s.m;
    ok(&s, varve_index_build(twin, "HNSW-IP", NULL, false, &s.err));
    assert_model(&twin_model, twin);
    ok(&s, varve_compact(twin, &keep, &report, &s.err));
    go_on(&s, twin, &twin_model, 20);
    ok(&s, varve_compact(twin, &keep, NULL, &s.err));
    const varve_copy_item again = item("twin", NULL, "third"); /* a copy of a copy, with indexes */
    ok(&s, varve_copy(s.db, &again, 1, s.db, NULL, NULL, &s.err));
    assert_model(&twin_model, twin);
    assert_model(&s.m, s.c);
    varve_collection_release(twin);
    scene_close(&s, true);
    assert_folder_as(&s, s.path, &twin_model, true, "default", "twin");
    assert_folder_as(&s, s.path, &twin_model, false, "default", "third");
    scene_end(&s);
}

/* ---- into another folder, and back */

static varve *open_other(scene *s, const char *path, bool read_only)
{
    varve *db = NULL;
    varve_options o = s->options;
    o.read_only = read_only;
    ok(s, varve_open(path, &o, &db, &s->err));
    return db;
}

static void test_out_and_back(void **state)
{
    scene s;
    char out[320], snapshot[320];
    varve_copy_info info;
    const varve_copy_item there = item("docs", "kept", "docs");
    const varve_copy_item back = {"kept", "docs", "default", "docs"};
    const varve_copy_options replace = {.overwrite = true};
    (void)state;
    scene_begin(&s, 31);
    scene_steps(&s, 50);
    model then = s.m;
    varve *db = open_other(&s, beside(&s, "out", out), false);
    ok(&s, varve_copy(s.db, &there, 1, db, NULL, &info, &s.err));
    assert_true(info.bytes_linked > 0);
    ok(&s, varve_close(db, &s.err));
    assert_folder_as(&s, out, &then, true, "kept", "docs");
    scene_steps(&s, 30);
    db = open_other(&s, out, true);
    assert_int_equal(varve_copy(db, &back, 1, s.db, NULL, &info, &s.err), VARVE_EXISTS);
    assert_model(&s.m, s.c);
    varve_rowset *rows = NULL; /* a reader of what is replaced ends undisturbed */
    ok(&s, varve_head(s.c, 10, VARVE_WITH_VECTORS, &rows, &s.err));
    ok(&s, varve_copy(db, &back, 1, s.db, &replace, &info, &s.err));
    varve_rowset_free(rows);
    ok(&s, varve_close(db, &s.err));
    assert_int_equal(varve_collection_checkpoint(s.c, &s.err), VARVE_NOT_FOUND);
    varve_collection_release(s.c);
    s.c = opened(&s, s.db, "default", "docs");
    s.m = then;
    assert_model(&s.m, s.c);
    scene_steps(&s, 20);
    ok(&s, varve_checkpoint_to(s.db, beside(&s, "snap", snapshot), NULL, &s.err));
    assert_folder(&s, snapshot, &s.m, false);
    scene_close(&s, true);
    assert_folder(&s, s.path, &s.m, false);
    scene_end(&s);
}

/* To another file system, where there is one: bytes are copied, and read again. */
static void test_far(void **state)
{
    scene s;
    char template[] = "/var/tmp/varve-test-XXXXXX";
    struct stat here, there;
    varve_copy_info info;
    const varve_copy_item one = item("docs", NULL, NULL);
    (void)state;
    scene_begin(&s, 32);
    scene_steps(&s, 50);
    assert_non_null(mkdtemp(template));
    assert_int_equal(stat(s.path, &here), 0);
    assert_int_equal(stat(template, &there), 0);
    varve *db = open_other(&s, template, false);
    ok(&s, varve_copy(s.db, &one, 1, db, NULL, &info, &s.err));
    if (here.st_dev != there.st_dev) assert_int_equal(info.bytes_linked, 0);
    if (here.st_dev == there.st_dev) assert_true(info.bytes_linked > 0);
    assert_true(info.bytes_copied > 0);
    ok(&s, varve_close(db, &s.err));
    assert_folder(&s, template, &s.m, false);
    ok(&s, file_remove_tree(template, &s.err));
    scene_end(&s);
}

/* ---- what is kept */

static void test_settings_kept(void **state)
{
    scene s;
    char text[64];
    varve_collection_stats stats;
    varve_field_info field;
    varve_index_params params = {0}, kept;
    varve_receipt receipt;
    static float vectors[300 * 8];
    varve_collection *c = NULL, *twin;
    const varve_copy_item one = item("kind", NULL, "twin");
    const varve_collection_spec spec = {
        .dim = 8, .dtype = VARVE_FLOAT16, .index_mode = "HNSW-L2", .description = "words"};
    const varve_field_spec named = {.kind = VARVE_FIELD_DENSE,
                                    .dim = 3,
                                    .metric = VARVE_METRIC_COSINE,
                                    .index_mode = "FLAT-COS"};
    (void)state;
    scene_begin(&s, 1);
    ok(&s, varve_collection_create(s.db, "default", "kind", &spec, &c, &s.err));
    ok(&s, varve_field_create(c, "title", &named, &s.err));
    params.m = 24;
    ok(&s, varve_field_index_set(c, "default", "HNSW-L2", &params, &s.err));
    varve_rows rows = {.count = 300, .dim = 8, .vectors = vectors};
    ok(&s, varve_insert(c, &rows, NULL, &receipt, &s.err));
    uint64_t next = receipt.first_id + 300;
    ok(&s, varve_copy(s.db, &one, 1, s.db, NULL, NULL, &s.err));
    twin = opened(&s, s.db, "default", "twin");
    ok(&s, varve_collection_get_stats(twin, &stats, &s.err));
    assert_int_equal(stats.rows_live, 300);
    assert_int_equal(stats.max_ordinal, 299);
    assert_int_equal(stats.dtype, VARVE_FLOAT16);
    assert_string_equal(stats.index_mode, "HNSW-L2");
    ok(&s, varve_collection_get_description(twin, text, sizeof text, &s.err));
    assert_string_equal(text, "words");
    ok(&s, varve_index_get_params(twin, &kept, &s.err));
    assert_int_equal(kept.m, 24);
    ok(&s, varve_field_get(twin, 1, &field, &s.err));
    assert_string_equal(field.name, "title");
    assert_int_equal(field.metric, VARVE_METRIC_COSINE);
    rows.count = 1;
    ok(&s, varve_insert(twin, &rows, NULL, &receipt, &s.err));
    assert_int_equal(receipt.first_id, next);
    varve_collection_release(twin);
    varve_collection_release(c);
    scene_close(&s, true);
    assert_sound(s.path);
    scene_open(&s);
    scene_end(&s);
}

/* ---- refusals */

static size_t folders_of(scene *s)
{
    char path[DB_PATH_MAX];
    file_names n = {0};
    ok(s, db_path(s->db, "segments", path, &s->err));
    ok(s, file_list(path, &n, &s->err));
    size_t count = n.count;
    file_names_free(&n);
    return count;
}

typedef struct asked {
    int left;
} asked;

static bool give_up(void *arg)
{
    asked *a = arg;
    return a->left-- == 0;
}

static void test_refusals(void **state)
{
    scene s;
    const varve_copy_item missing = item("none", NULL, "x"),
                          same[] = {item("docs", NULL, "x"), item("docs", NULL, "x")};
    const varve_copy_item bad = item("docs", NULL, "a/b"),
                          two[] = {item("docs", NULL, "y"), missing};
    (void)state;
    scene_begin(&s, 8);
    scene_steps(&s, 40);
    ok(&s, varve_checkpoint(s.db, &s.err));
    size_t folders = folders_of(&s);
    assert_int_equal(varve_copy(s.db, &missing, 1, s.db, NULL, NULL, &s.err), VARVE_NOT_FOUND);
    assert_int_equal(varve_copy(s.db, same, 2, s.db, NULL, NULL, &s.err), VARVE_INVALID);
    assert_int_equal(varve_copy(s.db, &bad, 1, s.db, NULL, NULL, &s.err), VARVE_INVALID);
    assert_int_equal(varve_copy(s.db, two, 2, s.db, NULL, NULL, &s.err), VARVE_NOT_FOUND);
    assert_false(varve_collection_exists(s.db, "default", "y"));
    ok(&s, varve_copy(s.db, NULL, 0, s.db, NULL, NULL, &s.err));
    bool cancelled = true;
    int calls = 0;
    for (; cancelled; calls++) {
        asked a = {.left = calls};
        const varve_copy_options options = {.cancelled = give_up, .arg = &a};
        varve_status status = varve_copy(s.db, same, 1, s.db, &options, NULL, &s.err);
        cancelled = status == VARVE_CANCELLED;
        if (!cancelled) ok(&s, status);
        assert_int_equal(varve_collection_exists(s.db, "default", "x"), !cancelled);
        if (cancelled) assert_int_equal(folders_of(&s), folders);
    }
    assert_true(calls > 5);
    assert_true(folders_of(&s) > folders);
    scene_close(&s, true);
    assert_sound(s.path);
    assert_folder_as(&s, s.path, &s.m, false, "default", "x");
    scene_open(&s);
    scene_end(&s);
}

/* ---- a whole database */

static size_t collections_of(scene *s, const char *database)
{
    varve_names *names = NULL;
    ok(s, varve_collection_list(s->db, database, &names, &s->err));
    size_t count = varve_names_count(names);
    varve_names_free(names);
    return count;
}

/* "whole" has docs, more and other, with rows and fields. */
static void make_whole(scene *s)
{
    static const char *const names[] = {"docs", "more", "other"};
    for (size_t i = 0; i < 3; i++) {
        const varve_copy_item one = item("docs", "whole", names[i]);
        ok(s, varve_copy(s->db, &one, 1, s->db, NULL, NULL, &s->err));
    }
}

static void test_whole(void **state)
{
    scene s;
    const varve_copy_item one = item("docs", "whole", "docs");
    varve_copy_options options = {.whole_database = "whole"};
    (void)state;
    scene_begin(&s, 21);
    scene_steps(&s, 40);
    make_whole(&s);
    assert_int_equal(varve_copy(s.db, &one, 1, s.db, &options, NULL, &s.err), VARVE_EXISTS);
    assert_int_equal(varve_copy(s.db, NULL, 0, s.db, &options, NULL, &s.err), VARVE_EXISTS);
    assert_int_equal(collections_of(&s, "whole"), 3);
    options.overwrite = true;
    scene_steps(&s, 10);
    ok(&s, varve_copy(s.db, &one, 1, s.db, &options, NULL, &s.err));
    assert_int_equal(collections_of(&s, "whole"), 1);
    assert_int_equal(collections_of(&s, "default"), 1);
    varve_collection *c = opened(&s, s.db, "whole", "docs");
    assert_model(&s.m, c);
    varve_collection_release(c);
    ok(&s, varve_copy(s.db, NULL, 0, s.db, &options, NULL, &s.err)); /* nothing is in it */
    assert_int_equal(collections_of(&s, "whole"), 0);
    options.whole_database = "new";
    ok(&s, varve_copy(s.db, NULL, 0, s.db, &options, NULL, &s.err));
    assert_true(varve_database_exists(s.db, "new"));
    options.whole_database = "a/b";
    assert_int_equal(varve_copy(s.db, NULL, 0, s.db, &options, NULL, &s.err), VARVE_INVALID);
    scene_close(&s, true);
    assert_sound(s.path);
    scene_open(&s);
    assert_model(&s.m, s.c);
    assert_true(varve_database_exists(s.db, "new"));
    assert_int_equal(collections_of(&s, "whole"), 0);
    scene_end(&s);
}

/* Whatever fails, the database is the old one or the new one. */
static void test_whole_in_one_step(void **state)
{
    scene s;
    const varve_copy_item one = item("docs", "whole", "docs");
    const varve_copy_options options = {.overwrite = true, .whole_database = "whole"};
    bool hit = true;
    (void)state;
    scene_begin(&s, 22);
    scene_steps(&s, 20);
    make_whole(&s);
    for (uint64_t nth = 1; hit; nth++) {
        fault_arm(NULL, nth, VV_FAULT_EIO);
        varve_status status = varve_copy(s.db, &one, 1, s.db, &options, NULL, &s.err);
        hit = fault_was_hit();
        fault_disarm();
        scene_close(&s, false);
        scene_open(&s);
        size_t left = collections_of(&s, "whole");
        assert_true(left == 1 || left == 3);
        if (status == VARVE_OK) assert_int_equal(left, 1);
        if (left == 1 && hit) { /* back to three */
            ok(&s, varve_database_drop(s.db, "whole", &s.err));
            make_whole(&s);
        }
    }
    assert_model(&s.m, s.c);
    scene_end(&s);
}

/* ---- beside writers: rows and fields of one moment */

typedef struct writer {
    varve_collection *c;
    atomic_bool stop;
} writer;

/* Rows come by tens; each batch is one commit. */
static void *write_tens(void *arg)
{
    writer *w = arg;
    static float vectors[10 * MODEL_DIM];
    varve_rows rows = {.count = 10, .dim = MODEL_DIM, .vectors = vectors};
    varve_error err;
    while (!atomic_load(&w->stop))
        if (varve_insert(w->c, &rows, NULL, NULL, &err) != VARVE_OK) abort();
    return NULL;
}

static void test_beside_writers(void **state)
{
    scene s;
    pthread_t thread;
    varve_copy_info info;
    const varve_copy_item one = item("docs", NULL, "twin");
    const varve_copy_options replace = {.overwrite = true};
    (void)state;
    scene_begin(&s, 1);
    writer w = {.c = s.c};
    assert_int_equal(pthread_create(&thread, NULL, write_tens, &w), 0);
    uint64_t before = 0;
    for (int i = 0; i < 20; i++) {
        varve_collection_stats stats;
        ok(&s, varve_copy(s.db, &one, 1, s.db, &replace, &info, &s.err));
        varve_collection *twin = opened(&s, s.db, "default", "twin");
        ok(&s, varve_collection_get_stats(twin, &stats, &s.err));
        assert_int_equal(stats.rows_live % 10, 0);
        assert_int_equal(stats.rows_live, info.rows);
        assert_true(stats.rows_live >= before);
        before = stats.rows_live;
        varve_collection_release(twin);
    }
    atomic_store(&w.stop, true);
    pthread_join(thread, NULL);
    varve_folder_stats folder, again;
    ok(&s, varve_checkpoint(s.db, &s.err));
    varve_stats(s.db, &folder);
    scene_close(&s, true);
    assert_sound(s.path);
    scene_open(&s);
    varve_stats(s.db, &again);
    assert_int_equal(folder.segments, again.segments); /* the totals were kept right */
    assert_int_equal(folder.segment_bytes, again.segment_bytes);
    scene_end(&s);
}

#ifdef VARVE_FAULTS
/* ---- every failure */

static bool fail_at(scene *s, uint64_t nth, fault_kind kind, bool overwrite, const model *old)
{
    const varve_copy_item one = item("docs", NULL, "twin");
    const varve_copy_options options = {.overwrite = overwrite};
    fault_arm(NULL, nth, kind);
    varve_status status = varve_copy(s->db, &one, 1, s->db, &options, NULL, &s->err);
    bool hit = fault_was_hit();
    fault_disarm();
    scene_close(s, false);
    assert_sound(s->path);
    scene_open(s);
    bool there = varve_collection_exists(s->db, "default", "twin");
    if (status == VARVE_OK) assert_true(there);
    if (there) {
        varve_collection *twin = opened(s, s->db, "default", "twin");
        char difference[256];
        bool copied = model_check(&s->m, twin, difference, sizeof difference);
        if (status == VARVE_OK || !overwrite) assert_true(copied);
        if (!copied) assert_model(old, twin);
        varve_collection_release(twin);
    }
    assert_model(&s->m, s->c);
    ok(s,
       varve_copy(s->db, &one, 1, s->db, &(varve_copy_options){.overwrite = true}, NULL, &s->err));
    if (!overwrite) ok(s, varve_collection_drop(s->db, "default", "twin", &s->err));
    return hit;
}

static void walk_failures(bool overwrite)
{
    static const fault_kind kinds[] = {VV_FAULT_EIO, VV_FAULT_ENOSPC};
    scene s;
    scene_begin(&s, 9);
    scene_steps(&s, 10);
    model old = s.m;
    const varve_copy_item one = item("docs", NULL, "twin");
    if (overwrite) ok(&s, varve_copy(s.db, &one, 1, s.db, NULL, NULL, &s.err));
    scene_steps(&s, 4);
    for (size_t k = 0; k < VV_COUNT(kinds); k++) {
        uint64_t nth = 1;
        for (; fail_at(&s, nth, kinds[k], overwrite, &old); nth += 1 + k * 4)
            assert_true(nth < 1000);
        assert_true(nth > 20);
    }
    ok(&s, varve_checkpoint(s.db, &s.err));
    scene_close(&s, true);
    assert_sound(s.path);
    scene_open(&s);
    assert_true(folders_of(&s) <= 8);
    scene_end(&s);
}

static void test_failures(void **state)
{
    (void)state;
    walk_failures(false);
    walk_failures(true);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clone),          cmocka_unit_test(test_clone_compacted),
        cmocka_unit_test(test_out_and_back),   cmocka_unit_test(test_far),
        cmocka_unit_test(test_settings_kept),  cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_whole),          cmocka_unit_test(test_whole_in_one_step),
        cmocka_unit_test(test_beside_writers),
#ifdef VARVE_FAULTS
        cmocka_unit_test(test_failures),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
