/* store_table.c — the one flipped bit in a table that ends the process. RocksDB reads the
 * properties of a table before it checks their sum; if the highest bit of the count of restarts at
 * their end is set, it looks for a hash index that is not there, and asserts. So this bit is looked
 * at before RocksDB is. All else that is wrong with a table RocksDB reports.
 *
 *   … | properties, u32 restarts | u8 compression, u32 sum | index of meta blocks | footer
 *   footer, 53 bytes:  u8 kind of sum | varint64 offset of the index of meta blocks, … | u64 magic
 */
#include "base/bytes.h"
#include "base/file.h"
#include "store/store_private.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOOTER_BYTES = 53, TRAILER_BYTES = 5 };

#define TABLE_MAGIC UINT64_C(0x88e241b785f4cff7)

static bool read_at(int fd, uint64_t offset, void *ret, size_t len)
{
    return pread(fd, ret, len, (off_t)offset) == (ssize_t)len;
}

static uint64_t get_varint(const uint8_t *p, const uint8_t *end)
{
    uint64_t value = 0;
    for (int shift = 0; p < end && shift < 64; shift += 7, p++) {
        value |= (uint64_t)(*p & 0x7f) << shift;
        if (!(*p & 0x80)) break;
    }
    return value;
}

static bool would_abort(int fd)
{
    uint8_t footer[FOOTER_BYTES], restarts[4];
    struct stat st;
    if (fstat(fd, &st) != 0 || st.st_size < FOOTER_BYTES) return false;
    uint64_t footer_at = (uint64_t)st.st_size - FOOTER_BYTES;
    if (!read_at(fd, footer_at, footer, sizeof footer)) return false;
    if (get_u64(footer + FOOTER_BYTES - 8) != TABLE_MAGIC) return false;
    uint64_t index = get_varint(footer + 1, footer + FOOTER_BYTES);
    if (index < TRAILER_BYTES + sizeof restarts || index > footer_at) return false;
    if (!read_at(fd, index - TRAILER_BYTES - sizeof restarts, restarts, sizeof restarts))
        return false;
    return restarts[3] & 0x80;
}

varve_status store_check_tables(const char *path, varve_error *err)
{
    char file[PATH_MAX];
    VV_CLEANUP(file_names_free) file_names n = {0};
    VV_TRY(file_list(path, &n, err));
    for (size_t i = 0; i < n.count; i++) {
        if (!store_has_suffix(n.names[i], STORE_TABLE_SUFFIX)) continue;
        VV_TRY(file_join(file, sizeof file, path, n.names[i], err));
        VV_CLEANUP(vv_closep) int fd = open(file, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && would_abort(fd))
            return vv_fail(err, VARVE_CORRUPT, "the properties of %s are damaged", file);
    }
    return VARVE_OK;
}
