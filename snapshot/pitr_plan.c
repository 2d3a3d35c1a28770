/* pitr_plan.c — which snapshot, which objects of the log, and whether they reach the target; see
 * pitr.h (3), (4). Names alone decide, but for times. */
#include "base/clock.h"
#include "lease.h"
#include "pitr_inner.h"

#include <stdlib.h>
#include <string.h>

void pitr_plan_done(pitr_plan *p)
{
    timelines_done(&p->timelines);
    free(p->lines);
    free(p->objects);
}

/* ---- the line ------------------------------------------------------------------------------ */

static varve_status present_timeline(repo *r, const timelines *t, uint32_t *ret, varve_error *err)
{
    lease_state writer;
    VV_TRY(lease_read(r, &writer, err));
    *ret = t->count ? t->items[t->count - 1].number : 0;
    if (writer.exists && timelines_find(t, writer.timeline)) *ret = writer.timeline;
    return VARVE_OK;
}

varve_status pitr_plan_lines(repo *r, uint32_t number, pitr_plan *p, varve_error *err)
{
    uint64_t limit = UINT64_MAX;
    VV_TRY(timelines_read(r, &p->timelines, err));
    if (!number) VV_TRY(present_timeline(r, &p->timelines, &number, err));
    p->lines = calloc(p->timelines.count + 1, sizeof *p->lines);
    if (!p->lines) return vv_fail(err, VARVE_NO_MEMORY, "no memory for timelines");
    for (uint32_t at = number; at;) {
        const timeline *t = timelines_find(&p->timelines, at);
        if (!t) return vv_fail(err, VARVE_NOT_FOUND, "there is no timeline %u", at);
        p->lines[p->line_count++] = (pitr_line){.timeline = at, .limit = limit};
        if (t->parent) limit = VV_MIN(limit, t->parent_lsn);
        at = t->parent; /* older than the child, so this ends */
    }
    return p->line_count ? VARVE_OK
                         : vv_fail(err, VARVE_NOT_FOUND, "database %s has no timeline", r->db_id);
}

static const pitr_line *find_line(const pitr_plan *p, uint32_t timeline)
{
    for (size_t i = 0; i < p->line_count; i++)
        if (p->lines[i].timeline == timeline) return &p->lines[i];
    return NULL;
}

/* ---- the snapshot -------------------------------------------------------------------------- */

static int by_lsn_down(const void *a, const void *b)
{
    const object_name *x = a, *y = b;
    if (x->lsn != y->lsn) return x->lsn < y->lsn ? 1 : -1;
    if (x->timeline != y->timeline) return x->timeline < y->timeline ? 1 : -1;
    return strcmp(x->id, y->id);
}

static void keep_those_of_the_line(const pitr_plan *p, snapshots *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++) {
        const pitr_line *line = find_line(p, s->items[i].timeline);
        if (line && s->items[i].lsn <= line->limit) s->items[kept++] = s->items[i];
    }
    s->count = kept;
    if (kept) qsort(s->items, kept, sizeof *s->items, by_lsn_down);
}

static varve_status is_early_enough(repo *r, const pitr_options *o, const object_name *name,
                                    uint64_t *ret_time, bool *ret, varve_error *err)
{
    VV_CLEANUP(manifest_done) manifest m = {0};
    *ret = o->target != PITR_LSN || name->lsn <= o->lsn;
    if (!*ret) return VARVE_OK;
    varve_status status = snapshots_load(r, name, &m, err);
    if (status == VARVE_NOT_FOUND) *ret = false; /* retention took it meanwhile */
    if (status == VARVE_NOT_FOUND) return VARVE_OK;
    VV_TRY(status);
    *ret_time = m.commit_ms ? m.commit_ms : m.created_ms;
    if (o->target == PITR_TIME) *ret = *ret_time <= o->time_ms;
    return VARVE_OK;
}

static varve_status too_early(const repo *r, const snapshots *s, varve_error *err)
{
    if (s->count == 0)
        return vv_fail(err, VARVE_NOT_FOUND, "database %s has no snapshot in this line", r->db_id);
    return vv_fail(err, VARVE_NOT_FOUND,
                   "the target lies before the first snapshot: sequence %llu is the earliest that "
                   "can be restored",
                   (unsigned long long)s->items[s->count - 1].lsn);
}

varve_status pitr_list_snapshots(repo *r, const pitr_plan *p, snapshots *ret, varve_error *err)
{
    VV_TRY(snapshots_list(r, r->db_id, ret, err));
    keep_those_of_the_line(p, ret);
    return VARVE_OK;
}

varve_status pitr_plan_snapshot(repo *r, const pitr_options *o, pitr_plan *p, varve_error *err)
{
    VV_CLEANUP(snapshots_done) snapshots s = {0};
    VV_TRY(pitr_list_snapshots(r, p, &s, err));
    for (size_t i = 0; i < s.count; i++) {
        bool fits = false;
        VV_TRY(is_early_enough(r, o, &s.items[i], &p->snapshot_time_ms, &fits, err));
        if (!fits) continue;
        p->snapshot = s.items[i];
        return VARVE_OK;
    }
    return too_early(r, &s, err);
}

