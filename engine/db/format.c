/* format.c — the storage format version of a folder; see format.h. */
#include "db/format.h"

#include "base/file.h"
#include "base/hash.h"

#include <stdlib.h>

varve_status format_write(const char *folder, unsigned version, varve_error *err)
{
    char path[DB_PATH_MAX], line[32], text[64];
    int len = snprintf(line, sizeof line, "varve %u\n", version);
    int total = snprintf(text, sizeof text, "%s%016llx\n", line,
                         (unsigned long long)hash_bytes(line, (size_t)len));
    VV_TRY(file_join(path, sizeof path, folder, "FORMAT", err));
    return file_replace(path, text, (size_t)total, err);
}

/* Every record of version 1 is one of version 2 as well: it only must not be opened by programs
 * that do not know what may be there from now on. */
static varve_status to_version_2(const char *folder, varve_error *err)
{
    return format_write(folder, 2, err);
}

/* The same holds from 2 to 3. */
static varve_status to_version_3(const char *folder, varve_error *err)
{
    return format_write(folder, 3, err);
}

/* Migrations: entry i turns a folder of version i + 1 into one of version i + 2. */
typedef varve_status format_migration(const char *folder, varve_error *err);
static format_migration *const migrations[] = {to_version_2, to_version_3, NULL};
_Static_assert(VV_COUNT(migrations) == FORMAT_VERSION,
               "one migration per older version, and a NULL");

varve_status format_read(const char *folder, unsigned *ret_version, varve_error *err)
{
    char path[DB_PATH_MAX];
    VV_CLEANUP(vv_freep) char *text = NULL;
    size_t len = 0;
    VV_TRY(file_join(path, sizeof path, folder, "FORMAT", err));
    VV_TRY(file_read(path, 64, &text, &len, err));
    unsigned version = 0;
    unsigned long long sum = 0;
    const char *end = memchr(text, '\n', len);
    char again[64];
    if (end && sscanf(text, "varve %9u\n%16llx\n", &version, &sum) == 2) {
        int total = snprintf(again, sizeof again, "varve %u\n%016llx\n", version, sum);
        bool exact = (size_t)total == len && memcmp(again, text, len) == 0;
        if (exact && sum == hash_bytes(text, (size_t)(end + 1 - text))) {
            *ret_version = version;
            return VARVE_OK;
        }
    }
    return vv_fail(err, VARVE_CORRUPT, "%s does not hold what it promised", path);
}

/* A folder without FORMAT may be filled only if there is nothing of a database in it. */
static varve_status check_empty(const char *folder, varve_error *err)
{
    static const char *const ours[] = {"rocks", "segments", "ACKED"};
    for (size_t i = 0; i < VV_COUNT(ours); i++) {
        char path[DB_PATH_MAX];
        VV_TRY(file_join(path, sizeof path, folder, ours[i], err));
        if (file_exists(path))
            return vv_fail(err, VARVE_CORRUPT, "%s has %s but no FORMAT: the folder is damaged",
                           folder, ours[i]);
    }
    return VARVE_OK;
}

varve_status format_make_dirs(const char *folder, varve_error *err)
{
    static const char *const dirs[] = {"segments", "work"};
    for (size_t i = 0; i < VV_COUNT(dirs); i++) {
        char path[DB_PATH_MAX];
        VV_TRY(file_join(path, sizeof path, folder, dirs[i], err));
        VV_TRY(file_make_dir(path, err));
    }
    return file_sync_dir(folder, err);
}

varve_status format_open(const char *folder, bool may_create, bool may_write, varve_error *err)
{
    unsigned version = 0;
    varve_status status = format_read(folder, &version, err);
    if (status == VARVE_NOT_FOUND) {
        VV_TRY(check_empty(folder, err));
        if (!may_create) return vv_fail(err, VARVE_NOT_FOUND, "%s is not a data folder", folder);
        VV_TRY(format_write(folder, FORMAT_VERSION, err));
        return format_make_dirs(folder, err);
    }
    if (status != VARVE_OK) return status;
    if (version > FORMAT_VERSION)
        return vv_fail(err, VARVE_NEWER_FORMAT,
                       "%s has storage format %u; this program knows up to %d", folder, version,
                       FORMAT_VERSION);
    if (version == 0) return vv_fail(err, VARVE_CORRUPT, "%s has storage format 0", folder);
    if (version < FORMAT_VERSION && !may_write)
        return vv_fail(err, VARVE_UNSUPPORTED, "%s has storage format %u: open it once for writing",
                       folder, version);
    for (; version < FORMAT_VERSION; version++)
        VV_TRY(migrations[version - 1](folder, err));
    return may_write ? format_make_dirs(folder, err) : VARVE_OK;
}
