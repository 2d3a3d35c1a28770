/* query_fixture.h — views for the tests of query/: rows that a test makes up, put into real
 * memtables and real segment files, and kept beside them as a plain array to compare with.
 *
 * Ownership  world_done() frees the view, the files and the rows.
 * Errors     a failure of the engine fails the test. */
#ifndef VARVE_TESTS_QUERY_FIXTURE_H
#define VARVE_TESTS_QUERY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/random.h"
#include "query/query.h"

#define ID_TEXT_ROOM 24

typedef enum row_fate { FATE_LIVE, FATE_SUPERSEDED, FATE_DELETED } row_fate;

typedef struct model_row {
    varve_id id;
    char text[ID_TEXT_ROOM]; /* of a string id */
    uint64_t ordinal;
    row_fate fate;
    row_place place;
    uint8_t *stored; /* as the segment has it */
    float *values;   /* the same as floats */
    char fields[256];
} model_row;

typedef enum world_shape {
    WORLD_GAUSS,
    WORLD_FEW_VALUES, /* 0 and 1: many equal distances */
    WORLD_ONE_VECTOR, /* all rows equal */
    WORLD_NEAR_TIES,  /* one vector with differences that float32 sums cannot tell apart */
    WORLD_COUNTS,     /* not negative */
    WORLD_HUGE,       /* float32 sums overflow */
    WORLD_CANCELLING, /* a few rows whose float32 sums overflow, though the exact ones are small */
    WORLD_SHAPES
} world_shape;

typedef struct world_spec {
    uint64_t seed;
    varve_dtype dtype;
    uint32_t dim;
    varve_metric metric;
    world_shape shape;
    size_t sources;         /* every second one a segment */
    size_t rows_per_source; /* about */
    unsigned hidden_percent;
    bool string_ids;        /* every second id */
    const char *index_mode; /* segments have its index; NULL: the fresh one, where there is one */
    bool no_index;
    bool rich_fields; /* n, g, score, tags, when, t: for filters, texts, orders and groups */
} world_spec;

typedef struct world {
    world_spec spec;
    random_state random;
    char folder[64];
    model_row *rows; /* in rowver order */
    size_t row_count;
    view *v;
} world;

void world_init(world *w, const world_spec *spec);
void world_done(world *w);
/* A query in the style of the rows. */
void world_query(world *w, float *ret);
/* Path of the n-th source's segment file. */
void world_segment_path(const world *w, size_t source, char *ret, size_t size);
/* query_search over a view alone. */
varve_status world_search(view *v, const varve_search_request *request, const varve_options *limits,
                          thread_pool *pool, varve_hits **ret, varve_error *err);
/* Integers before strings, integers by value, strings by bytes. */
int world_id_order(varve_id a, varve_id b);

#endif
