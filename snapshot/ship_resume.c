/* ship_resume.c — where a shipper goes on: by its state file, by the objects that are there, by a
 * snapshot; see ship.h (2) to (4). */
#include "ship_inner.h"
#include "snapshots.h"

#include <stdlib.h>
#include <string.h>

static uint64_t written(const ship *s)
{
    varve_folder_stats stats;
    varve_stats(s->o.db, &stats);
    return stats.sequence;
}

static varve_status other_history(const ship *s, uint64_t sequence, varve_error *err)
{
    return vv_fail(err, VARVE_CONFLICT,
                   "timeline %u holds another history than the folder, which is at sequence %llu, "
                   "from sequence %llu on: a new timeline has to begin",
                   s->at.timeline, (unsigned long long)written(s), (unsigned long long)sequence);
}

/* ---- objects that are there ---------------------------------------------------------------- */

typedef struct name_list {
    object_name *items;
    size_t count;
    uint64_t from; /* only those that begin there or behind it */
} name_list;

static void name_list_done(name_list *l) { free(l->items); }

static varve_status add_name(void *arg, const char *key, uint64_t size, varve_error *err)
{
    name_list *l = arg;
    object_name name;
    (void)size;
    if (!names_parse(key, &name) || name.kind != NAME_WAL) return VARVE_OK;
    if (name.lsn < l->from) return VARVE_OK;
    object_name *items = realloc(l->items, (l->count + 1) * sizeof *items);
    if (!items) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a list of the log");
    l->items = items;
    l->items[l->count++] = name;
    return VARVE_OK;
}

/* Those that begin at `from` or behind it. */
static varve_status list_objects(const ship *s, uint64_t from, name_list *l, varve_error *err)
{
    char prefix[NAMES_KEY_MAX], after[NAMES_KEY_MAX];
    object_name name = {.kind = NAME_WAL, .timeline = s->at.timeline, .last = UINT64_MAX};
    name.lsn = from ? from - 1 : 0;
    memcpy(name.db_id, s->r->db_id, sizeof name.db_id);
    names_build(&name, after);
    names_prefix(NAME_WAL, s->r->db_id, s->at.timeline, prefix);
    l->from = from;
    return remote_list(s->r->remote, prefix, from ? after : NULL, add_name, l, err);
}

typedef struct comparison {
    const wal_object *object;
    size_t i;
    bool differs;
} comparison;

static varve_status compare_batch(void *arg, const varve_log_batch *b, varve_error *err)
{
    comparison *c = arg;
    (void)err;
    if (c->i >= c->object->batch_count) return VARVE_OK;
    const wal_batch *stored = &c->object->batches[c->i++];
    c->differs |= stored->len != b->len || memcmp(stored->bytes, b->bytes, b->len) != 0;
    return VARVE_OK;
}

/* What the log no longer holds cannot be compared, and is taken. */
static varve_status compare_object(const ship *s, const wal_object *o, varve_error *err)
{
    comparison c = {.object = o};
    uint64_t bytes = 0;
    if (o->last > written(s)) return other_history(s, o->first, err);
    for (size_t i = 0; i < o->batch_count; i++)
        bytes += o->batches[i].len;
    varve_status status = varve_log_read(s->o.db, o->first, bytes, compare_batch, &c, NULL, err);
    if (status != VARVE_OK && status != VARVE_NOT_FOUND) return status;
    return c.differs ? other_history(s, o->first, err) : VARVE_OK;
}

/* *ret_gap: it lies beyond what follows. */
static varve_status take_object(ship *s, const object_name *name, bool *ret_gap, varve_error *err)
{
    VV_CLEANUP(wal_object_done) wal_object o = {0};
    if (name->last <= s->at.shipped) return VARVE_OK;
    *ret_gap = name->lsn > s->at.shipped + 1;
    if (*ret_gap) return VARVE_OK;
    VV_TRY(wal_object_read(s->r, name, &o, err));
    VV_TRY(compare_object(s, &o, err));
    s->at.shipped = o.last;
    memcpy(s->at.foot, o.foot, SUMS_BYTES);
    s->time_ms = VV_MAX(s->time_ms, o.time_last_ms);
    return VARVE_OK;
}

