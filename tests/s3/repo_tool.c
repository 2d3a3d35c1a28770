/* repo_tool.c — a backup repository from the command line, for the tests in Python.
 *
 *     repo_tool OPTION=VALUE... VERB ARGUMENT...
 *
 *     make FOLDER ROWS          a data folder, or so many rows more in it
 *     make-large FOLDER ROWS    likewise, in one segment
 *     backup FOLDER STATE       of what the folder holds
 *     restore TARGET            the newest snapshot
 *     verify SCRATCH            in full; what is found is printed, and ends with exit 1
 *     prune KEEP DAYS           all snapshots but so many, and what nobody needs any more, so many
 *                               days from now: pins of the dead have expired by then
 *
 * A failure is "STATUS: sentence" on standard error, and exit 1. */
#include "backup.h"
#include "prune.h"
#include "repo.h"
#include "restore.h"
#include "tool_options.h"
#include "verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DB     "00000000-0000-4000-8000-0000000000db"
#define HOLDER "00000000-0000-4000-8000-00000000aaaa"
#define DIM    8
#define BATCH  1000
#define DAY_MS ((uint64_t)86400000)

/* ---- data folders -------------------------------------------------------------------------- */

static varve_status add_batch(varve_collection *c, uint64_t first, size_t count, varve_error *err)
{
    static float vectors[BATCH * DIM];
    static varve_id ids[BATCH];
    for (size_t i = 0; i < count; i++) {
        ids[i] = (varve_id){.num = first + i};
        for (size_t d = 0; d < DIM; d++)
            vectors[i * DIM + d] = (float)((ids[i].num * 31 + d * 17) % 101);
    }
    const varve_rows rows = {.count = count, .dim = DIM, .ids = ids, .vectors = vectors};
    return varve_upsert(c, &rows, NULL, NULL, err);
}

static varve_status add_rows(varve *db, size_t count, size_t batch, varve_error *err)
{
    varve_collection *c = NULL;
    varve_status status = varve_collection_open(db, "default", "docs", &c, err);
    if (status == VARVE_NOT_FOUND)
        status = varve_collection_create(db, "default", "docs", NULL, &c, err);
    if (status != VARVE_OK) return status;
    varve_folder_stats stats;
    varve_stats(db, &stats);
    for (size_t i = 0; i < count && status == VARVE_OK; i += batch)
        status = add_batch(c, stats.sequence + i, VV_MIN(batch, count - i), err);
    varve_collection_release(c);
    return status;
}

static varve_status make_folder(char **a, uint64_t seal_rows, size_t batch, varve_error *err)
{
    varve_options options;
    varve *db = NULL;
    varve_options_init(&options);
    options.seal_rows = seal_rows;
    VV_TRY(varve_open(a[0], &options, &db, err));
    varve_status status = add_rows(db, strtoull(a[1], NULL, 10), batch, err);
    varve_status closed = varve_close(db, status == VARVE_OK ? err : NULL);
    return status != VARVE_OK ? status : closed;
}

static varve_status make(repo *r, char **a, varve_error *err)
{
    (void)r;
    return make_folder(a, 64, 1, err);
}

static varve_status make_large(repo *r, char **a, varve_error *err)
{
    (void)r;
    return make_folder(a, strtoull(a[1], NULL, 10), BATCH, err);
}

/* What a manifest says of the folder's one collection. */
static varve_status describe(const char *folder, uint64_t *ret_sequence, manifest_collection *ret,
                             varve_error *err)
{
    varve_options options;
    varve *db = NULL;
    varve_collection *c = NULL;
    varve_folder_stats stats;
    varve_collection_stats of;
    varve_options_init(&options);
    options.read_only = true;
    VV_TRY(varve_open(folder, &options, &db, err));
    varve_stats(db, &stats);
    varve_status status = varve_collection_open(db, "default", "docs", &c, err);
    if (status == VARVE_OK) status = varve_collection_get_stats(c, &of, err);
    if (status == VARVE_OK) {
        *ret_sequence = stats.sequence;
        *ret = (manifest_collection){.id = of.id,
                                     .database = "default",
                                     .name = "docs",
                                     .rows = of.rows_live,
                                     .deleted = of.rows_deleted};
    }
    if (c) varve_collection_release(c);
    varve_status closed = varve_close(db, status == VARVE_OK ? err : NULL);
    return status != VARVE_OK ? status : closed;
}

