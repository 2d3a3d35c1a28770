/* session_recover.c — from the commit point of a session to its end; the same steps for the running
 * commit and for the next open.
 *
 * Intent (STORE_META, 'b' | number u64 be), version 2, little-endian:
 *   u8 version | u8 flags (1: there is a dead.sst) | u32 cid | u64 next rowver, ordinal, segment,
 * auto id | u32 segments | per segment: u64 number, segment record, u16 n + index record (n 0:
 * none) Version history. 1: without index records. */
#include "base/bytes.h"
#include "base/file.h"
#include "db/catalog.h"
#include "db/indexes.h"
#include "db/session.h"

#include <stdlib.h>

#define INTENT_VERSION         2
#define INTENT_WITHOUT_INDEXES 1
#define INTENT_HEAD_BYTES      42
#define INTENT_HAS_DEAD        1u
#define INTENT_SEGMENT_BYTES   (8 + SEGMENT_RECORD_BYTES)

void session_key(uint64_t number, uint8_t ret[SESSION_KEY_BYTES])
{
    ret[0] = 'b';
    put_be64(ret + 1, number);
}

static varve_status encode_segment(const session_segment *s, buffer *out, varve_error *err)
{
    uint8_t one[INTENT_SEGMENT_BYTES], len[2];
    VV_CLEANUP(buffer_done) buffer index;
    buffer_init(&index, UINT16_MAX, "index record");
    if (s->has_index) VV_TRY(index_record_put(&s->index, &index, err));
    put_u64(one, s->record.number);
    segment_record_put(&s->record, one + 8);
    put_u16(len, (uint16_t)index.len);
    VV_TRY(buffer_add(out, one, sizeof one, err));
    VV_TRY(buffer_add(out, len, sizeof len, err));
    return buffer_add(out, index.data, index.len, err);
}

varve_status session_intent_encode(const varve_session *s, bool has_dead,
                                   const collection_counters *counters, buffer *out,
                                   varve_error *err)
{
    uint8_t head[INTENT_HEAD_BYTES];
    head[0] = INTENT_VERSION;
    head[1] = has_dead ? INTENT_HAS_DEAD : 0;
    put_u32(head + 2, s->c->id);
    put_u64(head + 6, counters->next_rowver);
    put_u64(head + 14, counters->next_ordinal);
    put_u64(head + 22, counters->next_segment);
    put_u64(head + 30, counters->next_auto_id);
    put_u32(head + 38, (uint32_t)s->segment_count);
    VV_TRY(buffer_add(out, head, sizeof head, err));
    for (size_t i = 0; i < s->segment_count; i++)
        VV_TRY(encode_segment(&s->segments[i], out, err));
    return VARVE_OK;
}

/* The files were durable before the intent was: one that is not there was taken away. */
static varve_status ingest(varve *db, uint64_t number, store_family family, const char *file,
                           varve_error *err)
{
    char path[DB_PATH_MAX];
    VV_TRY(session_desk(db, number, file, path, err));
    if (!file_exists(path))
        return vv_fail(err, VARVE_CORRUPT,
                       "work/session-%llu/%s is missing: a session cannot be completed",
                       (unsigned long long)number, file);
    const char *const paths[] = {path};
    return store_ingest(db->store, family, paths, 1, err);
}

/* The next segment of an intent, taken from its front; false: it is cut short. */
static bool take_segment(varve *db, uint32_t cid, unsigned version, const uint8_t **at,
                         size_t *left, store_batch *batch)
{
    uint8_t key[CATALOG_INDEX_KEY_BYTES];
    size_t head = INTENT_SEGMENT_BYTES + (version > INTENT_WITHOUT_INDEXES ? 2 : 0), index = 0;
    if (*left < head) return false;
    if (version > INTENT_WITHOUT_INDEXES) index = get_u16(*at + INTENT_SEGMENT_BYTES);
    if (*left - head < index) return false;
    uint64_t number = get_u64(*at);
    catalog_segment_key(cid, number, key);
    store_batch_put(batch, db->store, STORE_CATALOG, key, CATALOG_SEGMENT_KEY_BYTES, *at + 8,
                    SEGMENT_RECORD_BYTES);
    catalog_index_key(cid, number, key);
    if (index)
        store_batch_put(batch, db->store, STORE_CATALOG, key, CATALOG_INDEX_KEY_BYTES, *at + head,
                        index);
    *at += head + index;
    *left -= head + index;
    return true;
}

static varve_status stage_intent(varve *db, uint64_t number, const uint8_t *intent, size_t len,
                                 store_batch *batch, varve_error *err)
{
    uint8_t key[SESSION_KEY_BYTES];
    uint32_t segments = len >= INTENT_HEAD_BYTES ? get_u32(intent + 38) : 0;
    bool whole = len >= INTENT_HEAD_BYTES && intent[0] > 0;
    if (whole && intent[0] > INTENT_VERSION)
        return vv_fail(err, VARVE_NEWER_FORMAT, "session %llu was written by a newer version",
                       (unsigned long long)number);
    const uint8_t *at = intent + INTENT_HEAD_BYTES;
    size_t left = whole ? len - INTENT_HEAD_BYTES : 0;
    uint32_t cid = whole ? get_u32(intent + 2) : 0;
    for (uint32_t i = 0; whole && i < segments; i++)
        whole = take_segment(db, cid, intent[0], &at, &left, batch);
    if (!whole || left)
        return vv_fail(err, VARVE_CORRUPT, "the record of session %llu is malformed",
                       (unsigned long long)number);
    collection_counters counters = {get_u64(intent + 6), get_u64(intent + 14), get_u64(intent + 22),
                                    get_u64(intent + 30)};
    counters_add_to_batch(db, batch, cid, &counters);
    session_key(number, key);
    store_batch_delete(batch, db->store, STORE_META, key, SESSION_KEY_BYTES);
    return VARVE_OK;
}

varve_status session_complete(varve *db, uint64_t number, const void *intent, size_t len,
                              bool *ret_rows_in, varve_error *err)
{
    VV_CLEANUP(store_batch_freep) store_batch *batch = store_batch_new();
    if (!batch) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a session");
    VV_TRY(stage_intent(db, number, intent, len, batch, err));
    VV_TRY(ingest(db, number, STORE_ROWS, "rows.sst", err));
    *ret_rows_in = true;
    if (((const uint8_t *)intent)[1] & INTENT_HAS_DEAD)
        VV_TRY(ingest(db, number, STORE_DEAD, "dead.sst", err));
    return catalog_write(db, batch, err);
}

varve_status sessions_pending(store *s, bool *ret_pending, varve_error *err)
{
    VV_CLEANUP(store_iter_freep) store_iter *i = NULL;
    varve_text key, value;
    VV_TRY(store_iter_new(s, STORE_META, "b", 1, "c", 1, &i, err));
    *ret_pending = store_iter_at(i, &key, &value);
    return store_iter_check(i, err);
}

varve_status sessions_recover(varve *db, varve_error *err)
{
    VV_CLEANUP(store_iter_freep) store_iter *i = NULL;
    varve_text key, value;
    VV_TRY(store_iter_new(db->store, STORE_META, "b", 1, "c", 1, &i, err));
    for (; store_iter_at(i, &key, &value); store_iter_next(i)) {
        if (key.len != SESSION_KEY_BYTES)
            return vv_fail(err, VARVE_CORRUPT, "a session record has a malformed key");
        bool rows_in;
        VV_TRY(session_complete(db, get_be64(key.data + 1), value.data, value.len, &rows_in, err));
    }
    return store_iter_check(i, err);
}
