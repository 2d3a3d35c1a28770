/* tombstone.c — a set of slots as a directory of shared bitmap chunks.
 * (1) A chunk with no member is a NULL in the directory, and the last chunk is not NULL.
 * (2) A set without members is NULL.
 * (3) A chunk that two directories name never changes. */
#include "base/tombstone.h"

#include "base/bit_count.h"
#include "base/bytes.h"

#include <assert.h>
#include <stdlib.h>

#define WORD_BITS   64u
#define CHUNK_WORDS 512u
#define CHUNK_SLOTS (CHUNK_WORDS * WORD_BITS)

typedef struct chunk {
    uint64_t references; /* atomic; how many directories name it */
    uint64_t count;
    uint64_t words[CHUNK_WORDS];
} chunk;

struct tombstones {
    uint64_t references; /* atomic */
    uint64_t count;
    size_t chunk_count;
    chunk *chunks[];
};

static chunk *chunk_ref(chunk *c)
{
    if (c) __atomic_add_fetch(&c->references, 1, __ATOMIC_RELAXED);
    return c;
}

static void chunk_unref(chunk *c)
{
    if (c && __atomic_sub_fetch(&c->references, 1, __ATOMIC_ACQ_REL) == 0) free(c);
}

tombstones *tombstones_ref(tombstones *t)
{
    if (t) __atomic_add_fetch(&t->references, 1, __ATOMIC_RELAXED);
    return t;
}

void tombstones_unref(tombstones *t)
{
    if (!t || __atomic_sub_fetch(&t->references, 1, __ATOMIC_ACQ_REL) != 0) return;
    for (size_t i = 0; i < t->chunk_count; i++)
        chunk_unref(t->chunks[i]);
    free(t);
}

void tombstones_unrefp(tombstones **t)
{
    tombstones_unref(*t);
    *t = NULL;
}

static const chunk *chunk_of(const tombstones *t, uint64_t slot)
{
    uint64_t i = slot / CHUNK_SLOTS;
    return t && i < t->chunk_count ? t->chunks[i] : NULL;
}

bool tombstones_has(const tombstones *t, uint64_t slot)
{
    return tombstones_word(t, slot - slot % WORD_BITS) >> (slot % WORD_BITS) & 1;
}

uint64_t tombstones_count(const tombstones *t) { return t ? t->count : 0; }

uint64_t tombstones_word(const tombstones *t, uint64_t first)
{
    const chunk *c = chunk_of(t, first);
    assert(first % WORD_BITS == 0);
    return c ? c->words[first % CHUNK_SLOTS / WORD_BITS] : 0;
}

uint32_t tombstones_among(const tombstones *t, const uint8_t *slots, size_t n)
{
    uint32_t members = 0;
    for (size_t i = 0; t && i < n; i++) {
        uint32_t slot = get_u32(slots + 4 * i);
        size_t at = slot / CHUNK_SLOTS;
        const chunk *c = at < t->chunk_count ? t->chunks[at] : NULL;
        uint64_t word = c ? c->words[slot % CHUNK_SLOTS / WORD_BITS] : 0;
        members |= (uint32_t)(word >> slot % WORD_BITS & 1) << i;
    }
    return members;
}

bool tombstones_next(const tombstones *t, uint64_t slot, uint64_t *ret)
{
    for (uint64_t i = slot / CHUNK_SLOTS; t && i < t->chunk_count; i++) {
        uint64_t first = i * CHUNK_SLOTS;
        uint64_t from = slot > first ? slot - first : 0;
        uint64_t mask = UINT64_MAX << from % WORD_BITS;
        const chunk *c = t->chunks[i];
        for (size_t w = from / WORD_BITS; c && w < CHUNK_WORDS; w++, mask = UINT64_MAX) {
            uint64_t word = c->words[w] & mask;
            if (!word) continue;
            *ret = first + w * WORD_BITS + (uint64_t)__builtin_ctzll(word);
            return true;
        }
    }
    return false;
}

/* The first difference of two chunks from slot `from` of them on; false: none. */
static bool chunk_difference(const chunk *a, const chunk *b, uint64_t from, uint64_t *ret)
{
    uint64_t mask = UINT64_MAX << from % WORD_BITS;
    for (size_t w = from / WORD_BITS; w < CHUNK_WORDS; w++, mask = UINT64_MAX) {
        uint64_t word = ((a ? a->words[w] : 0) ^ (b ? b->words[w] : 0)) & mask;
        if (!word) continue;
        *ret = w * WORD_BITS + (uint64_t)__builtin_ctzll(word);
        return true;
    }
    return false;
}

