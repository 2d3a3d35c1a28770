/* test_thread_pool.c — every part once, every task once, nested runs, a full queue, the end. Made
 * to run under the thread sanitizer too. */
#include "unit.h"

#include "base/clock.h"
#include "base/thread_pool.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct job {
    thread_pool *pool;
    atomic_int done[257];
    atomic_int sum;
} job;

static void mark(void *context, size_t part)
{
    job *j = context;
    atomic_fetch_add(&j->done[part], 1);
}

static void check_parts(thread_pool *p, size_t parts)
{
    static job j;
    memset(&j, 0, sizeof j);
    pool_run(p, parts, mark, &j);
    for (size_t i = 0; i < VV_COUNT(j.done); i++)
        assert_int_equal(atomic_load(&j.done[i]), i < parts);
}

static void test_every_part_once(void **state)
{
    (void)state;
    thread_pool *p = NULL;
    assert_ok(pool_new(3, 4, "a long name for a pool", &p, NULL));
    assert_int_equal(pool_threads(p), 3);
    for (size_t parts = 0; parts <= 257; parts++)
        check_parts(p, parts);
    check_parts(NULL, 20);
    assert_int_equal(pool_threads(NULL), 0);
    assert_int_equal(pool_queued(NULL), 0);
    pool_free(p);
    pool_free(NULL);
}

static void inner(void *context, size_t part)
{
    job *j = context;
    atomic_fetch_add(&j->sum, (int)part);
}

static void outer(void *context, size_t part)
{
    job *j = context;
    pool_run(j->pool, 10 + part % 3, inner, j);
}

static void outer_task(void *context) { outer(context, 2); }

/* Parts and tasks that run parts themselves, on fewer threads than there are waiting ones. */
static void test_nested(void **state)
{
    (void)state;
    static job j;
    memset(&j, 0, sizeof j);
    assert_ok(pool_new(2, 64, "nested", &j.pool, NULL));
    for (int i = 0; i < 50; i++)
        assert_true(pool_submit(j.pool, outer_task, &j));
    for (int i = 0; i < 20; i++)
        pool_run(j.pool, 9, outer, &j);
    pool_free(j.pool);
    int ten = 45, eleven = 55, twelve = 66;
    assert_int_equal(atomic_load(&j.sum), 50 * twelve + 20 * 3 * (ten + eleven + twelve));
}

typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool entered, open;
    atomic_int ran;
} gate;

static void wait_at_gate(void *context)
{
    gate *g = context;
    pthread_mutex_lock(&g->lock);
    g->entered = true;
    pthread_cond_broadcast(&g->moved);
    while (!g->open)
        pthread_cond_wait(&g->moved, &g->lock);
    pthread_mutex_unlock(&g->lock);
    atomic_fetch_add(&g->ran, 1);
}

static void count_task(void *context)
{
    gate *g = context;
    atomic_fetch_add(&g->ran, 1);
}

static void test_queue_full_then_drained(void **state)
{
    (void)state;
    gate g = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};
    thread_pool *p = NULL;
    assert_ok(pool_new(1, 3, "gate", &p, NULL));
    assert_true(pool_submit(p, wait_at_gate, &g));
    pthread_mutex_lock(&g.lock);
    while (!g.entered)
        pthread_cond_wait(&g.moved, &g.lock);
    pthread_mutex_unlock(&g.lock);
    for (int i = 0; i < 3; i++)
        assert_true(pool_submit(p, count_task, &g));
    assert_int_equal(pool_queued(p), 3);
    assert_false(pool_submit(p, count_task, &g));
    pool_run(p, 5, inner, &(job){0}); /* the only thread is busy: all parts run here */
    pthread_mutex_lock(&g.lock);
    g.open = true;
    pthread_cond_broadcast(&g.moved);
    pthread_mutex_unlock(&g.lock);
    pool_free(p); /* runs what is queued */
    assert_int_equal(atomic_load(&g.ran), 4);
}

static void *run_many(void *context)
{
    job *j = context;
    for (int i = 0; i < 200; i++)
        pool_run(j->pool, 7, inner, j);
    return NULL;
}

static void test_many_callers(void **state)
{
    (void)state;
    static job j;
    pthread_t threads[4];
    memset(&j, 0, sizeof j);
    assert_ok(pool_new(2, 8, "callers", &j.pool, NULL));
    for (size_t i = 0; i < VV_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_many, &j), 0);
    for (size_t i = 0; i < VV_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    pool_free(j.pool);
    assert_int_equal(atomic_load(&j.sum), 4 * 200 * 21);
}

static void test_refused(void **state)
{
    (void)state;
    thread_pool *p = NULL;
    assert_status(pool_new(0, 1, "none", &p, NULL), VARVE_INVALID);
    assert_status(pool_new(1, 0, "none", &p, NULL), VARVE_INVALID);
    assert_null(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_part_once),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_queue_full_then_drained),
        cmocka_unit_test(test_many_callers),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
