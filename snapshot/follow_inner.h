/* follow_inner.h — shared by follow*.c only: the note in the folder, the line of timelines, and a
 * follower at work.
 * Ownership  as in follow.h.   Threads  one.   Errors  as in follow.h. */
#ifndef VARVE_SNAPSHOT_FOLLOW_INNER_H
#define VARVE_SNAPSHOT_FOLLOW_INNER_H

#include "follow.h"
#include "pins.h"
#include "timeline.h"
#include "varve_snapshot.h"
#include "wal_object.h"

#define FOLLOW_PATH_SIZE 4096

/* ---- FOLDER/FOLLOW (follow_note.c) --------------------------------------------------------- */

typedef struct follow_note {
    char repo_id[NAMES_ID_SIZE], db_id[NAMES_ID_SIZE];
    uint32_t timeline;       /* the folder holds a beginning of the line that ends in it */
    char pin[NAMES_ID_SIZE]; /* "": none */
    bool promoted;
} follow_note;

/* VARVE_NOT_FOUND: there is none. */
VV_CHECKED varve_status follow_note_read(const char *folder, follow_note *ret, varve_error *err);
VV_CHECKED varve_status follow_note_write(const char *folder, const follow_note *n,
                                          varve_error *err);

/* ---- a follower ---------------------------------------------------------------------------- */

struct follow_handle {
    repo *r;
    follow_options o;
    char folder[FOLLOW_PATH_SIZE], fresh[FOLLOW_PATH_SIZE]; /* where it is made anew */
    follow_note note;                                       /* of the folder, if `there` */
    bool there;                                             /* a follower's folder */
    varve_replica *replica;                                 /* NULL: to be opened */
    uint64_t sequence;   /* of the replica, also while it is closed */
    bool anew;           /* the folder has another history than the repository */
    timelines timelines; /* as read last */
    uint32_t writer;     /* the timeline to follow_handle */
    pin_handle pin;
    bool pinned;
    bool sure;              /* an object ended with the sequence: the next begins behind it */
    uint32_t foot_timeline; /* of the object that was applied last; 0: none */
    uint8_t foot[SUMS_BYTES];
    uint64_t time_ms; /* of the last commit applied */
    uint64_t beyond;  /* a snapshot that the log has not reached; 0: none was seen */
    uint64_t beyond_looked_ms, beyond_since_ms, beyond_from;
};

/* A stretch of the line: what follows the applied sequence lies in `timeline`, up to `limit`. */
typedef struct follow_stretch {
    uint32_t timeline;
    uint64_t limit; /* UINT64_MAX: the writer's own */
} follow_stretch;

/* follow_line.c: the writer's timeline and its ancestors. */
VV_CHECKED varve_status follow_line_read(follow_handle *f, varve_error *err);
/* Is the folder a beginning of the writer's line? */
bool follow_line_holds(const follow_handle *f);
follow_stretch follow_line_find(const follow_handle *f);
/* f->beyond: the newest snapshot of the line behind the applied sequence; 0: there is none. */
VV_CHECKED varve_status follow_line_find_beyond(follow_handle *f, varve_error *err);

/* follow_make.c: the folder. */
VV_CHECKED varve_status follow_make(follow_handle *f, varve_error *err);
VV_CHECKED varve_status follow_open_replica(follow_handle *f, varve_error *err);
void follow_close_replica(follow_handle *f);
/* Complete, or remove, what an end in the middle of a swap left. */
VV_CHECKED varve_status follow_resume(follow_handle *f, varve_error *err);

/* follow_pin.c: the log behind the sequence stays. */
VV_CHECKED varve_status follow_pin_keep(follow_handle *f, varve_error *err);
void follow_pin_drop(follow_handle *f);

/* follow_apply.c: one object of the log. VARVE_CONFLICT: of another history than the folder. */
VV_CHECKED varve_status follow_apply(follow_handle *f, const object_name *name, uint64_t end,
                                     follow_result *result, varve_error *err);

/* Cancelled? */
VV_CHECKED varve_status follow_check_cancel(const follow_handle *f, varve_error *err);

#endif
