/* file.h — what we ask of a file system. Each call passes a fault point of its own name
 * ("file.open", "file.read", "file.write", "file.sync", "file.rename", "file.sync_dir",
 * "file.unlink", "file.map", "file.link", "file.make_dir"), so that tests can fail each one.
 *
 * Files are made 0600 and directories 0700; a file is not opened if its name is a symbolic link.
 *
 * Ownership  a file_writer ends with file_publish(), file_close_scratch() or file_discard(), a
 *            mapping with file_unmap().
 * Threads    a file_writer belongs to one thread; the rest is stateless.
 * Errors     VARVE_IO with path and system text; VARVE_NO_SPACE for ENOSPC and EDQUOT;
 *            VARVE_NOT_FOUND for ENOENT on opening what should be there. */
#ifndef VARVE_BASE_FILE_H
#define VARVE_BASE_FILE_H

#include "base/status.h"

/* A new file, written front to back through a 1 MiB buffer. Life: file_create -> file_write ... ->
 * file_publish (sync, close, rename over final path, sync directory). file_discard() at any point
 * removes the temporary file. After any error only file_discard() is allowed. */
typedef struct file_writer file_writer;
VV_CHECKED varve_status file_create(const char *temporary_path, file_writer **ret,
                                    varve_error *err);
VV_CHECKED varve_status file_write(file_writer *w, const void *bytes, size_t len, varve_error *err);
VV_CHECKED varve_status
file_write_at(file_writer *w, uint64_t offset, const void *bytes, size_t len,
              varve_error *err); /* flushes the buffer; for headers known late */
uint64_t file_written(const file_writer *w);
/* Back to its first `size` bytes; writing goes on there. Passes "file.write". */
VV_CHECKED varve_status file_cut(file_writer *w, uint64_t size, varve_error *err);
VV_CHECKED varve_status file_sync(file_writer *w,
                                  varve_error *err); /* flush the buffer, fdatasync */
/* Ends the writer, also when it fails. Directory sync included: after VARVE_OK the name is durable.
 */
VV_CHECKED varve_status file_publish(file_writer *w, const char *final_path, varve_error *err);
/* Flush and close under the temporary path, unsynced: for scratch files. Ends the writer, also when
 * it fails (and then removes the file). */
VV_CHECKED varve_status file_close_scratch(file_writer *w, varve_error *err);
void file_discard(file_writer *w); /* NULL-safe */
void file_discardp(file_writer **w);

/* Read-only mapping of a whole file. size 0 gives data NULL. */
typedef struct file_map {
    const uint8_t *data;
    size_t size;
} file_map;
VV_CHECKED varve_status file_map_open(const char *path, file_map *ret, varve_error *err);
void file_unmap(file_map *m); /* idempotent */

/* Small whole files. file_replace: temporary, sync, rename, sync directory. file_read: at most
 * max_bytes (VARVE_LIMIT). */
VV_CHECKED varve_status file_replace(const char *path, const void *bytes, size_t len,
                                     varve_error *err);
VV_CHECKED varve_status file_read(const char *path, size_t max_bytes, char **ret_bytes,
                                  size_t *ret_len,
                                  varve_error *err); /* free() the bytes; a NUL follows them */

/* 0700, parents too, fine if it exists; each new name is synced in its parent. */
VV_CHECKED varve_status file_make_dir(const char *path, varve_error *err);
VV_CHECKED varve_status file_sync_dir(const char *path, varve_error *err);
VV_CHECKED varve_status file_unlink(const char *path, varve_error *err); /* fine if it is gone */
VV_CHECKED varve_status file_remove_tree(const char *path,
                                         varve_error *err); /* never follows links; fine if gone */
/* Durable but for its name. VARVE_EXISTS: the target is there. */
VV_CHECKED varve_status file_copy(const char *from, const char *to, varve_error *err);
/* A copy of a directory tree by hard links; the target must not exist (VARVE_EXISTS).
 * copy_suffixes: files whose names end so are copied, not linked (NULL-terminated list, or NULL).
 * What is in the copy is durable; its own name is once the directory above it is synced. On failure
 * it is removed.
 */
VV_CHECKED varve_status file_link_tree(const char *from, const char *to,
                                       const char *const *copy_suffixes, varve_error *err);
bool file_exists(const char *path);
/* Sorted names in a directory, without . and ..; free with file_names_free. A missing directory is
 * VARVE_NOT_FOUND. */
typedef struct file_names {
    char **names;
    size_t count;
} file_names;
VV_CHECKED varve_status file_list(const char *path, file_names *ret, varve_error *err);
void file_names_free(file_names *n);
VV_CHECKED varve_status file_free_space(const char *path, uint64_t *ret_bytes, varve_error *err);
/* "a/b" + "c" -> "a/b/c"; VARVE_LIMIT when it does not fit. */
VV_CHECKED varve_status file_join(char *ret, size_t size, const char *directory, const char *name,
                                  varve_error *err);

#endif
