/* write_delay.c — back-pressure: when compaction is far behind, each write sleeps a little before
 * it queues up, the longer the farther. Never an error, and only while there is a compactor that
 * may catch up. */
#include "base/clock.h"
#include "db/compaction_inner.h"

/* From nothing at backlog_rows_slow to the most at twice of it. */
static uint64_t delay_ms(const varve_options *o, uint64_t backlog)
{
    if (o->backlog_rows_slow == 0 || backlog <= o->backlog_rows_slow) return 0;
    double share = (double)(backlog - o->backlog_rows_slow) / (double)o->backlog_rows_slow;
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
    uint64_t ms = delay_ms(&db->options, atomic_load(&db->backlog_rows));
    if (VV_LIKELY(ms == 0) || !db->compaction || !has_compactor(db->compaction)) return;
    atomic_fetch_add(&db->writes_delayed, 1);
    atomic_fetch_add(&db->write_delay_ms, ms);
    clock_sleep_ms(ms);
}
