/* lease.c — see lease.h. The put of WRITER.json decides; HISTORY.json of a new timeline follows,
 * and is made up for by the next lease_take of the same holder if a crash comes between. */
#include "lease.h"

#include "base/clock.h"
#include "fields.h"

#include <string.h>

#define LEASE_FORMAT 1
#define TAKE_TRIES   5

static void key_of(const repo *r, char ret[NAMES_KEY_MAX])
{
    object_name n = {.kind = NAME_WRITER};
    memcpy(n.db_id, r->db_id, sizeof n.db_id);
    names_build(&n, ret);
}

static varve_status parse(repo *r, const char *key, lease_state *s, varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = NULL;
    VV_TRY(repo_read_json(r, key, REPO_SMALL_BYTES_MAX, &j, s->tag, err));
    fields f = fields_begin(j, key, err);
    fields_format(&f, LEASE_FORMAT);
    fields_id(&f, "holder", s->holder);
    s->epoch = fields_u64(&f, "epoch", INT64_MAX - 1);
    s->expires_ms = fields_u64(&f, "expires_ms", INT64_MAX);
    s->timeline = (uint32_t)fields_u64(&f, "timeline", NAMES_TIMELINE_MAX);
    s->parent = (uint32_t)fields_u64(&f, "parent", NAMES_TIMELINE_MAX);
    s->parent_lsn = fields_u64(&f, "parent_lsn", INT64_MAX);
    if (s->timeline == 0 || s->parent >= s->timeline)
        (void)fields_fail(&f, "timeline", "zero, or not after its parent");
    s->exists = true;
    return fields_end(&f);
}

varve_status lease_read(repo *r, lease_state *ret, varve_error *err)
{
    char key[NAMES_KEY_MAX];
    lease_state s = {0};
    key_of(r, key);
    varve_status status = parse(r, key, &s, err);
    if (status == VARVE_NOT_FOUND) s = (lease_state){0};
    if (status != VARVE_OK && status != VARVE_NOT_FOUND) return status;
    *ret = s;
    return VARVE_OK;
}

/* The put that decides. seen: what was read before. */
static varve_status put(lease *l, const lease_state *seen, varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = json_object();
    char key[NAMES_KEY_MAX];
    key_of(l->r, key);
    VV_TRY(fields_set(j, "format", fields_new_u64(LEASE_FORMAT), err));
    VV_TRY(fields_set(j, "holder", json_string(l->holder), err));
    VV_TRY(fields_set(j, "epoch", fields_new_u64(l->epoch), err));
    VV_TRY(fields_set(j, "expires_ms", fields_new_u64(l->expires_ms), err));
    VV_TRY(fields_set(j, "timeline", fields_new_u64(l->timeline), err));
    VV_TRY(fields_set(j, "parent", fields_new_u64(l->parent), err));
    VV_TRY(fields_set(j, "parent_lsn", fields_new_u64(l->parent_lsn), err));
    remote_when when = seen->exists ? REMOTE_IF_TAG : REMOTE_IF_ABSENT;
    if (!repo_has_conditions(l->r)) when = REMOTE_ALWAYS;
    return repo_put_json(l->r, key, j, REPO_SMALL_BYTES_MAX, when,
                         when == REMOTE_IF_TAG ? seen->tag : NULL, l->tag, err);
}

static varve_status check_free(const repo *r, const lease_state *seen, const lease_options *o,
                               varve_error *err)
{
    char until[32];
    uint64_t now = env_now_ms(&r->env);
    if (!seen->exists || o->force || strcmp(seen->holder, o->holder) == 0) return VARVE_OK;
    if (!repo_has_conditions(r))
        return vv_fail(err, VARVE_UNSUPPORTED,
                       "the store has no conditional puts, so one writer alone may use it: %s",
                       seen->holder);
    if (seen->expires_ms == 0 || now > seen->expires_ms + LEASE_SKEW_MS) return VARVE_OK;
    clock_wall_text(seen->expires_ms, until, sizeof until);
    return vv_fail(err, VARVE_LOCKED, "database %s is written by %s, whose lease ends at %s",
                   r->db_id, seen->holder, until);
}

static varve_status next_timeline(repo *r, const lease_state *seen, uint32_t *ret,
                                  uint32_t *ret_parent, varve_error *err)
{
    VV_CLEANUP(timelines_done) timelines t = {0};
    VV_TRY(timelines_read(r, &t, err));
    uint32_t highest = t.count ? t.items[t.count - 1].number : 0;
    *ret_parent = seen->exists ? seen->timeline : highest;
    highest = VV_MAX(highest, seen->timeline);
    if (highest >= NAMES_TIMELINE_MAX)
        return vv_fail(err, VARVE_LIMIT, "no timeline is left in database %s", r->db_id);
    *ret = highest + 1;
    return VARVE_OK;
}

