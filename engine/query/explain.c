/* explain.c — see explain.h. */
#include "query/explain.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void explain_init(explain *e, uint64_t rows_total)
{
    *e = (explain){.started_ns = clock_now_ns()};
    e->profile.rows_total = rows_total;
}

void explain_done(explain *e) { free(e->entries); }

explain explain_take(explain *e)
{
    explain taken = *e;
    e->entries = NULL;
    e->count = e->room = 0;
    return taken;
}

uint64_t explain_lap(uint64_t *since_ns)
{
    uint64_t now = clock_now_ns(), lap = (now - *since_ns) / 1000;
    *since_ns = now;
    return lap;
}

static void join_work(varve_search_work *w, const varve_search_work *part)
{
    w->rows_scanned += part->rows_scanned;
    w->codes_scanned += part->codes_scanned;
    w->nodes_visited += part->nodes_visited;
    w->rows_rescored += part->rows_rescored;
    w->segments_indexed += part->segments_indexed;
    w->segments_scanned += part->segments_scanned;
}

static void join_profile(varve_profile *p, const varve_profile *part)
{
    join_work(&p->work, &part->work);
    if (part->filtered) p->filter_matches = part->filter_matches;
    p->filtered |= part->filtered;
    p->filter_postings += part->filter_postings;
    p->filter_rows += part->filter_rows;
    p->filter_cached += part->filter_cached;
    if (!p->filter_unindexed[0])
        memcpy(p->filter_unindexed, part->filter_unindexed, sizeof p->filter_unindexed);
    p->text_postings += part->text_postings;
    p->sparse_postings += part->sparse_postings;
    p->fusion_us += part->fusion_us;
}

static varve_status add(explain *e, const explain_entry *entry, varve_error *err)
{
    if (e->count == EXPLAIN_ENTRIES_MAX) return VARVE_OK;
    if (e->count == e->room) {
        size_t room = VV_MAX((size_t)8, 2 * e->room);
        explain_entry *larger = realloc(e->entries, room * sizeof *larger);
        if (!larger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a profile");
        e->entries = larger;
        e->room = room;
    }
    e->entries[e->count++] = *entry;
    return VARVE_OK;
}

varve_status explain_join(explain *e, const explain *part, varve_error *err)
{
    join_profile(&e->profile, &part->profile);
    for (size_t i = 0; i < part->count; i++)
        VV_TRY(add(e, &part->entries[i], err));
    return VARVE_OK;
}

varve_status explain_add(explain *e, explain_kind kind, uint64_t a, uint64_t b, uint64_t c,
                         varve_error *err)
{
    explain_entry entry = {.kind = kind, .leg = e->leg, .a = a, .b = b, .c = c};
    return add(e, &entry, err);
}

varve_status explain_source(explain *e, const view *v, size_t i, plan_path path, varve_error *err)
{
    const row_source *s = &v->sources[i];
    explain_entry entry = {.kind = EXPLAIN_SOURCE, .leg = e->leg, .path = path, .memory = !s->seg};
    entry.a = s->rows;
    entry.b = s->rows - tombstones_count(s->hidden);
    entry.certain = !s->index || index_get_spec(s->index)->kind == INDEX_KIND_FRESH;
    if (s->seg) {
        entry.segment = segment_get_record(s->seg)->number;
        e->profile.work.segments_indexed += path == PLAN_INDEX;
        e->profile.work.segments_scanned += path == PLAN_SCAN || path == PLAN_GATHER;
    }
    if (s->index) memcpy(entry.name, index_get_record(s->index)->mode, sizeof entry.name);
    return add(e, &entry, err);
}

varve_status explain_filter(explain *e, const filter_work *work, uint64_t matches, varve_error *err)
{
    varve_profile *p = &e->profile;
    if (work->no_column && !p->filter_unindexed[0])
        snprintf(p->filter_unindexed, sizeof p->filter_unindexed, "%.*s",
                 (int)VV_MIN(work->no_column_path.len, (size_t)SCHEMA_NAME_MAX),
                 work->no_column_path.data ? work->no_column_path.data : "id");
    p->filtered = true;
    p->filter_matches = matches;
    p->filter_postings += work->postings;
    p->filter_rows += work->rows;
    p->filter_cached += work->cached;
    explain_entry entry = {EXPLAIN_FILTER,      .leg = e->leg,   .a = matches,
                           .b = work->postings, .c = work->rows, .cached = work->cached};
    if (work->no_column) snprintf(entry.name, sizeof entry.name, "%.63s", p->filter_unindexed);
    return add(e, &entry, err);
}

/* ---- sentences ----------------------------------------------------------------------------- */

static const char *path_words(const explain_entry *e)
{
    switch (e->path) {
    case PLAN_SKIP: return "passed over";
    case PLAN_SCAN: return "scan";
    case PLAN_GATHER: return "scan of those";
    default: return e->certain ? "scan of codes" : "index ";
    }
}

static varve_status print_source(const explain_entry *e, buffer *out, varve_error *err)
{
    const char *mode = e->path == PLAN_INDEX && !e->certain ? e->name : "";
    if (e->memory)
        VV_TRY(buffer_add_text(out, "memory", err));
    else
        VV_TRY(buffer_printf(out, err, "segment %llu", (unsigned long long)e->segment));
    return buffer_printf(out, err, ": %llu rows, %llu match: %s%s", (unsigned long long)e->a,
                         (unsigned long long)e->b, path_words(e), mode);
}

static varve_status print_filter(const explain_entry *e, buffer *out, varve_error *err)
{
    VV_TRY(buffer_printf(out, err, "filter: %llu rows match; %llu postings, %llu rows read",
                         (unsigned long long)e->a, (unsigned long long)e->b,
                         (unsigned long long)e->c));
    if (e->cached)
        VV_TRY(buffer_printf(out, err, "; %llu segments cached", (unsigned long long)e->cached));
    if (!e->name[0]) return VARVE_OK;
    return buffer_printf(out, err, "; no field index for path %s", e->name);
}

varve_status explain_print(const explain_entry *e, buffer *out, varve_error *err)
{
    unsigned long long a = e->a, b = e->b, c = e->c;
    varve_status status = VARVE_OK;
    if (e->leg) VV_TRY(buffer_printf(out, err, "leg %u: ", e->leg));
    switch (e->kind) {
    case EXPLAIN_FILTER: status = print_filter(e, out, err); break;
    case EXPLAIN_SOURCE: status = print_source(e, out, err); break;
    case EXPLAIN_TEXT:
        status = buffer_printf(out, err,
                               "text: %llu stretches of rows, %llu without an index; "
                               "%llu postings",
                               a, b, c);
        break;
    case EXPLAIN_SPARSE:
        status = buffer_printf(out, err,
                               "sparse: %llu stretches of rows, %llu without an index; "
                               "%llu postings",
                               a, b, c);
        break;
    case EXPLAIN_MULTI:
        status = buffer_printf(out, err, "max_sim: %llu rows, %llu vectors compared", a, b);
        break;
    case EXPLAIN_ROWS:
        status = buffer_printf(out, err, "%llu rows looked at", a);
        if (status == VARVE_OK && b) status = buffer_printf(out, err, ", %llu postings", b);
        break;
    case EXPLAIN_FUSION:
        status = buffer_printf(out, err, "fusion: %llu lists of %llu rows together", a, b);
        break;
    }
    return status == VARVE_OK ? buffer_add(out, "", 1, err) : status;
}
