/* text_check.c — a text index against the rows it was made of. It is made again, and has to be the
 * same, byte for byte: so everything is read, and everything it promises holds. */
#include "field/text_inner.h"

#define PIECE      ((uint64_t)1 << 20)
#define IMAGE_MOST ((size_t)1 << 40)

static void free_builder(text_builder **b) { text_builder_free(*b); }

static varve_status compare(const text_index *x, const buffer *made, varve_error *err)
{
    const uint8_t *bytes;
    if (made->len != x->image.size)
        return vv_fail(err, VARVE_CORRUPT, "text index: %llu bytes, its rows make %zu",
                       (unsigned long long)x->image.size, made->len);
    for (uint64_t at = 0; at < made->len; at += PIECE) {
        uint64_t len = VV_MIN(PIECE, made->len - at);
        VV_TRY(postings_image_get(&x->image, at, len, &bytes, err));
        if (memcmp(bytes, made->data + at, len) != 0)
            return vv_fail(err, VARVE_CORRUPT,
                           "text index: its rows make other bytes, somewhere in %llu to %llu",
                           (unsigned long long)at, (unsigned long long)(at + len));
    }
    return VARVE_OK;
}

varve_status text_index_check(const text_index *x,
                              varve_status (*get)(void *context, uint32_t slot, varve_text *ret,
                                                  varve_error *err),
                              void *context, varve_error *err)
{
    VV_CLEANUP(free_builder) text_builder *b = NULL;
    VV_CLEANUP(buffer_done) buffer made;
    buffer_init(&made, IMAGE_MOST, "text index");
    VV_TRY(text_builder_new(&x->options, &b, err));
    for (uint32_t slot = 0; slot < x->rows; slot++) {
        varve_text fields;
        VV_TRY(get(context, slot, &fields, err));
        VV_TRY(text_builder_add(b, fields, err));
    }
    VV_TRY(text_builder_finish(b, &made, err));
    return compare(x, &made, err);
}
