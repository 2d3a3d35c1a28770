/* handoff_model.c — see handoff_model.h. */
#include "handoff_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HITS 12

void handoff_model_init(handoff_model *h)
{
    memset(h, 0, sizeof *h);
    model_init(&h->rows, 1);
}

bool handoff_model_load(handoff_model *h, const char *path)
{
    FILE *f = fopen(path, "re");
    bool whole = f && fread(h, sizeof *h, 1, f) == 1;
    if (f) fclose(f);
    return whole;
}

bool handoff_model_save(const handoff_model *h, const char *path)
{
    FILE *f = fopen(path, "we");
    bool whole = f && fwrite(h, sizeof *h, 1, f) == 1;
    if (f) whole &= fclose(f) == 0;
    return whole;
}

void handoff_model_begin(handoff_model *h, uint64_t seed)
{
    random_seed(&h->random, seed);
    random_seed(&h->rows.random, seed + 0x9e3779b97f4a7c15ull);
    memset(h->doubtful, 0, sizeof h->doubtful);
    h->beside = false;
}

/* ---- what comes next ---- */

static handoff_op pick_op(handoff_model *h)
{
    uint64_t n = random_below(&h->random, 100);
    if (n < 3) return h->beside ? HANDOFF_COMPACT_JOIN : HANDOFF_COMPACT;
    if (n < 6) return h->beside ? HANDOFF_COMPACT_JOIN : HANDOFF_COMPACT_BESIDE;
    if (n < 9) return HANDOFF_MERGE;
    if (n < 12) return HANDOFF_NUDGE;
    if (n < 16) return HANDOFF_MODE;
    if (n < 24) return HANDOFF_SEARCH;
    if (n < 27) return HANDOFF_CHECKPOINT;
    return HANDOFF_ROWS;
}

void handoff_model_plan(handoff_model *h, handoff_step *ret)
{
    handoff_step s = {.op = pick_op(h)};
    s.choice = (uint32_t)random_u64(&h->random);
    s.wait = random_below(&h->random, 2);
    model_plan(&h->rows, &s.rows);
    size_t kept = 0;
    for (size_t i = 0; i < s.rows.count; i++)
        if (!h->doubtful[s.rows.ids[i]]) s.rows.ids[kept++] = s.rows.ids[i];
    s.rows.count = kept;
    if (s.op == HANDOFF_ROWS && kept == 0) s.op = HANDOFF_SEARCH;
    *ret = s;
}

varve_status handoff_model_expect(const handoff_model *h, const handoff_step *s)
{
    return s->op == HANDOFF_ROWS ? model_expect(&h->rows, &s->rows) : VARVE_OK;
}

static void doubt_deleted(handoff_model *h)
{
    for (size_t i = 0; i < MODEL_IDS; i++)
        h->doubtful[i] |= h->rows.rows[i].state == VARVE_ROW_DELETED;
}

void handoff_model_apply(handoff_model *h, const handoff_step *s)
{
    if (s->op == HANDOFF_ROWS && model_expect(&h->rows, &s->rows) == VARVE_OK)
        model_apply(&h->rows, &s->rows);
    if (s->op == HANDOFF_COMPACT_BESIDE) h->beside = true;
    if (h->beside) doubt_deleted(h);
    if (s->op == HANDOFF_COMPACT_JOIN) h->beside = false;
    if (s->op != HANDOFF_COMPACT) return;
    for (size_t i = 0; i < MODEL_IDS; i++) { /* whoever was in doubt is gone for certain */
        if (h->rows.rows[i].state == VARVE_ROW_DELETED) h->rows.rows[i].state = VARVE_ROW_ABSENT;
        h->doubtful[i] = false;
    }
}

void handoff_model_interrupt(handoff_model *h, const handoff_step *s)
{
    if (s->op == HANDOFF_COMPACT || s->op == HANDOFF_COMPACT_BESIDE) doubt_deleted(h);
}

