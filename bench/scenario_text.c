/* scenario_text.c — the text and the sparse index, as modules: BM25 beside Xapian on the same
 * tokens and queries, inner products of sparse vectors beside brute force; in turns, on one thread.
 * Processor time. */
#include "text_set.h"
#ifdef BENCH_XAPIAN
#include "peer_xapian.h"
#endif

#include "base/random.h"
#include "field/sparse_index.h"
#include "field/text_index.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define K            10
#define ROUNDS_MAX   64
#define CUT_ROWS     200000
#define CUT_WORDS    25
#define SPARSE_ROWS  100000
#define SPARSE_DIMS  30000
#define SPARSE_LEAST 30
#define SPARSE_MOST  200
#define SPARSE_QUERY 40
#define SPARSE_ASKED 50
#define BRUTE_ASKED  3
#define QUERY_BYTES  ((size_t)1 << 20)
#define IMAGE_MOST   ((size_t)8 << 30)

static varve_status get_bytes(void *context, uint64_t offset, uint64_t len, const uint8_t **ret,
                              varve_error *err)
{
    const buffer *image = context;
    if (offset > image->len || len > image->len - offset)
        return vv_fail(err, VARVE_CORRUPT, "no such bytes");
    *ret = (const uint8_t *)image->data + offset;
    return VARVE_OK;
}

/* ---- text ----------------------------------------------------------------------------------- */

typedef struct text_bench {
    const bench_options *o;
    const char *label;
    const char *field; /* that is searched; NULL: all */
    text_options options;
    text_set set;
    buffer image;
    text_index *index;
    arena memory;
    text_query *queries;
    double build_rate;
#ifdef BENCH_XAPIAN
    xapian *peer;
    double peer_rate;
#endif
} text_bench;

static void text_done(text_bench *b)
{
    text_set_done(&b->set);
    buffer_done(&b->image);
    text_index_free(b->index);
    arena_done(&b->memory);
    free(b->queries);
#ifdef BENCH_XAPIAN
    xapian_free(b->peer);
#endif
}

static void builder_freep(text_builder **b) { text_builder_free(*b); }

static varve_status build_text(text_bench *b, varve_error *err)
{
    VV_CLEANUP(builder_freep) text_builder *builder = NULL;
    double start = cpu_seconds_thread();
    VV_TRY(text_builder_new(&b->options, &builder, err));
    for (size_t i = 0; i < b->set.count; i++) {
        varve_text fields = {b->set.rows[i], strlen(b->set.rows[i])};
        VV_TRY(text_builder_add(builder, fields, err));
    }
    uint64_t memory = text_builder_bytes(builder);
    VV_TRY(text_builder_finish(builder, &b->image, err));
    b->build_rate = (double)b->set.count / (cpu_seconds_thread() - start);
    field_image image = {b->image.len, get_bytes, &b->image};
    VV_TRY(text_index_open(&image, (uint32_t)b->set.count, &b->index, err));
    char name[64];
    (void)snprintf(name, sizeof name, "text.%s.bytes", b->label);
    result(name, (double)b->image.len / (double)b->set.count, "bytes/row", 0, NULL,
           "%zu rows; %.0f bytes a row while building", b->set.count,
           (double)memory / (double)b->set.count);
    return VARVE_OK;
}

static varve_status make_queries(text_bench *b, varve_error *err)
{
    arena_init(&b->memory, QUERY_BYTES * 16, "queries");
    b->queries = calloc(b->set.query_count, sizeof *b->queries);
    if (!b->queries) return vv_fail(err, VARVE_NO_MEMORY, "no memory for queries");
    for (size_t i = 0; i < b->set.query_count; i++) {
        varve_text text = {b->set.queries[i], strlen(b->set.queries[i])};
        varve_text path = {b->field, b->field ? strlen(b->field) : 0};
        VV_TRY(text_query_init(&b->queries[i], text, &b->options, b->field ? &path : NULL,
                               b->field != NULL, &b->memory, err));
    }
    return VARVE_OK;
}

