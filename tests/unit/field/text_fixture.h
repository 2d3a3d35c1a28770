/* text_fixture.h — rows of fields, an index over them, and BM25 the plain way.
 * Ownership  text_rows_done() frees. Threads  one at a time. Errors  assertions. */
#ifndef TEST_TEXT_FIXTURE_H
#define TEST_TEXT_FIXTURE_H

#include "field/text_index.h"

typedef struct text_rows {
    text_options options;
    char **fields;
    uint32_t count, room;
    buffer image;
    text_index *index;
} text_rows;

void text_rows_init(text_rows *r, const text_options *options);
void text_rows_done(text_rows *r);
void text_rows_add(text_rows *r, const char *fields);
/* Build the image and open it. */
void text_rows_build(text_rows *r);

/* Score every row, tokens counted one by one, doubles added: the formula and nothing else. Rows
 * that are not live count for nothing; 0 without a term. Members of the top object alone, arrays of
 * texts among them. */
void text_rows_score(const text_rows *r, const char *query, const char *const *keys, size_t count,
                     const uint64_t *live, double k1, double b, double *ret);

#endif