/* ---- verbs --------------------------------------------------------------------------------- */

static varve_status backup(repo *r, char **a, varve_error *err)
{
    backup_result result = {0};
    backup_options options = {
        .folder = a[0], .state = a[1], .storage_format = 1, .holder = HOLDER, .check_share = 1};
    manifest_collection docs;
    VV_TRY(describe(a[0], &options.sequence, &docs, err));
    options.collections = &docs;
    options.collection_count = 1;
    VV_TRY(backup_run(r, &options, &result, err));
    printf("%s %llu %llu\n", result.skipped ? "skipped" : "stored",
           (unsigned long long)result.files_new, (unsigned long long)result.bytes_new);
    return VARVE_OK;
}

static varve_status restore(repo *r, char **a, varve_error *err)
{
    const restore_options options = {.folder = a[0], .threads = 1};
    restore_result result = {0};
    return restore_run(r, &options, &result, err);
}

static varve_status verify(repo *r, char **a, varve_error *err)
{
    const verify_options options = {.level = VERIFY_FULL, .scratch = a[0], .threads = 1};
    verify_report report = {0};
    VV_TRY(verify_run(r, &options, &report, err));
    size_t found = report.count;
    for (size_t i = 0; i < report.kept; i++)
        puts(report.findings[i]);
    verify_report_done(&report);
    return found == 0 ? VARVE_OK : vv_fail(err, VARVE_CORRUPT, "%zu findings", found);
}

static uint64_t later_ms(void *arg)
{
    return snapshot_env_real.now_ms(snapshot_env_real.arg) + *(const uint64_t *)arg;
}

static varve_status prune(repo *r, char **a, varve_error *err)
{
    uint64_t ahead_ms = strtoull(a[1], NULL, 10) * DAY_MS;
    prune_options options = {.yes = true, .alone = true, .grace_ms = 1, .wait_ms = 1};
    prune_result result = {0};
    options.rules.last = (uint32_t)strtoul(a[0], NULL, 10);
    r->env.now_ms = later_ms;
    r->env.arg = &ahead_ms;
    VV_TRY(prune_run(r, &options, &result, err));
    prune_result_done(&result);
    return VARVE_OK;
}

typedef struct verb {
    const char *name;
    int arguments;
    bool local; /* without a repository */
    varve_status (*run)(repo *r, char **a, varve_error *err);
} verb;
static const verb verbs[] = {
    {"make", 2, true, make},      {"make-large", 2, true, make_large},
    {"backup", 2, false, backup}, {"restore", 1, false, restore},
    {"verify", 1, false, verify}, {"prune", 2, false, prune},
};

static varve_status run(const tool_options *s, const verb *v, char **a, varve_error *err)
{
    VV_CLEANUP(remote_closep) remote *place = NULL;
    VV_CLEANUP(repo_closep) repo *r = NULL;
    const repo_options options = {.db_id = DB, .create = v->run == backup};
    if (v->local) return v->run(NULL, a, err);
    VV_TRY(remote_open(s->url, &s->s3, true, &s->limits, &place, err));
    VV_TRY(repo_open(place, &options, &r, err));
    return v->run(r, a, err);
}

int main(int argc, char **argv)
{
    tool_options s = {.url = "s3://bucket"};
    varve_error err = {0};
    int i = 1;
    while (i < argc && tool_take_option(&s, argv[i]))
        i++;
    for (size_t n = 0; i < argc && n < VV_COUNT(verbs); n++) {
        if (strcmp(argv[i], verbs[n].name) != 0 || argc - i - 1 < verbs[n].arguments) continue;
        varve_status status = run(&s, &verbs[n], argv + i + 1, &err);
        if (status != VARVE_OK) fprintf(stderr, "%s: %s\n", varve_status_name(status), err.message);
        return status != VARVE_OK;
    }
    fprintf(stderr, "repo_tool: see the head of repo_tool.c\n");
    return 2;
}
