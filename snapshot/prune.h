/* prune.h — snapshots that retention lets go, and blobs that nobody needs any more, out of the
 * repository, while backups and restores of any number of machines go on.
 *
 *   manifests -> retention says which go -> delete those
 *   -> revoke pins that have expired -> list blobs; those that no manifest and no pin needs, and
 *   that are older than the grace, are candidates -> gc/<run>.json -> wait -> read manifests and
 *   pins anew -> delete the candidates that are still not needed -> remove gc/<run>.json
 *
 * (1) A manifest goes before its blobs, gc/<run>.json lies there before the first delete and until
 *     after the last, and pins are read between. A backup writes its pin before it reads gc/. So
 *     either the backup sees that a blob is doomed, and stores it under another generation, or the
 *     collection sees the pin, and leaves the blob: for every interleaving, without clocks.
 * (2) Clocks matter for what died: a pin that expired PRUNE_SLACK_MS ago is revoked, and a record
 *     of a run is removed GC_RECORD_SLACK_MS after the time from which on that run deletes nothing.
 *     Both stand on one condition: a request takes effect within that slack, or never.
 * (3) After a delete that failed, and may still arrive, the record stays until it expires.
 * (4) One manifest or pin that cannot be read ends the run before anything is deleted: nobody knows
 *     what it needs. The same for the beginning of an object of the log, where the names of its
 *     files are; the rest of it is not read, and each is read once in a run.
 *
 * Manifests and pins of all databases of the repository count; retention and the log are those of
 * one. Where the store has no conditional puts, pins cannot be revoked safely: prune refuses
 * (VARVE_UNSUPPORTED) unless the caller says that nobody else works there.
 *
 * Ownership  prune_result_done() frees.
 * Threads    any number at once, on any number of machines.
 * Errors     those of repo.h. */
#ifndef VARVE_SNAPSHOT_PRUNE_H
#define VARVE_SNAPSHOT_PRUNE_H

#include "repo.h"
#include "retention.h"

#define PRUNE_GRACE_MS ((uint64_t)86400000)
#define PRUNE_WAIT_MS  ((uint64_t)60000) /* two heartbeats */
#define PRUNE_SLACK_MS ((uint64_t)3600000)

typedef struct prune_options {
    retention_rules rules; /* all zero: no snapshot goes */
    bool yes;              /* false: only tell */
    bool alone;            /* nobody else works on the repository meanwhile */
    uint64_t grace_ms;     /* 0: PRUNE_GRACE_MS; 1: none */
    uint64_t wait_ms;      /* 0: PRUNE_WAIT_MS; 1: none */
    uint64_t life_ms;      /* 0: GC_RECORD_LIFE_MS */
    uint64_t slack_ms;     /* 0: PRUNE_SLACK_MS and GC_RECORD_SLACK_MS */
    remote_cancel cancel;
} prune_options;

typedef struct prune_snapshot {
    object_name name;
    uint64_t time_ms;
    unsigned why; /* retention.h; 0: it goes */
} prune_snapshot;

typedef struct prune_result { /* without `yes`: what would be */
    prune_snapshot *snapshots;
    size_t snapshot_count, snapshots_gone;
    uint64_t blobs, blobs_gone, bytes_gone, wal_gone, pins_revoked, records_gone;
    uint64_t blobs_young; /* not needed, but within the grace */
    bool more;            /* more candidates than one run takes: run again */
} prune_result;

VV_CHECKED varve_status prune_run(repo *r, const prune_options *options, prune_result *ret,
                                  varve_error *err);
void prune_result_done(prune_result *result);

#endif
