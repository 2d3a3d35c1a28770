/* reader_npy.c — NumPy arrays of two dimensions: one row per vector.
 *
 *   offset size
 *        0    6  "\x93NUMPY"
 *        6    1  major version: 1, 2 or 3
 *        7    1  minor version
 *        8    2  length of the header (version 1), or 4 bytes (2 and 3); little-endian
 *             n  a Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 *             …  the values, row after row
 *
 * Taken: float32, float16, uint8, int8, little-endian, C order. Others are refused by name.
 * Source: NumPy's format description (numpy.lib.format). */
#include "reader.h"

#include "floats.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES_MAX ((size_t)1 << 16)

typedef struct npy {
    input *in;
    varve_dtype type;
    uint64_t rows, rows_read;
    size_t dim, row_bytes;
} npy;

/* ---- the header's dictionary ---- */

typedef struct cursor { /* text ends with a NUL */
    const char *at;
} cursor;

typedef struct header {
    char descr[16];
    bool has_descr, has_order, has_shape, fortran_order;
    uint64_t shape[8];
    size_t shape_count;
} header;

static void skip_spaces(cursor *c)
{
    while (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r')
        c->at++;
}

static bool take(cursor *c, const char *text)
{
    size_t n = strlen(text);
    skip_spaces(c);
    if (strncmp(c->at, text, n) != 0) return false;
    c->at += n;
    return true;
}

static bool take_string(cursor *c, char *ret, size_t size)
{
    skip_spaces(c);
    char quote = *c->at;
    if (quote != '\'' && quote != '"') return false;
    const char *from = c->at + 1, *end = strchr(from, quote);
    if (!end || (size_t)(end - from) >= size) return false;
    memcpy(ret, from, (size_t)(end - from));
    ret[end - from] = '\0';
    c->at = end + 1;
    return true;
}

static bool take_number(cursor *c, uint64_t *ret)
{
    uint64_t value = 0;
    skip_spaces(c);
    const char *from = c->at;
    for (; *c->at >= '0' && *c->at <= '9'; c->at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*c->at - '0'), &value))
            return false;
    *ret = value;
    return c->at > from;
}

static bool take_shape(cursor *c, header *h)
{
    if (!take(c, "(")) return false;
    while (!take(c, ")")) {
        if (h->shape_count == VV_COUNT(h->shape)) return false;
        if (!take_number(c, &h->shape[h->shape_count++])) return false;
        if (!take(c, ",")) return take(c, ")");
    }
    return true;
}

static bool take_member(cursor *c, header *h)
{
    char key[16];
    if (!take_string(c, key, sizeof key) || !take(c, ":")) return false;
    if (strcmp(key, "descr") == 0 && !h->has_descr)
        return h->has_descr = take_string(c, h->descr, sizeof h->descr);
    if (strcmp(key, "shape") == 0 && !h->has_shape) return h->has_shape = take_shape(c, h);
    if (strcmp(key, "fortran_order") != 0 || h->has_order) return false;
    h->fortran_order = take(c, "True");
    return h->has_order = h->fortran_order || take(c, "False");
}

static bool take_header(cursor *c, header *h)
{
    if (!take(c, "{")) return false;
    while (!take(c, "}")) {
        if (!take_member(c, h)) return false;
        if (take(c, ",")) continue;
        if (!take(c, "}")) return false;
        break;
    }
    skip_spaces(c);
    return *c->at == '\0' && h->has_descr && h->has_order && h->has_shape;
}

/* ---- the file ---- */

static const struct {
    const char *descr;
    varve_dtype type;
} dtypes[] = {
    {"<f4", VARVE_FLOAT32}, {"<f2", VARVE_FLOAT16}, {"|u1", VARVE_UINT8}, {"|i1", VARVE_INT8}};

static varve_status read_header_text(input *in, char *ret, varve_error *err)
{
    uint8_t head[12];
    size_t got, len;
    VV_TRY(input_read(in, head, 8, &got, err));
    if (got < 8 || memcmp(head, "\x93NUMPY", 6) != 0)
        return vv_fail(err, VARVE_INVALID, "%s is not an npy file", input_name(in));
    if (head[6] < 1 || head[6] > 3)
        return vv_fail(err, VARVE_INVALID, "%s: npy version %u.%u is not known (1, 2 and 3 are)",
                       input_name(in), head[6], head[7]);
    size_t length_bytes = head[6] == 1 ? 2 : 4;
    VV_TRY(input_read(in, head + 8, length_bytes, &got, err));
    if (got < length_bytes)
        return vv_fail(err, VARVE_INVALID, "%s ends in its npy header", input_name(in));
    len = head[6] == 1 ? get_u16(head + 8) : get_u32(head + 8);
    if (len > HEADER_BYTES_MAX)
        return vv_fail(err, VARVE_INVALID, "%s: an npy header of %zu bytes is too long",
                       input_name(in), len);
    VV_TRY(input_read(in, ret, len, &got, err));
    if (got < len || memchr(ret, '\0', len))
        return vv_fail(err, VARVE_INVALID, "%s ends in its npy header", input_name(in));
    ret[len] = '\0';
    return VARVE_OK;
}

