/* lynse_ids.c — public ids in JSON. */
#include "lynse_ids.h"

#include "lynse_args.h"

#include "base/hash.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool read_id(const json_t *value, varve_id *ret)
{
    uint64_t number;
    if (lynse_json_is_uint(value, &number)) {
        *ret = (varve_id){.kind = VARVE_ID_NUM, .num = number};
        return true;
    }
    if (!json_is_string(value) || json_string_length(value) == 0) return false;
    *ret = (varve_id){.kind = VARVE_ID_STR,
                      .text = {json_string_value(value), json_string_length(value)}};
    return true;
}

varve_status lynse_id_read(const json_t *value, const char *field, varve_id *ret, varve_error *err)
{
    if (read_id(value, ret)) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID,
                   "Invalid argument: %s must be a non-negative integer or a string, and string "
                   "IDs cannot be empty",
                   field);
}

varve_status lynse_ids_read(const json_t *array, const char *field, lynse_ids *ret,
                            varve_error *err)
{
    if (!json_is_array(array))
        return vv_fail(err, VARVE_INVALID, "Json deserialize error: %s must be an array of ids",
                       field);
    size_t count = json_array_size(array);
    varve_id *items = calloc(count ? count : 1, sizeof *items);
    if (!items) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %s", field);
    for (size_t i = 0; i < count; i++) {
        char place[64];
        if (read_id(json_array_get(array, i), &items[i])) continue;
        free(items);
        snprintf(place, sizeof place, "%s[%zu]", field, i);
        return lynse_id_read(NULL, place, NULL, err);
    }
    *ret = (lynse_ids){items, count};
    return VARVE_OK;
}

void lynse_ids_done(lynse_ids *ids) { free(ids->items); }

static bool same_id(const varve_id *a, const varve_id *b)
{
    if (a->kind != b->kind) return false;
    if (a->kind == VARVE_ID_NUM) return a->num == b->num;
    return a->text.len == b->text.len && memcmp(a->text.data, b->text.data, a->text.len) == 0;
}

static uint64_t hash_id(const varve_id *id)
{
    if (id->kind == VARVE_ID_STR) return hash_bytes(id->text.data, id->text.len);
    return hash_bytes(&id->num, sizeof id->num);
}

static varve_status fail_repeated(const varve_id *id, varve_error *err)
{
    if (id->kind == VARVE_ID_NUM)
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: duplicate external id %" PRIu64
                       " within the same insert batch",
                       id->num);
    return vv_fail(err, VARVE_INVALID,
                   "Invalid argument: duplicate external id '%.*s' within the same insert batch",
                   (int)VV_MIN(id->text.len, 128), id->text.data);
}

varve_status lynse_ids_check_once(const varve_id *ids, size_t count, varve_error *err)
{
    size_t capacity = 4;
    while (capacity < 2 * count)
        capacity *= 2;
    /* open addressing over indexes + 1, at most half full */
    VV_CLEANUP(vv_freep) uint32_t *table = calloc(capacity, sizeof *table);
    if (!table) return vv_fail(err, VARVE_NO_MEMORY, "no memory for ids");
    for (size_t i = 0; i < count; i++) {
        size_t at = hash_id(&ids[i]) & (capacity - 1);
        for (; table[at]; at = (at + 1) & (capacity - 1))
            if (same_id(&ids[table[at] - 1], &ids[i])) return fail_repeated(&ids[i], err);
        table[at] = (uint32_t)(i + 1);
    }
    return VARVE_OK;
}

varve_status lynse_out_id(buffer *out, varve_id id, varve_error *err)
{
    if (id.kind == VARVE_ID_NUM) return json_out_u64(out, id.num, err);
    return json_out_string(out, id.text.data, id.text.len, err);
}

varve_status lynse_out_ids(buffer *out, const varve_id *ids, size_t count, varve_error *err)
{
    VV_TRY(buffer_add(out, "[", 1, err));
    for (size_t i = 0; i < count; i++) {
        if (i) VV_TRY(buffer_add(out, ",", 1, err));
        VV_TRY(lynse_out_id(out, ids[i], err));
    }
    return buffer_add(out, "]", 1, err);
}
