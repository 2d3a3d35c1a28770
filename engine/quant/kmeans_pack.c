/* kmeans_pack.c — centroids packed in panels for the kernels. */
#include "quant/kmeans_private.h"
#include "quant/quant_private.h"

#include <math.h>
#include <stdlib.h>

/* The power of two that brings the largest coordinate of the centroids, seen from their mean, to
 * [1, 2), unless it is moderate already. */
static float choose_scale(const kmeans_centroids *c)
{
    double largest = 0;
    int exponent;
    for (size_t i = 0; i < c->k; i++) {
        for (size_t d = 0; d < c->width; d++) {
            double v = (double)c->plain[i * c->width + d] - (double)c->origin[d];
            largest = fmax(largest, fabs(v));
        }
    }
    if (largest == 0) return 1;
    (void)frexp(largest, &exponent);
    if (abs(exponent) < 20) return 1;
    return ldexpf(1, VV_MAX(-126, VV_MIN(1 - exponent, 126)));
}

static void pack_centroid(kmeans_centroids *c, size_t i)
{
    size_t lanes = c->isa->tile->centroids;
    float *panel = c->packed + i / lanes * lanes * c->width + i % lanes;
    double norm = 0, scale = (double)c->scale;
    for (size_t d = 0; d < c->width; d++) {
        double v = (double)c->plain[i * c->width + d] - (double)c->origin[d];
        float packed = (float)(v * scale);
        panel[d * lanes] = packed;
        norm += (double)packed * (double)packed;
    }
    c->half_norms[i] = (float)(norm / 2);
}

varve_status kmeans_centroids_init(kmeans_centroids *c, const quant_isa_kernels *isa,
                                   const float *plain, size_t k, size_t width, varve_error *err)
{
    size_t lanes = isa->tile->centroids, panels = (k + lanes - 1) / lanes, floats;
    if (!size_mul(panels * lanes, width + 1, &floats) || !size_add(floats, width, &floats) ||
        floats > SIZE_MAX / sizeof(float))
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu centroids", k);
    *c = (kmeans_centroids){.plain = plain, .k = k, .width = width, .panels = panels, .isa = isa};
    VV_TRY(quant_alloc(floats * sizeof(float), &c->memory, err));
    c->packed = c->memory;
    c->half_norms = c->packed + panels * lanes * width;
    c->origin = c->half_norms + panels * lanes;
    quant_mean(plain, k, width, c->origin);
    c->scale = choose_scale(c);
    for (size_t i = 0; i < k; i++)
        pack_centroid(c, i);
    for (size_t i = k; i < panels * lanes; i++)
        c->half_norms[i] = INFINITY;
    return VARVE_OK;
}

void kmeans_centroids_done(kmeans_centroids *c)
{
    free(c->memory);
    c->memory = NULL;
}
