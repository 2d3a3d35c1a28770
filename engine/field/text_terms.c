/* text_terms.c — see text_terms.h. */
#include "field/text_terms.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "field/postings.h"
#include "field/string_sort.h"
#include "field/text_inner.h"

#include <stdlib.h>

#define SLAB_BYTES      ((size_t)1 << 20)
#define UNIT            8
#define SLAB_UNITS      (SLAB_BYTES / UNIT)
#define CHUNK_FIRST     16
#define SIZE_CLASS_LAST 4
#define NEXT_BYTES      4
#define TABLE_FIRST     1024
#define HASH_FACTOR_1   UINT64_C(0x9e3779b97f4a7c15)
#define HASH_FACTOR_2   UINT64_C(0xe7037ed1a0b428db)
#define NO_CHUNK        UINT32_MAX

void text_terms_init(text_terms *t)
{
    *t = (text_terms){.chunk_next = 0};
    buffer_init(&t->texts, UINT32_MAX, "terms of a text index");
}

void text_terms_done(text_terms *t)
{
    for (uint32_t i = 0; i < t->slab_count; i++)
        free(t->slabs[i]);
    free(t->slabs);
    free(t->terms);
    free(t->table);
    buffer_done(&t->texts);
    text_terms_init(t);
}

uint64_t text_terms_bytes(const text_terms *t)
{
    return t->chunk_next * (uint64_t)UNIT + t->texts.capacity +
           t->room * (uint64_t)sizeof *t->terms + t->table_size * (uint64_t)sizeof *t->table;
}

/* ---- the table ------------------------------------------------------------------------------ */

static varve_status no_memory(varve_error *err)
{
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for the terms of a text index");
}

static varve_status grow_table(text_terms *t, varve_error *err)
{
    uint32_t size = t->table_size ? t->table_size * 2 : TABLE_FIRST;
    uint32_t *table = calloc(size, sizeof *table);
    text_term *terms = realloc(t->terms, size / 2 * sizeof *terms);
    if (terms) t->terms = terms;
    if (!table || !terms) {
        free(table);
        return no_memory(err);
    }
    for (uint32_t i = 0; i < t->count; i++) {
        uint32_t at = terms[i].hash & (size - 1);
        while (table[at])
            at = (at + 1) & (size - 1);
        table[at] = i + 1;
    }
    free(t->table);
    t->table = table;
    t->table_size = size;
    t->room = size / 2;
    return VARVE_OK;
}

static varve_status add_term(text_terms *t, varve_text text, uint32_t hash, uint32_t at,
                             varve_error *err)
{
    uint32_t text_at = (uint32_t)t->texts.len;
    VV_TRY(buffer_add(&t->texts, text.data, text.len, err));
    t->terms[t->count] = (text_term){.text_at = text_at,
                                     .hash = hash,
                                     .text_len = (uint8_t)text.len,
                                     .first = NO_CHUNK,
                                     .tail = NO_CHUNK};
    t->table[at] = ++t->count;
    return VARVE_OK;
}

/* Most terms are short, and there are many of them: no call, few instructions. */
static uint32_t hash_of(varve_text text)
{
    uint64_t a = 0, b = 0;
    if (text.len > 16) return (uint32_t)hash_bytes(text.data, text.len);
    if (text.len >= 8) {
        a = get_u64(text.data);
        b = get_u64(text.data + text.len - 8);
    } else if (text.len >= 4) {
        a = get_u32(text.data);
        b = get_u32(text.data + text.len - 4);
    } else {
        for (size_t i = 0; i < text.len; i++)
            a = a << 8 | (uint8_t)text.data[i];
    }
    unsigned __int128 product =
        (unsigned __int128)(a ^ HASH_FACTOR_1 ^ text.len) * (b ^ HASH_FACTOR_2);
    uint64_t mixed = (uint64_t)product ^ (uint64_t)(product >> 64);
    return (uint32_t)(mixed ^ mixed >> 32);
}

varve_status text_terms_find(text_terms *t, varve_text text, uint32_t *ret, varve_error *err)
{
    if (t->count == t->room) VV_TRY(grow_table(t, err));
    uint32_t hash = hash_of(text), at = hash & (t->table_size - 1);
    for (; t->table[at]; at = (at + 1) & (t->table_size - 1)) {
        const text_term *found = &t->terms[t->table[at] - 1];
        if (found->hash == hash && found->text_len == text.len &&
            memcmp(t->texts.data + found->text_at, text.data, text.len) == 0) {
            *ret = t->table[at] - 1;
            return VARVE_OK;
        }
    }
    VV_TRY(add_term(t, text, hash, at, err));
    *ret = t->count - 1;
    return VARVE_OK;
}

/* ---- chains --------------------------------------------------------------------------------- */

static uint8_t *chunk_at(const text_terms *t, uint32_t address)
{
    return t->slabs[address / SLAB_UNITS] + (size_t)(address % SLAB_UNITS) * UNIT;
}

void text_terms_prefetch_chain(const text_terms *t, uint32_t number)
{
    const text_term *term = &t->terms[number];
    __builtin_prefetch(t->texts.data + term->text_at);
    if (term->rows) __builtin_prefetch(chunk_at(t, term->first));
}

static uint32_t chunk_size(unsigned size_class) { return CHUNK_FIRST << size_class; }

