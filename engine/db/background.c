/* background.c — the folder's two threads. The ticker keeps the acknowledged floor, syncs relaxed
 * writes, watches free space and notices old memtables; the sealer turns frozen memtables into
 * segments. Writers wait for it when it is far behind. */
#include "base/clock.h"
#include "db/catalog.h"
#include "db/dropped.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define SEAL_BEHIND_MAX 4 /* memtables' worth of frozen bytes before writers wait */

/* ---- ticker */

static void sync_relaxed(varve *db)
{
    varve_error err;
    if (!atomic_load(&db->unsynced) || atomic_load(&db->broken)) return;
    pthread_mutex_lock(&db->writer_lock);
    atomic_store(&db->unsynced, false);
    uint64_t sequence = store_sequence(db->store);
    varve_status status = db_note_failure(db, store_sync_log(db->store, &err), &err);
    if (status == VARVE_OK) {
        atomic_store(&db->acknowledged, sequence);
    } else {
        atomic_store(&db->unsynced, true);
    }
    pthread_mutex_unlock(&db->writer_lock);
}

static void raise_floor(varve *db)
{
    varve_error err;
    uint64_t sequence = atomic_load(&db->acknowledged);
    if (sequence <= floor_sequence(db->floor)) return;
    varve_status status = floor_write(db->floor, sequence, &err);
    if (status == VARVE_IO) status = db_note_failure(db, status, &err);
}

/* Small tables are passed over without the lock: it may be held for the length of a commit. */
static void freeze_if_old(varve_collection *c)
{
    const varve_options *o = &c->db->options;
    bool old = false;
    if (atomic_load(&c->loaded) && atomic_load(&c->active_rows) >= o->seal_rows_min) {
        pthread_mutex_lock(&c->db->writer_lock);
        old = c->active && memtable_rows(c->active) >= o->seal_rows_min &&
              clock_now_ns() / 1000000 - memtable_born_ms(c->active) >= o->seal_ms;
        if (old) collection_freeze(c);
        pthread_mutex_unlock(&c->db->writer_lock);
    }
    if (old || atomic_load(&c->frozen_bytes))
        seal_ask(c); /* also seals that failed are tried again */
}

static void look_for_old(varve *db)
{
    varve_collection **all = NULL;
    size_t count = 0;
    if (catalog_all(db, &all, &count, NULL) != VARVE_OK) return;
    for (size_t i = 0; i < count; i++) {
        freeze_if_old(all[i]);
        varve_collection_release(all[i]);
    }
    free(all);
}

static void wait_tick(varve *db, uint64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&db->tick_lock);
    if (!db->tick_stop) pthread_cond_timedwait(&db->tick_wake, &db->tick_lock, &until);
    pthread_mutex_unlock(&db->tick_lock);
}

static bool tick_stopping(varve *db)
{
    pthread_mutex_lock(&db->tick_lock);
    bool stop = db->tick_stop;
    pthread_mutex_unlock(&db->tick_lock);
    return stop;
}

static void *tick(void *context)
{
    varve *db = context;
    uint64_t step = VV_MAX(1, VV_MIN(db->options.floor_ms, db->options.relaxed_ms)), since_look = 0;
    while (!tick_stopping(db)) {
        wait_tick(db, step);
        sync_relaxed(db);
        raise_floor(db);
        db_watch_space(db);
        since_look += step;
        if (since_look < 1000) continue;
        since_look = 0;
        look_for_old(db);
        dropped_look(db);
    }
    return NULL;
}

/* ---- sealer */

void seal_ask(varve_collection *c)
{
    varve *db = c->db;
    if (!db->threads_started || atomic_exchange(&c->seal_wanted, true)) return;
    collection_ref(c);
    pthread_mutex_lock(&db->seal_queue_lock);
    varve_collection **end = &db->seal_queue;
    while (*end)
        end = &(*end)->seal_next;
    c->seal_next = NULL;
    *end = c;
    pthread_cond_signal(&db->seal_wake);
    pthread_mutex_unlock(&db->seal_queue_lock);
}

