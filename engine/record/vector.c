/* vector.c — any vector type to any other, by way of floats, in pieces of 64 dimensions: every
 * other type is exact in float32, so that one check per target is enough. The loops run a fixed
 * number of times without a branch inside, so that the compiler turns them into vector
 * instructions; a piece is looked at again, value by value, only when something was wrong in it. */
#include "record/vector.h"
#include "base/half.h"

#include <assert.h>
#include <math.h>

#define PIECE       64 /* whole bytes of BINARY */
#define VALUE_MAX   4  /* bytes */
#define BITS_OF_INF 0x7f800000u
#define HALF_INF    0x7c00u

/* ---- in: values [at, at + n) of a row as floats, zeros behind them */

static void load_float32(const uint8_t *row, size_t at, size_t n, float ret[PIECE])
{
    memcpy(ret, row + at * 4, n * 4);
    if (n < PIECE) memset(ret + n, 0, (PIECE - n) * 4);
}

static void load_float16(const uint8_t *row, size_t at, size_t n, float ret[PIECE])
{
    uint16_t halves[PIECE] = {0};
    memcpy(halves, row + at * 2, n * 2);
    for (size_t i = 0; i < PIECE; i++)
        ret[i] = half_to_float(halves[i]);
}

static void load_uint8(const uint8_t *row, size_t at, size_t n, float ret[PIECE])
{
    uint8_t bytes[PIECE] = {0};
    memcpy(bytes, row + at, n);
    for (size_t i = 0; i < PIECE; i++)
        ret[i] = (float)bytes[i];
}

static void load_int8(const uint8_t *row, size_t at, size_t n, float ret[PIECE])
{
    int8_t bytes[PIECE] = {0};
    memcpy(bytes, row + at, n);
    for (size_t i = 0; i < PIECE; i++)
        ret[i] = (float)bytes[i];
}

static void load_binary(const uint8_t *row, size_t at, size_t n, float ret[PIECE])
{
    uint8_t bytes[PIECE / 8] = {0};
    memcpy(bytes, row + at / 8, (n + 7) / 8);
    for (size_t i = 0; i < PIECE; i++)
        ret[i] = i < n ? (float)(bytes[i / 8] >> i % 8 & 1) : 0.0f;
}

/* ---- out: false when a value does not fit. All PIECE values are written. */

static bool is_finite(const float in[PIECE])
{
    uint32_t bits[PIECE], bad = 0;
    memcpy(bits, in, sizeof bits);
    for (size_t i = 0; i < PIECE; i++)
        bad |= (bits[i] & BITS_OF_INF) == BITS_OF_INF;
    return !bad;
}

static bool save_float32(const float in[PIECE], uint8_t *ret)
{
    memcpy(ret, in, PIECE * 4);
    return is_finite(in);
}

static bool save_float16(const float in[PIECE], uint8_t *ret)
{
    uint16_t halves[PIECE];
    uint32_t bad = 0;
    for (size_t i = 0; i < PIECE; i++) {
        halves[i] = half_from_float(in[i]);
        bad |= (halves[i] & HALF_INF) == HALF_INF;
    }
    memcpy(ret, halves, sizeof halves);
    return !bad;
}

/* Clamped before the conversion, which is undefined out of range; NaN becomes low and differs. */
static bool save_integer(const float in[PIECE], float low, float high, uint8_t *ret)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < PIECE; i++) {
        float above = in[i] > low ? in[i] : low;
        int32_t value = (int32_t)(above < high ? above : high);
        bad |= (float)value != in[i];
        ret[i] = (uint8_t)value;
    }
    return !bad;
}

static bool save_uint8(const float in[PIECE], uint8_t *ret)
{
    return save_integer(in, 0.0f, 255.0f, ret);
}

static bool save_int8(const float in[PIECE], uint8_t *ret)
{
    return save_integer(in, -128.0f, 127.0f, ret);
}

static bool save_binary(const float in[PIECE], uint8_t *ret)
{
    for (size_t i = 0; i < PIECE; i += 8) {
        unsigned byte = 0;
        for (size_t bit = 0; bit < 8; bit++)
            byte |= (unsigned)(in[i + bit] > 0.5f) << bit;
        ret[i / 8] = (uint8_t)byte;
    }
    return is_finite(in);
}

