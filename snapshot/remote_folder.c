/* remote_folder.c — a folder as a remote; see remote.h and remote_folder_inner.h.
 *
 *        new_begin         write, sync          place         sync of the directory
 * (none) ---------> EMPTY -------------> SYNCED ------> NAMED ----------------------> durable
 *                     +-- a crash leaves "~new-…", unlocked: removed by the next open
 *
 * (1) A name is given by link() or rename() alone, to bytes that are synced.
 * (2) Whoever replaces or removes an object holds ~lock, so that a put on condition of a tag is one
 *     step to all of them.
 * (3) Each object gets a time of change of its own, to the nanosecond: with inode and size it is
 *     the tag, which so never comes back. */
#include "remote_folder_inner.h"

#include "base/fault.h"
#include "base/file.h"
#include "remote_pace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)256 << 10)
#define NAME_BYTES  64

/* The errno that an armed fault stands for, or 0. */
static int planned(fault_kind kind)
{
    return kind == VV_FAULT_NONE ? 0 : kind == VV_FAULT_EIO ? EIO : ENOSPC;
}
/* The errno of a call that may be made to fail; 0: `good`. */
#define SYSTEM(name, good) ((errno = planned(VV_FAULT(name))) != 0 || !(good) ? errno : 0)

varve_status folder_fail(varve_error *err, const char *verb, int error)
{
    bool full = error == ENOSPC || error == EDQUOT;
    return vv_fail(err, full ? VARVE_NO_SPACE : VARVE_IO, "cannot %s: %s", verb, strerror(error));
}

void folder_tag(const struct stat *s, char ret[REMOTE_TAG_MAX])
{
    snprintf(ret, REMOTE_TAG_MAX, "%llx-%llx-%llx.%lx", (unsigned long long)s->st_ino,
             (unsigned long long)s->st_size, (unsigned long long)s->st_mtim.tv_sec,
             (unsigned long)s->st_mtim.tv_nsec);
}

/* ---- directories --------------------------------------------------------------------------- */

static varve_status sync_dir(int fd, varve_error *err)
{
    int error = SYSTEM("remote.sync_dir", fsync(fd) == 0);
    return error ? folder_fail(err, "sync the directory", error) : VARVE_OK;
}

/* The directory `name` in `parent`, made if need be; its own name is then durable. */
static varve_status enter(int parent, const char *name, bool create, int *ret_fd, varve_error *err)
{
    for (;;) {
        int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0) {
            *ret_fd = fd;
            return VARVE_OK;
        }
        if (errno == ENOTDIR || errno == ELOOP)
            return vv_fail(err, VARVE_UNSUPPORTED,
                           "a part of the key is an object or a link, not a directory");
        if (errno != ENOENT) return folder_fail(err, "open the directory", errno);
        if (!create) return vv_fail(err, VARVE_NOT_FOUND, "there is no such object");
        int error = SYSTEM("remote.make_dir", mkdirat(parent, name, 0700) == 0);
        if (error != 0 && error != EEXIST) return folder_fail(err, "make the directory", error);
        VV_TRY(sync_dir(parent, err));
    }
}

varve_status folder_open_parent(const remote_folder *f, const char *key, bool create, int *ret_fd,
                                const char **ret_name, varve_error *err)
{
    char part[REMOTE_KEY_MAX + 1];
    VV_CLEANUP(vv_closep) int at = dup(f->root);
    if (at < 0) return folder_fail(err, "open the folder", errno);
    for (const char *slash; (slash = strchr(key, '/')); key = slash + 1) {
        int inner = -1;
        memcpy(part, key, (size_t)(slash - key));
        part[slash - key] = '\0';
        VV_TRY(enter(at, part, create, &inner, err));
        (void)close(at);
        at = inner;
    }
    *ret_fd = at;
    *ret_name = key;
    at = -1;
    return VARVE_OK;
}

