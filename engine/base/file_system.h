/* file_system.h — shared by file.c and file_tree.c only: system errors to statuses, faults to
 * errno, whole writes. Errors  as in file.h. */
#ifndef VARVE_BASE_FILE_SYSTEM_H
#define VARVE_BASE_FILE_SYSTEM_H

#include "base/fault.h"
#include "base/status.h"

#include <errno.h>

/* The errno that an armed fault stands for, or 0. */
static inline int file_fault(fault_kind kind)
{
    return kind == VV_FAULT_NONE ? 0 : kind == VV_FAULT_EIO ? EIO : ENOSPC;
}

/* "cannot <verb> <path>: <system text>" */
varve_status file_fail(varve_error *err, const char *verb, const char *path, int error);
/* As file_fail, but ENOENT is VARVE_NOT_FOUND: for opening what should be there. */
varve_status file_fail_open(varve_error *err, const char *path, int error);
/* Open for reading; never a link. */
VV_CHECKED varve_status file_open_read(const char *path, int *ret_fd, varve_error *err);
/* All of it, at the position of fd. */
VV_CHECKED varve_status file_write_all(int fd, const void *bytes, size_t len, const char *path,
                                       varve_error *err);

#endif
