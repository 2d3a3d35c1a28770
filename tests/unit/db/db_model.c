/* db_model.c — see db_model.h. */
#include "model_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void model_small_options(varve_options *o)
{
    varve_options_init(o);
    o->seal_rows = 48;
    o->seal_rows_min = 8;
    o->session_memory_max = 2048;
    o->bulk_segment_bytes = 4096;
    o->row_buffer_bytes = 1 << 20;
    o->block_cache_bytes = 1 << 20;
    o->search_threads = 1;
}

void model_init(model *m, uint64_t seed)
{
    memset(m, 0, sizeof *m);
    for (size_t i = 0; i < MODEL_IDS; i++)
        m->rows[i].ordinal_rank = -1;
    m->next_version = 1;
    random_seed(&m->random, seed);
}

varve_id model_id(uint32_t id, char text[24])
{
    if (id % 2 == 0) return (varve_id){.kind = VARVE_ID_NUM, .num = id};
    int len = snprintf(text, 24, "row-%u", id);
    return (varve_id){.kind = VARVE_ID_STR, .text = {text, (size_t)len}};
}

static void pick_ids(model *m, model_step *s, size_t most)
{
    s->count = 1 + random_below(&m->random, most);
    uint32_t first = (uint32_t)random_below(&m->random, MODEL_IDS);
    for (size_t i = 0; i < s->count; i++)
        s->ids[i] = (first + (uint32_t)(i * 7)) % MODEL_IDS;
}

/* Inserts mostly of absent ids, so that they succeed; sometimes of any, so that they are refused.
 */
static void pick_absent(model *m, model_step *s, size_t most)
{
    size_t want = 1 + random_below(&m->random, most), at = random_below(&m->random, MODEL_IDS);
    s->count = 0;
    for (size_t i = 0; i < MODEL_IDS && s->count < want; i++) {
        uint32_t id = (uint32_t)((at + i) % MODEL_IDS);
        if (m->rows[id].state == VARVE_ROW_ABSENT) s->ids[s->count++] = id;
    }
    if (s->count == 0) pick_ids(m, s, most);
}

/* Named vectors mostly of rows that can have them. */
static void pick_live(model *m, model_step *s, size_t most)
{
    size_t want = 1 + random_below(&m->random, most), at = random_below(&m->random, MODEL_IDS);
    s->count = 0;
    for (size_t i = 0; i < MODEL_IDS && s->count < want; i++) {
        uint32_t id = (uint32_t)((at + i) % MODEL_IDS);
        if (m->rows[id].state == VARVE_ROW_LIVE) s->ids[s->count++] = id;
    }
    if (s->count == 0) pick_ids(m, s, most);
}

void model_plan(model *m, model_step *s)
{
    *s = (model_step){.op = (model_op)random_below(&m->random, MODEL_OPS)};
    s->upsert = random_below(&m->random, 2);
    s->discard = random_below(&m->random, 4) == 0;
    size_t most = s->op == MODEL_SESSION ? 57 : 25;
    bool insert = s->op == MODEL_INSERT || (s->op == MODEL_SESSION && !s->upsert);
    s->field = (int)random_below(&m->random, MODEL_FIELDS_NAMED);
    if (s->op == MODEL_FIELD_DROP && random_below(&m->random, 4)) s->op = MODEL_FIELD_PUT;
    if (insert && random_below(&m->random, 5)) {
        pick_absent(m, s, most);
    } else if (s->op == MODEL_FIELD_PUT && random_below(&m->random, 5)) {
        pick_live(m, s, most);
    } else {
        pick_ids(m, s, most);
    }
    s->version = m->next_version;
    m->next_version += (uint32_t)s->count;
}

/* ---- doing */

static void fill_vector(uint32_t id, uint32_t version, float v[MODEL_DIM])
{
    for (size_t k = 0; k < MODEL_DIM; k++)
        v[k] = (float)((id * 31 + version * 17 + k * 5) % 1009);
    v[0] = (float)id;
    v[1] = (float)(version % 1000003);
}

static varve_status session_rows(varve_collection *c, const model_step *s, const varve_rows *rows,
                                 varve_error *err)
{
    varve_session *session = NULL;
    varve_session_options options = {.upsert = s->upsert};
    varve_status status = varve_session_new(c, &options, &session, err);
    for (size_t i = 0; i < s->count && status == VARVE_OK; i += 10) {
        varve_rows part = *rows;
        part.count = s->count - i < 10 ? s->count - i : 10;
        part.ids = rows->ids + i;
        part.vectors = (const float *)rows->vectors + i * MODEL_DIM;
        part.fields = rows->fields + i;
        status = varve_session_add(session, &part, err);
    }
    if (status == VARVE_OK && !s->discard) status = varve_session_commit(session, NULL, err);
    varve_session_free(session);
    return status;
}

