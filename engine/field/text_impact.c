/* text_impact.c — the bound of a block of postings: a few pairs of tf and length, such that every
 * posting has at most the tf and at least the length of one of them. Which score they make is known
 * only when somebody asks, with the average length of then. */
#include "field/text_inner.h"

#define LENGTH_NONE UINT16_MAX
#define DEFAULT_K1  1.2
#define DEFAULT_B   0.75
#define LENGTH_LAST (UINT16_MAX - 1) /* longer ones count as this, which bounds them */

typedef struct pair {
    uint8_t tf;
    uint16_t length;
} pair;

static uint8_t short_tf(uint32_t tf) { return (uint8_t)VV_MIN(tf, TEXT_IMPACT_TF_ANY); }
static uint16_t short_length(uint32_t length) { return (uint16_t)VV_MIN(length, LENGTH_LAST); }

void text_impact_init(text_impact *i)
{
    i->tf_max = 0;
    i->path_tf = 0;
    i->path_length = LENGTH_LAST;
}

static void add(text_impact *i, uint8_t tf, uint16_t length)
{
    for (; i->tf_max < tf; i->tf_max++)
        i->length_min[i->tf_max + 1] = LENGTH_NONE;
    if (length < i->length_min[tf]) i->length_min[tf] = length;
}

void text_impact_add(text_impact *i, uint32_t tf, uint32_t length)
{
    add(i, short_tf(tf), short_length(length));
}

void text_impact_add_path(text_impact *i, uint32_t tf, uint32_t length)
{
    i->path_tf = VV_MAX(i->path_tf, short_tf(tf));
    i->path_length = VV_MIN(i->path_length, short_length(length));
}

void text_impact_merge(text_impact *i, const uint8_t *written)
{
    for (size_t n = 0; n < TEXT_IMPACT_PAIRS; n++, written += TEXT_IMPACT_PAIR_BYTES)
        add(i, written[0], get_u16(written + 1));
    text_impact_add_path(i, written[0], get_u16(written + 1));
}

static double score(pair p, double average)
{
    return p.tf / (p.tf + DEFAULT_K1 * (1 - DEFAULT_B + DEFAULT_B * p.length / average));
}

/* Merge two neighbours into the pair of the larger tf and the lesser length: those that lose least. */
static size_t drop_one(pair *pairs, size_t count, double average)
{
    size_t best = 0;
    double loss_min = 2;
    for (size_t n = 0; n + 1 < count; n++) {
        pair merged = {pairs[n].tf, pairs[n + 1].length};
        double loss = score(merged, average) - score(pairs[n], average);
        if (loss < loss_min) {
            loss_min = loss;
            best = n;
        }
    }
    pairs[best].length = pairs[best + 1].length;
    memmove(&pairs[best + 1], &pairs[best + 2], (count - best - 2) * sizeof *pairs);
    return count - 1;
}

void text_impact_write(const text_impact *i, double average, uint8_t *ret)
{
    pair pairs[TEXT_IMPACT_TF_ANY];
    size_t count = 0;
    uint16_t length = LENGTH_NONE; /* least so far, of the larger tfs */
    for (unsigned tf = i->tf_max; tf > 0; tf--) {
        if (i->length_min[tf] >= length) continue;
        length = i->length_min[tf];
        pairs[count++] = (pair){(uint8_t)tf, length};
    }
    while (count > TEXT_IMPACT_PAIRS)
        count = drop_one(pairs, count, average > 0 ? average : 1);
    for (size_t n = 0; n < TEXT_IMPACT_PAIRS; n++, ret += TEXT_IMPACT_PAIR_BYTES) {
        pair p = count ? pairs[VV_MIN(n, count - 1)] : (pair){0, 0};
        ret[0] = p.tf;
        put_u16(ret + 1, p.length);
    }
    ret[0] = i->path_tf;
    put_u16(ret + 1, i->path_length);
    ret[3] = 0;
}
