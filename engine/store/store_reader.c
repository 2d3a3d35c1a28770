/* store_reader.c — open for reading. Nothing in the folder is changed, so what the next open for
 * writing would cut off the log (store_repair.c) is passed over here instead: after a loss of power
 * a log may well end in a record of which only a part was written, and nothing acknowledged is in
 * it. Where RocksDB would read on behind such a hole, it is given a view: links to the tables and
 * copies of the rest, cut, in a directory for temporary files. It holds all of them open. */
#include "base/clock.h"
#include "base/file.h"
#include "store/store_private.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READER_TRIES      100
#define READER_TRIES_IDLE 3
#define READER_PAUSE_MS   20
#define VIEW_TEMPLATE     "varve-view-XXXXXX"

/* ---- a view -------------------------------------------------------------------------------- */

static varve_status add_to_view(const char *from, const char *to, bool is_table, varve_error *err)
{
    if (!is_table) return file_copy(from, to, err);
    if (symlink(from, to) == 0) return VARVE_OK;
    return vv_fail(err, errno == ENOSPC ? VARVE_NO_SPACE : VARVE_IO, "cannot link %s: %s", to,
                   strerror(errno));
}

static varve_status fill_view(const char *path, const char *view, varve_error *err)
{
    char real[PATH_MAX], from[PATH_MAX], to[PATH_MAX];
    VV_CLEANUP(file_names_free) file_names n = {0};
    if (!realpath(path, real))
        return vv_fail(err, VARVE_IO, "cannot resolve %s: %s", path, strerror(errno));
    VV_TRY(file_list(real, &n, err));
    for (size_t i = 0; i < n.count; i++) {
        VV_TRY(file_join(from, sizeof from, real, n.names[i], err));
        VV_TRY(file_join(to, sizeof to, view, n.names[i], err));
        VV_TRY(add_to_view(from, to, store_has_suffix(n.names[i], STORE_TABLE_SUFFIX), err));
    }
    return VARVE_OK;
}

static varve_status open_in_view(const char *path, const char *view, const store_options *options,
                                 const log_hole *hole, store **ret, varve_error *err)
{
    VV_TRY(fill_view(path, view, err));
    VV_TRY(store_cut_log(view, hole, err));
    return store_open_mode(view, options, LOG_POINT_IN_TIME, ret, err);
}

static varve_status open_view(const char *path, const store_options *options, const log_hole *hole,
                              store **ret, varve_error *err)
{
    char view[PATH_MAX];
    const char *where = getenv("TMPDIR");
    VV_TRY(file_join(view, sizeof view, where && *where ? where : "/tmp", VIEW_TEMPLATE, err));
    if (!mkdtemp(view)) return vv_fail(err, VARVE_IO, "cannot make %s: %s", view, strerror(errno));
    varve_status status = open_in_view(path, view, options, hole, ret, err);
    varve_error second = {0};
    varve_status removed = file_remove_tree(view, &second); /* what is open stays readable */
    (void)removed;
    return status;
}

/* ---- the folder ---------------------------------------------------------------------------- */

static varve_status try_reader(const char *path, const store_options *options, store_damage *damage,
                               store **ret)
{
    varve_status status = store_look(path, damage);
    if (status != VARVE_OK) return status;
    return store_open_mode(path, options, LOG_TOLERATE_TORN_TAIL, ret, &damage->why);
}

/* store_open() compares what this leaves with the floor. */
static varve_status open_cut(const char *path, const store_options *options,
                             const store_damage *damage, store **ret, varve_error *err)
{
    varve_error ignored = {0};
    varve_status status = VARVE_CORRUPT;
    if (store_can_cut(damage, options->floor))
        status = damage->hole.file[0]
                     ? open_view(path, options, &damage->hole, ret, &ignored)
                     : store_open_mode(path, options, LOG_POINT_IN_TIME, ret, &ignored);
    if (status == VARVE_OK || status == VARVE_NO_MEMORY || status == VARVE_NO_SPACE)
        return status == VARVE_OK ? status : vv_fail(err, status, "%s", ignored.message);
    return vv_fail(err, VARVE_CORRUPT, "%s", damage->why.message);
}

/* Beside an owner a file may go between the moment the manifest names it and the moment it is
 * opened; the next try reads a newer manifest. Damage while the manifest stays the same is real. */
static varve_status open_still(const char *path, const store_options *options, store **ret,
                               varve_error *err)
{
    store_damage damage = {0};
    varve_status status = VARVE_CORRUPT;
    uint64_t seen = store_manifest_state(path);
    for (int tries = 0, idle = 0; tries < READER_TRIES && idle < READER_TRIES_IDLE; tries++) {
        if (tries) clock_sleep_ms(READER_PAUSE_MS);
        uint64_t before = store_manifest_state(path);
        status = try_reader(path, options, &damage, ret);
        uint64_t now = store_manifest_state(path);
        if (status == VARVE_OK &&
            now != before) { /* a log may have gone after its manifest was read */
            store_close(*ret);
            *ret = NULL;
            status = vv_fail(&damage.why, VARVE_CONFLICT,
                             "the owner of %s writes too fast to be read beside", path);
            continue;
        }
        if (status != VARVE_CORRUPT) break;
        idle = now == seen ? idle + 1 : 0;
        seen = now;
    }
    if (status == VARVE_CORRUPT) return open_cut(path, options, &damage, ret, err);
    if (status != VARVE_OK) vv_error_set(err, status, "%s", damage.why.message);
    return status;
}

varve_status store_open_reader(const char *path, const store_options *options, store **ret,
                               varve_error *err)
{
    folder_state state;
    VV_TRY(store_folder_state(path, &state, err));
    if (state == FOLDER_EMPTY) {
        VV_TRY(store_check_floor(path, 0, options, err));
        return vv_fail(err, VARVE_NOT_FOUND, "there is no row store at %s", path);
    }
    if (options->catalog_only) /* a copy just made: whoever opens all of it looks at its log */
        return store_open_mode(path, options, LOG_TOLERATE_TORN_TAIL, ret, err);
    VV_TRY(store_check_tables(path, err));
    return open_still(path, options, ret, err);
}
