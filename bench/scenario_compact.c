/* scenario_compact.c — rows with 30 % of them deleted, compacted: how many are removed, how long it
 * takes, bytes on disk before and after, and whether anything of a deleted row can still be found:
 * the first 16 bytes of each deleted vector and a mark in its fields are looked for at every offset
 * of every file of the folder, before (where they must be found) and after (where they must not).
 * */
#include "byte_search.h"
#include "data.h"

#include "base/random.h"

#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ROWS_DEFAULT 200000
#define DIM_DEFAULT  128
#define DELETED_OF   10
#define DELETED      3 /* of DELETED_OF rows */
#define MARK         BYTE_PATTERN
#define FIELDS_MAX   64
#define COLLECTION   "rows"

typedef struct compact {
    const bench_options *o;
    const char *mode;
    uint64_t rows;
    size_t dim;
    work folder;
    byte_search deleted;
    float *vectors; /* of a batch */
    char *text;
    varve_text *fields;
    varve_id *ids;
} compact;

static void session_freep(varve_session **s) { varve_session_free(*s); }

static void compact_done(compact *c)
{
    work_done(&c->folder);
    byte_search_done(&c->deleted);
    free(c->vectors);
    free(c->text);
    free(c->fields);
    free(c->ids);
}

/* ---- rows: every one has bytes of its own ---- */

static bool is_deleted(uint64_t row) { return row % DELETED_OF < DELETED; }

static void make_vector(const compact *c, uint64_t row, float *ret)
{
    random_state r;
    random_seed(&r, c->o->seed * 1000003 + row);
    for (size_t i = 0; i < c->dim; i += 2) {
        uint64_t bits = random_u64(&r);
        ret[i] = (float)(int32_t)bits * 0x1p-31f;
        if (i + 1 < c->dim) ret[i + 1] = (float)(int32_t)(bits >> 32) * 0x1p-31f;
    }
}

/* Printable, and of so many letters that a packer finds no repetition in it. */
static void make_mark(const compact *c, uint64_t row, char *ret)
{
    random_state r;
    random_seed(&r, c->o->seed * 7368787 + row);
    for (size_t i = 0; i < MARK; i++) {
        ret[i] = (char)(' ' + 1 + random_below(&r, 93));
        if (ret[i] == '"' || ret[i] == '\\') ret[i] = '~';
    }
}

static void make_row(compact *c, uint64_t row, size_t at)
{
    char mark[MARK + 1] = {0};
    make_mark(c, row, mark);
    make_vector(c, row, c->vectors + at * c->dim);
    int n = snprintf(c->text + at * FIELDS_MAX, FIELDS_MAX, "{\"n\":%llu,\"mark\":\"%s\"}",
                     (unsigned long long)row, mark);
    c->fields[at] = (varve_text){c->text + at * FIELDS_MAX, (size_t)n};
    if (!is_deleted(row)) return;
    byte_search_add(&c->deleted, mark);
    byte_search_add(&c->deleted, c->vectors + at * c->dim);
}

static varve_status write_rows(compact *c, varve_collection *to, varve_error *err)
{
    VV_CLEANUP(session_freep) varve_session *session = NULL;
    VV_TRY(varve_session_new(to, NULL, &session, err));
    for (uint64_t first = 0; first < c->rows; first += BATCH_ROWS) {
        size_t count = (size_t)VV_MIN(BATCH_ROWS, c->rows - first);
        for (size_t i = 0; i < count; i++)
            make_row(c, first + i, i);
        varve_rows rows = {.count = count,
                           .dim = c->dim,
                           .ids_from_first = true,
                           .first_id = first,
                           .vectors = c->vectors,
                           .vectors_type = VARVE_FLOAT32,
                           .fields = c->fields};
        VV_TRY(varve_session_add(session, &rows, err));
    }
    return varve_session_commit(session, NULL, err);
}

static varve_status delete_rows(compact *c, varve_collection *from, uint64_t *ret, varve_error *err)
{
    uint64_t deleted = 0;
    size_t count = 0;
    for (uint64_t row = 0; row <= c->rows; row++) {
        if (row < c->rows && is_deleted(row)) c->ids[count++] = (varve_id){.num = row};
        if (count < BATCH_ROWS && row < c->rows) continue;
        if (count > 0) VV_TRY(varve_delete(from, c->ids, count, NULL, NULL, err));
        deleted += count;
        count = 0;
    }
    *ret = deleted;
    return VARVE_OK;
}

/* ---- measuring ---- */

static varve_status folder_bytes(const char *path, uint64_t *ret, varve_error *err)
{
    char *roots[] = {(char *)(uintptr_t)path, NULL};
    uint64_t sum = 0;
    FTS *walk = fts_open(roots, FTS_PHYSICAL, NULL);
    if (!walk) return vv_fail(err, VARVE_IO, "cannot walk %s", path);
    for (FTSENT *e = fts_read(walk); e; e = fts_read(walk))
        if (e->fts_info == FTS_F) sum += (uint64_t)e->fts_statp->st_blocks * 512;
    fts_close(walk);
    *ret = sum;
    return VARVE_OK;
}

