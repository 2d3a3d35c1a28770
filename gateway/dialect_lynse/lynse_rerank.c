/* lynse_rerank.c — see lynse_rerank.h. */
#include "lynse_rerank.h"

#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_document.h"

#include "base/clock.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define IDS_BYTES_MAX ((size_t)64 << 20)

/* ---- arguments ------------------------------------------------------------------------------- */

static varve_status check_members(const json_t *given, varve_error *err)
{
    static const char *const known[] = {"name", "query", "fields", "candidates", "on_error"};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)given, key, value)
    {
        size_t i = 0;
        while (i < VV_COUNT(known) && strcmp(key, known[i]) != 0)
            i++;
        if (i == VV_COUNT(known))
            return vv_fail(err, VARVE_INVALID,
                           "Invalid argument: rerank has name, query, fields, candidates and "
                           "on_error, and no '%.64s'",
                           key);
    }
    return VARVE_OK;
}

static varve_status find_client(lynse_rerank *r, const char *name, varve_error *err)
{
    r->client = gateway_reranker(r->call->gateway, name);
    if (r->client) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID,
                   "Invalid argument: no reranker '%.64s' is configured on this server", name);
}

static varve_status read_paths(const json_t *fields, lynse_rerank *r, varve_error *err)
{
    for (size_t i = 0; i < json_array_size(fields); i++)
        if (!json_is_string(json_array_get(fields, i)))
            return vv_fail(err, VARVE_INVALID,
                           "Json deserialize error: rerank.fields[%zu] must be a string", i);
    if (fields && (!json_is_array(fields) || json_array_size(fields) == 0))
        return vv_fail(err, VARVE_INVALID,
                       "Json deserialize error: rerank.fields must be an array of strings");
    r->paths = fields;
    return VARVE_OK;
}

static varve_status read_on_error(const lynse_call *c, lynse_rerank *r, varve_error *err)
{
    const char *how;
    VV_TRY(lynse_text(c, "on_error", &how, err));
    r->skip = how && strcmp(how, "skip") == 0;
    if (!how || r->skip || strcmp(how, "fail") == 0) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID,
                   "Invalid argument: rerank.on_error must be \"fail\" or \"skip\"");
}

static varve_status read_query(const lynse_call *c, const char *text, lynse_rerank *r,
                               varve_error *err)
{
    const char *query;
    VV_TRY(lynse_text(c, "query", &query, err));
    if (!query) query = text;
    if (!query || query[strspn(query, " \t\r\n\f\v")] == 0)
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: rerank needs a query that is not blank");
    r->query = (varve_text){query, strlen(query)};
    return VARVE_OK;
}

static varve_status read_candidates(const lynse_call *c, uint64_t wanted, lynse_rerank *r,
                                    varve_error *err)
{
    const reranker *s = rerank_client_settings(r->client);
    uint64_t top = gateway_limits(r->call->gateway)->max_top_k, candidates;
    uint64_t most = top ? VV_MIN(top, s->documents_max) : s->documents_max;
    VV_TRY(lynse_uint(c, "candidates", VV_MIN(VV_MAX(4 * wanted, 1), most), &candidates, err));
    r->candidates = (size_t)candidates;
    if (candidates > 0 && candidates <= most) return VARVE_OK;
    return vv_fail(err, VARVE_LIMIT,
                   "Invalid argument: rerank.candidates %" PRIu64 " must be from 1 to %" PRIu64
                   ", the documents_max of '%s' and max_top_k",
                   candidates, most, s->name);
}

varve_status lynse_rerank_read(lynse_call *c, uint64_t k, uint64_t offset, const char *text,
                               lynse_rerank *ret, varve_error *err)
{
    const json_t *given = lynse_member(c, "rerank");
    const lynse_call members = {
        .document = {.root = json_is_object(given) ? (json_t *)given : NULL}};
    const char *name = json_string_value(given);
    *ret = (lynse_rerank){.call = c};
    if (!given) return VARVE_OK;
    if (!name && !json_is_object(given))
        return vv_fail(err, VARVE_INVALID,
                       "Json deserialize error: rerank must be a name, or an object with one");
    VV_TRY(check_members(given, err));
    if (!name) VV_TRY(lynse_need_text(&members, "name", &name, err));
    VV_TRY(find_client(ret, name, err));
    VV_TRY(read_paths(lynse_member(&members, "fields"), ret, err));
    VV_TRY(read_on_error(&members, ret, err));
    VV_TRY(read_query(&members, text, ret, err));
    VV_TRY(read_candidates(&members, k + offset, ret, err));
    size_t request_bytes = (size_t)rerank_client_settings(ret->client)->request_bytes_max;
    arena_init(&ret->memory, request_bytes + IDS_BYTES_MAX, "documents to rerank");
    return VARVE_OK;
}

varve_status lynse_rerank_refuse(const lynse_call *c, varve_error *err)
{
    if (!lynse_member(c, "rerank")) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID,
                   "Invalid argument: this route does not rerank; ask /search, /bm25_search, "
                   "/sparse_search or /hybrid_search");
}

void lynse_rerank_done(lynse_rerank *r)
{
    free(r->rows);
    arena_done(&r->memory);
}

