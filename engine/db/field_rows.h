/* field_rows.h — rows of named vector fields within a commit, found by the ids of their parents'
 * rows. Everything here is done under writer_lock, and stages into the batch and the parts of the
 * commit (commit.h).
 *
 * Ownership  field_rows_done() frees what field_rows_find() made.
 * Errors     as commit.h; VARVE_CORRUPT for vectors of a MULTI row that are not all there. */
#ifndef VARVE_DB_FIELD_ROWS_H
#define VARVE_DB_FIELD_ROWS_H

#include "db/children.h"
#include "db/commit.h"
#include "db/vector_fields.h"

#define FIELD_COUNT_TEXT 32
/* The fields of the first row of a MULTI vector. */
varve_text field_count_text(size_t count, char ret[FIELD_COUNT_TEXT]);
bool field_count_get(varve_text fields, size_t *ret); /* false: malformed */

/* Rows of a child: for each id of `of`, in its order, those that are there and those that are
 * wanted. Entry j is vector indexes[j] of parents[j], an index into the ids. */
typedef struct field_rows {
    write_request list; /* keys alone */
    buffer keys;
    size_t *parents;
    uint32_t *indexes;
    row_lookup *lookups;
    bool any; /* one of them exists */
} field_rows;
/* wanted_ends NULL: none; else the row of id i is wanted with wanted_ends[i] - wanted_ends[i - 1]
 * vectors. */
VV_CHECKED varve_status field_rows_find(commit_part *child, vector_kind kind,
                                        const write_request *of, const size_t *wanted_ends,
                                        field_rows *ret, varve_error *err);
void field_rows_done(field_rows *r); /* copes with zeros */
/* The row of entry j leaves the field for good: its version is superseded. */
VV_CHECKED varve_status field_rows_remove(commit_part *child, store_batch *batch,
                                          const field_rows *r, size_t j, varve_error *err);

/* ---- of all fields of p's collection: the rows of these ids … */

/* … are deleted, or restored, with their parents. */
VV_CHECKED varve_status cascade_marks(commit_part *p, store_batch *batch, const write_request *ids,
                                      bool deleted, varve_error *err);
/* … are purged with them. */
VV_CHECKED varve_status cascade_purge(commit_part *p, store_batch *batch, const write_request *ids,
                                      varve_error *err);
/* … are live, and have the ordinals given. */
VV_CHECKED varve_status cascade_follow(commit_part *p, store_batch *batch, const write_request *ids,
                                       const uint64_t *ordinals, varve_error *err);
/* Bytes of all named vectors as they are at this point of the group. */
uint64_t cascade_vector_bytes(commit_part *p);
/* The part of a child in p's group. */
VV_CHECKED varve_status cascade_part(commit_part *p, varve_collection *child, commit_part **ret,
                                     varve_error *err);

/* ---- requests of the queue (commit_field.c) */
VV_CHECKED varve_status commit_field_put(commit_part *p, store_batch *batch, write_request *w,
                                         varve_error *err);
VV_CHECKED varve_status commit_field_remove(commit_part *p, store_batch *batch, write_request *w,
                                            varve_error *err);

#endif
