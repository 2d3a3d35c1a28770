/* sim_remote.c — the remote of an actor: the store in memory, with stops, faults, requests that
 * outlive their caller, and the rules that a run wants broken. */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

typedef enum fate { /* of one request */
                    FATE_FINE,
                    FATE_REFUSED, /* nothing happens */
                    FATE_UNKNOWN, /* it happens, and the caller is told that it timed out */
                    FATE_GHOST    /* the same is told; it happens later, or not at all */
} fate;

static const remote_type type;

static sim_actor *actor_of(remote *r) { return ((sim_remote *)r)->actor; }
static remote *inner_of(remote *r) { return ((sim_remote *)r)->inner; }

static varve_status crashed(varve_error *err)
{
    return vv_fail(err, VARVE_IO, "the actor has ended");
}

static fate choose_fate(sim *w)
{
    if (w->calm || !sim_chance(w, w->faults)) return FATE_FINE;
    return (fate)(1 + random_below(&w->random, 3));
}

/* One in some hundreds is the last thing that an actor does. */
static void maybe_crash(sim_actor *a)
{
    if (a->world->calm || a->dead || !sim_chance(a->world, (a->world->faults + 4) / 5)) return;
    a->dead = true;
    a->world->counts->crashes++;
    if (a->world->trace) printf("  actor %zu crashes\n", a->number);
}

/* Before a request: others run, time passes. */
static varve_status send(sim_actor *a, const char *verb, const char *key, varve_error *err)
{
    uint64_t sent = a->world->now_ms;
    if (a->dead) return crashed(err);
    maybe_crash(a);
    bool last = a->dead;
    sim_yield(a);
    if (last && sim_chance(a->world, 5000)) return crashed(err);
    if (a->world->trace)
        printf("  %llu actor %zu %s %s\n", (unsigned long long)a->world->now_ms, a->number, verb,
               key);
    if (a->world->now_ms - sent <= SIM_DEADLINE_MS) return VARVE_OK;
    return vv_fail(err, VARVE_TIMEOUT, "no answer in time");
}

/* Behind it: others run before the caller hears of it. */
static varve_status receive(sim_actor *a, varve_status status, varve_error *err)
{
    if (a->dead) return crashed(err);
    sim_yield(a);
    return a->dead ? crashed(err) : status;
}

/* ---- ghosts -------------------------------------------------------------------------------- */

static void make_ghost(sim *w, const sim_ghost *from)
{
    for (size_t i = 0; i < SIM_GHOSTS; i++) {
        sim_ghost *g = &w->ghosts[i];
        if (g->used) continue;
        *g = *from;
        g->used = true;
        g->sent_ms = w->now_ms;
        g->bytes = malloc(from->len + 1);
        if (from->len) memcpy(g->bytes, from->bytes, from->len);
        w->counts->ghosts++;
        return;
    }
}

static varve_status apply_put(sim *w, const char *key, const void *bytes, size_t len,
                              remote_when when, const char *tag, char *ret_tag, varve_error *err)
{
    if (w->broken == BREAK_CONDITION) when = REMOTE_ALWAYS;
    varve_status status = remote_put(w->plain, key, bytes, len, when,
                                     when == REMOTE_IF_TAG ? tag : NULL, ret_tag, err);
    if (status == VARVE_OK) sim_saw_put(w, key);
    return status;
}

static varve_status apply_delete(sim *w, const char *key, varve_error *err)
{
    varve_status status = remote_delete(w->plain, key, err);
    if (status == VARVE_OK) sim_saw_delete(w, key);
    return status;
}

static void pass_ghost(sim *w, sim_ghost *g)
{
    varve_status ignored = VARVE_OK;
    bool dropped = w->now_ms - g->sent_ms > SIM_DEADLINE_MS;
    if (w->trace)
        printf("  %llu a request arrives late%s: %s %s\n", (unsigned long long)w->now_ms,
               dropped ? ", too late" : "", g->is_delete ? "delete" : "put", g->key);
    if (!dropped && g->is_delete) ignored = apply_delete(w, g->key, NULL);
    if (!dropped && !g->is_delete)
        ignored = apply_put(w, g->key, g->bytes, g->len, g->when, g->tag, NULL, NULL);
    (void)ignored;
    free(g->bytes);
    *g = (sim_ghost){0};
}

void sim_pass_ghosts(sim *w, bool all)
{
    for (size_t i = 0; i < SIM_GHOSTS; i++)
        if (w->ghosts[i].used && (all || sim_chance(w, 500))) pass_ghost(w, &w->ghosts[i]);
}

/* ---- rules that are broken ----------------------------------------------------------------- */

/* Is this put passed over in silence? */
static bool is_swallowed(sim_actor *a, const object_name *n)
{
    sim_break b = a->world->broken;
    if (a->world->calm) return false;
    if (b == BREAK_PIN) return a->job == JOB_BACKUP && n->kind == NAME_PIN;
    return b == BREAK_RECORD && n->kind == NAME_GC;
}

static bool is_hidden(const sim_actor *a, const char *prefix)
{
    sim_break b = a->world->broken;
    if (a->world->calm) return false;
    if (b == BREAK_GENERATION) return a->job == JOB_BACKUP && strstr(prefix, "/gc/");
    return b == BREAK_RELIST && a->job == JOB_PRUNE && strstr(prefix, "/pins/");
}

/* ---- calls --------------------------------------------------------------------------------- */

static varve_status timed_out(varve_error *err)
{
    return vv_fail(err, VARVE_TIMEOUT, "the answer was lost");
}

