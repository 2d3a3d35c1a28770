/* io_shim.c — preloaded under a program, makes one of its system calls fail: below our own fault
 * points, so that what RocksDB writes is reached too. Only calls that change files under one folder
 * count; the program's other files and pipes are left alone.
 *
 *   IO_SHIM_ROOT   the folder; nothing happens without it
 *   IO_SHIM_AT     the call that fails, from 1; 0: only count
 *   IO_SHIM_KIND   eio     it fails, once
 *                  enospc  it fails for lack of space, once
 *                  short   a write writes half of its bytes
 *                  dead    it and all after it fail: a disk that went away
 *                  full    it and all within FULL_MS fail for lack of space, then there is some
 *                  kill    the process ends instead
 *                  torn    a write writes half of its bytes, then the process ends
 *   IO_SHIM_FD     where "<call> <path>\n" is written when it strikes, and "calls <n>\n" at exit
 *
 * The info log of RocksDB is exempt: what is lost there is lost to nobody. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define FDS_MAX 65536
#define FULL_MS 300

typedef enum shim_kind { EIO_ONCE, ENOSPC_ONCE, SHORT, DEAD, FULL, KILL, TORN, KINDS } shim_kind;

static struct {
    const char *root;
    size_t root_len;
    unsigned long at;
    shim_kind kind;
    int report_fd;
    atomic_ulong calls;
    _Atomic(int64_t) full_until_ms;
    _Atomic(unsigned char) ours[FDS_MAX]; /* descriptors of files under the root */
} shim;

/* ---- start and end */

__attribute__((constructor)) static void shim_start(void)
{
    static const char *const kinds[KINDS] = {"eio",  "enospc", "short", "dead",
                                             "full", "kill",   "torn"};
    const char *at = getenv("IO_SHIM_AT"), *kind = getenv("IO_SHIM_KIND"),
               *fd = getenv("IO_SHIM_FD");
    shim.root = getenv("IO_SHIM_ROOT");
    shim.root_len = shim.root ? strlen(shim.root) : 0;
    shim.at = at ? strtoul(at, NULL, 10) : 0;
    shim.report_fd = fd ? atoi(fd) : -1;
    for (int i = 0; kind && i < KINDS; i++)
        if (strcmp(kind, kinds[i]) == 0) shim.kind = (shim_kind)i;
}

static void report(const char *what, const char *path, unsigned long number)
{
    char line[512];
    int len = number ? snprintf(line, sizeof line, "%s %lu\n", what, number)
                     : snprintf(line, sizeof line, "%s %.400s\n", what, path);
    if (shim.report_fd >= 0) (void)syscall(SYS_write, shim.report_fd, line, (size_t)len);
}

__attribute__((destructor)) static void shim_end(void)
{
    if (shim.root) report("calls", "", atomic_load(&shim.calls) + 1);
}

/* ---- does this call fail? */

static bool is_ours(const char *path)
{
    if (!shim.root || !path || strncmp(path, shim.root, shim.root_len) != 0) return false;
    size_t len = strlen(path);
    return !(len > 4 && strcmp(path + len - 4, "/LOG") == 0);
}

static bool is_our_fd(int fd)
{
    return shim.root && fd >= 0 && fd < FDS_MAX && atomic_load(&shim.ours[fd]);
}

static void name_of_fd(int fd, char *ret, size_t size)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = syscall(SYS_readlinkat, AT_FDCWD, link, ret, size - 1);
    ret[len > 0 ? len : 0] = 0;
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_struck(unsigned long call)
{
    if (shim.at == 0) return false;
    if (shim.kind == DEAD) return call >= shim.at;
    if (shim.kind != FULL) return call == shim.at;
    if (call == shim.at) atomic_store(&shim.full_until_ms, now_ms() + FULL_MS);
    return now_ms() < atomic_load(&shim.full_until_ms);
}

/* -1: the call fails, with errno set; 0: it goes through; 1: by half. ends: half and then the end.
 */
static int strike(const char *call, const char *path, int fd, bool is_write)
{
    unsigned long number = atomic_fetch_add(&shim.calls, 1) + 1;
    char name[400] = "";
    if (!is_struck(number)) return 0;
    if (!path) name_of_fd(fd, name, sizeof name);
    if (number == shim.at) report(call, path ? path : name, 0);
    switch (shim.kind) {
    case SHORT: return is_write ? 1 : 0;
    case TORN:
        if (is_write) return 1;
        /* fall through */
    case KILL: (void)kill(getpid(), SIGKILL); return -1;
    case ENOSPC_ONCE:
    case FULL: errno = ENOSPC; return -1;
    default: errno = EIO; return -1;
    }
}

