/* quant_scalar.c — kernels for any CPU, in plain C. The compiler vectorises them with what every
 * CPU of the architecture has. */
#define QUANT_LANES 4
#include "quant/quant_body.h"

#define FLUSH_QUADS 128 /* 4 × 128 × 255 × 16319 < 2^31 */

/* 4 coordinates of one field. */
INLINE void dots_quad(const uint8_t *codes, unsigned shift, unsigned mask, const int16_t *y,
                      int32_t *sums)
{
    for (size_t r = 0; r < QUANT_GROUP; r++) {
        int32_t sum = 0;
        for (size_t j = 0; j < 4; j++)
            sum += (int32_t)((codes[4 * r + j] >> shift) & mask) * y[j];
        sums[r] += sum;
    }
}

static void dots(const quant_ints *y, unsigned bits, const uint8_t *codes, double weight,
                 double *sums)
{
    size_t fields = 8 / bits;
    for (size_t quad = 0; quad < y->quads;) {
        int32_t part[QUANT_GROUP] = {0};
        size_t end = VV_MIN(quad + FLUSH_QUADS, y->quads);
        for (; quad < end; quad++) {
            const uint8_t *block = codes + quad / fields * (4 * QUANT_GROUP);
            dots_quad(block, (unsigned)(quad % fields) * bits, (1u << bits) - 1, y->full + 4 * quad,
                      part);
        }
        for (size_t r = 0; r < QUANT_GROUP; r++)
            sums[r] += weight * part[r];
    }
}

static void lookups(const uint8_t *tables, size_t blocks, const uint8_t *codes, uint32_t *ret_sums)
{
    memset(ret_sums, 0, QUANT_GROUP * sizeof *ret_sums);
    for (size_t i = 0; i < blocks; i++, tables += 128) {
        for (size_t half = 0; half < 2; half++, codes += 64) {
            for (size_t at = 0; at < 64; at++) {
                const uint8_t *table = tables + at / 16 * 16;
                ret_sums[16 * half + at % 16] +=
                    (uint32_t)table[codes[at] & 15] + table[64 + (codes[at] >> 4)];
            }
        }
    }
}

const quant_isa_kernels quant_kernels_scalar = {.name = "scalar",
                                                .dots = dots,
                                                .lookups = lookups,
                                                QUANT_BODY_KERNELS,
                                                .tile = &kmeans_tile_scalar};
