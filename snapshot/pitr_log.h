/* pitr_log.h — which moments of a database can be restored (pitr.h): its timelines, the log of each
 * along its ancestors, and the gaps in it. By names alone, but for times; or with every object
 * read.
 *
 * A gap is bridged if a snapshot lies at its end or behind it: what follows the gap can be restored
 * then, the moments inside it cannot.
 *
 * Ownership  pitr_log_done() frees.
 * Threads    any number.
 * Errors     VARVE_NOT_FOUND the database has no timeline · those of repo.h but VARVE_CORRUPT, and
 *            VARVE_NOT_FOUND of an object, which are findings. */
#ifndef VARVE_SNAPSHOT_PITR_LOG_H
#define VARVE_SNAPSHOT_PITR_LOG_H

#include "pitr.h"

#define PITR_LOG_FINDINGS_MAX 1000 /* more are counted, not kept */

typedef struct pitr_stretch { /* of sequence numbers, both ends in it */
    uint64_t first, last;
    bool bridged; /* of a gap */
} pitr_stretch;

typedef struct pitr_log_line {
    uint32_t timeline, parent; /* parent, parent_lsn: where it branched; 0: nowhere */
    uint64_t parent_lsn;
    bool is_present;         /* the one that is written now, or was last */
    uint64_t objects, bytes; /* of the log of its own; bytes as stored */
    size_t snapshots;        /* along the line, as all that follows */
    pitr_stretch *ranges;    /* of the log without a gap */
    size_t range_count;
    pitr_stretch *gaps; /* behind the oldest snapshot, or with none, between ranges */
    size_t gap_count;
    uint64_t oldest_lsn, oldest_ms; /* moments that can be restored; 0, 0, 0, 0: none can */
    uint64_t newest_lsn, newest_ms;
} pitr_log_line;

typedef struct pitr_log_options {
    bool full; /* read every object, and look for every file that it names */
    remote_cancel cancel;
} pitr_log_options;

typedef struct pitr_log {
    pitr_log_line *lines; /* by timeline */
    size_t count;
    uint64_t objects_read, bytes_read; /* full */
    char **findings;                   /* gaps of the present line that nothing bridges, damage */
    size_t finding_count, kept;        /* found; in `findings` */
} pitr_log;

VV_CHECKED varve_status pitr_log_read(repo *r, const pitr_log_options *options, pitr_log *ret,
                                      varve_error *err);
void pitr_log_done(pitr_log *log);

#endif
