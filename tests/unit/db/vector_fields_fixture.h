/* vector_fields_fixture.h — vectors of named fields that are a function of id, version and place:
 * put, and compared with what is read. */
#ifndef VARVE_TESTS_VECTOR_FIELDS_FIXTURE_H
#define VARVE_TESTS_VECTOR_FIELDS_FIXTURE_H
#include "db_fixture.h"

#include "base/bytes.h"
#include "db/children.h"
#include "db/vector_fields.h"

#include <math.h>

enum { DIM = 4 };

static const varve_field_spec DENSE = {.dim = DIM, .metric = VARVE_METRIC_L2};
static const varve_field_spec SPARSE = {.kind = VARVE_FIELD_SPARSE};
static const varve_field_spec MULTI = {.kind = VARVE_FIELD_MULTI, .dim = DIM};

static inline int setup_with(void **state, const char *compactor)
{
    db_fixture *f = calloc(1, sizeof *f);
    db_options(f);
    f->options.compactor_path = compactor;
    f->options.seal_rows_min = 1 << 20; /* only what a test seals */
    db_begin(f, "FLAT-L2", VARVE_FLOAT32);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    db_end(*state);
    free(*state);
    return 0;
}

static inline void assert_fails(db_fixture *f, varve_status got, varve_status expected,
                                const char *words)
{
    if (got != expected)
        fail_msg("%s in place of %s", varve_status_name(got), varve_status_name(expected));
    if (!strstr(f->err.message, words)) fail_msg("'%s' is not in: %s", words, f->err.message);
}

/* ---- vectors that are a function of id, version and place */

static inline float value_of(uint64_t id, uint32_t version, size_t i)
{
    return (float)(id * 100 + version * 10 + i);
}

static inline size_t multi_count(uint64_t id, uint32_t version) { return 1 + (id + version) % 3; }

static inline varve_status put_some(db_fixture *f, const char *name, const varve_field_spec *spec,
                                    uint64_t first, size_t n, uint32_t version, bool replace)
{
    varve_id *ids = calloc(n, sizeof *ids);
    size_t *counts = calloc(n, sizeof *counts), at = 0;
    float *values = calloc(n * 3 * DIM, sizeof *values);
    uint32_t *indices = calloc(n * 3 * DIM, sizeof *indices);
    for (size_t i = 0; i < n; i++) {
        ids[i] = (varve_id){.num = first + i};
        counts[i] = 2;
        if (spec->kind == VARVE_FIELD_MULTI) counts[i] = multi_count(first + i, version);
        size_t m = spec->kind == VARVE_FIELD_DENSE   ? DIM
                   : spec->kind == VARVE_FIELD_MULTI ? counts[i] * DIM
                                                     : 2;
        for (size_t k = 0; k < m; k++, at++) {
            values[at] = value_of(first + i, version, k) + 1;
            indices[at] = (uint32_t)(k * 1000 + first + i);
        }
    }
    varve_field_rows rows = {.count = n, .ids = ids, .vectors = values, .dim = DIM};
    rows.counts = rows.nonzero = counts;
    rows.indices = indices;
    rows.values = values;
    varve_status status = varve_field_put(f->c, name, &rows, replace, NULL, NULL, &f->err);
    free(ids);
    free(counts);
    free(values);
    free(indices);
    return status;
}

static inline void put(db_fixture *f, const char *name, const varve_field_spec *spec,
                       uint64_t first, size_t n, uint32_t version)
{
    db_ok(f, put_some(f, name, spec, first, n, version, true));
}

/* Row id has this version in the field; 0: nothing. */
static inline void assert_vector(db_fixture *f, const char *name, const varve_field_spec *spec,
                                 uint64_t id, uint32_t version)
{
    varve_id one = {.num = id};
    varve_field_vectors *v = NULL;
    db_ok(f, varve_field_read(f->c, name, &one, 1, &v, &f->err));
    size_t count = varve_field_vectors_count(v, 0);
    size_t expected = spec->kind == VARVE_FIELD_MULTI    ? multi_count(id, version)
                      : spec->kind == VARVE_FIELD_SPARSE ? 2
                                                         : 1;
    if (version == 0) expected = 0;
    if (count != expected) fail_msg("%s of %lu: %zu in place of %zu", name, id, count, expected);
    size_t values = spec->kind == VARVE_FIELD_SPARSE ? count : count * DIM;
    for (size_t k = 0; k < values; k++)
        assert_true(varve_field_vectors_values(v, 0)[k] == value_of(id, version, k) + 1);
    for (size_t k = 0; spec->kind == VARVE_FIELD_SPARSE && k < count; k++)
        assert_int_equal(varve_field_vectors_indices(v, 0)[k], k * 1000 + id);
    varve_field_vectors_free(v);
}

static inline uint64_t rows_of(db_fixture *f, size_t i)
{
    varve_field_info info;
    db_ok(f, varve_field_get(f->c, i, &info, &f->err));
    return info.rows;
}

static inline void create_all(db_fixture *f)
{
    db_ok(f, varve_field_create(f->c, "title", &DENSE, &f->err));
    db_ok(f, varve_field_create(f->c, "words", &SPARSE, &f->err));
    db_ok(f, varve_field_create(f->c, "parts", &MULTI, &f->err));
}

static inline void put_all(db_fixture *f, uint64_t first, size_t n, uint32_t version)
{
    put(f, "title", &DENSE, first, n, version);
    put(f, "words", &SPARSE, first, n, version);
    put(f, "parts", &MULTI, first, n, version);
}

static inline void assert_all(db_fixture *f, uint64_t id, uint32_t version)
{
    assert_vector(f, "title", &DENSE, id, version);
    assert_vector(f, "words", &SPARSE, id, version);
    assert_vector(f, "parts", &MULTI, id, version);
}

/* Rows in the row store under the collection of this number. */
static inline size_t stored_rows(db_fixture *f, uint32_t cid, store_family family)
{
    uint8_t from[4], to[4];
    store_iter *i = NULL;
    varve_text key, value;
    size_t n = 0;
    put_be32(from, cid);
    put_be32(to, cid + 1);
    db_ok(f, store_iter_new(f->db->store, family, from, 4, to, 4, &i, &f->err));
    for (; store_iter_at(i, &key, &value); store_iter_next(i))
        n++;
    store_iter_free(i);
    return n;
}

static inline uint32_t child_id(db_fixture *f, const char *name)
{
    vector_kind kind;
    varve_collection *child = children_find(f->c, name, &kind);
    assert_non_null(child);
    uint32_t id = child->id;
    varve_collection_release(child);
    return id;
}

#endif
