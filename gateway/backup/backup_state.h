/* backup_state.h — what a server remembers of its backups: FOLDER/backup/server.json, replaced as a
 * whole and synced after each change, so that a crash leaves the old or the new.
 *
 *   {format 1, repo_id, scheduler, notified_ms, backups, failures, consecutive_failures,
 *    deltas_since_full, bytes_stored, last_prune_ms,
 *    last_ok {ms, snapshot, full, lsn, took_ms, bytes_stored, files_stored},
 *    last_failure {ms, status, message}}
 *
 * What belongs to a repository (all but scheduler and notified_ms) starts anew when the repository
 * is another one.
 *
 * Ownership  none.   Threads  the caller's lock.
 * Errors     VARVE_NOT_FOUND · VARVE_CORRUPT · VARVE_IO. */
#ifndef GATEWAY_BACKUP_STATE_H
#define GATEWAY_BACKUP_STATE_H

#include "base/status.h"
#include "snapshot.h"

typedef struct backup_state {
    char repo_id[NAMES_ID_SIZE]; /* "": none yet */
    bool scheduler;
    uint64_t notified_ms; /* a notification that waits for its backup; 0: none */
    uint64_t backups, failures, consecutive_failures, deltas_since_full, bytes_stored;
    uint64_t last_prune_ms;
    struct {
        uint64_t ms; /* when it began; 0: never */
        char snapshot[NAMES_ID_SIZE];
        bool full;
        uint64_t lsn, took_ms, bytes_stored, files_stored;
    } last_ok;
    struct {
        uint64_t ms; /* when it ended; 0: never */
        char status[32];
        char message[508];
    } last_failure;
} backup_state;

void backup_state_init(backup_state *s);
VV_CHECKED varve_status backup_state_parse(const char *text, size_t len, backup_state *ret,
                                           varve_error *err);
/* *ret_text: free() it. */
VV_CHECKED varve_status backup_state_write(const backup_state *s, char **ret_text,
                                           varve_error *err);
VV_CHECKED varve_status backup_state_load(const char *folder, backup_state *ret, varve_error *err);
VV_CHECKED varve_status backup_state_save(const char *folder, const backup_state *s,
                                          varve_error *err);
/* Forget what belongs to another repository. */
void backup_state_bind(backup_state *s, const char *repo_id);

#endif
