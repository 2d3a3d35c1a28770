/* sim_world.c — the scheduler: which actor goes on, how much time passes; see sim.h. */
#include "sim.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN_MS ((uint64_t)1795219200000)
#define HOUR_MS  ((uint64_t)3600000)
#define PAGE     2

/* ---- small things -------------------------------------------------------------------------- */

bool sim_chance(sim *w, unsigned share) { return random_below(&w->random, 10000) < share; }

const char *sim_holder(size_t number)
{
    static const char *const ids[SIM_HOLDERS] = {"00000000-0000-4000-8000-00000000aaaa",
                                                 "00000000-0000-4000-8000-00000000bbbb",
                                                 "00000000-0000-4000-8000-00000000cccc"};
    return ids[number];
}

void sim_violate(sim *w, const char *format, ...)
{
    va_list list;
    if (w->violation[0]) return;
    va_start(list, format);
    (void)vsnprintf(w->violation, sizeof w->violation, format, list);
    va_end(list);
    if (w->trace) printf("VIOLATION %s\n", w->violation);
}

static uint64_t now(void *arg) { return ((sim *)arg)->now_ms; }

static void sleep_a_while(void *arg, uint64_t ms)
{
    sim *w = arg;
    w->now_ms += ms;
    if (w->current) sim_yield(w->current);
}

static varve_status random_bytes(void *arg, void *ret, size_t len, varve_error *err)
{
    sim *w = arg;
    (void)err;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)ret)[i] = (uint8_t)random_u64(&w->random);
    return VARVE_OK;
}

/* ---- life ---------------------------------------------------------------------------------- */

void sim_init(sim *w, uint64_t seed, sim_break broken, const char *folder, sim_counts *counts)
{
    *w = (sim){
        .seed = seed, .broken = broken, .now_ms = BEGIN_MS, .folder = folder, .counts = counts};
    random_seed(&w->random, seed);
    w->env =
        (snapshot_env){.now_ms = now, .sleep_ms = sleep_a_while, .random = random_bytes, .arg = w};
    w->store = remote_memory_new();
    w->plain = remote_open_memory(w->store, NULL, NULL);
    const repo_options options = {.db_id = SIM_DB, .create = true, .env = &w->env};
    if (repo_open(w->plain, &options, &w->repo, NULL) != VARVE_OK) abort();
    remote_memory_set_page(w->store, PAGE);
    for (size_t i = 0; i < SIM_ACTORS; i++) {
        w->actors[i] = (sim_actor){.world = w, .number = i, .stack = malloc(SIM_STACK_BYTES)};
        if (!w->actors[i].stack) abort();
    }
    static const unsigned faults[] = {0, 10, 40, 150}, waits[] = {0, 3, 15, 80};
    w->faults = faults[random_below(&w->random, VV_COUNT(faults))];
    w->long_waits = waits[random_below(&w->random, VV_COUNT(waits))];
    w->jobs_left = 5 + random_below(&w->random, 12);
}

void sim_done(sim *w)
{
    for (size_t i = 0; i < SIM_ACTORS; i++)
        free(w->actors[i].stack);
    for (size_t i = 0; i < SIM_GHOSTS; i++)
        free(w->ghosts[i].bytes);
    sim_forget(w);
    repo_close(w->repo);
    remote_close(w->plain);
    remote_memory_free(w->store);
}

/* ---- actors -------------------------------------------------------------------------------- */

void sim_yield(sim_actor *a) { (void)swapcontext(&a->context, &a->world->scheduler); }

/* makecontext hands over ints. */
static void begin(unsigned high, unsigned low)
{
    sim_actor *a = (sim_actor *)(uintptr_t)((uint64_t)high << 32 | low);
    a->remote = sim_remote_open(a);
    sim_run_job(a);
    remote_close(a->remote);
    a->running = false;
    for (;;)
        sim_yield(a);
}

