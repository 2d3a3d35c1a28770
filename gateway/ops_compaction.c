/* ops_compaction.c — GET /compaction: how compaction stands; POST /compaction/run: compact now. */
#include "ops.h"

#include "gateway_inner.h"
#include "ops_body.h"
#include "reply.h"

#include <inttypes.h>
#include <string.h>

/* ---- GET /compaction ----------------------------------------------------------------------- */

/* The settings of the engine that have to do with compaction and indexes, by how they begin. */
static bool is_about_compaction(const char *key)
{
    static const char *const starts[] = {"compact_", "backlog_", "index_", "recall_"};
    for (size_t i = 0; i < VV_COUNT(starts); i++)
        if (strncmp(key, starts[i], strlen(starts[i])) == 0) return true;
    return false;
}

static varve_status out_settings(const varve_options *options, buffer *out, varve_error *err)
{
    const struct {
        const char *key;
        uint64_t value;
    } settings[] = {
#define X(name, value, meaning) {#name, options->name},
        VARVE_SETTING_TABLE(X)
#undef X
    };
    const char *comma = "";
    VV_TRY(buffer_add_text(out, ",\"settings\":{", err));
    for (size_t i = 0; i < VV_COUNT(settings); i++) {
        if (!is_about_compaction(settings[i].key)) continue;
        VV_TRY(buffer_printf(out, err, "%s\"%s\":%" PRIu64, comma, settings[i].key,
                             settings[i].value));
        comma = ",";
    }
    return buffer_add(out, "}", 1, err);
}

static varve_status out_text_or_null(const char *key, const char *text, buffer *out,
                                     varve_error *err)
{
    VV_TRY(buffer_printf(out, err, ",\"%s\":", key));
    if (!text || !*text) return buffer_add_text(out, "null", err);
    return json_out_string(out, text, strlen(text), err);
}

static varve_status out_process(const varve_compaction_stats *s, buffer *out, varve_error *err)
{
    VV_TRY(buffer_printf(out, err, "\"supervised\":%s,\"restarts\":%" PRIu64 ",\"pid\":",
                         s->supervised ? "true" : "false", s->restarts));
    if (s->pid) return buffer_printf(out, err, "%d", s->pid);
    return buffer_add_text(out, "null", err);
}

static varve_status out_counts(const varve_compaction_stats *s, buffer *out, varve_error *err)
{
    VV_TRY(buffer_printf(out, err,
                         ",\"jobs_done\":%" PRIu64 ",\"jobs_refused\":%" PRIu64
                         ",\"jobs_failed\":%" PRIu64 ",\"jobs_cancelled\":%" PRIu64
                         ",\"rows_removed\":%" PRIu64 ",\"bytes_written\":%" PRIu64
                         ",\"bytes_removed\":%" PRIu64,
                         s->jobs_done, s->jobs_refused, s->jobs_failed, s->jobs_cancelled,
                         s->rows_removed, s->bytes_written, s->bytes_removed));
    return buffer_printf(out, err,
                         ",\"backlog_rows\":%" PRIu64 ",\"backlog_segments\":%" PRIu64
                         ",\"index_bytes\":%" PRIu64 ",\"index_memory_bytes\":%" PRIu64
                         ",\"writes_delayed\":%" PRIu64 ",\"write_delay_ms\":%" PRIu64,
                         s->backlog_rows, s->backlog_segments, s->index_bytes,
                         s->index_memory_bytes, s->writes_delayed, s->write_delay_ms);
}

static varve_status describe(gateway *g, const http_request *request, buffer *out, varve_error *err)
{
    const varve_options *options = gateway_limits(g);
    varve_compaction_stats s = {0};
    varve_compaction_get_stats(http_db(request), &s);
    VV_TRY(buffer_add_text(out, "{\"status\":\"success\",\"params\":{", err));
    VV_TRY(out_process(&s, out, err));
    VV_TRY(out_counts(&s, out, err));
    VV_TRY(out_text_or_null("next_reason", s.next_reason, out, err));
    VV_TRY(out_text_or_null("schedule", options->compact_schedule, out, err));
    VV_TRY(out_settings(options, out, err));
    return buffer_add_text(out, "}}", err);
}

void ops_compaction(gateway *g, http_request *request, http_reply *reply)
{
    varve_error err = {0};
    if (describe(g, request, &reply->body, &err) != VARVE_OK) reply_error(reply, &err);
}

/* ---- POST /compaction/run ------------------------------------------------------------------ */

typedef struct run_order {
    const char *database, *collection; /* NULL: all; borrowed from the document */
    varve_compact_options options;
} run_order;

typedef struct run {
    varve *db;
    const run_order *order;
    buffer *out;
    size_t collections;
    uint64_t rows_removed;
} run;

