/* bulk_npy.c — rows as a .npy file.
 *
 *   offset size
 *     0     6   "\x93NUMPY"
 *     6     2   version: 1.0, 2.0 or 3.0
 *     8   2 | 4 length of the header: u16 in version 1, u32 after
 *               header: {'descr': '<f4', 'fortran_order': False, 'shape': (rows, dim), }
 *               rows x dim values
 */
#include "bulk_formats.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NPY_START_BYTES = 8, NPY_HEADER_MAX = 1 << 16 };

typedef struct npy {
    uint64_t rows, dim;
    varve_dtype dtype;
} npy;

/* What follows 'key': in the header; NULL when it is not there. */
static const char *value_of(const char *header, const char *key)
{
    char quoted[32];
    snprintf(quoted, sizeof quoted, "'%s'", key);
    const char *at = strstr(header, quoted);
    if (!at) return NULL;
    at += strlen(quoted);
    at += strspn(at, " ");
    if (*at++ != ':') return NULL;
    return at + strspn(at, " ");
}

static varve_status read_descr(const char *header, npy *ret, varve_error *err)
{
    static const struct {
        const char *descr;
        varve_dtype dtype;
    } types[] = {{"'<f4'", VARVE_FLOAT32}, {"'<f2'", VARVE_FLOAT16}, {"'|u1'", VARVE_UINT8},
                 {"'u1'", VARVE_UINT8},    {"'|i1'", VARVE_INT8},    {"'i1'", VARVE_INT8}};
    const char *descr = value_of(header, "descr");
    for (size_t i = 0; descr && i < VV_COUNT(types); i++) {
        if (strncmp(descr, types[i].descr, strlen(types[i].descr)) != 0) continue;
        ret->dtype = types[i].dtype;
        return VARVE_OK;
    }
    return vv_fail(err, VARVE_INVALID, "npy: descr %.16s is not '<f4', '<f2', '|u1' or '|i1'",
                   descr ? descr : "missing");
}

/* Digits from *at on. */
static bool read_number(const char **at, uint64_t *ret)
{
    char *end;
    if (**at < '0' || **at > '9') return false;
    *ret = strtoull(*at, &end, 10);
    *at = end + strspn(end, " ");
    return true;
}

static varve_status read_shape(const char *header, npy *ret, varve_error *err)
{
    const char *at = value_of(header, "shape");
    bool ok = at && *at++ == '(' && read_number(&at, &ret->rows) && *at++ == ',';
    if (ok) at += strspn(at, " ");
    ok = ok && read_number(&at, &ret->dim);
    if (ok && *at == ',') at += 1 + strspn(at + 1, " ");
    if (ok && *at == ')') return VARVE_OK;
    return vv_fail(err, VARVE_INVALID, "npy: the array is not two-dimensional");
}

static varve_status read_header(bulk_stream *in, npy *ret, varve_error *err)
{
    const char *bytes, *order;
    VV_TRY(bulk_stream_bytes(in, NPY_START_BYTES, &bytes, err));
    if (memcmp(bytes, "\x93NUMPY", 6) != 0 || bytes[6] < 1 || bytes[6] > 3)
        return vv_fail(err, VARVE_INVALID, "npy: not a .npy file of version 1, 2 or 3");
    size_t width = bytes[6] == 1 ? 2 : 4;
    VV_TRY(bulk_stream_bytes(in, width, &bytes, err));
    size_t len = width == 2 ? get_u16(bytes) : get_u32(bytes);
    if (len > NPY_HEADER_MAX) return vv_fail(err, VARVE_INVALID, "npy: a header of %zu bytes", len);
    VV_TRY(bulk_stream_bytes(in, len, &bytes, err));
    VV_CLEANUP(vv_freep) char *header = strndup(bytes, len);
    if (!header) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a header");
    VV_TRY(read_descr(header, ret, err));
    order = value_of(header, "fortran_order");
    if (!order || strncmp(order, "False", 5) != 0)
        return vv_fail(err, VARVE_INVALID, "npy: the array is not in C order");
    return read_shape(header, ret, err);
}

static varve_status read_rows(bulk_stream *in, bulk_sink *out, const bulk_args *args,
                              const npy *array, uint64_t row, size_t count, varve_error *err)
{
    varve_rows rows = {.count = count,
                       .dim = array->dim,
                       .vectors_type = array->dtype,
                       .ids_from_first = args->ids_given,
                       .first_id = args->ids_start + row};
    const char *bytes;
    VV_TRY(bulk_stream_bytes(in, count * varve_dtype_row_bytes(array->dtype, array->dim), &bytes,
                             err));
    rows.vectors = bytes;
    return bulk_sink_put(out, &rows, err);
}

static varve_status check_array(const npy *a, const bulk_args *args, varve_error *err)
{
    if (a->dim == 0 || a->dim > BULK_BATCH_BYTES / 4)
        return vv_fail(err, VARVE_INVALID, "npy: rows of %" PRIu64 " values", a->dim);
    if (args->ids_given && a->rows && args->ids_start > UINT64_MAX - (a->rows - 1))
        return vv_fail(err, VARVE_INVALID, "ids_start: %" PRIu64 " ids from there pass 64 bits",
                       a->rows);
    return VARVE_OK;
}

varve_status bulk_read_npy(bulk_stream *in, bulk_sink *out, const bulk_args *args, varve_error *err)
{
    npy array;
    bool end;
    VV_TRY(read_header(in, &array, err));
    VV_TRY(check_array(&array, args, err));
    size_t row_bytes = varve_dtype_row_bytes(array.dtype, array.dim);
    size_t batch = VV_MAX(VV_MIN(args->batch_rows, BULK_BATCH_BYTES / row_bytes), (size_t)1);
    for (uint64_t row = 0; row < array.rows; row += batch) {
        size_t count = VV_MIN(batch, array.rows - row);
        varve_status status = read_rows(in, out, args, &array, row, count, err);
        if (status != VARVE_OK)
            vv_error_prefix(err, "rows %" PRIu64 " to %" PRIu64 " of %" PRIu64, row,
                            row + count - 1, array.rows);
        VV_TRY(status);
    }
    VV_TRY(bulk_stream_at_end(in, &end, err));
    if (!end)
        return vv_fail(err, VARVE_INVALID, "npy: more bytes than its %" PRIu64 " rows", array.rows);
    return VARVE_OK;
}
