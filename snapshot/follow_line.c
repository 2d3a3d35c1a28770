/* follow_line.c — which timeline to follow, and where what comes next lies in it or its ancestors;
 * see follow.h, (2). */
#include "follow_inner.h"

#include <string.h>

#define LAST_ID "ffffffff-ffff-ffff-ffff-ffffffffffff" /* of names with one sequence number */

/* Timelines are read anew when the writer's is not among them; one whose record is still to come
 * (lease.c writes it last) is not followed before it is there. */
varve_status follow_line_read(follow_handle *f, varve_error *err)
{
    lease_state writer;
    VV_TRY(lease_read(f->r, &writer, err));
    bool known = writer.exists && timelines_find(&f->timelines, writer.timeline);
    if (!known) {
        timelines_done(&f->timelines);
        VV_TRY(timelines_read(f->r, &f->timelines, err));
        known = writer.exists && timelines_find(&f->timelines, writer.timeline);
    }
    if (f->timelines.count == 0)
        return vv_fail(err, VARVE_NOT_FOUND, "database %s has no timeline", f->r->db_id);
    f->writer = known ? writer.timeline : f->timelines.items[f->timelines.count - 1].number;
    return VARVE_OK;
}

bool follow_line_holds(const follow_handle *f)
{
    return timelines_reach(&f->timelines, f->writer, f->note.timeline, f->sequence);
}

follow_stretch follow_line_find(const follow_handle *f)
{
    follow_stretch s = {.timeline = f->writer, .limit = UINT64_MAX};
    for (;;) {
        const timeline *t = timelines_find(&f->timelines, s.timeline);
        if (!t || !t->parent || t->parent_lsn <= f->sequence) return s;
        s.limit = VV_MIN(s.limit, t->parent_lsn);
        s.timeline = t->parent; /* older than the child, so this ends */
    }
}

static varve_status see_snapshot(void *arg, const char *key, uint64_t size, varve_error *err)
{
    follow_handle *f = arg;
    object_name n;
    (void)size, (void)err;
    if (names_parse(key, &n) && n.kind == NAME_SNAP &&
        timelines_reach(&f->timelines, f->writer, n.timeline, n.lsn))
        f->beyond = VV_MAX(f->beyond, n.lsn);
    return VARVE_OK;
}

/* Of the timelines from that of the stretch on: younger ones have greater numbers. */
varve_status follow_line_find_beyond(follow_handle *f, varve_error *err)
{
    const follow_stretch s = follow_line_find(f);
    f->beyond = 0;
    for (size_t i = 0; i < f->timelines.count; i++) {
        char prefix[NAMES_KEY_MAX], after[NAMES_KEY_MAX];
        object_name name = {.kind = NAME_SNAP, .lsn = f->sequence, .id = LAST_ID};
        name.timeline = f->timelines.items[i].number;
        if (name.timeline < s.timeline) continue;
        memcpy(name.db_id, f->r->db_id, sizeof name.db_id);
        names_build(&name, after);
        names_prefix(NAME_SNAP, f->r->db_id, name.timeline, prefix);
        VV_TRY(remote_list(f->r->remote, prefix, after, see_snapshot, f, err));
    }
    return VARVE_OK;
}
