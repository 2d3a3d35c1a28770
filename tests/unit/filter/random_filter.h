/* random_filter.h — random trees over the keys and values of random_rows.h: every op. */
#ifndef VARVE_TEST_RANDOM_FILTER_H
#define VARVE_TEST_RANDOM_FILTER_H

#include "random_rows.h"

#include "filter/filter.h"

static inline void *random_take(filter *f, size_t count, size_t size)
{
    void *memory;
    random_must(arena_take(&f->memory, count, size, &memory, NULL));
    return memory;
}

static inline varve_text random_text_of(filter *f, const buffer *b)
{
    varve_text copy;
    random_must(arena_text(&f->memory, b->len ? b->data : "", b->len, &copy, NULL));
    return copy;
}

static inline const path *random_path(random_state *r, filter *f)
{
    path_step steps[6];
    size_t count = 1 + random_below(r, 3);
    path *p = random_take(f, 1, sizeof *p);
    for (size_t i = 0; i < count; i++) {
        unsigned kind = i == 0 ? 9 : (unsigned)random_below(r, 10);
        const char *key = random_keys[random_key_index(r)].plain;
        steps[i] = (path_step){.kind = PATH_KEY, .key = {key, strlen(key)}};
        if (kind < 4) steps[i] = (path_step){.kind = PATH_EACH};
        if (kind == 4)
            steps[i] = (path_step){.kind = PATH_INDEX, .index = (uint32_t)random_below(r, 3)};
    }
    random_must(path_make(steps, count, &f->memory, p, NULL));
    return p;
}

/* ---- literals ------------------------------------------------------------------------------ */

static inline filter_value random_number_literal(random_state *r, filter *f)
{
    const char *text = random_of(r, random_numbers), *at = text;
    buffer scratch;
    value v;
    filter_value literal;
    buffer_init(&scratch, 1000, "scratch");
    if (!value_read(&at, text + strlen(text), &scratch, &v)) abort();
    random_must(filter_value_make(f, &v, &literal, NULL));
    buffer_done(&scratch);
    return literal;
}

static inline filter_value random_literal_of(filter *f, const buffer *b)
{
    filter_value literal;
    value v = {.kind = VALUE_TEXT, .text = {b->len ? b->data : "", b->len}};
    random_must(filter_value_make(f, &v, &literal, NULL));
    return literal;
}

static inline filter_value random_text_literal(random_state *r, filter *f)
{
    buffer b;
    buffer_init(&b, 1000, "text");
    random_plain_text(r, &b);
    filter_value literal = random_literal_of(f, &b);
    buffer_done(&b);
    return literal;
}

static inline filter_value random_long_literal(random_state *r, filter *f)
{
    buffer b;
    buffer_init(&b, 1000, "text");
    random_long_text(r, &b);
    filter_value literal = random_literal_of(f, &b);
    buffer_done(&b);
    return literal;
}

static inline filter_value random_date_literal(random_state *r, filter *f)
{
    filter_value literal = {0};
    while (!literal.datetime)
        literal = random_text_literal(r, f);
    return literal;
}

static inline filter_value random_literal(random_state *r, filter *f)
{
    value v = {.kind = VALUE_BOOL, .boolean = random_below(r, 2)};
    filter_value literal;
    switch (random_below(r, 5)) {
    case 0: random_must(filter_value_make(f, &v, &literal, NULL)); return literal;
    case 1:
    case 2: return random_number_literal(r, f);
    default: return random_text_literal(r, f);
    }
}

/* Where random_rares() are filed, literals are long more often. */
static inline void random_values(random_state *r, filter *f, filter_node *node)
{
    bool rare = node->path && *node->path->steps[0].key.data == 'c';
    filter_value *values;
    node->value_count = random_below(r, 6) ? random_below(r, 4) : 12;
    values = random_take(f, node->value_count, sizeof *values);
    for (size_t i = 0; i < node->value_count; i++)
        values[i] = rare && random_below(r, 2) ? random_long_literal(r, f) : random_literal(r, f);
    node->values = values;
    random_must(filter_values_sort(f, node, NULL));
}

