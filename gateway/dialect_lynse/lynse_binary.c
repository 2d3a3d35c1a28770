/* lynse_binary.c — search and read with binary answers, little-endian, without padding:
 *
 *   SEARCH BLOCK   u32 n | n x u64 ordinal | n x f32 score | u32 L | L bytes of JSON [fields, …]
 *                  (L 0 when fields were not asked for, or n is 0)
 *   BATCH          u32 queries | that many SEARCH BLOCKs
 *   ROWS           u32 n | u32 dim | n x dim x f32 | n x u64 ordinal | u32 L | L bytes of JSON
 */
#include "lynse_binary.h"

#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_dtype.h"
#include "lynse_effort.h"
#include "lynse_filter.h"
#include "lynse_handlers.h"
#include "lynse_rows.h"
#include "lynse_search.h"

#include "base/bytes.h"

varve_status lynse_block_read(lynse_call *c, const char *rows_key, lynse_block *ret,
                              varve_error *err)
{
    const char *encoding = http_query(c->request, "vector_encoding");
    lynse_block b = {.rows = 1, .dtype = VARVE_FLOAT32};
    VV_TRY(lynse_query_need_uint(c, "dim", &b.dim, err));
    if (rows_key) {
        VV_TRY(lynse_query_need_uint(c, rows_key, &b.rows, err));
        VV_TRY(LYNSE_LIMIT(c, rows_key, b.rows, max_batch_vectors, err));
    }
    if (encoding && *encoding && (!lynse_dtype_read(encoding, &b.dtype) || b.dtype > VARVE_FLOAT16))
        return vv_fail(err, VARVE_INVALID, "Invalid argument: unsupported vector_encoding '%s'",
                       encoding);
    VV_TRY(LYNSE_LIMIT(c, "dim", b.dim, dim_max, err));
    if (!size_mul(b.rows, b.dim * varve_dtype_row_bytes(b.dtype, 1), &b.bytes)) b.bytes = SIZE_MAX;
    VV_TRY(LYNSE_LIMIT(c, "vector bytes", b.bytes, max_collection_vector_bytes, err));
    *ret = b;
    return VARVE_OK;
}

varve_status lynse_block_body(lynse_call *c, const lynse_block *block, const char **ret_body,
                              varve_error *err)
{
    size_t len;
    const char *body = http_body(c->request, &len);
    if (len != block->bytes)
        return vv_fail(err, VARVE_INVALID, "Expected %zu bytes, got %zu", block->bytes, len);
    *ret_body = body;
    return VARVE_OK;
}

static varve_status add_u32(buffer *out, uint64_t value, varve_error *err)
{
    char bytes[4];
    put_u32(bytes, (uint32_t)value);
    return buffer_add(out, bytes, sizeof bytes, err);
}

static varve_status add_u64(buffer *out, uint64_t value, varve_error *err)
{
    char bytes[8];
    put_u64(bytes, value);
    return buffer_add(out, bytes, sizeof bytes, err);
}

static varve_status add_f32(buffer *out, float value, varve_error *err)
{
    char bytes[4];
    put_f32(bytes, value);
    return buffer_add(out, bytes, sizeof bytes, err);
}

/* Leave room for a u32 length; end_sized writes it. */
static varve_status begin_sized(buffer *out, size_t *ret_at, varve_error *err)
{
    *ret_at = out->len;
    return add_u32(out, 0, err);
}

static varve_status end_sized(buffer *out, size_t at, varve_error *err)
{
    size_t len = out->len - at - 4;
    if (len > UINT32_MAX)
        return vv_fail(err, VARVE_LIMIT, "the fields of this answer pass 4 GiB; ask for fewer");
    put_u32(out->data + at, (uint32_t)len);
    return VARVE_OK;
}

static varve_status out_block_fields(buffer *out, const varve_hits *hits, size_t query,
                                     varve_error *err)
{
    size_t at;
    VV_TRY(begin_sized(out, &at, err));
    for (size_t i = 0; i < varve_hits_count(hits, query); i++) {
        VV_TRY(buffer_add(out, i ? "," : "[", 1, err));
        VV_TRY(lynse_out_fields(out, varve_hits_fields(hits, query, i), err));
    }
    if (varve_hits_count(hits, query)) VV_TRY(buffer_add(out, "]", 1, err));
    return end_sized(out, at, err);
}

static varve_status out_block(buffer *out, const varve_hits *hits, size_t query,
                              const lynse_scores *scores, bool with_fields, varve_error *err)
{
    size_t n = varve_hits_count(hits, query);
    VV_TRY(add_u32(out, n, err));
    for (size_t i = 0; i < n; i++)
        VV_TRY(add_u64(out, varve_hits_ordinal(hits, query, i), err));
    for (size_t i = 0; i < n; i++)
        VV_TRY(add_f32(out, lynse_score(scores, varve_hits_score(hits, query, i)), err));
    return with_fields ? out_block_fields(out, hits, query, err) : add_u32(out, 0, err);
}

typedef struct search_args {
    lynse_block block;
    uint64_t k;
    bool with_fields;
    const char *field; /* NULL: the primary one */
    varve_filter *filter;
    lynse_scores scores;
    lynse_effort effort;
} search_args;

