/* shipper_watch.c — whether the repository falls behind more than it may, told once. Not on the
 * shipper's own thread: that one may be waiting for the store. */
#include "shipper_inner.h"

#include "base/clock.h"

static bool turns(shipper *s, bool lagging)
{
    (void)pthread_mutex_lock(&s->lock);
    bool turns = s->lagging != lagging;
    s->lagging = lagging;
    (void)pthread_mutex_unlock(&s->lock);
    return turns;
}

void shipper_watch(void *arg)
{
    shipper *s = arg;
    ship_lag_view lag;
    double most = (double)s->g->config.ship_lag_max_s;
    shipper_note_write(s);
    ship_lag_look(&s->lag, clock_now_ns(), &lag);
    bool lagging = most > 0 && lag.seconds > most;
    if (!turns(s, lagging)) return;
    if (lagging)
        log_message(&s->g->log, LOG_ERROR, "ship_lagging",
                    "what was written more than %.0f s ago is not in the repository yet", most);
    else
        log_message(&s->g->log, LOG_INFO, "ship_caught_up",
                    "the repository is less than %.0f s behind again", most);
}
