/* ship_inner.h — shared by ship*.c only: a shipper, and one step of it.
 * Ownership  ship_close, ship_step.   Threads  one.   Errors  as in ship.h. */
#ifndef VARVE_SNAPSHOT_SHIP_INNER_H
#define VARVE_SNAPSHOT_SHIP_INNER_H

#include "gc_record.h"
#include "pins.h"
#include "ship.h"
#include "wal_object.h"

#define SHIP_PATH_SIZE 4096

typedef struct ship_state { /* what the state file holds */
    uint32_t timeline;      /* 0: nothing is known */
    uint64_t shipped;
    uint8_t foot[SUMS_BYTES]; /* of the object that ends there; zeros: none does */
} ship_state;

struct ship {
    repo *r;
    ship_options o;
    char state_path[SHIP_PATH_SIZE];
    ship_state at;
    bool sure;          /* `at` is what the repository holds */
    uint64_t put_first; /* of the object that this handle put last; 0: none yet */
    uint64_t time_ms;
};

typedef struct ship_job { /* one step */
    ship *s;
    wal_writer writer;
    manifest_file *files; /* of the batch at hand */
    size_t file_room;
    uint8_t (*blobs)[SUMS_BYTES]; /* of the pin: of all batches */
    size_t blob_count;
    pin_handle pin;
    bool pinned, committing;
    varve_status status; /* of what we did ourselves while the log was read */
    uint64_t files_new;
} ship_job;

/* A file that is not there, or not of this repository and database: timeline 0. */
VV_CHECKED varve_status ship_state_read(const ship *s, ship_state *ret, varve_error *err);
VV_CHECKED varve_status ship_state_write(const ship *s, const ship_state *state, varve_error *err);
/* Where are we? Into s->at; see ship.h (2). */
VV_CHECKED varve_status ship_resume(ship *s, varve_error *err);
/* Objects that are there beside ours hold the same log, as those of an earlier try that arrived
 * late do; VARVE_CONFLICT otherwise. */
VV_CHECKED varve_status ship_check_others(const ship *s, varve_error *err);
/* Go on behind a snapshot that lies beyond s->at. VARVE_NOT_FOUND: there is none. */
VV_CHECKED varve_status ship_bridge(ship *s, varve_error *err);
/* The files of a batch into j->files: stored, and described. */
VV_CHECKED varve_status ship_store_files(ship_job *j, const varve_log_batch *batch,
                                         varve_error *err);

#endif
