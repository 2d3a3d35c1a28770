/* bytes.h — integers in bytes. On disk everything is little-endian; big-endian only in keys, so
 * that memcmp orders them. Never cast a struct over bytes; read and write through these. The
 * *_checked arithmetic is for sizes from outside. */
#ifndef VARVE_BASE_BYTES_H
#define VARVE_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t get_u16(const void *p)
{
    uint16_t v;
    memcpy(&v, p, 2);
    return v;
}
static inline uint32_t get_u32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}
static inline uint64_t get_u64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}
static inline float get_f32(const void *p)
{
    float v;
    memcpy(&v, p, 4);
    return v;
}
static inline double get_f64(const void *p)
{
    double v;
    memcpy(&v, p, 8);
    return v;
}
static inline void put_u16(void *p, uint16_t v) { memcpy(p, &v, 2); }
static inline void put_u32(void *p, uint32_t v) { memcpy(p, &v, 4); }
static inline void put_u64(void *p, uint64_t v) { memcpy(p, &v, 8); }
static inline void put_f32(void *p, float v) { memcpy(p, &v, 4); }
static inline uint32_t get_be32(const void *p) { return __builtin_bswap32(get_u32(p)); }
static inline uint64_t get_be64(const void *p) { return __builtin_bswap64(get_u64(p)); }
static inline void put_be32(void *p, uint32_t v) { put_u32(p, __builtin_bswap32(v)); }
static inline void put_be64(void *p, uint64_t v) { put_u64(p, __builtin_bswap64(v)); }
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the formats are little-endian");

static inline bool size_add(size_t a, size_t b, size_t *ret)
{
    return !__builtin_add_overflow(a, b, ret);
}
static inline bool size_mul(size_t a, size_t b, size_t *ret)
{
    return !__builtin_mul_overflow(a, b, ret);
}
static inline size_t size_align(size_t n, size_t alignment)
{
    return (n + alignment - 1) / alignment * alignment;
}

#endif
