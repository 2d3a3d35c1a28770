/* backup_routes.h — the routes of backups: orders (backup_routes.c), what there is
 * (backup_routes_read.c). Replies have the envelope {"status":"success","params":{…}}; failures the
 * whole sentence, which a client who may order backups is to have.
 * Threads  any number at once; handlers keep nothing between requests. */
#ifndef GATEWAY_BACKUP_ROUTES_H
#define GATEWAY_BACKUP_ROUTES_H

#include "backup_jobs.h"

http_handler ops_backup_create, ops_backup_notify, ops_backup_scheduler, ops_backup_verify,
    ops_backup_prune, ops_backup_job_cancel, ops_backup_drill, ops_backup_restore;
http_handler ops_backup_list, ops_backup_one, ops_backup_status, ops_backup_jobs, ops_backup_job;

/* {"status":"success","params":params}; params is taken. */
void backup_reply(http_reply *reply, int status, json_t *params);
/* With the sentence itself, also for failures of ours. */
void backup_reply_error(http_reply *reply, const varve_error *err);
/* VARVE_UNSUPPORTED without one. */
VV_CHECKED varve_status backup_routes_service(gateway *g, backup_service **ret, varve_error *err);
/* For a route that starts a job of a kind, whose order is the body without `wait`: replies 202 with
 * the job, or, if the client waits, 200 with the job and what came of it, or the failure. */
void backup_routes_start(gateway *g, http_request *request, http_reply *reply,
                         backup_job_kind kind);

#endif
