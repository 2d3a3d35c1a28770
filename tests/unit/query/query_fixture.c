/* query_fixture.c — see query_fixture.h. */
#include "query_fixture.h"

#include "base/file.h"
#include "record/vector.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static float made_up(world *w, size_t i)
{
    const world_spec *s = &w->spec;
    bool whole = s->dtype == VARVE_UINT8 || s->dtype == VARVE_INT8;
    float gauss = random_gauss(&w->random), base = (float)(i % 7) + 1, value;
    switch (s->shape) {
    case WORLD_FEW_VALUES: value = (float)(random_u64(&w->random) % 2); break;
    case WORLD_ONE_VECTOR: value = base; break;
    case WORLD_NEAR_TIES:
        value = whole || random_below(&w->random, 50) ? base : base * (1 + 0x1p-22f);
        break;
    case WORLD_COUNTS: value = random_u64(&w->random) % 3 ? fabsf(gauss) * 4 : 0; break;
    case WORLD_HUGE: value = gauss * (s->dtype == VARVE_FLOAT32 ? 1e37f : 8000.0f); break;
    default: value = gauss * (whole ? 30 : 1); break;
    }
    if (s->dtype == VARVE_UINT8) return fminf(255, fmaxf(0, nearbyintf(value)));
    if (s->dtype == VARVE_INT8) return fminf(127, fmaxf(-128, nearbyintf(value)));
    return value;
}

void world_query(world *w, float *ret)
{
    bool any_number = random_u64(&w->random) % 2 && w->spec.shape != WORLD_FEW_VALUES;
    for (size_t i = 0; i < w->spec.dim; i++)
        ret[i] = made_up(w, i) + (any_number ? 0.25f : 0);
    if (w->spec.shape == WORLD_CANCELLING && w->spec.dim > 2) ret[0] = ret[1] = 1e20f;
}

/* Inner product with the query above: 1e40 - 1e40 in a few rows, 0 in the others. */
static void make_cancelling(world *w, float *made)
{
    made[0] = random_below(&w->random, 50) ? 0 : 1e20f;
    made[1] = -made[0];
    if (made[0] > 0) made[2] += 5; /* among the best, and among the worst */
}

/* Words are the rarer the higher their number. */
static size_t put_words(world *w, char *out, size_t size)
{
    size_t at = 0, count = random_below(&w->random, 9);
    out[0] = 0;
    for (size_t i = 0; i < count; i++) {
        double u = random_unit(&w->random);
        int word = (int)(u * u * u * 60);
        at += (size_t)snprintf(out + at, size - at, "%sw%d", i ? " " : "", word);
    }
    return at;
}

static void make_fields(world *w, size_t i, model_row *r)
{
    static const char *const tags[] = {"[]", "[\"x\"]", "[\"x\",\"y\"]", "[\"z\",\"y\"]", "\"x\""};
    char words[96];
    if (!w->spec.rich_fields) {
        snprintf(r->fields, sizeof r->fields, "{\"n\":%zu%s}", i,
                 i % 5 ? "" : ",\"f\\u0069ve\":true");
        return;
    }
    put_words(w, words, sizeof words);
    int at = snprintf(r->fields, sizeof r->fields, "{\"n\":%zu,\"g\":\"g%u\"", i,
                      (unsigned)random_below(&w->random, 12));
    if (random_below(&w->random, 8))
        at += snprintf(r->fields + at, sizeof r->fields - (size_t)at, ",\"score\":%.3f",
                       random_unit(&w->random) * 10);
    if (random_below(&w->random, 3))
        at += snprintf(r->fields + at, sizeof r->fields - (size_t)at, ",\"tags\":%s",
                       tags[random_below(&w->random, VV_COUNT(tags))]);
    if (random_below(&w->random, 4) == 0)
        at += snprintf(r->fields + at, sizeof r->fields - (size_t)at, ",\"when\":\"20%02u-03-04\"",
                       (unsigned)random_below(&w->random, 30));
    snprintf(r->fields + at, sizeof r->fields - (size_t)at, ",\"t\":\"%s\"}", words);
}

