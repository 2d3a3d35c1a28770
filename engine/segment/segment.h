/* segment.h — the face of immutable segment files: rows, sorted by rowver, with ids, ordinals,
 * vectors and fields. Layout: segment_format.h. A file cut short has no footer and is no segment.
 *
 * What is read is verified: header, footer, directory and block sums at open; each 64 KiB block of
 * the columns against its XXH3-64 the first time any of its bytes is asked for (a bit per block
 * remembers). Bytes that do not match are never handed out.
 *
 * Ownership  segment_open() returns a handle with one reference. What accessors return lives as
 *            long as the segment.
 * Threads    a segment never changes after open: any number of threads may read it with no lock.
 *            A writer belongs to one thread.
 * Errors     VARVE_CORRUPT for bytes that do not fit format, checksum or record; VARVE_IO for what
 *            the system refused; VARVE_NEWER_FORMAT for a newer format; VARVE_NOT_FOUND without a
 *            file.
 *
 * Caveats
 *  - Files are mapped. They are never changed or cut in place (temporary, then rename), so a page
 *    that was there at open stays there; should somebody truncate a live file, or the disk fail to
 *    read a page, the system ends the process with SIGBUS.
 *  - An open segment holds no file descriptor, but one mapping of the process, two when it is large
 *    (the limit is vm.max_map_count). */
#ifndef VARVE_SEGMENT_H
#define VARVE_SEGMENT_H

#include "base/buffer.h"
#include "record/id.h"
#include "segment/row_images.h"

/* What the manifest says of a segment. Stored in the catalogue under cid | number. Version 1:
 *   u8 version | u64 rows | u64 min, max rowver | u64 min, max ordinal | u64 file bytes
 *   | u64 directory hash | f64 largest norm */
typedef struct segment_record {
    uint64_t number; /* in the key, not in the value */
    uint64_t rows;
    uint64_t rowver_min, rowver_max;
    uint64_t ordinal_min, ordinal_max;
    uint64_t file_bytes;
    uint64_t directory_hash; /* of the footer, which has the hashes of header and directory, which
                                has that of the block sums: names exactly this content */
    double norm_max; /* at least the largest Euclidean norm of its vectors, and close to it */
} segment_record;
#define SEGMENT_RECORD_BYTES 65
void segment_record_put(const segment_record *r, uint8_t ret[SEGMENT_RECORD_BYTES]);
VV_CHECKED varve_status segment_record_get(const void *bytes, size_t len, uint64_t number,
                                           segment_record *ret, varve_error *err);

/* ---- writer -------------------------------------------------------------------------------- */

typedef struct segment_spec {
    uint32_t collection;
    uint64_t number;
    uint32_t dim;
    varve_dtype dtype;
    segment_content content;
    text_options text;
    bool any_content; /* to open: content and text are not known, and not compared */
} segment_spec;

typedef struct segment_writer segment_writer;
/* Vectors go straight to the temporary file; the other columns are kept in memory until
 * segment_writer_finish. */
VV_CHECKED varve_status segment_writer_new(const char *temporary_path, const segment_spec *spec,
                                           segment_writer **ret, varve_error *err);
/* Before the first row: what is built of fields is built on a thread of its own while rows come in,
 * if there is one to be had. The file is the same. */
void segment_writer_build_beside(segment_writer *w);
/* rowver strictly ascending (asserted). fields: minified object, "{}" at least. vector: dtype's row
 * bytes. After an error only segment_writer_discard is of use: finish refuses. */
VV_CHECKED varve_status segment_writer_add(segment_writer *w, uint64_t rowver, uint64_t ordinal,
                                           const uint8_t *id_key, size_t id_key_len,
                                           const void *vector, varve_text fields, varve_error *err);
uint64_t segment_writer_rows(const segment_writer *w);
uint64_t segment_writer_bytes(const segment_writer *w); /* of the file, were it finished now */
uint64_t segment_writer_memory_bytes(const segment_writer *w); /* held now */
uint64_t segment_writer_finish_bytes(const segment_writer *w); /* and at most, while finishing */
/* Too little memory: the segment gets nothing that is built of fields, and searches will read its
 * rows. Also if building meets a limit of its own (columns.h, text_index.h). */
void segment_writer_drop_images(segment_writer *w);
/* Overwrites the rowvers and ordinals of all rows by first_rowver + i and first_ordinal + i: for a
 * session, which learns them when it commits. Before finish; nothing is added afterwards. */
void segment_writer_renumber(segment_writer *w, uint64_t first_rowver, uint64_t first_ordinal);
/* Ordinals that are not consecutive: one per row. Before finish. */
VV_CHECKED varve_status segment_writer_set_ordinals(segment_writer *w, const uint64_t *ordinals,
                                                    varve_error *err);
/* Write the rest, sync, rename to final_path, sync the directory. Frees the writer, also on failure
 * (then neither name is left; final_path must be new). VARVE_INVALID: no rows. */
VV_CHECKED varve_status segment_writer_finish(segment_writer *w, const char *final_path,
                                              segment_record *ret, varve_error *err);
void segment_writer_discard(segment_writer *w);   /* NULL-safe */
void segment_writer_discardp(segment_writer **w); /* for VV_CLEANUP */

/* ---- reader -------------------------------------------------------------------------------- */

typedef struct segment segment;
/* spec NULL, expect NULL: open whatever is there (tools); else the file must agree with them. What
 * expect names by its hash may have been born in another collection, or under another number: it is
 * the segment of the spec and the record then. */
VV_CHECKED varve_status segment_open(const char *path, const segment_spec *spec,
                                     const segment_record *expect, segment **ret, varve_error *err);
segment *segment_ref(segment *s);
void segment_unref(segment *s);   /* NULL-safe; the last one unmaps, and unlinks if doomed */
void segment_unrefp(segment **s); /* for VV_CLEANUP */
/* The file is no longer named by the manifest: remove it when the last reader leaves. */
void segment_doom(segment *s);

const segment_spec *segment_get_spec(const segment *s);
const segment_record *segment_get_record(const segment *s);
const char *segment_path(const segment *s);
/* About what a writer of all its rows holds in memory. */
uint64_t segment_rewrite_bytes(const segment *s);
/* Slots [first, first + n): pointer to their vectors, back to back, verified. */
VV_CHECKED varve_status segment_vectors(segment *s, uint64_t first, uint64_t n, const uint8_t **ret,
                                        varve_error *err);
VV_CHECKED varve_status segment_rowver(segment *s, uint64_t slot, uint64_t *ret, varve_error *err);
VV_CHECKED varve_status segment_ordinal(segment *s, uint64_t slot, uint64_t *ret, varve_error *err);
VV_CHECKED varve_status segment_id_key(segment *s, uint64_t slot, const uint8_t **ret,
                                       size_t *ret_len, varve_error *err);
VV_CHECKED varve_status segment_fields(segment *s, uint64_t slot, varve_text *ret,
                                       varve_error *err);
/* What was built of the fields of all rows; members are NULL where the file has none. Opened by the
 * first call. */
VV_CHECKED varve_status segment_images(segment *s, const row_images **ret, varve_error *err);
/* Slot of a rowver by binary search; *ret_found false when it is not here. */
VV_CHECKED varve_status segment_find(segment *s, uint64_t rowver, bool *ret_found,
                                     uint64_t *ret_slot, varve_error *err);
/* Read all, verify every block (again) and every promise: ascending rowvers within their range,
 * ordinals within theirs, parsable ids, finite vectors, minified JSON fields, norm. */
VV_CHECKED varve_status segment_check(segment *s, varve_error *err);

#endif
