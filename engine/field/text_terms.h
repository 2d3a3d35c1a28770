/* text_terms.h — inner to the text builder: terms met so far, each with its postings as a chain of
 * chunks of bytes.
 *
 * A chunk is u32 address of the next and then bytes; its size doubles with each, up to 256. Memory
 * per posting is 2 to 4 bytes for common terms. In a chain, per row: varint gap (as in
 * text_format.h), varint tf * 2 if its only path is 0, else varint shares * 2 + 1, and per share
 * varint path, varint tf.
 *
 * Ownership  text_terms_done() frees. Threads  one at a time.
 * Errors     VARVE_LIMIT (TEXT_BUILDER_BYTES_MAX), VARVE_NO_MEMORY. */
#ifndef VARVE_FIELD_TEXT_TERMS_H
#define VARVE_FIELD_TEXT_TERMS_H

#include "base/buffer.h"

typedef struct text_term {
    uint32_t text_at; /* in texts */
    uint32_t hash;
    uint32_t first, tail; /* chunks, in units of 8 bytes */
    uint32_t rows;
    uint32_t next_slot; /* behind the last row */
    uint16_t fill;      /* bytes of the tail that are taken */
    uint8_t text_len, size_class;
} text_term;

typedef struct text_terms {
    text_term *terms;
    uint32_t *table; /* term + 1; 0: free */
    uint32_t count, room, table_size;
    buffer texts;
    uint8_t **slabs;
    uint32_t slab_count, slab_room;
    uint32_t chunk_next; /* first free unit of the last slab, as an address */
} text_terms;

typedef struct text_share { /* of a row in a term: how often under which path */
    uint32_t path, tf;
} text_share;

void text_terms_init(text_terms *t);
void text_terms_done(text_terms *t);
uint64_t text_terms_bytes(const text_terms *t);
/* The term's number; it is added if it is new. */
VV_CHECKED varve_status text_terms_find(text_terms *t, varve_text text, uint32_t *ret,
                                        varve_error *err);
/* The next row of a term; shares by ascending path. */
VV_CHECKED varve_status text_terms_add(text_terms *t, uint32_t term, uint32_t slot,
                                       const text_share *shares, size_t count, varve_error *err);
static inline varve_text text_terms_text(const text_terms *t, uint32_t term)
{
    return (varve_text){t->texts.data + t->terms[term].text_at, t->terms[term].text_len};
}
/* What is read of a term next, and then of its text and the beginning of its chain. */
static inline void text_terms_prefetch(const text_terms *t, uint32_t term)
{
    __builtin_prefetch(&t->terms[term]);
}
void text_terms_prefetch_chain(const text_terms *t, uint32_t term);
/* All terms sorted by bytes (free() them). */
VV_CHECKED varve_status text_terms_sort(const text_terms *t, uint32_t **ret, varve_error *err);

typedef struct text_chain {
    const text_terms *terms;
    const uint8_t *chunk;
    uint32_t at, size; /* of the chunk */
    uint32_t rows_left, next_slot;
    uint8_t size_class;
} text_chain;

void text_chain_open(const text_terms *t, uint32_t term, text_chain *ret);
/* The next row: its slot and how many shares it has, read one by one then. False: no more. */
bool text_chain_next(text_chain *c, uint32_t *ret_slot, uint32_t *ret_shares, text_share *ret_only);
text_share text_chain_share(text_chain *c);

#endif
