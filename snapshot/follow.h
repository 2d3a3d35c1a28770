/* follow.h — a data folder that follows a database through its repository: made of the newest
 * snapshot and the log behind it, then grown by each object of the log as it is shipped. And its
 * promotion: from then on it is the writer, on a timeline of its own.
 *
 *              follow_step: bootstrap              follow_step: apply
 *   (nothing) -----------------------> FOLLOWING ---------------------> FOLLOWING
 *                                      |       ^
 *            follow_promote            |       | follow_step: bootstrap beside, then swap
 *   PROMOTED <-------------------------+       | (a gap of the log, or another history)
 *                                      +-------+
 *
 * (1) A batch is applied if it begins right behind the last one. What overlaps is passed over; over
 *     a gap only a snapshot beyond it leads, from which the folder is made anew, beside the old one
 *     and then in its place. Nothing is guessed.
 *     A gap shows by an object behind it, or by a snapshot that the log does not reach: then
 *     nothing was written behind the gap yet.
 * (2) Of a timeline that is not the writer's, only what lies before the branch is applied. When the
 *     writer is another one, whose timeline branched before what was applied here, the folder is
 *     made anew.
 * (3) FOLDER/FOLLOW says of which database and along which timeline the folder grows, and that it
 *     is a follower's at all: another folder is never touched. It is written before the first batch
 *     of a timeline is applied, so that a crash at any time leaves a folder that goes on.
 * (4) A pin keeps the log from behind the applied sequence on; it outlives the process, whose next
 *     life finds it by the note.
 * (5) A promotion applies what was shipped, then takes the lease by a conditional put against the
 *     timeline that it followed. Unless forced, it does so only when nobody may write any more, so
 *     that nothing is shipped meanwhile.
 *
 * Ownership  follow_close() ends a handle; NULL is fine. Options are copied, and so is the folder's
 *            name.
 * Threads    one at a time. The folder may be open for reading meanwhile (varve_open, read_only),
 *            best by the same thread between two steps.
 * Errors     VARVE_EXISTS the folder is there and no follower's · VARVE_CONFLICT it follows another
 *            database, or was promoted · VARVE_NOT_FOUND no snapshot to begin with, or none beyond
 *            a gap yet · VARVE_LOCKED a promotion has to wait; the message says until when ·
 *            VARVE_CANCELLED · those of pitr.h and repo.h. After an error of a step the next one
 *            looks anew; what was applied stays. */
#ifndef VARVE_SNAPSHOT_FOLLOW_H
#define VARVE_SNAPSHOT_FOLLOW_H

#include "lease.h"
#include "restore.h"

#define FOLLOW_STEP_BYTES ((uint64_t)64 << 20)
#define FOLLOW_BRIDGE_MS  ((uint64_t)30000)

typedef struct follow_handle follow_handle;

typedef struct follow_options {
    const char *folder;   /* missing, empty, or a follower's; beside it FOLDER.follow-new */
    uint64_t step_bytes;  /* about so many are applied by one step; 0: FOLLOW_STEP_BYTES */
    uint64_t pin_life_ms; /* 0: PIN_LIFE_MS */
    uint64_t bridge_ms;   /* a snapshot that the log does not reach for so long bridges a gap; 0:
                           FOLLOW_BRIDGE_MS */
    size_t threads;       /* of a bootstrap; 0: 4 */
    remote_cancel cancel;
    void (*progress)(void *arg, const restore_progress *p); /* of a bootstrap */
    void *progress_arg;
} follow_options;

typedef struct follow_result {
    bool bootstrapped; /* the folder is another one than before the step */
    bool all;          /* all that was there when the step began is applied */
    bool waits;        /* a snapshot is beyond: the log reaches it soon, or there is a gap */
    uint32_t timeline;
    uint64_t sequence; /* applied; what was applied is seen by who opens the folder now */
    uint64_t time_ms;  /* of the last commit applied by this handle that has one; 0: none yet */
    uint64_t known;    /* up to here the repository has the line, as far as was looked */
    uint64_t objects, batches, bytes; /* of this step */
} follow_result;

VV_CHECKED varve_status follow_open(repo *r, const follow_options *options, follow_handle **ret,
                                    varve_error *err);
/* Look once, and apply what is there. */
VV_CHECKED varve_status follow_step(follow_handle *f, follow_result *ret, varve_error *err);
/* The folder, if there is one yet: 0 otherwise. */
uint64_t follow_sequence(const follow_handle *f);
/* Leaves the pin, which expires by itself unless the folder is opened again. */
void follow_close(follow_handle *f);

typedef struct follow_promotion {
    const char *holder; /* the new writer: lease_options */
    const char *state;  /* where its shipper will keep its state (ship.h), which then goes on right
                           behind what was applied; NULL: nothing is left there */
    uint64_t life_ms;
    bool force; /* also while somebody else may still write: what he ships later is lost */
} follow_promotion;

/* On success the folder is closed, and can be opened for writing. */
VV_CHECKED varve_status follow_promote(follow_handle *f, const follow_promotion *options,
                                       lease *ret, varve_error *err);

/* What is the folder? FOLLOW_PROMOTED: a writer's, which was a follower's. */
typedef enum follow_kind { FOLLOW_NOTHING, FOLLOW_FOLLOWER, FOLLOW_PROMOTED } follow_kind;
/* db_id: of which database, unless it is FOLLOW_NOTHING. VARVE_EXISTS: something else is there. */
VV_CHECKED varve_status follow_look(const char *folder, follow_kind *ret,
                                    char ret_db_id[NAMES_ID_SIZE], varve_error *err);

#endif