static varve_status read_order(const json_document *body, run_order *ret, varve_error *err)
{
    run_order o = {0};
    bool wait;
    VV_TRY(ops_body_text(body, "database_name", &o.database, err));
    VV_TRY(ops_body_text(body, "collection_name", &o.collection, err));
    VV_TRY(ops_body_switch(body, "keep_deleted", false, &o.options.keep_deleted, err));
    VV_TRY(ops_body_switch(body, "wait", true, &wait, err));
    if (o.collection && !o.database)
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: collection_name needs database_name beside it");
    o.options.no_wait = !wait;
    *ret = o;
    return VARVE_OK;
}

static void names_freep(varve_names **names) { varve_names_free(*names); }
static void collection_freep(varve_collection **c) { varve_collection_release(*c); }

static varve_status out_report(run *r, const char *database, const char *name,
                               const varve_compact_report *report, varve_error *err)
{
    buffer *out = r->out;
    VV_TRY(buffer_add_text(out,
                           r->collections++ ? ",{\"database_name\":" : "{\"database_name\":", err));
    VV_TRY(json_out_string(out, database, strlen(database), err));
    VV_TRY(buffer_add_text(out, ",\"collection_name\":", err));
    VV_TRY(json_out_string(out, name, strlen(name), err));
    r->rows_removed += report->rows_removed;
    return buffer_printf(out, err,
                         ",\"rows_removed\":%" PRIu64 ",\"versions_removed\":%" PRIu64
                         ",\"segments_before\":%" PRIu64 ",\"segments_after\":%" PRIu64
                         ",\"bytes_before\":%" PRIu64 ",\"bytes_after\":%" PRIu64
                         ",\"jobs\":%" PRIu64 ",\"elapsed_ms\":%" PRIu64 "}",
                         report->rows_removed, report->versions_removed, report->segments_before,
                         report->segments_after, report->bytes_before, report->bytes_after,
                         report->jobs, report->elapsed_ms);
}

static varve_status compact_one(run *r, const char *database, const char *name, varve_error *err)
{
    VV_CLEANUP(collection_freep) varve_collection *c = NULL;
    varve_compact_report report = {0};
    VV_TRY(varve_collection_open(r->db, database, name, &c, err));
    VV_TRY(varve_compact(c, &r->order->options, &report, err));
    return out_report(r, database, name, &report, err);
}

/* One that was dropped since its name was read is passed over. */
static varve_status compact_database(run *r, const char *database, varve_error *err)
{
    VV_CLEANUP(names_freep) varve_names *names = NULL;
    VV_TRY(varve_collection_list(r->db, database, &names, err));
    for (size_t i = 0; i < varve_names_count(names); i++) {
        const char *name = varve_names_get(names, i);
        varve_status status = compact_one(r, database, name, err);
        if (status == VARVE_OK || !varve_collection_exists(r->db, database, name)) continue;
        vv_error_prefix(err, "collection %s/%s", database, name);
        return status;
    }
    return VARVE_OK;
}

static varve_status compact_all(run *r, varve_error *err)
{
    VV_CLEANUP(names_freep) varve_names *databases = NULL;
    VV_TRY(varve_database_list(r->db, &databases, err));
    for (size_t i = 0; i < varve_names_count(databases); i++) {
        const char *database = varve_names_get(databases, i);
        varve_status status = compact_database(r, database, err);
        if (status != VARVE_OK && varve_database_exists(r->db, database)) return status;
    }
    return VARVE_OK;
}

static varve_status run_order_now(run *r, varve_error *err)
{
    const run_order *o = r->order;
    if (!o->database) return compact_all(r, err);
    if (!varve_database_exists(r->db, o->database))
        return vv_fail(err, VARVE_NOT_FOUND, "Database not found: %s", o->database);
    if (!o->collection) return compact_database(r, o->database, err);
    if (!varve_collection_exists(r->db, o->database, o->collection))
        return vv_fail(err, VARVE_NOT_FOUND, "Collection not found: %s", o->collection);
    return compact_one(r, o->database, o->collection, err);
}

static varve_status compact(http_request *request, buffer *out, varve_error *err)
{
    VV_CLEANUP(json_document_done) json_document body = {0};
    run_order order = {0};
    run r = {.db = http_db(request), .order = &order, .out = out};
    VV_TRY(ops_body_parse(request, &body, err));
    VV_TRY(read_order(&body, &order, err));
    VV_TRY(buffer_add_text(out, "{\"status\":\"success\",\"params\":{\"collections\":[", err));
    VV_TRY(run_order_now(&r, err));
    return buffer_printf(out, err, "],\"rows_removed\":%" PRIu64 ",\"wait\":%s}}", r.rows_removed,
                         order.options.no_wait ? "false" : "true");
}

void ops_compaction_run(gateway *g, http_request *request, http_reply *reply)
{
    varve_error err = {0};
    (void)g;
    if (compact(request, &reply->body, &err) != VARVE_OK) reply_compactor_error(reply, &err);
}
