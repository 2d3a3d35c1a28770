/* verb_import.c — `varve import`: files into a collection of a folder or a server. */
#include "import.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

#define BATCH_ROWS 1000

static const flag flags[] = {
    {"to", FLAG_TO, "FOLDER|URL", "where to (made when it is a folder that is missing)"},
    PLACE_FLAGS,
    {"format", FLAG_FORMAT, "NAME", "auto, ndjson, npy, fvecs or bvecs (default: auto)"},
    {"ids-start", FLAG_IDS_START, "N", "ids are N, N + 1, ... (default: the next free ones)"},
    {"id-key", FLAG_ID_KEY, "KEY", "member of a line that is the id (default: id, if there)"},
    {"vector-key", FLAG_VECTOR_KEY, "KEY", "member of a line that is the vector (default: vector)"},
    {"fields-from", FLAG_FIELDS_FROM, "FILE", "NDJSON of fields, a line per vector of FILE"},
    {"upsert", FLAG_UPSERT, NULL, "replace rows whose id exists (default: refuse)"},
    {"dtype", FLAG_DTYPE, "TYPE", "vectors of a new collection (default: as in the file)"},
    {"index-mode", FLAG_INDEX_MODE, "MODE", "such as FLAT-L2"},
    {"batch-rows", FLAG_BATCH_ROWS, "N", "rows of one batch (default: 1000)"},
    {"commit", FLAG_COMMIT, "end|batch", "visible all at once, or batch by batch (default: end)"},
    {"export", FLAG_EXPORT, NULL, "FILE is an export below the snapshot_dir of the URL"},
    {"overwrite", FLAG_OVERWRITE, NULL, "of an export: replace a collection of that name"},
    {NULL, 0, NULL, NULL}};

static int take_flag(const verb *self, import_plan *plan, int key, const char *value)
{
    uint64_t n;
    switch (key) {
    case FLAG_TO: plan->to.where = value; return VERB_OK;
    case FLAG_FORMAT:
        plan->from.type = reader_type_named(value);
        if (plan->from.type || strcmp(value, "auto") == 0) return VERB_OK;
        return verb_usage(self, "there is no format '%s'", value);
    case FLAG_IDS_START:
        plan->from.ids_numbered = true;
        if (text_to_u64(value, strlen(value), &plan->from.ids_start)) return VERB_OK;
        return verb_usage(self, "--ids-start is a number from 0 on, not '%s'", value);
    case FLAG_ID_KEY: plan->from.id_key = value; return VERB_OK;
    case FLAG_VECTOR_KEY: plan->from.vector_key = value; return VERB_OK;
    case FLAG_FIELDS_FROM: plan->from.fields_from = value; return VERB_OK;
    case FLAG_UPSERT: plan->upsert = true; return VERB_OK;
    case FLAG_DTYPE: plan->dtype = value; return VERB_OK;
    case FLAG_INDEX_MODE: plan->index_mode = value; return VERB_OK;
    case FLAG_BATCH_ROWS:
        if (!text_to_u64(value, strlen(value), &n) || n < 1 || n > BATCH_ROWS_MAX)
            return verb_usage(self, "--batch-rows is 1 to %zu, not '%s'", BATCH_ROWS_MAX, value);
        plan->from.batch_rows = (size_t)n;
        return VERB_OK;
    case FLAG_COMMIT:
        plan->commit_batches = strcmp(value, "batch") == 0;
        if (plan->commit_batches || strcmp(value, "end") == 0) return VERB_OK;
        return verb_usage(self, "--commit is end or batch, not '%s'", value);
    case FLAG_EXPORT: plan->from_export = true; return VERB_OK;
    case FLAG_OVERWRITE: plan->overwrite = true; return VERB_OK;
    default: return VERB_USAGE; /* FLAG_BAD */
    }
}

static int read_plan(const verb *self, int argc, char **argv, import_plan *plan)
{
    flag_reader flags_of_line;
    const char *value;
    int key;
    *plan = (import_plan){.to = PLACE_START, .from = {.batch_rows = BATCH_ROWS}};
    flags_start(&flags_of_line, self, argc, argv);
    while ((key = flags_next(&flags_of_line, &value)) >= 0) {
        if (place_flag(&plan->to, key, value)) continue;
        int code = take_flag(self, plan, key, value);
        if (code != VERB_OK) return code;
    }
    plan->from.files = argv + flags_rest();
    plan->from.file_count = (size_t)(argc - flags_rest());
    if (plan->from.file_count == 0) return verb_usage(self, "name a FILE, or - for standard input");
    if (!plan->to.where) return verb_usage(self, "say where --to");
    if (import_is_export(plan->from.files[0])) plan->from_export = true;
    if (plan->from_export && plan->from.file_count > 1)
        return verb_usage(self, "an export is imported by itself");
    if (plan->overwrite && !plan->from_export)
        return verb_usage(self, "--overwrite is for an export; rows are replaced by --upsert");
    return place_check(self, &plan->to, true);
}

static varve_status import(const import_plan *plan, varve_error *err)
{
    VV_CLEANUP(source_closep) source *from = NULL;
    progress bar;
    uint64_t rows = 0;
    VV_TRY(source_open(&plan->from, &from, err));
    progress_start(&bar);
    varve_status status = place_is_url(&plan->to) ? import_to_url(plan, from, &bar, &rows, err)
                                                  : import_to_folder(plan, from, &bar, &rows, err);
    double seconds = progress_end(&bar);
    if (status == VARVE_OK)
        printf("%llu rows in %.1f s (%.0f rows/s)\n", (unsigned long long)rows, seconds,
               (double)rows / seconds);
    return status;
}

static int run(const verb *self, int argc, char **argv)
{
    import_plan plan;
    varve_error err = {0};
    int code = read_plan(self, argc, argv, &plan);
    if (code != VERB_OK) return code;
    varve_status status = plan.from_export ? import_export(&plan, &err) : import(&plan, &err);
    return status == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_import = {
    "import",
    "Read vectors and fields from files into a collection",
    "FILE... --to FOLDER|URL --collection C",
    "FILE is npy (float32, float16, uint8, int8), fvecs, bvecs or NDJSON, also packed with zstd;\n"
    "- is standard input. A line of NDJSON is {\"id\": 7, \"vector\": [0.5, 0.25], \"any\": "
    "\"field\"};\n"
    "fields may stand in a member \"fields\" instead, the vector as base64 in \"vector_b64\".\n"
    "A database or collection that is missing is made. A folder that 'varve export' or LynseDB "
    "made\n"
    "is imported as a collection of its own, with ids, deleted rows and settings.",
    flags,
    run};
