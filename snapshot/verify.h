/* verify.h — are the snapshots of a database what they were? Findings are collected, so that one
 * look tells all that is wrong; only what keeps the look itself from going on is a failure.
 *
 *   VERIFY_STRUCTURE   every manifest checks out, every object is there with the right size
 *   VERIFY_CHECKSUMS   and has the right sums: all of them, or a random share
 *   VERIFY_FULL        and the snapshot can be restored into a scratch folder and opened, has the
 *                      rows that its manifest has digests of, and answers its golden searches
 *
 * A snapshot that passed VERIFY_CHECKSUMS of all its objects, or VERIFY_FULL, gets a mark
 * (db/<db_id>/verified/…), by which retention never takes the newest one of them; where the
 * repository can only be read, there is none.
 *
 * Ownership  verify_report_done() frees.
 * Threads    any number.
 * Errors     VARVE_CANCELLED · those of repo.h but VARVE_CORRUPT and VARVE_NOT_FOUND, which are
 *            findings. */
#ifndef VARVE_SNAPSHOT_VERIFY_H
#define VARVE_SNAPSHOT_VERIFY_H

#include "snapshots.h"

#define VERIFY_FINDINGS_MAX 10000 /* more are counted, not kept */

typedef enum verify_level { VERIFY_STRUCTURE, VERIFY_CHECKSUMS, VERIFY_FULL } verify_level;

typedef struct verify_options {
    verify_level level;
    double share;        /* VERIFY_CHECKSUMS: of the objects that are read; 0: all */
    const char *snap_id; /* NULL: every snapshot of the database */
    const char *scratch; /* VERIFY_FULL: a folder to make and remove, must not exist */
    size_t threads;      /* 0: 4 */
    remote_cancel cancel;
} verify_options;

typedef struct verify_report {
    uint64_t snapshots, snapshots_sound;
    uint64_t objects, objects_read, bytes_read; /* objects that several share count once */
    char **findings;
    size_t count, kept; /* found; in `findings` */
} verify_report;

VV_CHECKED varve_status verify_run(repo *r, const verify_options *options, verify_report *ret,
                                   varve_error *err);
void verify_report_done(verify_report *report);

#endif