/* Statistics and search, as a query of a collection of one segment does. */
static varve_status ask_ours(const text_bench *b, double *ret_rate, double *ret_postings,
                             varve_error *err)
{
    uint64_t postings = 0;
    double start = cpu_seconds_thread();
    for (size_t i = 0; i < b->set.query_count; i++) {
        topk_entry entries[K];
        topk best;
        text_query q = b->queries[i];
        q.rows = 0;
        q.length_total = 0;
        memset(q.df, 0, q.term_count * sizeof *q.df);
        VV_TRY(text_stats_add(&q, b->index, NULL, NULL, err));
        topk_init(&best, entries, K);
        VV_TRY(text_search(&q, b->index, NULL, 0, &best, 0, &postings, err));
    }
    *ret_rate = (double)b->set.query_count / (cpu_seconds_thread() - start);
    *ret_postings = (double)postings / (double)b->set.query_count;
    return VARVE_OK;
}

#ifdef BENCH_XAPIAN
static void analyzer_done(analyzer **a) { analyzer_free(*a); }

/* The peer has the tokens of the searched field alone. */
static varve_status build_peer(text_bench *b, const char *folder, varve_error *err)
{
    VV_CLEANUP(analyzer_done) analyzer *a = NULL;
    VV_CLEANUP(vv_freep) xapian_text *texts = calloc(ROUNDS_MAX * 1024, sizeof *texts);
    const token *tokens;
    size_t count;
    double start = cpu_seconds_thread();
    if (!texts) return vv_fail(err, VARVE_NO_MEMORY, "no memory for tokens");
    VV_TRY(analyzer_new(&b->options, &a, err));
    b->peer = xapian_new(folder);
    if (!b->peer) return vv_fail(err, VARVE_IO, "xapian: cannot make a database");
    for (size_t i = 0; i < b->set.count; i++) {
        varve_text text = {b->set.plain[i], strlen(b->set.plain[i])};
        VV_TRY(analyzer_run(a, text, &tokens, &count, err));
        count = VV_MIN(count, (size_t)ROUNDS_MAX * 1024);
        for (size_t t = 0; t < count; t++)
            texts[t] = (xapian_text){tokens[t].text.data, tokens[t].text.len};
        if (xapian_add(b->peer, texts, count) != 0)
            return vv_fail(err, VARVE_IO, "xapian: a row is not taken");
    }
    if (xapian_finish(b->peer) != 0) return vv_fail(err, VARVE_IO, "xapian: no commit");
    b->peer_rate = (double)b->set.count / (cpu_seconds_thread() - start);
    return VARVE_OK;
}

static varve_status ask_peer(const text_bench *b, double *ret_rate, varve_error *err)
{
    size_t rows[K];
    double start = cpu_seconds_thread();
    for (size_t i = 0; i < b->set.query_count; i++) {
        const text_query *q = &b->queries[i];
        xapian_text terms[TEXT_TERMS_MAX];
        for (size_t t = 0; t < q->term_count; t++)
            terms[t] = (xapian_text){q->terms[t].data, q->terms[t].len};
        if (xapian_search(b->peer, terms, q->counts, q->term_count, K, rows) < 0)
            return vv_fail(err, VARVE_IO, "xapian: a query fails");
    }
    *ret_rate = (double)b->set.query_count / (cpu_seconds_thread() - start);
    return VARVE_OK;
}
#endif

static varve_status compare_text(text_bench *b, varve_error *err)
{
    double ours[ROUNDS_MAX], theirs[ROUNDS_MAX] = {0}, postings = 0;
    size_t rounds = VV_MIN(b->o->rounds, (size_t)ROUNDS_MAX);
    const char *peer = NULL;
    char name[64];
    for (size_t i = 0; i < rounds; i++) {
        VV_TRY(ask_ours(b, &ours[i], &postings, err));
#ifdef BENCH_XAPIAN
        if (!b->o->no_peer) VV_TRY(ask_peer(b, &theirs[i], err));
        if (!b->o->no_peer) peer = "Xapian";
#endif
    }
    double mine = median(ours, rounds), other = median(theirs, rounds);
    (void)snprintf(name, sizeof name, "text.%s.search", b->label);
    result(name, mine, "queries/s", mine / other, peer,
           "%zu rows, %zu queries, k %d, one thread, %.0f postings a query", b->set.count,
           b->set.query_count, K, postings);
    (void)snprintf(name, sizeof name, "text.%s.build", b->label);
#ifdef BENCH_XAPIAN
    if (peer) {
        result(name, b->build_rate, "rows/s", b->build_rate / b->peer_rate, peer, "%zu rows",
               b->set.count);
        return VARVE_OK;
    }
#endif
    result(name, b->build_rate, "rows/s", 0, NULL, "%zu rows", b->set.count);
    return VARVE_OK;
}