bool handoff_model_settle(handoff_model *h, varve_collection *c, varve_error *err)
{
    for (uint32_t i = 0; i < MODEL_IDS; i++) {
        char text[24];
        varve_row_state state;
        if (!h->doubtful[i]) continue;
        if (varve_exists(c, model_id(i, text), &state, err) != VARVE_OK) return false;
        if (state == VARVE_ROW_ABSENT) h->rows.rows[i].state = state;
        h->doubtful[i] = false;
    }
    return true;
}

/* ---- searches ---- */

typedef struct known { /* live rows as read by id */
    size_t count;
    uint32_t ids[MODEL_IDS];
    float distances[MODEL_IDS]; /* to the query */
} known;

static bool read_known(const handoff_model *h, varve_collection *c, const float *query, known *ret,
                       varve_error *err)
{
    static _Thread_local char texts[MODEL_IDS][24];
    varve_id ids[MODEL_IDS];
    varve_rowset *rows = NULL;
    ret->count = 0;
    for (uint32_t i = 0; i < MODEL_IDS; i++) {
        if (h->rows.rows[i].state != VARVE_ROW_LIVE) continue;
        ids[ret->count] = model_id(i, texts[i]);
        ret->ids[ret->count++] = i;
    }
    if (varve_get(c, ids, ret->count, VARVE_WITH_VECTORS, true, &rows, err) != VARVE_OK)
        return false;
    for (size_t i = 0; i < ret->count; i++) {
        const float *x = varve_rowset_vector(rows, i);
        double sum = 0;
        for (size_t k = 0; k < MODEL_DIM; k++)
            sum += ((double)x[k] - (double)query[k]) * ((double)x[k] - (double)query[k]);
        ret->distances[i] = (float)sum;
    }
    varve_rowset_free(rows);
    return true;
}

static float distance_of(const known *k, varve_id id)
{
    for (size_t i = 0; i < k->count; i++) {
        char text[24];
        varve_id other = model_id(k->ids[i], text);
        bool same = id.kind == other.kind && id.num == other.num && id.text.len == other.text.len &&
                    (id.kind == VARVE_ID_NUM || !memcmp(id.text.data, text, id.text.len));
        if (same) return k->distances[i];
    }
    return NAN;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static bool check_hits(known *k, const varve_hits *hits, bool exact, char *difference, size_t size)
{
    size_t want = VV_MIN(HITS, k->count), count = varve_hits_count(hits, 0);
    float found[HITS] = {0};
    if (count != want) {
        snprintf(difference, size, "search: %zu hits of %zu live rows", count, k->count);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        found[i] = distance_of(k, varve_hits_id(hits, 0, i));
        if (found[i] == varve_hits_score(hits, 0, i)) continue;
        snprintf(difference, size, "search: hit %zu at %g, its row is at %g", i,
                 (double)varve_hits_score(hits, 0, i), (double)found[i]);
        return false;
    }
    qsort(k->distances, k->count, sizeof *k->distances, by_value);
    for (size_t i = 0; exact && i < count; i++) {
        if (found[i] == k->distances[i]) continue;
        snprintf(difference, size, "search: hit %zu at %g, the true one is at %g", i,
                 (double)found[i], (double)k->distances[i]);
        return false;
    }
    return true;
}

bool handoff_model_search(const handoff_model *h, varve_collection *c, uint32_t choice,
                          char *difference, size_t size)
{
    varve_error err = {0};
    varve_hits *hits = NULL;
    float query[MODEL_DIM];
    known k;
    for (size_t i = 0; i < MODEL_DIM; i++)
        query[i] = (float)((choice >> i) % 1009);
    varve_search_request r = {.vectors = query,
                              .count = 1,
                              .dim = MODEL_DIM,
                              .k = HITS,
                              .metric_given = true,
                              .metric = VARVE_METRIC_L2,
                              .exact = choice & 1};
    if (!read_known(h, c, query, &k, &err) || varve_search(c, &r, &hits, &err) != VARVE_OK) {
        snprintf(difference, size, "search: %s", err.message);
        return false;
    }
    bool same = check_hits(&k, hits, r.exact, difference, size);
    varve_hits_free(hits);
    return same;
}