static varve_status add_slab(text_terms *t, varve_error *err)
{
    if (text_terms_bytes(t) >= TEXT_BUILDER_BYTES_MAX)
        return vv_fail(err, VARVE_LIMIT, "a text index takes more than %llu bytes while built",
                       (unsigned long long)TEXT_BUILDER_BYTES_MAX);
    if (t->slab_count == t->slab_room) {
        uint32_t room = t->slab_room ? 2 * t->slab_room : 16;
        uint8_t **grown = realloc(t->slabs, room * sizeof *grown);
        if (!grown) return no_memory(err);
        t->slabs = grown;
        t->slab_room = room;
    }
    uint8_t *slab = malloc(SLAB_BYTES);
    if (!slab) return no_memory(err);
    t->slabs[t->slab_count++] = slab;
    t->chunk_next = (t->slab_count - 1) * (uint32_t)SLAB_UNITS;
    return VARVE_OK;
}

static varve_status new_chunk(text_terms *t, unsigned size_class, uint32_t *ret, varve_error *err)
{
    uint32_t units = chunk_size(size_class) / UNIT;
    uint32_t slab_end = t->slab_count * (uint32_t)SLAB_UNITS;
    if (units > slab_end - t->chunk_next) VV_TRY(add_slab(t, err));
    *ret = t->chunk_next;
    t->chunk_next += units;
    put_u32(chunk_at(t, *ret), NO_CHUNK);
    return VARVE_OK;
}

static varve_status grow_chain(text_terms *t, text_term *term, varve_error *err)
{
    uint32_t chunk;
    bool first = term->first == NO_CHUNK;
    unsigned size_class = first ? 0 : VV_MIN(term->size_class + 1U, SIZE_CLASS_LAST);
    VV_TRY(new_chunk(t, size_class, &chunk, err));
    if (first)
        term->first = chunk;
    else
        put_u32(chunk_at(t, term->tail), chunk);
    term->tail = chunk;
    term->size_class = (uint8_t)size_class;
    term->fill = NEXT_BYTES;
    return VARVE_OK;
}

static varve_status append(text_terms *t, text_term *term, const uint8_t *bytes, size_t len,
                           varve_error *err)
{
    while (len > 0) {
        if (term->first == NO_CHUNK || term->fill == chunk_size(term->size_class))
            VV_TRY(grow_chain(t, term, err));
        size_t part = VV_MIN(len, chunk_size(term->size_class) - term->fill);
        memcpy(chunk_at(t, term->tail) + term->fill, bytes, part);
        term->fill = (uint16_t)(term->fill + part);
        bytes += part;
        len -= part;
    }
    return VARVE_OK;
}

varve_status text_terms_add(text_terms *t, uint32_t number, uint32_t slot, const text_share *shares,
                            size_t count, varve_error *err)
{
    text_term *term = &t->terms[number];
    bool simple = count == 1 && shares[0].path == 0;
    uint8_t bytes[20];
    size_t len = varint_write(slot - term->next_slot, bytes);
    len += varint_write(simple ? (uint64_t)shares[0].tf * 2 : count * 2 + 1, bytes + len);
    VV_TRY(append(t, term, bytes, len, err));
    for (size_t i = 0; !simple && i < count; i++) {
        len = varint_write(shares[i].path, bytes);
        len += varint_write(shares[i].tf, bytes + len);
        VV_TRY(append(t, term, bytes, len, err));
    }
    term->next_slot = slot + 1;
    term->rows++;
    return VARVE_OK;
}

void text_chain_open(const text_terms *t, uint32_t number, text_chain *ret)
{
    const text_term *term = &t->terms[number];
    *ret = (text_chain){.terms = t, .rows_left = term->rows};
    if (term->rows == 0) return;
    ret->chunk = chunk_at(t, term->first);
    ret->at = NEXT_BYTES;
    ret->size = chunk_size(0);
}

static uint64_t chain_number(text_chain *c)
{
    uint64_t number = 0;
    for (unsigned shift = 0;; shift += 7) {
        if (c->at == c->size) {
            c->chunk = chunk_at(c->terms, get_u32(c->chunk));
            c->size_class = (uint8_t)VV_MIN(c->size_class + 1, SIZE_CLASS_LAST);
            c->size = chunk_size(c->size_class);
            c->at = NEXT_BYTES;
        }
        uint8_t byte = c->chunk[c->at++];
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return number;
    }
}

bool text_chain_next(text_chain *c, uint32_t *ret_slot, uint32_t *ret_shares, text_share *ret_only)
{
    if (c->rows_left == 0) return false;
    c->rows_left--;
    *ret_slot = c->next_slot + (uint32_t)chain_number(c);
    c->next_slot = *ret_slot + 1;
    uint64_t head = chain_number(c);
    *ret_shares = head & 1 ? (uint32_t)(head / 2) : 0;
    *ret_only = (text_share){0, (uint32_t)(head / 2)};
    return true;
}

text_share text_chain_share(text_chain *c)
{
    text_share share = {.path = (uint32_t)chain_number(c)};
    share.tf = (uint32_t)chain_number(c);
    return share;
}

/* ---- order ---------------------------------------------------------------------------------- */

varve_status text_terms_sort(const text_terms *t, uint32_t **ret, varve_error *err)
{
    VV_CLEANUP(vv_freep) sorted_string *sorted = malloc(((size_t)t->count + 1) * sizeof *sorted);
    VV_CLEANUP(vv_freep) uint32_t *order = malloc(((size_t)t->count + 1) * sizeof *order);
    if (!sorted || !order) return no_memory(err);
    for (uint32_t i = 0; i < t->count; i++) {
        varve_text text = text_terms_text(t, i);
        sorted[i] = (sorted_string){0, text.data, (uint32_t)text.len, i};
    }
    VV_TRY(string_sort(sorted, t->count, err));
    for (uint32_t i = 0; i < t->count; i++)
        order[i] = sorted[i].number;
    *ret = order;
    order = NULL;
    return VARVE_OK;
}