varve_status model_do(const model_step *s, varve_collection *c, varve_error *err)
{
    static _Thread_local char id_text[MODEL_IDS][24], field_text[MODEL_IDS][64];
    static _Thread_local float vectors[MODEL_IDS][MODEL_DIM];
    varve_id ids[MODEL_IDS];
    varve_text fields[MODEL_IDS];
    for (size_t i = 0; i < s->count; i++) {
        uint32_t version = s->version + (uint32_t)i;
        ids[i] = model_id(s->ids[i], id_text[i]);
        fill_vector(s->ids[i], version, vectors[i]);
        fields[i].data = field_text[i];
        fields[i].len =
            (size_t)snprintf(field_text[i], 64, "{\"v\": %u, \"id\":%u}", version, s->ids[i]);
    }
    varve_rows rows = {
        .count = s->count, .dim = MODEL_DIM, .ids = ids, .vectors = vectors, .fields = fields};
    switch (s->op) {
    case MODEL_INSERT: return varve_insert(c, &rows, NULL, NULL, err);
    case MODEL_UPSERT: return varve_upsert(c, &rows, NULL, NULL, err);
    case MODEL_DELETE: return varve_delete(c, ids, s->count, NULL, NULL, err);
    case MODEL_RESTORE: return varve_restore(c, ids, s->count, NULL, NULL, err);
    case MODEL_FIELDS:
        return varve_fields_change(c, VARVE_FIELDS_SET, ids, fields, s->count, NULL, NULL, err);
    case MODEL_SESSION: return session_rows(c, s, &rows, err);
    case MODEL_FIELD_PUT: return model_field_put(s, ids, c, err);
    case MODEL_FIELD_REMOVE: return model_field_remove(s, ids, c, err);
    case MODEL_FIELD_DROP: return model_field_drop(s, c, err);
    case MODEL_OPS: break;
    }
    abort();
}

/* ---- the model */

varve_status model_expect(const model *m, const model_step *s)
{
    for (size_t i = 0; i < s->count; i++) {
        varve_row_state state = m->rows[s->ids[i]].state;
        bool insert =
            s->op == MODEL_INSERT || (s->op == MODEL_SESSION && !s->upsert && !s->discard);
        if (insert && state != VARVE_ROW_ABSENT) return VARVE_EXISTS;
        bool change = s->op == MODEL_FIELDS || s->op == MODEL_FIELD_PUT;
        if (change && state != VARVE_ROW_LIVE) return VARVE_NOT_FOUND;
    }
    return VARVE_OK;
}

void model_apply(model *m, const model_step *s)
{
    for (size_t i = 0; s->op == MODEL_FIELD_DROP && i < MODEL_IDS; i++)
        m->rows[i].named[s->field] = 0;
    for (size_t i = 0; i < s->count; i++) {
        model_row *row = &m->rows[s->ids[i]];
        switch (s->op) {
        case MODEL_SESSION:
            if (s->discard) return;
            /* fall through */
        case MODEL_INSERT:
        case MODEL_UPSERT:
            if (row->state == VARVE_ROW_ABSENT) {
                row->ordinal_rank = m->next_rank++;
                memset(row->named, 0, sizeof row->named);
            }
            row->state = VARVE_ROW_LIVE;
            row->version = row->fields_version = s->version + (uint32_t)i;
            break;
        case MODEL_FIELDS: row->fields_version = s->version + (uint32_t)i; break;
        case MODEL_DELETE:
            if (row->state == VARVE_ROW_LIVE) row->state = VARVE_ROW_DELETED;
            break;
        case MODEL_RESTORE:
            if (row->state == VARVE_ROW_DELETED) row->state = VARVE_ROW_LIVE;
            break;
        case MODEL_FIELD_PUT: row->named[s->field] = s->version + (uint32_t)i; break;
        case MODEL_FIELD_REMOVE:
            if (row->state == VARVE_ROW_LIVE) row->named[s->field] = 0;
            break;
        case MODEL_FIELD_DROP: return;
        case MODEL_OPS: abort();
        }
    }
}