static varve_status sim_put(remote *r, const char *key, const void *bytes, size_t len,
                            remote_when when, const char *tag, char *ret_tag, varve_error *err)
{
    sim_actor *a = actor_of(r);
    sim *w = a->world;
    object_name name = {0};
    VV_TRY(send(a, "put", key, err));
    fate f = choose_fate(w);
    bool ours = names_parse(key, &name);
    if (ours && is_swallowed(a, &name)) {
        if (ret_tag) snprintf(ret_tag, REMOTE_TAG_MAX, "\"swallowed\"");
        return receive(a, VARVE_OK, err);
    }
    if (f == FATE_REFUSED) return receive(a, vv_fail(err, VARVE_IO, "refused"), err);
    if (f == FATE_GHOST) {
        sim_ghost g = {.bytes = (char *)(uintptr_t)bytes, .len = len, .when = when};
        snprintf(g.key, sizeof g.key, "%s", key);
        snprintf(g.tag, sizeof g.tag, "%s", tag ? tag : "");
        make_ghost(w, &g);
        return receive(a, timed_out(err), err);
    }
    w->counts->generations += ours && name.kind == NAME_BLOB && name.generation > 0;
    varve_status status = apply_put(w, key, bytes, len, when, tag, ret_tag, err);
    return receive(a, f == FATE_UNKNOWN ? timed_out(err) : status, err);
}

/* Files are so small here that they come through sim_put; a large one is one step. */
static varve_status sim_put_file(remote *r, const char *key, const remote_file *file,
                                 const remote_cancel *cancel, varve_error *err)
{
    VV_TRY(send(actor_of(r), "put", key, err));
    varve_status status = remote_put_file(inner_of(r), key, file, cancel, err);
    if (status == VARVE_OK) sim_saw_put(actor_of(r)->world, key);
    return receive(actor_of(r), status, err);
}

static varve_status sim_get(remote *r, const char *key, uint64_t offset, uint64_t len,
                            remote_sink sink, void *arg, const remote_cancel *cancel, char *ret_tag,
                            varve_error *err)
{
    sim_actor *a = actor_of(r);
    remote *inner = inner_of(r);
    VV_TRY(send(a, "get", key, err));
    if (choose_fate(a->world) != FATE_FINE) return receive(a, timed_out(err), err);
    varve_status status =
        inner->type->get(inner, key, offset, len, sink, arg, cancel, ret_tag, err);
    return receive(a, status, err);
}

static varve_status sim_stat(remote *r, const char *key, remote_stat_result *ret, varve_error *err)
{
    sim_actor *a = actor_of(r);
    VV_TRY(send(a, "stat", key, err));
    if (choose_fate(a->world) != FATE_FINE) return receive(a, timed_out(err), err);
    remote *inner = inner_of(r);
    return receive(a, inner->type->stat(inner, key, ret, err), err);
}

static varve_status sim_list(remote *r, const char *prefix, const char *after, remote_each each,
                             void *arg, varve_error *err)
{
    sim_actor *a = actor_of(r);
    if (a->dead) return crashed(err);
    if (is_hidden(a, prefix)) return VARVE_OK;
    if (choose_fate(a->world) != FATE_FINE) return receive(a, timed_out(err), err);
    remote *inner = inner_of(r);
    return inner->type->list(inner, prefix, after, each, arg, err); /* stops at every page */
}

static varve_status sim_remove(remote *r, const char *key, varve_error *err)
{
    sim_actor *a = actor_of(r);
    VV_TRY(send(a, "delete", key, err));
    fate f = choose_fate(a->world);
    if (f == FATE_REFUSED) return receive(a, vv_fail(err, VARVE_IO, "refused"), err);
    if (f == FATE_GHOST) {
        sim_ghost g = {.is_delete = true};
        snprintf(g.key, sizeof g.key, "%s", key);
        make_ghost(a->world, &g);
        return receive(a, timed_out(err), err);
    }
    varve_status status = apply_delete(a->world, key, err);
    return receive(a, f == FATE_UNKNOWN ? timed_out(err) : status, err);
}

/* ---- life ---------------------------------------------------------------------------------- */

static varve_status sim_abilities(remote *r, remote_abilities *ret, varve_error *err)
{
    (void)r, (void)err;
    *ret = (remote_abilities){true, true, true};
    return VARVE_OK;
}

static void sim_close(remote *r)
{
    remote_close(inner_of(r));
    remote_done(r);
    free(r);
}

static const remote_type type = {.close = sim_close,
                                 .get_abilities = sim_abilities,
                                 .put = sim_put,
                                 .put_file = sim_put_file,
                                 .get = sim_get,
                                 .stat = sim_stat,
                                 .list = sim_list,
                                 .remove = sim_remove};

/* Pages of lists stop inside of the store's own list. */
static remote_memory_action stop_at_pages(void *arg, const remote_memory_request *request)
{
    sim_actor *a = arg;
    if (request->step != REMOTE_MEMORY_LIST) return REMOTE_MEMORY_GO;
    if (a->world->trace && !request->done)
        printf("  %llu actor %zu list %s\n", (unsigned long long)a->world->now_ms, a->number,
               request->key);
    if (!request->done) maybe_crash(a);
    if (!a->dead) sim_yield(a);
    return a->dead ? REMOTE_MEMORY_FAIL : REMOTE_MEMORY_GO;
}

remote *sim_remote_open(sim_actor *a)
{
    sim_remote *r = calloc(1, sizeof *r);
    if (!r || remote_init(&r->base, &type, "sim", NULL, NULL) != VARVE_OK) abort();
    r->actor = a;
    r->inner = remote_open_memory(a->world->store, stop_at_pages, a);
    return &r->base;
}