static void start(sim_actor *a, sim_job job, size_t holder)
{
    a->job = job;
    a->holder = holder;
    a->running = true;
    a->dead = false;
    (void)getcontext(&a->context);
    a->context.uc_stack.ss_sp = a->stack;
    a->context.uc_stack.ss_size = SIM_STACK_BYTES;
    a->context.uc_link = NULL;
    uint64_t address = (uintptr_t)a;
    makecontext(&a->context, (void (*)(void))begin, 2, (unsigned)(address >> 32),
                (unsigned)address);
}

static void go_on(sim_actor *a)
{
    a->world->current = a;
    a->world->counts->steps++;
    (void)swapcontext(&a->world->scheduler, &a->context);
    a->world->current = NULL;
}

/* One data folder is open in one process at a time: its writer does one backup at a time. */
static bool is_busy(const sim *w, size_t holder)
{
    for (size_t i = 0; i < SIM_ACTORS; i++)
        if (w->actors[i].running && w->actors[i].job == JOB_BACKUP && w->actors[i].holder == holder)
            return true;
    return false;
}

static void maybe_start(sim *w, sim_actor *a)
{
    if (a->running || w->jobs_left == 0 || !sim_chance(w, 1500)) return;
    uint64_t dice = random_below(&w->random, 10), pick = random_below(&w->random, 10);
    size_t holder = pick < 6 ? 0 : pick < 8 ? 1 : 2;
    sim_job job = dice < 5 ? JOB_BACKUP : dice < 9 ? JOB_PRUNE : JOB_RESTORE;
    if (job == JOB_BACKUP && is_busy(w, holder)) return;
    w->jobs_left--;
    start(a, job, holder);
}

static void pass_time(sim *w)
{
    uint64_t dice = random_below(&w->random, 50000);
    if (dice < w->long_waits)
        w->now_ms += random_below(&w->random, 30 * HOUR_MS);
    else if (dice < 6 * w->long_waits)
        w->now_ms += random_below(&w->random, HOUR_MS / 3);
    else
        w->now_ms += random_below(&w->random, 200);
    remote_memory_set_clock(w->store, w->now_ms);
}

static bool is_at_work(const sim *w)
{
    for (size_t i = 0; i < SIM_ACTORS; i++)
        if (w->actors[i].running) return true;
    return w->jobs_left > 0;
}

static void run_alone(sim *w, sim_job job, size_t holder)
{
    sim_actor *a = &w->actors[0];
    start(a, job, holder);
    while (a->running && !w->violation[0])
        go_on(a);
}

/* Quiet at last: requests that were under way arrive or are lost, all that expires does, and what
 * nobody needs is collected. */
static void end_calmly(sim *w)
{
    w->calm = true;
    sim_pass_ghosts(w, true);
    w->now_ms += 100 * HOUR_MS;
    remote_memory_set_clock(w->store, w->now_ms);
    run_alone(w, JOB_BACKUP, 0);
    w->now_ms += 100 * HOUR_MS;
    for (int i = 0; i < 3 && !w->violation[0]; i++) { /* revoke, remove, and once more */
        run_alone(w, JOB_PRUNE, 0);
        w->now_ms += 100 * HOUR_MS;
    }
    if (!w->violation[0]) sim_check_end(w);
    if (!w->violation[0]) run_alone(w, JOB_RESTORE, 0);
}

/* An actor that is in the middle when the world ends is let go on as one that has crashed, so that
 * it frees what it holds. */
static void end_actors(sim *w)
{
    for (size_t i = 0; i < SIM_ACTORS; i++) {
        w->actors[i].dead = true;
        while (w->actors[i].running)
            go_on(&w->actors[i]);
    }
}

void sim_run(sim *w)
{
    while (is_at_work(w) && !w->violation[0]) {
        sim_actor *a = &w->actors[random_below(&w->random, SIM_ACTORS)];
        maybe_start(w, a);
        pass_time(w);
        sim_pass_ghosts(w, false);
        /* Runs of steps of one actor, and steps of all in turn, are both likely. */
        for (uint64_t n = sim_chance(w, 2000) ? random_below(&w->random, 40) : 1;
             n > 0 && a->running && !w->violation[0]; n--)
            go_on(a);
    }
    if (!w->violation[0] && w->broken == BREAK_NOTHING) end_calmly(w);
    end_actors(w);
}
