/* text_fixture.c — see text_fixture.h. The reference goes over jansson's view of the rows. */
#include "text_fixture.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void text_rows_init(text_rows *r, const text_options *options)
{
    *r = (text_rows){.options = *options};
    buffer_init(&r->image, SIZE_MAX / 2, "image");
}

void text_rows_done(text_rows *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        free(r->fields[i]);
    free(r->fields);
    buffer_done(&r->image);
    text_index_free(r->index);
}

void text_rows_add(text_rows *r, const char *fields)
{
    if (r->count == r->room) {
        r->room = r->room ? 2 * r->room : 64;
        r->fields = realloc(r->fields, r->room * sizeof *r->fields);
        assert_non_null(r->fields);
    }
    r->fields[r->count] = strdup(fields);
    assert_non_null(r->fields[r->count++]);
}

static varve_status get_bytes(void *context, uint64_t offset, uint64_t len, const uint8_t **ret,
                              varve_error *err)
{
    const text_rows *r = context;
    (void)err;
    assert_true(offset <= r->image.len && len <= r->image.len - offset);
    *ret = (const uint8_t *)r->image.data + offset;
    return VARVE_OK;
}

void text_rows_build(text_rows *r)
{
    text_builder *b = NULL;
    varve_error err = {0};
    assert_int_equal(text_builder_new(&r->options, &b, &err), VARVE_OK);
    for (uint32_t i = 0; i < r->count; i++) {
        varve_text fields = {r->fields[i], strlen(r->fields[i])};
        assert_int_equal(text_builder_add(b, fields, &err), VARVE_OK);
    }
    assert_true(text_builder_bytes(b) > 0);
    assert_int_equal(text_builder_finish(b, &r->image, &err), VARVE_OK);
    text_builder_free(b);
    field_image image = {r->image.len, get_bytes, r};
    if (text_index_open(&image, r->count, &r->index, &err) != VARVE_OK) fail_msg("%s", err.message);
}

/* ---- the reference -------------------------------------------------------------------------- */

typedef struct counts { /* of a row */
    double tf[64];
    double length;
} counts;

typedef struct words {
    char text[64][256];
    double times[64];
    size_t count;
} words;

static void take_words(analyzer *a, const char *query, words *ret)
{
    const token *tokens;
    size_t count;
    varve_text text = {query, strlen(query)};
    memset(ret, 0, sizeof *ret);
    assert_int_equal(analyzer_run(a, text, &tokens, &count, NULL), VARVE_OK);
    for (size_t i = 0; i < count; i++) {
        char word[256] = {0};
        size_t at = 0;
        memcpy(word, tokens[i].text.data, tokens[i].text.len);
        while (at < ret->count && strcmp(ret->text[at], word) != 0)
            at++;
        if (at == ret->count) {
            assert_true(ret->count < 64);
            memcpy(ret->text[ret->count++], word, sizeof word);
        }
        ret->times[at]++;
    }
}

static void count_text(analyzer *a, const words *w, const char *text, counts *ret)
{
    const token *tokens;
    size_t count;
    assert_int_equal(analyzer_run(a, (varve_text){text, strlen(text)}, &tokens, &count, NULL),
                     VARVE_OK);
    ret->length += (double)count;
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at < w->count; at++)
            ret->tf[at] += strlen(w->text[at]) == tokens[i].text.len &&
                           memcmp(w->text[at], tokens[i].text.data, tokens[i].text.len) == 0;
}

static void count_value(analyzer *a, const words *w, json_t *v, counts *ret)
{
    const char *key;
    json_t *inner;
    size_t i;
    if (json_is_string(v)) count_text(a, w, json_string_value(v), ret);
    json_array_foreach(v, i, inner) count_value(a, w, inner, ret);
    json_object_foreach(v, key, inner) count_value(a, w, inner, ret);
}

static void count_row(analyzer *a, const words *w, const char *fields, const char *const *keys,
                      size_t key_count, counts *ret)
{
    json_t *root = json_loads(fields, 0, NULL);
    assert_non_null(root);
    memset(ret, 0, sizeof *ret);
    if (!keys) count_value(a, w, root, ret);
    for (size_t i = 0; keys && i < key_count; i++)
        count_value(a, w, json_object_get(root, keys[i]), ret);
    json_decref(root);
}

void text_rows_score(const text_rows *r, const char *query, const char *const *keys,
                     size_t key_count, const uint64_t *live, double k1, double b, double *ret)
{
    analyzer *a = NULL;
    words *w = calloc(1, sizeof *w);
    counts *rows = calloc(r->count, sizeof *rows);
    double n = 0, length = 0, df[64] = {0};
    assert_true(w && rows);
    assert_int_equal(analyzer_new(&r->options, &a, NULL), VARVE_OK);
    take_words(a, query, w);
    for (uint32_t i = 0; i < r->count; i++) {
        if (live && !(live[i / 64] >> (i % 64) & 1)) continue;
        count_row(a, w, r->fields[i], keys, key_count, &rows[i]);
        n++;
        length += rows[i].length;
        for (size_t t = 0; t < w->count; t++)
            df[t] += rows[i].tf[t] > 0;
    }
    for (uint32_t i = 0; i < r->count; i++) {
        ret[i] = 0;
        for (size_t t = 0; t < w->count; t++) {
            double tf = rows[i].tf[t], average = length / n;
            if (tf == 0) continue;
            ret[i] += w->times[t] * log(1 + (n - df[t] + 0.5) / (df[t] + 0.5)) * tf * (k1 + 1) /
                      (tf + k1 * (1 - b + b * rows[i].length / average));
        }
    }
    free(rows);
    free(w);
    analyzer_free(a);
}
