/* floor.h — the ACKED file: the highest log sequence known to be acknowledged, kept outside the row
 * store, so that a log that lost its end silently is noticed at open (reliability F1).
 *
 * Two slots of 4096 bytes, written in turn, each with its own checksum: a torn write spoils only
 * the slot being written.
 *   offset size
 *        0    8  "VARVEACK"
 *        8    8  u64 counter: the valid slot with the higher one counts
 *       16    8  u64 sequence
 *       24    8  u64 wall clock ms
 *       32 4056  zero
 *     4088    8  u64 XXH3-64 of the bytes before
 * Threads    one writer (the folder's ticker, or open/close). */
#ifndef VARVE_DB_FLOOR_H
#define VARVE_DB_FLOOR_H

#include "base/status.h"

#define FLOOR_SLOT_BYTES 4096

typedef struct floor_file floor_file;

typedef struct floor_state {
    uint64_t sequence, counter;
    uint64_t time_ms;    /* when it was written, since 1970 */
    unsigned slots_good; /* 0, 1 or 2 */
} floor_state;

/* VARVE_NOT_FOUND: no file. VARVE_CORRUPT: no slot can be trusted. */
VV_CHECKED varve_status floor_read(const char *path, floor_state *ret, varve_error *err);
/* Open for writing, creating it with sequence 0 (durable, name included) when it is missing. */
VV_CHECKED varve_status floor_open(const char *path, floor_file **ret, varve_error *err);
/* Write the file anew with this floor, lower or not: after a loss was accepted. */
VV_CHECKED varve_status floor_reset(const char *path, uint64_t sequence, varve_error *err);
/* The same with a time that is not now. */
VV_CHECKED varve_status floor_reset_at(const char *path, uint64_t sequence, uint64_t time_ms,
                                       varve_error *err);
/* Durable when it returns. Never goes down. */
VV_CHECKED varve_status floor_write(floor_file *f, uint64_t sequence, varve_error *err);
uint64_t floor_sequence(const floor_file *f);
void floor_close(floor_file *f); /* NULL-safe */

#endif
