/* random.h — reproducible random numbers: xoshiro256** seeded by splitmix64 (Blackman and Vigna,
 * 2018). Not for secrets. One generator belongs to one thread. */
#ifndef VARVE_BASE_RANDOM_H
#define VARVE_BASE_RANDOM_H

#include <stdint.h>

typedef struct random_state {
    uint64_t s[4];
} random_state;

void random_seed(random_state *r, uint64_t seed);
uint64_t random_u64(random_state *r);
uint64_t random_below(random_state *r, uint64_t bound); /* uniform in [0, bound); bound > 0 */
double random_unit(random_state *r);                    /* [0, 1) */
float random_gauss(random_state *r);                    /* mean 0, variance 1 */

#endif