varve_status folder_open_object(const remote_folder *f, const char *key, int *ret_fd,
                                struct stat *ret_stat, varve_error *err)
{
    VV_CLEANUP(vv_closep) int parent = -1, fd = -1;
    const char *name = NULL;
    VV_TRY(folder_open_parent(f, key, false, &parent, &name, err));
    int error =
        SYSTEM("remote.open",
               (fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)) >= 0);
    if (error == ENOENT) return vv_fail(err, VARVE_NOT_FOUND, "there is no such object");
    if (error == ELOOP) return vv_fail(err, VARVE_UNSUPPORTED, "it is a link");
    if (error != 0) return folder_fail(err, "open it", error);
    if (fstat(fd, ret_stat) != 0) return folder_fail(err, "look at it", errno);
    if (!S_ISREG(ret_stat->st_mode)) return vv_fail(err, VARVE_NOT_FOUND, "it is no file");
    *ret_fd = fd;
    fd = -1;
    return VARVE_OK;
}

/* ---- the lock ------------------------------------------------------------------------------ */

/* Closing the descriptor lets go. */
static varve_status lock_folder(const remote_folder *f, int *ret_fd, varve_error *err)
{
    VV_CLEANUP(vv_closep)
    int fd = openat(f->root, FOLDER_LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return folder_fail(err, "open the lock", errno);
    int error = SYSTEM("remote.lock", flock(fd, LOCK_EX) == 0);
    if (error != 0) return folder_fail(err, "lock the folder", error);
    *ret_fd = fd;
    fd = -1;
    return VARVE_OK;
}

/* ---- new objects --------------------------------------------------------------------------- */

typedef struct new_object {
    const remote_folder *f;
    int fd;
    char name[NAME_BYTES]; /* in the root; "": none */
} new_object;

/* Ends it; removes what has got no other name. */
static void new_done(new_object *n)
{
    if (n->name[0]) (void)unlinkat(n->f->root, n->name, 0);
    vv_closep(&n->fd);
    n->name[0] = '\0';
}

/* Locked before anybody can take it for the remains of a crash: one that lost its name to such is
 * made again. */
static varve_status new_begin(remote_folder *f, new_object *ret, varve_error *err)
{
    struct stat found;
    for (;;) {
        new_object n = {.f = f, .fd = -1};
        snprintf(n.name, sizeof n.name, FOLDER_NEW_PREFIX "%ld-%llu", (long)getpid(),
                 (unsigned long long)atomic_fetch_add(&f->next_number, 1));
        int error =
            SYSTEM("remote.create",
                   (n.fd = openat(f->root, n.name,
                                  O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) >= 0);
        if (error == EEXIST) continue;
        if (error != 0) return folder_fail(err, "make a file", error);
        bool locked = flock(n.fd, LOCK_EX | LOCK_NB) == 0;
        error = locked || errno == EWOULDBLOCK ? 0 : errno;
        if (locked && fstat(n.fd, &found) == 0 && found.st_nlink > 0) {
            *ret = n;
            return VARVE_OK;
        }
        new_done(&n);
        if (error != 0) return folder_fail(err, "lock a file", error);
    }
}

static varve_status write_all(int fd, const void *bytes, size_t len, varve_error *err)
{
    const char *at = bytes;
    while (len > 0) {
        fault_kind kind = VV_FAULT("remote.write");
        size_t wanted = kind == VV_FAULT_SHORT ? (len + 1) / 2 : len;
        if (kind != VV_FAULT_NONE && kind != VV_FAULT_SHORT)
            return folder_fail(err, "write", planned(kind));
        ssize_t n = write(fd, at, wanted);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return folder_fail(err, "write", errno);
        at += n;
        len -= (size_t)n;
        if (kind == VV_FAULT_SHORT) return folder_fail(err, "write", ENOSPC);
    }
    return VARVE_OK;
}

static varve_status sync_new(const new_object *n, varve_error *err)
{
    struct timespec now[2];
    (void)clock_gettime(CLOCK_REALTIME, &now[0]);
    now[1] = now[0];
    if (futimens(n->fd, now) != 0) return folder_fail(err, "set the time", errno); /* (3) */
    int error = SYSTEM("remote.sync", fsync(n->fd) == 0);
    return error ? folder_fail(err, "sync", error) : VARVE_OK;
}

/* Where there are no hard links, a rename that replaces nothing does the same. */
static int link_new(const new_object *n, int parent, const char *name)
{
    int error = SYSTEM("remote.link", linkat(n->f->root, n->name, parent, name, 0) == 0);
    if (error != EPERM && error != EOPNOTSUPP && error != EMLINK) return error;
    return renameat2(n->f->root, n->name, parent, name, RENAME_NOREPLACE) == 0 ? 0 : errno;
}

static varve_status place_absent(const new_object *n, int parent, const char *name,
                                 varve_error *err)
{
    int error = link_new(n, parent, name);
    if (error == EEXIST) return vv_fail(err, VARVE_EXISTS, "it is there already");
    if (error == EINVAL)
        return vv_fail(err, VARVE_UNSUPPORTED, "the file system has no put on condition");
    return error ? folder_fail(err, "give the file its name", error) : VARVE_OK;
}

static varve_status check_tag(const remote_folder *f, const char *key, const char *tag,
                              varve_error *err)
{
    VV_CLEANUP(vv_closep) int fd = -1;
    struct stat found;
    char there[REMOTE_TAG_MAX];
    varve_status status = folder_open_object(f, key, &fd, &found, err);
    if (status == VARVE_NOT_FOUND) return vv_fail(err, VARVE_CONFLICT, "it is not there any more");
    if (status != VARVE_OK) return status;
    folder_tag(&found, there);
    if (strcmp(there, tag) == 0) return VARVE_OK;
    return vv_fail(err, VARVE_CONFLICT, "it was changed meanwhile");
}

/* Over what is there. */
static varve_status place_over(new_object *n, int parent, const char *name, const char *key,
                               const char *tag, varve_error *err)
{
    VV_CLEANUP(vv_closep) int lock = -1;
    VV_TRY(lock_folder(n->f, &lock, err));
    if (tag) VV_TRY(check_tag(n->f, key, tag, err));
    int error = SYSTEM("remote.rename", renameat(n->f->root, n->name, parent, name) == 0);
    if (error == EISDIR || error == ENOTEMPTY || error == EEXIST)
        return vv_fail(err, VARVE_UNSUPPORTED, "there are keys below it");
    if (error != 0) return folder_fail(err, "give the file its name", error);
    n->name[0] = '\0';
    return VARVE_OK;
}

/* From SYNCED to durable. tag NULL: without that condition. */
static varve_status place(remote_folder *f, new_object *n, const char *key, remote_when when,
                          const char *tag, char *ret_tag, varve_error *err)
{
    VV_CLEANUP(vv_closep) int parent = -1;
    const char *name = NULL;
    struct stat found;
    VV_TRY(sync_new(n, err));
    if (fstat(n->fd, &found) != 0) return folder_fail(err, "look at the file", errno);
    VV_TRY(folder_open_parent(f, key, true, &parent, &name, err));
    if (when == REMOTE_IF_ABSENT)
        VV_TRY(place_absent(n, parent, name, err));
    else
        VV_TRY(place_over(n, parent, name, key, when == REMOTE_IF_TAG ? tag : NULL, err));
    VV_TRY(sync_dir(parent, err));
    if (ret_tag) folder_tag(&found, ret_tag);
    return VARVE_OK;
}

static varve_status folder_put(remote *base, const char *key, const void *bytes, size_t len,
                               remote_when when, const char *tag, char *ret_tag, varve_error *err)
{
    remote_folder *f = (remote_folder *)base;
    VV_CLEANUP(new_done) new_object n = {.f = f, .fd = -1};
    (void)remote_bandwidth_take(base, len, NULL);
    VV_TRY(new_begin(f, &n, err));
    VV_TRY(write_all(n.fd, bytes, len, err));
    return place(f, &n, key, when, tag, ret_tag, err);
}

/* ---- files --------------------------------------------------------------------------------- */

typedef struct copying {
    remote *base;
    int from, to;
    EVP_MD_CTX *sum;
    const remote_file *file;
    const remote_cancel *cancel;
} copying;

static varve_status copy_chunk(const copying *c, uint8_t *chunk, uint64_t *left, varve_error *err)
{
    ssize_t n = read(c->from, chunk, VV_MIN(CHUNK_BYTES, *left));
    if (n < 0 && errno == EINTR) return VARVE_OK;
    if (n < 0) return folder_fail(err, "read the file", errno);
    if (n == 0) return vv_fail(err, VARVE_CORRUPT, "the file became shorter");
    if (!remote_bandwidth_take(c->base, (uint64_t)n, c->cancel))
        return vv_fail(err, VARVE_CANCELLED, "cancelled");
    if (EVP_DigestUpdate(c->sum, chunk, (size_t)n) != 1)
        return vv_fail(err, VARVE_INTERNAL, "OpenSSL makes no SHA-256");
    *left -= (uint64_t)n;
    return write_all(c->to, chunk, (size_t)n, err);
}

static varve_status copy_all(const copying *c, varve_error *err)
{
    VV_CLEANUP(vv_freep) uint8_t *chunk = malloc(CHUNK_BYTES);
    uint8_t sum[32];
    unsigned int len = sizeof sum;
    if (!chunk || !c->sum || EVP_DigestInit_ex(c->sum, EVP_sha256(), NULL) != 1)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a copy");
    for (uint64_t left = c->file->size; left > 0;)
        VV_TRY(copy_chunk(c, chunk, &left, err));
    if (EVP_DigestFinal_ex(c->sum, sum, &len) != 1)
        return vv_fail(err, VARVE_INTERNAL, "OpenSSL makes no SHA-256");
    if (memcmp(sum, c->file->sha256, sizeof sum) == 0) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "%s has another SHA-256 than announced", c->file->path);
}

static varve_status open_source(const remote_file *file, int *ret_fd, varve_error *err)
{
    struct stat found;
    VV_CLEANUP(vv_closep) int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &found) != 0)
        return vv_fail(err, errno == ENOENT ? VARVE_NOT_FOUND : VARVE_IO, "cannot open %s: %s",
                       file->path, strerror(errno));
    if (!S_ISREG(found.st_mode) || (uint64_t)found.st_size != file->size)
        return vv_fail(err, VARVE_CORRUPT, "%s is no file of %llu bytes", file->path,
                       (unsigned long long)file->size);
    *ret_fd = fd;
    fd = -1;
    return VARVE_OK;
}

