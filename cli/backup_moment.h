/* backup_moment.h — of which moment: flags of those actions of `varve backup` that may mean a
 * snapshot or a moment between two.
 * Ownership  none.   Threads  stateless. */
#ifndef CLI_BACKUP_MOMENT_H
#define CLI_BACKUP_MOMENT_H

#include "verb.h"

#include "snapshot.h"

typedef struct backup_moment {
    bool between; /* false: a snapshot, see backup_order */
    pitr_target target;
    uint64_t lsn, time_ms;
} backup_moment;

#define BACKUP_MOMENT_FLAGS                                                                        \
    {"to-latest", FLAG_TO_LATEST, NULL, "all that was shipped, up to the last batch"},             \
        {"to-lsn", FLAG_TO_LSN, "N", "as of a sequence number"},                                   \
    {                                                                                              \
        "to-time", FLAG_TO_TIME, "TIME", "as of a time: 2026-11-21T20:00:00Z, or ms since 1970"    \
    }

/* Take a flag of the above; false when it is another. *ret_code: VERB_USAGE, said, if its value is
 * wrong. */
bool backup_moment_flag(backup_moment *m, const verb *v, int key, const char *value, int *ret_code);
/* A time in UTC, as above, also without its Z or with a blank for its T; false: it is none. */
bool backup_moment_parse(const char *text, uint64_t *ret_ms);

#endif