/* ---- the call -------------------------------------------------------------------------------- */

static int compare_ids(varve_id a, varve_id b)
{
    if (a.kind != b.kind) return a.kind < b.kind ? -1 : 1;
    if (a.kind == VARVE_ID_NUM) return (a.num > b.num) - (a.num < b.num);
    size_t len = VV_MIN(a.text.len, b.text.len);
    int order = len ? memcmp(a.text.data, b.text.data, len) : 0;
    return order ? order : (a.text.len > b.text.len) - (a.text.len < b.text.len);
}

static int by_id(const void *a, const void *b)
{
    return compare_ids(((const lynse_rerank_row *)a)->id, ((const lynse_rerank_row *)b)->id);
}

static const lynse_rerank_row *find_row(const lynse_rerank *r, varve_id id)
{
    const lynse_rerank_row wanted = {.id = id};
    return r->row_count ? bsearch(&wanted, r->rows, r->row_count, sizeof wanted, by_id) : NULL;
}

/* Rows that are new to us, with their documents. */
typedef struct batch {
    varve_text *documents;
    size_t *row_of; /* document i is that of rows[row_of[i]] */
    double *scores;
    bool *scored;
    size_t count, bytes;
} batch;

static void batch_done(batch *b)
{
    free(b->documents);
    free(b->row_of);
    free(b->scores);
    free(b->scored);
}

static varve_status batch_init(batch *b, size_t count, varve_error *err)
{
    b->documents = calloc(count + 1, sizeof *b->documents);
    b->row_of = calloc(count + 1, sizeof *b->row_of);
    b->scores = calloc(count + 1, sizeof *b->scores);
    b->scored = calloc(count + 1, sizeof *b->scored);
    if (b->documents && b->row_of && b->scores && b->scored) return VARVE_OK;
    return vv_fail(err, VARVE_NO_MEMORY, "no memory to rerank %zu hits", count);
}

static varve_status add_document(lynse_rerank *r, batch *b, size_t row, varve_text fields,
                                 varve_error *err)
{
    const reranker *s = rerank_client_settings(r->client);
    VV_CLEANUP(buffer_done) buffer text;
    buffer_init(&text, s->document_bytes_max, "document to rerank");
    VV_TRY(lynse_document(fields, r->paths, s->document_bytes_max, &text, err));
    /* What does not fit into the request need not be kept for it. */
    if (text.len == 0 || b->bytes + text.len > s->request_bytes_max) return VARVE_OK;
    b->bytes += text.len;
    b->row_of[b->count] = row;
    return arena_text(&r->memory, text.data, text.len, &b->documents[b->count++], err);
}

static varve_status add_rows(lynse_rerank *r, batch *b, const varve_id *ids,
                             const varve_text *fields, size_t count, varve_error *err)
{
    size_t before = r->row_count, at = before;
    lynse_rerank_row *more = realloc(r->rows, (before + count + 1) * sizeof *more);
    if (!more) return vv_fail(err, VARVE_NO_MEMORY, "no memory to rerank %zu hits", count);
    r->rows = more;
    for (size_t i = 0; i < count; i++) {
        lynse_rerank_row row = {.id = ids[i]};
        if (find_row(r, ids[i])) continue; /* among the sorted ones, those of calls before */
        if (row.id.kind == VARVE_ID_STR)
            VV_TRY(arena_text(&r->memory, ids[i].text.data, ids[i].text.len, &row.id.text, err));
        r->rows[at] = row;
        VV_TRY(add_document(r, b, at++, fields[i], err));
    }
    r->row_count = at;
    return VARVE_OK;
}

static varve_status call(lynse_rerank *r, batch *b, char cause[static 300], varve_error *err)
{
    const reranker *s = rerank_client_settings(r->client);
    rerank_reply reply = {.scores = b->scores, .scored = b->scored};
    uint64_t spent_ms = r->spent_us / 1000, since = clock_now_ns();
    varve_status status =
        spent_ms >= s->timeout_ms
            ? vv_fail(err, VARVE_TIMEOUT, "Reranker '%s' did not answer within %" PRIu64 " ms",
                      s->name, s->timeout_ms)
            : rerank_call(r->client, r->query, b->documents, b->count, s->timeout_ms - spent_ms,
                          &reply, err);
    uint64_t ns = clock_now_ns() - since;
    r->spent_us += ns / 1000;
    (void)snprintf(cause, 300, "%s", reply.cause);
    if (status != VARVE_OK) return status;
    gateway_count_search(r->call->gateway, SEARCH_RERANK, false, ns);
    r->documents += reply.sent;
    for (size_t i = 0; i < b->count; i++) {
        r->rows[b->row_of[i]].scored = b->scored[i];
        r->rows[b->row_of[i]].score = b->scores[i];
    }
    return VARVE_OK;
}

