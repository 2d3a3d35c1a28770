/* filter_where_inner.h — inner to filter_where*.c: tokens, the parser's state, and what its files
 * ask of each other.
 *
 *   filter_where.c            entry; OR, AND, NOT, parentheses
 *   filter_where_predicate.c  one condition
 *   filter_where_constant.c   conditions on literals: their truth
 *   filter_where_build.c      literals and operands to nodes: NULL, ids, kinds of bounds
 *   filter_where_operand.c    paths
 *   filter_where_literal.c    literals, lists of them
 *   filter_where_parameter.c  what :name and ? stand for
 *   filter_where_lex.c        tokens
 *   filter_where_error.c      column and caret
 *
 * The parser looks at one token, p->token; p->at is the byte behind it. All positions are bytes
 * from the start of the text; columns are counted when something is wrong.
 *
 * Ownership  nodes, paths and texts are in the arena of p->filter. Threads  one at a time.
 * Errors     as filter_where.h says. */
#ifndef VARVE_FILTER_WHERE_INNER_H
#define VARVE_FILTER_WHERE_INNER_H

#include "filter/filter_where.h"

/* ---- tokens ---------------------------------------------------------------------------------- */

/*        name      word        reserved: no field unless quoted; others are words by context */
#define WHERE_WORD_TABLE(X)                                                                        \
    X(AND, "AND", 1)                                                                               \
    X(OR, "OR", 1)                                                                                 \
    X(NOT, "NOT", 1)                                                                               \
    X(TRUE, "TRUE", 1)                                                                             \
    X(FALSE, "FALSE", 1)                                                                           \
    X(NULL, "NULL", 1)                                                                             \
    X(IN, "IN", 1)                                                                                 \
    X(IS, "IS", 1)                                                                                 \
    X(LIKE, "LIKE", 1)                                                                             \
    X(ILIKE, "ILIKE", 1)                                                                           \
    X(BETWEEN, "BETWEEN", 1)                                                                       \
    X(CONTAINS, "CONTAINS", 0)                                                                     \
    X(REGEXP, "REGEXP", 0)                                                                         \
    X(ANY, "ANY", 0)                                                                               \
    X(ALL, "ALL", 0)                                                                               \
    X(MISSING, "MISSING", 0)                                                                       \
    X(ESCAPE, "ESCAPE", 0)                                                                         \
    X(MATCH, "MATCH", 0)                                                                           \
    X(DATE, "DATE", 0)                                                                             \
    X(TIMESTAMP, "TIMESTAMP", 0)

typedef enum where_kind {
    WHERE_END,
    WHERE_NAME,     /* bare, no keyword */
    WHERE_BACKTICK, /* `name` */
    WHERE_DOUBLE,   /* "name", or a text */
    WHERE_TEXT,     /* 'text' */
    WHERE_NUMBER,
    WHERE_NAMED,      /* :name */
    WHERE_POSITIONAL, /* ? */
    WHERE_OPEN,
    WHERE_CLOSE,
    WHERE_COMMA,
    WHERE_EQ,
    WHERE_NE,
    WHERE_LT,
    WHERE_LE,
    WHERE_GT,
    WHERE_GE,
#define X(name, word, reserved) WHERE_##name,
    WHERE_WORD_TABLE(X)
#undef X
} where_kind;

typedef struct where_token {
    where_kind kind;
    size_t at, len; /* with its quotes */
} where_token;

/* ---- the parser ------------------------------------------------------------------------------ */

typedef struct where_parser {
    varve_text text;
    size_t at;
    where_token token, previous;
    size_t depth; /* of parentheses */
    filter *filter;
    const filter_parameter *parameters;
    size_t parameter_count, position_next;
    varve_text *minified; /* of each parameter */
    bool *used;
    buffer scratch; /* of texts in JSON */
} where_parser;

typedef struct where_literal {
    filter_value value;
    bool strict; /* DATE or TIMESTAMP */
    size_t at;
} where_literal;

typedef struct where_list { /* where_list_done() frees */
    buffer values;          /* filter_value, without nulls */
    bool has_null;
} where_list;

typedef struct where_operand {
    bool is_id;
    const path *path;          /* NULL: the id */
    where_token double_quoted; /* len 0: it cannot be a text */
    size_t at;
} where_operand;

