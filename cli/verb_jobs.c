/* verb_jobs.c — `varve jobs`: what the compactor of a server does and has lately done. */
#include "jobs.h"
#include "place.h"
#include "progress.h"
#include "text.h"

#include "base/lock.h"

#include <stdio.h>
#include <string.h>

static const flag flags[] = {
    PLACE_KEY_FLAG,
    {"cancel", FLAG_CANCEL, "ID", "stop this running job; what it was for is planned again"},
    {"json", FLAG_JSON, NULL, "a JSON object per job"},
    {NULL, 0, NULL, NULL}};

typedef struct order {
    place at;
    bool cancel, json;
    uint64_t id;
} order;

static int read_line(const verb *self, int argc, char **argv, order *o)
{
    flag_reader flags_of_line;
    const char *value;
    int key;
    flags_start(&flags_of_line, self, argc, argv);
    while ((key = flags_next(&flags_of_line, &value)) >= 0) {
        if (place_flag(&o->at, key, value)) continue;
        if (key == FLAG_BAD) return VERB_USAGE;
        if (key == FLAG_JSON) o->json = true;
        if (key == FLAG_CANCEL) o->cancel = true;
        if (key == FLAG_CANCEL && !text_to_u64(value, strlen(value), &o->id))
            return verb_usage(self, "--cancel takes the number of a job, not '%s'", value);
    }
    o->at.where = argv[flags_rest()];
    int code = place_check(self, &o->at, false);
    return code == VERB_OK ? place_refuse_more(self, argc, argv, 1) : code;
}

/* Jobs are in the memory of the process that owns the folder: it has to be asked. */
static varve_status look_at_folder(const place *at, varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    lock_file lock = LOCK_FILE_NONE;
    char path[4096];
    VV_TRY(folder_open(at, FOLDER_READ, &folder, err)); /* is it one at all? */
    if ((size_t)snprintf(path, sizeof path, "%s/LOCK", at->where) >= sizeof path)
        return vv_fail(err, VARVE_INVALID, "the name of the folder is too long");
    varve_status status = lock_take(path, &lock, err);
    if (status == VARVE_OK) {
        lock_drop(&lock);
        printf("no jobs: nobody has the folder open\n");
        return VARVE_OK;
    }
    if (status != VARVE_LOCKED) return status;
    varve_error owner = *err;
    return vv_fail(err, VARVE_LOCKED, "%.400s; ask its server: varve jobs URL", owner.message);
}

/* ---- server ---- */

static void print_json(const varve_job *j)
{
    json_t *o = json_pack(
        "{s:I,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:f,s:f,s:I,s:I,s:I}", "id", (json_int_t)j->id,
        "state", job_state_name(j->state), "database_name", j->database, "collection_name",
        j->collection, "kind", j->kind, "reason", j->reason, "stage", j->stage, "message",
        j->message, "rows", (json_int_t)j->rows, "segments", (json_int_t)j->segments, "share",
        j->share, "rows_per_s", j->rows_per_s, "eta_ms", (json_int_t)j->eta_ms, "started_ms",
        (json_int_t)j->started_ms, "ended_ms", (json_int_t)j->ended_ms);
    char *text = json_dumps(o, JSON_COMPACT);
    printf("%s\n", text ? text : "{}");
    free(text);
    json_decref(o);
}

static void print_row(const varve_job *j)
{
    char left[32] = "-", where[280];
    if (j->eta_ms) progress_time(j->eta_ms, left, sizeof left);
    snprintf(where, sizeof where, "%s/%s", j->database, j->collection);
    printf("%6llu %-10s %-24s %-8s %4.0f %% %12llu %10.0f %8s  %s%s%s\n", (unsigned long long)j->id,
           job_state_name(j->state), where, j->kind, j->share * 100, (unsigned long long)j->rows,
           j->rows_per_s, left, j->reason, *j->message ? ": " : "", j->message);
}

static varve_status show_server(const order *o, http_client *http, varve_error *err)
{
    VV_CLEANUP(jobs_done) jobs all = {0};
    VV_TRY(jobs_of_server(http, &all, err));
    if (!o->json)
        printf("%6s %-10s %-24s %-8s %6s %12s %10s %8s  %s\n", "id", "state", "collection", "kind",
               "done", "rows", "rows/s", "left", "reason");
    for (size_t i = 0; i < all.count; i++) {
        if (o->json)
            print_json(&all.list[i]);
        else
            print_row(&all.list[i]);
    }
    return VARVE_OK;
}

static varve_status cancel(const order *o, http_client *http, varve_error *err)
{
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    char path[64];
    snprintf(path, sizeof path, "/jobs/%llu/cancel", (unsigned long long)o->id);
    return http_call(http, path, json_object(), &params, err);
}

static varve_status ask_server(const order *o, varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    VV_TRY(http_open(o->at.where, o->at.api_key, &http, err));
    return o->cancel ? cancel(o, http, err) : show_server(o, http, err);
}

static int run(const verb *self, int argc, char **argv)
{
    order o = {.at = PLACE_START};
    varve_error err = {0};
    int code = read_line(self, argc, argv, &o);
    if (code != VERB_OK) return code;
    if (o.cancel && !place_is_url(&o.at)) return verb_usage(self, "--cancel works on a URL only");
    varve_status status = place_is_url(&o.at) ? ask_server(&o, &err) : look_at_folder(&o.at, &err);
    return status == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_jobs = {
    "jobs",
    "Show what the compactor does and has lately done",
    "URL",
    "Jobs are known to the server that has the folder open; asked of a folder, the verb says who\n"
    "that is.",
    flags,
    run};
