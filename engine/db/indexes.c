/* indexes.c — index files of segments; see indexes.h. */
#include "db/indexes.h"

#include "base/bytes.h"
#include "base/file.h"
#include "db/dropped.h"
#include "db/pick.h"

#include <stdlib.h>

/* ---- which */

void index_wants_of(const vector_field *f, index_wants *ret)
{
    index_mode mode = {.structure = INDEX_FLAT, .metric = f->metric};
    index_wants w = {0};
    w.fresh_spec =
        (index_spec){.kind = INDEX_KIND_FRESH, .mode = mode, .dim = f->dim, .dtype = f->dtype};
    w.full_spec = w.fresh_spec;
    w.full_spec.kind = INDEX_KIND_FULL;
    if (index_mode_parse(f->index_mode, &mode, NULL) == VARVE_OK) w.full_spec.mode = mode;
    w.full_spec.params = f->params;
    w.full = index_spec_has_file(&w.full_spec);
    w.fresh = index_spec_has_file(&w.fresh_spec);
    w.full_hash = index_spec_hash(&w.full_spec);
    w.fresh_hash = index_spec_hash(&w.fresh_spec);
    *ret = w;
}

bool index_serves(const index_wants *w, index_kind kind, uint64_t spec_hash)
{
    return kind == INDEX_KIND_FULL ? w->full && spec_hash == w->full_hash
                                   : w->fresh && spec_hash == w->fresh_hash;
}

bool index_usable(const index_wants *w, const index_record *r)
{
    index_mode mode;
    if (index_serves(w, r->kind, r->spec_hash)) return true;
    return w->full && r->kind == INDEX_KIND_FULL &&
           index_mode_parse(r->mode, &mode, NULL) == VARVE_OK &&
           mode.metric == w->full_spec.mode.metric;
}

const index_spec *index_wanted(const index_wants *w)
{
    return w->full ? &w->full_spec : w->fresh ? &w->fresh_spec : NULL;
}

