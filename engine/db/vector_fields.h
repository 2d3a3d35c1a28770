/* vector_fields.h — named vector fields of a collection: each is an inner collection, the child,
 * with segments, memtable, index and compaction of its own.
 *
 *   parent "docs"                rows: id -> rowver, ordinal     primary vector, JSON fields
 *   child  "docs/<field>"        rows: id -> rowver, ordinal     the vectors of one named field
 *
 * (1) A row of a child has the ordinal of its parent's row, and its id key: the same in DENSE and
 *     SPARSE fields; in MULTI ones, where a row has several vectors, a key made of both
 * (field_key). (2) A child's row that is live has a live parent row, one that is deleted a deleted
 * parent row: a
 *     delete, restore or revival of the parent's row marks those of all children in the same
 *     WriteBatch, and a purge purges them. Removed or replaced vectors are superseded at once:
 *     they never come back.
 * (3) What changes several of these collections is one WriteBatch and is published in one step
 *     (varve.publish_lock): field_views has all of them as they were between two steps.
 *
 * What a child's row holds: DENSE, MULTI: the vector is the child's primary vector. SPARSE: the
 * content is SEGMENT_SPARSE_VECTOR (source_fields() answers the bytes of field/sparse_index.h), and
 * the vector is one uint8 0. Index mode and metric of a DENSE or MULTI field are those of the
 * child's primary vector.
 * A child has the name "<collection>/<field>", which no caller can ask for: it is in no list, no
 * count and no look-up by name, but in catalog_all.
 *
 * Ownership  field_views_done() releases the views. Keys and ids are borrowed from the key.
 * Threads    any. Writers of fields are in commit.h. */
#ifndef VARVE_DB_VECTOR_FIELDS_H
#define VARVE_DB_VECTOR_FIELDS_H

#include "db/db.h"

#define FIELDS_MAX      64    /* named fields of a collection */
#define FIELD_MULTI_MAX 65536 /* vectors of one row in a MULTI field */

/* ---- consistent views (field_views.c) */

typedef struct field_view {
    char name[SCHEMA_NAME_MAX + 1];
    vector_kind kind;
    vector_field field; /* the child's primary vector: dim, dtype, metric, index mode. Of a SPARSE
                           field it says nothing: its metric is the inner product */
    varve_collection *child; /* a reference */
    view *v;                 /* a reference */
} field_view;

typedef struct field_views {
    vector_field primary;
    view *parent; /* a reference */
    size_t count; /* named fields, by name */
    field_view *fields;
} field_views;

/* The parent's view and those of all its named fields, of one moment. */
VV_CHECKED varve_status field_views_get(varve_collection *c, field_views *ret, varve_error *err);
void field_views_done(field_views *f); /* copes with zeros */
/* NULL: there is no such field. The primary vector (NULL or "default") is none of these. */
const field_view *field_views_find(const field_views *f, const char *name);
/* The same, VARVE_NOT_FOUND naming it. */
VV_CHECKED varve_status field_views_need(const field_views *f, const char *name,
                                         const field_view **ret, varve_error *err);

/* ---- keys of MULTI fields (field_keys.c): valid id keys (record/id.h) of strings,
 *   0x01 | 'n' | 16 hexadecimal digits of the id | 4 of the index       of an integer id
 *   0x01 | 's' | the id | 4 hexadecimal digits of the index             of a string id
 * In id order the vectors of an integer id are neighbours; between those of a string id there may
 * be others ("a" and "a0"). The index counts from 0; the row with index 0 says in its fields how
 * many there are: {"count":3}. */
VV_CHECKED varve_status field_key(const uint8_t *id_key, size_t id_key_len, uint32_t index,
                                  buffer *out, varve_error *err); /* appends */
/* The id of the parent's row, and the index of the vector (0 but for MULTI). A string is borrowed
 * from the key. false: malformed. */
bool field_key_get(vector_kind kind, const uint8_t *key, size_t len, varve_id *ret_id,
                   uint32_t *ret_index);

#endif
