/* write_delay.c — back-pressure: when compaction is far behind, each write sleeps a little before
 * it queues up, the longer the farther. Never an error, and only while there is a compactor that
 * may catch up. */
#include "base/clock.h"
#include "db/compaction_inner.h"

#define SEARCHED_NS UINT64_C(10000000000) /* a search was so short a time ago: more will come */

/* Rows that wait are scanned by every search: with searches going on, fewer may wait. */
static uint64_t backlog_limit(const varve *db)
{
    const varve_options *o = &db->options;
    uint64_t last = atomic_load_explicit(&db->searched_ns, memory_order_relaxed);
    bool searched = last != 0 && clock_now_ns() - last <= SEARCHED_NS;
    if (o->backlog_rows_slow == 0 || o->backlog_rows_searched == 0 || !searched)
        return o->backlog_rows_slow;
    return VV_MIN(o->backlog_rows_slow, o->backlog_rows_searched);
}

/* From nothing at the limit to the most at twice of it. */
static uint64_t delay_ms(const varve *db, uint64_t backlog)
{
    const varve_options *o = &db->options;
    uint64_t limit;
    if (VV_LIKELY(backlog == 0)) return 0;
    limit = backlog_limit(db);
    if (limit == 0 || backlog <= limit) return 0;
    double share = (double)(backlog - limit) / (double)limit;
    return (uint64_t)(VV_MIN(share, 1.0) * (double)o->backlog_delay_ms_max);
}

static bool has_compactor(compaction *k)
{
    pthread_mutex_lock(&k->lock);
    bool has = k->connected || (k->supervised && !k->hopeless);
    pthread_mutex_unlock(&k->lock);
    return has;
}

void compaction_delay_writer(varve *db)
{
    uint64_t ms = delay_ms(db, atomic_load(&db->backlog_rows));
    if (VV_LIKELY(ms == 0) || !db->compaction || !has_compactor(db->compaction)) return;
    atomic_fetch_add(&db->writes_delayed, 1);
    atomic_fetch_add(&db->write_delay_ms, ms);
    clock_sleep_ms(ms);
}
