/* test_db_race.c — writers, readers, seals, checkpoints and sessions at once. Each writer owns a
 * group of ids and always writes all of them in one batch with one version; whatever a reader sees,
 * by search or by id, must be all of a group with one version, or none of it. */
#include "varve.h"

#include "base/clock.h"
#include "test_dir.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include <cmocka.h>

#define GROUPS     3 /* the last one is written by sessions that spill */
#define GROUP_ROWS 40
#define RUN_MS     2500

typedef struct race {
    varve *db;
    varve_collection *c;
    atomic_bool stop;
    atomic_uint_fast64_t writes, reads, halves;
    char what[256]; /* of the first half batch seen */
    pthread_mutex_t lock;
} race;

typedef struct worker {
    race *r;
    uint32_t group;
    pthread_t thread;
} worker;

static void found(race *r, const char *how, uint32_t group, size_t rows, float a, float b)
{
    pthread_mutex_lock(&r->lock);
    if (atomic_fetch_add(&r->halves, 1) == 0)
        snprintf(r->what, sizeof r->what, "%s: group %u, %zu rows, versions %g and %g", how, group,
                 rows, (double)a, (double)b);
    pthread_mutex_unlock(&r->lock);
}

/* ---- writers */

static void fill(uint32_t group, float version, varve_id *ids, float (*vectors)[2])
{
    for (uint32_t i = 0; i < GROUP_ROWS; i++) {
        ids[i] = (varve_id){.kind = VARVE_ID_NUM, .num = group * 1000 + i};
        vectors[i][0] = (float)group;
        vectors[i][1] = version;
    }
}

static varve_status write_group(race *r, uint32_t group, const varve_rows *rows, varve_error *err)
{
    if (group + 1 < GROUPS) return varve_upsert(r->c, rows, NULL, NULL, err);
    varve_session *s = NULL;
    varve_status status =
        varve_session_new(r->c, &(varve_session_options){.upsert = true}, &s, err);
    for (size_t i = 0; i < GROUP_ROWS && status == VARVE_OK; i += 8) {
        varve_rows part = *rows;
        part.count = 8;
        part.ids = rows->ids + i;
        part.vectors = (const float(*)[2])rows->vectors + i;
        status = varve_session_add(s, &part, err);
    }
    if (status == VARVE_OK) status = varve_session_commit(s, NULL, err);
    varve_session_free(s);
    return status;
}

static void *write_loop(void *context)
{
    worker *w = context;
    race *r = w->r;
    varve_id ids[GROUP_ROWS];
    float vectors[GROUP_ROWS][2];
    varve_error err = {0};
    for (float version = 1; !atomic_load(&r->stop); version++) {
        fill(w->group, version, ids, vectors);
        varve_rows rows = {.count = GROUP_ROWS, .dim = 2, .ids = ids, .vectors = vectors};
        varve_status status = write_group(r, w->group, &rows, &err);
        if (status == VARVE_OK && (int)version % 5 == 0)
            status = varve_delete(r->c, ids, GROUP_ROWS, NULL, NULL, &err);
        if (status == VARVE_OK && (int)version % 10 == 0)
            status = varve_restore(r->c, ids, GROUP_ROWS, NULL, NULL, &err);
        if (status != VARVE_OK) {
            fprintf(stderr, "write: %s\n", err.message);
            abort();
        }
        atomic_fetch_add(&r->writes, 1);
    }
    return NULL;
}

/* ---- readers */

/* Hits by inner product with (0, 1): the score is the version. */
static void read_by_search(race *r)
{
    float query[2] = {0, 1};
    varve_hits *hits = NULL;
    varve_error err = {0};
    varve_search_request request = {
        .vectors = query, .count = 1, .dim = 2, .k = GROUPS * GROUP_ROWS + 10};
    if (varve_search(r->c, &request, &hits, &err) != VARVE_OK) abort();
    size_t rows[GROUPS] = {0};
    float version[GROUPS] = {0};
    for (size_t i = 0; i < varve_hits_count(hits, 0); i++) {
        uint32_t group = (uint32_t)(varve_hits_id(hits, 0, i).num / 1000);
        float score = varve_hits_score(hits, 0, i);
        if (rows[group]++ && version[group] != score)
            found(r, "search", group, rows[group], version[group], score);
        version[group] = score;
    }
    for (uint32_t g = 0; g < GROUPS; g++) {
        if (rows[g] != 0 && rows[g] != GROUP_ROWS)
            found(r, "search", g, rows[g], version[g], version[g]);
    }
    varve_hits_free(hits);
}

