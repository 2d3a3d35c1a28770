/* text_set.c — see text_set.h. */
#include "text_set.h"

#include "base/json.h"
#include "base/random.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PACKAGES      8000
#define QUERIES       200
#define TEXT_MOST     ((size_t)64 << 20)
#define ROW_TEXT_MOST ((size_t)1 << 20)

void text_set_done(text_set *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->rows[i]);
    for (size_t i = 0; i < s->count; i++)
        free(s->plain[i]);
    for (size_t i = 0; i < s->query_count; i++)
        free(s->queries[i]);
    free(s->rows);
    free(s->plain);
    free(s->queries);
    *s = (text_set){0};
}

static void close_pipe(FILE **f)
{
    if (*f) (void)pclose(*f);
}

static varve_status add_row(text_set *s, const char *text, size_t len, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer row;
    buffer_init(&row, ROW_TEXT_MOST, "row");
    VV_TRY(buffer_add_text(&row, "{\"text\":", err));
    VV_TRY(json_out_string(&row, text, len, err));
    VV_TRY(buffer_add(&row, "}", 2, err));
    char *plain = strndup(text, len);
    if (!plain) return vv_fail(err, VARVE_NO_MEMORY, "no memory for texts");
    s->plain[s->count] = plain;
    s->rows[s->count++] = buffer_take(&row);
    return VARVE_OK;
}

/* Summary and description of a package, as one text. */
static varve_status read_package(const char *line, buffer *text, varve_error *err)
{
    json_t *root = json_loads(line, 0, NULL);
    const char *summary = json_string_value(json_object_get(root, "summary"));
    const char *description = json_string_value(json_object_get(root, "description"));
    varve_status status = summary && description
                              ? buffer_printf(text, err, "%s. %s", summary, description)
                              : vv_fail(err, VARVE_INVALID, "the bundled packages do not read");
    json_decref(root);
    return status;
}

static varve_status read_packages(text_set *s, size_t rows, bool as_rows, buffer *all,
                                  varve_error *err)
{
    VV_CLEANUP(close_pipe) FILE *f = popen("zstd -dcq " BENCH_DATA "/packages.ndjson.zst", "r");
    VV_CLEANUP(vv_freep) char *line = NULL;
    size_t room = 0;
    if (!f) return vv_fail(err, VARVE_IO, "zstd cannot be run");
    while ((!as_rows || s->count < rows) && getline(&line, &room, f) > 0) {
        size_t from = all->len;
        VV_TRY(read_package(line, all, err));
        if (as_rows) VV_TRY(add_row(s, all->data + from, all->len - from, err));
        VV_TRY(buffer_add(all, " ", 1, err));
    }
    return VARVE_OK;
}

/* All texts of a value, apart. */
static varve_status add_texts(json_t *value, buffer *out, varve_error *err)
{
    const char *key;
    json_t *inner;
    size_t i;
    if (json_is_string(value)) return buffer_printf(out, err, "%s ", json_string_value(value));
    json_array_foreach(value, i, inner) VV_TRY(add_texts(inner, out, err));
    json_object_foreach(value, key, inner) VV_TRY(add_texts(inner, out, err));
    return VARVE_OK;
}

static varve_status add_package(text_set *s, const char *line, const char *field, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer plain;
    json_t *root = json_loads(line, 0, NULL);
    buffer_init(&plain, ROW_TEXT_MOST, "row");
    varve_status status = add_texts(field ? json_object_get(root, field) : root, &plain, err);
    json_decref(root);
    VV_TRY(status);
    VV_TRY(buffer_add(&plain, "", 1, err));
    char *row = strndup(line, strcspn(line, "\n"));
    if (!row) return vv_fail(err, VARVE_NO_MEMORY, "no memory for texts");
    s->plain[s->count] = buffer_take(&plain);
    s->rows[s->count++] = row;
    return VARVE_OK;
}

static varve_status read_fields(text_set *s, const char *field, varve_error *err)
{
    VV_CLEANUP(close_pipe) FILE *f = popen("zstd -dcq " BENCH_DATA "/packages.ndjson.zst", "r");
    VV_CLEANUP(vv_freep) char *line = NULL;
    size_t room = 0;
    if (!f) return vv_fail(err, VARVE_IO, "zstd cannot be run");
    while (s->count < s->room && getline(&line, &room, f) > 0)
        VV_TRY(add_package(s, line, field, err));
    return VARVE_OK;
}

static varve_status read_queries(text_set *s, varve_error *err)
{
    FILE *f = fopen(BENCH_DATA "/queries.ndjson", "r");
    VV_CLEANUP(vv_freep) char *line = NULL;
    size_t room = 0;
    if (!f) return vv_fail(err, VARVE_IO, "no bundled queries");
    while (s->query_count < QUERIES && getline(&line, &room, f) > 0) {
        json_t *root = json_loads(line, 0, NULL);
        const char *text = json_string_value(json_object_get(root, "query"));
        if (text && (s->queries[s->query_count] = strdup(text))) s->query_count++;
        json_decref(root);
    }
    (void)fclose(f);
    return VARVE_OK;
}

/* The words of the text at `from`, so many of them; false: it ends before. */
static bool words_at(const buffer *all, size_t from, size_t words, size_t *ret_len)
{
    const char *at = all->data + from, *end = all->data + all->len;
    for (; words > 0; words--) {
        const char *space = memchr(at, ' ', (size_t)(end - at));
        if (!space) return false;
        at = space + 1;
    }
    *ret_len = (size_t)(at - (all->data + from)) - 1;
    return true;
}

static varve_status cut_rows(text_set *s, const buffer *all, size_t rows, size_t words,
                             uint64_t seed, varve_error *err)
{
    random_state random;
    random_seed(&random, seed);
    while (s->count < rows) {
        size_t from = random_below(&random, all->len), len;
        const char *space = memchr(all->data + from, ' ', all->len - from);
        if (!space || !words_at(all, (size_t)(space + 1 - all->data), words, &len)) continue;
        VV_TRY(add_row(s, space + 1, len, err));
    }
    return VARVE_OK;
}

static varve_status allocate(text_set *s, size_t rows, varve_error *err)
{
    s->room = rows;
    s->rows = calloc(rows, sizeof *s->rows);
    s->plain = calloc(rows, sizeof *s->plain);
    s->queries = calloc(QUERIES, sizeof *s->queries);
    if (s->rows && s->plain && s->queries) return VARVE_OK;
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for texts");
}

varve_status text_set_load_fields(const char *field, text_set *ret, varve_error *err)
{
    VV_CLEANUP(text_set_done) text_set s = {0};
    VV_TRY(allocate(&s, PACKAGES, err));
    VV_TRY(read_fields(&s, field, err));
    VV_TRY(read_queries(&s, err));
    *ret = s;
    s = (text_set){0};
    return VARVE_OK;
}

varve_status text_set_load(const bench_options *o, size_t rows, size_t words, text_set *ret,
                           varve_error *err)
{
    VV_CLEANUP(text_set_done) text_set s = {0};
    VV_CLEANUP(buffer_done) buffer all;
    buffer_init(&all, TEXT_MOST, "bundled texts");
    if (words == 0) rows = VV_MIN(rows, PACKAGES);
    VV_TRY(allocate(&s, rows, err));
    VV_TRY(read_packages(&s, rows, words == 0, &all, err));
    if (words) VV_TRY(cut_rows(&s, &all, rows, words, o->seed, err));
    VV_TRY(read_queries(&s, err));
    *ret = s;
    s = (text_set){0};
    return VARVE_OK;
}
