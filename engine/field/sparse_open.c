/* sparse_open.c — a sparse index over its image, and its lists, read block by block. Nothing is
 * believed before it is checked. */
#include "field/sparse_inner.h"

#include <math.h>
#include <stdlib.h>

#define PIECE      ((uint64_t)1 << 20)
#define IMAGE_MOST ((size_t)1 << 40)

static varve_status corrupt(const char *what, varve_error *err)
{
    return vv_fail(err, VARVE_CORRUPT, "sparse index: %s", what);
}

/* ---- opening -------------------------------------------------------------------------------- */

static varve_status read_header(sparse_index *x, varve_error *err)
{
    const uint8_t *h;
    VV_TRY(postings_image_get(&x->image, 0, SPARSE_HEADER_BYTES, &h, err));
    if (memcmp(h, SPARSE_MAGIC, 8) != 0) return corrupt("bad magic", err);
    if (get_u32(h + 8) != SPARSE_INDEX_VERSION) return corrupt("unknown version", err);
    if (get_u32(h + 12) != x->rows) return corrupt("made of another number of rows", err);
    x->dimension_count = get_u32(h + 16);
    uint64_t at = get_u64(h + 32);
    uint64_t bytes = ((uint64_t)x->dimension_count + 1) * SPARSE_DIMENSION_BYTES;
    if (get_u64(h + 40) != x->image.size || at < SPARSE_HEADER_BYTES + POSTINGS_PADDING ||
        at > x->image.size || x->image.size - at != bytes)
        return corrupt("sections that do not fit", err);
    x->lists_bytes = at - SPARSE_HEADER_BYTES;
    return postings_image_get(&x->image, at, bytes, &x->dimensions, err);
}

varve_status sparse_index_open(const field_image *image, uint32_t rows, sparse_index **ret,
                               varve_error *err)
{
    VV_CLEANUP(vv_freep) sparse_index *x = calloc(1, sizeof *x);
    if (!x) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a sparse index");
    x->image = *image;
    x->rows = rows;
    VV_TRY(read_header(x, err));
    *ret = x;
    x = NULL;
    return VARVE_OK;
}

void sparse_index_free(sparse_index *x) { free(x); }

/* ---- lists ---------------------------------------------------------------------------------- */

static const uint8_t *find_dimension(const sparse_index *x, uint32_t index)
{
    uint32_t low = 0, high = x->dimension_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const uint8_t *d = x->dimensions + (size_t)middle * SPARSE_DIMENSION_BYTES;
        if (get_u32(d) == index) return d;
        if (get_u32(d) < index)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static varve_status read_head(sparse_list *l, const uint8_t *head, varve_error *err)
{
    l->low = (double)get_f32(head);
    l->step = (double)get_f32(head + 4);
    l->error = (double)get_f32(head + 8);
    if (!isfinite(l->low) || !isfinite(l->step) || !isfinite(l->error) || l->step < 0 ||
        l->error < 0)
        return corrupt("bad values of a dimension", err);
    return VARVE_OK;
}

varve_status sparse_list_open(const sparse_index *x, uint32_t index, sparse_list *l,
                              varve_error *err)
{
    const uint8_t *d = find_dimension(x, index), *at;
    l->rows = 0;
    if (!d) return VARVE_OK;
    uint64_t begin = get_u64(d + 8), end = get_u64(d + SPARSE_DIMENSION_BYTES + 8);
    uint32_t rows = get_u32(d + 4);
    if (begin > end || end > x->lists_bytes - POSTINGS_PADDING ||
        end - begin < SPARSE_LIST_HEAD_BYTES || rows == 0 || rows > x->rows)
        return corrupt("a bad list of a dimension", err);
    VV_TRY(postings_image_get(&x->image, SPARSE_HEADER_BYTES + begin,
                              end - begin + POSTINGS_PADDING, &at, err));
    VV_TRY(read_head(l, at, err));
    l->end = at + (end - begin);
    l->bodies = at + SPARSE_LIST_HEAD_BYTES;
    l->blocks = NULL;
    l->block_count = rows / POSTINGS_BLOCK + (rows % POSTINGS_BLOCK != 0);
    l->index_rows = x->rows;
    l->block = POSTINGS_NONE;
    l->count = l->at = 0;
    if (l->block_count > 1) {
        uint64_t entries = (uint64_t)l->block_count * SPARSE_BLOCK_ENTRY_BYTES;
        if (entries > (uint64_t)(l->end - l->bodies)) return corrupt("a list is cut short", err);
        l->blocks = l->bodies;
        l->bodies += entries;
    }
    l->rows = rows;
    return VARVE_OK;
}

varve_status sparse_list_read(sparse_list *l, uint32_t block, varve_error *err)
{
    uint64_t begin = 0, end = (uint64_t)(l->end - l->bodies), room = end, next = 0;
    uint32_t rows = VV_MIN(l->rows - block * POSTINGS_BLOCK, (uint32_t)POSTINGS_BLOCK);
    l->block = POSTINGS_NONE;
    if (l->blocks) end = get_u32(sparse_list_entry(l, block) + 4);
    if (l->blocks && block > 0) {
        begin = get_u32(sparse_list_entry(l, block - 1) + 4);
        next = (uint64_t)get_u32(sparse_list_entry(l, block - 1)) + 1;
    }
    if (begin >= end || end > room) return corrupt("a bad block", err);
    const uint8_t *at = l->bodies + begin;
    unsigned width = *at++;
    size_t packed = postings_packed_bytes(rows, width);
    if (width > 32 || end - begin - 1 != packed + rows) return corrupt("a bad block", err);
    postings_unpack(at, width, rows, l->slots);
    for (uint32_t i = 0; i < rows; i++) {
        next += l->slots[i];
        l->slots[i] = (uint32_t)next++;
    }
    if (next > l->index_rows || (l->blocks && next != (uint64_t)sparse_list_last(l, block) + 1))
        return corrupt("bad slots", err);
    l->quantised = at + packed;
    l->count = rows;
    l->at = 0;
    l->block = block;
    return VARVE_OK;
}

/* ---- check ---------------------------------------------------------------------------------- */

static void free_builder(sparse_builder **b) { sparse_builder_free(*b); }

varve_status sparse_index_check(const sparse_index *x, const sparse_rows *rows, varve_error *err)
{
    VV_CLEANUP(free_builder) sparse_builder *b = NULL;
    VV_CLEANUP(buffer_done) buffer made;
    const uint8_t *bytes;
    buffer_init(&made, IMAGE_MOST, "sparse index");
    VV_TRY(sparse_builder_new(&b, err));
    for (uint32_t slot = 0; slot < x->rows; slot++) {
        varve_text row;
        VV_TRY(rows->get(rows->context, slot, &row, err));
        VV_TRY(sparse_builder_add(b, row, err));
    }
    VV_TRY(sparse_builder_finish(b, &made, err));
    if (made.len != x->image.size) return corrupt("its rows make another size", err);
    for (uint64_t at = 0; at < made.len; at += PIECE) {
        uint64_t len = VV_MIN(PIECE, made.len - at);
        VV_TRY(postings_image_get(&x->image, at, len, &bytes, err));
        if (memcmp(bytes, made.data + at, len) != 0) return corrupt("its rows make others", err);
    }
    return VARVE_OK;
}
