/* index_file.h — inside index/: the container of an index: a header, sections, sums of 64 KiB
 * blocks, a directory, a footer; the same promises as a segment file (segment/segment_format.h).
 * The byte table is in index_format.h. What is read is verified: header, footer, directory and sums
 * at open; a block the first time it is asked for, by index_file_verify.
 *
 * Ownership  a writer ends with index_file_finish() or index_file_discard(), a file with
 *            index_file_close().
 * Threads    a writer: one. A file: any number.
 * Errors     VARVE_CORRUPT, VARVE_IO, VARVE_NEWER_FORMAT, VARVE_NOT_FOUND; all name the path. */
#ifndef VARVE_INDEX_FILE_H
#define VARVE_INDEX_FILE_H

#include "index/index.h"
#include "index/index_format.h"

/* ---- write --------------------------------------------------------------------------------- */

/* Kinds of sections: 1..15 common, 16.. flat, 32.. graph, 64.. ivf. Listed in index_format.h. */
typedef uint32_t index_section;

typedef struct index_file_writer index_file_writer;
VV_CHECKED varve_status index_file_create(const char *temporary_path, const index_spec *spec,
                                          uint32_t generation, uint64_t rows,
                                          index_file_writer **ret, varve_error *err);
/* A section: begin (alignment 64 or 4096), then puts; the next begin or the end closes it. Each
 * kind once. */
VV_CHECKED varve_status index_file_begin(index_file_writer *w, index_section kind, size_t alignment,
                                         varve_error *err);
VV_CHECKED varve_status index_file_put(index_file_writer *w, const void *bytes, size_t len,
                                       varve_error *err);
/* begin and put. */
VV_CHECKED varve_status index_file_add(index_file_writer *w, index_section kind, const void *bytes,
                                       size_t len, varve_error *err);
/* Complete the temporary file so that it can be opened and searched. index_file_amend takes its end
 * off again, to go on adding sections; nobody may have the file open then. */
VV_CHECKED varve_status index_file_draft(index_file_writer *w, varve_error *err);
VV_CHECKED varve_status index_file_amend(index_file_writer *w, varve_error *err);
/* Ends the writer, also when it fails; no file is then left. */
VV_CHECKED varve_status index_file_finish(index_file_writer *w, const char *final_path,
                                          index_record *ret, varve_error *err);
void index_file_discard(index_file_writer *w); /* NULL-safe; removes the temporary file */
void index_file_discardp(index_file_writer **w);

/* ---- read ---------------------------------------------------------------------------------- */

typedef struct index_file index_file;
VV_CHECKED varve_status index_file_open(const char *path, index_file **ret, varve_error *err);
void index_file_close(index_file *f); /* NULL-safe */
void index_file_closep(index_file **f);
const char *index_file_path(const index_file *f);
const index_spec *index_file_spec(const index_file *f);
const index_record *index_file_record(const index_file *f);
/* A section's place in the mapped file; NULL when there is none. Not verified yet. */
const uint8_t *index_file_section(const index_file *f, index_section kind, uint64_t *ret_size);
/* Verify the blocks under these bytes, which lie in a section. Cheap when done before. */
VV_CHECKED varve_status index_file_verify(index_file *f, const void *bytes, size_t len,
                                          varve_error *err);
/* Each block of the file, verified before or not. */
VV_CHECKED varve_status index_file_verify_all(index_file *f, varve_error *err);
/* A section that must be there, of a size within [least, most] and a place that is a multiple of
 * 64, or VARVE_CORRUPT naming `what`: not verified yet. */
VV_CHECKED varve_status index_file_place(const index_file *f, index_section kind, uint64_t least,
                                         uint64_t most, const char *what, const uint8_t **ret,
                                         uint64_t *ret_size, varve_error *err);
/* A small section: index_file_place, verified. */
VV_CHECKED varve_status index_file_need(index_file *f, index_section kind, uint64_t least,
                                        uint64_t most, const char *what, const uint8_t **ret,
                                        uint64_t *ret_size, varve_error *err);
/* VARVE_CORRUPT "index <path>: <what>". */
VV_CHECKED varve_status index_file_bad(const index_file *f, const char *what, varve_error *err);
uint64_t index_file_rows(const index_file *f);
/* All bytes of a section verified and copied to `to`, asking the disk for large pieces ahead. */
VV_CHECKED varve_status index_file_read(index_file *f, index_section kind, void *to,
                                        varve_error *err);
/* The kernel will want these bytes soon / only here and there. */
void index_file_will_need(const index_file *f, const void *bytes, size_t len);
void index_file_random(const index_file *f, index_section kind);

#endif
