/* text_write.c — the image of a text builder: see text_format.h. */
#include "field/text_inner.h"

#include <stdlib.h>

#define DENSE_PART      8 /* dense from one row in so many */
#define TERM_BYTES_MAX  (2 + UINT8_MAX + 2 * 10)
#define PREFETCH_TERMS  12 /* so many places ahead in the order, which is none of memory's */
#define PREFETCH_CHAINS 6

typedef struct writer {
    text_builder *b;
    buffer *out;
    size_t start;  /* of the image in out */
    size_t *paths; /* of each path's lengths in out */
    buffer terms, blocks;
    text_list_writer lists;
} writer;

static void writer_done(writer *w)
{
    free(w->paths);
    buffer_done(&w->terms);
    buffer_done(&w->blocks);
    text_list_writer_done(&w->lists);
}

static uint8_t *image_at(const writer *w, size_t offset)
{
    return (uint8_t *)w->out->data + w->start + offset;
}

static varve_status add_zeros(buffer *out, size_t len, varve_error *err)
{
    VV_TRY(buffer_reserve(out, len, err));
    memset(out->data + out->len, 0, len);
    out->len += len;
    return VARVE_OK;
}

/* ---- paths and lengths ---------------------------------------------------------------------- */

static uint8_t width_of(const uint32_t *lengths, uint32_t count)
{
    uint32_t all = 0;
    for (uint32_t i = 0; i < count; i++)
        all |= lengths[i];
    return all < 256 ? 1 : all < 65536 ? 2 : 4;
}

static varve_status write_path(const writer *w, uint32_t i, varve_error *err)
{
    const text_build_path *p = &w->b->paths[i];
    uint8_t entry[TEXT_PATH_BYTES] = {0};
    bool dense = w->b->path_count == 1 || p->count >= w->b->rows / DENSE_PART;
    put_u32(entry, p->name_at);
    put_u16(entry + 4, (uint16_t)p->name_len);
    entry[6] = (uint8_t)((dense ? TEXT_PATH_DENSE : 0) |
                         (p->plain && !w->b->walk.dots ? TEXT_PATH_PLAIN : 0) |
                         (p->unnamed ? TEXT_PATH_UNNAMED : 0));
    entry[7] = width_of(p->lengths, p->count);
    put_u32(entry + 8, p->count);
    put_u64(entry + 16, p->tokens);
    return buffer_add(w->out, entry, sizeof entry, err);
}

static void put_length(uint8_t *p, unsigned width, size_t at, uint32_t length)
{
    if (width == 1)
        p[at] = (uint8_t)length;
    else if (width == 2)
        put_u16(p + 2 * at, (uint16_t)length);
    else
        put_u32(p + 4 * at, length);
}

static varve_status write_lengths(writer *w, uint32_t i, varve_error *err)
{
    const text_build_path *p = &w->b->paths[i];
    size_t at = w->out->len, entry = TEXT_HEADER_BYTES + (size_t)i * TEXT_PATH_BYTES;
    unsigned width = image_at(w, entry)[7];
    bool dense = image_at(w, entry)[6] & TEXT_PATH_DENSE;
    w->paths[i] = at;
    put_u64(image_at(w, entry + 24), at - w->start);
    VV_TRY(add_zeros(w->out, dense ? (size_t)w->b->rows * width : (size_t)p->count * (4 + width),
                     err));
    uint8_t *slots = (uint8_t *)w->out->data + at, *lengths = slots + (size_t)p->count * 4;
    for (uint32_t n = 0; n < p->count; n++) {
        if (!dense) put_u32(slots + (size_t)n * 4, p->slots[n]);
        put_length(dense ? slots : lengths, width, dense ? p->slots[n] : n, p->lengths[n]);
    }
    return VARVE_OK;
}

static varve_status write_all_lengths(writer *w, varve_error *err)
{
    const text_builder *b = w->b;
    size_t at = w->out->len;
    uint8_t width = width_of(b->totals, b->rows);
    w->lists.total_at = at;
    image_at(w, 0)[33] = width;
    put_u64(image_at(w, 56), at - w->start);
    VV_TRY(add_zeros(w->out, (size_t)b->rows * width, err));
    for (uint32_t i = 0; i < b->rows; i++)
        put_length((uint8_t *)w->out->data + at, width, i, b->totals[i]);
    if (b->path_count == 1) {
        w->paths[0] = at;
        put_u64(image_at(w, TEXT_HEADER_BYTES + 24), at - w->start);
        return VARVE_OK;
    }
    for (uint32_t i = 0; i < b->path_count; i++)
        VV_TRY(write_lengths(w, i, err));
    return VARVE_OK;
}

static varve_status write_paths(writer *w, varve_error *err)
{
    const text_builder *b = w->b;
    w->paths = calloc((size_t)b->path_count + 1, sizeof *w->paths);
    if (!w->paths) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a text index");
    for (uint32_t i = 0; i < b->path_count; i++)
        VV_TRY(write_path(w, i, err));
    return buffer_add(w->out, b->names.data, b->names.len, err);
}

/* ---- postings and terms --------------------------------------------------------------------- */

