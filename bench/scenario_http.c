/* scenario_http.c — what HTTP costs: durable batches of 1,000 rows as JSON, as binary frames and as
 * one stream, and the CPU of a search request beyond the engine's own. Server and client are two
 * processes on one machine, and share its processors. */
#include "data.h"
#include "server.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_DEFAULT    20000
#define DIM_DEFAULT     384
#define BODY_BYTES_MAX  ((size_t)64 << 20)
#define SEARCH_ROWS     1000
#define SEARCHES        2000
#define SEARCHES_BODIES 64
#define K               10

typedef struct wire {
    const bench_options *o;
    const data *data;
    server server;
    post post;
    buffer body;
    rows_block block;
} wire;

static void wire_done(wire *w)
{
    server_stop(&w->server);
    post_done(&w->post);
    buffer_done(&w->body);
    rows_done(&w->block);
}

/* ---- bodies ---- */

static varve_status json_batch(buffer *out, const char *name, const varve_rows *r, varve_error *err)
{
    VV_TRY(buffer_printf(
        out, err, "{\"database_name\":\"default\",\"collection_name\":\"%s\",\"ids\":[", name));
    for (size_t i = 0; i < r->count; i++) {
        if (i > 0) VV_TRY(buffer_add_text(out, ",", err));
        VV_TRY(json_out_u64(out, r->ids[i].num, err));
    }
    VV_TRY(buffer_add_text(out, "],\"vectors\":[", err));
    for (size_t i = 0; i < r->count; i++) {
        if (i > 0) VV_TRY(buffer_add_text(out, ",", err));
        VV_TRY(json_out_floats(out, (const float *)r->vectors + i * r->dim, r->dim, err));
    }
    VV_TRY(buffer_add_text(out, "],\"fields\":[", err));
    for (size_t i = 0; i < r->count; i++) {
        if (i > 0) VV_TRY(buffer_add_text(out, ",", err));
        VV_TRY(buffer_add(out, r->fields[i].data, r->fields[i].len, err));
    }
    return buffer_add_text(out, "]}", err);
}

/* The frame of /bulk: see gateway/dialect_lynse/bulk_frames.c. */
static varve_status frame_batch(buffer *out, const varve_rows *r, varve_error *err)
{
    uint8_t head[24] = "VRVB";
    put_u32(head + 4, (uint32_t)r->count);
    put_u32(head + 8, (uint32_t)r->dim);
    head[12] = VARVE_FLOAT32;
    head[13] = 2; /* a range of ids */
    head[14] = 1; /* with fields */
    put_u64(head + 16, r->ids[0].num);
    VV_TRY(buffer_add(out, head, sizeof head, err));
    VV_TRY(buffer_add(out, r->vectors, r->count * r->dim * sizeof(float), err));
    for (size_t i = 0; i < r->count; i++) {
        uint8_t length[4];
        put_u32(length, (uint32_t)r->fields[i].len);
        VV_TRY(buffer_add(out, length, sizeof length, err));
        VV_TRY(buffer_add(out, r->fields[i].data, r->fields[i].len, err));
    }
    return VARVE_OK;
}

/* ---- writes ---- */

static varve_status make_collection(wire *w, const char *name, varve_error *err)
{
    char body[256];
    int n = snprintf(body, sizeof body,
                     "{\"database_name\":\"default\",\"collection_name\":\"%s\",\"dim\":%zu}", name,
                     w->data->dim);
    return post_send(&w->post, &w->server, "/required_collection", "application/json", body,
                     (size_t)n, err);
}

static varve_status send_batch(wire *w, const char *name, bool json, uint64_t first,
                               uint64_t *busy_ns, varve_error *err)
{
    char path[256] = "/add";
    varve_rows rows;
    rows_fill(&w->block, w->data, first, BATCH_ROWS, &rows);
    buffer_clear(&w->body);
    if (json)
        VV_TRY(json_batch(&w->body, name, &rows, err));
    else
        VV_TRY(frame_batch(&w->body, &rows, err));
    if (!json)
        snprintf(path, sizeof path,
                 "/bulk?database_name=default&collection_name=%s&format=frames&commit=batch", name);
    uint64_t from = clock_now_ns();
    VV_TRY(post_send(&w->post, &w->server, path,
                     json ? "application/json" : "application/octet-stream", w->body.data,
                     w->body.len, err));
    *busy_ns += clock_now_ns() - from;
    return VARVE_OK;
}

static varve_status measure_batches(wire *w, bool json, size_t round, double *ret, varve_error *err)
{
    uint64_t rows = bench_rows(w->o, ROWS_DEFAULT) / BATCH_ROWS * BATCH_ROWS, busy_ns = 0;
    char name[64];
    snprintf(name, sizeof name, "%s%zu", json ? "json" : "binary", round);
    VV_TRY(make_collection(w, name, err));
    for (uint64_t first = 0; first < rows; first += BATCH_ROWS)
        VV_TRY(send_batch(w, name, json, first, &busy_ns, err));
    *ret = (double)rows * 1e9 / (double)busy_ns;
    return VARVE_OK;
}

static varve_status measure_writes(wire *w, varve_error *err)
{
    double json[64], binary[64];
    size_t rounds = VV_MIN(w->o->rounds, VV_COUNT(json));
    unsigned long long rows = bench_rows(w->o, ROWS_DEFAULT);
    for (size_t i = 0; i < rounds; i++) {
        VV_TRY(measure_batches(w, false, i, &binary[i], err));
        VV_TRY(measure_batches(w, true, i, &json[i], err));
    }
    double fast = median(binary, rounds), slow = median(json, rounds);
    result("http.batches.binary", fast, "rows/s", fast / slow, "http.batches.json",
           "%llu rows of %zu-d float32 + ~200 B fields, durable requests of %d rows, one "
           "connection, median of %zu",
           rows, w->data->dim, BATCH_ROWS, rounds);
    result("http.batches.json", slow, "rows/s", slow / fast, "http.batches.binary", "the same");
    return VARVE_OK;
}