static void report(const compact *c, const varve_compact_report *r, uint64_t deleted,
                   const uint64_t bytes[2], const byte_search_found found[2])
{
    unsigned long long rows = c->rows;
    double seconds = (double)r->elapsed_ms / 1e3;
    result("compact.rows_removed", (double)r->rows_removed, "rows",
           (double)r->rows_removed / (double)deleted, "rows deleted",
           "%llu rows of %zu-d float32 + fields, %s, %llu versions removed", rows, c->dim, c->mode,
           (unsigned long long)r->versions_removed);
    result("compact.seconds", seconds, "s", 0, NULL,
           "%.0f rows/s; %llu jobs, segments %llu before, %llu after, %zu threads",
           (double)rows / seconds, (unsigned long long)r->jobs,
           (unsigned long long)r->segments_before, (unsigned long long)r->segments_after,
           c->o->threads);
    result("compact.disk", (double)bytes[1], "bytes", (double)bytes[1] / (double)bytes[0],
           "bytes before", "whole folder %llu before; segments and indexes %llu before, %llu after",
           (unsigned long long)bytes[0], (unsigned long long)r->bytes_before,
           (unsigned long long)r->bytes_after);
    result(
        "compact.deleted_found", (double)found[1].hits, "patterns",
        (double)found[1].hits / (double)found[0].hits, "found before",
        "%zu patterns of deleted rows; before: %llu found in %llu files; after: %llu files, %llu "
        "bytes searched%s%s",
        c->deleted.count, (unsigned long long)found[0].hits, (unsigned long long)found[0].files,
        (unsigned long long)found[1].files, (unsigned long long)found[1].bytes,
        found[1].hits ? ", first in " : "", found[1].first_path);
}

static varve_status measure(compact *c, varve_collection *rows, varve_error *err)
{
    uint64_t bytes[2], deleted = 0, live = 0;
    byte_search_found found[2];
    varve_compact_report r = {0};
    VV_TRY(write_rows(c, rows, err));
    VV_TRY(varve_index_build(rows, c->mode, NULL, false, err));
    VV_TRY(delete_rows(c, rows, &deleted, err));
    VV_TRY(folder_bytes(c->folder.path, &bytes[0], err));
    VV_TRY(byte_search_folder(&c->deleted, c->folder.path, &found[0], err));
    VV_TRY(varve_compact(rows, NULL, &r, err));
    VV_TRY(folder_bytes(c->folder.path, &bytes[1], err));
    VV_TRY(byte_search_folder(&c->deleted, c->folder.path, &found[1], err));
    VV_TRY(varve_count(rows, &live, err));
    report(c, &r, deleted, bytes, found);
    if (live != c->rows - deleted)
        return vv_fail(err, VARVE_INTERNAL, "%llu rows are left", (unsigned long long)live);
    return VARVE_OK;
}

static varve_status run_open(compact *c, varve_error *err)
{
    varve *db = NULL;
    varve_collection *rows = NULL;
    varve_options options;
    varve_collection_spec spec = {.dim = c->dim};
    varve_options_init(&options);
    options.compact_threads = c->o->threads;
    options.compact_nice = 0;
    VV_TRY(varve_open(c->folder.path, &options, &db, err));
    varve_status status = varve_collection_create(db, "default", COLLECTION, &spec, &rows, err);
    if (status == VARVE_OK) status = measure(c, rows, err);
    varve_collection_release(rows);
    if (status == VARVE_OK) return varve_close(db, err);
    varve_abandon(db);
    return status;
}

static varve_status run(const bench_options *o, varve_error *err)
{
    VV_CLEANUP(compact_done)
    compact c = {.o = o,
                 .mode = o->mode ? o->mode : "HNSW-L2",
                 .rows = bench_rows(o, ROWS_DEFAULT),
                 .dim = bench_dim(o, DIM_DEFAULT)};
    if (c.dim < BYTE_PATTERN / sizeof(float))
        return vv_fail(err, VARVE_INVALID, "vectors of %zu dimensions are too short to find",
                       c.dim);
    c.vectors = calloc(BATCH_ROWS * c.dim, sizeof *c.vectors);
    c.text = calloc(BATCH_ROWS, FIELDS_MAX);
    c.fields = calloc(BATCH_ROWS, sizeof *c.fields);
    c.ids = calloc(BATCH_ROWS, sizeof *c.ids);
    if (!c.vectors || !c.text || !c.fields || !c.ids)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a batch");
    VV_TRY(byte_search_init(&c.deleted, (size_t)(c.rows / DELETED_OF + 1) * DELETED * 2, err));
    VV_TRY(work_new(o, "compact", &c.folder, err));
    return run_open(&c, err);
}

const scenario scenario_compact = {"compact", "30 % of the rows deleted, then compacted away", run};
