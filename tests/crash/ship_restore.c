/* ship_restore.c — for ship_harness.py: all that was shipped into a repository, as a folder.
 *
 *     ship_restore url=… OPTION=VALUE... FOLDER
 *
 * Prints the sequence number that was reached. A failure is "STATUS: sentence" on standard error,
 * and exit 1. */
#include "pitr.h"
#include "tool_options.h"

#include <stdio.h>
#include <string.h>

#define NOBODY "00000000-0000-4000-8000-000000000000"

static varve_status take_db(void *arg, const char *db_id, varve_error *err)
{
    char *ret = arg;
    if (*ret) return vv_fail(err, VARVE_EXISTS, "more than one database");
    memcpy(ret, db_id, NAMES_ID_SIZE);
    return VARVE_OK;
}

static varve_status run(const tool_options *s, const char *folder, varve_error *err)
{
    VV_CLEANUP(remote_closep) remote *place = NULL;
    VV_CLEANUP(repo_closep) repo *r = NULL;
    const repo_options options = {.db_id = NOBODY};
    const pitr_options target = {.target = PITR_LATEST, .folder = folder, .threads = 2};
    pitr_result result = {0};
    char db_id[NAMES_ID_SIZE] = "";
    VV_TRY(remote_open(s->url, &s->s3, false, &s->limits, &place, err));
    VV_TRY(repo_open(place, &options, &r, err));
    VV_TRY(repo_list_dbs(r, take_db, db_id, err));
    memcpy(r->db_id, db_id, sizeof r->db_id);
    VV_TRY(pitr_run(r, &target, &result, err));
    printf("%llu\n", (unsigned long long)result.sequence);
    return VARVE_OK;
}

int main(int argc, char **argv)
{
    tool_options s = {.url = "s3://bucket"};
    varve_error err = {0};
    int i = 1;
    while (i < argc && tool_take_option(&s, argv[i]))
        i++;
    if (i + 1 != argc) return 2;
    varve_status status = run(&s, argv[i], &err);
    if (status != VARVE_OK) fprintf(stderr, "%s: %s\n", varve_status_name(status), err.message);
    return status != VARVE_OK;
}
