/* jobs.h — the compactor's jobs, of a folder that this process has open or of a server.
 * Ownership  jobs_done() frees a list.
 * Threads    one list at a time.
 * Errors     VARVE_INTERNAL for an answer of the server that is not what it should be. */
#ifndef CLI_JOBS_H
#define CLI_JOBS_H

#include "http_client.h"

typedef struct jobs {
    varve_job *list; /* newest first */
    size_t count;
} jobs;

VV_CHECKED varve_status jobs_of_folder(varve *db, jobs *ret, varve_error *err);
VV_CHECKED varve_status jobs_of_server(http_client *http, jobs *ret, varve_error *err);
void jobs_done(jobs *j); /* also fits VV_CLEANUP */

const char *job_state_name(varve_job_state state); /* "running" */

#endif
