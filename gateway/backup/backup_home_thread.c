/* backup_home_thread.c — the thread of backup_home.h: connects until it works, then looks once a
 * minute; a lease is renewed at half of its life. */
#include "backup_home_inner.h"

#include "base/clock.h"

#define STEP_MS       50
#define LOOK_MS       60000
#define WAIT_FIRST_MS 1000

static void *tend(void *context)
{
    backup_home *h = context;
    uint64_t wait_ms = WAIT_FIRST_MS;
    (void)pthread_setname_np(pthread_self(), "backup-lease");
    while (!atomic_load(&h->ending)) {
        bool well = backup_home_tend(h) == VARVE_OK;
        wait_ms = well ? LOOK_MS : wait_ms;
        for (uint64_t ms = 0; ms < wait_ms && !atomic_load(&h->ending); ms += STEP_MS)
            clock_sleep_ms(STEP_MS);
        wait_ms = well ? WAIT_FIRST_MS : VV_MIN(wait_ms * 2, (uint64_t)LOOK_MS);
    }
    return NULL;
}

bool backup_home_start(backup_home *h) { return pthread_create(&h->thread, NULL, tend, h) == 0; }

void backup_home_stop(backup_home *h)
{
    atomic_store(&h->ending, true);
    (void)pthread_join(h->thread, NULL);
}
