/* filter.h — the face of filter/: conditions on the id and the fields of a row, as one tree, from
 * two grammars (filter_where.h: SQL-like text; filter_json.h: the JSON of Qdrant and of GoVector),
 * with two evaluators that agree on every row: row by row over the JSON text (filter_row.h), and
 * over the columns of a segment (filter_columns.h).
 *
 * Truth has three values, as in SQL (Kleene): a condition on a missing or null value is UNKNOWN;
 * NOT unknown is unknown; a row matches when the tree is TRUE. Nodes of the JSON grammars have
 * two_valued set: what would be unknown is false in them.
 *
 * Leaves look at the values of a path (record/path.h). Some paths lead to many values ("tags[]"),
 * or to an array that is looked into (expand): then a leaf is TRUE if it is for any of them, else
 * UNKNOWN if it is for any of them, else FALSE; without any value it is UNKNOWN (so for an empty
 * array that is looked into, unless array_only: nothing is in it, FALSE). two_valued is applied to
 * what comes out at last. Of arrays that are looked into, EQUAL to TOKENS and GEO_* see only the
 * elements; an element that is an array is a value like others. Without expand an array is one
 * value, of a kind of its own.
 *
 *   op            TRUE when the value …                                     else
 *   EQUAL         equals one of `values` (by value_equal)                   null: UNKNOWN
 *   EXCEPT        equals none of `values` (arrays, objects: TRUE)           null: UNKNOWN
 *   RANGE         is within `range`                                         of another kind, null:
 *                                                                           UNKNOWN
 *   LIKE          is a text that matches `pattern` (% any, _ one character, null, no text: UNKNOWN
 *                 escape; ignore_case: by simple Unicode case folding)
 *   PREFIX        is a text that begins with `pattern`                      null, no text: UNKNOWN
 *   SUBSTRING     is a text that contains `pattern`                         null, no text: UNKNOWN
 *   REGEX         is a text in which `regex` is found (RE2 syntax)          null, no text: UNKNOWN
 *   TOKENS        is a text with the tokens of `pattern` (tokens.how: all,  null, no text: UNKNOWN
 *                 any, as a phrase, as a phrase whose last token may go on)
 *   IS_NULL       is null; or there is no value at all, if missing_counts   FALSE; never UNKNOWN
 *                 (expand: also an array that holds a null)
 *   IS_EMPTY      is null or [], and so are all others; or there is none    FALSE; never UNKNOWN
 *   EXISTS        there is a value, null too                                FALSE; never UNKNOWN
 *   COUNT         has a number of elements within `range` (array: its       FALSE
 *                 length; null or no value: 0; anything else: 1)
 *   GEO_BOX, GEO_RADIUS, GEO_POLYGON  is an object {"lon": number, "lat":   no such object (lon of
 *                 number} within the area (arrays are looked into: any)     ±180, lat of ±90):
 *                                                                           UNKNOWN
 *   NESTED        is an object for which the child is TRUE; arrays are      FALSE
 *                 looked into. The paths of the child begin at the value.
 *   HAS_ID        the id of the row is one of `ids`                         FALSE
 *   ID            `child` holds for the id of the row: EQUAL, EXCEPT, RANGE,
 *                 LIKE … with path NULL; the id is a number or a text
 *   HAS_VECTOR    the row has a vector in field `pattern` ("": the primary)  FALSE
 *   SLICE         hash of the id modulo `slice_total` is `slice_index`      FALSE
 *                 (XXH3-64 of the number's 8 bytes, or of the text's)
 *
 * A RANGE has bounds of one kind: numbers, texts (by bytes), or date-times. A text literal in the
 * form of a date-time makes a range of date-times of those values that are date-times too, and of
 * texts for all other texts (RANGE_TEXT with the instant set beside it; of two bounds both have one
 * or neither); EQUAL and EXCEPT treat such a literal alike: equal instants are equal.
 *
 * Ownership  filter_free() ends a tree with everything in it. Nodes are immutable after the parse.
 * Threads    any number of threads evaluate one tree.
 * Errors     of the parsers: VARVE_INVALID with position and caret (where) or JSON path (json),
 *            VARVE_LIMIT naming the limit. */
#ifndef VARVE_FILTER_H
#define VARVE_FILTER_H

#include "base/arena.h"
#include "record/path.h"
#include "record/value.h"

#define FILTER_NODES_MAX   1000
#define FILTER_DEPTH_MAX   64
#define FILTER_VALUES_MAX  65536 /* of all lists together */
#define FILTER_BYTES_MAX   ((size_t)16 << 20)
#define FILTER_TEXT_MAX    ((size_t)4 << 20) /* bytes of a filter as text */
#define FILTER_REGEXES_MAX 64                /* each may take a mebibyte while it searches */
#define FILTER_PATTERN_MAX 4096              /* bytes of a pattern of LIKE or REGEX */

typedef enum filter_op {
    FILTER_TRUE, /* matches every row */
    FILTER_FALSE,
    FILTER_UNKNOWN,  /* such as = NULL */
    FILTER_AND,      /* of all children; without any: TRUE */
    FILTER_OR,       /* of any child; without any: FALSE */
    FILTER_NOT,      /* of its one child */
    FILTER_AT_LEAST, /* at least at_least children are TRUE; two-valued */
    FILTER_EQUAL,
    FILTER_EXCEPT,
    FILTER_RANGE,
    FILTER_LIKE,
    FILTER_PREFIX,
    FILTER_SUBSTRING,
    FILTER_REGEX,
    FILTER_TOKENS,
    FILTER_IS_NULL,
    FILTER_IS_EMPTY,
    FILTER_EXISTS,
    FILTER_COUNT,
    FILTER_GEO_BOX,
    FILTER_GEO_RADIUS,
    FILTER_GEO_POLYGON,
    FILTER_NESTED,
    FILTER_HAS_ID,
    FILTER_ID,
    FILTER_HAS_VECTOR,
    FILTER_SLICE
} filter_op;

