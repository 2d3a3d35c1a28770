/* db_fixture.h — a folder with one collection of random rows, for tests that look inside: sources,
 * index files, jobs. Vectors are a function of id and version, so that any mix-up shows. */
#ifndef TEST_DB_FIXTURE_H
#define TEST_DB_FIXTURE_H

#include "db/db.h"
#include "db/indexes.h"

#include "base/random.h"
#include "test_dir.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DB_DIM 8

typedef struct db_fixture {
    test_dir dir;
    varve_options options;
    varve *db;
    varve_collection *c;
    varve_error err;
} db_fixture;

static inline void db_ok(db_fixture *f, varve_status status)
{
    if (status != VARVE_OK) fail_msg("%s: %s", varve_status_name(status), f->err.message);
}

static inline void db_open_again(db_fixture *f)
{
    db_ok(f, varve_open(f->dir.path, &f->options, &f->db, &f->err));
    db_ok(f, varve_collection_open(f->db, "default", "c", &f->c, &f->err));
    db_ok(f, collection_ready(f->c, &f->err));
}

static inline void db_close(db_fixture *f, bool clean)
{
    varve_collection_release(f->c);
    f->c = NULL;
    if (clean) {
        db_ok(f, varve_close(f->db, &f->err));
    } else {
        varve_abandon(f->db);
    }
    f->db = NULL;
}

static inline void db_reopen(db_fixture *f, bool clean)
{
    db_close(f, clean);
    db_open_again(f);
}

static inline void db_begin(db_fixture *f, const char *mode, varve_dtype dtype)
{
    test_dir_make(&f->dir);
    varve_collection_spec spec = {.dim = DB_DIM, .dtype = dtype, .index_mode = mode};
    db_ok(f, varve_open(f->dir.path, &f->options, &f->db, &f->err));
    db_ok(f, varve_collection_create(f->db, "default", "c", &spec, &f->c, &f->err));
    db_ok(f, collection_ready(f->c, &f->err));
}

static inline void db_options(db_fixture *f)
{
    varve_options_init(&f->options);
    f->options.seal_rows_min = 1;
    f->options.search_threads = 1;
    f->options.row_buffer_bytes = 4 << 20;
    f->options.block_cache_bytes = 4 << 20;
}

static inline void db_end(db_fixture *f)
{
    if (f->db) db_close(f, true);
    test_dir_remove(&f->dir);
}

static inline void db_vector(uint64_t id, uint32_t version, float ret[DB_DIM])
{
    random_state r;
    random_seed(&r, id * 1000003 + version);
    for (size_t i = 0; i < DB_DIM; i++)
        ret[i] = (float)(int)random_below(&r, 200) - 100;
}

/* Rows with ids [first, first + n), all of this version. */
static inline void db_put(db_fixture *f, uint64_t first, size_t n, uint32_t version)
{
    float *vectors = malloc(n * DB_DIM * sizeof *vectors);
    varve_id *ids = malloc(n * sizeof *ids);
    for (size_t i = 0; i < n; i++) {
        ids[i] = (varve_id){.kind = VARVE_ID_NUM, .num = first + i};
        db_vector(first + i, version, vectors + i * DB_DIM);
    }
    varve_rows rows = {.count = n, .dim = DB_DIM, .ids = ids, .vectors = vectors};
    db_ok(f, varve_upsert(f->c, &rows, NULL, NULL, &f->err));
    free(vectors);
    free(ids);
}

/* … and sealed into one segment. */
static inline void db_seal(db_fixture *f) { db_ok(f, varve_collection_checkpoint(f->c, &f->err)); }

/* What is in memory becomes a segment, few rows as it may have. */
static inline void db_seal_now(db_fixture *f)
{
    pthread_mutex_lock(&f->db->writer_lock);
    collection_freeze(f->c);
    pthread_mutex_unlock(&f->db->writer_lock);
    db_ok(f, seal_collection(f->c, &f->err));
}

/* n rows from first on, in a segment of their own. */
static inline void db_put_segment(db_fixture *f, uint64_t first, size_t n, uint32_t version)
{
    db_put(f, first, n, version);
    db_seal_now(f);
}

static inline void db_delete(db_fixture *f, uint64_t first, size_t n, uint64_t step)
{
    varve_id *ids = malloc(n * sizeof *ids);
    for (size_t i = 0; i < n; i++)
        ids[i] = (varve_id){.kind = VARVE_ID_NUM, .num = first + i * step};
    db_ok(f, varve_delete(f->c, ids, n, NULL, NULL, &f->err));
    free(ids);
}

