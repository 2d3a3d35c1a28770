/* quant_planes.c — codes of 2 to 8 bits as planes of 4, 2 and 1 bits (8 alone), high bits first. */
#include "quant/quant_private.h"

size_t quant_planes(unsigned bits, quant_plane ret[QUANT_PLANES_MAX])
{
    size_t count = 0;
    for (unsigned width = 8; width > 0; width /= 2) {
        if (!(bits & width)) continue;
        ret[count++] = (quant_plane){width, bits & (width - 1)};
    }
    return count;
}

size_t quant_plane_bytes(const quant_plane *p, size_t coordinates)
{
    return coordinates * QUANT_GROUP * p->bits / 8;
}

void quant_plane_put(const quant_plane *p, const uint8_t *codes, size_t n, size_t r, uint8_t *plane)
{
    size_t fields = 8 / p->bits;
    uint8_t mask = (uint8_t)((1u << p->bits) - 1);
    for (size_t i = 0; i < n; i += 4 * fields, plane += QUANT_BLOCK_BYTES) {
        for (size_t f = 0; f < fields; f++) {
            for (size_t j = 0; j < 4; j++) {
                uint8_t field = codes[i + 4 * f + j] >> p->shift & mask;
                plane[4 * r + j] |= (uint8_t)(field << f * p->bits);
            }
        }
    }
}

void quant_plane_get(const quant_plane *p, const uint8_t *plane, size_t n, size_t r, uint8_t *codes)
{
    size_t fields = 8 / p->bits;
    uint8_t mask = (uint8_t)((1u << p->bits) - 1);
    for (size_t i = 0; i < n; i += 4 * fields, plane += QUANT_BLOCK_BYTES) {
        for (size_t f = 0; f < fields; f++) {
            for (size_t j = 0; j < 4; j++)
                codes[i + 4 * f + j] |=
                    (uint8_t)((plane[4 * r + j] >> f * p->bits & mask) << p->shift);
        }
    }
}