/* index_build_bytes grows with the rows. */
uint64_t index_rows_that_fit(const index_spec *spec, uint64_t memory_max)
{
    uint64_t low = 0, high = INT32_MAX;
    if (memory_max == 0 || index_build_bytes(spec, high) <= memory_max) return high;
    while (low + 1 < high) {
        uint64_t middle = low + (high - low) / 2;
        if (index_build_bytes(spec, middle) <= memory_max) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* ---- names */

void catalog_index_key(uint32_t cid, uint64_t number, uint8_t ret[CATALOG_INDEX_KEY_BYTES])
{
    ret[0] = 'i';
    put_be32(ret + 1, cid);
    put_be64(ret + 5, number);
    ret[13] = 0; /* the field, u16 big-endian: INDEX_FIELD_PRIMARY */
    ret[14] = 0;
}

bool catalog_index_key_get(const void *key, size_t len, index_key *ret)
{
    const uint8_t *k = key;
    if (len != CATALOG_INDEX_KEY_BYTES || k[0] != 'i') return false;
    *ret = (index_key){get_be32(k + 1), get_be64(k + 5), (uint16_t)(k[13] << 8 | k[14])};
    return true;
}

varve_status index_file(const varve *db, uint32_t cid, uint64_t number, uint32_t generation,
                        const char *suffix, char ret[DB_PATH_MAX], varve_error *err)
{
    char name[JOB_NAME_MAX], directory[DB_PATH_MAX], full[JOB_NAME_MAX + 16];
    job_index_name(number, INDEX_FIELD_PRIMARY, generation, name);
    snprintf(full, sizeof full, "%s%s", name, suffix);
    VV_TRY(collection_dir(db, cid, directory, err));
    return file_join(ret, DB_PATH_MAX, directory, full, err);
}

/* ---- the manifest */

varve_status index_stage_put(varve *db, store_batch *batch, uint32_t cid, uint64_t number,
                             const index_record *record, varve_error *err)
{
    uint8_t key[CATALOG_INDEX_KEY_BYTES];
    VV_CLEANUP(buffer_done) buffer value;
    buffer_init(&value, 1024, "index record");
    VV_TRY(index_record_put(record, &value, err));
    catalog_index_key(cid, number, key);
    store_batch_put(batch, db->store, STORE_CATALOG, key, sizeof key, value.data, value.len);
    return VARVE_OK;
}

void index_stage_delete(varve *db, store_batch *batch, uint32_t cid, uint64_t number)
{
    uint8_t key[CATALOG_INDEX_KEY_BYTES];
    catalog_index_key(cid, number, key);
    store_batch_delete(batch, db->store, STORE_CATALOG, key, sizeof key);
}

varve_status index_read_record(varve *db, uint32_t cid, uint64_t number, bool *ret_found,
                               index_record *ret, varve_error *err)
{
    uint8_t key[CATALOG_INDEX_KEY_BYTES];
    VV_CLEANUP(store_value_done) store_value v = {0};
    catalog_index_key(cid, number, key);
    VV_TRY(store_get(db->store, STORE_CATALOG, key, sizeof key, &v, err));
    *ret_found = v.data && index_record_get(v.data, v.len, ret, NULL) == VARVE_OK;
    return VARVE_OK;
}

/* ---- open */

varve_status index_open_built(const varve_collection *c, const index_record *record,
                              row_source *source, varve_error *err)
{
    char path[DB_PATH_MAX];
    uint64_t number = segment_get_record(source->seg)->number;
    VV_TRY(index_file(c->db, c->id, number, record->generation, "", path, err));
    VV_TRY(index_open(path, record, &source->index, err));
    source->index_generation = record->generation;
    return VARVE_OK;
}

void index_remove_file(const varve_collection *c, uint64_t number, uint32_t generation)
{
    char path[DB_PATH_MAX];
    varve_error ignored;
    if (index_file(c->db, c->id, number, generation, "", path, &ignored) != VARVE_OK) return;
    varve_status status = file_unlink(path, &ignored);
    (void)status; /* what stays, the sweep removes */
}

void index_drop_file(const varve_collection *c, uint64_t number, uint32_t generation)
{
    char path[DB_PATH_MAX];
    varve_error ignored;
    if (index_file(c->db, c->id, number, generation, "", path, &ignored) == VARVE_OK)
        dropped_path(c->db, path);
}

/* Does the file fit the segment, whatever the record says? */
static bool fits(const row_source *source, const index_record *record)
{
    return record->rows == source->rows && record->rows <= UINT32_MAX;
}

varve_status index_attach(const varve_collection *c, const index_wants *w, vector_index *opened,
                          row_source *source, varve_error *err)
{
    index_record record;
    bool found;
    varve_error why;
    uint64_t number = segment_get_record(source->seg)->number;
    VV_TRY(index_read_record(c->db, c->id, number, &found, &record, err));
    if (!found) return VARVE_OK;
    source->index_generation = record.generation;
    if (!fits(source, &record) || !index_usable(w, &record)) return VARVE_OK;
    if (opened && index_get_record(opened)->generation == record.generation &&
        index_get_record(opened)->footer_hash == record.footer_hash) {
        source->index = index_ref(opened);
        return VARVE_OK;
    }
    varve_status status = index_open_built(c, &record, source, &why);
    if (status == VARVE_NO_MEMORY) return vv_fail(err, status, "%s", why.message);
    return VARVE_OK; /* whatever is wrong with it: searches do without */
}

/* ---- build */

varve_status index_build_fresh(varve_collection *c, segment *seg, bool *ret_built,
                               index_record *ret, varve_error *err)
{
    char temporary[DB_PATH_MAX], path[DB_PATH_MAX];
    const segment_record *record = segment_get_record(seg);
    const segment_spec *spec = segment_get_spec(seg);
    vector_field f = collection_field(c);
    row_source source = {.seg = seg, .rows = record->rows};
    index_wants w;
    index_rows rows;
    f.dim = spec->dim;
    index_wants_of(&f, &w);
    if (!w.fresh || record->rows < PICK_FRESH_ROWS_MIN || record->rows > UINT32_MAX) {
        *ret_built = false;
        return VARVE_OK;
    }
    source_index_rows(&source, &rows);
    VV_TRY(index_file(c->db, c->id, record->number, 1, ".tmp", temporary, err));
    VV_TRY(index_file(c->db, c->id, record->number, 1, "", path, err));
    index_build_options options = {.threads = 1, .seed = record->number};
    varve_status status = index_build(&w.fresh_spec, &rows, 1, &options, temporary, path, ret, err);
    *ret_built = status == VARVE_OK;
    /* The rows must get out of memory also when there is no room for what only saves time. */
    bool spared = status == VARVE_NO_MEMORY || status == VARVE_LIMIT || status == VARVE_NO_SPACE;
    return spared ? VARVE_OK : status;
}