static inline void random_range(random_state *r, filter *f, filter_range_kind kind,
                                filter_range *range)
{
    filter_value (*make)(random_state *, filter *) = kind == RANGE_NUMBER ? random_number_literal
                                                     : kind == RANGE_TEXT ? random_text_literal
                                                                          : random_date_literal;
    *range = (filter_range){
        .kind = kind, .low_open = random_below(r, 2), .high_open = random_below(r, 2)};
    range->has_low = random_below(r, 4) > 0;
    range->has_high = !range->has_low || random_below(r, 2);
    if (range->has_low) range->low = make(r, f);
    if (range->has_high) range->high = make(r, f);
}

static inline void random_pattern(random_state *r, filter *f, filter_node *node)
{
    static const char *const likes[] = {"%",    "a%", "%b",    "_",  "%a%",
                                        "a!%b", "",   "2024%", "%Z", "q%"};
    static const char *const finds[] = {"^a", "b$", ".", "[0-9]+", "^$", "q{3}", "(?i)ab", "s$"};
    buffer b;
    buffer_init(&b, 1000, "pattern");
    if (node->op == FILTER_LIKE)
        random_put(&b, random_of(r, likes));
    else if (node->op == FILTER_REGEX)
        random_put(&b, random_of(r, finds));
    else
        random_plain_text(r, &b);
    node->escape = random_below(r, 2) ? '!' : 0;
    node->pattern = random_text_of(f, &b);
    node->ignore_case = node->op != FILTER_REGEX && random_below(r, 2);
    node->how = (filter_tokens_how)random_below(r, 4);
    buffer_done(&b);
    if (node->op == FILTER_REGEX) random_must(filter_regex_compile(f, node, NULL));
}

static inline void random_area(random_state *r, filter *f, filter_node *node)
{
    filter_geo *g = &node->geo;
    geo_ring *ring = random_take(f, 1, sizeof *ring);
    geo_point *p = random_take(f, 4, sizeof *p);
    g->low = (geo_point){(double)random_below(r, 360) - 180, (double)random_below(r, 180) - 90};
    g->high = (geo_point){(double)random_below(r, 360) - 180, (double)random_below(r, 180) - 90};
    g->center = g->low;
    g->radius_m = (double)random_below(r, 15000000);
    for (size_t i = 0; i < 3; i++)
        p[i] = (geo_point){(double)random_below(r, 360) - 180, (double)random_below(r, 180) - 90};
    p[3] = p[0];
    *ring = (geo_ring){p, 4};
    g->rings = ring;
    g->ring_count = 1;
}

/* ---- nodes --------------------------------------------------------------------------------- */

static inline filter_node *random_node(random_state *r, filter *f, unsigned depth, bool two_valued);

static inline void random_leaf(random_state *r, filter *f, filter_node *node)
{
    node->path = random_path(r, f);
    node->expand = random_below(r, 2);
    switch (node->op) {
    case FILTER_EQUAL:
    case FILTER_EXCEPT: random_values(r, f, node); break;
    case FILTER_RANGE:
        random_range(r, f, (filter_range_kind)random_below(r, 3), &node->range);
        break;
    case FILTER_COUNT: random_range(r, f, RANGE_NUMBER, &node->range); break;
    case FILTER_LIKE:
    case FILTER_PREFIX:
    case FILTER_SUBSTRING:
    case FILTER_TOKENS:
    case FILTER_REGEX: random_pattern(r, f, node); break;
    case FILTER_IS_NULL: node->missing_counts = random_below(r, 2); break;
    default: break;
    }
    if (node->op >= FILTER_EQUAL && node->op <= FILTER_TOKENS)
        node->array_only = node->expand && random_below(r, 3) == 0;
    if (node->op >= FILTER_GEO_BOX && node->op <= FILTER_GEO_POLYGON) random_area(r, f, node);
}

