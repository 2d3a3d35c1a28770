/* backup_target.h — flags that say to which moment a restore goes: --latest, --to-lsn, --to-time,
 * --before-drop.
 * Ownership  borrowed from the command line; names of a collection are the target's own.
 * Threads    one at a time. */
#ifndef CLI_BACKUP_TARGET_H
#define CLI_BACKUP_TARGET_H

#include "verb.h"

#include "snapshot.h"

typedef struct backup_target {
    size_t given; /* how many of the flags; more than one is wrong usage */
    pitr_target target;
    uint64_t lsn, time_ms;
    char names[2 * MANIFEST_NAME_MAX + 2]; /* both of --before-drop, each with its NUL */
    const char *database, *collection;
} backup_target;

#define BACKUP_TARGET_FLAGS                                                                        \
    {"latest", FLAG_LATEST, NULL, "all that was shipped of the log"},                              \
        {"to-lsn", FLAG_TO_LSN, "N", "the log up to this sequence number"},                        \
        {"to-time", FLAG_TO_TIME, "TIME", "up to then: 2026-11-21T08:30:00Z, or ms since 1970"},   \
    {                                                                                              \
        "before-drop", FLAG_BEFORE_DROP, "DB.COLL", "up to before this collection was dropped"     \
    }

/* VERB_OK also for a flag that is another; VERB_USAGE, said, for a wrong value. */
int backup_target_flag(backup_target *t, const verb *v, int key, const char *value);
/* Target alone; borrows from t. */
static inline pitr_options backup_target_moment(const backup_target *t)
{
    return (pitr_options){.target = t->target,
                          .lsn = t->lsn,
                          .time_ms = t->time_ms,
                          .database = t->database,
                          .collection = t->collection};
}
/* Milliseconds since 1970, or ISO 8601: a date, a time behind 'T' or a blank, and Z or +hh:mm; UTC
 * if nothing is said. false: it is neither. */
bool backup_target_time(const char *text, uint64_t *ret_ms);

#endif
