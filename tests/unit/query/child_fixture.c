/* child_fixture.c — see child_fixture.h. */
#include "child_fixture.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void make_sparse(world *w, child_row *r)
{
    r->count = 1 + random_below(&w->random, CHILD_NONZERO_MAX);
    for (size_t i = 0; i < r->count; i++) {
        uint32_t step = 1 + (uint32_t)random_below(&w->random, CHILD_INDICES / CHILD_NONZERO_MAX);
        r->indices[i] = (i ? r->indices[i - 1] : 0) + step;
        r->values[i] = (float)(1 + random_below(&w->random, 6)) / 2; /* many equal products */
    }
}

static void make_dense(world *w, size_t count, child_row *r)
{
    r->count = count;
    for (size_t i = 0; i < count * CHILD_DIM; i++)
        r->values[i] = random_gauss(&w->random);
}

static void make_row(child *c, world *w, child_row *r)
{
    if (random_below(&w->random, 5) == 0) return;
    if (c->kind == VECTOR_SPARSE)
        make_sparse(w, r);
    else
        make_dense(w, c->kind == VECTOR_MULTI ? 1 + random_below(&w->random, CHILD_VECTORS_MAX) : 1,
                   r);
}

/* Rows of the child go to one of the two. */
typedef struct sink {
    memtable *m;
    segment_writer *w;
} sink;

static void put(const sink *to, uint64_t rowver, uint64_t ordinal, const uint8_t *key, size_t len,
                const void *vector, varve_text content)
{
    varve_status status;
    if (to->m)
        status = memtable_add(to->m, rowver, ordinal, key, len, vector, content, NULL);
    else
        status = segment_writer_add(to->w, rowver, ordinal, key, len, vector, content, NULL);
    assert_int_equal(status, VARVE_OK);
}

static uint64_t put_row(const child *c, const sink *to, size_t at, uint64_t rowver)
{
    const child_row *r = &c->rows[at];
    const model_row *parent = &c->parent->rows[at];
    uint8_t key[64] = {0};
    size_t len = id_key_size(parent->id);
    id_key_put(parent->id, key);
    if (c->kind == VECTOR_SPARSE) {
        VV_CLEANUP(buffer_done) buffer bytes;
        buffer_init(&bytes, 1 << 16, "sparse");
        assert_int_equal(sparse_encode(r->indices, r->values, r->count, 0, &bytes, NULL), VARVE_OK);
        put(to, rowver, parent->ordinal, key, len, "\0", (varve_text){bytes.data, bytes.len});
        return 1;
    }
    for (size_t i = 0; i < r->count; i++) {
        if (c->kind == VECTOR_MULTI) { /* keys of their own, in an order of their own */
            key[0] = 1;
            len = 1 + (size_t)snprintf((char *)key + 1, sizeof key - 1, "k%zu-%zu", 9999 - at, i);
        }
        put(to, rowver + i, parent->ordinal, key, len, r->values + i * CHILD_DIM,
            (varve_text){"{}", 2});
    }
    return r->count;
}

static uint64_t put_rows(const child *c, const sink *to, size_t first, size_t end, uint64_t rowver)
{
    uint64_t before = rowver;
    for (size_t i = first; i < end; i++) {
        if (c->parent->rows[i].fate == FATE_LIVE && c->rows[i].count > 0)
            rowver += put_row(c, to, i, rowver);
    }
    return rowver - before;
}

static segment *make_segment(const child *c, const segment_spec *spec, size_t end, uint64_t *rows)
{
    sink to = {0};
    segment_record record;
    segment *s = NULL;
    char path[96], temporary[112];
    snprintf(path, sizeof path, "%s/1.seg", c->folder);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    assert_int_equal(segment_writer_new(temporary, spec, &to.w, NULL), VARVE_OK);
    *rows = put_rows(c, &to, 0, end, 1);
    assert_int_equal(segment_writer_finish(to.w, path, &record, NULL), VARVE_OK);
    assert_int_equal(segment_open(path, spec, &record, &s, NULL), VARVE_OK);
    return s;
}

static void make_view(child *c)
{
    const world *w = c->parent;
    bool sparse = c->kind == VECTOR_SPARSE;
    vector_field field = {.dim = sparse ? 1 : CHILD_DIM, .metric = w->spec.metric};
    field.dtype = sparse ? VARVE_UINT8 : VARVE_FLOAT32;
    segment_spec spec = {.collection = 2, .number = 1, .dim = field.dim, .dtype = field.dtype};
    spec.content = sparse ? SEGMENT_SPARSE_VECTOR : SEGMENT_FIELDS;
    row_source sources[2] = {{0}};
    sink to = {0};
    sources[0].seg = make_segment(c, &spec, w->row_count / 2, &sources[0].rows);
    sources[0].rowver_min = 1;
    sources[0].rowver_max = sources[0].rows;
    assert_int_equal(memtable_new(field.dim, field.dtype, &to.m, NULL), VARVE_OK);
    memtable_set_content(to.m, spec.content, &spec.text);
    sources[1].mem = to.m;
    sources[1].rowver_min = sources[0].rows + 1;
    sources[1].rows = put_rows(c, &to, w->row_count / 2, w->row_count, sources[1].rowver_min);
    sources[1].rowver_max = sources[0].rows + sources[1].rows;
    assert_int_equal(view_new(&field, sources, 2, &c->v, NULL), VARVE_OK);
    segment_unref(sources[0].seg);
    memtable_unref(to.m);
}

void child_init(child *c, world *parent, vector_kind kind)
{
    *c = (child){.parent = parent, .kind = kind, .folder = "/tmp/varve-child-XXXXXX"};
    assert_non_null(mkdtemp(c->folder));
    c->rows = calloc(parent->row_count + 1, sizeof *c->rows);
    assert_non_null(c->rows);
    for (size_t i = 0; i < parent->row_count; i++)
        make_row(c, parent, &c->rows[i]);
    make_view(c);
}

void child_done(child *c)
{
    view_unref(c->v);
    free(c->rows);
    assert_int_equal(file_remove_tree(c->folder, NULL), VARVE_OK);
}

const child_row *child_row_of(const child *c, const model_row *row)
{
    return &c->rows[row - c->parent->rows];
}
