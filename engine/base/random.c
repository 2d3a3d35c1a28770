/* random.c — xoshiro256**, seeded by splitmix64; Lemire's bounded numbers; Marsaglia's polar
 * method for the normal distribution. */
#include "base/random.h"

#include <math.h>

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t x, int bits) { return (x << bits) | (x >> (64 - bits)); }

void random_seed(random_state *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix64(&seed);
}

uint64_t random_u64(random_state *r)
{
    uint64_t *s = r->s, result = rotate_left(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* The high half of a 128-bit product is uniform once the few low halves that would favour some
 * results are drawn again. */
uint64_t random_below(random_state *r, uint64_t bound)
{
    unsigned __int128 product = (unsigned __int128)random_u64(r) * bound;
    if ((uint64_t)product < bound) {
        uint64_t threshold = -bound % bound;
        while ((uint64_t)product < threshold)
            product = (unsigned __int128)random_u64(r) * bound;
    }
    return (uint64_t)(product >> 64);
}

double random_unit(random_state *r) { return (double)(random_u64(r) >> 11) * 0x1p-53; }

float random_gauss(random_state *r)
{
    for (;;) {
        double x = 2 * random_unit(r) - 1, y = 2 * random_unit(r) - 1, square = x * x + y * y;
        if (square > 0 && square < 1) return (float)(x * sqrt(-2 * log(square) / square));
    }
}
