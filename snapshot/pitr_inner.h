/* pitr_inner.h — shared by pitr*.c only: what to restore and from what.
 * Ownership  pitr_plan_done().   Threads  one.   Errors  as in pitr.h. */
#ifndef VARVE_SNAPSHOT_PITR_INNER_H
#define VARVE_SNAPSHOT_PITR_INNER_H

#include "pins.h"
#include "pitr.h"
#include "timeline.h"
#include "wal_object.h"

typedef struct pitr_line { /* a timeline of the line */
    uint32_t timeline;
    uint64_t limit; /* the last sequence number of it that is part of the line */
    pin_handle pin;
    bool pinned;
} pitr_line;

typedef struct pitr_object {
    object_name name;
    uint64_t size; /* as it is stored */
    uint64_t end;  /* its last sequence number that is part of the line */
} pitr_object;

typedef struct pitr_plan {
    timelines timelines;
    pitr_line *lines; /* the youngest first */
    size_t line_count;
    object_name snapshot;
    uint64_t snapshot_time_ms;
    pitr_object *objects; /* of the line that end behind the snapshot */
    size_t object_count;
    uint64_t reach; /* how far they go from the snapshot on without a gap */
    uint64_t stop;  /* no batch beyond it */
} pitr_plan;

VV_CHECKED varve_status pitr_plan_lines(repo *r, uint32_t timeline, pitr_plan *p, varve_error *err);
/* Into p->objects: all of the line that end behind p->snapshot, which may be zero yet; sorted. */
VV_CHECKED varve_status pitr_list_objects(repo *r, pitr_plan *p, varve_error *err);
/* PITR_BEFORE_DROP becomes PITR_LSN; drop_lsn and drop_ms of result. */
VV_CHECKED varve_status pitr_plan_drop(repo *r, pitr_options *o, pitr_plan *p, pitr_result *result,
                                       varve_error *err);
VV_CHECKED varve_status pitr_plan_snapshot(repo *r, const pitr_options *o, pitr_plan *p,
                                           varve_error *err);
/* Of the line, the newest first. */
VV_CHECKED varve_status pitr_list_snapshots(repo *r, const pitr_plan *p, snapshots *ret,
                                            varve_error *err);
/* How far the objects go from p->snapshot on without a gap. */
uint64_t pitr_plan_reach(const pitr_plan *p);
/* The time of the last commit within p->reach. */
VV_CHECKED varve_status pitr_plan_last_time(repo *r, const pitr_plan *p, uint64_t *ret,
                                            varve_error *err);
/* Objects, reach and stop; refuses what cannot be reached. */
VV_CHECKED varve_status pitr_plan_objects(repo *r, const pitr_options *o, pitr_plan *p,
                                          varve_error *err);
/* The one that holds `wanted` and goes furthest; NULL: none. */
const pitr_object *pitr_plan_find(const pitr_plan *p, uint64_t wanted);
void pitr_plan_done(pitr_plan *p);

/* The batches of the plan into `folder`, which holds the snapshot. */
VV_CHECKED varve_status pitr_apply(repo *r, const pitr_options *o, pitr_plan *p, const char *folder,
                                   pitr_result *result, varve_error *err);

#endif