static varve_status folder_put_file(remote *base, const char *key, const remote_file *file,
                                    const remote_cancel *cancel, varve_error *err)
{
    remote_folder *f = (remote_folder *)base;
    VV_CLEANUP(vv_closep) int from = -1;
    VV_CLEANUP(new_done) new_object n = {.f = f, .fd = -1};
    VV_TRY(open_source(file, &from, err));
    VV_TRY(new_begin(f, &n, err));
    copying c = {base, from, n.fd, EVP_MD_CTX_new(), file, cancel};
    varve_status status = copy_all(&c, err);
    EVP_MD_CTX_free(c.sum);
    if (status != VARVE_OK) return status;
    return place(f, &n, key, REMOTE_IF_ABSENT, NULL, NULL, err);
}

/* ---- reading, removing --------------------------------------------------------------------- */

static varve_status read_chunk(int fd, uint64_t at, uint8_t *chunk, size_t len, varve_error *err)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = 0;
        int error = SYSTEM("remote.read",
                           (n = pread(fd, chunk + done, len - done, (off_t)(at + done))) >= 0);
        if (error == EINTR) continue;
        if (error != 0) return folder_fail(err, "read it", error);
        if (n == 0) return vv_fail(err, VARVE_CORRUPT, "it became shorter");
        done += (size_t)n;
    }
    return VARVE_OK;
}