static inline void db_restore(db_fixture *f, uint64_t first, size_t n, uint64_t step,
                              uint64_t expected)
{
    varve_receipt receipt;
    varve_id *ids = malloc(n * sizeof *ids);
    for (size_t i = 0; i < n; i++)
        ids[i] = (varve_id){.kind = VARVE_ID_NUM, .num = first + i * step};
    db_ok(f, varve_restore(f->c, ids, n, NULL, &receipt, &f->err));
    assert_int_equal(receipt.rows_changed, expected);
    free(ids);
}

/* The row is there, live, and of this version. */
static inline void db_assert_row(db_fixture *f, uint64_t id, uint32_t version)
{
    varve_rowset *rows = NULL;
    float expected[DB_DIM];
    varve_id one = {.kind = VARVE_ID_NUM, .num = id};
    db_ok(f, varve_get(f->c, &one, 1, VARVE_WITH_VECTORS, true, &rows, &f->err));
    db_vector(id, version, expected);
    if (memcmp(varve_rowset_vector(rows, 0), expected, sizeof expected) != 0)
        fail_msg("row %lu is not of version %u", id, version);
    varve_rowset_free(rows);
}

static inline void db_assert_counts(db_fixture *f, uint64_t live, uint64_t deleted)
{
    varve_collection_stats s;
    db_ok(f, varve_collection_get_stats(f->c, &s, &f->err));
    assert_int_equal(s.rows_live, live);
    assert_int_equal(s.rows_deleted, deleted);
}

static inline varve_row_state db_state(db_fixture *f, uint64_t id)
{
    varve_row_state state;
    varve_id one = {.kind = VARVE_ID_NUM, .num = id};
    db_ok(f, varve_exists(f->c, one, &state, &f->err));
    return state;
}

/* The nearest row to the vector of (id, version) is that row. */
static inline void db_assert_found(db_fixture *f, uint64_t id, uint32_t version)
{
    float q[DB_DIM];
    varve_hits *hits = NULL;
    db_vector(id, version, q);
    varve_search_request request = {.vectors = q, .count = 1, .dim = DB_DIM, .k = 1};
    request.metric_given = true;
    request.metric = VARVE_METRIC_L2;
    db_ok(f, varve_search(f->c, &request, &hits, &f->err));
    assert_int_equal(varve_hits_count(hits, 0), 1);
    assert_true(varve_hits_score(hits, 0, 0) == 0);
    assert_int_equal(varve_hits_id(hits, 0, 0).num, id);
    varve_hits_free(hits);
}

/* Files of the collection's folder that end so. */
static inline size_t db_files(db_fixture *f, const char *suffix)
{
    char path[DB_PATH_MAX];
    file_names names = {0};
    size_t n = 0;
    db_ok(f, varve_collection_get_path(f->c, path, sizeof path, &f->err));
    if (file_list(path, &names, NULL) != VARVE_OK) return 0;
    for (size_t i = 0; i < names.count; i++) {
        size_t len = strlen(names.names[i]), end = strlen(suffix);
        n += len >= end && strcmp(names.names[i] + len - end, suffix) == 0;
    }
    file_names_free(&names);
    return n;
}

/* Source i of the newest view: a borrowed index, or NULL. */
static inline bool db_source_has_index(db_fixture *f, size_t i, index_kind kind)
{
    view *v = collection_view(f->c);
    assert_true(i < v->source_count);
    bool has = v->sources[i].index && index_get_record(v->sources[i].index)->kind == kind;
    view_unref(v);
    return has;
}

static inline size_t db_sources(db_fixture *f)
{
    view *v = collection_view(f->c);
    size_t n = v->source_count;
    view_unref(v);
    return n;
}

/* Findings of a check of the closed folder. */
static inline size_t db_fsck(db_fixture *f, char *ret_first, size_t size)
{
    varve_report *report = NULL;
    db_ok(f, varve_fsck(f->dir.path, &report, &f->err));
    size_t n = varve_report_count(report);
    if (n && ret_first) snprintf(ret_first, size, "%s", varve_report_line(report, 0));
    varve_report_free(report);
    return n;
}

static inline void db_assert_sound(db_fixture *f)
{
    char first[512];
    db_close(f, true);
    if (db_fsck(f, first, sizeof first)) fail_msg("fsck: %s", first);
    db_open_again(f);
}

#endif
