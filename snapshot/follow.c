/* follow.c — one look at the repository after the other, and the promotion; see follow.h. */
#include "follow.h"

#include "base/clock.h"
#include "base/file.h"
#include "follow_inner.h"
#include "ship.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOKS       6 /* at snapshots, until one bridges a gap */
#define CATCH_UP_MS 200

varve_status follow_check_cancel(const follow_handle *f, varve_error *err)
{
    const remote_cancel *c = &f->o.cancel;
    return c->asked && c->asked(c->arg) ? vv_fail(err, VARVE_CANCELLED, "cancelled") : VARVE_OK;
}

uint64_t follow_sequence(const follow_handle *f) { return f->there ? f->sequence : 0; }

/* ---- open, close --------------------------------------------------------------------------- */

static varve_status name_paths(follow_handle *f, varve_error *err)
{
    const char *folder = f->o.folder;
    size_t len = folder ? strlen(folder) : 0;
    while (len > 1 && folder[len - 1] == '/')
        len--;
    if (len == 0) return vv_fail(err, VARVE_INVALID, "a follower needs a folder");
    if (len > FOLLOW_PATH_SIZE / 2) return vv_fail(err, VARVE_LIMIT, "%s is too long", folder);
    (void)snprintf(f->folder, sizeof f->folder, "%.*s", (int)len, folder);
    (void)snprintf(f->fresh, sizeof f->fresh, "%.*s.follow-new", (int)len, folder);
    f->o.folder = f->folder;
    return VARVE_OK;
}

static varve_status check_note(const follow_handle *f, varve_error *err)
{
    bool same =
        strcmp(f->note.repo_id, f->r->repo_id) == 0 && strcmp(f->note.db_id, f->r->db_id) == 0;
    if (!f->there || same) return VARVE_OK;
    return vv_fail(err, VARVE_CONFLICT, "%s follows database %s of repository %s, not this one",
                   f->folder, f->note.db_id, f->note.repo_id);
}

void follow_close(follow_handle *f)
{
    if (!f) return;
    follow_close_replica(f);
    timelines_done(&f->timelines);
    free(f);
}

static void closep(follow_handle **f) { follow_close(*f); }

varve_status follow_open(repo *r, const follow_options *options, follow_handle **ret,
                         varve_error *err)
{
    VV_CLEANUP(closep) follow_handle *f = calloc(1, sizeof *f);
    if (!f) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a follower");
    f->r = r;
    f->o = *options;
    if (!f->o.step_bytes) f->o.step_bytes = FOLLOW_STEP_BYTES;
    if (!f->o.bridge_ms) f->o.bridge_ms = FOLLOW_BRIDGE_MS;
    VV_TRY(name_paths(f, err));
    VV_TRY(follow_resume(f, err));
    VV_TRY(check_note(f, err));
    if (f->there) VV_TRY(follow_open_replica(f, err));
    *ret = f;
    f = NULL;
    return VARVE_OK;
}

/* ---- what is there ------------------------------------------------------------------------- */

typedef struct object_list {
    object_name *items; /* of one stretch, that end behind the sequence, by their beginnings */
    size_t count;
    uint64_t sequence, limit;
} object_list;

static void object_list_done(object_list *l) { free(l->items); }

static varve_status add_object(void *arg, const char *key, uint64_t size, varve_error *err)
{
    object_list *l = arg;
    object_name name;
    (void)size;
    if (!names_parse(key, &name) || name.kind != NAME_WAL || name.last < name.lsn ||
        name.last <= l->sequence || name.lsn > l->limit)
        return VARVE_OK;
    if ((l->count & (l->count - 1)) == 0) { /* a power of two: full */
        size_t room = l->count ? l->count * 2 : 1;
        object_name *items = realloc(l->items, room * sizeof *items);
        if (!items) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a list of the log");
        l->items = items;
    }
    l->items[l->count++] = name;
    return VARVE_OK;
}

/* Behind the end of an object only what begins there is of interest; otherwise what overlaps
 * too. */
