/* filter_where.h — the SQL-like grammar.
 *
 *   filter     = or                                       keywords in any case
 *   or         = and { OR and }        and = not { AND not }        not = NOT not | predicate
 *   predicate  = ( or ) | TRUE | FALSE
 *              | operand ( = | == | != | <> | < | <= | > | >= ) literal
 *              | literal ( = | … ) operand                  (turned round)
 *              | operand [NOT] IN ( literal, … )            | literal IN operand  (= CONTAINS)
 *              | operand [NOT] BETWEEN literal AND literal
 *              | operand [NOT] LIKE | ILIKE text [ESCAPE 'c']
 *              | operand IS [NOT] NULL | IS [NOT] TRUE | FALSE | IS [NOT] MISSING
 *              | operand [NOT] CONTAINS literal | CONTAINS ANY ( … ) | CONTAINS ALL ( … )
 *              | operand [NOT] REGEXP text
 *              | [NOT] MATCH ( operand, text [, 'all'|'any'|'phrase'|'prefix'] )
 *              | operand                                    (a boolean field: = TRUE)
 *   operand    = path | id         path: record/path.h; "id" unquoted is the row's id
 *   literal    = 'text' ('' inside) | number | TRUE | FALSE | NULL | :name | ?
 *              | DATE 'YYYY-MM-DD' | TIMESTAMP '…'          (strict: RANGE_DATETIME)
 *   comments   -- to the end of the line, block comments as in SQL
 *
 * "double quoted" is an identifier where an operand stands, and a text where only a literal can
 * stand, as LynseDB takes it. A comparison with NULL is UNKNOWN. BETWEEN on a path with [] holds
 * for one and the same element.
 *
 * Parameters: :name by name, ? by position; each must be given a value, none may be left over. A
 * list parameter fills IN (:list). Values are never text of the grammar.
 *
 * Errors  VARVE_INVALID "where, column 14: expected a value after '='\n  age = AND …\n        ^"
 *         (columns count characters from 1; the excerpt is cut to fit). */
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