static varve_status accept_header(npy *n, const header *h, varve_error *err)
{
    const char *name = input_name(n->in);
    size_t i = 0;
    while (i < VV_COUNT(dtypes) && strcmp(dtypes[i].descr, h->descr) != 0)
        i++;
    if (i == VV_COUNT(dtypes))
        return vv_fail(err, VARVE_UNSUPPORTED,
                       "%s holds values of NumPy type '%s'; float32, float16, uint8 and int8 "
                       "(little-endian) can be read",
                       name, h->descr);
    if (h->shape_count != 2)
        return vv_fail(err, VARVE_INVALID, "%s has %zu dimensions, not 2 (rows, values)", name,
                       h->shape_count);
    if (h->fortran_order)
        return vv_fail(err, VARVE_UNSUPPORTED,
                       "%s is in Fortran order; save it with numpy.ascontiguousarray()", name);
    if (h->shape[1] < 1 || h->shape[1] > BATCH_DIM_MAX)
        return vv_fail(err, VARVE_LIMIT, "%s has rows of %llu values; 1 to %zu can be read", name,
                       (unsigned long long)h->shape[1], BATCH_DIM_MAX);
    n->type = dtypes[i].type;
    n->rows = h->shape[0];
    n->dim = (size_t)h->shape[1];
    n->row_bytes = varve_dtype_row_bytes(n->type, n->dim);
    return VARVE_OK;
}

static varve_status read_header(npy *n, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *text = malloc(HEADER_BYTES_MAX + 1);
    header h = {0};
    if (!text) return vv_fail(err, VARVE_NO_MEMORY, "no memory for an npy header");
    VV_TRY(read_header_text(n->in, text, err));
    if (!take_header(&(cursor){text}, &h))
        return vv_fail(err, VARVE_INVALID, "%s: the npy header cannot be read", input_name(n->in));
    return accept_header(n, &h, err);
}

static varve_status open_npy(input *in, const reader_options *options, void **ret_state,
                             varve_error *err)
{
    VV_CLEANUP(vv_freep) npy *n = calloc(1, sizeof *n);
    (void)options;
    if (!n) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a reader");
    n->in = in;
    VV_TRY(read_header(n, err));
    *ret_state = n;
    n = NULL;
    return VARVE_OK;
}

static varve_status read_rows(npy *n, void *to, size_t rows, varve_error *err)
{
    size_t got;
    VV_TRY(input_read(n->in, to, rows * n->row_bytes, &got, err));
    if (got < rows * n->row_bytes)
        return vv_fail(err, VARVE_INVALID, "%s ends in row %llu of the %llu its header promises",
                       input_name(n->in), (unsigned long long)(n->rows_read + got / n->row_bytes),
                       (unsigned long long)n->rows);
    n->rows_read += rows;
    return VARVE_OK;
}

static varve_status check_end(npy *n, varve_error *err)
{
    const uint8_t *more;
    size_t len;
    VV_TRY(input_peek(n->in, 1, &more, &len, err));
    if (len > 0)
        return vv_fail(err, VARVE_INVALID, "%s goes on after the %llu rows its header promises",
                       input_name(n->in), (unsigned long long)n->rows);
    return VARVE_OK;
}

static varve_status next_npy(void *state, batch *b, varve_error *err)
{
    npy *n = state;
    void *space;
    if (n->rows_read == n->rows) return check_end(n, err);
    uint64_t left = n->rows - n->rows_read;
    size_t rows = batch_room(b, n->row_bytes);
    if (rows > left) rows = (size_t)left;
    varve_status status = batch_reserve_vectors(b, n->type, n->dim, rows, &space, err);
    if (status != VARVE_OK) {
        vv_error_prefix(err, "%s", input_name(n->in));
        return status;
    }
    VV_TRY(read_rows(n, space, rows, err));
    batch_vectors_added(b, rows);
    return VARVE_OK;
}

const reader_type reader_npy = {"npy", ".npy", open_npy, next_npy, free};

/* ---- one row ---- */

varve_status reader_npy_row(const char *path, uint64_t row, float **ret_vector, size_t *ret_dim,
                            varve_error *err)
{
    VV_CLEANUP(input_closep) input *in = NULL;
    npy n = {0};
    VV_TRY(input_open(path, &in, err));
    n.in = in;
    VV_TRY(read_header(&n, err));
    if (row >= n.rows)
        return vv_fail(err, VARVE_INVALID, "%s has no row %llu: it has %llu, counted from 0", path,
                       (unsigned long long)row, (unsigned long long)n.rows);
    VV_CLEANUP(vv_freep) uint8_t *bytes = malloc(n.row_bytes);
    VV_CLEANUP(vv_freep) float *vector = calloc(n.dim, sizeof *vector);
    if (!bytes || !vector) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a row");
    for (uint64_t i = 0; i <= row; i++)
        VV_TRY(read_rows(&n, bytes, 1, err));
    floats_of_row(n.type, n.dim, bytes, vector);
    *ret_vector = vector;
    vector = NULL;
    *ret_dim = n.dim;
    return VARVE_OK;
}