/* What the client is told, what the log is told; true: the search goes on. */
static bool note_failure(lynse_rerank *r, const char *cause, const varve_error *err)
{
    lynse_call *c = r->call;
    gateway_count_rerank_failure(c->gateway);
    c->reply->cause.status = err->status;
    (void)snprintf(c->reply->cause.message, sizeof c->reply->cause.message, "%.250s%s%.200s",
                   err->message, *cause ? ": " : "", cause);
    if (r->skip) {
        r->skipped = *err;
        return true;
    }
    c->failure_status = err->status == VARVE_TIMEOUT  ? 504
                        : err->status == VARVE_LOCKED ? 503
                                                      : 502;
    c->code = err->status == VARVE_TIMEOUT  ? "reranker_timeout"
              : err->status == VARVE_LOCKED ? "reranker_busy"
                                            : "reranker_failed";
    return false;
}

static bool is_of_service(varve_status status)
{
    return status == VARVE_TIMEOUT || status == VARVE_LOCKED || status == VARVE_IO;
}

static varve_status ask(lynse_rerank *r, const varve_id *ids, const varve_text *fields,
                        size_t count, varve_error *err)
{
    VV_CLEANUP(batch_done) batch b = {0};
    varve_error failure = {0};
    char cause[300] = "";
    VV_TRY(batch_init(&b, count, err));
    VV_TRY(add_rows(r, &b, ids, fields, count, err));
    varve_status status = b.count ? call(r, &b, cause, &failure) : VARVE_OK;
    if (r->row_count) qsort(r->rows, r->row_count, sizeof *r->rows, by_id);
    if (status == VARVE_OK || (is_of_service(status) && note_failure(r, cause, &failure)))
        return VARVE_OK;
    if (err) *err = failure;
    return status;
}

typedef struct place {
    double score;
    size_t at;
} place;

static int by_score(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Rows that have no score follow by themselves. */
static varve_status put_in_order(const lynse_rerank *r, const varve_id *ids, size_t count,
                                 size_t *order, size_t *ret_count, varve_error *err)
{
    VV_CLEANUP(vv_freep) place *places = calloc(count + 1, sizeof *places);
    size_t scored = 0;
    if (!places) return vv_fail(err, VARVE_NO_MEMORY, "no memory to rerank %zu hits", count);
    for (size_t i = 0; i < count; i++) {
        const lynse_rerank_row *row = find_row(r, ids[i]);
        if (row && row->scored) places[scored++] = (place){row->score, i};
    }
    qsort(places, scored, sizeof *places, by_score);
    for (size_t i = 0; i < scored; i++)
        order[i] = places[i].at;
    *ret_count = scored;
    return VARVE_OK;
}

static varve_status rerank(void *context, const varve_id *ids, const varve_text *fields,
                           float *scores, size_t count, size_t *order, size_t *order_count,
                           varve_error *err)
{
    lynse_rerank *r = context;
    (void)scores; /* they stay those of the search */
    *order_count = 0;
    if (r->skipped.status != VARVE_OK) return VARVE_OK;
    VV_TRY(ask(r, ids, fields, count, err));
    if (r->skipped.status != VARVE_OK) return VARVE_OK;
    return put_in_order(r, ids, count, order, order_count, err);
}

size_t lynse_rerank_limit(const lynse_rerank *r, uint64_t wanted)
{
    return r->client ? VV_MAX((size_t)wanted, r->candidates) : 0;
}

void lynse_rerank_set(lynse_rerank *r, varve_query_request *request)
{
    if (!r->client) return;
    request->rerank = rerank;
    request->rerank_context = r;
    request->rerank_k = r->candidates;
}

/* ---- answer ---------------------------------------------------------------------------------- */

varve_status lynse_out_rerank_scores(buffer *out, const lynse_rerank *r, const varve_hits *hits,
                                     varve_error *err)
{
    if (!r->client) return VARVE_OK;
    VV_TRY(buffer_add_text(out, ",\"rerank_scores\":[", err));
    for (size_t i = 0; hits && i < varve_hits_count(hits, 0); i++) {
        const lynse_rerank_row *row = find_row(r, varve_hits_id(hits, 0, i));
        bool scored = row && row->scored && r->skipped.status == VARVE_OK;
        if (i) VV_TRY(buffer_add(out, ",", 1, err));
        VV_TRY(scored ? json_out_double(out, row->score, err) : buffer_add(out, "null", 4, err));
    }
    return buffer_add(out, "]", 1, err);
}

varve_status lynse_out_rerank(buffer *out, const lynse_rerank *r, varve_error *err)
{
    if (!r->client) return VARVE_OK;
    bool applied = r->skipped.status == VARVE_OK;
    VV_TRY(buffer_add_text(out, ",\"rerank\":{\"name\":", err));
    VV_TRY(lynse_out_text(out, rerank_client_settings(r->client)->name, err));
    VV_TRY(buffer_printf(out, err,
                         ",\"applied\":%s,\"documents\":%zu,\"us\":%" PRIu64 "},\"warnings\":[",
                         applied ? "true" : "false", applied ? r->documents : 0, r->spent_us));
    if (!applied) {
        char warning[sizeof r->skipped.message + 64];
        (void)snprintf(warning, sizeof warning, "%s; the order is that of the search",
                       r->skipped.message);
        VV_TRY(lynse_out_text(out, warning, err));
    }
    return buffer_add(out, "]", 1, err);
}
