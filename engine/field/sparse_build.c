/* sparse_build.c — rows into a sparse index. Values are kept in the order they come, each with the
 * number of its dimension; finishing sorts them by dimension (it needs as much memory again). */
#include "base/hash.h"
#include "field/sparse_inner.h"

#include <math.h>
#include <stdlib.h>

#define VALUES_FIRST 4096
#define TABLE_FIRST  1024
#define SCRATCH_MAX  (8 * (size_t)SPARSE_NONZERO_MAX)

typedef struct entry {
    uint32_t where; /* while adding: the dimension's number; sorted: the slot */
    float value;
} entry;

typedef struct dimension {
    uint32_t index, rows;
    uint64_t first; /* of its sorted entries */
} dimension;

struct sparse_builder {
    entry *entries;
    uint64_t count, room;
    uint64_t *row_ends; /* in entries */
    uint32_t rows, row_room;
    dimension *dimensions; /* in the order they were met */
    uint32_t dimension_count, table_size;
    uint32_t *table; /* number + 1; half as many dimensions have room */
    buffer scratch;
};

varve_status sparse_builder_new(sparse_builder **ret, varve_error *err)
{
    sparse_builder *b = calloc(1, sizeof *b);
    if (!b) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a sparse builder");
    buffer_init(&b->scratch, SCRATCH_MAX, "sparse vector");
    *ret = b;
    return VARVE_OK;
}

void sparse_builder_free(sparse_builder *b)
{
    if (!b) return;
    free(b->entries);
    free(b->row_ends);
    free(b->dimensions);
    free(b->table);
    buffer_done(&b->scratch);
    free(b);
}

uint64_t sparse_builder_bytes(const sparse_builder *b)
{
    return sizeof *b + b->room * sizeof *b->entries + b->row_room * sizeof *b->row_ends +
           b->table_size * (sizeof *b->table + sizeof *b->dimensions / 2) + b->scratch.capacity;
}

static varve_status no_memory(varve_error *err)
{
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for a sparse builder");
}

/* ---- adding --------------------------------------------------------------------------------- */

static uint32_t *table_slot(const sparse_builder *b, uint32_t index)
{
    uint32_t mask = b->table_size - 1, at = (uint32_t)hash_bytes(&index, sizeof index) & mask;
    while (b->table[at] && b->dimensions[b->table[at] - 1].index != index)
        at = (at + 1) & mask;
    return &b->table[at];
}

static varve_status grow_table(sparse_builder *b, varve_error *err)
{
    uint32_t size = b->table_size ? b->table_size * 2 : TABLE_FIRST;
    dimension *dimensions = realloc(b->dimensions, size / 2 * sizeof *dimensions);
    if (dimensions) b->dimensions = dimensions;
    uint32_t *table = calloc(size, sizeof *table);
    if (!dimensions || !table) {
        free(table);
        return no_memory(err);
    }
    free(b->table);
    b->table = table;
    b->table_size = size;
    for (uint32_t i = 0; i < b->dimension_count; i++)
        *table_slot(b, dimensions[i].index) = i + 1;
    return VARVE_OK;
}

static varve_status find_dimension(sparse_builder *b, uint32_t index, uint32_t *ret,
                                   varve_error *err)
{
    if (b->dimension_count == b->table_size / 2) VV_TRY(grow_table(b, err));
    uint32_t *slot = table_slot(b, index);
    if (!*slot) {
        b->dimensions[b->dimension_count] = (dimension){.index = index};
        *slot = ++b->dimension_count;
    }
    *ret = *slot - 1;
    return VARVE_OK;
}

static varve_status make_room(sparse_builder *b, uint32_t values, varve_error *err)
{
    uint64_t room = b->room ? b->room : VALUES_FIRST;
    if (sparse_builder_bytes(b) + values * sizeof *b->entries > SPARSE_BUILDER_BYTES_MAX)
        return vv_fail(err, VARVE_LIMIT, "a sparse index takes more than %llu bytes while built",
                       (unsigned long long)SPARSE_BUILDER_BYTES_MAX);
    while (room - b->count < values)
        room += room / 2;
    if (room > b->room) {
        entry *entries = realloc(b->entries, room * sizeof *entries);
        if (!entries) return no_memory(err);
        b->entries = entries;
        b->room = room;
    }
    if (b->rows < b->row_room) return VARVE_OK;
    uint32_t row_room = b->row_room ? 2 * b->row_room : 1024;
    uint64_t *row_ends = realloc(b->row_ends, row_room * sizeof *row_ends);
    if (!row_ends) return no_memory(err);
    b->row_ends = row_ends;
    b->row_room = row_room;
    return VARVE_OK;
}

