/* judged_set.c — see judged_set.h. */
#include "judged_set.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS       8000
#define QUERIES    200 /* of each file */
#define ROW_BYTES  (JUDGED_DIM * sizeof(uint16_t))
#define NPY_HEADER 128

void judged_set_done(judged_set *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->fields[i]);
        free(s->names[i]);
    }
    for (size_t i = 0; i < s->query_count; i++)
        free(s->queries[i].text);
    for (size_t i = 0; i < VV_COUNT(s->vectors); i++)
        free(s->vectors[i]);
    free(s->fields);
    free(s->names);
    free(s->queries);
    *s = (judged_set){0};
}

static void close_pipe(FILE **f)
{
    if (*f) (void)pclose(*f);
}

static void close_file(FILE **f)
{
    if (*f) (void)fclose(*f);
}

static varve_status read_vectors(const char *path, size_t count, uint8_t **ret, varve_error *err)
{
    VV_CLEANUP(close_file) FILE *f = fopen(path, "rbe");
    *ret = malloc(count * ROW_BYTES);
    if (!*ret) return vv_fail(err, VARVE_NO_MEMORY, "no memory for vectors");
    if (!f || fseek(f, NPY_HEADER, SEEK_SET) != 0 || fread(*ret, ROW_BYTES, count, f) != count)
        return vv_fail(err, VARVE_IO, "%s cannot be read", path);
    return VARVE_OK;
}

/* The text at a key of a line; NULL if it has none. */
static char *text_of(const char *line, const char *key)
{
    json_t *root = json_loads(line, 0, NULL);
    const char *text = json_string_value(json_object_get(root, key));
    char *copy = text ? strdup(text) : NULL;
    json_decref(root);
    return copy;
}

static varve_status read_rows(judged_set *s, varve_error *err)
{
    VV_CLEANUP(close_pipe) FILE *f = popen("zstd -dcq " BENCH_DATA "/packages.ndjson.zst", "r");
    VV_CLEANUP(vv_freep) char *line = NULL;
    size_t room = 0;
    while (f && s->count < ROWS && getline(&line, &room, f) > 0) {
        s->names[s->count] = text_of(line, "name");
        s->fields[s->count] = strdup(line);
        bool fine = s->names[s->count] && s->fields[s->count];
        s->count++;
        if (!fine) return vv_fail(err, VARVE_INVALID, "a bundled package does not read");
    }
    if (s->count < ROWS) return vv_fail(err, VARVE_IO, "the bundled packages cannot be read");
    return VARVE_OK;
}

static size_t row_named(const judged_set *s, const char *name)
{
    size_t row = 0;
    while (row < s->count && strcmp(s->names[row], name) != 0)
        row++;
    return row;
}

/* Queries that expect nothing are passed over. */
static varve_status add_query(judged_set *s, const char *line, judged_query q, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *expected = text_of(line, "expect");
    if (!expected) return VARVE_OK;
    q.expected = row_named(s, expected);
    if (q.expected == s->count) return vv_fail(err, VARVE_INVALID, "no package %s", expected);
    q.text = text_of(line, "query");
    if (!q.text) return vv_fail(err, VARVE_INVALID, "a bundled query does not read");
    s->queries[s->query_count++] = q;
    return VARVE_OK;
}

static varve_status read_queries(judged_set *s, const char *path, judged_kind kind,
                                 const uint8_t *vectors, varve_error *err)
{
    VV_CLEANUP(close_file) FILE *f = fopen(path, "re");
    VV_CLEANUP(vv_freep) char *line = NULL;
    size_t room = 0, i = 0;
    for (; f && i < QUERIES && getline(&line, &room, f) > 0; i++) {
        judged_query q = {.kind = kind, .vector = vectors + i * ROW_BYTES};
        VV_TRY(add_query(s, line, q, err));
    }
    if (i < QUERIES) return vv_fail(err, VARVE_IO, "%s cannot be read", path);
    return VARVE_OK;
}

static varve_status load(judged_set *s, varve_error *err)
{
    s->fields = calloc(ROWS, sizeof *s->fields);
    s->names = calloc(ROWS, sizeof *s->names);
    s->queries = calloc((size_t)2 * QUERIES, sizeof *s->queries);
    if (!s->fields || !s->names || !s->queries)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for rows");
    VV_TRY(read_rows(s, err));
    VV_TRY(read_vectors(BENCH_DATA "/packages.f16.npy", ROWS, &s->vectors[0], err));
    VV_TRY(read_vectors(BENCH_DATA "/titles.f16.npy", QUERIES, &s->vectors[1], err));
    VV_TRY(read_vectors(BENCH_DATA "/queries.f16.npy", QUERIES, &s->vectors[2], err));
    VV_TRY(read_queries(s, BENCH_DATA "/titles.ndjson", JUDGED_TITLE, s->vectors[1], err));
    return read_queries(s, BENCH_DATA "/queries.ndjson", JUDGED_PARAPHRASE, s->vectors[2], err);
}

varve_status judged_set_load(judged_set *ret, varve_error *err)
{
    VV_CLEANUP(judged_set_done) judged_set s = {0};
    VV_TRY(load(&s, err));
    *ret = s;
    s = (judged_set){0};
    return VARVE_OK;
}
