/* columns_finish.c — the image of columns: part after part, then the directory, then the header. */
#include "field/columns_build.h"
#include "field/columns_pack.h"

#include <stdlib.h>

typedef struct chain {
    char *bytes;
    uint32_t len, column;
} chain;

typedef struct chains {
    chain *of; /* of columns */
    uint32_t count;
} chains;

typedef struct writing {
    columns_builder *b;
    buffer *out, directory;
    size_t start; /* of the image in out */
    uint32_t parts;
    uint64_t *bits, *more_bits;
} writing;

/* ---- chains -------------------------------------------------------------------------------- */

static void chains_done(chains *c)
{
    for (uint32_t i = 0; c->of && i < c->count; i++)
        free(c->of[i].bytes);
    free(c->of);
}

/* A parent comes before its children. */
static varve_status chains_make(const columns_builder *b, chains *c, varve_error *err)
{
    const build_column *of = b->columns.data;
    c->count = b->columns.count;
    c->of = calloc(c->count, sizeof *c->of);
    for (uint32_t i = 0; c->of && i < c->count; i++) {
        const build_column *from = &of[i];
        chain *to = &c->of[i];
        char *p = to->bytes = malloc(from->chain_bytes + (size_t)1);
        if (!p) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the paths of columns");
        *to = (chain){p, from->chain_bytes, i};
        if (i == 0) continue;
        memcpy(p, c->of[from->parent].bytes, c->of[from->parent].len);
        p += c->of[from->parent].len;
        *p++ = (char)from->step;
        if (from->step != COLUMNS_STEP_KEY) continue;
        *p++ = (char)(from->key.len >> 8);
        *p++ = (char)from->key.len;
        memcpy(p, from->key.data, from->key.len);
    }
    return c->of ? VARVE_OK : vv_fail(err, VARVE_NO_MEMORY, "no memory for the paths of columns");
}

static int compare_chains(const void *x, const void *y)
{
    const chain *a = x, *b = y;
    return value_compare_texts((varve_text){a->bytes, a->len}, (varve_text){b->bytes, b->len});
}

/* ---- parts --------------------------------------------------------------------------------- */

/* What was appended to out from `from` on is a part. */
static varve_status add_part(writing *w, unsigned kind, unsigned encoding, uint32_t count,
                             size_t from, varve_error *err)
{
    uint8_t *entry;
    VV_TRY(pack_zeros(&w->directory, COLUMNS_PART_BYTES, &entry, err));
    put_u16(entry, (uint16_t)kind);
    entry[2] = (uint8_t)encoding;
    entry[3] = (uint8_t)pack_slot_width(w->b->rows);
    put_u32(entry + 4, count);
    put_u64(entry + 8, from - w->start);
    put_u64(entry + 16, w->out->len - from);
    w->parts++;
    return pack_align(w->out, w->start, err);
}

static void clear_bits(const writing *w, uint64_t *bits)
{
    memset(bits, 0, words_of(w->b->rows) * 8);
}

static varve_status write_set(writing *w, column_kind kind, const uint64_t *bits, varve_error *err)
{
    size_t from = w->out->len;
    uint32_t count = 0;
    columns_encoding encoding;
    for (uint64_t i = 0; i < words_of(w->b->rows); i++)
        count += (uint32_t)__builtin_popcountll(bits[i]);
    if (count == 0) return VARVE_OK;
    VV_TRY(pack_set(w->out, bits, w->b->rows, count, &encoding, err));
    return add_part(w, COLUMNS_PART_SETS + kind, encoding, count, from, err);
}

static varve_status write_slots(writing *w, const build_column *c, column_kind kind,
                                varve_error *err)
{
    const build_list *list = &c->kinds[kind];
    const uint32_t *slots = list->data;
    if (list->count == 0) return VARVE_OK;
    clear_bits(w, w->bits);
    for (uint32_t i = 0; i < list->count; i++)
        w->bits[slots[i] / 64] |= UINT64_C(1) << (slots[i] % 64);
    return write_set(w, kind, w->bits, err);
}

static varve_status write_number_set(writing *w, const build_column *c, varve_error *err)
{
    if (c->numbers.count == 0) return VARVE_OK;
    clear_bits(w, w->bits);
    build_number_bits(&c->numbers, w->bits);
    return write_set(w, COLUMN_NUMBER, w->bits, err);
}

static varve_status write_text_sets(writing *w, const build_column *c, build_list *instants,
                                    varve_error *err)
{
    if (c->pairs.count == 0) return VARVE_OK;
    clear_bits(w, w->bits);
    clear_bits(w, w->more_bits);
    VV_TRY(build_text_bits(c, w->bits, w->more_bits, instants, err));
    VV_TRY(write_set(w, COLUMN_PLAIN, w->bits, err));
    return write_set(w, COLUMN_DATETIME, w->more_bits, err);
}

static varve_status write_numbers(writing *w, build_list *numbers, column_table table,
                                  varve_error *err)
{
    size_t from = w->out->len;
    uint32_t values;
    if (numbers->count == 0) return VARVE_OK;
    VV_TRY(build_write_numbers(numbers, w->b->rows, w->out, &values, err));
    return add_part(w, COLUMNS_PART_TABLES + table, 0, values, from, err);
}