/* The set is loaded. */
static varve_status run_loaded(text_bench *b, varve_error *err)
{
    VV_CLEANUP(work_done) struct work folder = {0};
    buffer_init(&b->image, IMAGE_MOST, "text index");
    VV_TRY(build_text(b, err));
    VV_TRY(make_queries(b, err));
#ifdef BENCH_XAPIAN
    if (!b->o->no_peer) {
        VV_TRY(work_new(b->o, "text", &folder, err));
        VV_TRY(build_peer(b, folder.path, err));
    }
#endif
    return compare_text(b, err);
}

static varve_status run_text(const bench_options *o, const char *label, size_t rows, size_t words,
                             bool stems, varve_error *err)
{
    VV_CLEANUP(text_done) text_bench b = {.o = o, .label = label};
    if (stems) b.options = (text_options){.language = "english", .stem = true};
    VV_TRY(text_set_load(o, rows, words, &b.set, err));
    return run_loaded(&b, err);
}

/* Rows of several fields: all of them searched, or one. */
static varve_status run_fields(const bench_options *o, const char *label, const char *field,
                               varve_error *err)
{
    VV_CLEANUP(text_done) text_bench b = {.o = o, .label = label, .field = field};
    VV_TRY(text_set_load_fields(field, &b.set, err));
    return run_loaded(&b, err);
}

/* ---- sparse --------------------------------------------------------------------------------- */

typedef struct sparse_bench {
    const bench_options *o;
    uint32_t rows;
    size_t *ends; /* of each row in bytes; rows + 1 */
    buffer bytes, image;
    sparse_index *index;
    double build_rate;
} sparse_bench;

static void sparse_done(sparse_bench *b)
{
    free(b->ends);
    buffer_done(&b->bytes);
    buffer_done(&b->image);
    sparse_index_free(b->index);
}

static varve_text row_bytes(const sparse_bench *b, uint32_t slot)
{
    return (varve_text){b->bytes.data + b->ends[slot], b->ends[slot + 1] - b->ends[slot]};
}

static varve_status get_row(void *context, uint32_t slot, varve_text *ret, varve_error *err)
{
    (void)err;
    *ret = row_bytes(context, slot);
    return VARVE_OK;
}

/* Dimensions by Zipf's law, values log-normal. */
static varve_status random_vector(random_state *random, size_t count, buffer *out, varve_error *err)
{
    uint32_t indices[SPARSE_MOST];
    float values[SPARSE_MOST];
    for (size_t i = 0; i < count; i++) {
        indices[i] = (uint32_t)(pow(SPARSE_DIMS, random_unit(random)) - 1);
        values[i] = expf(random_gauss(random) * 0.5F);
    }
    return sparse_encode(indices, values, count, 0, out, err);
}

static varve_status make_vectors(sparse_bench *b, varve_error *err)
{
    random_state random;
    random_seed(&random, b->o->seed);
    b->ends = calloc((size_t)b->rows + 1, sizeof *b->ends);
    if (!b->ends) return vv_fail(err, VARVE_NO_MEMORY, "no memory for vectors");
    for (uint32_t i = 0; i < b->rows; i++) {
        size_t n = SPARSE_LEAST + random_below(&random, SPARSE_MOST - SPARSE_LEAST);
        VV_TRY(random_vector(&random, n, &b->bytes, err));
        b->ends[i + 1] = b->bytes.len;
    }
    return VARVE_OK;
}

static void sparse_builder_freep(sparse_builder **b) { sparse_builder_free(*b); }

static varve_status build_sparse(sparse_bench *b, varve_error *err)
{
    VV_CLEANUP(sparse_builder_freep) sparse_builder *builder = NULL;
    double start = cpu_seconds_thread();
    VV_TRY(sparse_builder_new(&builder, err));
    for (uint32_t i = 0; i < b->rows; i++)
        VV_TRY(sparse_builder_add(builder, row_bytes(b, i), err));
    uint64_t memory = sparse_builder_bytes(builder);
    VV_TRY(sparse_builder_finish(builder, &b->image, err));
    double rate = b->rows / (cpu_seconds_thread() - start);
    result("sparse.build", rate, "rows/s", 0, NULL,
           "%u rows of %d to %d values; %.0f bytes a row, %.0f of them exact vectors; %.0f while "
           "building",
           b->rows, SPARSE_LEAST, SPARSE_MOST, (double)(b->image.len + b->bytes.len) / b->rows,
           (double)b->bytes.len / b->rows, (double)memory / b->rows);
    field_image image = {b->image.len, get_bytes, &b->image};
    return sparse_index_open(&image, b->rows, &b->index, err);
}

