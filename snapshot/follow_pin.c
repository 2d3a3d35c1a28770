/* follow_pin.c — the pin that keeps the log for a follower; see follow.h, (4). It names the
 * timeline in which the next batch lies: what younger ones hold is needed by the snapshots of this
 * one. */
#include "follow_inner.h"

#include <string.h>

#define MOVE_MS ((uint64_t)60000) /* no more often than that for the sequence alone */

static pin wanted(const follow_handle *f)
{
    return (pin){.kind = PIN_REPLICA,
                 .has_wal = true,
                 .timeline = follow_line_find(f).timeline,
                 .wal_from = f->sequence + 1};
}

static uint64_t life(const follow_handle *f)
{
    return f->o.pin_life_ms ? f->o.pin_life_ms : PIN_LIFE_MS;
}

/* That of the process before, if it is still there. */
static varve_status adopt(follow_handle *f, varve_error *err)
{
    VV_CLEANUP(pin_done) pin found = {0};
    object_name name = {.kind = NAME_PIN};
    pin_handle h = {.r = f->r, .life_ms = life(f)};
    memcpy(name.db_id, f->r->db_id, sizeof name.db_id);
    memcpy(name.id, f->note.pin, sizeof name.id);
    names_build(&name, h.key);
    VV_TRY(pin_read(f->r, h.key, &found, h.tag, err));
    if (found.revoked) return vv_fail(err, VARVE_CONFLICT, "the pin '%s' was revoked", h.key);
    h.pin = wanted(f);
    memcpy(h.pin.id, name.id, sizeof h.pin.id);
    VV_TRY(pin_renew(&h, err));
    f->pin = h;
    return VARVE_OK;
}

static varve_status take(follow_handle *f, varve_error *err)
{
    const pin what = wanted(f);
    varve_error ignored;
    if (f->note.pin[0] && adopt(f, &ignored) == VARVE_OK) return VARVE_OK;
    VV_TRY(pin_take(f->r, &what, life(f), &f->pin, err));
    memcpy(f->note.pin, f->pin.pin.id, sizeof f->note.pin);
    return f->there ? follow_note_write(f->folder, &f->note, err) : VARVE_OK;
}

static varve_status keep(follow_handle *f, varve_error *err)
{
    const pin want = wanted(f);
    pin_handle next = f->pin;
    uint64_t now = env_now_ms(&f->r->env);
    bool late = now > next.pin.heartbeat_ms + MOVE_MS;
    bool moved = want.timeline != next.pin.timeline || (want.wal_from != next.pin.wal_from && late);
    if (moved) {
        next.pin.timeline = want.timeline;
        next.pin.wal_from = want.wal_from;
    }
    varve_status status = moved ? pin_renew(&next, err) : pin_keep(&next, err);
    if (status == VARVE_OK) f->pin = next;
    return status;
}

/* One that was revoked is taken anew; whether the log is still whole, the next look says. */
varve_status follow_pin_keep(follow_handle *f, varve_error *err)
{
    if (f->pinned) {
        varve_status status = keep(f, err);
        if (status != VARVE_CONFLICT) return status;
        f->pinned = false;
        f->note.pin[0] = 0;
    }
    VV_TRY(take(f, err));
    f->pinned = true;
    return VARVE_OK;
}

void follow_pin_drop(follow_handle *f)
{
    varve_status ignored = f->pinned ? pin_drop(&f->pin, NULL) : VARVE_OK;
    (void)ignored; /* what stays expires by itself */
    f->pinned = false;
}