static varve_status write_texts(writing *w, const build_column *c, varve_error *err)
{
    size_t from = w->out->len;
    uint32_t values;
    if (c->pairs.count == 0) return VARVE_OK;
    VV_TRY(build_write_texts(c, w->b->rows, w->out, &values, err));
    return add_part(w, COLUMNS_PART_TABLES + COLUMN_KEYWORDS, 0, values, from, err);
}

static varve_status write_points(writing *w, const build_column *c, varve_error *err)
{
    const build_point *points = c->points.data;
    uint32_t count = c->points.count;
    unsigned width = pack_slot_width(w->b->rows);
    size_t from = w->out->len;
    uint8_t *p;
    if (count == 0) return VARVE_OK;
    VV_TRY(pack_zeros(w->out, (uint64_t)count * COLUMNS_POINT_BYTES, &p, err));
    for (uint32_t i = 0; i < count; i++) {
        memcpy(p + (size_t)i * COLUMNS_POINT_BYTES, &points[i].lon, 8);
        memcpy(p + (size_t)i * COLUMNS_POINT_BYTES + 8, &points[i].lat, 8);
    }
    VV_TRY(pack_zeros(w->out, pack_size(count, width), &p, err));
    for (uint32_t i = 0; i < count; i++)
        pack_put(p, width, i, points[i].slot);
    return add_part(w, COLUMNS_PART_POINTS, 0, count, from, err);
}

static varve_status write_parts(writing *w, build_column *c, build_list *instants, varve_error *err)
{
    VV_TRY(write_slots(w, c, COLUMN_NULL, err));
    VV_TRY(write_slots(w, c, COLUMN_FALSE, err));
    VV_TRY(write_slots(w, c, COLUMN_TRUE, err));
    VV_TRY(write_number_set(w, c, err));
    VV_TRY(write_text_sets(w, c, instants, err));
    VV_TRY(write_slots(w, c, COLUMN_ARRAY, err));
    VV_TRY(write_slots(w, c, COLUMN_EMPTY, err));
    VV_TRY(write_slots(w, c, COLUMN_OBJECT, err));
    VV_TRY(write_numbers(w, &c->numbers, COLUMN_NUMBERS, err));
    VV_TRY(write_texts(w, c, err));
    VV_TRY(write_numbers(w, instants, COLUMN_INSTANTS, err));
    VV_TRY(write_numbers(w, &c->lengths, COLUMN_LENGTHS, err));
    return write_points(w, c, err);
}

static varve_status write_column(writing *w, const chain *name, varve_error *err)
{
    build_column *c = (build_column *)w->b->columns.data + name->column;
    build_list instants = {0};
    size_t entry = w->directory.len;
    uint8_t *head;
    w->parts = 0;
    VV_TRY(pack_zeros(&w->directory, 4, &head, err));
    put_u16(head, (uint16_t)name->len);
    VV_TRY(buffer_add(&w->directory, name->bytes, name->len, err));
    varve_status status = write_parts(w, c, &instants, err);
    free(instants.data);
    VV_TRY(status);
    put_u16(w->directory.data + entry + 2, (uint16_t)w->parts);
    return VARVE_OK;
}

/* ---- the image ----------------------------------------------------------------------------- */

static void put_header(const writing *w, uint64_t directory)
{
    uint8_t *p = (uint8_t *)w->out->data + w->start;
    memcpy(p, COLUMNS_MAGIC, 8);
    put_u32(p + 8, COLUMNS_VERSION);
    put_u32(p + 12, w->b->rows);
    put_u32(p + 16, w->b->columns.count - 1);
    put_u32(p + 20, w->b->incomplete ? COLUMNS_FLAG_INCOMPLETE : 0);
    put_u64(p + 24, directory);
    put_u64(p + 32, w->directory.len);
}

static varve_status write_image(writing *w, varve_error *err)
{
    VV_CLEANUP(chains_done) chains names = {0};
    uint8_t *header;
    VV_TRY(chains_make(w->b, &names, err));
    qsort(names.of + 1, names.count - 1, sizeof *names.of, compare_chains);
    VV_TRY(pack_zeros(w->out, COLUMNS_HEADER_BYTES, &header, err));
    for (uint32_t i = 1; i < names.count; i++)
        VV_TRY(write_column(w, &names.of[i], err));
    uint64_t directory = w->out->len - w->start;
    VV_TRY(buffer_add(w->out, w->directory.data, w->directory.len, err));
    VV_TRY(pack_align(w->out, w->start, err));
    put_header(w, directory);
    return VARVE_OK;
}

varve_status columns_builder_finish(columns_builder *b, buffer *out, varve_error *err)
{
    writing w = {.b = b, .out = out, .start = out->len};
    buffer_init(&w.directory, out->max_bytes, out->what);
    w.bits = malloc(words_of(b->rows) * 8 + 8);
    w.more_bits = malloc(words_of(b->rows) * 8 + 8);
    varve_status status = w.bits && w.more_bits
                              ? write_image(&w, err)
                              : vv_fail(err, VARVE_NO_MEMORY, "no memory to write columns");
    free(w.bits);
    free(w.more_bits);
    buffer_done(&w.directory);
    if (status != VARVE_OK) out->len = w.start;
    return status;
}
