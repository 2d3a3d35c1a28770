/* env.c — see env.h. */
#include "env.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static uint64_t real_now_ms(void *arg)
{
    (void)arg;
    return clock_wall_ms();
}

static void real_sleep_ms(void *arg, uint64_t ms)
{
    (void)arg;
    clock_sleep_ms(ms);
}

static varve_status real_random(void *arg, void *ret, size_t len, varve_error *err)
{
    (void)arg;
    for (size_t done = 0; done < len;) {
        ssize_t n = getrandom((char *)ret + done, len - done, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return vv_fail(err, VARVE_IO, "no random bytes: %s", strerror(errno));
        done += (size_t)n;
    }
    return VARVE_OK;
}

const snapshot_env snapshot_env_real = {
    .now_ms = real_now_ms, .sleep_ms = real_sleep_ms, .random = real_random};

varve_status env_make_id(const snapshot_env *e, char ret[NAMES_ID_SIZE], varve_error *err)
{
    uint8_t bytes[16];
    VV_TRY(e->random(e->arg, bytes, sizeof bytes, err));
    names_make_id(bytes, ret);
    return VARVE_OK;
}
