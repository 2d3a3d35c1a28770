/* local_root.c — where snapshots lie: what crashes leave there, and what somebody else may have put
 * there; see local_inner.h. Whoever makes or deletes a snapshot holds the directory locked for
 * sharing; who gets it alone may sweep. */
#include "local_inner.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool ends_with(const char *name, const char *suffix)
{
    size_t len = strlen(name), of = strlen(suffix);
    return len > of && strcmp(name + len - of, suffix) == 0;
}

static bool is_left_over(const char *name)
{
    return ends_with(name, LOCAL_SUFFIX) || ends_with(name, LOCAL_SUFFIX ".making") ||
           ends_with(name, LOCAL_GONE);
}

static varve_status sweep(const char *root, varve_error *err)
{
    VV_CLEANUP(file_names_free) file_names names = {0};
    VV_TRY(file_list(root, &names, err));
    for (size_t i = 0; i < names.count; i++) {
        char path[LOCAL_PATH_MAX];
        if (!is_left_over(names.names[i])) continue;
        VV_TRY(file_join(path, sizeof path, root, names.names[i], err));
        VV_TRY(file_remove_tree(path, err));
    }
    return VARVE_OK;
}

/* Where directories cannot be locked, nobody sweeps. */
varve_status local_enter_root(const char *path, int *ret_fd, varve_error *err)
{
    char root[LOCAL_PATH_MAX];
    const char *slash = strrchr(path, '/');
    int len = slash == path ? 1 : slash ? (int)(slash - path) : 1;
    int n = snprintf(root, sizeof root, "%.*s", len, slash ? path : ".");
    if (n < 0 || (size_t)n >= sizeof root) return vv_fail(err, VARVE_LIMIT, "%s is too long", path);
    VV_CLEANUP(vv_closep) int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return VARVE_OK;
    if (fd < 0)
        return vv_fail(err, VARVE_IO, "cannot open the directory %s: %s", root, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) VV_TRY(sweep(root, err));
    (void)flock(fd, LOCK_SH);
    *ret_fd = fd;
    fd = -1;
    return VARVE_OK;
}

varve_status local_check_tree(const char *folder, varve_error *err)
{
    VV_CLEANUP(file_names_free) file_names names = {0};
    struct stat st;
    if (lstat(folder, &st) != 0)
        return vv_fail(err, VARVE_IO, "cannot look at %s: %s", folder, strerror(errno));
    if (S_ISREG(st.st_mode)) return VARVE_OK;
    if (!S_ISDIR(st.st_mode))
        return vv_fail(err, VARVE_CORRUPT, "%s is a link, or no file at all", folder);
    VV_TRY(file_list(folder, &names, err));
    for (size_t i = 0; i < names.count; i++) {
        char path[LOCAL_PATH_MAX];
        VV_TRY(file_join(path, sizeof path, folder, names.names[i], err));
        VV_TRY(local_check_tree(path, err));
    }
    return VARVE_OK;
}
