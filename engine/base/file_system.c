/* file_system.c — system calls with their errors put into words; see file_system.h. */
#include "base/file_system.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

varve_status file_fail(varve_error *err, const char *verb, const char *path, int error)
{
    varve_status status = error == ENOSPC || error == EDQUOT ? VARVE_NO_SPACE
                          : error == ENOMEM                  ? VARVE_NO_MEMORY
                                                             : VARVE_IO;
    return vv_fail(err, status, "cannot %s %s: %s", verb, path, strerror(error));
}

varve_status file_fail_open(varve_error *err, const char *path, int error)
{
    if (error == ENOENT)
        return vv_fail(err, VARVE_NOT_FOUND, "cannot open %s: %s", path, strerror(error));
    return file_fail(err, "open", path, error);
}

varve_status file_open_read(const char *path, int *ret_fd, varve_error *err)
{
    int error = file_fault(VV_FAULT("file.open"));
    if (error) return file_fail(err, "open", path, error);
    /* Not waiting: a pipe in place of a file has no bytes, and holds nobody up. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return file_fail_open(err, path, errno);
    *ret_fd = fd;
    return VARVE_OK;
}

varve_status file_write_all(int fd, const void *bytes, size_t len, const char *path,
                            varve_error *err)
{
    const char *at = bytes;
    fault_kind fault = VV_FAULT("file.write");
    if (fault == VV_FAULT_SHORT)
        len /= 2;
    else if (fault != VV_FAULT_NONE)
        return file_fail(err, "write", path, file_fault(fault));
    while (len) {
        ssize_t written = write(fd, at, len);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return file_fail(err, "write", path, errno);
        at += written;
        len -= (size_t)written;
    }
    return fault ? file_fail(err, "write", path, file_fault(fault)) : VARVE_OK;
}