/* Numbers before texts, both ascending. */
static inline void random_ids(random_state *r, filter *f, filter_node *node)
{
    static const char *const texts[] = {"2024-01-01", "7", "ab"};
    varve_id *ids = random_take(f, 8, sizeof *ids);
    node->ids = ids;
    for (uint64_t i = 0; i < 4; i++)
        ids[node->id_count++] = (varve_id){.num = 40 * i + random_below(r, 40)};
    for (size_t i = 0; i < VV_COUNT(texts); i++)
        if (random_below(r, 2))
            ids[node->id_count++] =
                (varve_id){.kind = VARVE_ID_STR, .text = {texts[i], strlen(texts[i])}};
}

/* A condition on the id. */
static inline void random_id(random_state *r, filter *f, filter_node *node)
{
    static const filter_op ops[] = {FILTER_EQUAL, FILTER_EQUAL, FILTER_EXCEPT, FILTER_RANGE};
    filter_op op = random_of(r, ops);
    node->children = random_take(f, 1, sizeof(filter_node *));
    node->child_count = 1;
    random_must(filter_node_new(f, op, &node->children[0], NULL));
    node->children[0]->two_valued = node->two_valued;
    if (op == FILTER_RANGE)
        random_range(r, f, (filter_range_kind)random_below(r, 3), &node->children[0]->range);
    else
        random_values(r, f, node->children[0]);
}

static inline void random_children(random_state *r, filter *f, unsigned depth, filter_node *node)
{
    size_t count = node->op == FILTER_NOT || node->op == FILTER_NESTED ? 1 : random_below(r, 4);
    node->children = random_take(f, count, sizeof(filter_node *));
    node->child_count = count;
    for (size_t i = 0; i < count; i++)
        node->children[i] = random_node(r, f, depth - 1, node->two_valued);
    if (node->op == FILTER_AT_LEAST) node->at_least = random_below(r, count + 2);
    if (node->op == FILTER_NESTED) node->path = random_path(r, f);
}

static inline filter_node *random_node(random_state *r, filter *f, unsigned depth, bool two_valued)
{
    static const filter_op inner[] = {FILTER_AND, FILTER_OR,  FILTER_NOT,      FILTER_AND,
                                      FILTER_OR,  FILTER_NOT, FILTER_AT_LEAST, FILTER_NESTED};
    static const filter_op leaves[] = {
        FILTER_EQUAL,      FILTER_EXCEPT,      FILTER_RANGE,     FILTER_EQUAL,  FILTER_RANGE,
        FILTER_LIKE,       FILTER_PREFIX,      FILTER_SUBSTRING, FILTER_REGEX,  FILTER_IS_NULL,
        FILTER_IS_EMPTY,   FILTER_TOKENS,      FILTER_EXISTS,    FILTER_COUNT,  FILTER_GEO_BOX,
        FILTER_GEO_RADIUS, FILTER_GEO_POLYGON, FILTER_EQUAL,     FILTER_EXCEPT, FILTER_RANGE};
    static const filter_op others[] = {FILTER_TRUE,   FILTER_FALSE, FILTER_UNKNOWN,
                                       FILTER_HAS_ID, FILTER_SLICE, FILTER_HAS_VECTOR,
                                       FILTER_ID,     FILTER_ID};
    filter_node *node;
    uint64_t kind = depth ? random_below(r, 20) : 8 + random_below(r, 12);
    filter_op op = kind < 8    ? random_of(r, inner)
                   : kind == 8 ? random_of(r, others)
                               : random_of(r, leaves);
    random_must(filter_node_new(f, op, &node, NULL));
    node->two_valued = two_valued;
    if (kind < 8)
        random_children(r, f, depth, node);
    else if (kind > 8)
        random_leaf(r, f, node);
    else if (op == FILTER_HAS_ID)
        random_ids(r, f, node);
    else if (op == FILTER_ID)
        random_id(r, f, node);
    node->slice_total = 3;
    return node;
}

/* filter_free() it. */
static inline filter *random_filter(random_state *r)
{
    filter *f;
    random_must(filter_new(&f, NULL));
    f->root = random_node(r, f, 3, random_below(r, 4) == 0);
    return f;
}

#endif
