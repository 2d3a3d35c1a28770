/* truth.c — see truth.h. */
#include "truth.h"

#include "reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- rows and their ids, in the order in which ties are answered */

static int by_text(const void *a, const void *b)
{
    return strcmp(((const truth_row *)a)->text, ((const truth_row *)b)->text);
}

static void name_rows(truth *t)
{
    size_t numbers = t->row_count / 2;
    for (size_t i = 0; i < numbers; i++)
        t->rows[i].id = (varve_id){.kind = VARVE_ID_NUM, .num = i * i * i + i};
    for (size_t i = numbers; i < t->row_count; i++)
        snprintf(t->rows[i].text, sizeof t->rows[i].text, "%c%zu", "bacA~"[i % 5],
                 i * 7919 % 10007);
    qsort(t->rows + numbers, t->row_count - numbers, sizeof *t->rows, by_text);
    for (size_t i = numbers; i < t->row_count; i++) {
        truth_row *row = &t->rows[i];
        row->id = (varve_id){.kind = VARVE_ID_STR, .text = {row->text, strlen(row->text)}};
    }
}

bool truth_init(truth *t, varve_dtype dtype, size_t dim, size_t row_count, uint64_t seed)
{
    *t = (truth){.dtype = dtype, .dim = dim, .row_count = row_count};
    t->rows = calloc(row_count, sizeof *t->rows);
    t->values = calloc(row_count * dim, sizeof *t->values);
    if (!t->rows || !t->values) return false;
    random_seed(&t->random, seed);
    t->kind = (values_kind)(seed % VALUES_KINDS);
    name_rows(t);
    for (size_t i = 0; i < row_count; i++)
        t->rows[i].values = t->values + i * dim;
    return true;
}

void truth_done(truth *t)
{
    free(t->rows);
    free(t->values);
}

/* ---- vectors */

static float wide(random_state *r, varve_dtype dtype)
{
    double exponent = dtype == VARVE_FLOAT16 ? random_unit(r) * 12 - 8 : random_unit(r) * 36 - 18;
    double value = (random_unit(r) * 2 - 1) * pow(10, exponent);
    if (dtype == VARVE_UINT8) value = (double)random_below(r, 256);
    if (dtype == VARVE_INT8) value = (double)random_below(r, 256) - 128;
    return (float)value;
}

static float one_value(random_state *r, values_kind kind, varve_dtype dtype)
{
    static const float halves[] = {0, 0.25f, 0.5f, 0.50048828125f, 0.75f, 1};
    bool integer = dtype == VARVE_UINT8 || dtype == VARVE_INT8;
    float value = 0;
    switch (kind) {
    case VALUES_GAUSS:
        value = random_gauss(r);
        if (integer) value = fmaxf(-128, fminf(127, roundf(value * 40)));
        return dtype == VARVE_UINT8 ? fabsf(value) : value;
    case VALUES_COUNTS: return random_below(r, 3) ? 0 : (float)random_below(r, 30);
    case VALUES_TIES: return (float)random_below(r, 3);
    case VALUES_HALVES: value = halves[random_below(r, 6)]; return integer ? roundf(value) : value;
    default: return wide(r, dtype);
    }
}

/* Longitude and latitude, sometimes no place on earth. */
static void fill_place(random_state *r, float *ret)
{
    ret[0] = (float)(random_unit(r) * 360 - 180);
    ret[1] = (float)(random_unit(r) * 190 - 95);
}

void truth_vector(truth *t, varve_dtype dtype, float *ret)
{
    random_state *r = &t->random;
    values_kind kind = random_below(r, 4) ? t->kind : (values_kind)random_below(r, VALUES_KINDS);
    bool floats = dtype == VARVE_FLOAT32 || dtype == VARVE_FLOAT16;
    if (t->dim == 2 && floats && random_below(r, 2)) {
        fill_place(r, ret);
        return;
    }
    for (size_t i = 0; i < t->dim; i++)
        ret[i] = one_value(r, kind, dtype);
    uint64_t special = kind == VALUES_COUNTS ? random_below(r, 8) : 8;
    for (size_t i = 0; i < t->dim && special < 2; i++)
        ret[i] = special == 0 ? 0 : ret[0];
}

/* ---- changes */

/* Nothing crashes here; without it the test would mostly wait for the disk. */
static const varve_write_options relaxed = {VARVE_DURABILITY_RELAXED};

typedef struct change {
    size_t count, numbers[TRUTH_ROWS_MAX];
    varve_id ids[TRUTH_ROWS_MAX];
    float *inputs;  /* as handed in, count × dim */
    uint8_t *bytes; /* the same in the type of the collection */
} change;

static bool wanted(const truth_row *row, truth_change what)
{
    if (what == TRUTH_INSERT) return row->state == VARVE_ROW_ABSENT;
    if (what == TRUTH_DELETE) return row->state == VARVE_ROW_LIVE;
    return what != TRUTH_RESTORE || row->state == VARVE_ROW_DELETED;
}

/* No stride has a factor in common with a row count made of 2, 3 and 5. */
static void pick_rows(truth *t, truth_change what, size_t most, change *ret)
{
    static const size_t strides[] = {1, 7, 11, 13};
    size_t stride = strides[random_below(&t->random, 4)];
    size_t begin = random_below(&t->random, t->row_count);
    for (size_t i = 0; i < t->row_count && ret->count < most; i++) {
        size_t at = (begin + i * stride) % t->row_count;
        if (!wanted(&t->rows[at], what)) continue;
        ret->ids[ret->count] = t->rows[at].id;
        ret->numbers[ret->count++] = at;
    }
}

