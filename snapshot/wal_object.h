/* wal_object.h — an object of the log: written from batches, and read with everything checked. The
 * bytes: wal_object_format.h.
 *
 * Ownership  wal_writer_done() and wal_object_done() free. Paths and batches of an object lie in
 *            the bytes that it was parsed from, which wal_object_read keeps in it.
 * Threads    one at a time; reading an object: any number.
 * Errors     VARVE_CORRUPT with the name of the object and what is wrong · VARVE_NEWER_FORMAT ·
 *            VARVE_LIMIT too large · VARVE_NO_MEMORY · those of repo.h. */
#ifndef VARVE_SNAPSHOT_WAL_OBJECT_H
#define VARVE_SNAPSHOT_WAL_OBJECT_H

#include "manifest.h"
#include "repo.h"
#include "varve_snapshot.h"

#define WAL_OBJECT_BYTES_MAX ((size_t)1 << 30)

typedef struct wal_batch {
    const uint8_t *bytes;
    size_t len;
    uint64_t first, last, time_ms;
    const manifest_file *files; /* stored, with path and role */
    size_t file_count;
} wal_batch;

typedef struct wal_object {
    uint32_t timeline;
    uint64_t first, last;
    uint64_t time_first_ms, time_last_ms; /* 0: no batch has a time */
    uint8_t before[SUMS_BYTES];           /* foot of the one before; zeros: none */
    uint8_t foot[SUMS_BYTES];
    wal_batch *batches;
    size_t batch_count;
    manifest_file *files; /* of all batches, in their order */
    size_t file_count;
    char *bytes; /* of wal_object_read */
} wal_object;

/* ---- write --------------------------------------------------------------------------------- */

typedef struct wal_writer {
    buffer files, batches;
    uint64_t first, last, time_first_ms, time_last_ms;
    uint32_t batch_count, file_count;
} wal_writer;

void wal_writer_init(wal_writer *w);
void wal_writer_done(wal_writer *w);
/* files: of batch->files, in their order. The batch must follow the last one (VARVE_CONFLICT). */
VV_CHECKED varve_status wal_writer_add(wal_writer *w, const varve_log_batch *batch,
                                       const manifest_file *files, varve_error *err);
/* The plain object; at least one batch was added. */
VV_CHECKED varve_status wal_writer_end(const wal_writer *w, const repo *r, uint32_t timeline,
                                       const uint8_t before[SUMS_BYTES], buffer *ret_bytes,
                                       uint8_t ret_foot[SUMS_BYTES], varve_error *err);

/* ---- read ---------------------------------------------------------------------------------- */

typedef struct wal_expected { /* what its key and its repository say */
    object_name name;
    const char *repo_id;
    const secret *secret; /* NULL: not encrypted */
} wal_expected;

/* expected NULL: whatever it says of itself. `what` names it in messages. */
VV_CHECKED varve_status wal_object_parse(const void *bytes, size_t len,
                                         const wal_expected *expected, const char *what,
                                         wal_object *ret, varve_error *err);
VV_CHECKED varve_status wal_object_read(repo *r, const object_name *name, wal_object *ret,
                                        varve_error *err);
/* Head and files alone, by the sum over them, without reading the batches: `batches` and `foot`
 * stay zero, batch_count is what the head says. whole: the length of all of the object; `len` of
 * it are there. */
VV_CHECKED varve_status wal_object_parse_names(const void *bytes, size_t len, uint64_t whole,
                                               const wal_expected *expected, const char *what,
                                               wal_object *ret, varve_error *err);
/* stored_size: as the store lists it. */
VV_CHECKED varve_status wal_object_read_names(repo *r, const object_name *name,
                                              uint64_t stored_size, wal_object *ret,
                                              varve_error *err);
void wal_object_done(wal_object *o);
/* CRC-32 of Castagnoli. */
uint32_t wal_object_crc32c(const void *bytes, size_t len);

#endif
