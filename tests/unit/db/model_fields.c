/* model_fields.c — see model_fields.h. */
#include "model_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIM = 3, PAIRS = 2, VECTORS_MAX = 3 };

static const struct {
    const char *name;
    varve_field_spec spec;
} fields[MODEL_FIELDS_NAMED] = {
    {"title", {.kind = VARVE_FIELD_DENSE, .dim = DIM, .metric = VARVE_METRIC_L2}},
    {"words", {.kind = VARVE_FIELD_SPARSE}},
    {"parts", {.kind = VARVE_FIELD_MULTI, .dim = DIM, .metric = VARVE_METRIC_IP}},
};

static size_t vectors_of(int field, uint32_t version)
{
    return field == MODEL_MULTI ? 1 + version % VECTORS_MAX : 1;
}

/* DIM values of vector k. */
static void dense_vector(uint32_t id, uint32_t version, size_t k, float ret[DIM])
{
    ret[0] = (float)id;
    ret[1] = (float)version;
    ret[2] = (float)k;
}

static void sparse_pairs(uint32_t id, uint32_t version, uint32_t indices[PAIRS],
                         float values[PAIRS])
{
    indices[0] = id;
    indices[1] = 1000 + version % 100;
    values[0] = (float)version;
    values[1] = -0.5f;
}

/* ---- doing */

varve_status model_field_put(const model_step *s, const varve_id *ids, varve_collection *c,
                             varve_error *err)
{
    static _Thread_local float values[MODEL_IDS * VECTORS_MAX * DIM];
    static _Thread_local uint32_t indices[MODEL_IDS * PAIRS];
    static _Thread_local size_t counts[MODEL_IDS];
    size_t at = 0;
    varve_status status = varve_field_create(c, fields[s->field].name, &fields[s->field].spec, err);
    if (status != VARVE_OK) return status;
    for (size_t i = 0; i < s->count; i++) {
        uint32_t version = s->version + (uint32_t)i;
        counts[i] = s->field == MODEL_SPARSE ? PAIRS : vectors_of(s->field, version);
        if (s->field == MODEL_SPARSE) {
            sparse_pairs(s->ids[i], version, indices + at, values + at);
            at += PAIRS;
        } else {
            for (size_t k = 0; k < counts[i]; k++, at += DIM)
                dense_vector(s->ids[i], version, k, values + at);
        }
    }
    varve_field_rows rows = {.count = s->count, .ids = ids, .dim = DIM, .vectors = values};
    rows.counts = rows.nonzero = counts;
    rows.indices = indices;
    rows.values = values;
    return varve_field_put(c, fields[s->field].name, &rows, true, NULL, NULL, err);
}

varve_status model_field_remove(const model_step *s, const varve_id *ids, varve_collection *c,
                                varve_error *err)
{
    varve_status status =
        varve_field_remove(c, fields[s->field].name, ids, s->count, NULL, NULL, err);
    return status == VARVE_NOT_FOUND ? VARVE_OK : status; /* the field was never put to */
}

varve_status model_field_drop(const model_step *s, varve_collection *c, varve_error *err)
{
    varve_status status = varve_field_drop(c, fields[s->field].name, err);
    return status == VARVE_NOT_FOUND ? VARVE_OK : status;
}

/* ---- comparing */

static bool same_vector(int field, uint32_t id, uint32_t version, const varve_field_vectors *v,
                        size_t row)
{
    float expected[VECTORS_MAX * DIM];
    uint32_t indices[PAIRS];
    size_t count = varve_field_vectors_count(v, row);
    if (version == 0) return count == 0;
    if (field == MODEL_SPARSE) {
        sparse_pairs(id, version, indices, expected);
        return count == PAIRS &&
               memcmp(varve_field_vectors_indices(v, row), indices, sizeof indices) == 0 &&
               memcmp(varve_field_vectors_values(v, row), expected, PAIRS * sizeof(float)) == 0;
    }
    if (count != vectors_of(field, version)) return false;
    for (size_t k = 0; k < count; k++)
        dense_vector(id, version, k, expected + k * DIM);
    return memcmp(varve_field_vectors_values(v, row), expected, count * DIM * sizeof(float)) == 0;
}

static bool check_vectors(const model *m, int field, const varve_field_vectors *v, char *difference,
                          size_t size)
{
    for (uint32_t id = 0; id < MODEL_IDS; id++) {
        const model_row *row = &m->rows[id];
        uint32_t version = row->state == VARVE_ROW_LIVE ? row->named[field] : 0;
        if (same_vector(field, id, version, v, id)) continue;
        size_t count = varve_field_vectors_count(v, id);
        snprintf(difference, size, "id %u (state %d): %s of version %u expected, %zu found%s", id,
                 (int)row->state, fields[field].name, version, count, count ? ", of another" : "");
        return false;
    }
    return true;
}

/* By what the list of fields says. */
static bool check_count(const model *m, int field, const varve_field_info *info, char *difference,
                        size_t size)
{
    uint64_t rows = 0;
    for (uint32_t id = 0; id < MODEL_IDS; id++)
        rows += m->rows[id].state == VARVE_ROW_LIVE && m->rows[id].named[field] != 0;
    uint64_t found = info ? info->rows : 0;
    if (rows == found) return true;
    snprintf(difference, size, "%s: %llu rows expected, %llu found", fields[field].name,
             (unsigned long long)rows, (unsigned long long)found);
    return false;
}

static bool check_field(const model *m, int field, varve_collection *c, char *difference,
                        size_t size)
{
    static _Thread_local char texts[MODEL_IDS][24];
    varve_id ids[MODEL_IDS];
    varve_field_info info;
    varve_field_vectors *v = NULL;
    varve_error err = {0};
    varve_status status;
    size_t at = 1;
    while ((status = varve_field_get(c, at, &info, &err)) == VARVE_OK &&
           strcmp(info.name, fields[field].name) != 0)
        at++;
    if (status == VARVE_NOT_FOUND) return check_count(m, field, NULL, difference, size);
    if (status == VARVE_OK && !check_count(m, field, &info, difference, size)) return false;
    for (uint32_t id = 0; id < MODEL_IDS; id++)
        ids[id] = model_id(id, texts[id]);
    if (status == VARVE_OK)
        status = varve_field_read(c, fields[field].name, ids, MODEL_IDS, &v, &err);
    bool same = status == VARVE_OK && check_vectors(m, field, v, difference, size);
    if (status != VARVE_OK) snprintf(difference, size, "%s: %s", fields[field].name, err.message);
    varve_field_vectors_free(v);
    return same;
}

bool model_check_fields(const model *m, varve_collection *c, char *difference, size_t size)
{
    for (int i = 0; i < MODEL_FIELDS_NAMED; i++) {
        if (!check_field(m, i, c, difference, size)) return false;
    }
    return true;
}
