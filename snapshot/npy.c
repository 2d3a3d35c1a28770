/* npy.c — see npy.h. */
#include "npy.h"

#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC       "\x93NUMPY"
#define MAGIC_BYTES 6
#define FIXED_BYTES 10 /* magic, version, length of the text */

static const struct {
    const char *word;
    size_t bytes;
} types[NPY_TYPES] = {
    [NPY_F4] = {"<f4", 4}, [NPY_F2] = {"<f2", 2}, [NPY_U1] = {"|u1", 1},
    [NPY_I1] = {"|i1", 1}, [NPY_U4] = {"<u4", 4}, [NPY_U8] = {"<u8", 8},
};

size_t npy_row_bytes(const npy_shape *s)
{
    return types[s->type].bytes * (s->columns ? (size_t)s->columns : 1);
}

void npy_head(const npy_shape *s, uint8_t ret[NPY_HEAD])
{
    char text[NPY_HEAD - FIXED_BYTES + 1], columns[24] = "";
    if (s->columns)
        (void)snprintf(columns, sizeof columns, " %llu", (unsigned long long)s->columns);
    int len =
        snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (%llu,%s), }",
                 types[s->type].word, (unsigned long long)s->rows, columns);
    memset(ret, ' ', NPY_HEAD);
    memcpy(ret, MAGIC "\x01\x00", MAGIC_BYTES + 2);
    put_u16(ret + MAGIC_BYTES + 2, NPY_HEAD - FIXED_BYTES);
    memcpy(ret + FIXED_BYTES, text, (size_t)len);
    ret[NPY_HEAD - 1] = '\n';
}

/* ---- reading ------------------------------------------------------------------------------- */

/* Behind "name': " in the head's text; NULL: not there. */
static const char *member(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    if (!at) return NULL;
    at += strlen(name);
    return at + strspn(at, "': ");
}

static bool read_type(const char *text, npy_type *ret)
{
    const char *at = member(text, "'descr");
    for (size_t i = 0; at && i < NPY_TYPES; i++)
        if (strncmp(at, types[i].word, 3) == 0 && at[3] == '\'') {
            *ret = (npy_type)i;
            return true;
        }
    return false;
}

static bool read_number(const char **at, uint64_t *ret)
{
    char *end;
    *at += strspn(*at, " ");
    if (**at < '0' || **at > '9' || strspn(*at, "0123456789") > 18) return false;
    *ret = strtoull(*at, &end, 10);
    *at = end + strspn(end, " ");
    return true;
}

static bool read_dimensions(const char *text, npy_shape *s)
{
    const char *at = member(text, "'shape");
    if (!at || *at++ != '(' || !read_number(&at, &s->rows)) return false;
    s->columns = 0;
    if (*at == ',') at += 1 + strspn(at + 1, " ");
    if (*at == ')') return true;
    return read_number(&at, &s->columns) && s->columns > 0 && (*at == ')' || *at == ',');
}

static bool read_head(const file_map *m, npy_shape *ret, size_t *ret_head)
{
    char text[1024] = "";
    if (m->size < FIXED_BYTES || memcmp(m->data, MAGIC "\x01", MAGIC_BYTES + 1) != 0) return false;
    size_t len = get_u16(m->data + MAGIC_BYTES + 2);
    if (len >= sizeof text || len > m->size - FIXED_BYTES) return false;
    memcpy(text, m->data + FIXED_BYTES, len);
    const char *fortran = member(text, "'fortran_order");
    *ret_head = FIXED_BYTES + len;
    return fortran && strncmp(fortran, "False", 5) == 0 && read_type(text, &ret->type) &&
           read_dimensions(text, ret);
}

varve_status npy_open(const char *path, npy_array *ret, varve_error *err)
{
    VV_CLEANUP(npy_close) npy_array a = {.values = NULL};
    size_t head;
    uint64_t bytes;
    VV_TRY(file_map_open(path, &a.map, err));
    if (!read_head(&a.map, &a.shape, &head))
        return vv_fail(err, VARVE_CORRUPT, "%s: not an array file that exports have", path);
    bool fits =
        !__builtin_mul_overflow(a.shape.rows, VV_MAX(a.shape.columns, UINT64_C(1)), &bytes) &&
        !__builtin_mul_overflow(bytes, types[a.shape.type].bytes, &bytes);
    if (!fits || bytes != a.map.size - head)
        return vv_fail(err, VARVE_CORRUPT, "%s: %llu rows of %llu do not make its %zu bytes", path,
                       (unsigned long long)a.shape.rows, (unsigned long long)a.shape.columns,
                       a.map.size);
    a.values = a.map.data + head;
    *ret = a;
    a.map = (file_map){0};
    return VARVE_OK;
}

void npy_close(npy_array *a) { file_unmap(&a->map); }