/* ---- comparing */

static bool check_row(const model *m, uint32_t id, const varve_rowset *rows, char *difference,
                      size_t size)
{
    const model_row *row = &m->rows[id];
    size_t count = varve_rowset_count(rows);
    if (count != (row->state != VARVE_ROW_ABSENT)) {
        snprintf(difference, size, "id %u: state %d expected, %zu rows found", id, (int)row->state,
                 count);
        return false;
    }
    if (count == 0) return true;
    if (varve_rowset_state(rows, 0) != row->state) {
        snprintf(difference, size, "id %u: state %d expected, %d found", id, (int)row->state,
                 (int)varve_rowset_state(rows, 0));
        return false;
    }
    float expected[MODEL_DIM];
    fill_vector(id, row->version, expected);
    const float *found = varve_rowset_vector(rows, 0);
    char text[64];
    varve_text fields = varve_rowset_fields(rows, 0);
    int len = snprintf(text, sizeof text, "{\"v\":%u,\"id\":%u}", row->fields_version, id);
    bool same_fields = (fields.len == (size_t)len && memcmp(fields.data, text, fields.len) == 0);
    if (memcmp(expected, found, sizeof expected) != 0 || !same_fields) {
        snprintf(difference, size, "id %u: version %u expected, vector has %g, fields %.*s", id,
                 row->version, (double)found[1], (int)fields.len, fields.data);
        return false;
    }
    return true;
}

static bool check_search(const model *m, varve_collection *c, char *difference, size_t size)
{
    float query[MODEL_DIM] = {0};
    varve_error err = {0};
    size_t live = 0;
    for (size_t i = 0; i < MODEL_IDS; i++)
        live += m->rows[i].state == VARVE_ROW_LIVE;
    varve_hits *hits = NULL;
    varve_search_request r = {.vectors = query,
                              .count = 1,
                              .dim = MODEL_DIM,
                              .k = MODEL_IDS,
                              .metric_given = true,
                              .metric = VARVE_METRIC_L2};
    if (varve_search(c, &r, &hits, &err) != VARVE_OK) {
        snprintf(difference, size, "search: %s", err.message);
        return false;
    }
    bool same = varve_hits_count(hits, 0) == live;
    if (!same)
        snprintf(difference, size, "search: %zu live rows, %zu hits", live,
                 varve_hits_count(hits, 0));
    for (size_t i = 1; same && i < varve_hits_count(hits, 0); i++) {
        same = varve_hits_score(hits, 0, i - 1) <= varve_hits_score(hits, 0, i);
        if (!same) snprintf(difference, size, "search: hits are out of order at %zu", i);
    }
    varve_hits_free(hits);
    return same;
}

static bool check_counts(const model *m, varve_collection *c, char *difference, size_t size)
{
    varve_collection_stats stats;
    varve_error err = {0};
    uint64_t live = 0, deleted = 0;
    for (size_t i = 0; i < MODEL_IDS; i++) {
        live += m->rows[i].state == VARVE_ROW_LIVE;
        deleted += m->rows[i].state == VARVE_ROW_DELETED;
    }
    if (varve_collection_get_stats(c, &stats, &err) != VARVE_OK) {
        snprintf(difference, size, "stats: %s", err.message);
        return false;
    }
    if (stats.rows_live == live && stats.rows_deleted == deleted) return true;
    snprintf(difference, size, "%llu live and %llu deleted expected, %llu and %llu found",
             (unsigned long long)live, (unsigned long long)deleted,
             (unsigned long long)stats.rows_live, (unsigned long long)stats.rows_deleted);
    return false;
}

bool model_check(const model *m, varve_collection *c, char *difference, size_t size)
{
    if (!check_counts(m, c, difference, size)) return false;
    for (uint32_t id = 0; id < MODEL_IDS; id++) {
        char text[24];
        varve_id key = model_id(id, text);
        varve_rowset *rows = NULL;
        varve_error err = {0};
        unsigned with = VARVE_WITH_VECTORS | VARVE_WITH_FIELDS | VARVE_WITH_DELETED;
        if (varve_get(c, &key, 1, with, false, &rows, &err) != VARVE_OK) {
            snprintf(difference, size, "id %u: %s", id, err.message);
            return false;
        }
        bool same = check_row(m, id, rows, difference, size);
        varve_rowset_free(rows);
        if (!same) return false;
    }
    return model_check_fields(m, c, difference, size) && check_search(m, c, difference, size);
}
