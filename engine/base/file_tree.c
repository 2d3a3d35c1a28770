/* file_tree.c — directories: make, list, remove, copy by hard links, free space, names. */
#include "base/file.h"
#include "base/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define TREE_DEPTH_MAX  32
#define COPY_BUFFER     65536
#define OPEN_DIR_FLAGS  (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
#define NAMES_COUNT_MIN 16

static void closedirp(DIR **dir)
{
    if (*dir) (void)closedir(*dir);
}

static bool is_dots(const char *name) { return strcmp(name, ".") == 0 || strcmp(name, "..") == 0; }

/* ---- one directory ------------------------------------------------------------------------- */

/* A new name is durable when the directory it stands in is synced. */
static varve_status sync_parent_dir(const char *path, varve_error *err)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (!slash) return file_sync_dir(".", err);
    if (len == 0) return file_sync_dir("/", err);
    memcpy(parent, path, len);
    parent[len] = 0;
    return file_sync_dir(parent, err);
}

static varve_status make_one_dir(const char *path, varve_error *err)
{
    struct stat st;
    int error = file_fault(VV_FAULT("file.make_dir"));
    if (error) return file_fail(err, "make directory", path, error);
    if (mkdir(path, 0700) == 0) return sync_parent_dir(path, err);
    error = errno;
    if (error == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return VARVE_OK;
    return file_fail(err, "make directory", path, error);
}

varve_status file_make_dir(const char *path, varve_error *err)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof part)
        return vv_fail(err, VARVE_LIMIT, "path of %zu bytes: it must have 1 to %d", len,
                       PATH_MAX - 1);
    memcpy(part, path, len + 1);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        VV_TRY(make_one_dir(part, err));
        *slash = '/';
    }
    return make_one_dir(part, err);
}

varve_status file_sync_dir(const char *path, varve_error *err)
{
    VV_CLEANUP(vv_closep) int fd = -1;
    int error = file_fault(VV_FAULT("file.sync_dir"));
    if (error) return file_fail(err, "sync directory", path, error);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) return file_fail(err, "sync directory", path, errno);
    return VARVE_OK;
}

varve_status file_unlink(const char *path, varve_error *err)
{
    int error = file_fault(VV_FAULT("file.unlink"));
    if (error == 0 && unlink(path) != 0) error = errno;
    return error && error != ENOENT ? file_fail(err, "remove", path, error) : VARVE_OK;
}

bool file_exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

varve_status file_free_space(const char *path, uint64_t *ret_bytes, varve_error *err)
{
    struct statvfs st;
    if (statvfs(path, &st) != 0) return file_fail(err, "ask for free space of", path, errno);
    *ret_bytes = (uint64_t)st.f_bavail * st.f_frsize;
    return VARVE_OK;
}

varve_status file_join(char *ret, size_t size, const char *directory, const char *name,
                       varve_error *err)
{
    size_t directory_len = strlen(directory), name_len = strlen(name);
    bool slash = directory_len > 0 && directory[directory_len - 1] != '/';
    if (directory_len + slash + name_len >= size)
        return vv_fail(err, VARVE_LIMIT, "path too long: %s/%s", directory, name);
    memmove(ret, directory, directory_len);
    if (slash) ret[directory_len] = '/';
    memcpy(ret + directory_len + slash, name, name_len + 1);
    return VARVE_OK;
}

/* ---- list ---------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static varve_status add_name(file_names *n, const char *name, varve_error *err)
{
    bool full = n->count == 0 || (n->count >= NAMES_COUNT_MIN && (n->count & (n->count - 1)) == 0);
    if (full) {
        size_t room = n->count ? n->count * 2 : NAMES_COUNT_MIN;
        char **names = realloc(n->names, room * sizeof *names);
        if (!names) return vv_fail(err, VARVE_NO_MEMORY, "no memory to list a directory");
        n->names = names;
    }
    n->names[n->count] = strdup(name);
    if (!n->names[n->count]) return vv_fail(err, VARVE_NO_MEMORY, "no memory to list a directory");
    n->count++;
    return VARVE_OK;
}

varve_status file_list(const char *path, file_names *ret, varve_error *err)
{
    VV_CLEANUP(file_names_free) file_names n = {0};
    const struct dirent *entry;
    int error = file_fault(VV_FAULT("file.open"));
    if (error) return file_fail(err, "open", path, error);
    VV_CLEANUP(closedirp) DIR *dir = opendir(path);
    if (!dir) return file_fail_open(err, path, errno);
    while (errno = 0, (entry = readdir(dir)) != NULL)
        if (!is_dots(entry->d_name)) VV_TRY(add_name(&n, entry->d_name, err));
    if (errno) return file_fail(err, "list", path, errno);
    if (n.count) qsort(n.names, n.count, sizeof *n.names, compare_names);
    *ret = n;
    n = (file_names){0};
    return VARVE_OK;
}

void file_names_free(file_names *n)
{
    for (size_t i = 0; i < n->count; i++)
        free(n->names[i]);
    free(n->names);
    *n = (file_names){0};
}

/* ---- remove a tree ------------------------------------------------------------------------- */

static varve_status remove_at(int parent, const char *name, const char *path, int depth,
                              varve_error *err);

