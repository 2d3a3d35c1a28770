/* test_golden.c — golden searches and digests through the manifest and back: what was backed up is
 * what is compared with, and a restore of anything else is refused. */
#include "contents_fixture.h"

#include "golden.h"
#include "verify.h"

static void begin(fixture *f, size_t rows)
{
    fixture_init(f, NULL);
    fixture_add_rows(f, rows);
    fixture_open_repo(f);
}

static void test_in_the_manifest(void **state)
{
    (void)state;
    fixture f;
    manifest m;
    begin(&f, 150);
    backup_result made = contents_backup(&f, NULL);
    must(snapshots_load(f.repo, &made.snapshot, &m, err));
    assert_int_equal(m.collection_count, 1);
    const manifest_collection *c = &m.collections[0];
    assert_true(c->has_digest && c->has_schema);
    assert_int_equal(c->rows, 150);
    assert_int_equal(c->golden_count, GOLDEN_COUNT);
    for (size_t i = 0; i < c->golden_count; i++) {
        assert_int_equal(c->golden[i].k, GOLDEN_K);
        assert_int_equal(c->golden[i].count, GOLDEN_K);
        assert_int_equal(c->golden[i].dim, 8);
    }
    manifest_done(&m);
    (void)fixture_restore(&f, NULL);
    fixture_done(&f);
}

/* Few rows without an index are compared by their digest alone. */
static void test_who_has_some(void **state)
{
    (void)state;
    fixture f;
    contents all = {0};
    begin(&f, GOLDEN_ROWS_MIN);
    must(contents_read(f.folder, NULL, &all, err));
    assert_int_equal(all.count, 1);
    assert_true(all.items[0].has_digest);
    assert_int_equal(all.items[0].golden_count, 0);
    contents_done(&all);
    fixture_add_rows(&f, 1);
    must(contents_read(f.folder, NULL, &all, err));
    assert_int_equal(all.items[0].golden_count, GOLDEN_COUNT);
    contents_done(&all);
    const contents_options fewer = {.golden = 2};
    must(contents_read(f.folder, &fewer, &all, err));
    assert_int_equal(all.items[0].golden_count, 2);
    contents_done(&all);
    const contents_options none = {.no_digests = true};
    must(contents_read(f.folder, &none, &all, err));
    assert_int_equal(all.items[0].rows, GOLDEN_ROWS_MIN + 1);
    assert_false(all.items[0].has_digest || all.items[0].golden_count);
    contents_done(&all);
    fixture_done(&f);
}

/* ---- what is not so ------------------------------------------------------------------------ */

static void wrong_digest(manifest_collection *items, size_t count)
{
    (void)count;
    items[0].digest[31] ^= 1;
}

static void wrong_schema(manifest_collection *items, size_t count)
{
    (void)count;
    items[0].schema_sha256[0] ^= 1;
}

static manifest_golden *golden_of(manifest_collection *c, size_t i)
{
    return (manifest_golden *)(uintptr_t)&c->golden[i];
}

static void wrong_score(manifest_collection *items, size_t count)
{
    (void)count;
    float *scores = (float *)(uintptr_t)golden_of(&items[0], 0)->scores;
    scores[9] *= 1.0001F;
}

static void wrong_id(manifest_collection *items, size_t count)
{
    (void)count;
    varve_id *ids = (varve_id *)(uintptr_t)golden_of(&items[0], 0)->ids;
    ids[3].num = 100000;
}

static void too_few(manifest_collection *items, size_t count)
{
    (void)count;
    golden_of(&items[0], 0)->count--;
}

static void wrong_last(manifest_collection *items, size_t count) /* only all of them tell */
{
    (void)count;
    golden_of(&items[0], GOLDEN_COUNT - 1)->count--;
}

static verify_report verify_full(fixture *f)
{
    char scratch[600];
    verify_report report = {0};
    snprintf(scratch, sizeof scratch, "%s/scratch", f->dir.path);
    const verify_options options = {.level = VERIFY_FULL, .scratch = scratch};
    must(verify_run(f->repo, &options, &report, err));
    assert_false(file_exists(scratch));
    return report;
}

typedef struct wrong {
    void (*change)(manifest_collection *items, size_t count);
    const char *message;
    bool passes_restore; /* which plays one search only */
} wrong;

static void test_refused(void **state)
{
    (void)state;
    static const wrong wrongs[] = {
        {wrong_digest, "default/docs: its rows", false},
        {wrong_schema, "default/docs: its settings", false},
        {wrong_score, "another score", false},
        {wrong_id, "another row", false},
        {too_few, "10 rows, not 9", false},
        {wrong_last, "golden search 4", true},
    };
    for (size_t i = 0; i < VV_COUNT(wrongs); i++) {
        fixture f;
        varve_error refused = {0};
        restore_result result;
        begin(&f, 150);
        (void)contents_backup(&f, wrongs[i].change);
        const restore_options options = {.folder = f.target};
        varve_status status = restore_run(f.repo, &options, &result, &refused);
        assert_int_equal(status, wrongs[i].passes_restore ? VARVE_OK : VARVE_CORRUPT);
        assert_int_equal(file_exists(f.target), wrongs[i].passes_restore);
        if (status != VARVE_OK) assert_contains(refused.message, wrongs[i].message);
        verify_report report = verify_full(&f);
        assert_int_equal(report.count, 1);
        assert_contains(report.findings[0], wrongs[i].message);
        verify_report_done(&report);
        fixture_done(&f);
    }
}

