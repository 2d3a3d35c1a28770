/* env.h — what the repository asks of the world besides its remote: the time, waiting, and random
 * bytes. Tests and the simulator hand in their own.
 * Ownership  borrowed.   Threads  as the functions handed in; the real ones: any.
 * Errors     VARVE_IO: no random bytes. */
#ifndef VARVE_SNAPSHOT_ENV_H
#define VARVE_SNAPSHOT_ENV_H

#include "names.h"

typedef struct snapshot_env {
    uint64_t (*now_ms)(void *arg); /* wall clock, since 1970 */
    void (*sleep_ms)(void *arg, uint64_t ms);
    varve_status (*random)(void *arg, void *ret, size_t len, varve_error *err);
    void *arg;
} snapshot_env;

extern const snapshot_env snapshot_env_real;

static inline uint64_t env_now_ms(const snapshot_env *e) { return e->now_ms(e->arg); }
VV_CHECKED varve_status env_make_id(const snapshot_env *e, char ret[NAMES_ID_SIZE],
                                    varve_error *err);

#endif
