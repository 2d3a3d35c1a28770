/* repo_tool.c — a backup repository from the command line, for the tests in Python.
 *
 *     repo_tool OPTION=VALUE... VERB ARGUMENT...
 *
 *     make FOLDER ROWS          a data folder, or so many rows more in it
 *     keep FOLDER ROWS          the same, and the log is kept
 *     backup FOLDER STATE       of what the folder holds
 *     restore TARGET            the newest snapshot
 *     verify SCRATCH            in full; what is found is printed, and ends with exit 1
 *     prune KEEP                all snapshots but so many, and what nobody needs any more
 *     checkpoint FOLDER COPY    of a folder whose log is kept
 *     ship FOLDER STATE         all of the log; the folder's sequence number is printed
 *     pitr TARGET               the newest moment; its sequence number is printed
 *     log                       every object of it; what is found is printed, and ends with exit 1
 *
 * A failure is "STATUS: sentence" on standard error, and exit 1. */
#include "backup.h"
#include "pitr_log.h"
#include "prune.h"
#include "repo.h"
#include "restore.h"
#include "ship.h"
#include "tool_options.h"
#include "verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DB     "00000000-0000-4000-8000-0000000000db"
#define HOLDER "00000000-0000-4000-8000-00000000aaaa"
#define DIM    8

/* ---- data folders -------------------------------------------------------------------------- */

static varve_status add_rows(varve *db, size_t count, varve_error *err)
{
    varve_collection *c = NULL;
    varve_status status = varve_collection_open(db, "default", "docs", &c, err);
    if (status == VARVE_NOT_FOUND)
        status = varve_collection_create(db, "default", "docs", NULL, &c, err);
    if (status != VARVE_OK) return status;
    varve_folder_stats stats;
    varve_stats(db, &stats);
    for (size_t i = 0; i < count && status == VARVE_OK; i++) {
        float vector[DIM];
        const varve_id id = {.num = stats.sequence + i};
        for (size_t d = 0; d < DIM; d++)
            vector[d] = (float)((id.num * 31 + d * 17) % 101);
        const varve_rows rows = {.count = 1, .dim = DIM, .ids = &id, .vectors = vector};
        status = varve_upsert(c, &rows, NULL, NULL, err);
    }
    varve_collection_release(c);
    return status;
}

static varve_status open_kept(const char *folder, varve **ret, varve_error *err)
{
    varve_options options;
    varve_options_init(&options);
    options.seal_rows = 64;
    options.log_keep_ms = 86400000;
    return varve_open(folder, &options, ret, err);
}

static varve_status make_rows(varve *db, char **a, varve_error *err)
{
    varve_status status = add_rows(db, strtoull(a[1], NULL, 10), err);
    varve_status closed = varve_close(db, status == VARVE_OK ? err : NULL);
    return status != VARVE_OK ? status : closed;
}

static varve_status make(repo *r, char **a, varve_error *err)
{
    varve_options options;
    varve *db = NULL;
    (void)r;
    varve_options_init(&options);
    options.seal_rows = 64;
    VV_TRY(varve_open(a[0], &options, &db, err));
    return make_rows(db, a, err);
}

static varve_status keep(repo *r, char **a, varve_error *err)
{
    varve *db = NULL;
    (void)r;
    VV_TRY(open_kept(a[0], &db, err));
    return make_rows(db, a, err);
}

static varve_status checkpoint(repo *r, char **a, varve_error *err)
{
    varve *db = NULL;
    (void)r;
    VV_TRY(open_kept(a[0], &db, err));
    varve_status status = varve_checkpoint_to(db, a[1], NULL, err);
    varve_status closed = varve_close(db, status == VARVE_OK ? err : NULL);
    return status != VARVE_OK ? status : closed;
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

static varve_status prune(repo *r, char **a, varve_error *err)
{
    prune_options options = {.yes = true, .alone = true, .grace_ms = 1, .wait_ms = 1};
    prune_result result = {0};
    options.rules.last = (uint32_t)strtoul(a[0], NULL, 10);
    VV_TRY(prune_run(r, &options, &result, err));
    prune_result_done(&result);
    return VARVE_OK;
}

/* ---- the log ------------------------------------------------------------------------------- */

#define STEP_BYTES 3000 /* so that there are several objects */

static varve_status ship_all(repo *r, varve *db, lease *held, char **a, varve_error *err)
{
    ship *s = NULL;
    ship_result result = {0};
    const ship_options options = {
        .db = db, .folder = a[0], .lease = held, .state = a[1], .step_bytes = STEP_BYTES};
    VV_TRY(ship_open(r, &options, &s, err));
    varve_status status;
    do
        status = ship_step(s, &result, err);
    while (status == VARVE_OK && result.last);
    ship_close(s);
    if (status == VARVE_OK) printf("%llu\n", (unsigned long long)result.shipped);
    return status;
}

static varve_status ship_log(repo *r, char **a, varve_error *err)
{
    varve *db = NULL;
    lease held = {0};
    const lease_options asked = {.holder = HOLDER};
    VV_TRY(open_kept(a[0], &db, err));
    varve_status status = lease_take(r, &asked, &held, err);
    if (status == VARVE_OK) status = ship_all(r, db, &held, a, err);
    varve_abandon(db);
    return status;
}

static varve_status pitr(repo *r, char **a, varve_error *err)
{
    const pitr_options options = {.target = PITR_LATEST, .folder = a[0], .threads = 1};
    pitr_result result = {0};
    VV_TRY(pitr_run(r, &options, &result, err));
    printf("%llu\n", (unsigned long long)result.sequence);
    return VARVE_OK;
}

static varve_status check_log(repo *r, char **a, varve_error *err)
{
    const pitr_log_options options = {.full = true};
    pitr_log log = {0};
    (void)a;
    VV_TRY(pitr_log_read(r, &options, &log, err));
    size_t found = log.finding_count;
    for (size_t i = 0; i < log.kept; i++)
        puts(log.findings[i]);
    pitr_log_done(&log);
    return found == 0 ? VARVE_OK : vv_fail(err, VARVE_CORRUPT, "%zu findings", found);
}

typedef struct verb {
    const char *name;
    int arguments;
    varve_status (*run)(repo *r, char **a, varve_error *err);
    bool is_local; /* r is NULL */
} verb;
static const verb verbs[] = {
    {"make", 2, make, true},
    {"keep", 2, keep, true},
    {"checkpoint", 2, checkpoint, true},
    {"backup", 2, backup, false},
    {"restore", 1, restore, false},
    {"verify", 1, verify, false},
    {"prune", 1, prune, false},
    {"ship", 2, ship_log, false},
    {"pitr", 1, pitr, false},
    {"log", 0, check_log, false},
};

static varve_status run(const tool_options *s, const verb *v, char **a, varve_error *err)
{
    VV_CLEANUP(remote_closep) remote *place = NULL;
    VV_CLEANUP(repo_closep) repo *r = NULL;
    const repo_options options = {.db_id = DB, .create = v->run == backup};
    if (v->is_local) return v->run(NULL, a, err);
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