static void make_row(world *w, size_t i, model_row *r)
{
    const world_spec *s = &w->spec;
    float *made = malloc(s->dim * sizeof *made);
    r->values = malloc(s->dim * sizeof *r->values);
    r->stored = malloc(varve_dtype_row_bytes(s->dtype, s->dim));
    assert_true(made && r->values && r->stored);
    for (size_t d = 0; d < s->dim; d++)
        made[d] = made_up(w, d);
    if (s->shape == WORLD_CANCELLING && s->dtype == VARVE_FLOAT32 && s->dim > 2)
        make_cancelling(w, made);
    assert_int_equal(vector_convert(VARVE_FLOAT32, made, s->dtype, r->stored, 1, s->dim, i, NULL),
                     VARVE_OK);
    vector_to_float(s->dtype, r->stored, s->dim, r->values);
    free(made);
    /* Multiples of an odd number are a permutation: ids and ordinals in no order, each once. */
    uint64_t shuffled = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    r->id = (varve_id){.kind = VARVE_ID_NUM, .num = shuffled};
    r->ordinal = (shuffled >> 20) * 100000 + i;
    if (s->string_ids && i % 2) {
        int len = snprintf(r->text, sizeof r->text, "%.*s%llx", (int)(i % 3), "ba",
                           (unsigned long long)shuffled);
        r->id = (varve_id){VARVE_ID_STR, 0, {r->text, (size_t)len}};
    }
    make_fields(w, i, r);
    bool hidden = random_below(&w->random, 100) < s->hidden_percent;
    /* Long stretches of hidden rows too, so that whole words are passed over. */
    if (s->hidden_percent > 0 && i / 150 % 4 == 1) hidden = true;
    if (hidden) r->fate = random_u64(&w->random) % 2 ? FATE_DELETED : FATE_SUPERSEDED;
}

static size_t row_key(const model_row *r, uint8_t *ret)
{
    id_key_put(r->id, ret);
    return id_key_size(r->id);
}

void world_segment_path(const world *w, size_t source, char *ret, size_t size)
{
    snprintf(ret, size, "%s/%zu.seg", w->folder, source);
}

static segment *make_segment(world *w, size_t number, const model_row *rows, size_t n)
{
    segment_spec spec = {.collection = 1, .number = number + 1, .dim = w->spec.dim};
    segment_writer *writer = NULL;
    segment_record record;
    segment *s = NULL;
    uint8_t key[1 + ID_TEXT_ROOM];
    char path[96], temporary[112];
    spec.dtype = w->spec.dtype;
    world_segment_path(w, number, path, sizeof path);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    assert_int_equal(segment_writer_new(temporary, &spec, &writer, NULL), VARVE_OK);
    for (size_t i = 0; i < n; i++) {
        uint64_t rowver = (uint64_t)(rows + i - w->rows) + 1;
        varve_text fields = {rows[i].fields, strlen(rows[i].fields)};
        assert_int_equal(segment_writer_add(writer, rowver, rows[i].ordinal, key,
                                            row_key(&rows[i], key), rows[i].stored, fields, NULL),
                         VARVE_OK);
    }
    assert_int_equal(segment_writer_finish(writer, path, &record, NULL), VARVE_OK);
    assert_int_equal(segment_open(path, &spec, &record, &s, NULL), VARVE_OK);
    return s;
}

static vector_index *make_index(world *w, size_t number, const row_source *source)
{
    index_spec spec = {.dim = w->spec.dim, .dtype = w->spec.dtype};
    index_build_options options = {.threads = 1, .seed = 1};
    index_rows rows;
    index_record record;
    vector_index *x = NULL;
    char path[96], temporary[112];
    spec.mode.metric = w->spec.metric;
    if (w->spec.index_mode) {
        spec.kind = INDEX_KIND_FULL;
        assert_int_equal(index_mode_parse(w->spec.index_mode, &spec.mode, NULL), VARVE_OK);
    }
    if (w->spec.no_index || !index_spec_has_file(&spec)) return NULL;
    snprintf(path, sizeof path, "%s/%zu.0.1.idx", w->folder, number);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    source_index_rows(source, &rows);
    varve_error err;
    if (index_build(&spec, &rows, 1, &options, temporary, path, &record, &err) != VARVE_OK)
        fail_msg("%s", err.message);
    assert_int_equal(index_open(path, &record, &x, NULL), VARVE_OK);
    return x;
}

