/* store_manifest.c — is RocksDB's manifest as long as it was? RocksDB takes one that was cut short,
 * or that has a record which seems to run over its end, for an older state, and then removes the
 * tables it does not name. Beside it we keep a lower bound of its length, written at open, flush
 * and close, in the file GUARD of the same folder:
 *
 *   MANIFEST-000005 781 1f2e3d4c5b6a7988\n       name, bytes, XXH3 of the text before the sum
 *
 * A newer manifest than the one named is fine: every open begins one. A guard that is not there, or
 * not readable, guards nothing. */
#include "base/file.h"
#include "base/hash.h"
#include "store/store_private.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUARD_NAME      "GUARD"
#define MANIFEST_PREFIX "MANIFEST-"
#define TEXT_MAX        128

typedef struct manifest {
    uint64_t number, bytes;
} manifest;

static bool read_text(const char *path, const char *name, char ret[TEXT_MAX])
{
    char file[PATH_MAX];
    VV_CLEANUP(vv_freep) char *text = NULL;
    size_t len;
    if (file_join(file, sizeof file, path, name, NULL) != VARVE_OK) return false;
    if (file_read(file, TEXT_MAX - 1, &text, &len, NULL) != VARVE_OK) return false;
    memcpy(ret, text, len + 1);
    return true;
}

static bool read_guard(const char *path, manifest *ret)
{
    char text[TEXT_MAX];
    uint64_t sum;
    int sum_at = 0;
    if (!read_text(path, GUARD_NAME, text)) return false;
    if (sscanf(text, MANIFEST_PREFIX "%" SCNu64 " %" SCNu64 " %n%" SCNx64, &ret->number,
               &ret->bytes, &sum_at, &sum) != 3)
        return false;
    return sum == hash_bytes(text, (size_t)sum_at);
}

/* What CURRENT names, as far as it is made of whole records; false when it cannot be told, which
 * RocksDB then tells better. */
static bool read_current(const char *path, manifest *ret)
{
    char name[TEXT_MAX], file[PATH_MAX];
    VV_CLEANUP(file_unmap) file_map map = {0};
    if (!read_text(path, "CURRENT", name)) return false;
    name[strcspn(name, "\n")] = '\0';
    if (sscanf(name, MANIFEST_PREFIX "%" SCNu64, &ret->number) != 1) return false;
    if (file_join(file, sizeof file, path, name, NULL) != VARVE_OK) return false;
    if (file_map_open(file, &map, NULL) != VARVE_OK) return false;
    ret->bytes = store_whole_records(map.data, map.size);
    return true;
}

varve_status store_manifest_check(const char *path, varve_error *err)
{
    manifest guard, now;
    if (!read_guard(path, &guard) || !read_current(path, &now)) return VARVE_OK;
    if (now.number > guard.number) return VARVE_OK;
    if (now.number == guard.number && now.bytes >= guard.bytes) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT,
                   "the manifest of %s is number %" PRIu64 " with %" PRIu64
                   " whole bytes, but was number %" PRIu64 " with %" PRIu64,
                   path, now.number, now.bytes, guard.number, guard.bytes);
}

/* A guard that cannot be written leaves an older one, which still holds. */
void store_manifest_guard(const char *path)
{
    char file[PATH_MAX], text[TEXT_MAX];
    manifest now, guard;
    if (!read_current(path, &now)) return;
    if (read_guard(path, &guard) && guard.number == now.number && guard.bytes == now.bytes) return;
    int len = snprintf(text, sizeof text, MANIFEST_PREFIX "%06" PRIu64 " %" PRIu64 " ", now.number,
                       now.bytes);
    len += snprintf(text + len, sizeof text - (size_t)len, "%016" PRIx64 "\n",
                    hash_bytes(text, (size_t)len));
    if (file_join(file, sizeof file, path, GUARD_NAME, NULL) != VARVE_OK) return;
    varve_status ignored = file_replace(file, text, (size_t)len, NULL);
    (void)ignored;
}

uint64_t store_manifest_state(const char *path)
{
    manifest now = {0};
    return read_current(path, &now) ? now.number << 32 ^ now.bytes : 0;
}
