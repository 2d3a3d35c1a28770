/* backup_show.h — snapshots and results of backups on standard output, progress on standard error.
 * Ownership  borrowed.   Threads  one at a time.   Errors  none. */
#ifndef CLI_BACKUP_SHOW_H
#define CLI_BACKUP_SHOW_H

#include "progress.h"

#include "snapshot.h"

void backup_show_heading(void);
void backup_show_snapshot(const manifest *m, bool json);
/* Its collections, too. */
void backup_show_details(const manifest *m, bool json);
void backup_show_result(const backup_result *r, bool json);
/* For backup_options and restore_options; arg: a struct progress. */
void backup_show_progress(void *arg, const backup_progress *p);
void backup_show_restore(void *arg, const restore_progress *p);
/* A line of JSON; `object` is taken. */
void backup_show_json(json_t *object);

#endif
