/* test_db_model.c — thousands of random steps against a model, with seals, sessions that spill,
 * checkpoints, clean and unclean ends in between; after each reopen the folder must be what the
 * model says, and fsck must find it sound. */
#include "db_model.h"
#include "test_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void small_options(varve_options *o)
{
    varve_options_init(o);
    o->seal_rows = 64; /* so that a few steps reach every path */
    o->seal_rows_min = 8;
    o->session_memory_max = 2048;
    o->bulk_segment_bytes = 4096;
    o->row_buffer_bytes = 1 << 20;
    o->block_cache_bytes = 1 << 20;
}

static void open_folder(const char *path, varve **ret_db, varve_collection **ret_c)
{
    varve_options o;
    varve_error err = {0};
    small_options(&o);
    if (varve_open(path, &o, ret_db, &err) != VARVE_OK) fail_msg("open: %s", err.message);
    varve_status status = varve_collection_open(*ret_db, "default", "docs", ret_c, &err);
    if (status == VARVE_NOT_FOUND)
        status = varve_collection_create(*ret_db, "default", "docs", NULL, ret_c, &err);
    if (status != VARVE_OK) fail_msg("collection: %s", err.message);
}

static void check_sound(const char *path)
{
    varve_report *report = NULL;
    varve_error err = {0};
    if (varve_fsck(path, &report, &err) != VARVE_OK) fail_msg("fsck: %s", err.message);
    if (varve_report_count(report)) fail_msg("fsck: %s", varve_report_line(report, 0));
    varve_report_free(report);
}

static void run_seed(uint64_t seed, int rounds, int steps)
{
    test_dir dir;
    model m;
    test_dir_make(&dir);
    model_init(&m, seed);
    for (int round = 0; round < rounds; round++) {
        varve *db;
        varve_collection *c;
        char difference[256];
        open_folder(dir.path, &db, &c);
        if (!model_check(&m, c, difference, sizeof difference))
            fail_msg("seed %lu round %d: %s", seed, round, difference);
        for (int i = 0; i < steps; i++) {
            model_step s;
            varve_error err = {0};
            model_plan(&m, &s);
            varve_status expected = model_expect(&m, &s), status = model_do(&s, c, &err);
            if (status != expected)
                fail_msg("seed %lu round %d step %d op %d: %s expected, %s: %s", seed, round, i,
                         (int)s.op, varve_status_name(expected), varve_status_name(status),
                         err.message);
            if (status == VARVE_OK) model_apply(&m, &s);
            if (i % 16 == 0 && varve_collection_checkpoint(c, &err) != VARVE_OK)
                fail_msg("checkpoint: %s", err.message);
        }
        if (!model_check(&m, c, difference, sizeof difference))
            fail_msg("seed %lu round %d: %s", seed, round, difference);
        varve_collection_release(c);
        if (round % 2) {
            varve_abandon(db);
        } else {
            assert_int_equal(varve_close(db, NULL), VARVE_OK);
        }
        check_sound(dir.path);
    }
    test_dir_remove(&dir);
}

static void test_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++)
        run_seed(seed, 6, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
