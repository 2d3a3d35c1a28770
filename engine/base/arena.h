/* arena.h — memory that is freed all at once, up to a limit named when it is made.
 * Ownership  arena_done() frees everything it gave. Threads  one at a time.
 * Errors     VARVE_LIMIT past max_bytes (the message names what and limit), VARVE_NO_MEMORY. */
#ifndef VARVE_BASE_ARENA_H
#define VARVE_BASE_ARENA_H

#include "base/status.h"

typedef struct arena {
    struct arena_block *blocks;
    size_t used, max_bytes; /* in all */
    const char *what;       /* for the message: "filter" */
} arena;

void arena_init(arena *a, size_t max_bytes, const char *what);
void arena_done(arena *a); /* also fits VV_CLEANUP */
/* count × size bytes, zeroed, aligned for any type; never NULL on success, also for 0 bytes. */
VV_CHECKED varve_status arena_take(arena *a, size_t count, size_t size, void **ret,
                                   varve_error *err);
/* A copy with a NUL behind it. */
VV_CHECKED varve_status arena_text(arena *a, const char *data, size_t len, varve_text *ret,
                                   varve_error *err);

#endif
