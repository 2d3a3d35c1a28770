/* ship_tool.c — the log of a data folder in a repository from the command line, for the tests in
 * Python, beside repo_tool.
 *
 *     ship_tool OPTION=VALUE... VERB ARGUMENT...
 *
 *     keep FOLDER ROWS          a data folder whose log is kept, or so many rows more in it
 *     checkpoint FOLDER COPY    of such a folder
 *     ship FOLDER STATE         all of the log; the folder's sequence number is printed
 *     pitr TARGET               the newest moment; its sequence number is printed
 *     log                       every object of it; what is found is printed, and ends with exit 1
 *
 * A failure is "STATUS: sentence" on standard error, and exit 1. */
#include "pitr_log.h"
#include "ship.h"
#include "tool_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DB         "00000000-0000-4000-8000-0000000000db"
#define HOLDER     "00000000-0000-4000-8000-00000000aaaa"
#define DIM        8
#define STEP_BYTES 3000 /* of an object, so that there are several */

/* ---- data folders -------------------------------------------------------------------------- */

static varve_status open_kept(const char *folder, varve **ret, varve_error *err)
{
    varve_options options;
    varve_options_init(&options);
    options.seal_rows = 64;
    options.log_keep_ms = 86400000;
    return varve_open(folder, &options, ret, err);
}

static varve_status close_after(varve *db, varve_status status, varve_error *err)
{
    varve_status closed = varve_close(db, status == VARVE_OK ? err : NULL);
    return status != VARVE_OK ? status : closed;
}

static varve_status add_row(varve *db, varve_collection *c, varve_error *err)
{
    float vector[DIM];
    varve_folder_stats stats;
    varve_stats(db, &stats);
    const varve_id id = {.num = stats.sequence};
    for (size_t d = 0; d < DIM; d++)
        vector[d] = (float)((id.num * 31 + d * 17) % 101);
    const varve_rows rows = {.count = 1, .dim = DIM, .ids = &id, .vectors = vector};
    return varve_upsert(c, &rows, NULL, NULL, err);
}

static varve_status add_rows(varve *db, size_t count, varve_error *err)
{
    varve_collection *c = NULL;
    varve_status status = varve_collection_open(db, "default", "docs", &c, err);
    if (status == VARVE_NOT_FOUND)
        status = varve_collection_create(db, "default", "docs", NULL, &c, err);
    for (size_t i = 0; i < count && status == VARVE_OK; i++)
        status = add_row(db, c, err);
    varve_collection_release(c);
    return status;
}

static varve_status keep(repo *r, char **a, varve_error *err)
{
    varve *db = NULL;
    (void)r;
    VV_TRY(open_kept(a[0], &db, err));
    return close_after(db, add_rows(db, strtoull(a[1], NULL, 10), err), err);
}

static varve_status checkpoint(repo *r, char **a, varve_error *err)
{
    varve *db = NULL;
    (void)r;
    VV_TRY(open_kept(a[0], &db, err));
    return close_after(db, varve_checkpoint_to(db, a[1], NULL, err), err);
}

/* ---- the log ------------------------------------------------------------------------------- */

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

/* ---- verbs --------------------------------------------------------------------------------- */

typedef struct verb {
    const char *name;
    int arguments;
    bool local; /* without a repository */
    varve_status (*run)(repo *r, char **a, varve_error *err);
} verb;
static const verb verbs[] = {
    {"keep", 2, true, keep},  {"checkpoint", 2, true, checkpoint}, {"ship", 2, false, ship_log},
    {"pitr", 1, false, pitr}, {"log", 0, false, check_log},
};

static varve_status run(const tool_options *s, const verb *v, char **a, varve_error *err)
{
    VV_CLEANUP(remote_closep) remote *place = NULL;
    VV_CLEANUP(repo_closep) repo *r = NULL;
    const repo_options options = {.db_id = DB};
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
    fprintf(stderr, "ship_tool: see the head of ship_tool.c\n");
    return 2;
}
