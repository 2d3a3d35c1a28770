/* publish.c — see publish.h. */
#include "publish.h"

#include "base/fault.h"
#include "base/file_system.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PATH_MAX_HERE 4096

/* The folder that a path lies in. */
static varve_status above(const char *path, char ret[PATH_MAX_HERE], varve_error *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len >= PATH_MAX_HERE) return vv_fail(err, VARVE_LIMIT, "a path is too long: %s", path);
    (void)snprintf(ret, PATH_MAX_HERE, "%.*s", (int)len, path);
    if (len == 0) (void)snprintf(ret, PATH_MAX_HERE, "%s", slash ? "/" : ".");
    return VARVE_OK;
}

varve_status publish_make_above(const char *path, varve_error *err)
{
    char folder[PATH_MAX_HERE];
    VV_TRY(above(path, folder, err));
    return file_make_dir(folder, err);
}

void publish_discard(const char *folder)
{
    if (folder[0] && file_remove_tree(folder, NULL) != VARVE_OK) return;
}

varve_status publish_folder(const char *from, const char *to, varve_error *err)
{
    char folder[PATH_MAX_HERE];
    VV_TRY(above(to, folder, err));
    VV_TRY(file_sync_dir(from, err));
    if (file_exists(to)) return vv_fail(err, VARVE_EXISTS, "path already exists: %s", to);
    int error = file_fault(VV_FAULT("publish.rename"));
    if (error || rename(from, to) != 0)
        return file_fail(err, "rename", from, error ? error : errno);
    varve_status status = file_sync_dir(folder, err);
    if (status != VARVE_OK && rename(to, from) != 0) publish_discard(to);
    return status;
}
