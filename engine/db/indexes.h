/* indexes.h — the index files of a collection's segments: which the mode uses, where they lie, how
 * the manifest names them, and the fresh one that a seal makes.
 *
 * An index serves the mode when it is what the mode asks for (index_serves). One that is not, but
 * has the mode's metric, is used until compaction has built its successor (index_usable): a change
 * of mode or parameters does not make searches slow. What the manifest names beside that is a
 * leftover, and is replaced. A file that is missing or damaged is
 * passed over as well: searches are exact without it, and compaction builds it anew. A new file
 * always has a higher generation than those before it, so that one that is still being read keeps
 * its name.
 *
 * Threads  any; what changes the manifest, under writer_lock. */
#ifndef VARVE_DB_INDEXES_H
#define VARVE_DB_INDEXES_H

#include "db/db.h"
#include "segment/job.h"

#define INDEX_FIELD_PRIMARY 0 /* the only vector there is yet */

/* What a mode uses. */
typedef struct index_wants {
    bool full, fresh; /* files of this kind are of use */
    index_spec full_spec, fresh_spec;
    uint64_t full_hash, fresh_hash;
} index_wants;
void index_wants_of(const vector_field *f, index_wants *ret);
bool index_serves(const index_wants *w, index_kind kind, uint64_t spec_hash);
/* May searches use it meanwhile? Never an approximate one where the mode promises exact hits. */
bool index_usable(const index_wants *w, const index_record *r);
/* The best file that the mode uses; NULL: none. */
const index_spec *index_wanted(const index_wants *w);
/* The most rows whose index can be built within the memory; 0 bytes: no limit. */
uint64_t index_rows_that_fit(const index_spec *spec, uint64_t memory_max);

#define CATALOG_INDEX_KEY_BYTES 15
void catalog_index_key(uint32_t cid, uint64_t number, uint8_t ret[CATALOG_INDEX_KEY_BYTES]);
typedef struct index_key {
    uint32_t cid;
    uint64_t number;
    uint16_t field;
} index_key;
bool catalog_index_key_get(const void *key, size_t len, index_key *ret); /* false: malformed */
VV_CHECKED varve_status index_file(const varve *db, uint32_t cid, uint64_t number,
                                   uint32_t generation, const char *suffix, char ret[DB_PATH_MAX],
                                   varve_error *err);

/* The manifest names it / no longer. */
VV_CHECKED varve_status index_stage_put(varve *db, store_batch *batch, uint32_t cid,
                                        uint64_t number, const index_record *record,
                                        varve_error *err);
void index_stage_delete(varve *db, store_batch *batch, uint32_t cid, uint64_t number);
/* What the manifest says; *ret_found false: nothing, or what nobody can read. */
VV_CHECKED varve_status index_read_record(varve *db, uint32_t cid, uint64_t number, bool *ret_found,
                                          index_record *ret, varve_error *err);

/* Set index and generation of a segment's source to what the manifest names, if it is of use.
 * opened: an index of this segment that is open already, perhaps that one; NULL: none. */
VV_CHECKED varve_status index_attach(const varve_collection *c, const index_wants *w,
                                     vector_index *opened, row_source *source, varve_error *err);
/* The fresh index of a new segment, if the mode uses one: *ret_built false when not, or when there
 * is no memory or space for it. The file lies beside the segment; no manifest names it yet. */
VV_CHECKED varve_status index_build_fresh(varve_collection *c, segment *seg, bool *ret_built,
                                          index_record *ret, varve_error *err);
/* Open what was built; the source is given index and generation. */
VV_CHECKED varve_status index_open_built(const varve_collection *c, const index_record *record,
                                         row_source *source, varve_error *err);
/* Remove the file of an index that no manifest names. */
void index_remove_file(const varve_collection *c, uint64_t number, uint32_t generation);

/* The same of one that the manifest has ceased to name (dropped.h). */
void index_drop_file(const varve_collection *c, uint64_t number, uint32_t generation);

/* Mode and parameters (NULL: all defaults) from now on; mode NULL: none. */
VV_CHECKED varve_status index_choose(varve_collection *c, const char *text,
                                     const varve_index_params *params, varve_error *err);

#endif
