/* ldbf1.h — the fields payload of LynseDB's binary writes. All integers little-endian.
 *
 *   offset size
 *     0     5   "LDBF1"
 *     5     4   u32 number of rows
 *     9         rows, one after the other; nothing behind the last
 *
 *   ROW    u8 present: 0 no fields (an upsert keeps what is there), 1 a PAIRS follows
 *   PAIRS  u32 n, then n times: u32 length of the key | key, UTF-8 | VALUE
 *   VALUE  u8 tag, then   0 null   1 false   2 true      nothing
 *                         3 i64    4 u64     5 f64       8 bytes
 *                         6 string                       u32 length | UTF-8
 *                         7 array                        u32 n | n VALUE
 *                         8 object                       PAIRS
 *
 * Errors  VARVE_INVALID naming the row: a magic, count, tag or length that does not fit, a number
 *         that is not finite, deeper nesting than LDBF1_DEPTH_MAX. */
#ifndef LDBF1_H
#define LDBF1_H

#include "lynse_fields.h"

#define LDBF1_DEPTH_MAX 128

/* Append `rows` rows to ret, as JSON text. Repeated keys are left to the engine's check. */
VV_CHECKED varve_status ldbf1_decode(const void *bytes, size_t len, size_t rows, lynse_fields *ret,
                                     varve_error *err);

#endif
