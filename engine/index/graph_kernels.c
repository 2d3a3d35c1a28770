/* graph_kernels.c — the plain kernels, and the choice; see graph_kernels.h. */
#include "index/graph_kernels.h"

#include "base/bytes.h"
#include "base/half.h"
#include "distance/distance.h"
#include "index/graph_links.h"

/* ---- choice -------------------------------------------------------------------------------- */

void graph_isas(const graph_kernels *ret[GRAPH_ISAS_MAX])
{
    size_t count = 0;
#if defined(__x86_64__)
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                __builtin_cpu_supports("popcnt");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni"))
        ret[count++] = &graph_kernels_avx512;
    if (avx2) ret[count++] = &graph_kernels_avx2;
#endif
    ret[count++] = &graph_kernels_scalar;
    ret[count] = NULL;
}

const graph_kernels *graph_kernels_choose(void)
{
    const graph_kernels *offered[GRAPH_ISAS_MAX];
    const char *chosen = distance_isa();
    size_t i = 0;
    graph_isas(offered);
    while (offered[i + 1] && strcmp(offered[i]->name, chosen) != 0)
        i++;
    return offered[i];
}

/* ---- own vectors --------------------------------------------------------------------------- */

static float sum_lanes(const float *x)
{
    float sum[GRAPH_LANES];
    memcpy(sum, x, sizeof sum);
    for (size_t n = GRAPH_LANES / 2; n > 0; n /= 2) {
        for (size_t i = 0; i < n; i++)
            sum[i] += sum[i + n];
    }
    return sum[0];
}

static float own_none(const graph_point *p, const uint8_t *own)
{
    (void)p;
    (void)own;
    return 0;
}

static float own_bytes(const graph_point *p, const uint8_t *own)
{
    uint32_t sum = 0;
    float sums[GRAPH_LANES] = {0};
    if (p->bytes) {
        for (uint32_t i = 0; i < p->filled; i++) {
            int d = (int)p->bytes[i] - (int)own[i];
            sum += (uint32_t)(d * d);
        }
        return (float)sum * p->bytes_scale;
    }
    for (uint32_t i = 0; i < p->filled; i++) {
        float d = p->values[i] - (float)own[i];
        sums[i % GRAPH_LANES] += d * d;
    }
    return sum_lanes(sums) * p->bytes_scale;
}

static float own_halves(const graph_point *p, const uint8_t *own)
{
    float sums[GRAPH_LANES] = {0};
    for (uint32_t i = 0; i < p->filled; i++) {
        float d = p->values[i] - half_to_float(get_u16(own + 2 * (size_t)i));
        sums[i % GRAPH_LANES] += d * d;
    }
    return sum_lanes(sums);
}

static float own_scaled(const graph_point *p, const uint8_t *own)
{
    float sums[GRAPH_LANES] = {0}, scale = get_f32(own + p->filled);
    for (uint32_t i = 0; i < p->filled; i++) {
        float d = p->values[i] - scale * (float)(int8_t)own[i];
        sums[i % GRAPH_LANES] += d * d;
    }
    return sum_lanes(sums);
}

/* ---- codes --------------------------------------------------------------------------------- */

static graph_code_sums code(const float *center, const int16_t *values, float scale,
                            uint32_t padded, uint16_t *ret_signs)
{
    float squares[GRAPH_LANES] = {0}, lengths[GRAPH_LANES] = {0}, centers[GRAPH_LANES] = {0};
    for (uint32_t i = 0; i < padded; i += GRAPH_LANES) {
        unsigned signs = 0;
        for (uint32_t k = 0; k < GRAPH_LANES; k++) {
            float c = center[i + k], o = scale * (float)values[i + k] - c;
            signs |= (unsigned)(o > 0) << k;
            squares[k] += o * o;
            lengths[k] += fabsf(o);
            centers[k] += o > 0 ? c : -c;
        }
        ret_signs[i / GRAPH_LANES] = (uint16_t)signs;
    }
    return (graph_code_sums){sum_lanes(squares), sum_lanes(lengths), sum_lanes(centers)};
}

static void add_entries(const graph_point *p, const uint8_t *codes, uint32_t *sums)
{
    for (uint32_t at = 0; at < p->padded / 4; at++) {
        const uint8_t *table = p->tables + 16 * (size_t)at, *code = codes + 16 * (size_t)at;
        for (size_t i = 0; i < 16; i++) {
            sums[i] += table[code[i] & 15];
            sums[i + 16] += table[code[i] >> 4];
        }
    }
}

static uint32_t estimate(const graph_point *p, const uint8_t *group, const uint8_t *rows, float own,
                         float limit, uint32_t row_count, float *ret_keys, uint32_t *ret_bad)
{
    uint32_t sums[GRAPH_GROUP] = {0}, mask = 0, bad = 0;
    add_entries(p, group + GRAPH_GROUP * 4, sums);
    for (size_t i = 0; i < GRAPH_GROUP; i++) {
        float a = half_to_float(get_u16(group + 2 * i));
        float b = half_to_float(get_u16(group + 2 * (GRAPH_GROUP + i)));
        float product = (float)sums[i] * p->per_sum - p->bias;
        uint32_t row = get_u32(rows + 4 * i);
        ret_keys[i] = (own + a) + b * product;
        mask |= (uint32_t)(ret_keys[i] < limit && row < row_count) << i;
        bad |= (uint32_t)(row >= row_count && row != GRAPH_NONE) << i;
    }
    *ret_bad = bad;
    return mask;
}

/* ---- frontier ------------------------------------------------------------------------------ */

static void join(graph_frontier *f, const uint8_t *rows, const float *keys, uint32_t mask,
                 uint32_t hidden)
{
    for (uint32_t left = mask; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        f->keys[f->count] = hidden >> i & 1 ? INFINITY : keys[i];
        f->waiting[f->count] = keys[i];
        f->rows[f->count++] = get_u32(rows + 4 * (size_t)i);
    }
    graph_frontier_close(f);
}

static size_t below(const graph_frontier *f, float limit)
{
    size_t count = 0;
    for (size_t i = 0; i < f->count; i++)
        count += f->keys[i] < limit;
    return count;
}

static size_t next(const graph_frontier *f, size_t breadth)
{
    size_t best = SIZE_MAX;
    float key = INFINITY;
    for (size_t i = 0; i < f->count; i++) {
        if (!(f->waiting[i] < key)) continue;
        key = f->waiting[i];
        best = i;
    }
    return best != SIZE_MAX && below(f, key) < breadth ? best : SIZE_MAX;
}

static void keep(graph_frontier *f, float limit)
{
    size_t count = 0;
    for (size_t i = 0; i < f->count; i++) {
        bool stays = f->keys[i] < limit || f->waiting[i] < limit;
        f->keys[count] = f->keys[i];
        f->waiting[count] = f->waiting[i];
        f->rows[count] = f->rows[i];
        count += stays;
    }
    f->count = count;
    graph_frontier_close(f);
}

const graph_kernels graph_kernels_scalar = {
    .name = "scalar",
    .code = code,
    .own = {own_none, own_bytes, own_halves, own_scaled},
    .estimate = estimate,
    .join = join,
    .next = next,
    .below = below,
    .keep = keep,
};
