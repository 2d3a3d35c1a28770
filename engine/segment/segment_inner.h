/* segment_inner.h — an open segment, as segment_open.c makes it and segment_read.c and
 * segment_check.c read it. Offsets and sizes here have been checked: each section lies inside the
 * mapped file, before data_end, and has the size that the number of rows asks for.
 * Threads  everything but references, doomed and the bits of blocks is constant after open. */
#ifndef VARVE_SEGMENT_INNER_H
#define VARVE_SEGMENT_INNER_H

#include "base/block_sums.h"
#include "base/file.h"
#include "segment/segment.h"
#include "segment/segment_format.h"

typedef struct section {
    uint64_t offset, size;
} section;

typedef struct stored_column { /* u64 values: listed in the file, or first + i * step */
    section listed;
    bool stepped;
    uint64_t first, step;
} stored_column;

struct segment {
    uint64_t references; /* atomic */
    bool doomed;         /* atomic */
    char *path;
    segment_spec spec;
    segment_record record;
    file_map map;
    uint64_t stride; /* bytes of a vector */
    section vectors, id_bytes, field_bytes;
    stored_column rowvers, ordinals, id_offsets, field_offsets;
    block_sums blocks;                   /* of all sections */
    field_image image_bytes[ROW_IMAGES]; /* size 0: not in the file */
    struct segment_image_at {
        segment *s;
        uint64_t offset;
    } image_at[ROW_IMAGES];
    row_images *images; /* atomic; NULL: not opened yet */
};

/* segment_images.c: image i lies there. */
void segment_place_image(segment *s, size_t i, section at);
void segment_close_images(segment *s);
/* Byte 38 of the header. */
uint8_t segment_text_flags(const text_options *t);
/* Fill the struct from the mapped file, believing nothing. */
VV_CHECKED varve_status segment_parse(segment *s, varve_error *err);

#endif
