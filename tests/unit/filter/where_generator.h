/* where_generator.h — random texts of the where grammar, right ones. */
#ifndef VARVE_TEST_WHERE_GENERATOR_H
#define VARVE_TEST_WHERE_GENERATOR_H

#include "base/buffer.h"
#include "base/random.h"

/* Append a condition with at most `depth` parentheses inside of each other. */
void generate_where(random_state *random, int depth, buffer *out);

#endif