static varve_status remove_contents(int fd, const char *path, int depth, varve_error *err)
{
    const struct dirent *entry;
    if (depth > TREE_DEPTH_MAX)
        return vv_fail(err, VARVE_LIMIT, "%s is nested deeper than %d", path, TREE_DEPTH_MAX);
    VV_CLEANUP(closedirp) DIR *dir = fdopendir(fd);
    if (!dir) {
        (void)close(fd);
        return file_fail(err, "open", path, errno);
    }
    while (errno = 0, (entry = readdir(dir)) != NULL)
        if (!is_dots(entry->d_name)) VV_TRY(remove_at(dirfd(dir), entry->d_name, path, depth, err));
    return errno ? file_fail(err, "list", path, errno) : VARVE_OK;
}

static varve_status unlink_at(int parent, const char *name, int flags, const char *path,
                              varve_error *err)
{
    int error = file_fault(VV_FAULT("file.unlink"));
    if (error == 0 && unlinkat(parent, name, flags) != 0) error = errno;
    if (error == 0 || error == ENOENT) return VARVE_OK;
    varve_status status = file_fail(err, "remove", name, error);
    if (parent != AT_FDCWD) vv_error_prefix(err, "%s", path);
    return status;
}

/* Remove what `name` is in `parent`; path is the tree's root, for messages. Going down by
 * descriptors that do not follow links, nothing outside can be reached. */
static varve_status remove_at(int parent, const char *name, const char *path, int depth,
                              varve_error *err)
{
    int fd = openat(parent, name, OPEN_DIR_FLAGS);
    if (fd < 0 && errno == ENOENT) return VARVE_OK;
    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
        return unlink_at(parent, name, 0, path, err);
    if (fd < 0) return file_fail(err, "open", path, errno);
    VV_TRY(remove_contents(fd, path, depth + 1, err));
    return unlink_at(parent, name, AT_REMOVEDIR, path, err);
}

varve_status file_remove_tree(const char *path, varve_error *err)
{
    return remove_at(AT_FDCWD, path, path, 0, err);
}

/* ---- copy a tree --------------------------------------------------------------------------- */

static bool has_suffix(const char *name, const char *const *suffixes)
{
    size_t name_len = strlen(name);
    for (; suffixes && *suffixes; suffixes++) {
        size_t len = strlen(*suffixes);
        if (len <= name_len && memcmp(name + name_len - len, *suffixes, len) == 0) return true;
    }
    return false;
}

varve_status file_copy(const char *from, const char *to, varve_error *err)
{
    VV_CLEANUP(vv_closep) int in = -1, out = -1;
    VV_CLEANUP(vv_freep) char *bytes = malloc(COPY_BUFFER);
    if (!bytes) return vv_fail(err, VARVE_NO_MEMORY, "no memory to copy %s", from);
    VV_TRY(file_open_read(from, &in, err));
    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (out < 0) return file_fail(err, "create", to, errno);
    for (;;) {
        ssize_t len = read(in, bytes, COPY_BUFFER);
        if (len < 0 && errno == EINTR) continue;
        if (len < 0) return file_fail(err, "read", from, errno);
        if (len == 0) break;
        VV_TRY(file_write_all(out, bytes, (size_t)len, to, err));
    }
    int error = file_fault(VV_FAULT("file.sync"));
    if (error == 0 && fdatasync(out) != 0) error = errno;
    return error ? file_fail(err, "sync", to, error) : VARVE_OK;
}

static varve_status link_file(const char *from, const char *to, varve_error *err)
{
    int error = file_fault(VV_FAULT("file.link"));
    if (error == 0 && link(from, to) != 0) error = errno;
    return error ? file_fail(err, "link", from, error) : VARVE_OK;
}

static varve_status link_contents(const char *from, const char *to, const char *const *suffixes,
                                  int depth, varve_error *err);

static varve_status link_entry(const char *from_dir, const char *to_dir, const char *name,
                               const char *const *suffixes, int depth, varve_error *err)
{
    char from[PATH_MAX], to[PATH_MAX];
    struct stat st;
    VV_TRY(file_join(from, sizeof from, from_dir, name, err));
    VV_TRY(file_join(to, sizeof to, to_dir, name, err));
    if (lstat(from, &st) != 0) return file_fail(err, "look at", from, errno);
    if (S_ISDIR(st.st_mode)) return link_contents(from, to, suffixes, depth + 1, err);
    if (!S_ISREG(st.st_mode))
        return vv_fail(err, VARVE_UNSUPPORTED, "%s is neither a file nor a directory", from);
    return has_suffix(name, suffixes) ? file_copy(from, to, err) : link_file(from, to, err);
}

static varve_status link_contents(const char *from, const char *to, const char *const *suffixes,
                                  int depth, varve_error *err)
{
    VV_CLEANUP(file_names_free) file_names n = {0};
    if (depth > TREE_DEPTH_MAX)
        return vv_fail(err, VARVE_LIMIT, "%s is nested deeper than %d", from, TREE_DEPTH_MAX);
    VV_TRY(file_list(from, &n, err));
    VV_TRY(make_one_dir(to, err));
    for (size_t i = 0; i < n.count; i++)
        VV_TRY(link_entry(from, to, n.names[i], suffixes, depth, err));
    return file_sync_dir(to, err);
}

varve_status file_link_tree(const char *from, const char *to, const char *const *copy_suffixes,
                            varve_error *err)
{
    if (file_exists(to)) return vv_fail(err, VARVE_EXISTS, "%s exists already", to);
    varve_status status = link_contents(from, to, copy_suffixes, 0, err);
    if (status == VARVE_OK) return VARVE_OK;
    varve_error second = {0};
    if (file_remove_tree(to, &second) != VARVE_OK)
        vv_error_prefix(err, "%s is left half made (%s)", to, second.message);
    return status;
}
