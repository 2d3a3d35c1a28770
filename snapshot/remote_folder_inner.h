/* remote_folder_inner.h — shared by remote_folder*.c: a folder as a remote, its tree walked by file
 * descriptors so that no symbolic link is ever followed.
 *
 *   <root>/segments/12       an object; the key is the path
 *   <root>/~new-<pid>-<n>    one being written, locked by its writer; '~' is in no key
 *   <root>/~lock             held while an object is replaced or removed
 *
 * Errors     as remote.h. */
#ifndef VARVE_SNAPSHOT_REMOTE_FOLDER_INNER_H
#define VARVE_SNAPSHOT_REMOTE_FOLDER_INNER_H

#include "remote_inner.h"

#include <stdatomic.h>
#include <sys/stat.h>

#define FOLDER_NEW_PREFIX "~new-"
#define FOLDER_LOCK_NAME  "~lock"

typedef struct remote_folder {
    remote base;
    int root; /* file descriptor */
    atomic_ullong next_number;
} remote_folder;

/* VARVE_IO or VARVE_NO_SPACE: "cannot <verb>: <system text>". */
varve_status folder_fail(varve_error *err, const char *verb, int error);
/* The directory of `key`, and its last part within `key`. VARVE_NOT_FOUND when it is not there and
 * shall not be made. ret_fd is to be closed. */
VV_CHECKED varve_status folder_open_parent(const remote_folder *f, const char *key, bool create,
                                           int *ret_fd, const char **ret_name, varve_error *err);
/* The object itself, for reading. */
VV_CHECKED varve_status folder_open_object(const remote_folder *f, const char *key, int *ret_fd,
                                           struct stat *ret_stat, varve_error *err);
void folder_tag(const struct stat *s, char ret[REMOTE_TAG_MAX]);

VV_CHECKED varve_status folder_list(remote *base, const char *prefix, const char *after,
                                    remote_each each, void *arg, varve_error *err);

#endif
