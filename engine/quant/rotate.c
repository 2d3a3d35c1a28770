/* rotate.c — signs of a rotation, and its rounds over rows. */
#include "quant/rotate.h"

#include "base/bytes.h"
#include "base/random.h"

#include <stdlib.h>
#include <string.h>

#include "quant/rotate_body.h"

#define ROUNDS_WHOLE 3 /* a power of two: every round mixes all coordinates */
#define ROUNDS_ENDS  4 /* else: both ends, twice */

static size_t transform_width(size_t padded)
{
    size_t p = ROTATE_PADDING;
    while (2 * p <= padded)
        p *= 2;
    return p;
}

static size_t rounds_of(size_t padded)
{
    return transform_width(padded) == padded ? ROUNDS_WHOLE : ROUNDS_ENDS;
}

varve_status rotation_init(rotation *r, uint32_t width, uint64_t seed, varve_error *err)
{
    random_state random;
    if (width == 0 || width > ROTATE_WIDTH_MAX)
        return vv_fail(err, VARVE_INVALID, "a rotation of %u coordinates, not 1 to %u", width,
                       ROTATE_WIDTH_MAX);
    uint32_t padded = (width + ROTATE_PADDING - 1) / ROTATE_PADDING * ROTATE_PADDING;
    size_t bytes = rounds_of(padded) * padded / 8;
    uint8_t *signs = malloc(bytes);
    if (!signs) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a rotation");
    random_seed(&random, seed);
    for (size_t i = 0; i < bytes; i += 8)
        put_u64(signs + i, random_u64(&random));
    *r = (rotation){.width = width, .padded = padded, .seed = seed, .signs = signs};
    return VARVE_OK;
}

void rotation_done(rotation *r)
{
    free(r->signs);
    r->signs = NULL;
}

static void rotate_row(const rotation *r, float *x)
{
    size_t p = transform_width(r->padded), rounds = rounds_of(r->padded);
    for (size_t round = 0; round < rounds; round++) {
        size_t at = round % 2 == 0 ? 0 : r->padded - p;
        bool halves = p < r->padded && round == 1; /* every coordinate was transformed by then */
        rotate_round(x, r->padded, p, at, halves, r->signs + round * (r->padded / 8));
    }
}

void rotation_apply(const rotation *r, const float *x, size_t n, float *ret)
{
    for (size_t i = 0; i < n; i++) {
        float *to = ret + i * r->padded;
        memcpy(to, x + i * r->width, r->width * sizeof *to);
        memset(to + r->width, 0, (r->padded - r->width) * sizeof *to);
        rotate_row(r, to);
    }
}
