/* lynse_document.c — see lynse_document.h. */
#include "lynse_document.h"

#include <string.h>

typedef struct document {
    buffer *out;
    size_t start, bytes_max;
} document;

/* The longest beginning that is whole characters. */
static size_t cut_length(const char *text, size_t len, size_t max)
{
    if (len <= max) return len;
    while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
        max--;
    return max;
}

static varve_status add_text(document *d, const json_t *value, varve_error *err)
{
    size_t used = d->out->len - d->start, len = json_string_length(value);
    if (len == 0 || used + 1 >= d->bytes_max) return VARVE_OK;
    if (used) VV_TRY(buffer_add(d->out, "\n", 1, err));
    used = d->out->len - d->start;
    const char *text = json_string_value(value);
    return buffer_add(d->out, text, cut_length(text, len, d->bytes_max - used), err);
}

/* All texts in a value. It was stored within fields_depth_max, so this does not go deep. */
static varve_status add_all(document *d, const json_t *value, varve_error *err)
{
    const char *key;
    json_t *member;
    if (json_is_string(value)) return add_text(d, value, err);
    for (size_t i = 0; i < json_array_size(value); i++)
        VV_TRY(add_all(d, json_array_get(value, i), err));
    json_object_foreach((json_t *)value, key, member) { VV_TRY(add_all(d, member, err)); }
    return VARVE_OK;
}

/* A member whose name has dots in it goes before the nested one. */
static varve_status add_path(document *d, const json_t *value, const char *path, varve_error *err)
{
    const json_t *member = json_object_get(value, path);
    if (member) return add_all(d, member, err);
    for (size_t i = 0; i < json_array_size(value); i++)
        VV_TRY(add_path(d, json_array_get(value, i), path, err));
    if (!json_is_object(value)) return VARVE_OK;
    for (const char *dot = strchr(path, '.'); dot; dot = strchr(dot + 1, '.')) {
        member = json_object_getn(value, path, (size_t)(dot - path));
        if (member) return add_path(d, member, dot + 1, err);
    }
    return VARVE_OK;
}

varve_status lynse_document(varve_text fields, const json_t *paths, size_t bytes_max, buffer *out,
                            varve_error *err)
{
    document d = {out, out->len, bytes_max};
    VV_CLEANUP(json_decrefp) json_t *root = NULL;
    if (!fields.data || fields.len == 0) return VARVE_OK;
    /* Numbers of any size are stored; they are no texts, and one beyond double makes none of it. */
    root = json_loadb(fields.data, fields.len, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
    if (!paths) return add_all(&d, root, err);
    for (size_t i = 0; i < json_array_size(paths); i++)
        VV_TRY(add_path(&d, root, json_string_value(json_array_get(paths, i)), err));
    return VARVE_OK;
}