static void args_done(search_args *a) { varve_filter_free(a->filter); }

/* Also after a failure `a` is to be freed. */
static varve_status read_args(lynse_call *c, const char *rows_key, search_args *a, varve_error *err)
{
    bool approx;
    double eps;
    VV_TRY(lynse_block_read(c, rows_key, &a->block, err));
    VV_TRY(lynse_filter_of_query(c, &a->filter, err));
    a->field = http_query(c->request, "vector_field");
    VV_TRY(lynse_query_uint(c, "k", LYNSE_K_DEFAULT, &a->k, err));
    VV_TRY(LYNSE_LIMIT(c, "k", a->k, max_top_k, err));
    VV_TRY(lynse_query_bool(c, "return_fields", &a->with_fields, err));
    VV_TRY(lynse_query_bool(c, "approx", &approx, err));
    VV_TRY(lynse_query_number(c, "eps", LYNSE_EPS_DEFAULT, &eps, err));
    VV_TRY(lynse_scores_choose(c, a->field, a->filter != NULL, approx, eps, &a->scores, err));
    return lynse_effort_of_query(c, &a->effort, err);
}

static varve_status run_search(lynse_call *c, search_kind kind, const search_args *a,
                               varve_hits **ret, varve_error *err)
{
    const char *body;
    VV_TRY(lynse_block_body(c, &a->block, &body, err));
    varve_search_request request = {.vectors = body,
                                    .vectors_type = a->block.dtype,
                                    .count = a->block.rows,
                                    .dim = a->block.dim,
                                    .k = a->k,
                                    .vector_field = a->field,
                                    .filter = a->filter,
                                    .with = a->with_fields ? VARVE_WITH_FIELDS : 0};
    lynse_effort_set(&a->effort, &request);
    return a->block.rows ? lynse_search_run(c, kind, &request, ret, err) : VARVE_OK;
}

static varve_status search_binary(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_hits_freep) varve_hits *hits = NULL;
    VV_CLEANUP(args_done) search_args a = {0};
    VV_TRY(read_args(c, NULL, &a, err));
    VV_TRY(run_search(c, SEARCH_VECTOR, &a, &hits, err));
    return out_block(&c->reply->body, hits, 0, &a.scores, a.with_fields, err);
}

void lynse_search_binary(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_binary(g, request, reply, LYNSE_ANSWER_BINARY, search_binary);
}

static varve_status batch_search_binary(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_hits_freep) varve_hits *hits = NULL;
    VV_CLEANUP(args_done) search_args a = {0};
    VV_TRY(read_args(c, "n_queries", &a, err));
    VV_TRY(run_search(c, SEARCH_BATCH, &a, &hits, err));
    VV_TRY(add_u32(&c->reply->body, a.block.rows, err));
    for (size_t i = 0; i < a.block.rows; i++)
        VV_TRY(out_block(&c->reply->body, hits, i, &a.scores, a.with_fields, err));
    return VARVE_OK;
}

void lynse_batch_search_binary(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_binary(g, request, reply, LYNSE_ANSWER_BINARY, batch_search_binary);
}

static varve_status out_block_rows(buffer *out, const varve_rowset *set, const lynse_rows *rows,
                                   varve_error *err)
{
    size_t n = rows->count, dim = varve_rowset_dim(set), at;
    VV_TRY(add_u32(out, n, err));
    VV_TRY(add_u32(out, dim, err));
    for (size_t i = 0; i < n; i++)
        VV_TRY(buffer_add(out, varve_rowset_vector(set, i), dim * sizeof(float), err));
    for (size_t i = 0; i < n; i++)
        VV_TRY(add_u64(out, varve_rowset_ordinal(set, i), err));
    VV_TRY(begin_sized(out, &at, err));
    if (n) VV_TRY(lynse_out_row_fields(out, rows, err));
    return end_sized(out, at, err);
}

typedef varve_status read_end(varve_collection *, size_t, unsigned, varve_rowset **, varve_error *);

static varve_status end_rows(lynse_call *c, read_end *read, varve_error *err)
{
    VV_CLEANUP(lynse_rows_done) lynse_rows rows = {0};
    unsigned with = VARVE_WITH_VECTORS | VARVE_WITH_FIELDS | VARVE_WITH_DELETED;
    varve_rowset *set = NULL;
    uint64_t n;
    VV_TRY(lynse_query_uint(c, "n", 5, &n, err));
    VV_TRY(LYNSE_LIMIT(c, "n", n, max_top_k, err));
    VV_TRY(lynse_of_rows(c, read(c->collection, n, with, &set, err), err));
    VV_TRY(lynse_rows_add(&rows, set, false, err));
    return out_block_rows(&c->reply->body, set, &rows, err);
}

static varve_status head_binary(lynse_call *c, varve_error *err)
{
    return end_rows(c, varve_head, err);
}

void lynse_head_binary(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_binary(g, request, reply, LYNSE_ANSWER_BINARY, head_binary);
}

static varve_status tail_binary(lynse_call *c, varve_error *err)
{
    return end_rows(c, varve_tail, err);
}

void lynse_tail_binary(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_binary(g, request, reply, LYNSE_ANSWER_BINARY, tail_binary);
}