bool tombstones_next_difference(const tombstones *a, const tombstones *b, uint64_t slot,
                                uint64_t *ret)
{
    size_t end = VV_MAX(a ? a->chunk_count : 0, b ? b->chunk_count : 0);
    uint64_t from = slot % CHUNK_SLOTS, at;
    for (size_t i = slot / CHUNK_SLOTS; i < end; i++, from = 0) {
        uint64_t first = (uint64_t)i * CHUNK_SLOTS;
        const chunk *ca = chunk_of(a, first), *cb = chunk_of(b, first);
        if (ca == cb || !chunk_difference(ca, cb, from, &at)) continue;
        *ret = first + at;
        return true;
    }
    return false;
}

/* A set with room for `chunk_count` chunks that shares all of old's. */
static tombstones *share(const tombstones *old, size_t chunk_count)
{
    tombstones *t;
    size_t bytes, old_count = old ? old->chunk_count : 0;
    assert(chunk_count >= old_count);
    if (!size_mul(chunk_count, sizeof t->chunks[0], &bytes)) return NULL;
    if (!size_add(bytes, sizeof *t, &bytes)) return NULL;
    t = calloc(1, bytes);
    if (!t) return NULL;
    t->references = 1;
    t->count = tombstones_count(old);
    t->chunk_count = chunk_count;
    for (size_t i = 0; i < old_count; i++)
        t->chunks[i] = chunk_ref(old->chunks[i]);
    return t;
}

/* The chunk at i, made t's own first if it is absent or shared with old; NULL: no memory. */
static chunk *own_chunk(tombstones *t, const tombstones *old, size_t i)
{
    chunk *shared = old && i < old->chunk_count ? old->chunks[i] : NULL, *c;
    if (t->chunks[i] && t->chunks[i] != shared) return t->chunks[i];
    c = malloc(sizeof *c);
    if (!c) return NULL;
    if (shared) {
        memcpy(c->words, shared->words, sizeof c->words);
        c->count = shared->count;
        chunk_unref(shared);
    } else {
        memset(c->words, 0, sizeof c->words);
        c->count = 0;
    }
    c->references = 1;
    t->chunks[i] = c;
    return c;
}

static varve_status put(tombstones *t, const tombstones *old, uint64_t slot, bool in,
                        varve_error *err)
{
    uint64_t bit = (uint64_t)1 << slot % WORD_BITS;
    chunk *c;
    if (tombstones_has(t, slot) == in) return VARVE_OK;
    c = own_chunk(t, old, slot / CHUNK_SLOTS);
    if (!c) return vv_fail(err, VARVE_NO_MEMORY, "no memory for tombstones");
    c->words[slot % CHUNK_SLOTS / WORD_BITS] ^= bit;
    if (in) {
        c->count++;
        t->count++;
    } else {
        c->count--;
        t->count--;
    }
    return VARVE_OK;
}

/* Bring back invariants (1) and (2) after removals. */
static void trim(tombstones **t)
{
    for (size_t i = 0; i < (*t)->chunk_count; i++) {
        chunk *c = (*t)->chunks[i];
        if (!c || c->count > 0) continue;
        chunk_unref(c);
        (*t)->chunks[i] = NULL;
    }
    while ((*t)->chunk_count > 0 && !(*t)->chunks[(*t)->chunk_count - 1])
        (*t)->chunk_count--;
    if ((*t)->count == 0) tombstones_unrefp(t);
}

varve_status tombstones_change(const tombstones *old, const uint64_t *add, size_t add_count,
                               const uint64_t *remove, size_t remove_count, tombstones **ret,
                               varve_error *err)
{
    VV_CLEANUP(tombstones_unrefp) tombstones *t = NULL;
    size_t chunk_count = old ? old->chunk_count : 0;
    for (size_t i = 0; i < add_count; i++)
        chunk_count = VV_MAX(chunk_count, add[i] / CHUNK_SLOTS + 1);
    t = share(old, chunk_count);
    if (!t) return vv_fail(err, VARVE_NO_MEMORY, "no memory for tombstones");
    for (size_t i = 0; i < add_count; i++)
        VV_TRY(put(t, old, add[i], true, err));
    for (size_t i = 0; i < remove_count; i++)
        VV_TRY(put(t, old, remove[i], false, err));
    trim(&t);
    *ret = t;
    t = NULL;
    return VARVE_OK;
}

/* ---- from a bitmap ------------------------------------------------------------------------- */

/* The set from its chunks, which *make makes one by one: NULL without a member, or when there is no
 * memory, which it says. */
