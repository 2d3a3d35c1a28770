/* reader_ndjson.c — one JSON object per line:
 *     {"id": 7, "vector": [0.5, 0.25], "colour": "red"}
 *     {"id": "a", "vector_b64": "AAAAPwAAgD4=", "fields": {"colour": "red"}}
 * A line is first checked and stripped of white space as a whole; then its members are walked as
 * text, so that numbers in fields keep their digits. Everything but id and vector is fields; or,
 * when there is a member "fields" that is an object, that object alone. Empty lines are skipped. */
#include "reader.h"

#include "base64.h"
#include "text.h"

#include "base/bytes.h"
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX ((size_t)16 << 20)
#define VECTOR_B64_KEY "vector_b64"

typedef struct ndjson {
    input *in;
    char *id_key, *vector_key;
    bool id_required, labels_only;
    uint64_t line; /* counted from 1 */
    buffer object; /* the line, minified */
    buffer fields;
    buffer id_text; /* a string id, unescaped */
    float *vector;
    size_t dim, capacity;
} ndjson;

/* What one line was found to hold. */
typedef struct members {
    varve_text id, vector, vector_b64, fields;
    size_t others;
} members;

/* ---- members ---- */

static bool key_is(varve_text key, const char *name)
{
    return strlen(name) == key.len && memcmp(key.data, name, key.len) == 0;
}

static varve_status add_field(ndjson *n, varve_text key, varve_text value, varve_error *err)
{
    VV_TRY(buffer_add_text(&n->fields, n->fields.len > 1 ? ",\"" : "\"", err));
    VV_TRY(buffer_add(&n->fields, key.data, key.len, err));
    VV_TRY(buffer_add_text(&n->fields, "\":", err));
    return buffer_add(&n->fields, value.data, value.len, err);
}

/* Sort the members of the object into id, vector and fields. */
static varve_status sort_members(ndjson *n, members *m, varve_error *err)
{
    const char *at = n->object.data, *end = at + n->object.len;
    varve_text key, value;
    buffer_clear(&n->fields);
    VV_TRY(buffer_add_text(&n->fields, "{", err));
    while (json_next_member(&at, end, &key, &value)) {
        if (n->id_key && key_is(key, n->id_key)) {
            m->id = value;
        } else if (!n->labels_only && key_is(key, n->vector_key)) {
            m->vector = value;
        } else if (!n->labels_only && key_is(key, VECTOR_B64_KEY)) {
            m->vector_b64 = value;
        } else if (!n->labels_only && key_is(key, "fields") && value.data[0] == '{') {
            m->fields = value;
        } else {
            m->others++;
            VV_TRY(add_field(n, key, value, err));
        }
    }
    VV_TRY(buffer_add_text(&n->fields, "}", err));
    if (m->fields.data && m->others > 0)
        return vv_fail(err, VARVE_INVALID, "\"fields\" stands beside other members");
    if (m->others > 0 || n->labels_only) m->fields = (varve_text){n->fields.data, n->fields.len};
    return VARVE_OK; /* a row without any leaves those it had, when it is upserted */
}

/* ---- id ---- */

static varve_status read_id(ndjson *n, varve_text value, varve_id *ret, varve_error *err)
{
    *ret = (varve_id){.kind = VARVE_ID_NUM};
    if (value.data[0] == '"') {
        buffer_clear(&n->id_text);
        VV_TRY(text_unescape(value, &n->id_text, err));
        ret->kind = VARVE_ID_STR;
        ret->text = (varve_text){n->id_text.data, n->id_text.len};
        if (ret->text.len > 0) return VARVE_OK;
    } else if (text_to_u64(value.data, value.len, &ret->num)) {
        return VARVE_OK;
    }
    return vv_fail(err, VARVE_INVALID,
                   "\"%s\" is not an id: an unsigned 64-bit integer or a non-empty string",
                   n->id_key);
}

/* ---- vector ---- */

static varve_status make_room(ndjson *n, size_t values, varve_error *err)
{
    if (values <= n->capacity) return VARVE_OK;
    if (values > BATCH_DIM_MAX)
        return vv_fail(err, VARVE_LIMIT, "the vector has more than %zu values", BATCH_DIM_MAX);
    size_t capacity = VV_MIN(VV_MAX(values, 2 * n->capacity), BATCH_DIM_MAX);
    float *bigger = realloc(n->vector, capacity * sizeof *bigger);
    if (!bigger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a vector");
    n->vector = bigger;
    n->capacity = capacity;
    return VARVE_OK;
}

static varve_status read_vector(ndjson *n, varve_text value, varve_error *err)
{
    const char *at = value.data, *end = at + value.len;
    n->dim = 0;
    while (value.len > 2 && at < end && *at != ']') { /* at: the [ or , before a value */
        float f;
        if (*at != (n->dim == 0 ? '[' : ',')) break;
        VV_TRY(make_room(n, n->dim + 1, err));
        at = json_scan_float(at + 1, end, &f);
        if (!at || !isfinite(f))
            return vv_fail(err, VARVE_INVALID, "\"%s\"[%zu] is not a number of float32's range",
                           n->vector_key, n->dim);
        n->vector[n->dim++] = f;
    }
    if (n->dim > 0 && at < end && *at == ']' && at + 1 == end) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID, "\"%s\" is not an array of numbers", n->vector_key);
}

