/* backup_service.h — automatic backups: a scheduler, and long work on the repository, one piece at
 * a time on a thread of its own with a record of each (backup_jobs.h).
 *
 * Ownership  of the gateway, between its folder and its server. Home and gateway are borrowed.
 * Threads    any, but start and the three functions of the end: the main thread.
 * Errors     VARVE_INVALID a setting · VARVE_UNSUPPORTED no repository is configured. */
#ifndef GATEWAY_BACKUP_SERVICE_H
#define GATEWAY_BACKUP_SERVICE_H

#include "backup_home.h"
#include "backup_plan.h"
#include "backup_state.h"

typedef struct backup_service backup_service;

/* Are cron line and hook understood? Asked before anything is opened. */
VV_CHECKED varve_status backup_service_check(gateway *g, varve_error *err);
/* home NULL: *ret stays NULL. */
VV_CHECKED varve_status backup_service_start(gateway *g, backup_home *home, backup_service **ret,
                                             varve_error *err);
/* Ask it to end, with a last backup if that is on; it is bounded by backup_stop_timeout_s. */
void backup_service_ask_to_end(backup_service *s);
/* Without any further backup, as soon as possible. */
void backup_service_hurry(backup_service *s);
/* Has its thread ended? Then backup_service_free. */
bool backup_service_has_ended(backup_service *s);
void backup_service_free(backup_service *s);

/* ---- what routes ask of it; s NULL: VARVE_UNSUPPORTED */

/* The words of a user that something changed: a backup follows within backup_min_interval_s. */
VV_CHECKED varve_status backup_service_notify(backup_service *s, varve_error *err);
VV_CHECKED varve_status backup_service_schedule(backup_service *s, bool enabled, varve_error *err);

typedef struct backup_drills_view { /* times in ms since 1970; 0: never */
    uint64_t drills, failures;      /* that the folder remembers */
    uint64_t last_ms, last_ok_ms;
    double last_seconds;
    bool last_sound;
} backup_drills_view;

typedef struct backup_service_view {
    backup_state state;
    backup_home_view home;
    backup_plan next;
    backup_drills_view drills;
    uint64_t sequence; /* of the folder now; state.last_ok.lsn is that of the last backup */
    uint64_t jobs_done, jobs_failed, jobs_cancelled; /* since start */
    uint64_t running;                                /* id of a job; 0: none */
    size_t queued;
} backup_service_view;
void backup_service_look(backup_service *s, backup_service_view *ret);

#endif