/* filter_where_error.c: VARVE_… "where, column N: message", text and caret. */
varve_status where_fail(const where_parser *p, size_t at, varve_status status, varve_error *err,
                        const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The same for what another function said in err. OK is passed through. */
varve_status where_place(const where_parser *p, size_t at, varve_status status, varve_error *err);
/* "expected WHAT after 'previous token'", at the token. */
varve_status where_expected(const where_parser *p, const char *what, varve_error *err);

/* filter_where_lex.c */
VV_CHECKED varve_status where_next(where_parser *p, varve_error *err);
/* Behind blanks and comments from `at` on, or the start of a comment that does not end. */
size_t where_skip(varve_text text, size_t at);
bool where_bare_char(varve_text text, size_t at); /* of a bare name; "--" begins a comment */
bool where_reserved(varve_text word);
/* The token begins this text: is the next character (behind blanks) c? */
bool where_followed_by(const where_parser *p, char c);
varve_text where_raw(const where_parser *p, where_token token);
/* What stands between the quotes of a token: part of the text, unless a quote is doubled in it. */
VV_CHECKED varve_status where_unquote(where_parser *p, where_token token, varve_text *ret,
                                      varve_error *err);
/* The number that is the whole of text. false: too large for a double. */
bool where_number(varve_text text, value *ret);

/* filter_where_literal.c */
bool where_starts_literal(const where_parser *p);
VV_CHECKED varve_status where_literal_parse(where_parser *p, where_literal *ret, varve_error *err);
/* The text of a double-quoted operand where only a literal can stand. */
VV_CHECKED varve_status where_literal_of(where_parser *p, const where_operand *operand,
                                         where_literal *ret, varve_error *err);
/* A text, or NULL: absent. */
VV_CHECKED varve_status where_text_parse(where_parser *p, const char *what, varve_text *ret,
                                         varve_error *err);
bool where_starts_list(const where_parser *p);
/* ( literal, … ), or a parameter that is a list; ret is set up by the call, also when it fails. */
VV_CHECKED varve_status where_list_parse(where_parser *p, where_list *ret, varve_error *err);
void where_list_done(where_list *list);

/* filter_where_parameter.c */
VV_CHECKED varve_status where_parameters_init(where_parser *p, varve_error *err);
/* The minified JSON that the parameter token stands for. */
VV_CHECKED varve_status where_parameter(where_parser *p, varve_text *ret_json, varve_error *err);
VV_CHECKED varve_status where_parameter_value(where_parser *p, varve_text json, filter_value *ret,
                                              varve_error *err);
/* Each was asked for. */
VV_CHECKED varve_status where_parameters_check(const where_parser *p, varve_error *err);

/* filter_where_operand.c */
bool where_starts_operand(const where_parser *p);
VV_CHECKED varve_status where_operand_parse(where_parser *p, where_operand *ret, varve_error *err);

/* filter_where_build.c */
VV_CHECKED varve_status where_node(where_parser *p, filter_op op, size_t at, filter_node **ret,
                                   varve_error *err);
/* A leaf on the operand, and what stands in the tree for it: the leaf, or ID above it. */
VV_CHECKED varve_status where_leaf(where_parser *p, filter_op op, const where_operand *operand,
                                   filter_node **ret_leaf, filter_node **ret, varve_error *err);
/* AND or OR of children that is written without parentheses (IN with NULL, CONTAINS ALL). */
VV_CHECKED varve_status where_group(where_parser *p, filter_op op, const buffer *children,
                                    size_t at, filter_node **ret, varve_error *err);
VV_CHECKED varve_status where_pair(where_parser *p, filter_op op, filter_node *a, filter_node *b,
                                   filter_node **ret, varve_error *err);
VV_CHECKED varve_status where_not(where_parser *p, filter_node *child, filter_node **ret,
                                  varve_error *err);
VV_CHECKED varve_status where_compare(where_parser *p, where_kind op, const where_operand *operand,
                                      const where_literal *literal, filter_node **ret,
                                      varve_error *err);
VV_CHECKED varve_status where_between(where_parser *p, const where_operand *operand,
                                      const where_literal *low, const where_literal *high,
                                      filter_node **ret, varve_error *err);
VV_CHECKED varve_status where_in(where_parser *p, const where_operand *operand,
                                 const where_list *list, filter_node **ret, varve_error *err);
VV_CHECKED varve_status where_contains(where_parser *p, const where_operand *operand,
                                       const filter_value *values, size_t count, filter_node **ret,
                                       varve_error *err);

/* filter_where_predicate.c */
VV_CHECKED varve_status where_predicate(where_parser *p, filter_node **ret, varve_error *err);
/* What follows an operand, the operand being a literal or a field. */
VV_CHECKED varve_status where_condition(where_parser *p, const where_operand *operand,
                                        filter_node **ret, varve_error *err);

/* filter_where_constant.c: a condition on a literal (the token behind it is the current one). */
VV_CHECKED varve_status where_constant(where_parser *p, const where_literal *literal,
                                       filter_node **ret, varve_error *err);

#endif