typedef struct filter_value { /* a literal */
    value v;
    bool datetime; /* v is a text in the form of a date-time */
    int64_t instant;
} filter_value;

typedef enum filter_range_kind { RANGE_NUMBER, RANGE_TEXT, RANGE_DATETIME } filter_range_kind;
typedef struct filter_range {
    filter_range_kind kind; /* RANGE_DATETIME: values that are no date-times are UNKNOWN */
    bool has_low, has_high, low_open, high_open;
    filter_value low, high;
} filter_range;

typedef struct geo_point {
    double lon, lat;
} geo_point;
typedef struct geo_ring {
    const geo_point *points; /* closed: the last is the first */
    size_t count;
} geo_ring;
typedef struct filter_geo {
    geo_point low, high;   /* BOX: low.lon > high.lon crosses the antimeridian */
    geo_point center;      /* RADIUS */
    double radius_m;       /* haversine, R = 6371008.8 m */
    const geo_ring *rings; /* POLYGON: the exterior, then holes */
    size_t ring_count;
} filter_geo;

typedef enum filter_tokens_how {
    TOKENS_ALL,
    TOKENS_ANY,
    TOKENS_PHRASE,
    TOKENS_PHRASE_PREFIX
} filter_tokens_how;

typedef struct filter_node filter_node;
struct filter_node {
    filter_op op;
    bool two_valued;
    bool expand;      /* an array at the end of the path is looked into, one level */
    bool array_only;  /* with expand: a value that is no array is FALSE (CONTAINS) */
    bool ignore_case; /* LIKE, PREFIX, SUBSTRING */
    bool missing_counts;
    const path *path; /* NULL: none, or the id */
    size_t child_count;
    filter_node **children;
    size_t at_least;
    const filter_value *values;
    size_t value_count;
    const uint32_t *order; /* of values, by filter_value_order; NULL: too few to be worth it */
    filter_range range;    /* RANGE; COUNT: of numbers */
    varve_text pattern;
    char escape;                /* LIKE; 0: none */
    struct filter_regex *regex; /* compiled; pattern is its text */
    filter_tokens_how how;
    filter_geo geo;
    const varve_id *ids; /* HAS_ID: sorted as varve ids are: numbers, then texts by bytes */
    size_t id_count;
    uint64_t slice_total, slice_index;
};

typedef struct varve_filter {
    filter_node *root;
    arena memory;
    struct filter_regex *regexes; /* of all nodes, freed with the tree */
    size_t node_count, value_total, regex_count;
} filter;

void filter_free(filter *f); /* NULL-safe; fits VV_CLEANUP by filter_freep */
void filter_freep(filter **f);

/* ---- building, for parsers ------------------------------------------------------------------- */
VV_CHECKED varve_status filter_new(filter **ret, varve_error *err);
/* A zeroed node; VARVE_LIMIT past FILTER_NODES_MAX. */
VV_CHECKED varve_status filter_node_new(filter *f, filter_op op, filter_node **ret,
                                        varve_error *err);
/* A literal, with its instant if it has the form of one. Text is copied. VARVE_LIMIT past
 * FILTER_VALUES_MAX. */
VV_CHECKED varve_status filter_value_make(filter *f, const value *v, filter_value *ret,
                                          varve_error *err);
/* For EQUAL and EXCEPT, once values are set: fill in order. */
VV_CHECKED varve_status filter_values_sort(filter *f, filter_node *node, varve_error *err);
/* Compile node->pattern; linear in the text, bounded memory. VARVE_INVALID with RE2's reason,
 * VARVE_LIMIT past FILTER_REGEXES_MAX or FILTER_PATTERN_MAX. */
VV_CHECKED varve_status filter_regex_compile(filter *f, filter_node *node, varve_error *err);
bool filter_regex_found(const struct filter_regex *regex, varve_text text);

/* ---- for both evaluators --------------------------------------------------------------------- */
typedef enum truth { TRUTH_FALSE, TRUTH_UNKNOWN, TRUTH_TRUE } truth;
/* A leaf (EQUAL to GEO_POLYGON, but for TOKENS) against one value. Of arrays and objects: raw text.
 * Neither expand (but for IS_NULL) nor two_valued is applied. */
truth filter_leaf_value(const filter_node *leaf, const value *v);
/* A leaf whose path leads to no value. */
truth filter_leaf_absent(const filter_node *leaf);
/* % stands for any characters, _ for one; behind the escape each character stands for itself. */
bool filter_like(varve_text pattern, char escape, bool ignore_case, varve_text text);
/* Literals by kind, then value; those with an instant by it, behind the others. 0: they are equal.
 */
int filter_value_order(const filter_value *a, const filter_value *b);
/* The point that a JSON object is. */
bool filter_geo_point(varve_text object, geo_point *ret);
bool filter_geo_contains(const filter_node *leaf, geo_point p);

/* Canonical text, in the where grammar as far as it can say it; for logs, explain and tests. */
VV_CHECKED varve_status filter_print(const filter *f, buffer *out, varve_error *err);

#endif