static varve_status read_object(remote *base, int fd, uint64_t offset, uint64_t len,
                                remote_sink sink, void *arg, const remote_cancel *cancel,
                                varve_error *err)
{
    VV_CLEANUP(vv_freep) uint8_t *chunk = malloc(CHUNK_BYTES);
    if (!chunk) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a chunk");
    for (uint64_t at = offset, end = offset + len; at < end;) {
        size_t n = (size_t)VV_MIN(CHUNK_BYTES, end - at);
        if (!remote_bandwidth_take(base, n, cancel))
            return vv_fail(err, VARVE_CANCELLED, "cancelled");
        VV_TRY(read_chunk(fd, at, chunk, n, err));
        VV_TRY(sink(arg, at, chunk, n, err));
        at += n;
    }
    return VARVE_OK;
}

static varve_status folder_get(remote *base, const char *key, uint64_t offset, uint64_t len,
                               remote_sink sink, void *arg, const remote_cancel *cancel,
                               char *ret_tag, varve_error *err)
{
    VV_CLEANUP(vv_closep) int fd = -1;
    struct stat found;
    VV_TRY(folder_open_object((remote_folder *)base, key, &fd, &found, err));
    uint64_t size = (uint64_t)found.st_size;
    if (offset > size || (len != UINT64_MAX && len > size - offset))
        return vv_fail(err, VARVE_CORRUPT, "the object has %llu bytes only",
                       (unsigned long long)size);
    if (len == UINT64_MAX) len = size - offset;
    VV_TRY(read_object(base, fd, offset, len, sink, arg, cancel, err));
    if (ret_tag) folder_tag(&found, ret_tag);
    return VARVE_OK;
}

