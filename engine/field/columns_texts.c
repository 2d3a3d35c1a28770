/* columns_texts.c — writing the table of texts: the dictionary is sorted once, and its slots are
 * counted into place. */
#include "base/bytes.h"
#include "field/columns_build.h"
#include "field/columns_pack.h"
#include "field/string_sort.h"

#include <stdlib.h>

static varve_status sort_texts(const build_column *c, sorted_string **ret, varve_error *err)
{
    const build_text *texts = c->texts.data;
    const char *bytes = c->bytes.data;
    VV_CLEANUP(vv_freep)
    sorted_string *sorted = malloc((c->texts.count + (size_t)1) * sizeof *sorted);
    if (!sorted) return vv_fail(err, VARVE_NO_MEMORY, "no memory to sort a column");
    for (uint32_t i = 0; i < c->texts.count; i++)
        sorted[i] = (sorted_string){0, bytes + texts[i].offset, texts[i].len, i};
    VV_TRY(string_sort(sorted, c->texts.count, err));
    *ret = sorted;
    sorted = NULL;
    return VARVE_OK;
}

/* ---- slots --------------------------------------------------------------------------------- */

typedef struct placing {
    uint32_t *ranks;  /* of texts, among the sorted ones */
    uint32_t *starts; /* of ranks */
    uint32_t *filled, *last;
    uint32_t *slots;
} placing;

static void placing_done(placing *p)
{
    free(p->ranks);
    free(p->starts);
    free(p->filled);
    free(p->last);
    free(p->slots);
}

static varve_status placing_make(placing *p, const build_column *c, varve_error *err)
{
    size_t texts = c->texts.count;
    p->ranks = malloc(texts * sizeof(uint32_t));
    p->starts = calloc(texts + 1, sizeof(uint32_t));
    p->filled = malloc(texts * sizeof(uint32_t));
    p->last = malloc(texts * sizeof(uint32_t));
    p->slots = malloc((size_t)c->pairs.count * sizeof(uint32_t));
    if (!p->ranks || !p->starts || !p->filled || !p->last || !p->slots)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory to write a column");
    return VARVE_OK;
}

static void place_slots(placing *p, const build_column *c, const sorted_string *sorted)
{
    const build_pair *pairs = c->pairs.data;
    uint32_t texts = c->texts.count;
    for (uint32_t i = 0; i < texts; i++)
        p->ranks[sorted[i].number] = i;
    memset(p->last, 0xff, (size_t)texts * sizeof *p->last);
    for (uint32_t i = 0; i < c->pairs.count; i++) { /* a text may be in one array twice */
        uint32_t rank = p->ranks[pairs[i].text];
        if (p->last[rank] != pairs[i].slot) p->starts[rank + 1]++;
        p->last[rank] = pairs[i].slot;
    }
    for (uint32_t i = 0; i < texts; i++)
        p->starts[i + 1] += p->starts[i];
    memcpy(p->filled, p->starts, (size_t)texts * sizeof *p->filled);
    for (uint32_t i = 0; i < c->pairs.count; i++) {
        uint32_t rank = p->ranks[pairs[i].text], at = p->filled[rank];
        if (at > p->starts[rank] && p->slots[at - 1] == pairs[i].slot) continue;
        p->slots[p->filled[rank]++] = pairs[i].slot;
    }
}

/* ---- keys ---------------------------------------------------------------------------------- */

static varve_status put_varint(buffer *out, uint32_t v, varve_error *err)
{
    uint8_t bytes[5];
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        bytes[n++] = (uint8_t)(v | 0x80);
    bytes[n++] = (uint8_t)v;
    return buffer_add(out, bytes, n, err);
}

static uint32_t shared_bytes(const sorted_string *a, const sorted_string *b)
{
    uint32_t n = 0, most = VV_MIN(a->len, b->len);
    while (n < most && a->data[n] == b->data[n])
        n++;
    return n;
}

