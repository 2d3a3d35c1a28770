/* verb_fsck.c — `varve fsck`: read a closed folder whole and verify every checksum and promise;
 * with
 * --accept-loss, open a folder whose log ends too early, and say what was given up. */
#include "place.h"

#include <stdio.h>

static const flag flags[] = {{"accept-loss", FLAG_ACCEPT_LOSS, NULL,
                              "go on with a folder whose log ends before what was acknowledged"},
                             {NULL, 0, NULL, NULL}};

static void report_freep(varve_report **report) { varve_report_free(*report); }

/* What the folder says when it is opened without the flag is what is given up by opening it with.
 */
static varve_status accept_loss(const char *path, varve_error *err)
{
    varve_options options;
    varve *db = NULL;
    varve_error loss = {0};
    varve_options_init(&options);
    options.must_exist = true;
    if (varve_open(path, &options, &db, &loss) == VARVE_OK) {
        printf("nothing was lost: the folder opens without --accept-loss\n");
        return varve_close(db, err);
    }
    if (loss.status != VARVE_CORRUPT) return vv_fail(err, loss.status, "%s", loss.message);
    options.accept_loss = true;
    VV_TRY(varve_open(path, &options, &db, err));
    printf("given up: %s\n", loss.message);
    return varve_close(db, err);
}

static varve_status check(const char *path, size_t *ret_findings, varve_error *err)
{
    VV_CLEANUP(report_freep) varve_report *report = NULL;
    VV_TRY(varve_fsck(path, &report, err));
    for (size_t i = 0; i < varve_report_count(report); i++)
        printf("%s\n", varve_report_line(report, i));
    printf("%s\n", varve_report_summary(report));
    *ret_findings = varve_report_count(report);
    return VARVE_OK;
}

static int run(const verb *self, int argc, char **argv)
{
    place at = PLACE_START;
    flag_reader flags_of_line;
    const char *value;
    varve_error err = {0};
    size_t findings = 0;
    bool accept = false;
    int key;
    flags_start(&flags_of_line, self, argc, argv);
    while ((key = flags_next(&flags_of_line, &value)) >= 0) {
        if (key == FLAG_BAD) return VERB_USAGE;
        accept = true;
    }
    at.where = argv[flags_rest()];
    int code = place_check(self, &at, false);
    if (code == VERB_OK) code = place_refuse_more(self, argc, argv, 1);
    if (code != VERB_OK) return code;
    if (place_is_url(&at)) return verb_usage(self, "only a folder can be checked");
    varve_status status = accept ? accept_loss(at.where, &err) : VARVE_OK;
    if (status == VARVE_OK) status = check(at.where, &findings, &err);
    if (status != VARVE_OK) return verb_fail(self, &err);
    return findings == 0 ? VERB_OK : VERB_FAILED;
}

const verb verb_fsck = {
    "fsck",
    "Verify a closed folder",
    "FOLDER",
    "Exit code 0: sound; 1: there are findings, or it could not be checked. --accept-loss repairs\n"
    "a folder that refuses to open because acknowledged writes are missing from its log.",
    flags,
    run};