static varve_status read_vector_b64(ndjson *n, varve_text value, varve_error *err)
{
    size_t bytes_max = value.len / 4 * 3, len;
    VV_TRY(make_room(n, bytes_max / sizeof(float) + 1, err));
    bool good = value.len >= 2 && value.data[0] == '"' &&
                base64_decode(value.data + 1, value.len - 2, (uint8_t *)n->vector, &len);
    if (!good || len == 0 || len % sizeof(float) != 0)
        return vv_fail(err, VARVE_INVALID,
                       "\"" VECTOR_B64_KEY "\" is not base64 of little-endian float32 values");
    n->dim = len / sizeof(float);
    return VARVE_OK;
}

static varve_status add_vector(ndjson *n, const members *m, batch *b, varve_error *err)
{
    void *space;
    if (!m->vector.data == !m->vector_b64.data)
        return vv_fail(err, VARVE_INVALID,
                       m->vector.data ? "both \"%s\" and \"" VECTOR_B64_KEY "\" are there"
                                      : "there is no \"%s\"",
                       n->vector_key);
    if (m->vector.data)
        VV_TRY(read_vector(n, m->vector, err));
    else
        VV_TRY(read_vector_b64(n, m->vector_b64, err));
    VV_TRY(batch_reserve_vectors(b, VARVE_FLOAT32, n->dim, 1, &space, err));
    memcpy(space, n->vector, n->dim * sizeof(float));
    return VARVE_OK;
}

/* ---- lines ---- */

static varve_status add_line(ndjson *n, const char *line, size_t len, batch *b, varve_error *err)
{
    static const json_limits limits = {LINE_BYTES_MAX, JSON_DEPTH_MAX, JSON_KEYS_MAX};
    members m = {0};
    varve_id id;
    buffer_clear(&n->object);
    VV_TRY(json_minify_object(line, len, &limits, &n->object, err));
    VV_TRY(buffer_reserve(&n->object, JSON_TEXT_PADDING, err));
    memset(n->object.data + n->object.len, 0, JSON_TEXT_PADDING);
    VV_TRY(sort_members(n, &m, err));
    if (m.id.data) VV_TRY(read_id(n, m.id, &id, err));
    if (!m.id.data && n->id_required)
        return vv_fail(err, VARVE_INVALID, "there is no \"%s\"", n->id_key);
    if (!n->labels_only) VV_TRY(add_vector(n, &m, b, err));
    VV_TRY(batch_add_label(b, m.id.data ? &id : NULL, m.fields, err));
    if (!n->labels_only) batch_vectors_added(b, 1);
    return VARVE_OK;
}

static bool is_blank(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (line[i] != ' ' && line[i] != '\t') return false;
    return true;
}

static bool has_room(const ndjson *n, const batch *b)
{
    return n->labels_only ? b->labels_count < b->labels_max : batch_room(b, 1) > 0;
}

static varve_status next_ndjson(void *state, batch *b, varve_error *err)
{
    ndjson *n = state;
    while (has_room(n, b)) {
        char *line;
        size_t len;
        n->line++;
        varve_status status = input_line(n->in, LINE_BYTES_MAX, &line, &len, err);
        if (status == VARVE_OK && !line) return VARVE_OK;
        if (status == VARVE_OK && is_blank(line, len)) continue;
        if (status == VARVE_OK) status = add_line(n, line, len, b, err);
        if (status != VARVE_OK) {
            vv_error_prefix(err, "%s line %llu", input_name(n->in), (unsigned long long)n->line);
            return status;
        }
    }
    return VARVE_OK;
}

static void close_ndjson(void *state)
{
    ndjson *n = state;
    buffer_done(&n->object);
    buffer_done(&n->fields);
    buffer_done(&n->id_text);
    free(n->id_key);
    free(n->vector_key);
    free(n->vector);
    free(n);
}

static varve_status open_ndjson(input *in, const reader_options *options, void **ret_state,
                                varve_error *err)
{
    ndjson *n = calloc(1, sizeof *n);
    if (!n) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a reader");
    n->in = in;
    n->labels_only = options->labels_only;
    n->id_required = options->id_key != NULL;
    buffer_init(&n->object, LINE_BYTES_MAX + JSON_TEXT_PADDING, "line");
    buffer_init(&n->fields, LINE_BYTES_MAX + 2, "fields of a line");
    buffer_init(&n->id_text, LINE_BYTES_MAX, "id");
    const char *id_key = options->id_key ? options->id_key : options->labels_only ? NULL : "id";
    n->id_key = id_key ? strdup(id_key) : NULL;
    n->vector_key = strdup(options->vector_key ? options->vector_key : "vector");
    if (!n->vector_key || (id_key && !n->id_key)) {
        close_ndjson(n);
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a reader");
    }
    *ret_state = n;
    return VARVE_OK;
}

const reader_type reader_ndjson = {"ndjson", ".ndjson .jsonl", open_ndjson, next_ndjson,
                                   close_ndjson};