static varve_status take_objects(ship *s, bool *ret_gap, varve_error *err)
{
    VV_CLEANUP(name_list_done) name_list list = {0};
    bool gap = false;
    VV_TRY(list_objects(s, s->at.shipped + 1, &list, err));
    for (size_t i = 0; i < list.count && !gap; i++)
        VV_TRY(take_object(s, &list.items[i], &gap, err));
    *ret_gap = gap;
    return VARVE_OK;
}

/* ---- where to begin ------------------------------------------------------------------------ */

static varve_status newest_snapshot(const ship *s, uint64_t *ret, varve_error *err)
{
    object_name newest;
    VV_TRY(snapshots_newest(s->r, written(s), &newest, err));
    *ret = newest.lsn;
    return VARVE_OK;
}

static varve_status begin_at_snapshot(ship *s, varve_error *err)
{
    s->at = (ship_state){.timeline = s->o.lease->timeline};
    varve_status status = newest_snapshot(s, &s->at.shipped, err);
    if (status != VARVE_NOT_FOUND) return status;
    return vv_fail(err, VARVE_NOT_FOUND,
                   "there is no snapshot on which the log, now at sequence %llu, could follow: "
                   "take one first",
                   (unsigned long long)written(s));
}

/* By the state file, if it is of the line that we write. *ret_known: it is. */
static varve_status begin_at_state(ship *s, bool *ret_known, varve_error *err)
{
    VV_CLEANUP(timelines_done) timelines lines = {0};
    ship_state state;
    uint32_t own = s->o.lease->timeline;
    *ret_known = false;
    VV_TRY(ship_state_read(s, &state, err));
    if (!state.timeline) return VARVE_OK;
    VV_TRY(timelines_read(s->r, &lines, err));
    if (!timelines_reach(&lines, own, state.timeline, state.shipped)) return VARVE_OK;
    if (state.timeline != own) memset(state.foot, 0, SUMS_BYTES);
    state.timeline = own;
    s->at = state;
    *ret_known = true;
    return VARVE_OK;
}

/* Without a state file: at the last object of the timeline, which is looked at, or at a
 * snapshot. */
static varve_status begin_anew(ship *s, varve_error *err)
{
    VV_CLEANUP(name_list_done) name_list list = {0};
    const object_name *last = NULL;
    bool gap;
    s->at = (ship_state){.timeline = s->o.lease->timeline};
    VV_TRY(list_objects(s, 0, &list, err));
    for (size_t i = 0; i < list.count; i++)
        if (!last || list.items[i].last >= last->last) last = &list.items[i];
    if (!last) return begin_at_snapshot(s, err);
    s->at.shipped = last->lsn - 1;
    return take_object(s, last, &gap, err);
}

varve_status ship_resume(ship *s, varve_error *err)
{
    bool known = false, gap = false;
    s->put_first = 0;
    VV_TRY(begin_at_state(s, &known, err));
    if (known) VV_TRY(take_objects(s, &gap, err));
    if (!known || gap) VV_TRY(begin_anew(s, err));
    if (s->at.shipped > written(s)) return other_history(s, s->at.shipped + 1, err);
    VV_TRY(ship_state_write(s, &s->at, err));
    s->sure = true;
    return VARVE_OK;
}

varve_status ship_check_others(const ship *s, varve_error *err)
{
    VV_CLEANUP(name_list_done) name_list list = {0};
    uint64_t from = s->put_first ? s->put_first : s->at.shipped + 1;
    VV_TRY(list_objects(s, from, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        VV_CLEANUP(wal_object_done) wal_object o = {0};
        const object_name *name = &list.items[i];
        if (name->lsn == s->put_first && name->last == s->at.shipped) continue;
        VV_TRY(wal_object_read(s->r, name, &o, err));
        VV_TRY(compare_object(s, &o, err));
    }
    return VARVE_OK;
}

varve_status ship_bridge(ship *s, varve_error *err)
{
    ship_state beyond = {.timeline = s->at.timeline};
    VV_TRY(newest_snapshot(s, &beyond.shipped, err));
    if (beyond.shipped <= s->at.shipped)
        return vv_fail(err, VARVE_NOT_FOUND, "no snapshot lies beyond sequence %llu",
                       (unsigned long long)s->at.shipped);
    VV_TRY(ship_state_write(s, &beyond, err));
    s->at = beyond;
    s->put_first = 0;
    return VARVE_OK;
}