/* Somebody changes one row of the restored folder: digest and searches tell. */
static void test_changed_row(void **state)
{
    (void)state;
    fixture f;
    manifest m;
    varve *db = NULL;
    varve_collection *c = NULL;
    contents_checked checked;
    varve_error found = {0};
    begin(&f, 150);
    backup_result made = contents_backup(&f, NULL);
    must(snapshots_load(f.repo, &made.snapshot, &m, err));
    const contents_check_options all = {.golden_max = SIZE_MAX};
    must(contents_check(f.folder, &m, &all, &checked, err));
    assert_int_equal(checked.digests, 1);
    assert_int_equal(checked.golden, GOLDEN_COUNT);
    assert_int_equal(checked.rows, 150);
    must(varve_open(f.folder, NULL, &db, err));
    must(varve_collection_open(db, "default", "docs", &c, err));
    must(golden_check(c, m.collections[0].golden, m.collections[0].golden_count, err));
    const varve_id id = m.collections[0].golden[0].ids[2];
    float vector[8] = {1000};
    const varve_rows rows = {.count = 1, .dim = 8, .ids = &id, .vectors = vector};
    must(varve_upsert(c, &rows, NULL, NULL, err));
    assert_status(golden_check(c, m.collections[0].golden, 1, &found), VARVE_CORRUPT);
    varve_collection_release(c);
    must(varve_close(db, err));
    assert_status(contents_check(f.folder, &m, &all, &checked, &found), VARVE_CORRUPT);
    assert_contains(found.message, "digest");
    manifest_done(&m);
    fixture_done(&f);
}

/* ---- of every type and metric -------------------------------------------------------------- */

static void fill_typed(varve_collection *c, varve_dtype type, random_state *random)
{
    for (uint64_t i = 0; i < 40; i++) {
        float vector[2]; /* two dimensions: all that haversine takes */
        const varve_rows rows = {
            .count = 1, .dim = 2, .ids_from_first = true, .first_id = i, .vectors = vector};
        for (size_t d = 0; d < 2; d++) {
            uint64_t n = random_u64(random) % 80;
            vector[d] = type == VARVE_BINARY ? (float)(n % 2) : (float)n;
            if (type == VARVE_FLOAT32 || type == VARVE_FLOAT16) vector[d] += 0.25F;
        }
        must(varve_insert(c, &rows, NULL, NULL, err));
    }
}

static bool make_typed(varve *db, const char *name, varve_dtype type, const char *word,
                       random_state *random)
{
    char mode[64];
    varve_collection *c = NULL;
    snprintf(mode, sizeof mode, "FLAT-%s", word);
    const varve_collection_spec spec = {.dim = 2, .dtype = type, .index_mode = mode};
    if (varve_collection_create(db, "default", name, &spec, &c, NULL) != VARVE_OK) return false;
    fill_typed(c, type, random);
    varve_collection_release(c);
    return true;
}

static void test_types(void **state)
{
    static const char *const words[] = {
#define X(NAME, name, word, larger) word,
        VARVE_METRIC_TABLE(X)
#undef X
    };
    fixture f;
    varve *db = NULL;
    varve_collection *empty = NULL;
    contents all = {0};
    contents_checked checked;
    size_t made = 0;
    (void)state;
    fixture_init(&f, NULL);
    must(varve_open(f.folder, NULL, &db, err));
    must(varve_collection_create(db, "default", "empty", NULL, &empty, err));
    varve_collection_release(empty);
    for (size_t type = 0; type < VARVE_DTYPE_COUNT; type++) {
        for (size_t metric = 0; metric < VARVE_METRIC_COUNT; metric++) {
            char name[32];
            snprintf(name, sizeof name, "c-%zu-%zu", type, metric);
            made += make_typed(db, name, (varve_dtype)type, words[metric], &f.random);
        }
    }
    assert_true(made >= VARVE_METRIC_COUNT);
    must(varve_close(db, err));
    must(contents_read(f.folder, NULL, &all, err));
    assert_int_equal(all.count, made + 1);
    manifest m = {.collections = all.items, .collection_count = all.count};
    const contents_check_options options = {.golden_max = SIZE_MAX};
    must(contents_check(f.folder, &m, &options, &checked, err));
    assert_int_equal(checked.digests, made + 1);
    assert_int_equal(checked.golden, made * GOLDEN_COUNT);
    contents_done(&all);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_the_manifest), cmocka_unit_test(test_who_has_some),
        cmocka_unit_test(test_refused),         cmocka_unit_test(test_changed_row),
        cmocka_unit_test(test_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
