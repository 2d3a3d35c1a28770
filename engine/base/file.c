/* file.c — whole files: the buffered writer that publishes by rename, mappings, small reads. */
#include "base/file.h"
#include "base/bytes.h"
#include "base/file_system.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITER_BUFFER_BYTES ((size_t)1 << 20)

struct file_writer {
    int fd;
    char *path;
    char *buffer;      /* WRITER_BUFFER_BYTES, allocated when first needed */
    size_t buffered;   /* bytes in it */
    uint64_t position; /* bytes handed to the system */
};

/* ---- writer -------------------------------------------------------------------------------- */

/* A leftover of a crash is removed, not reused: a hard link to it may be in a snapshot. */
static varve_status create_new(const char *path, int *ret_fd, varve_error *err)
{
    static const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    int error = file_fault(VV_FAULT("file.open"));
    if (error) return file_fail(err, "create", path, error);
    int fd = open(path, flags, 0600);
    if (fd < 0 && errno == EEXIST && unlink(path) == 0) fd = open(path, flags, 0600);
    if (fd < 0) return file_fail(err, "create", path, errno);
    *ret_fd = fd;
    return VARVE_OK;
}

varve_status file_create(const char *temporary_path, file_writer **ret, varve_error *err)
{
    VV_CLEANUP(vv_freep) file_writer *w = calloc(1, sizeof *w);
    VV_CLEANUP(vv_freep) char *path = strdup(temporary_path);
    if (!w || !path) return vv_fail(err, VARVE_NO_MEMORY, "no memory to write %s", temporary_path);
    VV_TRY(create_new(path, &w->fd, err));
    w->path = path;
    *ret = w;
    path = NULL;
    w = NULL;
    return VARVE_OK;
}

static varve_status write_through(file_writer *w, const void *bytes, size_t len, varve_error *err)
{
    VV_TRY(file_write_all(w->fd, bytes, len, w->path, err));
    w->position += len;
    return VARVE_OK;
}

static varve_status flush_buffer(file_writer *w, varve_error *err)
{
    size_t len = w->buffered;
    w->buffered = 0;
    return len ? write_through(w, w->buffer, len, err) : VARVE_OK;
}

varve_status file_write(file_writer *w, const void *bytes, size_t len, varve_error *err)
{
    if (len == 0) return VARVE_OK;
    if (w->buffered + len > WRITER_BUFFER_BYTES) VV_TRY(flush_buffer(w, err));
    if (len >= WRITER_BUFFER_BYTES) return write_through(w, bytes, len, err);
    if (!w->buffer) w->buffer = malloc(WRITER_BUFFER_BYTES);
    if (!w->buffer) return vv_fail(err, VARVE_NO_MEMORY, "no memory to write %s", w->path);
    memcpy(w->buffer + w->buffered, bytes, len);
    w->buffered += len;
    return VARVE_OK;
}

varve_status file_write_at(file_writer *w, uint64_t offset, const void *bytes, size_t len,
                           varve_error *err)
{
    const char *at = bytes;
    assert(offset + len <= file_written(w));
    VV_TRY(flush_buffer(w, err));
    int error = file_fault(VV_FAULT("file.write"));
    if (error) return file_fail(err, "write", w->path, error);
    while (len) {
        ssize_t written = pwrite(w->fd, at, len, (off_t)offset);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return file_fail(err, "write", w->path, errno);
        at += written;
        len -= (size_t)written;
        offset += (uint64_t)written;
    }
    return VARVE_OK;
}

varve_status file_cut(file_writer *w, uint64_t size, varve_error *err)
{
    assert(size <= file_written(w));
    VV_TRY(flush_buffer(w, err));
    int error = file_fault(VV_FAULT("file.write"));
    if (error == 0 && ftruncate(w->fd, (off_t)size) != 0) error = errno;
    if (error == 0 && lseek(w->fd, (off_t)size, SEEK_SET) < 0) error = errno;
    if (error) return file_fail(err, "cut", w->path, error);
    w->position = size;
    return VARVE_OK;
}

uint64_t file_written(const file_writer *w) { return w->position + w->buffered; }

/* Once only: after a failed fdatasync the kernel may have dropped the pages, and a second call
 * would then report success for bytes that are lost. */
varve_status file_sync(file_writer *w, varve_error *err)
{
    VV_TRY(flush_buffer(w, err));
    int error = file_fault(VV_FAULT("file.sync"));
    if (error == 0 && fdatasync(w->fd) != 0) error = errno;
    return error ? file_fail(err, "sync", w->path, error) : VARVE_OK;
}

static void writer_free(file_writer *w)
{
    free(w->buffer);
    free(w->path);
    free(w);
}

