/* reader.c — which kind of file is it? See reader.h. */
#include "reader.h"

#include <stdlib.h>
#include <string.h>

static const reader_type *const types[] = {&reader_npy, &reader_fvecs, &reader_bvecs,
                                           &reader_ndjson};

struct reader {
    input *in;
    const reader_type *type;
    void *state;
};

const reader_type *reader_type_named(const char *name)
{
    for (size_t i = 0; i < VV_COUNT(types); i++)
        if (strcmp(types[i]->name, name) == 0) return types[i];
    return NULL;
}

static bool has_extension(const char *name, size_t len, const char *extensions)
{
    for (const char *at = extensions; *at;) {
        size_t n = strcspn(at, " ");
        if (len > n && strncmp(name + len - n, at, n) == 0) return true;
        at += n + (at[n] == ' ');
    }
    return false;
}

static const reader_type *type_by_extension(const char *path)
{
    size_t len = strlen(path);
    if (has_extension(path, len, ".zst")) len -= 4;
    for (size_t i = 0; i < VV_COUNT(types); i++)
        if (has_extension(path, len, types[i]->extensions)) return types[i];
    return NULL;
}

static varve_status find_type(const char *path, input *in, const reader_type **ret,
                              varve_error *err)
{
    const uint8_t *first;
    size_t len;
    const reader_type *type = type_by_extension(path);
    if (!type && strcmp(path, "-") == 0) {
        VV_TRY(input_peek(in, 1, &first, &len, err));
        if (len > 0 && *first == '{') type = &reader_ndjson;
        if (len > 0 && *first == 0x93) type = &reader_npy;
    }
    if (!type)
        return vv_fail(err, VARVE_INVALID,
                       "cannot tell the format of %s: name it with --format npy, fvecs, bvecs or "
                       "ndjson",
                       input_name(in));
    *ret = type;
    return VARVE_OK;
}

varve_status reader_open(const char *path, const reader_type *type, const reader_options *options,
                         reader **ret, varve_error *err)
{
    static const reader_options none = {0};
    VV_CLEANUP(reader_closep) reader *r = calloc(1, sizeof *r);
    if (!r) return vv_fail(err, VARVE_NO_MEMORY, "no memory to read %s", path);
    VV_TRY(input_open(path, &r->in, err));
    if (!type) VV_TRY(find_type(path, r->in, &type, err));
    r->type = type;
    VV_TRY(type->open(r->in, options ? options : &none, &r->state, err));
    *ret = r;
    r = NULL;
    return VARVE_OK;
}

varve_status reader_next(reader *r, batch *b, varve_error *err)
{
    return r->type->next(r->state, b, err);
}

const input *reader_input(const reader *r) { return r->in; }

void reader_close(reader *r)
{
    if (!r) return;
    if (r->state) r->type->close(r->state);
    input_close(r->in);
    free(r);
}

void reader_closep(reader **r) { reader_close(*r); }
