/* memtable.c — chunks of rows whose sizes follow from the slot number alone.
 *
 * Slots 0..31 are four chunks of 8. From then on each doubling of the table is four chunks of a
 * quarter of it, so that at most a fifth of the room is unused, until a chunk would pass 1 MiB of
 * vectors: from there all chunks have that size (a power of two of rows). Which chunk a slot is in
 * is bit arithmetic; chunks are never moved or resized.
 *
 * The directory of chunks is replaced by a larger one when it is full. Readers may hold the smaller
 * one for a moment, so it stays until the table goes; all of them together are twice the last.
 *
 * Ids and fields: one record per row, u32 id length | u32 fields length | id | fields, in blocks of
 * text that are never moved either.
 *
 * (1) Whatever lies below a published length is never written again.
 * (2) The directory is published with release and read with acquire; everything else reaches
 *     readers with the length. */
#include "segment/memtable_inner.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "segment/norm.h"

#include <assert.h>
#include <stdlib.h>

#define CHUNK_VECTOR_BYTES_MAX ((size_t)1 << 20)
#define CHUNK_ROWS_MAX         ((size_t)1 << 16)
#define FIRST_SHIFT            3 /* the first chunks have 8 rows */
#define DIRECTORY_FIRST        8
#define TEXT_BLOCK_MIN         ((size_t)256)
#define TEXT_BLOCK_MAX         ((size_t)1 << 18)
#define TEXT_HEADER            8
#define CACHE_LINE             64

#define LOAD(field)         __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define STORE(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)

/* ---- where a slot is ----------------------------------------------------------------------- */

static place place_with(size_t first_chunk, uint64_t slot, unsigned shift)
{
    uint64_t rows = (uint64_t)1 << shift;
    return (place){first_chunk + (slot >> shift), slot & (rows - 1), rows};
}

place memtable_place(const memtable *m, uint64_t slot)
{
    unsigned shift, groups = m->shift_max - FIRST_SHIFT; /* wraps, unused, when shift_max is less */
    if (m->shift_max < FIRST_SHIFT) return place_with(0, slot, m->shift_max);
    if (slot < (uint64_t)4 << FIRST_SHIFT) return place_with(0, slot, FIRST_SHIFT);
    if (slot >= (uint64_t)4 << m->shift_max) /* (4 << shift_max) >> shift_max is 4 */
        return place_with((size_t)4 * groups, slot, m->shift_max);
    shift = 63 - (unsigned)__builtin_clzll(slot) - 2;
    return place_with((size_t)4 * (shift - FIRST_SHIFT), slot, shift);
}

const chunk *memtable_chunk(const memtable *m, size_t i)
{
    const directory *d = __atomic_load_n(&m->directory, __ATOMIC_ACQUIRE);
    assert(d && i < d->capacity);
    return &d->chunks[i];
}

/* ---- life ---------------------------------------------------------------------------------- */

varve_status memtable_new(uint32_t dim, varve_dtype dtype, memtable **ret, varve_error *err)
{
    memtable *m = calloc(1, sizeof *m);
    if (!m) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a table of rows");
    assert(dim > 0);
    m->references = 1;
    (void)pthread_mutex_init(&m->parts_lock, NULL); /* cannot fail with these attributes */
    m->dim = dim;
    m->dtype = dtype;
    m->stride = varve_dtype_row_bytes(dtype, dim);
    while (((size_t)2 << m->shift_max) <= CHUNK_ROWS_MAX &&
           ((size_t)2 << m->shift_max) * m->stride <= CHUNK_VECTOR_BYTES_MAX)
        m->shift_max++;
    m->bytes = sizeof *m;
    *ret = m;
    return VARVE_OK;
}

memtable *memtable_ref(memtable *m)
{
    __atomic_add_fetch(&m->references, 1, __ATOMIC_RELAXED);
    return m;
}