/* ---- the log ------------------------------------------------------------------------------- */

static varve_status add_object(void *arg, const object_name *name, const char *key, uint64_t size,
                               varve_error *err)
{
    pitr_plan *p = arg;
    const pitr_line *line = find_line(p, name->timeline);
    (void)key;
    if (!line || name->lsn > line->limit || name->last < name->lsn) return VARVE_OK;
    const pitr_object object = {*name, size, VV_MIN(name->last, line->limit)};
    if (object.end <= p->snapshot.lsn) return VARVE_OK;
    if ((p->object_count & (p->object_count - 1)) == 0) { /* a power of two: full */
        size_t room = p->object_count ? p->object_count * 2 : 1;
        pitr_object *objects = realloc(p->objects, room * sizeof *objects);
        if (!objects) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a list of the log");
        p->objects = objects;
    }
    p->objects[p->object_count++] = object;
    return VARVE_OK;
}

static int by_first(const void *a, const void *b)
{
    const pitr_object *x = a, *y = b;
    if (x->name.lsn != y->name.lsn) return x->name.lsn < y->name.lsn ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* Objects overlap rarely, and by few: those that begin at or before `wanted`, the last first. */
const pitr_object *pitr_plan_find(const pitr_plan *p, uint64_t wanted)
{
    const pitr_object *best = NULL;
    for (size_t i = 0; i < p->object_count && p->objects[i].name.lsn <= wanted; i++)
        if (p->objects[i].end >= wanted && (!best || p->objects[i].end >= best->end))
            best = &p->objects[i];
    return best;
}

/* Sorted by their beginnings, so once through them is enough. */
uint64_t pitr_plan_reach(const pitr_plan *p)
{
    uint64_t reach = p->snapshot.lsn;
    for (size_t i = 0; i < p->object_count && p->objects[i].name.lsn <= reach + 1; i++)
        reach = VV_MAX(reach, p->objects[i].end);
    return reach;
}

/* Why it goes no further than reach: the log ends, or it has a gap. */
static varve_status too_late(const pitr_plan *p, const char *latest, varve_error *err)
{
    const pitr_object *last = p->object_count ? &p->objects[p->object_count - 1] : NULL;
    if (!last || last->name.lsn <= p->reach + 1)
        return vv_fail(err, VARVE_NOT_FOUND,
                       "the target lies behind the last batch that was shipped: %s is the latest "
                       "that can be restored",
                       latest);
    size_t i = 0;
    while (p->objects[i].name.lsn <= p->reach + 1)
        i++;
    return vv_fail(err, VARVE_NOT_FOUND,
                   "the log has a gap: sequence %llu is followed by %llu; %s is the latest that "
                   "can be restored without it",
                   (unsigned long long)p->reach, (unsigned long long)p->objects[i].name.lsn,
                   latest);
}

varve_status pitr_plan_last_time(repo *r, const pitr_plan *p, uint64_t *ret, varve_error *err)
{
    uint64_t latest = p->snapshot_time_ms;
    for (size_t i = p->object_count; i-- > 0;) {
        VV_CLEANUP(wal_object_done) wal_object o = {0};
        if (p->objects[i].name.lsn > p->reach) continue;
        VV_TRY(wal_object_read_names(r, &p->objects[i].name, p->objects[i].size, &o, err));
        latest = VV_MAX(latest, o.time_last_ms);
        if (o.time_last_ms) break;
    }
    *ret = latest;
    return VARVE_OK;
}

static varve_status check_reach(repo *r, const pitr_options *o, const pitr_plan *p,
                                varve_error *err)
{
    char latest[96], when[40];
    uint64_t last_ms = 0;
    const pitr_object *last = p->object_count ? &p->objects[p->object_count - 1] : NULL;
    bool gap = last && last->name.lsn > p->reach + 1;
    snprintf(latest, sizeof latest, "sequence %llu", (unsigned long long)p->reach);
    if (o->target == PITR_LATEST) return gap ? too_late(p, latest, err) : VARVE_OK;
    if (o->target == PITR_LSN) return o->lsn > p->reach ? too_late(p, latest, err) : VARVE_OK;
    VV_TRY(pitr_plan_last_time(r, p, &last_ms, err));
    if (o->time_ms <= last_ms) return VARVE_OK;
    clock_wall_text(last_ms, when, sizeof when);
    snprintf(latest, sizeof latest, "%s (sequence %llu)", when, (unsigned long long)p->reach);
    return too_late(p, latest, err);
}

varve_status pitr_list_objects(repo *r, pitr_plan *p, varve_error *err)
{
    free(p->objects);
    p->objects = NULL;
    p->object_count = 0;
    VV_TRY(repo_list_all(r, NAME_WAL, r->db_id, add_object, p, err));
    if (p->object_count) qsort(p->objects, p->object_count, sizeof *p->objects, by_first);
    return VARVE_OK;
}

varve_status pitr_plan_objects(repo *r, const pitr_options *o, pitr_plan *p, varve_error *err)
{
    VV_TRY(pitr_list_objects(r, p, err));
    p->reach = pitr_plan_reach(p);
    p->stop = o->target == PITR_LSN ? o->lsn : p->reach;
    return check_reach(r, o, p, err);
}