static varve_status list_objects(const follow_handle *f, const follow_stretch *s, object_list *ret,
                                 varve_error *err)
{
    char prefix[NAMES_KEY_MAX], after[NAMES_KEY_MAX];
    object_name name = {
        .kind = NAME_WAL, .timeline = s->timeline, .lsn = f->sequence, .last = UINT64_MAX};
    memcpy(name.db_id, f->r->db_id, sizeof name.db_id);
    names_build(&name, after);
    names_prefix(NAME_WAL, f->r->db_id, s->timeline, prefix);
    ret->sequence = f->sequence;
    ret->limit = s->limit;
    return remote_list(f->r->remote, prefix, f->sure ? after : NULL, add_object, ret, err);
}

/* The one that holds what follows, and goes furthest; from *at on, which moves along. */
static const object_name *next_object(const object_list *l, uint64_t sequence, size_t *at)
{
    const object_name *best = NULL;
    for (; *at < l->count && l->items[*at].lsn <= sequence + 1; (*at)++)
        if (l->items[*at].last > sequence && (!best || l->items[*at].last >= best->last))
            best = &l->items[*at];
    return best;
}

/* ---- a step -------------------------------------------------------------------------------- */

/* The writer began a timeline behind what was applied here: the folder is on its line too. */
static varve_status join_line(follow_handle *f, varve_error *err)
{
    if (f->note.timeline == f->writer) return VARVE_OK;
    follow_note next = f->note;
    next.timeline = f->writer;
    VV_TRY(follow_note_write(f->folder, &next, err));
    f->note = next;
    return VARVE_OK;
}

/* *ret_more: the step's bytes are spent. */
static varve_status apply_list(follow_handle *f, const object_list *l, follow_result *result,
                               bool *ret_more, varve_error *err)
{
    const object_name *next;
    *ret_more = false;
    for (size_t i = 0; i < l->count; i++)
        result->known = VV_MAX(result->known, VV_MIN(l->items[i].last, l->limit));
    for (size_t at = 0; (next = next_object(l, f->sequence, &at));) {
        *ret_more = result->bytes >= f->o.step_bytes;
        if (*ret_more) return VARVE_OK;
        VV_TRY(follow_apply(f, next, VV_MIN(next->last, l->limit), result, err));
    }
    return VARVE_OK;
}

static varve_status no_bridge(const follow_handle *f, varve_error *err)
{
    return vv_fail(err, VARVE_NOT_FOUND,
                   "the log has a gap behind sequence %llu, and no snapshot lies beyond it yet",
                   (unsigned long long)f->sequence);
}

/* Stretch after stretch. *ret_gap: something follows, but not at once. */
static varve_status apply_all(follow_handle *f, follow_result *result, bool *ret_gap,
                              varve_error *err)
{
    for (;;) {
        VV_CLEANUP(object_list_done) object_list l = {0};
        const follow_stretch s = follow_line_find(f);
        bool more;
        VV_TRY(list_objects(f, &s, &l, err));
        VV_TRY(apply_list(f, &l, result, &more, err));
        if (more) return VARVE_OK;
        if (s.limit == f->sequence) continue; /* on in the timeline that branched here */
        *ret_gap = s.limit != UINT64_MAX || result->known > f->sequence;
        result->all = !*ret_gap;
        return VARVE_OK;
    }
}

static varve_status make(follow_handle *f, follow_result *result, varve_error *err)
{
    VV_TRY(follow_make(f, err));
    result->bootstrapped = true;
    return follow_pin_keep(f, err);
}

/* The log has come to its end. A snapshot beyond it is one that the log will reach, or it bridges a
 * gap behind which nothing was written yet: time tells. */
static varve_status look_beyond(follow_handle *f, follow_result *result, varve_error *err)
{
    uint64_t now = env_now_ms(&f->r->env);
    if (now >= f->beyond_looked_ms + f->o.bridge_ms / LOOKS) {
        VV_TRY(follow_line_find_beyond(f, err));
        f->beyond_looked_ms = now;
    }
    result->waits = f->beyond > f->sequence;
    if (!result->waits || f->beyond_from != f->sequence) f->beyond_since_ms = now;
    f->beyond_from = f->sequence;
    if (!result->waits) return VARVE_OK;
    result->known = VV_MAX(result->known, f->beyond);
    result->all = false;
    return now - f->beyond_since_ms < f->o.bridge_ms ? VARVE_OK : make(f, result, err);
}

