/* compact_api.c — indexes and compaction as varve.h has them. */
#include "db/children.h"
#include "db/compaction_inner.h"

/* Ask, and wait unless the caller does not want to. */
static varve_status ask(varve_collection *c, bool index_only, bool keep_deleted, bool no_wait,
                        uint64_t timeout_ms, varve_compact_report *ret, varve_error *err)
{
    compaction *k = c->db->compaction;
    compact_request *r = request_new(c, !no_wait);
    if (!r) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a compaction");
    r->index_only = index_only;
    r->keep_deleted = keep_deleted;
    request_add(k, r);
    return no_wait ? VARVE_OK : request_wait(k, r, timeout_ms, ret, err);
}

varve_status varve_index_build(varve_collection *c, const char *mode,
                               const varve_index_params *params, bool no_wait, varve_error *err)
{
    if (!mode) return vv_fail(err, VARVE_INVALID, "index_mode: a name is expected");
    VV_TRY(index_choose(c, mode, params, err));
    return ask(c, true, true, no_wait, 0, NULL, err);
}

static void add_report(varve_compact_report *sum, const varve_compact_report *r)
{
    sum->versions_removed += r->versions_removed;
    sum->segments_before += r->segments_before;
    sum->segments_after += r->segments_after;
    sum->bytes_before += r->bytes_before;
    sum->bytes_after += r->bytes_after;
    sum->jobs += r->jobs;
    sum->elapsed_ms += r->elapsed_ms;
}

/* The vector fields, of which a purge has left superseded versions; rows removed are the
 * collection's own. */
static varve_status compact_children(varve_collection *c, const varve_compact_options *o,
                                     uint64_t began_ns, varve_compact_report *report,
                                     varve_error *err)
{
    VV_CLEANUP(child_list_done) child_list l = {0};
    VV_TRY(children_take(c, &l, err));
    for (size_t i = 0; i < l.count && !o->no_wait; i++) {
        varve_compact_report one = {0};
        uint64_t spent_ms = (clock_now_ns() - began_ns) / 1000000;
        uint64_t left_ms = o->timeout_ms > spent_ms ? o->timeout_ms - spent_ms : 1;
        varve_status status =
            ask(l.all[i], false, o->keep_deleted, false, o->timeout_ms ? left_ms : 0, &one, err);
        if (status == VARVE_NOT_FOUND) continue; /* dropped meanwhile */
        if (status != VARVE_OK) return status;
        add_report(report, &one);
    }
    return VARVE_OK;
}

varve_status varve_compact(varve_collection *c, const varve_compact_options *options,
                           varve_compact_report *ret_report, varve_error *err)
{
    static const varve_compact_options plain = {0};
    const varve_compact_options *o = options ? options : &plain;
    varve_compact_report report = {0};
    VV_TRY(db_check_writable(c->db, false, err));
    VV_TRY(collection_ready(c, err));
    uint64_t began_ns = clock_now_ns();
    VV_TRY(ask(c, false, o->keep_deleted, o->no_wait, o->timeout_ms, &report, err));
    VV_TRY(compact_children(c, o, began_ns, &report, err));
    if (ret_report) *ret_report = report;
    return VARVE_OK;
}

/* ---- the compactor */

static void set_supervised(compaction *k, bool supervised)
{
    pthread_mutex_lock(&k->lock);
    k->supervised = supervised;
    pthread_mutex_unlock(&k->lock);
    compaction_wake(k->db);
}

varve_status varve_compactor_start(varve *db, varve_error *err)
{
    char program[DB_PATH_MAX];
    VV_TRY(db_check_writable(db, false, err));
    VV_TRY(child_find(&db->options, program, err));
    set_supervised(db->compaction, true);
    return VARVE_OK;
}

void varve_compactor_stop(varve *db)
{
    if (db->compaction) set_supervised(db->compaction, false);
}

/* ---- statistics */

static void add_memory(const view *v, varve_compaction_stats *s)
{
    for (size_t i = 0; i < v->source_count; i++) {
        if (v->sources[i].index) s->index_memory_bytes += index_memory_bytes(v->sources[i].index);
    }
}

static void add_collection(varve_collection *c, varve_compaction_stats *s)
{
    VV_CLEANUP(plan_done) compact_plan p = {0};
    varve_error ignored;
    uint64_t rows, segments;
    if (!atomic_load(&c->loaded) || atomic_load(&c->dropped)) return;
    if (plan_guess(c, &p, &ignored) != VARVE_OK) return;
    plan_backlog(&p, &rows, &segments);
    s->backlog_rows += rows;
    s->backlog_segments += segments;
    add_memory(p.v, s);
    if (p.decision.kind != PICK_NONE && !s->next_reason[0])
        snprintf(s->next_reason, sizeof s->next_reason, "%.40s: %.117s", c->name,
                 p.decision.reason);
}

void varve_compaction_get_stats(varve *db, varve_compaction_stats *ret_stats)
{
    varve_compaction_stats s = {0};
    compaction *k = db->compaction;
    varve_collection **all = NULL;
    size_t count = 0;
    if (k) {
        pthread_mutex_lock(&k->lock);
        s = k->stats;
        s.supervised = k->supervised;
        pthread_mutex_unlock(&k->lock);
    }
    s.index_bytes = atomic_load(&db->index_bytes);
    s.writes_delayed = atomic_load(&db->writes_delayed);
    s.write_delay_ms = atomic_load(&db->write_delay_ms);
    if (catalog_all(db, &all, &count, NULL) == VARVE_OK) {
        for (size_t i = 0; i < count; i++) {
            add_collection(all[i], &s);
            varve_collection_release(all[i]);
        }
        free(all);
    }
    *ret_stats = s;
}
