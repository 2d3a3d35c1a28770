/* damage_fields.c — see damage_fields.h. */
#include "damage_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DENSE, SPARSE, MULTI, KINDS, DIM = 3, COMMON = 7, COUNT = SCENE_VECTORS / 2 };

static const struct {
    const char *name;
    varve_field_spec spec;
} fields[KINDS] = {
    {"title", {.kind = VARVE_FIELD_DENSE, .dim = DIM, .metric = VARVE_METRIC_L2}},
    {"words", {.kind = VARVE_FIELD_SPARSE}},
    {"parts", {.kind = VARVE_FIELD_MULTI, .dim = DIM}},
};

typedef struct vectors {
    char texts[COUNT][32];
    varve_id ids[COUNT];
    size_t counts[COUNT];
    float values[COUNT * 2 * DIM];
    uint32_t indices[COUNT * 2];
} vectors;

static void make(vectors *v, int kind)
{
    size_t at = 0;
    for (size_t i = 0; i < COUNT; i++) {
        v->ids[i] = scene_id(2 * i, v->texts[i]);
        v->counts[i] = kind == DENSE ? 1 : kind == SPARSE ? 2 : 1 + i % 2;
        size_t values = kind == SPARSE ? 2 : v->counts[i] * DIM;
        for (size_t k = 0; k < values; k++, at++) {
            v->values[at] = (float)(i * 10 + k + 1);
            if (kind == SPARSE) v->indices[at] = k ? (uint32_t)(100 + i) : COMMON;
        }
    }
}

void scene_put_vectors(varve_collection *c)
{
    static vectors v;
    varve_error err = {0};
    for (int kind = 0; kind < KINDS; kind++) {
        make(&v, kind);
        varve_field_rows rows = {.count = COUNT,
                                 .ids = v.ids,
                                 .vectors = v.values,
                                 .dim = DIM,
                                 .counts = v.counts,
                                 .indices = v.indices,
                                 .values = v.values,
                                 .nonzero = v.counts};
        if (varve_field_create(c, fields[kind].name, &fields[kind].spec, &err) == VARVE_OK &&
            varve_field_put(c, fields[kind].name, &rows, false, NULL, NULL, &err) == VARVE_OK)
            continue;
        fprintf(stderr, "%s: %s\n", fields[kind].name, err.message);
        exit(9);
    }
}

/* ---- checking ------------------------------------------------------------------------------ */

static scene_verdict refused(const char *what, const varve_error *err, char *why)
{
    snprintf(why, SCENE_WHY_BYTES, "%s: %s: %s", what, varve_status_name(err->status),
             err->message);
    return SCENE_REFUSED;
}

static bool same_vectors(const scene_found *f, int kind, const vectors *v,
                         const varve_field_vectors *found)
{
    for (size_t i = 0, at = 0; i < COUNT; i++) {
        size_t expected = f->live[2 * i] ? v->counts[i] : 0;
        size_t values = kind == SPARSE ? 2 : v->counts[i] * DIM;
        if (varve_field_vectors_count(found, i) != expected) return false;
        if (expected && memcmp(varve_field_vectors_values(found, i), v->values + at,
                               values * sizeof(float)) != 0)
            return false;
        if (expected && kind == SPARSE &&
            memcmp(varve_field_vectors_indices(found, i), v->indices + at,
                   values * sizeof(uint32_t)) != 0)
            return false;
        at += values;
    }
    return true;
}

static scene_verdict check_vectors(const scene_found *f, int kind, char *why)
{
    static vectors v;
    varve_field_vectors *found = NULL;
    varve_error err = {0};
    make(&v, kind);
    if (varve_field_read(f->c, fields[kind].name, v.ids, COUNT, &found, &err) != VARVE_OK)
        return refused(fields[kind].name, &err, why);
    bool same = same_vectors(f, kind, &v, found);
    varve_field_vectors_free(found);
    if (!same) snprintf(why, SCENE_WHY_BYTES, "%s: other vectors are read", fields[kind].name);
    return same ? SCENE_INTACT : SCENE_WRONG;
}

static scene_verdict check_leg(const scene_found *f, const varve_leg *leg, size_t expected,
                               char *why)
{
    varve_hits *hits = NULL;
    varve_error err = {0};
    const char *what = leg->kind == VARVE_LEG_TEXT ? "a text search" : leg->field;
    const varve_query_request r = {.legs = leg, .leg_count = 1, .k = 3000};
    if (varve_query(f->c, &r, &hits, &err) != VARVE_OK) return refused(what, &err, why);
    size_t count = varve_hits_count(hits, 0);
    varve_hits_free(hits);
    if (count == expected) return SCENE_INTACT;
    snprintf(why, SCENE_WHY_BYTES, "%s: %zu hits of %zu rows", what, count, expected);
    return SCENE_WRONG;
}

static scene_verdict check_searches(const scene_found *f, char *why)
{
    static const float query[DIM] = {1, 2, 3}, one = 1;
    static const uint32_t index = COMMON;
    size_t rows = 0;
    for (size_t i = 0; i < SCENE_VECTORS; i += 2)
        rows += f->live[i];
    const struct {
        varve_leg leg;
        size_t expected;
    } legs[] = {
        {{.kind = VARVE_LEG_VECTOR, .field = "title", .vectors = query, .dim = DIM}, rows},
        {{.kind = VARVE_LEG_VECTOR, .field = "parts", .vectors = query, .dim = DIM}, rows},
        {{.kind = VARVE_LEG_SPARSE,
          .field = "words",
          .indices = &index,
          .values = &one,
          .nonzero = 1},
         rows},
        {{.kind = VARVE_LEG_TEXT, .text = {SCENE_TEXT, sizeof SCENE_TEXT - 1}}, f->with_text},
    };
    for (size_t i = 0; i < sizeof legs / sizeof *legs; i++) {
        scene_verdict verdict = check_leg(f, &legs[i].leg, legs[i].expected, why);
        if (verdict != SCENE_INTACT) return verdict;
    }
    return SCENE_INTACT;
}

static scene_verdict check_filter(const scene_found *f, char *why)
{
    static const char where[] = "row >= 0";
    varve_filter *filter = NULL;
    varve_error err = {0};
    uint64_t count = 0;
    varve_status status =
        varve_filter_where((varve_text){where, sizeof where - 1}, NULL, 0, &filter, &err);
    if (status == VARVE_OK) status = varve_count_matching(f->c, filter, &count, &err);
    varve_filter_free(filter);
    if (status != VARVE_OK) return refused("a filter", &err, why);
    if (count == f->with_fields) return SCENE_INTACT;
    snprintf(why, SCENE_WHY_BYTES, "a filter: %llu rows match of %llu", (unsigned long long)count,
             (unsigned long long)f->with_fields);
    return SCENE_WRONG;
}

scene_verdict scene_check_fields(const scene_found *f, char *ret_why)
{
    scene_verdict verdict = check_filter(f, ret_why);
    for (int kind = 0; kind < KINDS && verdict == SCENE_INTACT; kind++)
        verdict = check_vectors(f, kind, ret_why);
    return verdict == SCENE_INTACT ? check_searches(f, ret_why) : verdict;
}
