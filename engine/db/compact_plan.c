/* compact_plan.c — a collection as the pure function of pick.h sees it. */
#include "db/compaction_inner.h"

void plan_done(compact_plan *p)
{
    view_unref(p->v);
    free(p->segments);
    free(p->sources);
    *p = (compact_plan){0};
}

static bool deletes_are_over(const varve_collection *c)
{
    uint64_t now_ms = clock_now_ns() / 1000000;
    return now_ms - atomic_load(&c->last_delete_ms) >= c->db->options.compact_deleted_keep_ms;
}

/* By the settings, and by what took too much memory before. */
static uint64_t rows_max_of(const varve_collection *c)
{
    uint64_t fit = atomic_load(&c->merge_rows_fit), set = c->db->options.compact_rows_max;
    return fit && (set == 0 || fit < set) ? fit : set;
}

static void set_rules(const varve_collection *c, const compact_request *r, compact_plan *p)
{
    const varve_options *o = &c->db->options;
    const index_spec *wanted = index_wanted(&p->wants);
    snprintf(p->mode, sizeof p->mode, "FRESH");
    if (p->wants.full) index_mode_text(&p->wants.full_spec.mode, p->mode);
    p->rules = (pick_rules){
        .wants_full = p->wants.full,
        .wants_fresh = p->wants.fresh,
        .mode = p->mode,
        .rows_fit = wanted ? index_rows_that_fit(wanted, o->compact_memory_max) : INT32_MAX,
        .memory_max = o->compact_memory_max,
        .rows_max = rows_max_of(c),
        .index_rows_min = o->index_rows_min,
        .fanout = o->compact_fanout,
        .tombstone_percent = o->compact_tombstone_percent,
        .deleted_counts = r || c->inner ? false : deletes_are_over(c), /* children: by parents */
        .index_only = r && r->index_only,
        .everything = r && !r->index_only,
        .before = r ? r->before : 0,
    };
}

static pick_segment describe(const row_source *s, const index_wants *w)
{
    const index_record *x = s->index ? index_get_record(s->index) : NULL;
    bool serves = x && index_serves(w, x->kind, x->spec_hash);
    const segment_record *r = segment_get_record(s->seg);
    return (pick_segment){
        .number = r->number,
        .rows = s->rows,
        .column_bytes = segment_rewrite_bytes(s->seg),
        .hidden = tombstones_count(s->hidden),
        .deleted = tombstones_count(s->deleted),
        .has_index = serves,
        .index_lost = !serves && s->index_generation > 0,
        .kind = serves ? x->kind : INDEX_KIND_FRESH,
    };
}

static varve_status make_room(compact_plan *p, varve_error *err)
{
    p->segments = malloc((p->v->source_count + 1) * sizeof *p->segments);
    p->sources = malloc((p->v->source_count + 1) * sizeof *p->sources);
    if (!p->segments || !p->sources)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a compaction");
    return VARVE_OK;
}

static void list_segments(compact_plan *p)
{
    index_wants_of(&p->field, &p->wants);
    for (size_t i = 0; i < p->v->source_count; i++) {
        const row_source *s = &p->v->sources[i];
        if (!s->seg) continue;
        pick_segment one = describe(s, &p->wants);
        one.apart = i == 0 || !p->v->sources[i - 1].seg;
        p->sources[p->count] = i;
        p->segments[p->count++] = one;
    }
}

/* Under writer_lock. */
static void note_reserved(const varve_collection *c, compact_plan *p)
{
    for (size_t i = 1; i < p->count && c->reserved_count; i++) {
        const row_source *s = &p->v->sources[p->sources[i]];
        if (!p->segments[i].apart)
            p->segments[i].apart = collection_reserved_between(c, s[-1].rowver_max, s->rowver_min);
    }
}

static void decide(const varve_collection *c, const compact_request *request, compact_plan *p,
                   compact_plan *ret)
{
    set_rules(c, request, p);
    pick_next(p->segments, p->count, &p->rules, &p->decision);
    *ret = *p;
    ret->rules.mode = ret->mode;
    *p = (compact_plan){0};
}

static varve_status look_locked(varve_collection *c, compact_plan *p, varve_error *err)
{
    p->v = view_ref(c->view);
    p->field = c->schema.fields[0];
    VV_TRY(make_room(p, err));
    list_segments(p);
    note_reserved(c, p);
    return VARVE_OK;
}

varve_status plan_make(varve_collection *c, const compact_request *request, compact_plan *ret,
                       varve_error *err)
{
    VV_CLEANUP(plan_done) compact_plan p = {0};
    VV_TRY(collection_ready(c, err));
    pthread_mutex_lock(&c->db->writer_lock);
    varve_status status = look_locked(c, &p, err);
    pthread_mutex_unlock(&c->db->writer_lock);
    if (status == VARVE_OK) decide(c, request, &p, ret);
    return status;
}

varve_status plan_guess(varve_collection *c, compact_plan *ret, varve_error *err)
{
    VV_CLEANUP(plan_done) compact_plan p = {0};
    VV_TRY(collection_ready(c, err));
    p.v = collection_view(c);
    p.field = collection_field(c);
    VV_TRY(make_room(&p, err));
    list_segments(&p);
    decide(c, NULL, &p, ret);
    return VARVE_OK;
}

void plan_backlog(const compact_plan *p, uint64_t *ret_rows, uint64_t *ret_segments)
{
    *ret_rows = *ret_segments = 0;
    if (!p->wants.full) return;
    for (size_t i = 0; i < p->count; i++) {
        if (!pick_needs_index(&p->segments[i], &p->rules)) continue;
        *ret_rows += p->segments[i].rows;
        ++*ret_segments;
    }
}
