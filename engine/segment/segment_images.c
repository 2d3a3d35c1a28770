/* segment_images.c — the sections of a segment that are made of its fields: where they lie, and
 * opening them when somebody first asks. */
#include "base/bytes.h"
#include "segment/segment_inner.h"

#include <stdlib.h>

/* Memory of a writer: per row offsets, rowver, ordinal and what builders note of each row; per byte
 * of fields, or of the images they led to, what it takes to build and finish these (measured of
 * records of some numbers, words and names). */
#define ROW_BYTES              48
#define BUILDER_PER_FIELD_BYTE 6
#define BUILDER_PER_IMAGE_BYTE 10

uint8_t segment_text_flags(const text_options *t)
{
    return (uint8_t)((t->stem ? SEGMENT_TEXT_STEM : 0) |
                     (t->stop_words ? SEGMENT_TEXT_STOP_WORDS : 0) |
                     (t->fold_accents ? SEGMENT_TEXT_FOLD_ACCENTS : 0));
}

static varve_status get_image(void *context, uint64_t offset, uint64_t len, const uint8_t **ret,
                              varve_error *err)
{
    const struct segment_image_at *at = context;
    VV_TRY(block_sums_verify(&at->s->blocks, at->offset + offset, len, err));
    *ret = at->s->map.data + at->offset + offset;
    return VARVE_OK;
}

void segment_place_image(segment *s, size_t i, section at)
{
    s->image_at[i] = (struct segment_image_at){s, at.offset};
    s->image_bytes[i] = (field_image){at.size, get_image, &s->image_at[i]};
}

varve_status segment_images(segment *s, const row_images **ret, varve_error *err)
{
    row_images *now = __atomic_load_n(&s->images, __ATOMIC_ACQUIRE), *opened;
    varve_status status;
    if (now) {
        *ret = now;
        return VARVE_OK;
    }
    opened = calloc(1, sizeof *opened);
    if (!opened)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for the field indexes of %s", s->path);
    status = row_images_open(s->image_bytes, (uint32_t)s->record.rows, opened, err);
    if (status != VARVE_OK) {
        free(opened);
        return status;
    }
    if (!__atomic_compare_exchange_n(&s->images, &now, opened, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        row_images_done(opened); /* somebody was faster */
        free(opened);
        opened = now;
    }
    *ret = opened;
    return VARVE_OK;
}

void segment_close_images(segment *s)
{
    if (!s->images) return;
    row_images_done(s->images);
    free(s->images);
}

uint64_t segment_rewrite_bytes(const segment *s)
{
    uint64_t images = 0;
    for (size_t i = 0; i < ROW_IMAGES; i++)
        images += s->image_bytes[i].size;
    uint64_t builders =
        VV_MAX(BUILDER_PER_FIELD_BYTE * s->field_bytes.size, BUILDER_PER_IMAGE_BYTE * images);
    return s->id_bytes.size + s->field_bytes.size + s->record.rows * ROW_BYTES + builders;
}
