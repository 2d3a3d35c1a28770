/* ship_plan.c — see ship_plan.h. */
#include "ship_plan.h"

const char *ship_phase_word(ship_phase phase)
{
    static const char *const words[SHIP_PHASES] = {
#define X(name, word) [SHIP_##name] = word,
        SHIP_PHASE_TABLE(X)
#undef X
    };
    return words[phase];
}

/* Doubled with every failure; between half of it and all, so that servers do not come at once. */
static uint64_t backoff_ms(uint64_t failures, uint64_t random)
{
    uint64_t wait = SHIP_WAIT_FIRST_MS;
    for (uint64_t i = 1; i < failures && wait < SHIP_WAIT_MAX_MS; i++)
        wait *= 2;
    wait = VV_MIN(wait, SHIP_WAIT_MAX_MS);
    return wait / 2 + random % (wait / 2 + 1);
}

static ship_phase phase_of(const ship_ended *e)
{
    if (e->status == VARVE_OK) return SHIP_RUNNING;
    if (e->lost || e->status == VARVE_LOCKED) return SHIP_FENCED;
    if (e->status == VARVE_NOT_FOUND) return SHIP_GAP;
    if (e->status == VARVE_CONFLICT && e->failures >= SHIP_CONFLICTS_MAX) return SHIP_DIVERGED;
    return SHIP_RETRYING;
}

ship_next ship_plan(const ship_ended *e)
{
    ship_next next = {.phase = phase_of(e)};
    next.ask_snapshot = next.phase == SHIP_GAP;
    if (next.phase == SHIP_RUNNING)
        next.wait_ms = e->more ? 0 : e->interval_ms;
    else
        next.wait_ms = backoff_ms(e->failures, e->random);
    if (next.phase == SHIP_GAP) next.wait_ms = VV_MIN(next.wait_ms, SHIP_WAIT_GAP_MS);
    return next;
}