/* ---- searches ---- */

static varve_status search_bodies(const wire *w, const char *name, buffer *bodies, varve_error *err)
{
    for (size_t i = 0; i < SEARCHES_BODIES; i++) {
        const float *query = data_vector(w->data, 1000003 + i);
        VV_TRY(buffer_printf(&bodies[i], err,
                             "{\"database_name\":\"default\",\"collection_name\":\"%s\",\"k\":%d,"
                             "\"return_fields\":false,\"vector\":",
                             name, K));
        VV_TRY(json_out_floats(&bodies[i], query, w->data->dim, err));
        VV_TRY(buffer_add_text(&bodies[i], "}", err));
    }
    return VARVE_OK;
}

/* CPU seconds of the server for one search, and seconds until its answer. */
static varve_status search_over_http(wire *w, const buffer *bodies, double *ret_cpu,
                                     double *ret_wait, varve_error *err)
{
    double before, after;
    VV_TRY(cpu_seconds_of(w->server.pid, &before, err));
    uint64_t from = clock_now_ns();
    for (size_t i = 0; i < SEARCHES; i++) {
        const buffer *body = &bodies[i % SEARCHES_BODIES];
        VV_TRY(post_send(&w->post, &w->server, "/search", "application/json", body->data, body->len,
                         err));
    }
    *ret_wait = (double)(clock_now_ns() - from) / 1e9 / SEARCHES;
    VV_TRY(cpu_seconds_of(w->server.pid, &after, err));
    *ret_cpu = (after - before) / SEARCHES;
    return VARVE_OK;
}

/* The same searches, of the same folder, opened beside the server. */
static varve_status search_directly(const wire *w, varve_collection *c, double *ret_cpu,
                                    varve_error *err)
{
    double before = cpu_seconds_self();
    for (size_t i = 0; i < SEARCHES; i++) {
        varve_hits *hits = NULL;
        varve_search_request request = {.vectors =
                                            data_vector(w->data, 1000003 + i % SEARCHES_BODIES),
                                        .count = 1,
                                        .dim = w->data->dim,
                                        .k = K};
        VV_TRY(varve_search(c, &request, &hits, err));
        varve_hits_free(hits);
    }
    *ret_cpu = (cpu_seconds_self() - before) / SEARCHES;
    return VARVE_OK;
}

static varve_status compare(wire *w, const buffer *bodies, varve_collection *c, varve_error *err)
{
    double http[64], engine[64], wait[64];
    size_t rounds = VV_MIN(w->o->rounds, VV_COUNT(http));
    for (size_t i = 0; i < rounds; i++) {
        VV_TRY(search_over_http(w, bodies, &http[i], &wait[i], err));
        VV_TRY(search_directly(w, c, &engine[i], err));
    }
    double all = median(http, rounds), own = median(engine, rounds), waited = median(wait, rounds);
    result("http.search.cpu_beyond_engine", (all - own) * 1e6, "us/request", (all - own) / own,
           "CPU of the engine",
           "%zu-d JSON, k %d, %d rows, one connection; server %.1f us, engine %.1f us of CPU; "
           "median of %zu",
           w->data->dim, K, SEARCH_ROWS, all * 1e6, own * 1e6, rounds);
    result("http.search.latency", waited * 1e6, "us", 0, NULL, "the same, mean of %d", SEARCHES);
    return VARVE_OK;
}

static varve_status measure_searches(wire *w, const char *folder, varve_error *err)
{
    buffer bodies[SEARCHES_BODIES];
    varve *db = NULL;
    varve_collection *c = NULL;
    uint64_t busy_ns = 0;
    varve_options options;
    varve_options_init(&options);
    options.read_only = true;
    for (size_t i = 0; i < SEARCHES_BODIES; i++)
        buffer_init(&bodies[i], BODY_BYTES_MAX, "search");
    varve_status status = make_collection(w, "searched", err);
    if (status == VARVE_OK) status = send_batch(w, "searched", false, 0, &busy_ns, err);
    if (status == VARVE_OK) status = search_bodies(w, "searched", bodies, err);
    if (status == VARVE_OK) status = varve_open(folder, &options, &db, err);
    if (status == VARVE_OK) status = varve_collection_open(db, "default", "searched", &c, err);
    if (status == VARVE_OK) status = compare(w, bodies, c, err);
    varve_collection_release(c);
    if (db) varve_abandon(db);
    for (size_t i = 0; i < SEARCHES_BODIES; i++)
        buffer_done(&bodies[i]);
    return status;
}

static varve_status run(const bench_options *o, varve_error *err)
{
    VV_CLEANUP(work_done) work folder = {0};
    VV_CLEANUP(data_done) data d = {0};
    VV_CLEANUP(wire_done) wire w = {.o = o, .data = &d};
    buffer_init(&w.body, BODY_BYTES_MAX, "request");
    VV_TRY(data_init(&d, bench_dim(o, DIM_DEFAULT), o->seed, err));
    VV_TRY(work_new(o, "http", &folder, err));
    VV_TRY(rows_init(&w.block, &d, BATCH_ROWS, err));
    VV_TRY(post_init(&w.post, err));
    VV_TRY(server_start(o, folder.path, &w.server, err));
    VV_TRY(measure_writes(&w, err));
    return measure_searches(&w, folder.path, err);
}

const scenario scenario_http = {"http", "batches and searches over HTTP", run};