static varve_status bridge(follow_handle *f, follow_result *result, varve_error *err)
{
    VV_TRY(follow_line_find_beyond(f, err));
    return f->beyond > f->sequence ? make(f, result, err) : no_bridge(f, err);
}

static varve_status run(follow_handle *f, follow_result *result, varve_error *err)
{
    bool gap = false;
    VV_TRY(follow_check_cancel(f, err));
    VV_TRY(follow_line_read(f, err));
    if (f->there) VV_TRY(follow_open_replica(f, err));
    if (!f->there || f->anew || !follow_line_holds(f)) return make(f, result, err);
    VV_TRY(join_line(f, err));
    VV_TRY(follow_pin_keep(f, err));
    varve_status status = apply_all(f, result, &gap, err);
    f->anew = status == VARVE_CONFLICT;
    VV_TRY(status);
    if (gap) return bridge(f, result, err);
    return result->all ? look_beyond(f, result, err) : VARVE_OK;
}

varve_status follow_step(follow_handle *f, follow_result *ret, varve_error *err)
{
    follow_result result = {0};
    varve_status status = run(f, &result, err);
    result.timeline = f->note.timeline;
    result.sequence = f->sequence;
    result.time_ms = f->time_ms;
    result.known = VV_MAX(result.known, f->sequence);
    if (status == VARVE_OK) *ret = result;
    return status;
}

/* ---- promotion ----------------------------------------------------------------------------- */

/* Whoever may still write may still ship. */
static varve_status check_free(const follow_handle *f, const follow_promotion *o, varve_error *err)
{
    char until[32];
    lease_state seen;
    if (o->force) return VARVE_OK;
    VV_TRY(lease_read(f->r, &seen, err));
    bool over = env_now_ms(&f->r->env) > seen.expires_ms + LEASE_SKEW_MS;
    if (!seen.exists || seen.expires_ms == 0 || over || strcmp(seen.holder, o->holder) == 0)
        return VARVE_OK;
    clock_wall_text(seen.expires_ms + LEASE_SKEW_MS, until, sizeof until);
    return vv_fail(err, VARVE_LOCKED,
                   "%s may write until %s: wait, or force it if that one is surely gone",
                   seen.holder, until);
}

/* Forced, a gap that nothing bridges is the end, and a snapshot that nothing reaches too. */
static varve_status catch_up(follow_handle *f, bool force, varve_error *err)
{
    follow_result r = {0};
    while (!r.all) {
        varve_status status = follow_step(f, &r, err);
        if (status == VARVE_NOT_FOUND && force && f->replica) return VARVE_OK;
        VV_TRY(status);
        if (r.waits && force) return VARVE_OK;
        if (r.waits) f->r->env.sleep_ms(f->r->env.arg, CATCH_UP_MS);
    }
    return VARVE_OK;
}

varve_status follow_promote(follow_handle *f, const follow_promotion *options, lease *ret,
                            varve_error *err)
{
    lease taken;
    VV_TRY(check_free(f, options, err));
    VV_TRY(catch_up(f, options->force, err));
    const lease_options o = {.holder = options->holder,
                             .lsn = f->sequence,
                             .reason = "promotion",
                             .life_ms = options->life_ms,
                             .force = options->force,
                             .parent = f->note.timeline};
    if (options->state)
        VV_TRY(ship_begin_at(f->r, options->state, f->note.timeline, f->sequence, err));
    VV_TRY(lease_take(f->r, &o, &taken, err));
    varve_replica *replica = f->replica;
    f->replica = NULL;
    VV_TRY(varve_replica_close(replica, err));
    f->note.timeline = taken.timeline;
    f->note.promoted = true;
    VV_TRY(follow_note_write(f->folder, &f->note, err));
    follow_pin_drop(f);
    *ret = taken;
    return VARVE_OK;
}