static size_t shared_bytes(varve_text a, varve_text b)
{
    size_t n = 0;
    while (n < a.len && n < b.len && a.data[n] == b.data[n])
        n++;
    return n;
}

static varve_status begin_block(writer *w, size_t list, varve_error *err)
{
    uint8_t number[8];
    put_u64(number, w->terms.len);
    VV_TRY(buffer_add(&w->blocks, number, sizeof number, err));
    put_u64(number, list);
    return buffer_add(&w->terms, number, sizeof number, err);
}

/* The term at place i of the order; its list begins at `list` and ends where out does. */
static varve_status write_term(writer *w, const uint32_t *order, uint32_t i, size_t list,
                               size_t postings, varve_error *err)
{
    varve_text text = text_terms_text(&w->b->terms, order[i]);
    size_t shared = 0, len;
    bool first = i % TEXT_DICTIONARY_BLOCK == 0;
    if (first) VV_TRY(begin_block(w, list - postings, err));
    if (!first) shared = shared_bytes(text_terms_text(&w->b->terms, order[i - 1]), text);
    VV_TRY(buffer_reserve(&w->terms, TERM_BYTES_MAX, err));
    uint8_t *p = (uint8_t *)w->terms.data + w->terms.len;
    p[0] = (uint8_t)shared;
    p[1] = (uint8_t)(text.len - shared);
    len = 2 + (text.len - shared);
    memcpy(p + 2, text.data + shared, text.len - shared);
    len += varint_write(w->b->terms.terms[order[i]].rows, p + len);
    len += varint_write(w->out->len - list, p + len);
    w->terms.len += len;
    return VARVE_OK;
}

static varve_status write_postings(writer *w, varve_error *err)
{
    VV_CLEANUP(vv_freep) uint32_t *order = NULL;
    size_t postings = w->out->len;
    uint8_t end[8];
    w->lists.builder = w->b;
    w->lists.out = w->out;
    w->lists.start = w->start;
    w->lists.paths = w->paths;
    VV_TRY(text_terms_sort(&w->b->terms, &order, err));
    for (uint32_t i = 0, count = w->b->terms.count; i < count; i++) {
        size_t list = w->out->len;
        text_terms_prefetch(&w->b->terms, order[VV_MIN(i + PREFETCH_TERMS, count - 1)]);
        text_terms_prefetch_chain(&w->b->terms, order[VV_MIN(i + PREFETCH_CHAINS, count - 1)]);
        VV_TRY(text_list_write(&w->lists, order[i], err));
        VV_TRY(write_term(w, order, i, list, postings, err));
    }
    put_u64(end, w->terms.len);
    VV_TRY(buffer_add(&w->blocks, end, sizeof end, err));
    return add_zeros(w->out, POSTINGS_PADDING, err);
}

/* ---- all ------------------------------------------------------------------------------------ */

static void write_header(const writer *w)
{
    const text_builder *b = w->b;
    const text_options *o = &b->options;
    uint8_t *h = image_at(w, 0);
    memcpy(h, TEXT_MAGIC, 8);
    put_u32(h + 8, TEXT_INDEX_VERSION);
    put_u32(h + 12, b->rows);
    memcpy(h + 16, o->language, strnlen(o->language, sizeof o->language));
    h[32] =
        (uint8_t)((o->stem ? TEXT_OPTION_STEM : 0) | (o->stop_words ? TEXT_OPTION_STOP_WORDS : 0) |
                  (o->fold_accents ? TEXT_OPTION_FOLD_ACCENTS : 0));
    put_u32(h + 36, b->path_count);
    put_u64(h + 40, b->tokens);
    put_u64(h + 48, TEXT_HEADER_BYTES);
    put_u32(h + 88, b->terms.count);
    put_u32(h + 92, (b->terms.count + TEXT_DICTIONARY_BLOCK - 1) / TEXT_DICTIONARY_BLOCK);
    put_u64(h + 96, w->out->len - w->start);
}

static varve_status write_image(writer *w, varve_error *err)
{
    VV_TRY(add_zeros(w->out, TEXT_HEADER_BYTES, err));
    VV_TRY(write_paths(w, err));
    VV_TRY(write_all_lengths(w, err));
    put_u64(image_at(w, 64), w->out->len - w->start);
    VV_TRY(write_postings(w, err));
    put_u64(image_at(w, 72), w->out->len - w->start);
    VV_TRY(buffer_add(w->out, w->terms.data, w->terms.len, err));
    put_u64(image_at(w, 80), w->out->len - w->start);
    VV_TRY(buffer_add(w->out, w->blocks.data, w->blocks.len, err));
    write_header(w);
    return VARVE_OK;
}

varve_status text_builder_finish(text_builder *b, buffer *out, varve_error *err)
{
    VV_CLEANUP(writer_done) writer w = {.b = b, .out = out, .start = out->len};
    buffer_init(&w.terms, TEXT_BUILDER_BYTES_MAX, "terms of a text index");
    buffer_init(&w.blocks, TEXT_BUILDER_BYTES_MAX, "terms of a text index");
    varve_status status = write_image(&w, err);
    if (status != VARVE_OK) out->len = w.start;
    return status;
}
