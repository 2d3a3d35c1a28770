/* segment_rows.h — rows for the tests of segment/: made from a seed, written to a segment or a
 * memtable, and compared with what comes back. */
#ifndef VARVE_TESTS_SEGMENT_ROWS_H
#define VARVE_TESTS_SEGMENT_ROWS_H

#include "base/bytes.h"
#include "base/file.h"
#include "base/half.h"
#include "base/random.h"
#include "distance/distance.h"
#include "segment/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define OK(call)                                                                                   \
    do {                                                                                           \
        varve_error ok_err = {0};                                                                  \
        varve_error *err = &ok_err;                                                                \
        if ((call) != VARVE_OK) fail_msg("%s: %s", #call, ok_err.message);                         \
    } while (0)

typedef enum rows_style {             /* which encodings they lead to */
                          ROWS_PLAIN, /* consecutive rowvers and ordinals, integer ids, no fields */
                          ROWS_MIXED  /* gaps, both kinds of id, fields of any length */
} rows_style;

typedef struct test_row {
    uint64_t rowver, ordinal;
    uint8_t id[64];
    size_t id_len;
    char fields[256];
    size_t fields_len;
} test_row;

typedef struct test_rows {
    size_t count;
    segment_spec spec;
    size_t stride;
    test_row *rows;
    uint8_t *vectors;
} test_rows;

static inline void make_vector(const segment_spec *spec, random_state *r, uint8_t *ret)
{
    size_t bytes = varve_dtype_row_bytes(spec->dtype, spec->dim);
    for (size_t i = 0; i < bytes; i++)
        ret[i] = (uint8_t)random_u64(r);
    if (spec->dtype == VARVE_BINARY && spec->dim % 8)
        ret[bytes - 1] &= (uint8_t)(0xff >> (8 - spec->dim % 8));
    for (size_t i = 0; i < spec->dim; i++) {
        float value = random_gauss(r);
        if (spec->dtype == VARVE_FLOAT32) put_f32(ret + 4 * i, value);
        if (spec->dtype == VARVE_FLOAT16) put_u16(ret + 2 * i, half_from_float(value));
    }
}

static inline void make_row(test_row *row, rows_style style, uint64_t i, random_state *r)
{
    bool mixed = style == ROWS_MIXED;
    if (mixed && random_below(r, 2)) {
        row->id[0] = 1;
        row->id_len = 1 + (size_t)snprintf((char *)row->id + 1, 60, "row-%0*llu",
                                           (int)(1 + random_below(r, 30)), (unsigned long long)i);
    } else {
        row->id[0] = 0;
        put_be64(row->id + 1, mixed ? random_u64(r) : i);
        row->id_len = 9;
    }
    if (mixed && random_below(r, 4)) {
        row->fields_len =
            (size_t)snprintf(row->fields, sizeof row->fields, "{\"n\":%llu,\"text\":\"%0*d\"}",
                             (unsigned long long)i, (int)(1 + random_below(r, 200)), 7);
    } else {
        row->fields_len = 2;
        memcpy(row->fields, "{}", 2);
    }
}

static inline test_rows make_rows(size_t count, uint32_t dim, varve_dtype dtype, rows_style style,
                                  uint64_t seed)
{
    test_rows t = {.count = count, .spec = {7, 1000 + seed, dim, dtype}};
    uint64_t rowver = 10 * seed + 1;
    random_state r;
    random_seed(&r, seed);
    t.stride = varve_dtype_row_bytes(dtype, dim);
    t.rows = calloc(count, sizeof t.rows[0]);
    t.vectors = malloc(count * t.stride);
    assert_true(t.rows && t.vectors);
    for (size_t i = 0; i < count; i++) {
        t.rows[i].rowver = rowver;
        t.rows[i].ordinal = style == ROWS_MIXED ? random_below(&r, 1000000) : 500 + i;
        rowver += style == ROWS_MIXED ? 1 + random_below(&r, 5) : 1;
        make_row(&t.rows[i], style, i, &r);
        make_vector(&t.spec, &r, t.vectors + i * t.stride);
    }
    return t;
}

static inline void free_rows(test_rows *t)
{
    free(t->rows);
    free(t->vectors);
}

static inline varve_text fields_of(const test_row *row)
{
    return (varve_text){row->fields, row->fields_len};
}

static inline void add_rows(segment_writer *w, const test_rows *t)
{
    for (size_t i = 0; i < t->count; i++) {
        const test_row *row = &t->rows[i];
        OK(segment_writer_add(w, row->rowver, row->ordinal, row->id, row->id_len,
                              t->vectors + i * t->stride, fields_of(row), err));
    }
}

static inline segment_record write_rows(const test_rows *t, const char *path)
{
    char temporary[512];
    segment_record record;
    segment_writer *w;
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    OK(segment_writer_new(temporary, &t->spec, &w, err));
    add_rows(w, t);
    OK(segment_writer_finish(w, path, &record, err));
    assert_false(file_exists(temporary));
    return record;
}

static inline void assert_row(const row_source *s, uint64_t slot, const test_row *row)
{
    uint64_t rowver, ordinal;
    const uint8_t *id;
    varve_text fields;
    size_t id_len;
    OK(source_rowver(s, slot, &rowver, err));
    OK(source_ordinal(s, slot, &ordinal, err));
    OK(source_id_key(s, slot, &id, &id_len, err));
    OK(source_fields(s, slot, &fields, err));
    assert_true(rowver == row->rowver);
    assert_true(ordinal == row->ordinal);
    assert_int_equal(id_len, row->id_len);
    assert_memory_equal(id, row->id, id_len);
    assert_int_equal(fields.len, row->fields_len);
    assert_memory_equal(fields.data, row->fields, fields.len);
}

static inline void assert_vectors(const row_source *s, const test_rows *t)
{
    double norm = 0;
    for (uint64_t first = 0, n; first < t->count; first += n) {
        const uint8_t *vectors;
        OK(source_vectors(s, first, t->count - first, &vectors, &n, err));
        assert_in_range(n, 1, t->count - first);
        assert_memory_equal(vectors, t->vectors + first * t->stride, n * t->stride);
    }
    for (size_t i = 0; i < t->count; i++)
        norm = VV_MAX(norm, distance_norm(t->spec.dtype, t->spec.dim, t->vectors + i * t->stride));
    assert_true(source_norm_max(s) >= norm);
    assert_true(source_norm_max(s) <= norm * 1.00001);
}

static inline void assert_rows(const row_source *s, const test_rows *t)
{
    assert_int_equal(s->rows, t->count);
    for (size_t i = 0; i < t->count; i++)
        assert_row(s, i, &t->rows[i]);
    assert_vectors(s, t);
}

static inline row_source source_of_segment(segment *s)
{
    const segment_record *r = segment_get_record(s);
    return (row_source){
        .seg = s, .rows = r->rows, .rowver_min = r->rowver_min, .rowver_max = r->rowver_max};
}

/* Each test program works in a folder of its own. */
static char folder[64];

static inline int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/varve-segment-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
    (void)state;
    return file_remove_tree(folder, NULL) == VARVE_OK ? 0 : -1;
}

static inline const char *in_folder(const char *name)
{
    static char paths[4][256]; /* a few at a time */
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline segment *open_segment(const char *path)
{
    segment *s = NULL;
    OK(segment_open(path, NULL, NULL, &s, err));
    return s;
}

#endif