static const struct {
    void (*load)(const uint8_t *row, size_t at, size_t n, float ret[PIECE]);
    bool (*save)(const float in[PIECE], uint8_t *ret);
    const char *complaint;
} types[VARVE_DTYPE_COUNT] = {
    {load_float32, save_float32, "is not a finite number"},
    {load_float16, save_float16, "does not fit float16"},
    {load_uint8, save_uint8, "is not an integer from 0 to 255"},
    {load_int8, save_int8, "is not an integer from -128 to 127"},
    {load_binary, save_binary, "is not a finite number"},
};

/* ---- rows ---------------------------------------------------------------------------------- */

/* Which one was it? */
static varve_status complain(const float in[PIECE], varve_dtype to, size_t row, size_t at,
                             varve_error *err)
{
    uint8_t saved[PIECE * VALUE_MAX];
    for (size_t i = 0; i < PIECE; i++) {
        float one[PIECE] = {in[i]};
        if (types[to].save(one, saved)) continue;
        const char *complaint =
            isfinite(in[i]) ? types[to].complaint : types[VARVE_FLOAT32].complaint;
        return vv_fail(err, VARVE_INVALID, "vectors[%zu][%zu]: %.9g %s", row, at + i, (double)in[i],
                       complaint);
    }
    return vv_fail(err, VARVE_INTERNAL, "vectors[%zu]: refused without a reason", row);
}

static varve_status convert_row(varve_dtype from, const uint8_t *in, varve_dtype to, uint8_t *ret,
                                size_t dim, size_t row, varve_error *err)
{
    float values[PIECE];
    uint8_t saved[PIECE * VALUE_MAX];
    for (size_t at = 0; at < dim; at += PIECE) {
        size_t n = VV_MIN(dim - at, PIECE);
        types[from].load(in, at, n, values);
        if (!types[to].save(values, saved)) return complain(values, to, row, at, err);
        memcpy(ret + varve_dtype_row_bytes(to, at), saved, varve_dtype_row_bytes(to, n));
    }
    return VARVE_OK;
}

static bool halves_finite(const uint8_t *row, size_t dim)
{
    uint32_t bad = 0;
    for (size_t at = 0; at < dim; at += PIECE) {
        uint16_t halves[PIECE] = {0};
        memcpy(halves, row + at * 2, VV_MIN(dim - at, PIECE) * 2);
        for (size_t i = 0; i < PIECE; i++)
            bad |= (halves[i] & HALF_INF) == HALF_INF;
    }
    return !bad;
}

static varve_status copy_row(varve_dtype type, const uint8_t *in, uint8_t *ret, size_t dim,
                             size_t row, varve_error *err)
{
    size_t bytes = varve_dtype_row_bytes(type, dim);
    if (type == VARVE_FLOAT32 || (type == VARVE_FLOAT16 && !halves_finite(in, dim)))
        return convert_row(type, in, type, ret, dim, row, err);
    memcpy(ret, in, bytes);
    if (type == VARVE_BINARY && dim % 8)
        ret[bytes - 1] = (uint8_t)(ret[bytes - 1] & ((1u << dim % 8) - 1));
    return VARVE_OK;
}

varve_status vector_convert(varve_dtype from, const void *in, varve_dtype to, void *ret,
                            size_t rows, size_t dim, size_t first_row, varve_error *err)
{
    const uint8_t *source = in;
    uint8_t *target = ret;
    assert((unsigned)from < VARVE_DTYPE_COUNT && (unsigned)to < VARVE_DTYPE_COUNT);
    for (size_t row = 0; row < rows; row++) {
        if (from == to)
            VV_TRY(copy_row(to, source, target, dim, first_row + row, err));
        else
            VV_TRY(convert_row(from, source, to, target, dim, first_row + row, err));
        source += varve_dtype_row_bytes(from, dim);
        target += varve_dtype_row_bytes(to, dim);
    }
    return VARVE_OK;
}

void vector_to_float(varve_dtype type, const void *row, size_t dim, float *ret)
{
    float values[PIECE];
    if (type == VARVE_FLOAT32) {
        if (dim) memcpy(ret, row, dim * sizeof *ret);
        return;
    }
    for (size_t at = 0; at < dim; at += PIECE) {
        size_t n = VV_MIN(dim - at, PIECE);
        types[type].load(row, at, n, values);
        memcpy(ret + at, values, n * sizeof *ret);
    }
}
