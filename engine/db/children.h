/* children.h — the inner collections that keep a collection's named vectors (vector_fields.h):
 * which there are, and what reaches all of them.
 *
 * children[i] of a collection keeps the field schema.fields[1 + i]. Both change together, under
 * writer_lock and the collection's lock: who holds either may read them.
 * Ownership  a collection holds a reference to each of its children; child_list one of its own.
 * Errors     VARVE_NO_MEMORY; VARVE_CORRUPT for a child that the catalogue does not have. */
#ifndef VARVE_DB_CHILDREN_H
#define VARVE_DB_CHILDREN_H

#include "db/catalog.h"

typedef struct child_list {
    size_t count;
    varve_collection **all;
} child_list;

/* At open, when all records are read: parents get their children. */
VV_CHECKED varve_status children_link(varve *db, varve_error *err);
VV_CHECKED varve_status children_take(varve_collection *c, child_list *ret, varve_error *err);
void child_list_done(child_list *l); /* copes with zeros */
/* Are these still the collection's children? Under writer_lock. */
bool children_are(const varve_collection *c, const child_list *l);
VV_CHECKED varve_status children_ready(varve_collection *c, varve_error *err);
/* NULL: no such field; else a new reference. name NULL or "default" is no named field. */
varve_collection *children_find(varve_collection *c, const char *field, vector_kind *ret_kind);
/* The same, VARVE_NOT_FOUND naming the field. */
VV_CHECKED varve_status children_need(varve_collection *c, const char *field,
                                      varve_collection **ret, vector_kind *ret_kind,
                                      varve_error *err);
/* "docs/title" → "title" */
const char *child_field_name(const varve_collection *child);

/* ---- the end of a collection (drop.c). A drop, or what replaces it, holds the seal locks of it
 * and of its fields from before the batch that takes it out until its files are removed. */
void collection_lock_seals(varve_collection *c, const child_list *l);
void collection_unlock_seals(varve_collection *c, const child_list *l);
/* It is no longer in the store, nor in the map of names. */
void collection_forgotten(varve_collection *c);
void collection_remove_files(varve_collection *c);

/* Under writer_lock. Bytes of the named vectors, as max_collection_vector_bytes counts them. */
uint64_t child_vector_bytes(const varve_collection *child, vector_kind kind, uint64_t rows);

#endif
