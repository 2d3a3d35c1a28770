/* catalog.h — keys of the catalogue (STORE_CATALOG), version 2 (1: without 'i'):
 *   'c' | name length u8 | database | name   collection record (record/schema.h); the name of a
 *                                            vector field's inner collection is "<name>/<field>"
 *   'd' | database                           u64 order of creation, little-endian
 *   's' | cid u32 be | number u64 be         segment record (segment/segment.h)
 *   'i' | cid u32 be | number u64 be | field u16 be   index record of that segment (index/index.h)
 *   'u'                                      u32 next collection id | u64 next database order
 * and of STORE_META:
 *   'n' | cid u32 be                         counters: u64 next rowver, ordinal, segment, auto id
 *   'b' | session number u64 be              a session past its commit point (session_recover.c)
 *   'k' | copy number u64 be                 a copy before its commit point (copy.h) */
#ifndef VARVE_DB_CATALOG_H
#define VARVE_DB_CATALOG_H

#include "db/db.h"

#define CATALOG_NAME_MAX     (2 * SCHEMA_NAME_MAX + 1) /* of a collection, inner ones included */
#define CATALOG_NAME_KEY_MAX (2 + SCHEMA_NAME_MAX + CATALOG_NAME_MAX)

size_t catalog_collection_key(const char *database, const char *name,
                              uint8_t ret[CATALOG_NAME_KEY_MAX]);
/* The database and name of a key; false: malformed. */
bool catalog_collection_key_get(const void *key, size_t len, char ret_database[SCHEMA_NAME_MAX + 1],
                                char ret_name[CATALOG_NAME_MAX + 1]);
/* What the in-memory map is keyed by; length returned. */
size_t catalog_map_key(const char *database, const char *name, char ret[CATALOG_NAME_KEY_MAX]);
void catalog_put_next(varve *db, store_batch *batch);
/* When: rides in the log with the batch, as 'V' 'T' | u64 ms since 1970. */
#define CATALOG_TIME_BYTES 10
void catalog_note_time(varve *db, store_batch *batch);
/* Write a catalogue batch durably; under writer_lock. */
VV_CHECKED varve_status catalog_write(varve *db, store_batch *batch, varve_error *err);
/* Into the map of collections (which takes a reference), and out of it. */
VV_CHECKED varve_status catalog_map_put(varve *db, varve_collection *c, varve_error *err);
void catalog_map_remove(varve *db, const varve_collection *c);
/* The same under catalog_lock. put false: no memory, and nothing changed. take: the map's
 * reference, or NULL. */
bool catalog_map_put_locked(varve *db, varve_collection *c);
varve_collection *catalog_map_take_locked(varve *db, const varve_collection *c);
/* Delete all that the store holds of a collection. */
void catalog_stage_drop(varve_collection *c, store_batch *batch);
/* A collection's record under any name; that of a new database, which is one
 * of `more` in this batch, with the catalogue's counters. */
VV_CHECKED varve_status catalog_put_record(varve *db, store_batch *batch, const char *database,
                                           const char *name, const collection_schema *schema,
                                           varve_error *err);
VV_CHECKED varve_status catalog_stage_database(varve *db, store_batch *batch, const char *name,
                                               size_t more, uint64_t *ret_created,
                                               varve_error *err);
VV_CHECKED varve_status catalog_add_database(varve *db, const char *name, uint64_t created,
                                             varve_error *err);
VV_CHECKED varve_status catalog_check_database(varve *db, const char *database, varve_error *err);

/* VARVE_UNSUPPORTED for a mode that this vector type or dimension (0: unknown yet) does not allow,
 * VARVE_INVALID for a parameter out of its range. */
VV_CHECKED varve_status index_field_buildable(const vector_field *f, varve_error *err);
/* The same for the dimension that the first rows bring. */
VV_CHECKED varve_status index_dim_buildable(const vector_field *f, size_t dim, varve_error *err);
/* *ret_gone false: there is a collection in it again. */
VV_CHECKED varve_status catalog_drop_empty_database(varve *db, const char *name, bool *ret_gone,
                                                    varve_error *err);

#endif