varve_status seal_wait_room(varve_collection *c, varve_error *err)
{
    varve *db = c->db;
    uint64_t most = SEAL_BEHIND_MAX * db->options.seal_bytes;
    if (VV_LIKELY(atomic_load(&c->frozen_bytes) <= most)) return VARVE_OK;
    pthread_mutex_lock(&db->seal_queue_lock);
    while (atomic_load(&c->frozen_bytes) > most && !atomic_load(&c->seal_failed) &&
           !atomic_load(&c->dropped) && !db->seal_stop) {
        pthread_cond_wait(&db->seal_done, &db->seal_queue_lock);
    }
    pthread_mutex_unlock(&db->seal_queue_lock);
    if (atomic_load(&c->frozen_bytes) <= most) return VARVE_OK;
    if (atomic_load(&c->dropped))
        return vv_fail(err, VARVE_NOT_FOUND, "Collection not found: %s", c->name);
    return vv_fail(err, atomic_load(&db->low_space) ? VARVE_NO_SPACE : VARVE_IO,
                   "rows in memory cannot be written to segments, and their memory is used up");
}

static void seal_one(varve *db, varve_collection *c)
{
    varve_error err;
    atomic_store(&c->seal_wanted, false);
    varve_status status = atomic_load(&db->broken) ? VARVE_IO : seal_collection(c, &err);
    /* A file that could not be written is abandoned; the rows are safe in the log, and the ticker
     * asks again. */
    if (status == VARVE_NO_SPACE) status = db_note_failure(db, status, &err);
    pthread_mutex_lock(&db->seal_queue_lock);
    atomic_store(&c->seal_failed, status != VARVE_OK);
    pthread_cond_broadcast(&db->seal_done);
    pthread_mutex_unlock(&db->seal_queue_lock);
    varve_collection_release(c);
}

static void *seal_loop(void *context)
{
    varve *db = context;
    for (;;) {
        pthread_mutex_lock(&db->seal_queue_lock);
        while (!db->seal_queue && !db->seal_stop)
            pthread_cond_wait(&db->seal_wake, &db->seal_queue_lock);
        varve_collection *c = db->seal_stop ? NULL : db->seal_queue;
        if (c) db->seal_queue = c->seal_next;
        pthread_mutex_unlock(&db->seal_queue_lock);
        if (!c) return NULL;
        seal_one(db, c);
    }
}

/* ---- start, stop */

static void stop_sealer(varve *db)
{
    pthread_mutex_lock(&db->seal_queue_lock);
    db->seal_stop = true;
    pthread_cond_broadcast(&db->seal_wake);
    pthread_cond_broadcast(&db->seal_done);
    pthread_mutex_unlock(&db->seal_queue_lock);
    pthread_join(db->sealer, NULL);
    while (db->seal_queue) {
        varve_collection *c = db->seal_queue;
        db->seal_queue = c->seal_next;
        varve_collection_release(c);
    }
}

varve_status background_start(varve *db, varve_error *err)
{
    if (pthread_create(&db->sealer, NULL, seal_loop, db) != 0)
        return vv_fail(err, VARVE_NO_MEMORY, "cannot start a thread");
    if (pthread_create(&db->ticker, NULL, tick, db) != 0) {
        stop_sealer(db);
        return vv_fail(err, VARVE_NO_MEMORY, "cannot start a thread");
    }
    atomic_store(&db->threads_started, true);
    return VARVE_OK;
}

void background_stop(varve *db)
{
    if (!atomic_exchange(&db->threads_started, false)) return;
    pthread_mutex_lock(&db->tick_lock);
    db->tick_stop = true;
    pthread_cond_signal(&db->tick_wake);
    pthread_mutex_unlock(&db->tick_lock);
    pthread_join(db->ticker, NULL);
    stop_sealer(db);
}
