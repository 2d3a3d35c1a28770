/* bit_count.c — sixteen words are first added up as columns of bits by carry-save adders, which
 * takes five plain operations a word, and only the carries of sixteen are counted (Harley and Seal;
 * Warren, Hacker's Delight, 5-1). Without an instruction for it, as compilers may not assume one,
 * counting word by word is a call into a table each. */
#include "base/bit_count.h"

static uint64_t count_word(uint64_t x)
{
    x -= x >> 1 & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
    x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return x * UINT64_C(0x0101010101010101) >> 56;
}

/* a + b + *sum, bit by bit: the sum stays, the carry is returned. */
static uint64_t add(uint64_t *sum, uint64_t a, uint64_t b)
{
    uint64_t half = a ^ b, carry = (a & b) | (half & *sum);
    *sum ^= half;
    return carry;
}

typedef struct sums { /* of the columns: bits that weigh 1, 2, 4, 8 */
    uint64_t ones, twos, fours, eights;
} sums;

static uint64_t add_four(sums *s, const uint64_t *w)
{
    uint64_t a = add(&s->ones, w[0], w[1]), b = add(&s->ones, w[2], w[3]);
    return add(&s->twos, a, b);
}

static uint64_t add_eight(sums *s, const uint64_t *w)
{
    uint64_t a = add_four(s, w), b = add_four(s, w + 4);
    return add(&s->fours, a, b);
}

uint64_t bit_count(const uint64_t *words, size_t count)
{
    sums s = {0};
    uint64_t sixteens = 0, rest = 0;
    size_t i = 0;
    for (; count - i >= 16; i += 16) {
        uint64_t a = add_eight(&s, words + i), b = add_eight(&s, words + i + 8);
        sixteens += count_word(add(&s.eights, a, b));
    }
    for (; i < count; i++)
        rest += count_word(words[i]);
    return 16 * sixteens + 8 * count_word(s.eights) + 4 * count_word(s.fours) +
           2 * count_word(s.twos) + count_word(s.ones) + rest;
}
