/* id.h — row ids and their key form: one tag byte, then the id, so that memcmp orders integers
 * ascending before strings by bytes:   0x00 | u64 big-endian        0x01 | UTF-8 bytes Errors
 * VARVE_INVALID for an empty or ill-formed string, VARVE_LIMIT for one longer than id_bytes_max. */
#ifndef VARVE_RECORD_ID_H
#define VARVE_RECORD_ID_H

#include "base/status.h"

#define ID_KEY_NUM_BYTES 9
#define ID_TEXT_MAX      96 /* enough for id_text() */

VV_CHECKED varve_status id_check(varve_id id, uint64_t bytes_max, varve_error *err);
static inline size_t id_key_size(varve_id id)
{
    return id.kind == VARVE_ID_NUM ? ID_KEY_NUM_BYTES : 1 + id.text.len;
}
void id_key_put(varve_id id, uint8_t *ret_key); /* id_key_size() bytes */
/* The id in a key; a string is borrowed from it. false: not a key. */
bool id_key_get(const uint8_t *key, size_t len, varve_id *ret_id);
int id_key_compare(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);
int id_compare(varve_id a, varve_id b);
/* For messages: 17, or 'abc' cut after 64 bytes. Returns ret. */
const char *id_text(varve_id id, char ret[ID_TEXT_MAX]);

#endif
