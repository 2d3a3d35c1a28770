/* child_fixture.h — named vector fields beside a world (query_fixture.h): views of rows that
 * have the ordinals of the world's live rows, half of them in a segment, half in a memtable, and
 * the same vectors in a plain array.
 *
 * Ownership  child_done() frees.   Errors  a failure of the engine fails the test. */
#ifndef VARVE_TESTS_CHILD_FIXTURE_H
#define VARVE_TESTS_CHILD_FIXTURE_H

#include "query_fixture.h"

#define CHILD_DIM         6
#define CHILD_VECTORS_MAX 4
#define CHILD_NONZERO_MAX 5
#define CHILD_INDICES     40

typedef struct child_row {
    size_t count; /* vectors, or pairs; 0: the row has none */
    float values[CHILD_VECTORS_MAX * CHILD_DIM];
    uint32_t indices[CHILD_NONZERO_MAX];
} child_row;

typedef struct child {
    const world *parent;
    vector_kind kind;
    char folder[64];
    child_row *rows; /* of each row of the parent */
    view *v;
} child;

/* Metric: that of the parent. */
void child_init(child *c, world *parent, vector_kind kind);
void child_done(child *c);
const child_row *child_row_of(const child *c, const model_row *row);

#endif
