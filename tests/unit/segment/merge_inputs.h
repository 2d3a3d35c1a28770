/* merge_inputs.h — segments to merge, with slots to drop, and the rows that have to come out: for
 * tests of merging and of the compactor. */
#ifndef VARVE_TESTS_MERGE_INPUTS_H
#define VARVE_TESTS_MERGE_INPUTS_H

#include "segment_rows.h"

#include "segment/merge.h"

#define INPUTS 3

typedef struct merge_inputs {
    test_rows rows[INPUTS];
    merge_input in[INPUTS];
    segment *segments[INPUTS];
} merge_inputs;

/* Slots 0, every, 2 * every ...; every 0: none. */
static inline tombstones *drop_every(uint64_t rows, uint64_t every)
{
    tombstones *set = NULL;
    uint64_t *slots = calloc(rows, sizeof slots[0]), count = 0;
    assert_non_null(slots);
    for (uint64_t slot = 0; every && slot < rows; slot += every)
        slots[count++] = slot;
    if (count) OK(tombstones_change(NULL, slots, count, NULL, 0, &set, err));
    free(slots);
    return set;
}

/* Files <number>.seg in `directory`. Seeds are far apart: make_rows begins rowvers at ten times the
 * seed. every: see drop_every. */
static inline void inputs_make(merge_inputs *t, const char *directory, size_t rows, uint32_t dim,
                               varve_dtype dtype, const uint64_t every[INPUTS])
{
    for (unsigned i = 0; i < INPUTS; i++) {
        char path[400];
        t->rows[i] = make_rows(rows + i, dim, dtype, i == 1 ? ROWS_PLAIN : ROWS_MIXED,
                               1 + i * (rows + INPUTS));
        snprintf(path, sizeof path, "%s/%llu.seg", directory,
                 (unsigned long long)t->rows[i].spec.number);
        (void)write_rows(&t->rows[i], path);
        t->segments[i] = open_segment(path);
        t->in[i] = (merge_input){t->segments[i], drop_every(rows + i, every[i])};
    }
}

static inline void inputs_free(merge_inputs *t)
{
    for (unsigned i = 0; i < INPUTS; i++) {
        tombstones_unref((tombstones *)(uintptr_t)t->in[i].drop);
        segment_doom(t->segments[i]);
        segment_unref(t->segments[i]);
        free_rows(&t->rows[i]);
    }
}

/* Walks over the rows that stay, in order. */
typedef struct row_walk {
    const merge_inputs *t;
    unsigned input;
    size_t slot;
} row_walk;

static inline const test_row *walk_next(row_walk *w, const uint8_t **ret_vector)
{
    for (; w->input < INPUTS; w->input++, w->slot = 0) {
        const test_rows *rows = &w->t->rows[w->input];
        while (w->slot < rows->count && tombstones_has(w->t->in[w->input].drop, w->slot))
            w->slot++;
        if (w->slot >= rows->count) continue;
        *ret_vector = rows->vectors + w->slot * rows->stride;
        return &rows->rows[w->slot++];
    }
    return NULL;
}

/* The output is sound, and its rows are the next of the walk. */
static inline void assert_output(row_walk *w, const char *path, const segment_record *record)
{
    const segment_spec *in = &w->t->rows[0].spec;
    const segment_spec spec = {
        .collection = in->collection, .number = record->number, .dim = in->dim, .dtype = in->dtype};
    segment *s = NULL;
    OK(segment_open(path, &spec, record, &s, err));
    OK(segment_check(s, err));
    row_source source = source_of_segment(s);
    for (uint64_t slot = 0; slot < record->rows; slot++) {
        const uint8_t *wanted = NULL, *vector;
        const test_row *row = walk_next(w, &wanted);
        assert_non_null(row);
        assert_row(&source, slot, row);
        OK(segment_vectors(s, slot, 1, &vector, err));
        assert_memory_equal(vector, wanted, w->t->rows[0].stride);
    }
    segment_unref(s);
}

static inline void assert_walked(row_walk *w)
{
    const uint8_t *vector;
    assert_null(walk_next(w, &vector)); /* no row is missing */
}

#endif
