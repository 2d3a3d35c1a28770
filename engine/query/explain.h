/* explain.h — inside query/: what a query did, in numbers as it goes along; the sentences for
 * people are made when somebody asks for them (hits_explain.c).
 *
 * Ownership  explain_done() frees; explain_take() hands everything on.
 * Threads    one at a time.
 * Errors     VARVE_NO_MEMORY. Past EXPLAIN_ENTRIES_MAX entries are left out. */
#ifndef VARVE_QUERY_EXPLAIN_H
#define VARVE_QUERY_EXPLAIN_H

#include "filter/filter_columns.h"
#include "query/plan.h"

#define EXPLAIN_ENTRIES_MAX 4096

typedef enum explain_kind {
    EXPLAIN_FILTER, /* a: rows that match, b: postings read, c: rows read */
    EXPLAIN_SOURCE, /* a: rows, b: live ones */
    EXPLAIN_TEXT,   /* a: stretches of rows, b: of those without an index, c: postings */
    EXPLAIN_SPARSE, /* the same */
    EXPLAIN_MULTI,  /* a: rows whose vectors were compared, b: vectors */
    EXPLAIN_ROWS,   /* a: rows looked at one by one, b: postings read instead */
    EXPLAIN_FUSION  /* a: lists, b: rows in them */
} explain_kind;

typedef struct explain_entry {
    explain_kind kind;
    unsigned leg; /* in the order in which they ran, from 1; 0: there are no legs */
    uint64_t a, b, c;
    uint64_t cached; /* of a FILTER: segments whose matches were known from before */
    /* SOURCE */
    plan_path path;
    bool memory, certain;
    uint64_t segment;
    /* The mode of the index that was used; of a FILTER a path without a field index; "" none */
    char name[SCHEMA_INDEX_MODE_MAX + 1];
} explain_entry;

typedef struct explain {
    varve_profile profile;
    uint64_t started_ns;
    unsigned leg; /* that is running */
    explain_entry *entries;
    size_t count, room;
} explain;

void explain_init(explain *e, uint64_t rows_total); /* starts the clock */
void explain_done(explain *e);
explain explain_take(explain *e);
/* What a part of the query that had its own did, behind what is there. */
VV_CHECKED varve_status explain_join(explain *e, const explain *part, varve_error *err);
VV_CHECKED varve_status explain_add(explain *e, explain_kind kind, uint64_t a, uint64_t b,
                                    uint64_t c, varve_error *err);
/* Source i of a view was searched this way. Also into the counts of segments. */
VV_CHECKED varve_status explain_source(explain *e, const view *v, size_t i, plan_path path,
                                       varve_error *err);
/* A filter left so many rows. Also into the profile. */
VV_CHECKED varve_status explain_filter(explain *e, const filter_work *work, uint64_t matches,
                                       varve_error *err);
/* Microseconds since `since`, which is moved to now. */
uint64_t explain_lap(uint64_t *since_ns);

/* The sentence of an entry, NUL-terminated, appended. */
VV_CHECKED varve_status explain_print(const explain_entry *entry, buffer *out, varve_error *err);

#endif
