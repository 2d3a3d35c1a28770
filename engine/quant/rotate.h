/* rotate.h — a random rotation that costs O(width log width): rounds of random signs and fast
 * Walsh-Hadamard transforms, so that the energy of a vector spreads evenly over its coordinates
 * (Ailon and Chazelle, "The Fast Johnson-Lindenstrauss Transform", 2009; as in RaBitQ, Gao and
 * Long, SIGMOD 2024). Norms and distances are kept, up to rounding. Any width: a width that is no
 * power of two is covered by two transforms of the largest one inside it, at both ends, then by
 * sums and differences of its two halves, so that ends that hardly overlap mix as well, then by the
 * two again. Every instruction set gives the same bits. Nothing overflows while the norm of the row
 * does not.
 *
 * Ownership  a rotation is a plain value with its signs; rotation_done() frees them.
 * Threads    read-only once made.
 * Errors     VARVE_NO_MEMORY; VARVE_INVALID a width that is not 1 to ROTATE_WIDTH_MAX. */
#ifndef VARVE_QUANT_ROTATE_H
#define VARVE_QUANT_ROTATE_H

#include "base/status.h"

#define ROTATE_PADDING   64
#define ROTATE_WIDTH_MAX 65600 /* 65536, one more for inner product, and padding */

typedef struct rotation {
    uint32_t width;  /* of what goes in */
    uint32_t padded; /* of what comes out: the next multiple of 64; the rest is fed with zeros */
    uint64_t seed;
    uint8_t *signs;
} rotation;

/* Same width and seed: same rotation, for ever (it is part of file formats). */
VV_CHECKED varve_status rotation_init(rotation *r, uint32_t width, uint64_t seed, varve_error *err);
void rotation_done(rotation *r);
/* n × width floats into n × padded floats; they do not overlap. */
void rotation_apply(const rotation *r, const float *x, size_t n, float *ret);
/* Back: n × padded floats, which are overwritten, into n × width; they do not overlap. */
void rotation_invert(const rotation *r, float *x, size_t n, float *ret);

#endif
