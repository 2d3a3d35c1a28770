/* verb_export.c — `varve export`: a collection as plain files, for people, numpy and other systems.
 * The way back is `varve import` of that folder. */
#include "progress.h"
#include "server.h"

#include "snapshot.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const flag flags[] = {
    PLACE_FLAGS,
    {"to", FLAG_TO, "PATH", "the folder to make; of a URL, a name below the server's snapshot_dir"},
    {"layout", FLAG_LAYOUT, "NAME", "varve or lynsedb (default: varve)"},
    {NULL, 0, NULL, NULL}};

typedef struct order {
    place at;
    const char *to, *layout;
} order;

static bool show(void *arg, uint64_t done, uint64_t all)
{
    progress_show(arg, done, all ? (double)done / (double)all : -1);
    return false;
}

static varve_status export_folder(const order *o, varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    char scratch[4096];
    progress bar;
    export_info info;
    int len = snprintf(scratch, sizeof scratch, "%s.scratch-%ld", o->to, (long)getpid());
    if (len >= (int)sizeof scratch) return vv_fail(err, VARVE_LIMIT, "the path is too long");
    VV_TRY(folder_open(&o->at, FOLDER_READ, &folder, err));
    progress_start(&bar);
    export_place place = {.db = folder.db,
                          .database = o->at.database,
                          .collection = o->at.collection,
                          .path = o->to,
                          .scratch = scratch,
                          .cancelled = show,
                          .arg = &bar};
    bool lynse = strcmp(o->layout, "lynsedb") == 0;
    varve_status status = snapshot_export(&place, lynse ? EXPORT_LYNSE : EXPORT_VARVE, &info, err);
    double seconds = progress_end(&bar);
    VV_TRY(status);
    printf("%llu rows, %llu bytes in %.1f s\n", (unsigned long long)info.rows,
           (unsigned long long)info.bytes, seconds);
    return folder_close(&folder, err);
}

static varve_status export_url(const order *o, varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    VV_TRY(http_open(o->at.where, o->at.api_key, &http, err));
    json_t *body = server_body(&o->at);
    json_object_set_new(body, "export_path", json_string(o->to));
    json_object_set_new(body, "layout", json_string(o->layout));
    return http_call_long(http, "/export_collection", body, &params, err);
}

static int read_line(const verb *self, int argc, char **argv, order *o)
{
    flag_reader flags_of_line;
    const char *value;
    int key;
    flags_start(&flags_of_line, self, argc, argv);
    while ((key = flags_next(&flags_of_line, &value)) >= 0) {
        if (place_flag(&o->at, key, value)) continue;
        if (key == FLAG_BAD) return VERB_USAGE;
        if (key == FLAG_TO) o->to = value;
        if (key == FLAG_LAYOUT) o->layout = value;
    }
    o->at.where = argv[flags_rest()];
    int code = place_check(self, &o->at, true);
    if (code == VERB_OK) code = place_refuse_more(self, argc, argv, 1);
    if (code != VERB_OK) return code;
    if (!o->to) return verb_usage(self, "say where --to");
    if (strcmp(o->layout, "varve") == 0 || strcmp(o->layout, "lynsedb") == 0) return VERB_OK;
    return verb_usage(self, "--layout is varve or lynsedb, not '%s'", o->layout);
}

static int run(const verb *self, int argc, char **argv)
{
    order o = {.at = PLACE_START, .layout = "varve"};
    varve_error err = {0};
    int code = read_line(self, argc, argv, &o);
    if (code != VERB_OK) return code;
    varve_status status = place_is_url(&o.at) ? export_url(&o, &err) : export_folder(&o, &err);
    return status == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_export = {
    "export",
    "A collection as plain files (NumPy and JSON lines)",
    "FOLDER|URL --collection C --to PATH",
    "PATH appears when it is complete and durable, with SHA-256 of each file in its manifest;\n"
    "'varve import PATH --to FOLDER' is the way back. What it holds is one moment, whatever is\n"
    "written meanwhile; this works beside a running server.",
    flags,
    run};
