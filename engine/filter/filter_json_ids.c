/* filter_json_ids.c — has_id and slice. */
#include "filter/filter_json_inner.h"

#include "record/id.h"

#include <stdlib.h>
#include <string.h>

#define UUID_DIGITS 32
#define UUID_CHARS  36 /* with hyphens */

static int compare_ids(const void *left, const void *right)
{
    const varve_id *a = left, *b = right;
    return id_compare(*a, *b);
}

static char hex_digit(char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) return c;
    return c >= 'A' && c <= 'F' ? (char)(c + ('a' - 'A')) : '\0';
}

/* A UUID in any of its spellings (32 digits; with hyphens; in braces; urn:uuid:…), as it is kept:
 * in lower case, with hyphens. */
static bool canonical_uuid(varve_text text, char ret[UUID_CHARS])
{
    size_t at = 0, written = 0;
    if (text.len == 38 && text.data[0] == '{' && text.data[37] == '}')
        text = (varve_text){text.data + 1, UUID_CHARS};
    else if (text.len == 45 && memcmp(text.data, "urn:uuid:", 9) == 0)
        text = (varve_text){text.data + 9, UUID_CHARS};
    if (text.len != UUID_DIGITS && text.len != UUID_CHARS) return false;
    while (written < UUID_CHARS) {
        bool hyphen = written == 8 || written == 13 || written == 18 || written == 23;
        char c = hyphen ? '-' : hex_digit(text.data[at]);
        if (!c || (hyphen && text.len == UUID_CHARS && text.data[at] != '-')) return false;
        at += !hyphen || text.len == UUID_CHARS;
        ret[written++] = c;
    }
    return true;
}

static varve_status add_text_id(filter *f, varve_text text, const json_place *at, varve_id *ids,
                                size_t *count, varve_error *err)
{
    varve_id *id = &ids[(*count)++];
    id->kind = VARVE_ID_STR;
    return json_text_keep(f, text, at, &id->text, err);
}

/* A text that is a UUID means the row whose id is the UUID, however it is spelled. */
static varve_status add_id(filter *f, const json_t *json, const json_place *at, varve_id *ids,
                           size_t *count, varve_error *err)
{
    char uuid[UUID_CHARS];
    value v;
    if (!json_read_scalar(json, &v)) v.kind = VALUE_NULL;
    if (v.kind != VALUE_TEXT) {
        ids[*count].kind = VARVE_ID_NUM;
        if (!value_is_number(&v))
            return json_expected(at, "an id: an integer from 0 on or a text", err);
        return json_read_uint(json, at, &ids[(*count)++].num, err);
    }
    if (v.text.len == 0) return json_fail(at, err, "an id is not empty");
    VV_TRY(add_text_id(f, v.text, at, ids, count, err));
    if (!canonical_uuid(v.text, uuid) ||
        (v.text.len == UUID_CHARS && memcmp(v.text.data, uuid, UUID_CHARS) == 0))
        return VARVE_OK;
    return add_text_id(f, (varve_text){uuid, UUID_CHARS}, at, ids, count, err);
}

varve_status json_has_id_parse(filter *f, const json_t *json, const json_place *at,
                               filter_node **ret, varve_error *err)
{
    size_t listed = json_array_size(json), count = 0;
    void *memory;
    if (!json_is_array(json)) return json_expected(at, "a list of ids", err);
    if (listed > FILTER_VALUES_MAX - f->value_total)
        return json_placed(
            at, vv_fail(err, VARVE_LIMIT, "the filter has more than %d values", FILTER_VALUES_MAX),
            err);
    f->value_total += listed;
    VV_TRY(json_node(f, FILTER_HAS_ID, at, ret, err));
    VV_TRY(
        json_placed(at, arena_take(&f->memory, 2 * listed, sizeof(varve_id), &memory, err), err));
    varve_id *ids = memory;
    for (size_t i = 0; i < listed; i++) {
        json_place place = place_index(at, i);
        VV_TRY(add_id(f, json_array_get(json, i), &place, ids, &count, err));
    }
    qsort(ids, count, sizeof *ids, compare_ids);
    (*ret)->ids = ids;
    (*ret)->id_count = count;
    return VARVE_OK;
}

varve_status json_slice_parse(filter *f, const json_t *json, const json_place *at,
                              filter_node **ret, varve_error *err)
{
    static const char *const keys[] = {"total", "index", NULL};
    json_place total = place_key(at, keys[0]), index = place_key(at, keys[1]);
    VV_TRY(json_check_keys(json, at, keys, err));
    VV_TRY(json_node(f, FILTER_SLICE, at, ret, err));
    VV_TRY(json_read_uint(json_object_get(json, keys[0]), &total, &(*ret)->slice_total, err));
    VV_TRY(json_read_uint(json_object_get(json, keys[1]), &index, &(*ret)->slice_index, err));
    if ((*ret)->slice_total == 0) return json_fail(&total, err, "expected 1 or more");
    if ((*ret)->slice_index >= (*ret)->slice_total)
        return json_fail(&index, err, "expected less than total");
    return VARVE_OK;
}