varve_status sparse_builder_add(sparse_builder *b, varve_text bytes, varve_error *err)
{
    sparse_vector v;
    uint32_t number;
    if (b->rows >= UINT32_MAX / 2)
        return vv_fail(err, VARVE_LIMIT, "a sparse index has room for %u rows", UINT32_MAX / 2);
    if (!sparse_decode(bytes, &b->scratch, &v))
        return vv_fail(err, VARVE_CORRUPT, "a row's sparse vector is malformed");
    VV_TRY(make_room(b, v.count, err));
    for (uint32_t i = 0; i < v.count; i++) {
        VV_TRY(find_dimension(b, v.indices[i], &number, err));
        b->dimensions[number].rows++;
        b->entries[b->count++] = (entry){number, v.values[i]};
    }
    b->row_ends[b->rows++] = b->count;
    return VARVE_OK;
}

/* ---- finishing ------------------------------------------------------------------------------ */

static int compare_dimensions(const void *x, const void *y)
{
    const dimension *a = x, *b = y;
    return (a->index > b->index) - (a->index < b->index);
}

/* Entries by dimension, then slot; the dimensions sorted by index. The table is of no use then. */
static varve_status sort_entries(sparse_builder *b, entry **ret, varve_error *err)
{
    entry *sorted = malloc((b->count + 1) * sizeof *sorted);
    uint64_t next = 0, at = 0;
    if (!sorted) return no_memory(err);
    for (uint32_t i = 0; i < b->dimension_count; i++) {
        b->dimensions[i].first = next;
        next += b->dimensions[i].rows;
    }
    for (uint32_t slot = 0; slot < b->rows; slot++)
        for (; at < b->row_ends[slot]; at++)
            sorted[b->dimensions[b->entries[at].where].first++] =
                (entry){slot, b->entries[at].value};
    for (uint32_t i = 0; i < b->dimension_count; i++)
        b->dimensions[i].first -= b->dimensions[i].rows;
    if (b->dimension_count)
        qsort(b->dimensions, b->dimension_count, sizeof *b->dimensions, compare_dimensions);
    *ret = sorted;
    return VARVE_OK;
}

typedef struct quantiser {
    float low, step, error;
} quantiser;

static uint8_t quantise(const quantiser *q, float exact)
{
    if (q->step == 0) return 0;
    double level = ((double)exact - (double)q->low) / (double)q->step;
    return (uint8_t)lrint(level < 0 ? 0 : level > SPARSE_LEVELS ? SPARSE_LEVELS : level);
}

static quantiser fit(const entry *entries, uint32_t n)
{
    float low = entries[0].value, high = low;
    double error = 0;
    for (uint32_t i = 1; i < n; i++) {
        low = VV_MIN(low, entries[i].value);
        high = VV_MAX(high, entries[i].value);
    }
    quantiser q = {low, (float)(((double)high - (double)low) / SPARSE_LEVELS), 0};
    for (uint32_t i = 0; i < n; i++) {
        double as = (double)q.low + (double)q.step * quantise(&q, entries[i].value);
        error = fmax(error, fabs((double)entries[i].value - as));
    }
    q.error = nextafterf((float)error, INFINITY);
    return q;
}

/* *next: slot behind the row before. */
static varve_status write_body(buffer *out, const quantiser *q, const entry *entries, uint32_t n,
                               uint32_t *next, uint8_t *ret_least, uint8_t *ret_most,
                               varve_error *err)
{
    uint32_t gaps[POSTINGS_BLOCK], all = 0;
    uint8_t levels[POSTINGS_BLOCK], least = UINT8_MAX, most = 0;
    for (uint32_t i = 0; i < n; i++) {
        gaps[i] = entries[i].where - *next;
        all |= gaps[i];
        *next = entries[i].where + 1;
        levels[i] = quantise(q, entries[i].value);
        least = VV_MIN(least, levels[i]);
        most = VV_MAX(most, levels[i]);
    }
    uint8_t width = (uint8_t)postings_width(all);
    VV_TRY(buffer_add(out, &width, 1, err));
    VV_TRY(postings_pack(out, gaps, n, width, err));
    *ret_least = least;
    *ret_most = most;
    return buffer_add(out, levels, n, err);
}

