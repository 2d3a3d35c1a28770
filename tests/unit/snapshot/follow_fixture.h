/* follow_fixture.h — a folder that follows the one of log_fixture.h through its repository. */
#ifndef SNAPSHOT_FOLLOW_FIXTURE_H
#define SNAPSHOT_FOLLOW_FIXTURE_H

#include "log_fixture.h"

#include "follow.h"
#include "pins.h"

typedef struct chase {
    voyage v;
    varve *reader; /* the one before: each shares with it */
    char folder[320];
    follow_handle *f;
    uint64_t objects, bootstraps;
} chase;

static inline void chase_open(chase *c)
{
    const follow_options o = {
        .folder = c->folder, .threads = 1, .step_bytes = 4000, .bridge_ms = 1};
    ok(&c->v.s, follow_open(c->v.repo, &o, &c->f, &c->v.s.err));
}

static inline void chase_begin(chase *c, uint64_t seed, bool in_memory)
{
    *c = (chase){0};
    voyage_begin(&c->v, seed, in_memory, NULL);
    (void)beside(&c->v.s, "follower", c->folder);
    (void)voyage_snapshot(&c->v);
    chase_open(c);
}

static inline void chase_end(chase *c)
{
    bool there = c->f && follow_sequence(c->f);
    ok(&c->v.s, varve_close(c->reader, &c->v.s.err));
    follow_close(c->f);
    if (there) assert_sound(c->folder);
    voyage_end(&c->v);
}

/* Steps until all that is there is applied. */
static inline follow_result catch_up(chase *c)
{
    follow_result r = {0};
    while (!r.all) {
        ok(&c->v.s, follow_step(c->f, &r, &c->v.s.err));
        c->objects += r.objects;
        c->bootstraps += r.bootstrapped;
    }
    return r;
}

/* Beside the follower, as a server opens it. */
static inline void expect(chase *c, const model *m)
{
    varve *db = NULL;
    varve_collection *docs = NULL;
    varve_options o = c->v.s.options;
    o.read_only = true;
    ok(&c->v.s, varve_open_newer(c->folder, &o, c->reader, &db, &c->v.s.err));
    ok(&c->v.s, varve_collection_open(db, "default", "docs", &docs, &c->v.s.err));
    ok(&c->v.s, varve_close(c->reader, &c->v.s.err));
    c->reader = db;
    assert_model(m, docs);
    varve_collection_release(docs);
}

static inline void restart(chase *c)
{
    follow_close(c->f);
    chase_open(c);
}

static inline void refused(chase *c, const char *folder, varve_status expected, const char *part)
{
    follow_handle *f = NULL;
    const follow_options o = {.folder = folder};
    varve_status status = follow_open(c->v.repo, &o, &f, &c->v.s.err);
    if (status != expected || !strstr(c->v.s.err.message, part))
        fail_msg("%s: %s", varve_status_name(status), c->v.s.err.message);
}

typedef struct pin_look {
    repo *r;
    size_t count;
    pin last;
    char key[NAMES_KEY_MAX];
} pin_look;

static inline varve_status look_at_pin(void *arg, const object_name *name, const char *key,
                                       uint64_t size, varve_error *err)
{
    pin_look *l = arg;
    (void)name, (void)size;
    pin p;
    VV_TRY(pin_read(l->r, key, &p, NULL, err));
    l->count++;
    l->last = p;
    snprintf(l->key, sizeof l->key, "%s", key);
    pin_done(&p);
    return VARVE_OK;
}

static inline pin_look find_pins(chase *c)
{
    pin_look l = {.r = c->v.repo};
    ok(&c->v.s, repo_list(c->v.repo, NAME_PIN, LOG_DB, 0, look_at_pin, &l, &c->v.s.err));
    return l;
}

#endif
