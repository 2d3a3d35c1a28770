/* sim_jobs.c — what actors do, and the small data folders that they back up. */
#include "backup.h"
#include "base/file.h"
#include "prune.h"
#include "restore.h"
#include "sim.h"

#include <stdlib.h>
#include <string.h>

/* ---- data folders -------------------------------------------------------------------------- */

static void write_file(const char *folder, const char *path, const char *text)
{
    char whole[1024];
    if (file_join(whole, sizeof whole, folder, path, NULL) != VARVE_OK) abort();
    char *slash = strrchr(whole, '/');
    *slash = 0;
    if (file_make_dir(whole, NULL) != VARVE_OK) abort();
    *slash = '/';
    if (file_replace(whole, text, strlen(text), NULL) != VARVE_OK) abort();
}

/* Version v has segment s if bit s of the pattern is set: what goes with one version comes back
 * with another, with the same content. */
void sim_make_versions(const char *folder)
{
    static const unsigned patterns[SIM_VERSIONS] = {1, 3, 6, 5, 12, 9, 10, 7};
    for (unsigned v = 0; v < SIM_VERSIONS; v++) {
        char version[1024], path[64], text[64];
        snprintf(version, sizeof version, "%s/v%u", folder, v);
        write_file(version, "FORMAT", "1");
        snprintf(text, sizeof text, "catalogue %u", v % 3);
        write_file(version, "rocks/000007.sst", text);
        for (unsigned s = 0; s < 4; s++) {
            if (!(patterns[v] >> s & 1)) continue;
            snprintf(path, sizeof path, "segments/1/%u.seg", s + 1);
            snprintf(text, sizeof text, "segment %u", s);
            write_file(version, path, text);
        }
    }
}

/* ---- jobs ---------------------------------------------------------------------------------- */

static varve_status open_repo(sim_actor *a, repo **ret, varve_error *err)
{
    const repo_options options = {.db_id = SIM_DB, .env = &a->world->env};
    return repo_open(a->remote, &options, ret, err);
}

static varve_status run_backup(sim_actor *a, repo *r, varve_error *err)
{
    sim *w = a->world;
    char folder[1024], key[NAMES_KEY_MAX];
    lease lease = {0};
    backup_result result = {0};
    bool force = sim_chance(w, 300);
    w->sequence[a->holder] += random_below(&w->random, 4);
    uint64_t sequence = 1 + w->sequence[a->holder];
    snprintf(folder, sizeof folder, "%s/v%llu", w->folder,
             (unsigned long long)((sequence * 5 + a->holder) % SIM_VERSIONS));
    const lease_options lease_options = {
        .holder = sim_holder(a->holder), .lsn = sequence, .force = force};
    const backup_options options = {.folder = folder,
                                    .sequence = sequence,
                                    .storage_format = 1,
                                    .kind = (backup_kind)random_below(&w->random, 3),
                                    .lease = &lease,
                                    .check_share = sim_chance(w, 2000) ? 1 : -1,
                                    .inline_max = sim_chance(w, 2000) ? 900 : 0};
    VV_TRY(lease_take(r, &lease_options, &lease, err));
    w->counts->takeovers += lease.parent > 0;
    VV_TRY(backup_run(r, &options, &result, err));
    names_build(&result.snapshot, key);
    if (!sim_has_seen(w, key)) sim_violate(w, "G3: %s was reported, but never appeared", key);
    varve_status ignored = sim_chance(w, 5000) ? lease_drop(&lease, NULL) : VARVE_OK;
    (void)ignored;
    return VARVE_OK;
}

static varve_status run_prune(sim_actor *a, repo *r, varve_error *err)
{
    sim *w = a->world;
    prune_result result = {0};
    const prune_options options = {.rules = {.last = 1 + (uint32_t)random_below(&w->random, 3)},
                                   .yes = true,
                                   .grace_ms = 1,
                                   .wait_ms = 1};
    VV_TRY(prune_run(r, &options, &result, err));
    prune_result_done(&result);
    return VARVE_OK;
}

/* A restore may fail because its snapshot went, or because of a fault; it never finds an object
 * missing or altered, unless it slept for so long that its pin was revoked. */
static varve_status run_restore(sim_actor *a, repo *r, varve_error *err)
{
    sim *w = a->world;
    char folder[1024];
    uint64_t begin = w->now_ms;
    restore_result result = {0};
    snprintf(folder, sizeof folder, "%s/r%zu", w->folder, a->number);
    const restore_options options = {.folder = folder, .threads = 1, .no_open = true};
    varve_status status = restore_run(r, &options, &result, err);
    if (status == VARVE_CORRUPT && !a->dead && w->now_ms - begin < 86400000)
        sim_violate(w, "G8: a restore failed: %s", err->message);
    varve_status ignored = file_remove_tree(folder, NULL);
    snprintf(folder, sizeof folder, "%s/r%zu.restore-tmp", w->folder, a->number);
    ignored = file_remove_tree(folder, NULL);
    (void)ignored;
    return status;
}

static const struct {
    const char *name;
    varve_status (*run)(sim_actor *a, repo *r, varve_error *err);
} jobs[] = {[JOB_BACKUP] = {"backup", run_backup},
            [JOB_PRUNE] = {"prune", run_prune},
            [JOB_RESTORE] = {"restore", run_restore}};

static void count(sim_counts *c, sim_job job, bool failed)
{
    uint64_t *all[] = {&c->backups, &c->prunes, &c->restores};
    uint64_t *bad[] = {&c->backups_failed, &c->prunes_failed, &c->restores_failed};
    ++*all[job];
    *bad[job] += failed;
}

void sim_run_job(sim_actor *a)
{
    varve_error err = {0};
    repo *r = NULL;
    sim *w = a->world;
    if (w->trace) printf("actor %zu begins a %s\n", a->number, jobs[a->job].name);
    varve_status status = open_repo(a, &r, &err);
    if (status == VARVE_OK) status = jobs[a->job].run(a, r, &err);
    repo_close(r);
    count(w->counts, a->job, status != VARVE_OK);
    if (w->trace)
        printf("actor %zu ends its %s: %s\n", a->number, jobs[a->job].name,
               status == VARVE_OK ? "ok" : err.message);
    if (w->calm && status != VARVE_OK)
        sim_violate(w, "a %s fails although nothing is in its way: %s", jobs[a->job].name,
                    err.message);
}
