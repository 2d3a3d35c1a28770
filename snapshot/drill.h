/* drill.h — would it work? A restore into a scratch folder, with everything looked at that can be:
 *
 *   restore (a snapshot, or a moment between them) -> fsck -> sequence, counts, schemas -> digests
 *   -> all golden searches -> recall@10 of indexes -> the scratch folder is removed -> a report
 *
 * A drill that could not restore has failed: whatever stood in the way (an object that is missing
 * or was altered, a store that does not answer, time that ran out) is a finding, not an error.
 *
 * At a moment that is not that of a snapshot there are no digests to compare with; those of the
 * snapshot below it are compared before the log is applied.
 *
 * The report as JSON ends with a SHA-256 of its canonical text, or with an HMAC under the key of an
 * encrypted repository: whoever has that key can tell that it was not altered.
 *
 * Ownership  drill_report_done() frees.
 * Threads    several drills at once, in different folders.
 * Errors     VARVE_LOCKED another drill is at work in the folder · VARVE_CANCELLED by the caller ·
 *            VARVE_IO, VARVE_INVALID, VARVE_LIMIT the scratch folder cannot be made. */
#ifndef VARVE_SNAPSHOT_DRILL_H
#define VARVE_SNAPSHOT_DRILL_H

#include "contents.h"
#include "pitr.h"

#define DRILL_FINDINGS_MAX   1000
#define DRILL_RECALL_SAMPLES 32
#define DRILL_SPACE_KEPT     ((uint64_t)256 << 20) /* free space that a drill leaves */

typedef struct drill_options {
    const char *snap_id; /* NULL: the newest */
    const pitr_options *moment; /* target and timeline of it, in place of a snapshot; or NULL */
    const char *folder;     /* where the scratch folder is made; see scratch.h */
    size_t threads;         /* 0: 4 */
    uint64_t time_limit_ms; /* 0: none. Taking longer is a finding */
    remote_cancel cancel;
    void (*progress)(void *arg, const restore_progress *p);
    void *progress_arg;
} drill_options;

typedef struct drill_report {
    bool sound;
    char **findings;
    size_t count, kept; /* found; in `findings` */
    const char *target; /* "snapshot", "latest", "lsn", "time", "before_drop" */
    char snap_id[NAMES_ID_SIZE]; /* "": none was restored */
    uint64_t sequence, commit_ms; /* of what was restored; 0: not known */
    uint64_t started_ms;          /* since 1970 */
    uint64_t files, bytes, batches;
    contents_checked checked;
    double restore_seconds, fsck_seconds, check_seconds, seconds;
} drill_report;

VV_CHECKED varve_status drill_run(repo *r, const drill_options *options, drill_report *ret,
                                  varve_error *err);
/* Of a repository that could not even be opened. */
VV_CHECKED varve_status drill_fail(varve_status status, const char *why, drill_report *ret,
                                   varve_error *err);
void drill_report_done(drill_report *report);
/* r NULL: it could not be opened, and the report is signed by nobody. */
VV_CHECKED varve_status drill_report_json(const repo *r, const drill_report *report, json_t **ret,
                                          varve_error *err);
/* Is this a report of the repository's, as it was? VARVE_CORRUPT. */
VV_CHECKED varve_status drill_report_check(const repo *r, const json_t *report, varve_error *err);

#endif
