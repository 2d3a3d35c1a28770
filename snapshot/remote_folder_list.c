/* remote_folder_list.c — the keys of a folder in the order of S3: by the bytes of the whole key, so
 * that a directory sorts as its name with a '/' behind it. See remote_folder_inner.h. */
#include "remote_folder_inner.h"

#include "base/buffer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES_BYTES_MAX ((size_t)1 << 30)
#define DEPTH_MAX       64

typedef struct listing {
    const char *prefix, *after; /* after: "" for none */
    size_t prefix_len;
    char key[REMOTE_KEY_MAX + 2]; /* of the directory under way, '/' behind it */
    size_t key_len, depth;
    remote_each each;
    void *arg;
} listing;

/* May keys that begin with `text` be wanted at all? */
static bool may_hold(const listing *l, const char *text, size_t len)
{
    size_t both = VV_MIN(len, l->prefix_len);
    if (memcmp(text, l->prefix, both) != 0) return false;
    return strncmp(text, l->after, len) >= 0;
}

static int compare_names(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;
    return strcmp(*left, *right);
}

static void close_dir(DIR **d)
{
    if (*d) (void)closedir(*d);
}

/* A directory's name gets its '/'. What is neither file nor directory, a link above all, and what
 * no key can be, is not there for us. */
static varve_status add_name(int fd, const char *name, buffer *names, size_t *count,
                             varve_error *err)
{
    struct stat found;
    if (remote_check_key(name, NULL) != VARVE_OK) return VARVE_OK;
    if (fstatat(fd, name, &found, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? VARVE_OK : folder_fail(err, "look at a file", errno);
    if (!S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode)) return VARVE_OK;
    VV_TRY(buffer_add_text(names, name, err));
    VV_TRY(buffer_add(names, "/", S_ISDIR(found.st_mode) ? 2 : 0, err));
    if (S_ISREG(found.st_mode)) VV_TRY(buffer_add(names, "", 1, err));
    ++*count;
    return VARVE_OK;
}

static varve_status read_names(int fd, buffer *names, size_t *ret_count, varve_error *err)
{
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    VV_CLEANUP(close_dir) DIR *d = own < 0 ? NULL : fdopendir(own);
    if (!d) {
        int error = errno;
        vv_closep(&own);
        return folder_fail(err, "read a directory", error);
    }
    for (;;) {
        errno = 0;
        struct dirent *e = readdir(d);
        if (!e) return errno ? folder_fail(err, "read a directory", errno) : VARVE_OK;
        VV_TRY(add_name(fd, e->d_name, names, ret_count, err));
    }
}

static char **sort_names(buffer *names, size_t count)
{
    char **sorted = malloc((count + 1) * sizeof *sorted);
    size_t n = 0;
    for (size_t at = 0; sorted && at < names->len; at += strlen(names->data + at) + 1)
        sorted[n++] = names->data + at;
    if (sorted && n > 0) qsort(sorted, n, sizeof *sorted, compare_names);
    return sorted;
}

static varve_status list_dir(listing *l, int fd, varve_error *err);

static varve_status list_below(listing *l, int fd, const char *name, varve_error *err)
{
    char bare[REMOTE_KEY_MAX + 1];
    size_t len = strlen(name), key_len = l->key_len;
    memcpy(bare, name, len - 1);
    bare[len - 1] = '\0';
    VV_CLEANUP(vv_closep)
    int inner = openat(fd, bare, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) return VARVE_OK;
    if (inner < 0) return folder_fail(err, "open a directory", errno);
    if (l->depth == DEPTH_MAX)
        return vv_fail(err, VARVE_LIMIT, "directories more than %d deep", DEPTH_MAX);
    l->depth++;
    l->key_len += len;
    varve_status status = list_dir(l, inner, err);
    l->key_len = key_len;
    l->depth--;
    return status;
}

static varve_status list_object(listing *l, int fd, const char *name, varve_error *err)
{
    struct stat found;
    if (strncmp(l->key, l->prefix, l->prefix_len) != 0 || strcmp(l->key, l->after) <= 0)
        return VARVE_OK;
    if (fstatat(fd, name, &found, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? VARVE_OK : folder_fail(err, "look at a file", errno);
    return l->each(l->arg, l->key, (uint64_t)found.st_size, err);
}

static varve_status list_names(listing *l, int fd, char **sorted, size_t count, varve_error *err)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(sorted[i]);
        if (l->key_len + len > REMOTE_KEY_MAX) continue; /* no key of ours */
        memcpy(l->key + l->key_len, sorted[i], len + 1);
        if (!may_hold(l, l->key, l->key_len + len)) continue;
        if (sorted[i][len - 1] == '/')
            VV_TRY(list_below(l, fd, sorted[i], err));
        else
            VV_TRY(list_object(l, fd, sorted[i], err));
    }
    return VARVE_OK;
}

static varve_status list_dir(listing *l, int fd, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer names;
    size_t count = 0;
    buffer_init(&names, NAMES_BYTES_MAX, "names of a directory");
    VV_TRY(read_names(fd, &names, &count, err));
    VV_CLEANUP(vv_freep) char **sorted = sort_names(&names, count);
    if (!sorted) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a list");
    return list_names(l, fd, sorted, count, err);
}

varve_status folder_list(remote *base, const char *prefix, const char *after, remote_each each,
                         void *arg, varve_error *err)
{
    listing l = {.prefix = prefix,
                 .after = after ? after : "",
                 .prefix_len = strlen(prefix),
                 .each = each,
                 .arg = arg};
    return list_dir(&l, ((remote_folder *)base)->root, err);
}