static varve_status close_writer(file_writer *w, varve_error *err)
{
    int fd = w->fd;
    w->fd = -1;
    return close(fd) == 0 ? VARVE_OK : file_fail(err, "close", w->path, errno);
}

static varve_status rename_file(const char *from, const char *to, varve_error *err)
{
    int error = file_fault(VV_FAULT("file.rename"));
    if (error == 0 && rename(from, to) != 0) error = errno;
    return error ? file_fail(err, "rename", from, error) : VARVE_OK;
}

static varve_status sync_parent(const char *path, varve_error *err)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return file_sync_dir(".", err);
    VV_CLEANUP(vv_freep) char *parent = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (!parent) return vv_fail(err, VARVE_NO_MEMORY, "no memory to sync %s", path);
    return file_sync_dir(parent, err);
}

varve_status file_publish(file_writer *writer, const char *final_path, varve_error *err)
{
    VV_CLEANUP(file_discardp) file_writer *w = writer;
    VV_TRY(file_sync(w, err));
    VV_TRY(close_writer(w, err));
    VV_TRY(rename_file(w->path, final_path, err));
    writer_free(w);
    w = NULL;
    return sync_parent(final_path, err);
}

varve_status file_close_scratch(file_writer *writer, varve_error *err)
{
    VV_CLEANUP(file_discardp) file_writer *w = writer;
    VV_TRY(flush_buffer(w, err));
    VV_TRY(close_writer(w, err));
    writer_free(w);
    w = NULL;
    return VARVE_OK;
}

void file_discard(file_writer *w)
{
    if (!w) return;
    vv_closep(&w->fd);
    (void)unlink(w->path);
    writer_free(w);
}

void file_discardp(file_writer **w) { file_discard(*w); }

/* ---- mapping ------------------------------------------------------------------------------- */

static varve_status regular_size(int fd, const char *path, size_t *ret, varve_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return file_fail(err, "look at", path, errno);
    if (!S_ISREG(st.st_mode)) return vv_fail(err, VARVE_IO, "%s is not a regular file", path);
    *ret = (size_t)st.st_size;
    return VARVE_OK;
}

varve_status file_map_open(const char *path, file_map *ret, varve_error *err)
{
    VV_CLEANUP(vv_closep) int fd = -1;
    size_t size;
    VV_TRY(file_open_read(path, &fd, err));
    VV_TRY(regular_size(fd, path, &size, err));
    int error = file_fault(VV_FAULT("file.map"));
    if (error) return file_fail(err, "map", path, error);
    void *data = size ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) : NULL;
    if (data == MAP_FAILED) return file_fail(err, "map", path, errno);
    *ret = (file_map){data, size};
    return VARVE_OK;
}

void file_unmap(file_map *m)
{
    if (m->data) (void)munmap((void *)(uintptr_t)m->data, m->size);
    *m = (file_map){0};
}

/* ---- small whole files --------------------------------------------------------------------- */

varve_status file_replace(const char *path, const void *bytes, size_t len, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *temporary = NULL;
    if (asprintf(&temporary, "%s.tmp", path) < 0) {
        temporary = NULL;
        return vv_fail(err, VARVE_NO_MEMORY, "no memory to write %s", path);
    }
    VV_CLEANUP(file_discardp) file_writer *w = NULL;
    VV_TRY(file_create(temporary, &w, err));
    VV_TRY(file_write(w, bytes, len, err));
    file_writer *publishing = w;
    w = NULL;
    return file_publish(publishing, path, err);
}

static varve_status read_all(int fd, const char *path, char *bytes, size_t size, size_t *ret_len,
                             varve_error *err)
{
    size_t len = 0;
    int error = file_fault(VV_FAULT("file.read"));
    if (error) return file_fail(err, "read", path, error);
    while (len < size) {
        ssize_t got = read(fd, bytes + len, size - len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return file_fail(err, "read", path, errno);
        if (got == 0) break;
        len += (size_t)got;
    }
    *ret_len = len;
    return VARVE_OK;
}

varve_status file_read(const char *path, size_t max_bytes, char **ret_bytes, size_t *ret_len,
                       varve_error *err)
{
    VV_CLEANUP(vv_closep) int fd = -1;
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    size_t size, len = 0;
    VV_TRY(file_open_read(path, &fd, err));
    VV_TRY(regular_size(fd, path, &size, err));
    if (size > max_bytes)
        return vv_fail(err, VARVE_LIMIT, "%s has %zu bytes, the limit is %zu", path, size,
                       max_bytes);
    bytes = malloc(size + 1);
    if (!bytes) return vv_fail(err, VARVE_NO_MEMORY, "no memory to read %s", path);
    VV_TRY(read_all(fd, path, bytes, size, &len, err));
    bytes[len] = '\0';
    *ret_bytes = bytes;
    *ret_len = len;
    bytes = NULL;
    return VARVE_OK;
}