static memtable *make_memtable(world *w, const model_row *rows, size_t n)
{
    memtable *m = NULL;
    uint8_t key[1 + ID_TEXT_ROOM];
    assert_int_equal(memtable_new(w->spec.dim, w->spec.dtype, &m, NULL), VARVE_OK);
    if (!w->spec.no_index) memtable_use_codes(m, w->spec.metric);
    for (size_t i = 0; i < n; i++) {
        uint64_t rowver = (uint64_t)(rows + i - w->rows) + 1;
        varve_text fields = {rows[i].fields, strlen(rows[i].fields)};
        assert_int_equal(memtable_add(m, rowver, rows[i].ordinal, key, row_key(&rows[i], key),
                                      rows[i].stored, fields, NULL),
                         VARVE_OK);
    }
    return m;
}

static tombstones *make_tombstones(const model_row *rows, size_t n, bool superseded)
{
    tombstones *t = NULL;
    size_t count = 0;
    uint64_t *slots = malloc((n + 1) * sizeof *slots);
    assert_non_null(slots);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].fate == FATE_DELETED || (superseded && rows[i].fate == FATE_SUPERSEDED))
            slots[count++] = i;
    }
    assert_int_equal(tombstones_change(NULL, slots, count, NULL, 0, &t, NULL), VARVE_OK);
    free(slots);
    return t;
}

static void drop_source(row_source *s)
{
    index_unref(s->index);
    segment_unref(s->seg);
    memtable_unref(s->mem);
    tombstones_unref(s->hidden);
    tombstones_unref(s->deleted);
}

static void make_view(world *w, const size_t *sizes)
{
    row_source *sources = calloc(w->spec.sources + 1, sizeof *sources);
    vector_field field = {.dim = w->spec.dim, .dtype = w->spec.dtype, .metric = w->spec.metric};
    size_t first = 0;
    assert_non_null(sources);
    for (size_t i = 0; i < w->spec.sources; first += sizes[i++]) {
        row_source *s = &sources[i];
        model_row *rows = w->rows + first;
        s->rows = sizes[i];
        s->rowver_min = first + 1;
        s->rowver_max = first + sizes[i];
        if (i % 2)
            s->seg = make_segment(w, i, rows, sizes[i]);
        else
            s->mem = make_memtable(w, rows, sizes[i]);
        if (s->seg) s->index = make_index(w, i, s);
        s->hidden = make_tombstones(rows, sizes[i], true);
        s->deleted = make_tombstones(rows, sizes[i], false);
        for (size_t slot = 0; slot < sizes[i]; slot++)
            rows[slot].place = (row_place){i, slot};
    }
    assert_int_equal(view_new(&field, sources, w->spec.sources, &w->v, NULL), VARVE_OK);
    for (size_t i = 0; i < w->spec.sources; i++)
        drop_source(&sources[i]);
    free(sources);
}

void world_init(world *w, const world_spec *spec)
{
    size_t sizes[16];
    *w = (world){.spec = *spec, .folder = "/tmp/varve-query-XXXXXX"};
    assert_true(spec->sources <= VV_COUNT(sizes));
    assert_non_null(mkdtemp(w->folder));
    random_seed(&w->random, spec->seed);
    for (size_t i = 0; i < spec->sources; i++) {
        sizes[i] = 1 + spec->rows_per_source / 2 + random_below(&w->random, spec->rows_per_source);
        w->row_count += sizes[i];
    }
    w->rows = calloc(w->row_count + 1, sizeof *w->rows);
    assert_non_null(w->rows);
    for (size_t i = 0; i < w->row_count; i++)
        make_row(w, i, &w->rows[i]);
    make_view(w, sizes);
}

void world_done(world *w)
{
    view_unref(w->v);
    for (size_t i = 0; i < w->row_count; i++) {
        free(w->rows[i].stored);
        free(w->rows[i].values);
    }
    free(w->rows);
    assert_int_equal(file_remove_tree(w->folder, NULL), VARVE_OK);
}

int world_id_order(varve_id a, varve_id b)
{
    if (a.kind != b.kind) return a.kind == VARVE_ID_NUM ? -1 : 1;
    if (a.kind == VARVE_ID_NUM) return (a.num > b.num) - (a.num < b.num);
    int order = memcmp(a.text.data, b.text.data, VV_MIN(a.text.len, b.text.len));
    return order ? order : (a.text.len > b.text.len) - (a.text.len < b.text.len);
}

varve_status world_search(view *v, const varve_search_request *request, const varve_options *limits,
                          thread_pool *pool, varve_hits **ret, varve_error *err)
{
    const query_input in = {.v = v, .limits = limits, .pool = pool};
    return query_search(&in, request, ret, err);
}