void memtable_unref(memtable *m)
{
    directory *d;
    text_block *text;
    if (!m || __atomic_sub_fetch(&m->references, 1, __ATOMIC_ACQ_REL) != 0) return;
    for (size_t i = 0; i < m->chunk_count; i++)
        free(m->directory->chunks[i].vectors);
    while ((d = m->directory)) {
        m->directory = d->previous;
        free(d);
    }
    while ((text = m->texts)) {
        m->texts = text->previous;
        free(text);
    }
    memtable_codes_done(m);
    memtable_parts_done(m);
    free(m);
}

void memtable_unrefp(memtable **m)
{
    memtable_unref(*m);
    *m = NULL;
}

/* ---- room for one more row ----------------------------------------------------------------- */

static void count_bytes(memtable *m, size_t more) { STORE(m->bytes, m->bytes + more); }

static bool grow_directory(memtable *m)
{
    directory *old = m->directory, *d;
    size_t capacity = old ? 2 * old->capacity : DIRECTORY_FIRST;
    size_t bytes = sizeof *d + capacity * sizeof d->chunks[0];
    d = calloc(1, bytes);
    if (!d) return false;
    d->previous = old;
    d->capacity = capacity;
    if (old) memcpy(d->chunks, old->chunks, m->chunk_count * sizeof d->chunks[0]);
    __atomic_store_n(&m->directory, d, __ATOMIC_RELEASE);
    count_bytes(m, bytes);
    return true;
}

static bool add_chunk(memtable *m, size_t rows)
{
    size_t vectors = size_align(rows * m->stride, sizeof(uint64_t));
    size_t column = rows * sizeof(uint64_t);
    size_t plain = size_align(vectors + 3 * column, CACHE_LINE);
    size_t bytes = plain + memtable_codes_bytes(m, rows);
    uint8_t *memory;
    chunk *c;
    if (!m->directory || m->chunk_count == m->directory->capacity) {
        if (!grow_directory(m)) return false;
    }
    memory = aligned_alloc(CACHE_LINE, bytes);
    if (!memory) return false;
    c = &m->directory->chunks[m->chunk_count++];
    *c = (chunk){
        .vectors = memory,
        .rowvers = (uint64_t *)(void *)(memory + vectors),
        .ordinals = (uint64_t *)(void *)(memory + vectors + column),
        .texts = (const uint8_t **)(void *)(memory + vectors + 2 * column),
    };
    memtable_codes_place(m, c, rows, memory + plain);
    count_bytes(m, bytes);
    return true;
}

static text_block *add_text_block(memtable *m, size_t size)
{
    text_block *block = malloc(sizeof *block + size);
    if (!block) return NULL;
    block->previous = m->texts;
    m->texts = block;
    m->text_bytes += size;
    count_bytes(m, sizeof *block + size);
    return block;
}

/* Room for `size` bytes that never move. What would waste much of a block gets one of its own. */
static uint8_t *add_text(memtable *m, size_t size)
{
    size_t block_size = VV_MIN(VV_MAX(m->text_bytes / 8, TEXT_BLOCK_MIN), TEXT_BLOCK_MAX);
    text_block *block;
    uint8_t *at;
    if (size > m->text_left) {
        bool own = size > block_size / 8;
        block = add_text_block(m, own ? size : block_size);
        if (!block) return NULL;
        if (own) return block->bytes;
        m->text_at = block->bytes;
        m->text_left = block_size;
    }
    at = m->text_at;
    m->text_at += size;
    m->text_left -= size;
    return at;
}

static const uint8_t *copy_text(memtable *m, const uint8_t *id_key, size_t id_key_len,
                                varve_text fields)
{
    size_t size = TEXT_HEADER + id_key_len + fields.len;
    uint8_t *at = add_text(m, size);
    if (!at) return NULL;
    put_u32(at, (uint32_t)id_key_len);
    put_u32(at + 4, (uint32_t)fields.len);
    memcpy(at + TEXT_HEADER, id_key, id_key_len);
    memcpy(at + TEXT_HEADER + id_key_len, fields.data, fields.len);
    return at;
}

