/* timeline.h — the lines along which a database grew. A timeline belongs to one writer for ever:
 * whoever takes over begins a new one at the sequence that he has, and what the old one ships
 * beyond it is not part of the new line.
 *
 *   db/<db_id>/tl/<tl8>/HISTORY.json
 *   {format, holder, parent? "00000001", parent_lsn?, reason, time_ms, timeline}
 *
 * Ownership  timelines_done() frees.   Threads  one at a time.
 * Errors     those of repo.h; VARVE_EXISTS. */
#ifndef VARVE_SNAPSHOT_TIMELINE_H
#define VARVE_SNAPSHOT_TIMELINE_H

#include "repo.h"

#define TIMELINE_REASON_SIZE 64

typedef struct timeline {
    uint32_t number, parent;           /* parent 0: the first */
    uint64_t parent_lsn;               /* the parent up to here is part of it */
    char holder[NAMES_ID_SIZE];        /* its one writer */
    char reason[TIMELINE_REASON_SIZE]; /* "created", "takeover", … */
    uint64_t time_ms;
} timeline;

typedef struct timelines {
    timeline *items; /* ascending */
    size_t count;
} timelines;

/* Of r's database. VARVE_EXISTS: another one has the number. One that is there with the same holder
 * is fine. */
VV_CHECKED varve_status timeline_create(repo *r, const timeline *t, varve_error *err);
VV_CHECKED varve_status timelines_read(repo *r, timelines *ret, varve_error *err);
void timelines_done(timelines *t);
const timeline *timelines_find(const timelines *t, uint32_t number); /* NULL: unknown */
/* Is sequence lsn of timeline `number` part of the line that ends in timeline `of`? */
bool timelines_reach(const timelines *t, uint32_t of, uint32_t number, uint64_t lsn);

#endif
