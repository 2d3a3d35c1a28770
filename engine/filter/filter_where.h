/* filter_where.h — the SQL-like grammar.
 *
 *   filter     = or                                       keywords in any case
 *   or         = and { OR and }        and = not { AND not }        not = { NOT } predicate
 *   predicate  = ( or ) | TRUE | FALSE | NULL
 *              | operand ( = | == | != | <> | < | <= | > | >= ) literal
 *              | literal ( = | … ) operand                  (turned round)
 *              | literal op literal, and literal [NOT] IN list, BETWEEN, LIKE, REGEXP, IS …
 *              | operand [NOT] IN list                      | literal [NOT] IN operand (CONTAINS)
 *              | operand [NOT] BETWEEN literal AND literal
 *              | operand [NOT] LIKE | ILIKE text [ESCAPE 'c']
 *              | operand IS [NOT] NULL | TRUE | FALSE | MISSING
 *              | operand [NOT] CONTAINS literal | CONTAINS ANY list | CONTAINS ALL list
 *              | operand [NOT] REGEXP text
 *              | MATCH ( operand, text [, 'all'|'any'|'phrase'|'prefix'] )
 *              | operand                                    (a boolean field: = TRUE)
 *   operand    = path | id         path: record/path.h, without blanks inside, keys in "quotes" or
 *                                  `backticks` where they are AND, OR, NOT, TRUE, FALSE, NULL, IN,
 *                                  IS, LIKE, ILIKE or BETWEEN; "id" unquoted is the row's id
 *   list       = ( [literal, …] ) | :name | ?          (a parameter that is a list)
 *   literal    = 'text' ('' inside) | number | TRUE | FALSE | NULL | :name | ?
 *              | DATE 'YYYY-MM-DD' | TIMESTAMP '…'          (strict: RANGE_DATETIME)
 *   comments   -- to the end of the line, block comments as in SQL
 *
 * "double quoted" is an identifier where an operand stands, and a text where only a literal can
 * stand, as LynseDB takes it. BETWEEN on a path with [] holds for one and the same element; its
 * bounds are of one kind, and DATE or TIMESTAMP as one of them makes both date-times.
 *
 * A comparison with NULL is UNKNOWN; a NULL in a list is one of its values: a IN (1, NULL) is TRUE
 * or UNKNOWN. In an empty list there is nothing: a IN () is FALSE, also for a missing a. IS NULL
 * holds for missing fields, too; IS MISSING for them only. IS TRUE and IS FALSE are never UNKNOWN.
 *
 * Integers of int64 and uint64 are exact; what is beyond becomes a double, and what is beyond
 * double is refused.
 *
 * Parameters: :name by name, ? by position; each must be given a value, none may be left over. A
 * list parameter fills IN :list, ANY :list and ALL :list; in parentheses it stands among other
 * values. Values are never text of the grammar.
 *
 * Of the tree: AND and OR are flat, NOT is never doubled, equality with the id is HAS_ID, so that
 * filter_print() of it is read back as the same tree.
 *
 * Errors  VARVE_INVALID "where, column 14: expected a value after '='\n  age = AND …\n        ^"
 *         (columns count characters from 1; the excerpt is cut to fit), of a parameter "where,
 *         parameter :name: …". VARVE_LIMIT, also with the column: FILTER_TEXT_MAX,
 *         FILTER_NODES_MAX, FILTER_VALUES_MAX (NULLs count), FILTER_REGEXES_MAX,
 *         FILTER_PATTERN_MAX, FILTER_PARAMETERS_MAX, FILTER_BYTES_MAX, and FILTER_DEPTH_MAX of
 *         parentheses inside of each other. */
#ifndef VARVE_FILTER_WHERE_H
#define VARVE_FILTER_WHERE_H

#include "filter/filter.h"

/* One parameter: a name (absent: positional) and a JSON value: scalar, or array for IN. */
typedef struct filter_parameter {
    varve_text name;
    varve_text json; /* minified or not */
} filter_parameter;

#define FILTER_PARAMETERS_MAX 1000

VV_CHECKED varve_status filter_parse_where(varve_text text, const filter_parameter *parameters,
                                           size_t parameter_count, filter **ret, varve_error *err);

#endif
