/* columns_builder.c — columns being built: one pass over the fields of each row, each value filed
 * under its chain. Members mostly come in the order they came in before, so that the column of the
 * next one is guessed and only compared; the table of children is the second choice. */
#include "base/bytes.h"
#include "base/hash.h"
#include "base/json.h"
#include "field/columns_build.h"

#include <stdlib.h>

#define CHAIN_STEPS_MAX (PATH_STEPS_MAX + 1) /* a path, and the elements of the array it leads to */
#define PARENT_FACTOR   UINT64_C(0x9e3779b97f4a7c15)

/* ---- columns ------------------------------------------------------------------------------- */

static build_column *column_of(const columns_builder *b, uint32_t index)
{
    return (build_column *)b->columns.data + index;
}

static uint64_t child_hash(uint32_t parent, varve_text key)
{
    return hash_bytes(key.data, key.len) + (parent + 1) * PARENT_FACTOR;
}

static bool is_child(const build_column *c, uint32_t parent, varve_text key)
{
    return c->parent == parent && c->step == COLUMNS_STEP_KEY && c->key.len == key.len &&
           (key.len == 0 || memcmp(c->key.data, key.data, key.len) == 0);
}

static uint32_t *find_child(const columns_builder *b, uint32_t parent, varve_text key)
{
    uint32_t *table = b->children.data, mask = b->children.capacity - 1;
    for (uint64_t at = child_hash(parent, key);; at++) {
        uint32_t *entry = &table[at & mask];
        if (!*entry || is_child(column_of(b, *entry - 1), parent, key)) return entry;
    }
}

/* A table that never grows: columns have a limit. */
static varve_status make_children(columns_builder *b, varve_error *err)
{
    b->children.capacity = 4 * COLUMNS_PATHS_MAX;
    b->children.data = calloc(b->children.capacity, sizeof(uint32_t));
    if (!b->children.data) return vv_fail(err, VARVE_NO_MEMORY, "no memory for columns");
    b->bytes += b->children.capacity * sizeof(uint32_t);
    return VARVE_OK;
}

/* COLUMN_NONE: no path can name it, or there are too many. */
static varve_status new_column(columns_builder *b, uint32_t parent, uint8_t step, varve_text key,
                               uint32_t *ret, varve_error *err)
{
    const build_column *up = column_of(b, parent);
    build_column c = {.parent = parent, .step = step, .depth = up->depth + 1};
    size_t chain = up->chain_bytes + (step == COLUMNS_STEP_KEY ? 3 + key.len : 1);
    *ret = COLUMN_NONE;
    if (c.depth > CHAIN_STEPS_MAX || chain > COLUMNS_CHAIN_BYTES) return VARVE_OK;
    if (b->columns.count > COLUMNS_PATHS_MAX) {
        b->incomplete = true;
        return VARVE_OK;
    }
    VV_TRY(build_reserve(b, &b->columns, sizeof c, 1, err));
    char *copy = malloc(key.len + 1);
    if (!copy) return vv_fail(err, VARVE_NO_MEMORY, "no memory for columns");
    if (key.len) memcpy(copy, key.data, key.len);
    b->bytes += key.len + 1;
    c.chain_bytes = (uint32_t)chain;
    c.key = (varve_text){copy, key.len};
    *ret = b->columns.count;
    *column_of(b, b->columns.count++) = c;
    return VARVE_OK;
}

/* The column of member `key` of the objects of parent; before: that of the member before, or NONE.
 */
static varve_status child_column(columns_builder *b, uint32_t parent, uint32_t before,
                                 varve_text key, uint32_t *ret, varve_error *err)
{
    uint32_t guess =
        before == COLUMN_NONE ? column_of(b, parent)->first : column_of(b, before)->behind;
    if (VV_LIKELY(guess && is_child(column_of(b, guess), parent, key))) {
        *ret = guess;
        return VARVE_OK;
    }
    uint32_t *entry = find_child(b, parent, key);
    if (!*entry) {
        VV_TRY(new_column(b, parent, COLUMNS_STEP_KEY, key, ret, err));
        if (*ret == COLUMN_NONE) return VARVE_OK;
        *entry = *ret + 1;
    }
    *ret = *entry - 1;
    *(before == COLUMN_NONE ? &column_of(b, parent)->first : &column_of(b, before)->behind) = *ret;
    return VARVE_OK;
}

static varve_status each_column(columns_builder *b, uint32_t parent, uint32_t *ret,
                                varve_error *err)
{
    uint32_t each = column_of(b, parent)->each;
    if (!each) {
        VV_TRY(new_column(b, parent, COLUMNS_STEP_EACH, (varve_text){"", 0}, &each, err));
        if (each != COLUMN_NONE) column_of(b, parent)->each = each;
    }
    *ret = each;
    return VARVE_OK;
}

/* ---- one row ------------------------------------------------------------------------------- */

typedef struct reading {
    columns_builder *b;
    const char *at, *end;
} reading;

static varve_status malformed(varve_error *err)
{
    return vv_fail(err, VARVE_CORRUPT, "fields are no minified JSON");
}

static bool pass(reading *r, char c)
{
    if (r->at >= r->end || *r->at != c) return false;
    r->at++;
    return true;
}

static varve_status read_value(reading *r, uint32_t into, value *ret, varve_error *err);

