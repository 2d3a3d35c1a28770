/* follower.h — a server that follows another one's repository: its thread, what it serves, and its
 * promotion. What happens to the folder: snapshot/follow.h.
 *
 *              first folder                      older than follow_max_staleness_ms
 *   BOOTSTRAP --------------> FOLLOWING <-----------------------------------------> STALE
 *                                 |  follower_promote
 *                                 +------------------> PROMOTED, or FAILED: asked again, it goes on
 *
 * (1) Requests read a handle of their own (served.h): what was applied is shown by the next handle,
 *     at most every follow_refresh_ms, and no more often than its opening takes half of the time.
 * (2) The age of what is shown counts from the beginning of the last look at the repository that
 *     found nothing that is not shown. What the writer has not shipped is not known here.
 * (3) A promotion is done by the follower's thread. After it the process is that folder's owner,
 *     with all that an owner runs; requests that began before end on what they read.
 *
 * Ownership  follower_stop() ends it, after the server.
 * Threads    any number may ask.
 * Errors     VARVE_INVALID settings · VARVE_EXISTS the folder is no follower's · VARVE_LOCKED a
 *            promotion has to wait · those of follow.h. */
#ifndef GATEWAY_FOLLOWER_H
#define GATEWAY_FOLLOWER_H

#include "follow_wait.h"
#include "handler.h"
#include "served.h"

typedef struct follower follower;

typedef enum follower_state {
    FOLLOWER_BOOTSTRAP,
    FOLLOWER_FOLLOWING,
    FOLLOWER_STALE,
    FOLLOWER_PROMOTED,
    FOLLOWER_FAILED
} follower_state;
const char *follower_state_word(follower_state state);

/* *ret is NULL where nothing is followed, or the folder was promoted before: it is opened as an
 * owner's then. */
VV_CHECKED varve_status follower_start(gateway *g, follower **ret, varve_error *err);
void follower_stop(follower *f); /* NULL is fine */
/* Nobody waits from now on: the server is ending. NULL is fine. */
void follower_end_waits(follower *f);

/* Is this server a replica now? false for NULL and once promoted. */
bool follower_is_replica(const follower *f);
/* Within follow_max_staleness_ms, and something is shown? */
bool follower_is_young(follower *f);
served *follower_take(follower *f); /* see served.h */
follow_wait *follower_waits(follower *f);
/* Of what is shown now; UINT64_MAX: nothing is. */
uint64_t follower_staleness_ms(follower *f);

typedef struct follower_promotion {
    uint32_t timeline;
    uint64_t sequence, epoch;
} follower_promotion;
/* Waits for its end. */
VV_CHECKED varve_status follower_promote(follower *f, bool force, follower_promotion *ret,
                                         varve_error *err);

typedef struct follower_view {
    follower_state state;
    uint32_t timeline;
    uint64_t applied, shown, known; /* sequence numbers */
    uint64_t commit_ms;             /* of the last commit applied; 0: not known */
    uint64_t staleness_ms;          /* UINT64_MAX: nothing is shown */
    uint64_t objects, batches, bytes, bootstraps, refreshes, refresh_us, failures;
    uint64_t handles; /* replaced and still in use */
    uint64_t waiting;
    char stage[16]; /* of a bootstrap; "": none */
    uint64_t files, files_all, stage_bytes, stage_bytes_all;
    char where[512];
    varve_error why; /* of the last step that failed; status VARVE_OK: the last one did not */
    follower_promotion promotion;
} follower_view;
void follower_look(follower *f, follower_view *ret);

#endif