static varve_status put_texts(buffer *keys, const sorted_string *sorted, uint32_t count,
                              varve_error *err)
{
    uint32_t blocks = (count + COLUMNS_TEXT_BLOCK - 1) / COLUMNS_TEXT_BLOCK;
    uint8_t *list;
    VV_TRY(pack_zeros(keys, size_align(((size_t)blocks + 1) * 4, 8), &list, err));
    size_t start = keys->len;
    for (uint32_t i = 0; i < count; i++) {
        bool first = i % COLUMNS_TEXT_BLOCK == 0;
        uint32_t shared = first ? 0 : shared_bytes(&sorted[i - 1], &sorted[i]);
        if (keys->len - start > UINT32_MAX)
            return vv_fail(err, VARVE_LIMIT, "the texts of a column take more than 4 GiB");
        if (first)
            put_u32((uint8_t *)keys->data + i / COLUMNS_TEXT_BLOCK * 4,
                    (uint32_t)(keys->len - start));
        VV_TRY(put_varint(keys, shared, err));
        VV_TRY(put_varint(keys, sorted[i].len - shared, err));
        VV_TRY(buffer_add(keys, sorted[i].data + shared, sorted[i].len - shared, err));
    }
    if (keys->len - start > UINT32_MAX)
        return vv_fail(err, VARVE_LIMIT, "the texts of a column take more than 4 GiB");
    put_u32((uint8_t *)keys->data + (size_t)blocks * 4, (uint32_t)(keys->len - start));
    return pack_align(keys, 0, err);
}

varve_status build_write_texts(const build_column *c, uint32_t rows, buffer *out, uint32_t *ret,
                               varve_error *err)
{
    VV_CLEANUP(vv_freep) sorted_string *sorted = NULL;
    VV_CLEANUP(placing_done) placing p = {0};
    VV_CLEANUP(buffer_done) buffer keys;
    buffer_init(&keys, out->max_bytes, out->what);
    VV_TRY(sort_texts(c, &sorted, err));
    VV_TRY(placing_make(&p, c, err));
    place_slots(&p, c, sorted);
    VV_TRY(put_texts(&keys, sorted, c->texts.count, err));
    build_postings postings = {p.starts, p.slots, c->texts.count, rows};
    VV_TRY(build_write_table(&postings, &keys, 0, out, err));
    *ret = c->texts.count;
    return VARVE_OK;
}

/* ---- date-times ---------------------------------------------------------------------------- */

typedef struct text_dates { /* of each text */
    int64_t *instants;
    bool *dated;
    uint32_t count; /* of those that are date-times */
} text_dates;

static void text_dates_done(text_dates *d)
{
    free(d->instants);
    free(d->dated);
}

static varve_status read_dates(const build_column *c, text_dates *d, varve_error *err)
{
    const build_text *texts = c->texts.data;
    const build_number *own = c->instants.data;
    d->instants = malloc((size_t)c->texts.count * sizeof *d->instants);
    d->dated = calloc(c->texts.count, sizeof *d->dated);
    if (!d->instants || !d->dated)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory to write a column");
    for (uint32_t i = 0; i < c->texts.count; i++) {
        varve_text text = {(const char *)c->bytes.data + texts[i].offset, texts[i].len};
        d->dated[i] =
            text.len && !column_keyword_is_cut(text) && value_datetime(text, &d->instants[i]);
        d->count += d->dated[i];
    }
    for (uint32_t i = 0; i < c->instants.count; i++) {
        d->dated[own[i].slot] = true;
        d->instants[own[i].slot] = (int64_t)(own[i].key ^ UINT64_C(1) << 63);
        d->count++;
    }
    return VARVE_OK;
}

varve_status build_text_bits(const build_column *c, uint64_t *plain, uint64_t *dated,
                             build_list *instants, varve_error *err)
{
    VV_CLEANUP(text_dates_done) text_dates d = {0};
    const build_pair *pairs = c->pairs.data;
    VV_TRY(read_dates(c, &d, err));
    if (d.count) {
        instants->data = malloc((size_t)c->pairs.count * sizeof(build_number));
        if (!instants->data) return vv_fail(err, VARVE_NO_MEMORY, "no memory to write a column");
    }
    for (uint32_t i = 0; i < c->pairs.count; i++) {
        bool is_dated = d.dated[pairs[i].text];
        uint64_t *bits = is_dated ? dated : plain;
        bits[pairs[i].slot / 64] |= UINT64_C(1) << (pairs[i].slot % 64);
        if (!is_dated) continue;
        ((build_number *)instants->data)[instants->count++] =
            (build_number){column_key_instant(d.instants[pairs[i].text]).key, pairs[i].slot, 0};
    }
    return VARVE_OK;
}
