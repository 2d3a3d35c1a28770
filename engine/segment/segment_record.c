/* segment_record.c — the manifest's record of a segment, to bytes and back. */
#include "base/bytes.h"
#include "segment/segment.h"

#include <math.h>

#define RECORD_VERSION 1

void segment_record_put(const segment_record *r, uint8_t ret[SEGMENT_RECORD_BYTES])
{
    ret[0] = RECORD_VERSION;
    put_u64(ret + 1, r->rows);
    put_u64(ret + 9, r->rowver_min);
    put_u64(ret + 17, r->rowver_max);
    put_u64(ret + 25, r->ordinal_min);
    put_u64(ret + 33, r->ordinal_max);
    put_u64(ret + 41, r->file_bytes);
    put_u64(ret + 49, r->directory_hash);
    memcpy(ret + 57, &r->norm_max, sizeof r->norm_max);
}

varve_status segment_record_get(const void *bytes, size_t len, uint64_t number, segment_record *ret,
                                varve_error *err)
{
    const uint8_t *p = bytes;
    segment_record r;
    if (len > 0 && p[0] > RECORD_VERSION)
        return vv_fail(err, VARVE_NEWER_FORMAT, "the record of segment %llu has version %u",
                       (unsigned long long)number, p[0]);
    if (len != SEGMENT_RECORD_BYTES || p[0] != RECORD_VERSION)
        return vv_fail(err, VARVE_CORRUPT, "the record of segment %llu is malformed",
                       (unsigned long long)number);
    r = (segment_record){
        .number = number,
        .rows = get_u64(p + 1),
        .rowver_min = get_u64(p + 9),
        .rowver_max = get_u64(p + 17),
        .ordinal_min = get_u64(p + 25),
        .ordinal_max = get_u64(p + 33),
        .file_bytes = get_u64(p + 41),
        .directory_hash = get_u64(p + 49),
        .norm_max = get_f64(p + 57),
    };
    if (r.rows == 0 || r.rowver_min > r.rowver_max || r.ordinal_min > r.ordinal_max ||
        r.rows - 1 > r.rowver_max - r.rowver_min || !(r.norm_max >= 0 && isfinite(r.norm_max)))
        return vv_fail(err, VARVE_CORRUPT, "the record of segment %llu contradicts itself",
                       (unsigned long long)number);
    *ret = r;
    return VARVE_OK;
}