/* Also for a timeline that the holder has already: a crash may have come before. */
static varve_status note_timeline(const lease *l, const char *reason, varve_error *err)
{
    timeline t = {.number = l->timeline,
                  .parent = l->parent,
                  .parent_lsn = l->parent_lsn,
                  .time_ms = env_now_ms(&l->r->env)};
    if (!reason) reason = l->parent ? "takeover" : "created";
    memcpy(t.holder, l->holder, sizeof t.holder);
    memcpy(t.reason, reason, VV_MIN(strlen(reason), sizeof t.reason - 1));
    return timeline_create(l->r, &t, err);
}

/* What the data at hand follows on is decided by who put the record that is replaced. */
static varve_status check_parent(const repo *r, const lease_state *seen, const lease_options *o,
                                 varve_error *err)
{
    if (!o->parent || !seen->exists || seen->timeline == o->parent) return VARVE_OK;
    return vv_fail(err, VARVE_CONFLICT, "database %s is written along timeline %u now, not %u",
                   r->db_id, seen->timeline, o->parent);
}

static varve_status take_once(repo *r, const lease_options *o, lease *l, varve_error *err)
{
    lease_state seen = {0};
    VV_TRY(lease_read(r, &seen, err));
    VV_TRY(check_free(r, &seen, o, err));
    VV_TRY(check_parent(r, &seen, o, err));
    l->timeline = seen.timeline;
    l->parent = seen.parent;
    l->parent_lsn = seen.parent_lsn;
    if (!seen.exists || o->branch || strcmp(seen.holder, o->holder) != 0) {
        VV_TRY(next_timeline(r, &seen, &l->timeline, &l->parent, err));
        l->parent_lsn = l->parent ? o->lsn : 0;
    }
    l->epoch = seen.epoch + 1;
    l->expires_ms = env_now_ms(&r->env) + l->life_ms;
    VV_TRY(put(l, &seen, err));
    return note_timeline(l, o->reason, err);
}

varve_status lease_take(repo *r, const lease_options *o, lease *ret, varve_error *err)
{
    lease l = {.r = r, .life_ms = o->life_ms ? o->life_ms : LEASE_LIFE_MS};
    if (!o->holder || !names_is_id(o->holder))
        return vv_fail(err, VARVE_INVALID, "the id of a writer is a UUID in lower case");
    memcpy(l.holder, o->holder, sizeof l.holder);
    varve_status status = VARVE_CONFLICT;
    for (int i = 0; i < TAKE_TRIES; i++) {
        status = take_once(r, o, &l, err);
        if (status != VARVE_CONFLICT && status != VARVE_EXISTS) break;
    }
    VV_TRY(status);
    *ret = l;
    return VARVE_OK;
}

/* Without conditional puts: what is there must be ours. */
static varve_status check_ours(lease *l, lease_state *ret, varve_error *err)
{
    VV_TRY(lease_read(l->r, ret, err));
    if (ret->exists && ret->epoch == l->epoch && strcmp(ret->holder, l->holder) == 0)
        return VARVE_OK;
    return vv_fail(err, VARVE_CONFLICT, "the lease of database %s was taken by %s", l->r->db_id,
                   ret->exists ? ret->holder : "nobody");
}

static varve_status change(lease *l, uint64_t expires_ms, varve_error *err)
{
    lease next = *l;
    lease_state seen = {.exists = true};
    next.expires_ms = expires_ms;
    memcpy(seen.tag, l->tag, sizeof seen.tag);
    if (!repo_has_conditions(l->r)) VV_TRY(check_ours(l, &seen, err));
    varve_status status = put(&next, &seen, err);
    if (status == VARVE_OK) {
        l->expires_ms = expires_ms;
        memcpy(l->tag, next.tag, sizeof l->tag);
    }
    if (status != VARVE_CONFLICT && status != VARVE_NOT_FOUND) return status;
    return vv_fail(err, VARVE_CONFLICT, "the lease of database %s was taken by somebody else",
                   l->r->db_id);
}

static void lock(const lease *l)
{
    if (l->lock) (void)pthread_mutex_lock(l->lock);
}

static void unlock(const lease *l)
{
    if (l->lock) (void)pthread_mutex_unlock(l->lock);
}

static varve_status renew_locked(lease *l, varve_error *err)
{
    return change(l, env_now_ms(&l->r->env) + l->life_ms, err);
}

varve_status lease_renew(lease *l, varve_error *err)
{
    lock(l);
    varve_status status = renew_locked(l, err);
    unlock(l);
    return status;
}

varve_status lease_keep(lease *l, varve_error *err)
{
    lock(l);
    bool fresh = env_now_ms(&l->r->env) + l->life_ms / 2 < l->expires_ms;
    varve_status status = fresh ? VARVE_OK : renew_locked(l, err);
    unlock(l);
    return status;
}

varve_status lease_drop(lease *l, varve_error *err)
{
    lock(l);
    varve_status status = change(l, 0, err);
    unlock(l);
    return status;
}

lease lease_now(const lease *l)
{
    lock(l);
    lease copy = *l;
    unlock(l);
    return copy;
}
