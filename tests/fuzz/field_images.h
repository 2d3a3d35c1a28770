/* field_images.h — shared by the fuzz targets of field indexes: an image in memory, and changes to
 * it. An input is a list of changes to a sound image: what a reader must not trust lies deep in it.
 * Ownership  the image's bytes are the target's. Threads  one. Errors  abort(). */
#ifndef FUZZ_FIELD_IMAGES_H
#define FUZZ_FIELD_IMAGES_H

#include "base/bytes.h"
#include "field/columns.h"

#include <stdlib.h>

#define IMAGE_CHANGE_BYTES 8
#define IMAGE_CHANGES_MAX  16

typedef struct image_bytes {
    uint8_t *bytes;
    uint64_t size;
} image_bytes;

static inline varve_status image_get(void *context, uint64_t offset, uint64_t len,
                                     const uint8_t **ret, varve_error *err)
{
    const image_bytes *i = context;
    (void)err;
    if (offset > i->size || len > i->size - offset) abort(); /* the reader has to know */
    *ret = i->bytes + offset;
    return VARVE_OK;
}

/* An 8-byte change: in the first 256 bytes, or anywhere; a number of the edges of its type, one of
 * the input, or a bit. */
static inline void image_change(image_bytes *i, const uint8_t *c)
{
    static const uint32_t numbers[] = {0,      1,          127,        128,        129,       255,
                                       0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
    uint64_t room = c[0] & 1 ? VV_MIN(i->size, 256u) : i->size;
    uint32_t number = c[0] & 2 ? numbers[c[4] % VV_COUNT(numbers)] : get_u32(c + 4);
    if (i->size < 8) return;
    uint64_t at = (uint64_t)get_u16(c + 2) * (c[1] & 15 ? 1 : 7) % (room - 3);
    if (c[0] & 4)
        i->bytes[at] ^= (uint8_t)(1u << (c[4] % 8));
    else if (c[0] & 8)
        i->bytes[at] = (uint8_t)number;
    else
        put_u32(i->bytes + at, number);
}

/* A copy of a sound image, changed as the input says (which has 2 bytes of its own before). */
static inline image_bytes image_of_input(const buffer *sound, const uint8_t *data, size_t size)
{
    image_bytes i = {malloc(sound->len), sound->len};
    if (!i.bytes) abort();
    memcpy(i.bytes, sound->data, sound->len);
    for (size_t at = 2, n = 0; at + IMAGE_CHANGE_BYTES <= size && n < IMAGE_CHANGES_MAX;
         at += IMAGE_CHANGE_BYTES, n++)
        image_change(&i, data + at);
    if (data[1] % 16 == 0) i.size -= VV_MIN(i.size, (uint64_t)data[1] * 7);
    return i;
}

#endif
