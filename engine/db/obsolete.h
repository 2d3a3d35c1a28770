/* obsolete.h — the files that a batch of the log makes needless in the folder that takes it: what
 * its catalogue names before the batch and not after it.
 *
 * Ownership  a list holds copies of what it needs.
 * Threads    the replica's.
 * Errors     VARVE_NO_MEMORY; what the row store says. Files that cannot be removed are swept when
 *            the replica is closed. */
#ifndef VARVE_DB_OBSOLETE_H
#define VARVE_DB_OBSOLETE_H

#include "db/log_batch.h"

typedef struct obsolete_file {
    uint8_t key[16]; /* of the record that named it */
    size_t key_len;
    char *path; /* relative to the folder */
} obsolete_file;

typedef struct obsolete_files {
    obsolete_file *all;
    size_t count, capacity;
} obsolete_files;

/* Before the batch is written: add what its records are about. */
VV_CHECKED varve_status obsolete_note(obsolete_files *o, store *s, const void *bytes, size_t len,
                                      varve_error *err);
/* When the batch is on stable storage: remove what is not named any more. Empties the list. */
VV_CHECKED varve_status obsolete_remove(obsolete_files *o, const varve *db, varve_error *err);
void obsolete_done(obsolete_files *o); /* copes with zeros */

#endif
