/* ops.h — the routes for those who run the server: is it up, its figures, its description (ops.c);
 * the jobs of the compactor (ops_jobs.c); compaction as a whole (ops_compaction.c).
 * The replies about jobs and compaction have the envelope {"status":"success","params":{…}}.
 * Threads  any number at once; handlers keep nothing between requests. */
#ifndef GATEWAY_OPS_H
#define GATEWAY_OPS_H

#include "handler.h"

http_handler ops_healthz, ops_readyz, ops_metrics, ops_openapi;
http_handler ops_jobs, ops_job, ops_job_cancel;
http_handler ops_compaction, ops_compaction_run;
http_handler ops_ship; /* ship/ship_routes.c: GET /admin/ship */

#endif
