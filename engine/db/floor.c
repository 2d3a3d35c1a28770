/* floor.c — the acknowledged floor; see floor.h. */
#include "db/floor.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const char floor_magic[8] = "VARVEACK";

struct floor_file {
    int fd;
    uint64_t counter;
    _Atomic uint64_t sequence;
};

static void slot_encode(uint8_t slot[FLOOR_SLOT_BYTES], uint64_t counter, uint64_t sequence,
                        uint64_t time_ms)
{
    memset(slot, 0, FLOOR_SLOT_BYTES);
    memcpy(slot, floor_magic, sizeof floor_magic);
    put_u64(slot + 8, counter);
    put_u64(slot + 16, sequence);
    put_u64(slot + 24, time_ms);
    put_u64(slot + FLOOR_SLOT_BYTES - 8, hash_bytes(slot, FLOOR_SLOT_BYTES - 8));
}

static bool slot_decode(const uint8_t *slot, floor_state *best)
{
    if (memcmp(slot, floor_magic, sizeof floor_magic) != 0) return false;
    if (get_u64(slot + FLOOR_SLOT_BYTES - 8) != hash_bytes(slot, FLOOR_SLOT_BYTES - 8))
        return false;
    if (best->slots_good == 0 || get_u64(slot + 8) > best->counter) {
        best->counter = get_u64(slot + 8);
        best->sequence = get_u64(slot + 16);
        best->time_ms = get_u64(slot + 24);
    }
    best->slots_good++;
    return true;
}

varve_status floor_read(const char *path, floor_state *ret, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    size_t len = 0;
    VV_TRY(file_read(path, 2 * FLOOR_SLOT_BYTES, &bytes, &len, err));
    floor_state state = {0};
    for (size_t at = 0; at + FLOOR_SLOT_BYTES <= len; at += FLOOR_SLOT_BYTES) {
        slot_decode((const uint8_t *)bytes + at, &state);
    }
    if (state.slots_good == 0)
        return vv_fail(err, VARVE_CORRUPT, "%s: neither slot of the acknowledged floor can be read",
                       path);
    *ret = state;
    return VARVE_OK;
}

varve_status floor_reset(const char *path, uint64_t sequence, varve_error *err)
{
    return floor_reset_at(path, sequence, clock_wall_ms(), err);
}

varve_status floor_reset_at(const char *path, uint64_t sequence, uint64_t time_ms, varve_error *err)
{
    uint8_t slots[2 * FLOOR_SLOT_BYTES];
    slot_encode(slots, 0, sequence, time_ms);
    slot_encode(slots + FLOOR_SLOT_BYTES, 1, sequence, time_ms);
    return file_replace(path, slots, sizeof slots, err);
}

varve_status floor_open(const char *path, floor_file **ret, varve_error *err)
{
    if (!file_exists(path)) VV_TRY(floor_reset(path, 0, err));
    floor_state state;
    VV_TRY(floor_read(path, &state, err));
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return vv_fail(err, VARVE_IO, "cannot open %s: %s", path, strerror(errno));
    floor_file *f = calloc(1, sizeof *f);
    if (!f) {
        close(fd);
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for the acknowledged floor");
    }
    f->fd = fd;
    f->counter = state.counter;
    f->sequence = state.sequence;
    *ret = f;
    return VARVE_OK;
}

varve_status floor_write(floor_file *f, uint64_t sequence, varve_error *err)
{
    if (sequence <= f->sequence) return VARVE_OK;
    uint8_t slot[FLOOR_SLOT_BYTES];
    slot_encode(slot, f->counter + 1, sequence, clock_wall_ms());
    fault_kind fault = VV_FAULT("floor.write");
    off_t offset = (off_t)((f->counter + 1) % 2 * FLOOR_SLOT_BYTES);
    if (fault != VV_FAULT_NONE ||
        pwrite(f->fd, slot, sizeof slot, offset) != (ssize_t)sizeof slot || fdatasync(f->fd) != 0) {
        varve_status status =
            fault == VV_FAULT_ENOSPC || errno == ENOSPC ? VARVE_NO_SPACE : VARVE_IO;
        return vv_fail(err, status, "cannot write the acknowledged floor");
    }
    f->counter++;
    f->sequence = sequence;
    return VARVE_OK;
}

uint64_t floor_sequence(const floor_file *f) { return f->sequence; }

void floor_close(floor_file *f)
{
    if (!f) return;
    close(f->fd);
    free(f);
}