/* Some rows repeat the vector of another one, so that there are ties of every metric. */
static bool pick_vectors(truth *t, change *ch)
{
    size_t row_bytes = varve_dtype_row_bytes(t->dtype, t->dim);
    ch->inputs = calloc(ch->count * t->dim + 1, sizeof *ch->inputs);
    ch->bytes = calloc(ch->count * row_bytes + 1, 1);
    if (!ch->inputs || !ch->bytes) return false;
    for (size_t i = 0; i < ch->count; i++) {
        float *input = ch->inputs + i * t->dim, stored[1024];
        const truth_row *other = &t->rows[random_below(&t->random, t->row_count)];
        if (random_below(&t->random, 6) == 0) {
            memcpy(input, other->values, t->dim * sizeof *input);
        } else {
            truth_vector(t, t->dtype, input);
        }
        for (size_t k = 0; k < t->dim; k++)
            stored[k] = reference_stored(t->dtype, input[k]);
        reference_bytes(t->dtype, stored, t->dim, ch->bytes + i * row_bytes);
    }
    return true;
}

static varve_status put_session(varve_collection *c, const varve_rows *rows, varve_error *err)
{
    varve_session *s = NULL;
    varve_session_options options = {.upsert = true};
    varve_status status = varve_session_new(c, &options, &s, err);
    size_t row_bytes = varve_dtype_row_bytes(rows->vectors_type, rows->dim);
    for (size_t i = 0; i < rows->count && status == VARVE_OK; i += 16) {
        varve_rows part = *rows;
        part.count = rows->count - i < 16 ? rows->count - i : 16;
        part.ids += i;
        part.vectors = (const uint8_t *)rows->vectors + i * row_bytes;
        status = varve_session_add(s, &part, err);
    }
    if (status == VARVE_OK) status = varve_session_commit(s, NULL, err);
    varve_session_free(s);
    return status;
}

static varve_status put(const truth *t, truth_change what, const change *ch, bool as_floats,
                        varve_collection *c, varve_error *err)
{
    varve_rows rows = {.count = ch->count,
                       .dim = t->dim,
                       .ids = ch->ids,
                       .vectors = as_floats ? (const void *)ch->inputs : ch->bytes,
                       .vectors_type = as_floats ? VARVE_FLOAT32 : t->dtype};
    if (what == TRUTH_INSERT) return varve_insert(c, &rows, &relaxed, NULL, err);
    if (what == TRUTH_UPSERT) return varve_upsert(c, &rows, &relaxed, NULL, err);
    return put_session(c, &rows, err);
}

static void remember(truth *t, truth_change what, const change *ch)
{
    for (size_t i = 0; i < ch->count; i++) {
        truth_row *row = &t->rows[ch->numbers[i]];
        row->state = what == TRUTH_DELETE ? VARVE_ROW_DELETED : VARVE_ROW_LIVE;
        for (size_t k = 0; ch->inputs && k < t->dim; k++)
            row->values[k] = reference_stored(t->dtype, ch->inputs[i * t->dim + k]);
    }
}

bool truth_apply(truth *t, truth_change what, size_t count, varve_collection *c, char *ret_why)
{
    varve_error err = {0};
    varve_status status = VARVE_NO_MEMORY;
    change *ch = calloc(1, sizeof *ch);
    if (!ch) return false;
    pick_rows(t, what, count, ch);
    if (what == TRUTH_DELETE) {
        status = varve_delete(c, ch->ids, ch->count, &relaxed, NULL, &err);
    } else if (what == TRUTH_RESTORE) {
        status = varve_restore(c, ch->ids, ch->count, &relaxed, NULL, &err);
    } else if (pick_vectors(t, ch)) {
        status = put(t, what, ch, random_below(&t->random, 2), c, &err);
    }
    if (status == VARVE_OK) remember(t, what, ch);
    if (status != VARVE_OK) snprintf(ret_why, TRUTH_WHY_BYTES, "change: %s", err.message);
    free(ch->inputs);
    free(ch->bytes);
    free(ch);
    return status == VARVE_OK;
}

/* ---- comparing rows */

static bool same_row(const truth *t, const truth_row *row, const varve_rowset *rows, size_t i,
                     char *ret_why)
{
    const float *found = varve_rowset_vector(rows, i);
    bool same = varve_rowset_state(rows, i) == row->state && varve_rowset_dim(rows) == t->dim;
    for (size_t k = 0; same && k < t->dim; k++)
        same = found[k] == row->values[k];
    if (!same) snprintf(ret_why, TRUTH_WHY_BYTES, "row %zu is not what was written", i);
    return same;
}

bool truth_check_rows(const truth *t, varve_collection *c, char *ret_why)
{
    varve_error err = {0};
    varve_rowset *rows = NULL;
    varve_status status = varve_scroll(c, NULL, t->row_count + 1,
                                       VARVE_WITH_VECTORS | VARVE_WITH_DELETED, &rows, &err);
    if (status != VARVE_OK) {
        snprintf(ret_why, TRUTH_WHY_BYTES, "scroll: %s", err.message);
        return false;
    }
    size_t found = 0, count = varve_rowset_count(rows);
    bool same = true;
    for (size_t i = 0; same && i < t->row_count; i++) {
        if (t->rows[i].state == VARVE_ROW_ABSENT) continue;
        same = found < count && same_row(t, &t->rows[i], rows, found, ret_why);
        found++;
    }
    if (found != count) {
        snprintf(ret_why, TRUTH_WHY_BYTES, "%zu rows found, %zu expected", count, found);
        same = false;
    }
    varve_rowset_free(rows);
    return same;
}