static varve_status read_member(reading *r, uint32_t into, uint32_t *before, value *ret_lon,
                                value *ret_lat, varve_error *err)
{
    value key, v;
    uint32_t child;
    if (r->at >= r->end || *r->at != '"' || !value_read(&r->at, r->end, &r->b->scratch, &key) ||
        !pass(r, ':'))
        return malformed(err);
    bool is_lon = key.text.len == 3 && memcmp(key.text.data, "lon", 3) == 0;
    bool is_lat = key.text.len == 3 && memcmp(key.text.data, "lat", 3) == 0;
    VV_TRY(child_column(r->b, into, *before, key.text, &child, err));
    VV_TRY(read_value(r, child, &v, err));
    if (child != COLUMN_NONE) *before = child;
    if (is_lon) *ret_lon = v;
    if (is_lat) *ret_lat = v;
    return VARVE_OK;
}

static varve_status read_object(reading *r, uint32_t into, varve_error *err)
{
    uint32_t before = COLUMN_NONE;
    value lon = {.kind = VALUE_NULL}, lat = {.kind = VALUE_NULL};
    r->at++;
    if (!pass(r, '}')) {
        do
            VV_TRY(read_member(r, into, &before, &lon, &lat, err));
        while (pass(r, ','));
        if (!pass(r, '}')) return malformed(err);
    }
    if (into == 0) return VARVE_OK;
    VV_TRY(build_add_kind(r->b, column_of(r->b, into), COLUMN_OBJECT, err));
    if (value_is_number(&lon) && value_is_number(&lat))
        return build_add_point(r->b, column_of(r->b, into), &lon, &lat, err);
    return VARVE_OK;
}

static varve_status read_array(reading *r, uint32_t into, varve_error *err)
{
    uint32_t each, length = 0;
    value v;
    r->at++;
    VV_TRY(build_add_kind(r->b, column_of(r->b, into), COLUMN_ARRAY, err));
    if (pass(r, ']')) {
        VV_TRY(build_add_kind(r->b, column_of(r->b, into), COLUMN_EMPTY, err));
        return build_add_length(r->b, column_of(r->b, into), 0, err);
    }
    VV_TRY(each_column(r->b, into, &each, err));
    do {
        VV_TRY(read_value(r, each, &v, err));
        length++;
    } while (pass(r, ','));
    if (!pass(r, ']')) return malformed(err);
    return build_add_length(r->b, column_of(r->b, into), length, err);
}

/* Of arrays and objects only the kind is returned. It goes no deeper than columns do. */
static varve_status read_value(reading *r, uint32_t into, value *ret, varve_error *err)
{
    char c = r->at < r->end ? *r->at : '\0';
    if (into != COLUMN_NONE && (c == '{' || c == '[')) {
        *ret = (value){.kind = c == '{' ? VALUE_OBJECT : VALUE_ARRAY};
        return c == '{' ? read_object(r, into, err) : read_array(r, into, err);
    }
    if (!value_read(&r->at, r->end, &r->b->scratch, ret)) return malformed(err);
    if (into == COLUMN_NONE) return VARVE_OK;
    return build_add_value(r->b, column_of(r->b, into), ret, err);
}

varve_status columns_builder_add(columns_builder *b, varve_text fields, varve_error *err)
{
    reading r = {b, fields.data, fields.data + fields.len};
    if (b->rows == UINT32_MAX) return vv_fail(err, VARVE_LIMIT, "columns of 2^32 - 1 rows");
    if (fields.len) {
        if (*r.at != '{') return malformed(err);
        b->bytes -= b->scratch.capacity;
        VV_TRY(buffer_reserve(&b->scratch, fields.len, err));
        b->bytes += b->scratch.capacity;
        VV_TRY(read_object(&r, 0, err));
        if (r.at != r.end) return malformed(err);
    }
    b->rows++;
    return VARVE_OK;
}

/* ---- life ---------------------------------------------------------------------------------- */

varve_status columns_builder_new(columns_builder **ret, varve_error *err)
{
    columns_builder *b = calloc(1, sizeof *b);
    if (!b) return vv_fail(err, VARVE_NO_MEMORY, "no memory for columns");
    b->bytes = sizeof *b;
    buffer_init(&b->scratch, SIZE_MAX, "text of a field");
    varve_status status = make_children(b, err);
    if (status == VARVE_OK) status = build_reserve(b, &b->columns, sizeof(build_column), 1, err);
    if (status != VARVE_OK) {
        columns_builder_free(b);
        return status;
    }
    *column_of(b, b->columns.count++) = (build_column){.parent = COLUMN_NONE};
    *ret = b;
    return VARVE_OK;
}

static void free_column(build_column *c)
{
    free((char *)c->key.data);
    for (int kind = 0; kind < COLUMN_KINDS; kind++)
        free(c->kinds[kind].data);
    free(c->numbers.data);
    free(c->pairs.data);
    free(c->texts.data);
    free(c->bytes.data);
    free(c->table.data);
    free(c->instants.data);
    free(c->lengths.data);
    free(c->points.data);
}

void columns_builder_free(columns_builder *b)
{
    if (!b) return;
    for (uint32_t i = 0; i < b->columns.count; i++)
        free_column(column_of(b, i));
    free(b->columns.data);
    free(b->children.data);
    buffer_done(&b->scratch);
    free(b);
}

uint64_t columns_builder_bytes(const columns_builder *b) { return b->bytes; }