typedef struct maker {
    const uint64_t *words; /* members; or, with rest, those that are none */
    size_t count;          /* of words */
    uint64_t last;         /* which bits of the last word may be members */
    bool rest;
    const tombstones *hidden; /* with rest: members all the same */
    bool failed;
} maker;

static void fill_rest(const maker *m, size_t first, size_t n, const chunk *hidden, uint64_t *ret)
{
    const uint64_t *words = m->words + first;
    for (size_t i = 0; i < n; i++)
        ret[i] = ~words[i];
    for (size_t i = 0; hidden && i < n; i++)
        ret[i] |= hidden->words[i];
}

static chunk *make_chunk(maker *m, size_t i)
{
    size_t first = i * CHUNK_WORDS, n = VV_MIN(m->count - first, (size_t)CHUNK_WORDS);
    chunk *c = malloc(sizeof *c);
    m->failed |= !c;
    if (!c) return NULL;
    if (m->rest)
        fill_rest(m, first, n, chunk_of(m->hidden, i * CHUNK_SLOTS), c->words);
    else
        memcpy(c->words, m->words + first, n * sizeof *m->words);
    if (first + n == m->count) c->words[n - 1] &= m->last;
    memset(c->words + n, 0, (CHUNK_WORDS - n) * sizeof *c->words);
    c->references = 1;
    c->count = bit_count(c->words, n);
    if (c->count) return c;
    free(c);
    return NULL;
}

static varve_status make(maker *m, tombstones **ret, varve_error *err)
{
    size_t chunks = (m->count + CHUNK_WORDS - 1) / CHUNK_WORDS;
    VV_CLEANUP(tombstones_unrefp) tombstones *t = share(NULL, chunks);
    if (!t) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a set of rows");
    for (size_t i = 0; i < chunks && !m->failed; i++) {
        t->chunks[i] = make_chunk(m, i);
        t->count += t->chunks[i] ? t->chunks[i]->count : 0;
    }
    if (m->failed) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a set of rows");
    trim(&t);
    *ret = t;
    t = NULL;
    return VARVE_OK;
}

varve_status tombstones_of_words(const uint64_t *words, size_t count, tombstones **ret,
                                 varve_error *err)
{
    maker m = {.words = words, .count = count, .last = UINT64_MAX};
    return make(&m, ret, err);
}

varve_status tombstones_of_rest(const uint64_t *words, uint64_t slots, const tombstones *hidden,
                                tombstones **ret, varve_error *err)
{
    maker m = {.words = words,
               .count = (size_t)((slots + WORD_BITS - 1) / WORD_BITS),
               .last = UINT64_MAX >> (WORD_BITS - 1 - (slots + WORD_BITS - 1) % WORD_BITS),
               .rest = true,
               .hidden = hidden};
    return make(&m, ret, err);
}

/* ---- two sets -------------------------------------------------------------------------------- */

/* c, not yet shared, with the members of `other` too. */
static void add_chunk(chunk *c, const chunk *other)
{
    for (size_t i = 0; i < CHUNK_WORDS; i++)
        c->words[i] |= other->words[i];
    c->count = bit_count(c->words, CHUNK_WORDS);
}

varve_status tombstones_union(tombstones *a, tombstones *b, tombstones **ret, varve_error *err)
{
    if (!a || !b) {
        *ret = tombstones_ref(a ? a : b);
        return VARVE_OK;
    }
    VV_CLEANUP(tombstones_unrefp)
    tombstones *t = share(a, VV_MAX(a->chunk_count, b->chunk_count));
    if (!t) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a set of rows");
    for (size_t i = 0; i < b->chunk_count; i++) {
        if (!b->chunks[i] || b->chunks[i] == t->chunks[i]) continue;
        if (!t->chunks[i]) {
            t->chunks[i] = chunk_ref(b->chunks[i]);
            t->count += b->chunks[i]->count;
            continue;
        }
        chunk *c = own_chunk(t, a, i);
        if (!c) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a set of rows");
        t->count -= c->count;
        add_chunk(c, b->chunks[i]);
        t->count += c->count;
    }
    *ret = t;
    t = NULL;
    return VARVE_OK;
}

uint64_t tombstones_bytes(const tombstones *t)
{
    uint64_t bytes = t ? sizeof *t + t->chunk_count * sizeof t->chunks[0] : 0;
    for (size_t i = 0; t && i < t->chunk_count; i++)
        bytes += t->chunks[i] ? sizeof *t->chunks[i] : 0;
    return bytes;
}
