/* rotate.c — signs of a rotation, and its use on rows. */
#include "quant/rotate.h"

#include "base/bytes.h"
#include "base/random.h"
#include "quant/quant_kernels.h"
#include "quant/rotate_body.h"

#include <stdlib.h>

varve_status rotation_init(rotation *r, uint32_t width, uint64_t seed, varve_error *err)
{
    random_state random;
    if (width == 0 || width > ROTATE_WIDTH_MAX)
        return vv_fail(err, VARVE_INVALID, "a rotation of %u coordinates, not 1 to %d", width,
                       ROTATE_WIDTH_MAX);
    uint32_t padded = (width + ROTATE_PADDING - 1) / ROTATE_PADDING * ROTATE_PADDING;
    size_t bytes = rotate_rounds(padded) * padded / 8;
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

void rotation_apply(const rotation *r, const float *x, size_t n, float *ret)
{
    const quant_isa_kernels *isa = quant_isa_choose();
    for (size_t i = 0; i < n; i++) {
        float *to = ret + i * r->padded;
        memcpy(to, x + i * r->width, r->width * sizeof *to);
        memset(to + r->width, 0, (r->padded - r->width) * sizeof *to);
        isa->rotate(r, false, to);
    }
}

void rotation_invert(const rotation *r, float *x, size_t n, float *ret)
{
    const quant_isa_kernels *isa = quant_isa_choose();
    for (size_t i = 0; i < n; i++) {
        float *from = x + i * r->padded;
        isa->rotate(r, true, from);
        memcpy(ret + i * r->width, from, r->width * sizeof *ret);
    }
}
