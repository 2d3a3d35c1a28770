/* sim.h — a simulated world for the backup repository: one store in memory, a clock, and actors
 * that back up, prune, restore and take over. Every actor is a coroutine that stops before and
 * after each call of its remote, so that any other may run there; a call may fail, take effect
 * although it seems to have failed, take effect later, or be the last that its actor makes.
 *
 * All that happens follows from the seed.
 *
 * What must hold is looked at whenever the store changes (sim_check.c):
 *   G3  a manifest that appears has all its blobs, with the right bytes
 *   G8  no blob goes that a manifest in the store needs; the last manifest never goes
 *   G9  all manifests of a timeline are of one writer
 *
 * Ownership  sim_init … sim_done.   Threads  one.   Errors  a violation is noted in the world. */
#ifndef SIM_H
#define SIM_H

#include "base/random.h"
#include "remote_inner.h"
#include "remote_memory.h"
#include "repo.h"

#include <stdio.h>
#include <ucontext.h>

#define SIM_ACTORS      4
#define SIM_HOLDERS     3
#define SIM_VERSIONS    8
#define SIM_STACK_BYTES ((size_t)1 << 20)
#define SIM_GHOSTS      16
#define SIM_DEADLINE_MS ((uint64_t)900000) /* a request takes effect within this, or never */
#define SIM_DB          "00000000-0000-4000-8000-0000000000db"

/* Rules that can be broken, to see that the simulator finds it. */
#define SIM_BREAK_TABLE(X)                                                                         \
    X(NOTHING, "nothing")                                                                          \
    X(PIN, "pin")               /* backups write no pins */                                        \
    X(GENERATION, "generation") /* backups do not see gc/ */                                       \
    X(RECORD, "record")         /* collections write no gc/<run>.json */                           \
    X(RELIST, "relist")         /* collections do not see pins */                                  \
    X(CONDITION, "condition")   /* conditional puts are not */

typedef enum sim_break {
#define X(name, word) BREAK_##name,
    SIM_BREAK_TABLE(X)
#undef X
        SIM_BREAK_COUNT
} sim_break;

typedef enum sim_job { JOB_BACKUP, JOB_PRUNE, JOB_RESTORE, JOB_COUNT } sim_job;

struct sim;

typedef struct sim_remote { /* the remote of one actor */
    remote base;
    struct sim_actor *actor;
    remote *inner;
} sim_remote;

typedef struct sim_actor {
    struct sim *world;
    size_t number;
    sim_job job;
    size_t holder; /* of a backup */
    bool running, dead;
    ucontext_t context;
    char *stack;
    remote *remote;
} sim_actor;

typedef struct sim_ghost { /* a request that is still under way, after its caller gave up */
    bool used, is_delete;
    char key[NAMES_KEY_MAX], tag[REMOTE_TAG_MAX];
    char *bytes;
    size_t len;
    remote_when when;
    uint64_t sent_ms;
} sim_ghost;

typedef struct sim_snapshot { /* every manifest that ever appeared */
    char key[NAMES_KEY_MAX], holder[NAMES_ID_SIZE];
    uint32_t timeline;
    bool present;
    char (*blobs)[NAMES_KEY_MAX];
    size_t count;
} sim_snapshot;

typedef struct sim_counts {
    uint64_t steps, backups, backups_failed, prunes, prunes_failed, restores, restores_failed;
    uint64_t crashes, ghosts, takeovers, blobs_deleted, manifests_deleted, generations;
} sim_counts;

typedef struct sim {
    uint64_t seed;
    sim_break broken;
    bool calm; /* no faults, no crashes: the end of a run */
    bool trace;
    random_state random;
    uint64_t now_ms;
    snapshot_env env;
    remote_memory *store;
    remote *plain; /* past all hooks */
    repo *repo;    /* on plain: for checks */
    ucontext_t scheduler;
    sim_actor *current, actors[SIM_ACTORS];
    uint64_t sequence[SIM_HOLDERS]; /* of each holder's data */
    uint64_t jobs_left;
    unsigned faults;     /* of 10000 requests */
    unsigned long_waits; /* of 10000 steps: minutes; a fifth as many: hours */
    sim_ghost ghosts[SIM_GHOSTS];
    sim_snapshot *snapshots;
    size_t snapshot_count;
    const char *folder;  /* with data folders v0 … and room for restores */
    char violation[700]; /* "": none */
    sim_counts *counts;
} sim;

void sim_init(sim *w, uint64_t seed, sim_break broken, const char *folder, sim_counts *counts);
void sim_done(sim *w);
/* Until nothing is left to do, or something is violated. */
void sim_run(sim *w);
bool sim_chance(sim *w, unsigned percent_of_percent); /* out of 10000 */
void sim_violate(sim *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Called by an actor: let others run. */
void sim_yield(sim_actor *a);
const char *sim_holder(size_t number);

/* sim_remote.c */
remote *sim_remote_open(sim_actor *a);
void sim_pass_ghosts(sim *w, bool all);
/* sim_check.c */
void sim_saw_put(sim *w, const char *key);
void sim_saw_delete(sim *w, const char *key);
void sim_check_end(sim *w);
bool sim_has_seen(const sim *w, const char *key);
void sim_forget(sim *w);
/* sim_jobs.c */
void sim_run_job(sim_actor *a);
void sim_make_versions(const char *folder);

#endif