static varve_status brute_force(const sparse_bench *b, const sparse_vector *q, topk *best,
                                varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer scratch;
    sparse_vector v;
    buffer_init(&scratch, QUERY_BYTES, "vector");
    for (uint32_t i = 0; i < b->rows; i++) {
        if (!sparse_decode(row_bytes(b, i), &scratch, &v))
            return vv_fail(err, VARVE_CORRUPT, "a vector does not read");
        topk_push(best, -sparse_dot(q, &v), i);
    }
    return VARVE_OK;
}

/* Queries a second; by the index, or by brute force. */
static varve_status ask_sparse(const sparse_bench *b, bool brute, size_t asked, uint64_t *postings,
                               double *ret, varve_error *err)
{
    sparse_rows rows = {get_row, (void *)(uintptr_t)b};
    random_state random;
    double seconds = 0;
    random_seed(&random, b->o->seed + 1);
    for (size_t i = 0; i < asked; i++) {
        VV_CLEANUP(buffer_done) buffer bytes, scratch;
        topk_entry entries[K];
        topk best;
        sparse_vector q;
        buffer_init(&bytes, QUERY_BYTES, "query");
        buffer_init(&scratch, QUERY_BYTES, "query");
        VV_TRY(random_vector(&random, SPARSE_QUERY, &bytes, err));
        if (!sparse_decode((varve_text){bytes.data, bytes.len}, &scratch, &q))
            return vv_fail(err, VARVE_CORRUPT, "a query does not read");
        topk_init(&best, entries, K);
        double start = cpu_seconds_thread();
        VV_TRY(brute ? brute_force(b, &q, &best, err)
                     : sparse_search(&q, b->index, &rows, NULL, 0, &best, 0, postings, err));
        seconds += cpu_seconds_thread() - start;
    }
    *ret = (double)asked / seconds;
    return VARVE_OK;
}

static varve_status run_sparse(const bench_options *o, varve_error *err)
{
    VV_CLEANUP(sparse_done) sparse_bench b = {.o = o, .rows = (uint32_t)bench_rows(o, SPARSE_ROWS)};
    double ours[ROUNDS_MAX], brute[ROUNDS_MAX];
    size_t rounds = VV_MIN(o->rounds, (size_t)ROUNDS_MAX);
    uint64_t postings = 0;
    buffer_init(&b.bytes, IMAGE_MOST, "vectors");
    buffer_init(&b.image, IMAGE_MOST, "sparse index");
    VV_TRY(make_vectors(&b, err));
    VV_TRY(build_sparse(&b, err));
    for (size_t i = 0; i < rounds; i++) {
        VV_TRY(ask_sparse(&b, false, SPARSE_ASKED, &postings, &ours[i], err));
        VV_TRY(ask_sparse(&b, true, BRUTE_ASKED, &postings, &brute[i], err));
    }
    double mine = median(ours, rounds), other = median(brute, rounds);
    result("sparse.search", mine, "queries/s", mine / other, "brute force",
           "%u rows, %d values a query, k %d, one thread, %.0f postings a query", b.rows,
           SPARSE_QUERY, K, (double)postings / (double)(rounds * SPARSE_ASKED));
    return VARVE_OK;
}

static varve_status run(const bench_options *o, varve_error *err)
{
    VV_TRY(run_text(o, "packages", SIZE_MAX, 0, false, err));
    VV_TRY(run_text(o, "packages.stems", SIZE_MAX, 0, true, err));
    VV_TRY(run_fields(o, "fields", NULL, err));
    VV_TRY(run_fields(o, "fields.description", "description", err));
    VV_TRY(run_fields(o, "fields.summary", "summary", err));
    VV_TRY(run_text(o, "cut", bench_rows(o, CUT_ROWS), CUT_WORDS, false, err));
    return run_sparse(o, err);
}

const scenario scenario_text = {"text", "BM25 beside Xapian, sparse vectors beside brute force",
                                run};
