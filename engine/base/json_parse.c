/* json_parse.c — the two passes of json_parse: lift what is bulky, give jansson the rest. */
#include "base/json_lift.h"

#include <stdlib.h>
#include <string.h>

static int compare_lifted(const void *left, const void *right)
{
    const json_lifted *a = left, *b = right;
    int order = strcmp(a->key, b->key);
    return order ? order : (a->occurrence > b->occurrence) - (a->occurrence < b->occurrence);
}

static void sort_lifted(json_lift *l)
{
    for (size_t i = 1; i < l->lifted_count; i++)
        if (compare_lifted(&l->lifted[i - 1], &l->lifted[i]) > 0) {
            qsort(l->lifted, l->lifted_count, sizeof *l->lifted, compare_lifted);
            return;
        }
}

/* The text is known to be right by now: only memory can fail. */
static varve_status load_rest(const json_lift *l, json_t **ret, varve_error *err)
{
    varve_text rest = json_lift_rest(l);
    json_error_t where;
    json_t *root = json_loadb(rest.data, rest.len, JSON_DECODE_ANY, &where);
    if (!root && json_error_code(&where) == json_error_out_of_memory)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory to read JSON");
    if (!root) return vv_fail(err, VARVE_INVALID, "%s", where.text);
    *ret = root;
    return VARVE_OK;
}

varve_status json_parse(const char *text, size_t len, const char *const *keys, size_t values_max,
                        json_document *ret, varve_error *err)
{
    VV_CLEANUP(json_lift_done) json_lift l;
    json_t *root = NULL;
    VV_TRY(json_lift_text(&l, text, len, keys, values_max, err));
    VV_TRY(load_rest(&l, &root, err));
    sort_lifted(&l);
    *ret = (json_document){.root = root,
                           .values = l.values,
                           .value_count = l.value_count,
                           .lifted = l.lifted,
                           .lifted_count = l.lifted_count};
    l.values = NULL;
    l.lifted = NULL;
    return VARVE_OK;
}

void json_document_done(json_document *d)
{
    json_decref(d->root);
    free(d->values);
    free(d->lifted);
    *d = (json_document){0};
}

const json_lifted *json_find_lifted(const json_document *d, const char *key, uint32_t occurrence)
{
    json_lifted wanted = {.key = *key == '/' ? key + 1 : key, .occurrence = occurrence};
    if (d->lifted_count == 0) return NULL;
    return bsearch(&wanted, d->lifted, d->lifted_count, sizeof *d->lifted, compare_lifted);
}