static ssize_t end_if_torn(ssize_t written)
{
    if (shim.kind == TORN) (void)kill(getpid(), SIGKILL);
    return written;
}

#define REAL(name)                                                                                 \
    static __typeof__(name) *real;                                                                 \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

/* ---- writes */

ssize_t write(int fd, const void *bytes, size_t n)
{
    REAL(write);
    int how = is_our_fd(fd) ? strike("write", NULL, fd, true) : 0;
    if (how < 0) return -1;
    return how ? end_if_torn(real(fd, bytes, n > 1 ? n / 2 : n)) : real(fd, bytes, n);
}

static ssize_t half_pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
    return end_if_torn(syscall(SYS_pwrite64, fd, bytes, n > 1 ? n / 2 : n, offset));
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
    REAL(pwrite);
    int how = is_our_fd(fd) ? strike("pwrite", NULL, fd, true) : 0;
    if (how < 0) return -1;
    return how ? half_pwrite(fd, bytes, n, offset) : real(fd, bytes, n, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t offset)
{
    REAL(pwrite64);
    int how = is_our_fd(fd) ? strike("pwrite", NULL, fd, true) : 0;
    if (how < 0) return -1;
    return how ? half_pwrite(fd, bytes, n, offset) : real(fd, bytes, n, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(writev);
    int how = is_our_fd(fd) ? strike("writev", NULL, fd, true) : 0;
    if (how < 0) return -1;
    return how ? end_if_torn(real(fd, parts, 1)) : real(fd, parts, count);
}

/* ---- other calls on descriptors */

#define FD_CALL(name, parameters, arguments)                                                       \
    int name parameters                                                                            \
    {                                                                                              \
        REAL(name);                                                                                \
        if (is_our_fd(fd) && strike(#name, NULL, fd, false) < 0) return -1;                        \
        return real arguments;                                                                     \
    }

FD_CALL(fsync, (int fd), (fd))
FD_CALL(fdatasync, (int fd), (fd))
FD_CALL(ftruncate, (int fd, off_t size), (fd, size))
FD_CALL(ftruncate64, (int fd, off64_t size), (fd, size))
FD_CALL(fallocate, (int fd, int mode, off_t offset, off_t len), (fd, mode, offset, len))

/* Without flags it does nothing: RocksDB asks so whether there is such a call, and takes any answer
 * but ENOSYS for a yes. */
int sync_file_range(int fd, off64_t offset, off64_t len, unsigned flags)
{
    REAL(sync_file_range);
    if (flags && is_our_fd(fd) && strike("sync_file_range", NULL, fd, false) < 0) return -1;
    return real(fd, offset, len, flags);
}

int close(int fd)
{
    REAL(close);
    if (fd >= 0 && fd < FDS_MAX) atomic_store(&shim.ours[fd], 0);
    return real(fd);
}

/* ---- names */

#define PATH_CALL(name, parameters, arguments, path)                                               \
    int name parameters                                                                            \
    {                                                                                              \
        REAL(name);                                                                                \
        if (is_ours(path) && strike(#name, path, -1, false) < 0) return -1;                        \
        return real arguments;                                                                     \
    }

PATH_CALL(rename, (const char *from, const char *to), (from, to), to)
PATH_CALL(link, (const char *from, const char *to), (from, to), to)
PATH_CALL(unlink, (const char *path), (path), path)
PATH_CALL(truncate, (const char *path, off_t size), (path, size), path)
PATH_CALL(mkdir, (const char *path, mode_t mode), (path, mode), path)

static int opened(int fd, const char *path)
{
    if (fd >= 0 && fd < FDS_MAX) atomic_store(&shim.ours[fd], is_ours(path));
    return fd;
}

static bool fails_to_open(const char *path, int flags)
{
    bool changes = (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC));
    return changes && is_ours(path) && strike("open", path, -1, false) < 0;
}

#define OPEN_CALL(name)                                                                            \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        REAL(name);                                                                                \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;                             \
        va_end(arguments);                                                                         \
        if (fails_to_open(path, flags)) return -1;                                                 \
        return opened(real(path, flags, mode), path);                                              \
    }

OPEN_CALL(open)
OPEN_CALL(open64)
