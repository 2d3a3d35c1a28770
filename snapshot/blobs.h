/* blobs.h — the contents of files in the repository: read with everything checked, and stored.
 *
 * Ownership  none.   Threads  any number.
 * Errors     VARVE_CORRUPT the blob was altered, cut short or is another one; the message names its
 *            key · VARVE_NOT_FOUND it is missing, likewise · those of remote.h. */
#ifndef VARVE_SNAPSHOT_BLOBS_H
#define VARVE_SNAPSHOT_BLOBS_H

#include "gc_record.h"
#include "manifest.h"

/* Plain bytes, in order, to `out` (NULL: only looked at). They can be believed when the call is
 * back with VARVE_OK, not before. */
VV_CHECKED varve_status blobs_get(repo *r, const manifest_file *file, secret_out out, void *arg,
                                  const remote_cancel *cancel, varve_error *err);
/* Is it there, with the right size? */
VV_CHECKED varve_status blobs_stat(repo *r, const manifest_file *file, varve_error *err);

typedef struct blobs_source {
    const char *path;    /* a file with this content, or NULL: */
    const void *bytes;   /* these */
    const char *scratch; /* directory for the sealed copy and the journals of uploads; NULL: the
                            system's for temporary files, and no journal */
} blobs_source;
/* Fill in stored_size and stored_sha256 from size and sha256, reading what is needed. */
VV_CHECKED varve_status blobs_describe(repo *r, const blobs_source *source, manifest_file *file,
                                       varve_error *err);
/* file is described. VARVE_EXISTS: the key is there already. VARVE_CONFLICT: the source no longer
 * has the content it was described by. */
VV_CHECKED varve_status blobs_put(repo *r, const blobs_source *source, const manifest_file *file,
                                  const remote_cancel *cancel, varve_error *err);
/* The first generation that no collection is about to delete (`doomed`) and that is there, or can
 * be put there; into file->generation. An object of a wrong size is damaged, and left alone. file
 * is described. ret_new: it was put by this call. */
VV_CHECKED varve_status blobs_store(repo *r, const blobs_source *source, const gc_set *doomed,
                                    manifest_file *file, const remote_cancel *cancel, bool *ret_new,
                                    varve_error *err);
/* After a backup: give up uploads, and remove sealed copies, that nobody will go on with. */
void blobs_clean_scratch(repo *r, const char *scratch);

#endif