varve_status memtable_add(memtable *m, uint64_t rowver, uint64_t ordinal, const uint8_t *id_key,
                          size_t id_key_len, const void *vector, varve_text fields,
                          varve_error *err)
{
    place p = memtable_place(m, m->rows);
    double norm = norm_bound(m->dtype, m->dim, vector);
    const uint8_t *text;
    chunk *c;
    assert(m->rows == 0 || rowver > m->rowver_last);
    assert(id_key_len <= UINT32_MAX && fields.len <= UINT32_MAX);
    if (p.chunk == m->chunk_count && !add_chunk(m, p.rows))
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu more rows", p.rows);
    text = copy_text(m, id_key, id_key_len, fields);
    if (!text) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the fields of a row");
    c = &m->directory->chunks[p.chunk];
    memcpy(c->vectors + p.at * m->stride, vector, m->stride);
    c->rowvers[p.at] = rowver;
    c->ordinals[p.at] = ordinal;
    c->texts[p.at] = text;
    if (c->codes) memtable_codes_add(m, c, p);
    m->rowver_last = rowver;
    if (norm > m->norm_max) __atomic_store(&m->norm_max, &norm, __ATOMIC_RELAXED);
    if (m->rows == 0) STORE(m->born_ms, VV_MAX(clock_now_ns() / 1000000, (uint64_t)1));
    STORE(m->rows, m->rows + 1);
    return VARVE_OK;
}

/* ---- reading ------------------------------------------------------------------------------- */

uint64_t memtable_rows(const memtable *m) { return LOAD(m->rows); }
uint64_t memtable_bytes(const memtable *m) { return LOAD(m->bytes); }
uint64_t memtable_born_ms(const memtable *m) { return LOAD(m->born_ms); }

double memtable_norm_max(const memtable *m)
{
    double norm;
    __atomic_load(&m->norm_max, &norm, __ATOMIC_RELAXED);
    return norm;
}

const uint8_t *memtable_vectors(const memtable *m, uint64_t first, uint64_t rows,
                                uint64_t *ret_contiguous)
{
    place p = memtable_place(m, first);
    assert(first < rows);
    *ret_contiguous = VV_MIN(p.rows - p.at, rows - first);
    return memtable_chunk(m, p.chunk)->vectors + p.at * m->stride;
}

uint64_t memtable_rowver(const memtable *m, uint64_t slot)
{
    place p = memtable_place(m, slot);
    return memtable_chunk(m, p.chunk)->rowvers[p.at];
}

uint64_t memtable_ordinal(const memtable *m, uint64_t slot)
{
    place p = memtable_place(m, slot);
    return memtable_chunk(m, p.chunk)->ordinals[p.at];
}

static const uint8_t *text_of(const memtable *m, uint64_t slot)
{
    place p = memtable_place(m, slot);
    return memtable_chunk(m, p.chunk)->texts[p.at];
}

const uint8_t *memtable_id_key(const memtable *m, uint64_t slot, size_t *ret_len)
{
    const uint8_t *text = text_of(m, slot);
    *ret_len = get_u32(text);
    return text + TEXT_HEADER;
}

varve_text memtable_fields(const memtable *m, uint64_t slot)
{
    const uint8_t *text = text_of(m, slot);
    return (varve_text){(const char *)text + TEXT_HEADER + get_u32(text), get_u32(text + 4)};
}

bool memtable_find(const memtable *m, uint64_t rows, uint64_t rowver, uint64_t *ret_slot)
{
    uint64_t low = 0, high = rows; /* the slot, if any, is in [low, high) */
    while (low < high) {
        uint64_t middle = low + (high - low) / 2, there = memtable_rowver(m, middle);
        if (there == rowver) {
            *ret_slot = middle;
            return true;
        }
        if (there < rowver)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}
