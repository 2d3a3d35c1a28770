/* snapshot_fixture.h — a folder under random work (db_model.h), and copies of it beside it, for the
 * tests of checkpoints, copies and the log. */
#ifndef TEST_SNAPSHOT_FIXTURE_H
#define TEST_SNAPSHOT_FIXTURE_H

#include "db_model.h"
#include "test_dir.h"
#include "varve_snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

typedef struct scene {
    test_dir dir; /* the folder is "<dir>/a" */
    char path[320];
    varve_options options;
    varve *db;
    varve_collection *c; /* "docs" */
    model m;
    varve_error err;
} scene;

static inline void ok(scene *s, varve_status status)
{
    if (status != VARVE_OK) fail_msg("%s: %s", varve_status_name(status), s->err.message);
}

/* As the model is at the moment of a copy. */
static inline const char *beside(scene *s, const char *name, char ret[320])
{
    snprintf(ret, 320, "%s/%s", s->dir.path, name);
    return ret;
}

static inline void scene_open(scene *s)
{
    ok(s, varve_open(s->path, &s->options, &s->db, &s->err));
    varve_status status = varve_collection_open(s->db, "default", "docs", &s->c, &s->err);
    if (status == VARVE_NOT_FOUND)
        status = varve_collection_create(s->db, "default", "docs", NULL, &s->c, &s->err);
    ok(s, status);
}

static inline void scene_begin(scene *s, uint64_t seed)
{
    memset(s, 0, sizeof *s);
    test_dir_make(&s->dir);
    snprintf(s->path, sizeof s->path, "%s/a", s->dir.path);
    varve_options_init(&s->options);
    s->options.seal_rows = 64; /* so that a few steps reach every path */
    s->options.seal_rows_min = 8;
    s->options.session_memory_max = 2048;
    s->options.bulk_segment_bytes = 4096;
    s->options.row_buffer_bytes = 1 << 20;
    s->options.block_cache_bytes = 1 << 20;
    s->options.search_threads = 1;
    model_init(&s->m, seed);
    scene_open(s);
}

static inline void scene_close(scene *s, bool clean)
{
    varve_collection_release(s->c);
    s->c = NULL;
    if (clean)
        ok(s, varve_close(s->db, &s->err));
    else
        varve_abandon(s->db);
    s->db = NULL;
}

static inline void scene_end(scene *s)
{
    if (s->db) scene_close(s, true);
    test_dir_remove(&s->dir);
}

static inline void scene_steps(scene *s, int steps)
{
    for (int i = 0; i < steps; i++) {
        model_step step;
        model_plan(&s->m, &step);
        varve_status expected = model_expect(&s->m, &step), status = model_do(&step, s->c, &s->err);
        if (status != expected)
            fail_msg("step %d op %d: %s expected, %s: %s", i, (int)step.op,
                     varve_status_name(expected), varve_status_name(status), s->err.message);
        if (status == VARVE_OK) model_apply(&s->m, &step);
        if (i % 16 == 0) ok(s, varve_collection_checkpoint(s->c, &s->err));
    }
}

static inline void assert_model(const model *m, varve_collection *c)
{
    char difference[256];
    if (!model_check(m, c, difference, sizeof difference)) fail_msg("%s", difference);
}

static inline void assert_sound(const char *path)
{
    varve_report *report = NULL;
    varve_error err = {0};
    if (varve_fsck(path, &report, &err) != VARVE_OK) fail_msg("fsck: %s", err.message);
    if (varve_report_count(report)) fail_msg("fsck of %s: %s", path, varve_report_line(report, 0));
    varve_report_free(report);
}

/* The folder holds what the model says, sound, opened for reading or for writing. */
static inline void assert_folder_as(scene *s, const char *path, const model *m, bool read_only,
                                    const char *database, const char *collection)
{
    varve *db = NULL;
    varve_collection *c = NULL;
    varve_options o = s->options;
    o.read_only = read_only;
    assert_sound(path);
    ok(s, varve_open(path, &o, &db, &s->err));
    ok(s, varve_collection_open(db, database, collection, &c, &s->err));
    assert_model(m, c);
    varve_collection_release(c);
    ok(s, varve_close(db, &s->err));
    assert_sound(path);
}

static inline void assert_folder(scene *s, const char *path, const model *m, bool read_only)
{
    assert_folder_as(s, path, m, read_only, "default", "docs");
}

/* Names in the folder's directory, but for the folder itself. */
static inline size_t others_beside(scene *s)
{
    file_names n = {0};
    ok(s, file_list(s->dir.path, &n, &s->err));
    size_t count = n.count - 1;
    file_names_free(&n);
    return count;
}

#endif
