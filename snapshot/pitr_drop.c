/* pitr_drop.c — the moment before a collection was dropped: the log is read from its end for the
 * batch that did it; see pitr.h (5). */
#include "pitr_inner.h"

typedef struct search {
    const char *database, *collection;
    uint64_t first, time_ms; /* of the last batch that dropped it; 0: none was found */
} search;

static varve_status look_at(search *s, const pitr_object *place, const wal_object *o,
                            varve_error *err)
{
    for (size_t i = 0; i < o->batch_count; i++) {
        const wal_batch *b = &o->batches[i];
        bool dropped = false;
        if (b->last > place->end || b->first <= s->first) continue;
        VV_TRY(varve_log_drops(b->bytes, b->len, s->database, s->collection, &dropped, err));
        if (!dropped) continue;
        s->first = b->first;
        s->time_ms = b->time_ms;
    }
    return VARVE_OK;
}

/* From the last object on; what ends before a drop that was found is not read. */
static varve_status find(repo *r, const remote_cancel *c, const pitr_plan *p, search *s,
                         varve_error *err)
{
    for (size_t i = p->object_count; i-- > 0;) {
        VV_CLEANUP(wal_object_done) wal_object o = {0};
        const pitr_object *place = &p->objects[i];
        if (place->end <= s->first) continue;
        if (c->asked && c->asked(c->arg)) return vv_fail(err, VARVE_CANCELLED, "cancelled");
        VV_TRY(wal_object_read(r, &place->name, &o, err));
        VV_TRY(look_at(s, place, &o, err));
    }
    return VARVE_OK;
}

varve_status pitr_plan_drop(repo *r, pitr_options *o, pitr_plan *p, pitr_result *result,
                            varve_error *err)
{
    search s = {.database = o->database, .collection = o->collection};
    if (o->target != PITR_BEFORE_DROP) return VARVE_OK;
    if (!s.database || !s.collection)
        return vv_fail(err, VARVE_INVALID, "name the collection that was dropped");
    VV_TRY(pitr_list_objects(r, p, err));
    VV_TRY(find(r, &o->cancel, p, &s, err));
    if (!s.first)
        return vv_fail(err, VARVE_NOT_FOUND,
                       "no batch of the log that was shipped, in %zu objects, drops collection "
                       "%s.%s",
                       p->object_count, s.database, s.collection);
    o->target = PITR_LSN;
    o->lsn = s.first - 1;
    result->drop_lsn = s.first;
    result->drop_ms = s.time_ms;
    return VARVE_OK;
}