static varve_status folder_stat(remote *base, const char *key, remote_stat_result *ret,
                                varve_error *err)
{
    VV_CLEANUP(vv_closep) int fd = -1;
    struct stat found;
    VV_TRY(folder_open_object((remote_folder *)base, key, &fd, &found, err));
    ret->size = (uint64_t)found.st_size;
    ret->modified_ms =
        (uint64_t)found.st_mtim.tv_sec * 1000 + (uint64_t)found.st_mtim.tv_nsec / 1000000;
    folder_tag(&found, ret->tag);
    return VARVE_OK;
}

static varve_status folder_remove(remote *base, const char *key, varve_error *err)
{
    remote_folder *f = (remote_folder *)base;
    VV_CLEANUP(vv_closep) int parent = -1, lock = -1;
    const char *name = NULL;
    varve_status status = folder_open_parent(f, key, false, &parent, &name, err);
    if (status == VARVE_NOT_FOUND) return VARVE_OK;
    if (status != VARVE_OK) return status;
    VV_TRY(lock_folder(f, &lock, err));
    int error = SYSTEM("remote.unlink", unlinkat(parent, name, 0) == 0);
    if (error == ENOENT || error == EISDIR) return VARVE_OK;
    if (error != 0) return folder_fail(err, "remove it", error);
    return sync_dir(parent, err);
}

/* ---- opening ------------------------------------------------------------------------------- */

static varve_status folder_abilities(remote *base, remote_abilities *ret, varve_error *err)
{
    const remote_folder *f = (const remote_folder *)base;
    if (faccessat(f->root, ".", W_OK | X_OK, AT_EACCESS) != 0)
        return vv_fail(err, VARVE_READ_ONLY, "%s can only be read: %s", base->name,
                       strerror(errno));
    *ret = (remote_abilities){.put_if_absent = true, .put_if_tag = true, .checks_sums = true};
    return VARVE_OK;
}

/* What a crash has left: files being written that nobody holds locked. */
static void remove_remains(const remote_folder *f)
{
    int fd = dup(f->root);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        vv_closep(&fd);
        return;
    }
    rewinddir(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (strncmp(e->d_name, FOLDER_NEW_PREFIX, sizeof FOLDER_NEW_PREFIX - 1) != 0) continue;
        VV_CLEANUP(vv_closep)
        int file = openat(f->root, e->d_name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        if (file >= 0 && flock(file, LOCK_EX | LOCK_NB) == 0) (void)unlinkat(f->root, e->d_name, 0);
    }
    (void)closedir(d);
}

static void folder_close(remote *base)
{
    remote_folder *f = (remote_folder *)base;
    vv_closep(&f->root);
    remote_done(base);
    free(f);
}

static const remote_type folder_type = {.close = folder_close,
                                        .get_abilities = folder_abilities,
                                        .put = folder_put,
                                        .put_file = folder_put_file,
                                        .get = folder_get,
                                        .stat = folder_stat,
                                        .list = folder_list,
                                        .remove = folder_remove};

static void closep(remote_folder **f)
{
    if (*f) folder_close(&(*f)->base);
}

varve_status remote_open_folder(const char *path, bool create, const remote_limits *limits,
                                remote **ret, varve_error *err)
{
    VV_CLEANUP(closep) remote_folder *f = calloc(1, sizeof *f);
    if (!f) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a remote");
    f->root = -1;
    VV_TRY(remote_init(&f->base, &folder_type, path, limits, err));
    if (create) VV_TRY(file_make_dir(path, err));
    f->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->root < 0)
        return vv_fail(err, errno == ENOENT ? VARVE_NOT_FOUND : VARVE_IO, "cannot open %s: %s",
                       path, strerror(errno));
    remove_remains(f);
    *ret = &f->base;
    f = NULL;
    return VARVE_OK;
}