static void read_by_id(race *r, uint32_t group)
{
    varve_id ids[GROUP_ROWS];
    float vectors[GROUP_ROWS][2];
    varve_rowset *rows = NULL;
    varve_error err = {0};
    fill(group, 0, ids, vectors);
    if (varve_get(r->c, ids, GROUP_ROWS, VARVE_WITH_VECTORS | VARVE_WITH_FIELDS, false, &rows,
                  &err) != VARVE_OK) {
        fprintf(stderr, "get: %s\n", err.message);
        abort();
    }
    size_t count = varve_rowset_count(rows);
    for (size_t i = 1; i < count; i++) {
        float a = varve_rowset_vector(rows, i - 1)[1], b = varve_rowset_vector(rows, i)[1];
        if (a != b) found(r, "get", group, count, a, b);
    }
    if (count != 0 && count != GROUP_ROWS) found(r, "get", group, count, 0, 0);
    varve_rowset_free(rows);
}

static void *read_loop(void *context)
{
    worker *w = context;
    for (uint32_t i = 0; !atomic_load(&w->r->stop); i++) {
        if (i % 2) {
            read_by_search(w->r);
        } else {
            read_by_id(w->r, i / 2 % GROUPS);
        }
        atomic_fetch_add(&w->r->reads, 1);
    }
    return NULL;
}

static void *house_loop(void *context)
{
    worker *w = context;
    varve_error err = {0};
    for (int i = 0; !atomic_load(&w->r->stop); i++) {
        char description[32];
        snprintf(description, sizeof description, "round %d", i);
        varve_status status = i % 3 ? varve_collection_checkpoint(w->r->c, &err)
                                    : varve_collection_describe(w->r->c, description, &err);
        if (status != VARVE_OK) {
            fprintf(stderr, "house: %s\n", err.message);
            abort();
        }
        varve_folder_stats stats;
        varve_stats(w->r->db, &stats);
        clock_sleep_ms(7);
    }
    return NULL;
}

static void test_no_half_batches(void **state)
{
    (void)state;
    test_dir dir;
    varve_options o;
    varve_error err = {0};
    race r = {.lock = PTHREAD_MUTEX_INITIALIZER};
    test_dir_make(&dir);
    varve_options_init(&o);
    o.seal_rows = 300;
    o.seal_rows_min = 4;
    o.session_memory_max = 1024;
    o.bulk_segment_bytes = 4096;
    o.row_buffer_bytes = 1 << 20;
    assert_int_equal(varve_open(dir.path, &o, &r.db, &err), VARVE_OK);
    assert_int_equal(varve_collection_create(r.db, "default", "c", NULL, &r.c, &err), VARVE_OK);
    void *(*const loops[])(void *) = {write_loop, write_loop, write_loop,
                                      read_loop,  read_loop,  house_loop};
    worker workers[VV_COUNT(loops)];
    for (uint32_t i = 0; i < VV_COUNT(loops); i++) {
        workers[i] = (worker){.r = &r, .group = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, loops[i], &workers[i]), 0);
    }
    clock_sleep_ms(RUN_MS);
    atomic_store(&r.stop, true);
    for (uint32_t i = 0; i < VV_COUNT(loops); i++)
        pthread_join(workers[i].thread, NULL);
    print_message("%lu writes, %lu reads, %lu half batches\n", (unsigned long)r.writes,
                  (unsigned long)r.reads, (unsigned long)r.halves);
    if (r.halves) fail_msg("%s", r.what);
    assert_true(r.writes > 10 && r.reads > 10);
    varve_collection_release(r.c);
    assert_int_equal(varve_close(r.db, &err), VARVE_OK);
    varve_report *report = NULL;
    assert_int_equal(varve_fsck(dir.path, &report, &err), VARVE_OK);
    if (varve_report_count(report)) fail_msg("fsck: %s", varve_report_line(report, 0));
    varve_report_free(report);
    test_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_half_batches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
