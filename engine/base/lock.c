/* lock.c — flock on the LOCK file. The file is never unlinked: whoever opened it before would go
 * on to lock a file that no longer has the name. */
#include "base/lock.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct lock_owner {
    char pid[24], host[72], since[32];
} lock_owner;

/* The printable rest of the line that begins with label; "?" if there is none. */
static void read_line(const char *text, const char *label, char *ret, size_t size)
{
    const char *at = strstr(text, label);
    size_t len = 0;
    if (at)
        for (at += strlen(label); *at && *at != '\n' && len + 1 < size; at++)
            ret[len++] = *at > ' ' && *at < 0x7f ? *at : '?';
    if (len == 0) ret[len++] = '?';
    ret[len] = '\0';
}

static varve_status refuse(int fd, const char *path, varve_error *err)
{
    lock_owner owner;
    char text[256];
    ssize_t len = pread(fd, text, sizeof text - 1, 0);
    if (len <= 0) return vv_fail(err, VARVE_LOCKED, "%s is owned by another process", path);
    text[len] = '\0';
    read_line(text, "pid ", owner.pid, sizeof owner.pid);
    read_line(text, "host ", owner.host, sizeof owner.host);
    read_line(text, "since ", owner.since, sizeof owner.since);
    return vv_fail(err, VARVE_LOCKED, "%s is owned by pid %s on %s since %s", path, owner.pid,
                   owner.host, owner.since);
}

/* Only for the message of others: the lock is held even if this fails, say on a full disk. */
static bool write_owner(int fd)
{
    char host[65] = "", since[32], text[256];
    if (gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
    clock_wall_text(clock_wall_ms(), since, sizeof since);
    int len =
        snprintf(text, sizeof text, "pid %ld\nhost %s\nsince %s\n", (long)getpid(), host, since);
    return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) == len;
}

varve_status lock_take(const char *path, lock_file *ret, varve_error *err)
{
    VV_CLEANUP(vv_closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return vv_fail(err, errno == ENOSPC || errno == EDQUOT ? VARVE_NO_SPACE : VARVE_IO,
                       "cannot open %s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) return refuse(fd, path, err);
        return vv_fail(err, VARVE_IO, "cannot lock %s: %s", path, strerror(errno));
    }
    (void)write_owner(fd);
    ret->fd = fd;
    fd = -1;
    return VARVE_OK;
}

bool lock_names(const lock_file *lock, const char *path)
{
    struct stat held, named;
    return fstat(lock->fd, &held) == 0 && stat(path, &named) == 0 && held.st_dev == named.st_dev &&
           held.st_ino == named.st_ino;
}

void lock_drop(lock_file *lock) { vv_closep(&lock->fd); }
