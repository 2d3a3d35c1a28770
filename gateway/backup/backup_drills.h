/* backup_drills.h — drills by the clock: when the next one is due, and what came of the last.
 *
 *   first       none yet: ten minutes after the start, or after the interval if that is shorter
 *   interval    so long after the last one; after a failed one a day later at the latest
 *   cron        the next minute that the line names
 *
 * There is none before there is a backup. What a drill finds is kept in FOLDER/backup/drill.json
 * (drill_note.h), where those of the command that name the folder stand as well.
 *
 * Ownership  none.   Threads  the pure part: stateless; the rest: the service's thread.
 * Errors     VARVE_INVALID a cron line. */
#ifndef GATEWAY_BACKUP_DRILLS_H
#define GATEWAY_BACKUP_DRILLS_H

#include "backup_plan.h"
#include "backup_service.h"
#include "config.h"

typedef struct backup_drill_rules {
    uint64_t interval_ms; /* 0: none */
    bool has_cron;
    schedule cron;
} backup_drill_rules;

typedef struct backup_drill_past { /* times in ms since 1970; 0: not yet */
    uint64_t now_ms, started_ms;
    bool enabled;          /* the scheduler */
    bool has_snapshot;     /* is there something to restore? */
    uint64_t cron_from_ms; /* minutes up to here were looked at */
    uint64_t last_ms;
    bool last_sound;
} backup_drill_past;

backup_plan backup_drill_next(const backup_drill_rules *rules, const backup_drill_past *past);

/* ---- inside the service */

VV_CHECKED varve_status backup_drills_read_rules(const config *c, backup_drill_rules *ret,
                                                 varve_error *err);
/* What the folder remembers, into the service's books. */
void backup_drills_load(backup_service *s);
/* Queue one if it is due. */
void backup_drills_look(backup_service *s);

#endif