static varve_status add_zeros(buffer *out, size_t len, varve_error *err)
{
    VV_TRY(buffer_reserve(out, len, err));
    memset(out->data + out->len, 0, len);
    out->len += len;
    return VARVE_OK;
}

static varve_status write_list(buffer *out, const entry *entries, uint32_t n, varve_error *err)
{
    quantiser q = fit(entries, n);
    uint8_t head[SPARSE_LIST_HEAD_BYTES], least, most;
    uint32_t blocks = (n + POSTINGS_BLOCK - 1) / POSTINGS_BLOCK, next = 0;
    put_f32(head, q.low);
    put_f32(head + 4, q.step);
    put_f32(head + 8, q.error);
    VV_TRY(buffer_add(out, head, sizeof head, err));
    size_t directory = out->len;
    if (blocks > 1) VV_TRY(add_zeros(out, (size_t)blocks * SPARSE_BLOCK_ENTRY_BYTES, err));
    size_t bodies = out->len;
    for (uint32_t i = 0; i < blocks; i++) {
        uint32_t first = i * POSTINGS_BLOCK, rows = VV_MIN(n - first, (uint32_t)POSTINGS_BLOCK);
        VV_TRY(write_body(out, &q, entries + first, rows, &next, &least, &most, err));
        if (blocks == 1) break;
        if (out->len - bodies > UINT32_MAX)
            return vv_fail(err, VARVE_LIMIT, "the values of a dimension take more than 4 GiB");
        uint8_t *at = (uint8_t *)out->data + directory + (size_t)i * SPARSE_BLOCK_ENTRY_BYTES;
        put_u32(at, entries[first + rows - 1].where);
        put_u32(at + 4, (uint32_t)(out->len - bodies));
        at[8] = least;
        at[9] = most;
    }
    return VARVE_OK;
}

static varve_status write_dimension(buffer *out, const dimension *d, uint64_t list,
                                    varve_error *err)
{
    uint8_t bytes[SPARSE_DIMENSION_BYTES];
    put_u32(bytes, d->index);
    put_u32(bytes + 4, d->rows);
    put_u64(bytes + 8, list);
    return buffer_add(out, bytes, sizeof bytes, err);
}

static varve_status write_image(const sparse_builder *b, const entry *sorted, buffer *out,
                                varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer table;
    size_t start = out->len, lists = start + SPARSE_HEADER_BYTES;
    const dimension last = {0};
    buffer_init(&table, SPARSE_BUILDER_BYTES_MAX, "dimensions of a sparse index");
    VV_TRY(add_zeros(out, SPARSE_HEADER_BYTES, err));
    for (uint32_t i = 0; i < b->dimension_count; i++) {
        const dimension *d = &b->dimensions[i];
        VV_TRY(write_dimension(&table, d, out->len - lists, err));
        VV_TRY(write_list(out, sorted + d->first, d->rows, err));
    }
    VV_TRY(write_dimension(&table, &last, out->len - lists, err));
    VV_TRY(add_zeros(out, POSTINGS_PADDING, err));
    size_t dimensions = out->len - start;
    VV_TRY(buffer_add(out, table.data, table.len, err));
    uint8_t *h = (uint8_t *)out->data + start;
    memcpy(h, SPARSE_MAGIC, 8);
    put_u32(h + 8, SPARSE_INDEX_VERSION);
    put_u32(h + 12, b->rows);
    put_u32(h + 16, b->dimension_count);
    put_u64(h + 24, b->count);
    put_u64(h + 32, dimensions);
    put_u64(h + 40, out->len - start);
    return VARVE_OK;
}

varve_status sparse_builder_finish(sparse_builder *b, buffer *out, varve_error *err)
{
    VV_CLEANUP(vv_freep) entry *sorted = NULL;
    size_t start = out->len;
    VV_TRY(sort_entries(b, &sorted, err));
    varve_status status = write_image(b, sorted, out, err);
    if (status != VARVE_OK) out->len = start;
    return status;
}
