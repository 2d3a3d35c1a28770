/* drill_note.h — what a data folder remembers of the drills of its backups: FOLDER/backup/
 * drill.json, replaced as a whole, so that a crash leaves the old or the new.
 *
 *   {format 1, drills, failures, last_ms, last_ok_ms, last {the report of the last one}}
 *
 * Ownership  drill_note_done() frees.
 * Threads    one at a time.
 * Errors     VARVE_NOT_FOUND no drill yet · VARVE_CORRUPT · VARVE_IO. */
#ifndef VARVE_SNAPSHOT_DRILL_NOTE_H
#define VARVE_SNAPSHOT_DRILL_NOTE_H

#include "drill.h"

typedef struct drill_note {
    uint64_t drills, failures;    /* failures: of those */
    uint64_t last_ms, last_ok_ms; /* when they began, since 1970; 0: never */
    double last_seconds;
    bool last_sound;
    json_t *last; /* the report */
} drill_note;

VV_CHECKED varve_status drill_note_load(const char *folder, drill_note *ret, varve_error *err);
void drill_note_done(drill_note *note);
/* One more: a note that cannot be read is begun anew. report: as drill_report_json made it. */
VV_CHECKED varve_status drill_note_add(const char *folder, const json_t *report, varve_error *err);

#endif
