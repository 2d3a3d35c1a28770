/* ship.h — the log of an open folder into the repository, step by step, so that any moment since
 * the oldest snapshot can be restored (pitr.h).
 *
 *   lease -> read the log from shipped + 1 -> for each file that a batch names: pin, read gc/,
 *   store -> lease -> does nobody else ship? -> PUT the object of the log -> note in the state file
 *   -> unpin
 *
 * (1) The files that a batch names are stored before the object with the batch is.
 * (2) What was shipped follows from the repository; the state file says from where to look. After a
 *     crash or an answer that was lost, objects that are there already are compared with the log,
 *     batch by batch, and taken for shipped.
 * (3) An object holds the foot of the one before it. Two that ship different histories under one
 *     lease do not fit into one chain: who comes second finds objects that are not of his log, and
 *     gets VARVE_CONFLICT; where both put at once, the next step of either does.
 * (4) Where the log has a gap (a large session, or files that were replaced), or was not kept long
 *     enough, only a snapshot that reaches beyond bridges it: VARVE_NOT_FOUND until there is one.
 *     The first snapshot is such a one.
 *
 * Ownership  ship_close() ends a handle; NULL is fine. Options are copied; what they point at is
 *            borrowed and must live longer.
 * Threads    one at a time. The folder may be in use meanwhile.
 * Errors     VARVE_NOT_FOUND take a new snapshot, then go on: the message has both numbers ·
 *            VARVE_CONFLICT the lease was lost, or the repository holds another history: a new
 *            timeline has to begin (lease_options.branch) · VARVE_CANCELLED · those of repo.h.
 *            After any error the next step looks anew. */
#ifndef VARVE_SNAPSHOT_SHIP_H
#define VARVE_SNAPSHOT_SHIP_H

#include "lease.h"
#include "varve_snapshot.h"

#define SHIP_STEP_BYTES ((uint64_t)4 << 20)

typedef struct ship ship;

typedef struct ship_options {
    varve *db;            /* the owner of: */
    const char *folder;   /* the data folder */
    lease *lease;         /* held by the caller */
    const char *state;    /* folder for the state file, journals and sealed copies; made */
    uint64_t step_bytes;  /* about so many in one object; 0: SHIP_STEP_BYTES */
    uint64_t pin_life_ms; /* 0: PIN_LIFE_MS */
    remote_cancel cancel;
} ship_options;

typedef struct ship_result {
    uint64_t first, last; /* of the object that was put; 0: there was nothing to ship */
    uint64_t batches, bytes, files, files_new;
    uint64_t shipped, written; /* of the folder now: written - shipped is the lag */
    uint64_t time_ms;          /* of the last commit that was shipped by this handle; 0: none yet */
    bool bridged;              /* a snapshot bridged a gap before it */
} ship_result;

/* For a shipper to come, with this `state`: the repository holds the whole line up to `sequence` of
 * `timeline`. */
VV_CHECKED varve_status ship_begin_at(repo *r, const char *state, uint32_t timeline,
                                      uint64_t sequence, varve_error *err);

VV_CHECKED varve_status ship_open(repo *r, const ship_options *options, ship **ret,
                                  varve_error *err);
VV_CHECKED varve_status ship_step(ship *s, ship_result *ret, varve_error *err);
void ship_close(ship *s);

#endif
