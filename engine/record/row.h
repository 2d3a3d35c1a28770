/* row.h — keys and values of rows in the row store, version 1. cid: collection id, u32 big-endian;
 * rowver: u64 big-endian; id key: id.h; values little-endian.
 *
 *   family  key           value
 *   rows    cid | id key  u64 rowver | u64 ordinal | u8 flags (1: deleted)
 *                         the current version of an id
 *   fresh   cid | rowver  u64 ordinal | u16 n + id key | u32 n + fields | vector
 *                         a version that is not yet in a segment
 *   dead    cid | rowver  u8 kind: 'S' superseded, 'D' deleted (may be restored)
 *                         a version that is no longer live
 *
 * rowver: which stored version of a row; grows within its collection, each used once. ordinal: the
 * row's place in order of insertion, kept through updates. Values are parsed by _get functions that
 * return false for anything malformed. */
#ifndef VARVE_RECORD_ROW_H
#define VARVE_RECORD_ROW_H

#include "base/buffer.h"
#include "record/id.h"

#define ROW_KEY_MAX      (4 + 1 + 65536)
#define ROWVER_KEY_BYTES 12
#define ROW_VALUE_BYTES  17
#define ROW_FLAG_DELETED 1u
#define DEAD_SUPERSEDED  'S'
#define DEAD_DELETED     'D'

typedef struct row_current {
    uint64_t rowver, ordinal;
    bool deleted;
} row_current;

size_t row_key_put(uint32_t cid, varve_id id, uint8_t *ret); /* length written */
void rowver_key_put(uint32_t cid, uint64_t rowver, uint8_t ret[ROWVER_KEY_BYTES]);
bool rowver_key_get(const void *key, size_t len, uint32_t *ret_cid, uint64_t *ret_rowver);
void row_current_put(const row_current *r, uint8_t ret[ROW_VALUE_BYTES]);
bool row_current_get(const void *value, size_t len, row_current *ret);

typedef struct row_fresh {
    uint64_t ordinal;
    const uint8_t *id_key;
    size_t id_key_len;
    varve_text fields; /* minified; "{}" at least. Of a sparse vector field: its bytes */
    const void *vector;
    size_t vector_bytes;
} row_fresh;
VV_CHECKED varve_status row_fresh_put(const row_fresh *r, buffer *out,
                                      varve_error *err);           /* appends */
bool row_fresh_get(const void *value, size_t len, row_fresh *ret); /* borrowed from value */

#endif
