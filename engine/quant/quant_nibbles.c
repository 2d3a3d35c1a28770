/* quant_nibbles.c — codes of 4 bits in the order of the lookup kernels, and tables in bytes. */
#include "quant/quant_private.h"

#define ENTRIES 16

static size_t blocks_of(size_t subspaces) { return (subspaces + 7) / 8; }

size_t quant_nibbles_bytes(size_t subspaces) { return blocks_of(subspaces) * QUANT_BLOCK_BYTES; }

uint8_t quant_nibbles_get(const uint8_t *group, size_t subspace, size_t r)
{
    bool high;
    size_t place = quant_nibbles_place(subspace, &high) + r / 16 * 64 + r % 16;
    return group[place] >> (high ? 4 : 0) & 15;
}

void quant_nibbles_put(uint8_t code, size_t subspace, size_t r, uint8_t *group)
{
    bool high;
    size_t place = quant_nibbles_place(subspace, &high) + r / 16 * 64 + r % 16;
    group[place] |= (uint8_t)(code << (high ? 4 : 0));
}

static double smallest(const double *entries)
{
    double low = entries[0];
    for (size_t j = 1; j < ENTRIES; j++)
        low = VV_MIN(low, entries[j]);
    return low;
}

static double largest(const double *entries)
{
    double high = entries[0];
    for (size_t j = 1; j < ENTRIES; j++)
        high = VV_MAX(high, entries[j]);
    return high;
}

static void put_table(const double *entries, double low, double steps_per, uint8_t *ret)
{
    for (size_t j = 0; j < ENTRIES; j++) {
        int steps = (int)((entries[j] - low) * steps_per + 0.5);
        ret[j] = (uint8_t)VV_MIN(steps, 255);
    }
}

varve_status quant_query_tables(quant_query *q, const double *entries, size_t subspaces,
                                quant_pq_terms *ret, varve_error *err)
{
    double widest = 0;
    *ret = (quant_pq_terms){0};
    q->blocks = blocks_of(subspaces);
    VV_TRY(quant_alloc(q->blocks * 8 * ENTRIES, &q->memory, err));
    for (size_t i = 0; i < subspaces; i++) {
        const double *table = entries + ENTRIES * i;
        double low = smallest(table), width = largest(table) - low;
        widest = VV_MAX(widest, width);
        ret->constant += low;
    }
    ret->per_sum = widest / 255; /* one step for all, so that bytes can be added */
    for (size_t i = 0; i < subspaces && ret->per_sum > 0; i++) {
        const double *table = entries + ENTRIES * i;
        put_table(table, smallest(table), 1 / ret->per_sum, (uint8_t *)q->memory + ENTRIES * i);
    }
    q->tables = q->memory;
    return VARVE_OK;
}
