/* where_generator.c — every rule of the grammar, chosen at random. */
#include "where_generator.h"

#include <stdlib.h>

typedef const char *const words[];

static void add(buffer *out, const char *text)
{
    if (buffer_add_text(out, text, NULL) != VARVE_OK) abort();
}

#define PICK(random, list) ((list)[random_below((random), VV_COUNT(list))])

static bool one_in(random_state *random, uint64_t n) { return random_below(random, n) == 0; }

static void blank(random_state *random, buffer *out)
{
    static words blanks = {" ", "  ", "\n", "\t", " /* a comment */ ", " -- a comment\n"};
    add(out, one_in(random, 8) ? PICK(random, blanks) : " ");
}

static void word(random_state *random, const char *text, buffer *out)
{
    blank(random, out);
    add(out, text);
    blank(random, out);
}

static void operand(random_state *random, buffer *out)
{
    static words paths = {"a",       "b",    "c.d",     "tags",     "tags[]", "a[2].x",
                          "\"a b\"", "`id`", "\"and\"", "date",     "any",    "e.\"x\"\"y\".z[]",
                          "\"c.d\"", "2fa",  "x-y",     "\xc3\xbc", "match",  "\"0\".1"};
    add(out, one_in(random, 6) ? "id" : PICK(random, paths));
}

static void field(random_state *random, buffer *out)
{
    static words paths = {"a", "tags", "c.d[]", "\"id\"", "timestamp"};
    add(out, PICK(random, paths));
}

static void text(random_state *random, buffer *out)
{
    static words texts = {"''",         "'x'",          "'it''s'",
                          "\"double\"", "'2024-01-01'", "'%_'",
                          "'a\nb'",     "'\xc3\xbc\"'", "'2024-02-29T12:00:00+02:00'"};
    add(out, PICK(random, texts));
}

static void number(random_state *random, buffer *out)
{
    static words numbers = {"0",
                            "1",
                            "-1",
                            "2.5",
                            "1e3",
                            "-.5",
                            "18446744073709551615",
                            "-0.0",
                            "1e300",
                            "+7.",
                            "9007199254740993",
                            "99999999999999999999"};
    add(out, PICK(random, numbers));
}

static void literal(random_state *random, buffer *out)
{
    static words others = {"TRUE", "false", "NULL"};
    switch (random_below(random, 5)) {
    case 0: add(out, PICK(random, others)); break;
    case 1:
    case 2: text(random, out); break;
    default: number(random, out); break;
    }
}

static void list(random_state *random, buffer *out)
{
    add(out, "(");
    for (uint64_t i = random_below(random, 5); i > 0; i--) {
        literal(random, out);
        if (i > 1) word(random, ",", out);
    }
    add(out, ")");
}

static void bound(random_state *random, buffer *out)
{
    static words dates = {"DATE '2024-01-01'", "timestamp '2024-01-01 10:00'"};
    switch (random_below(random, 6)) {
    case 0: add(out, PICK(random, dates)); break;
    case 1: add(out, "NULL"); break;
    case 2: text(random, out); break;
    default: number(random, out); break;
    }
}

static void between(random_state *random, buffer *out)
{
    static const char *const pairs[][2] = {
        {"1", "2.5"},     {"'a'", "'b'"},          {"'2024-01-01'", "'2025-01-01'"},
        {"NULL", "1"},    {"'x'", "NULL"},         {"DATE '2024-01-01'", "'2025-01-01T00:00'"},
        {"NULL", "NULL"}, {"'a'", "'2024-01-01'"}, {"2", "1"}};
    const char *const *pair = PICK(random, pairs);
    add(out, pair[0]);
    word(random, "and", out);
    add(out, pair[1]);
}

static void not_or_nothing(random_state *random, const char *behind, buffer *out)
{
    if (one_in(random, 3)) word(random, "not", out);
    word(random, behind, out);
}

static void comparison(random_state *random, buffer *out)
{
    static words equal = {"=", "==", "!=", "<>"}, order = {"<", "<=", ">", ">="};
    bool ordered = one_in(random, 2), turned = one_in(random, 5);
    const char *op = ordered ? PICK(random, order) : PICK(random, equal);
    if (!turned) operand(random, out);
    if (!turned) word(random, op, out);
    if (turned) /* "double" would be a field */
        add(out, one_in(random, 2) ? "'x'" : "DATE '2024-01-01'");
    else if (ordered)
        bound(random, out);
    else
        literal(random, out);
    if (turned) word(random, op, out);
    if (turned) operand(random, out);
}

static void pattern(random_state *random, buffer *out)
{
    static words kinds = {"like", "ILIKE", "Regexp"},
                 expressions = {"'^a'", "'(?i)x|y'", "\"[0-9]+\"", "''"};
    uint64_t kind = random_below(random, VV_COUNT(kinds));
    operand(random, out);
    not_or_nothing(random, kinds[kind], out);
    if (kind == 2)
        add(out, PICK(random, expressions));
    else
        text(random, out);
    if (kind != 2 && one_in(random, 3)) add(out, " escape '!'");
}

static void array(random_state *random, buffer *out)
{
    if (one_in(random, 4)) {
        add(out, one_in(random, 2) ? "'x'" : "7");
        not_or_nothing(random, "IN", out);
        field(random, out);
        return;
    }
    field(random, out);
    not_or_nothing(random, "contains", out);
    switch (random_below(random, 3)) {
    case 0: literal(random, out); return;
    case 1: word(random, "any", out); break;
    default: word(random, "all", out); break;
    }
    list(random, out);
}

static void state_of(random_state *random, buffer *out)
{
    static words states = {"null", "missing", "TRUE", "false"};
    operand(random, out);
    word(random, one_in(random, 2) ? "is not" : "IS", out);
    add(out, PICK(random, states));
}

static void tokens(random_state *random, buffer *out)
{
    static words how = {"", ", 'all'", ", 'ANY'", ", 'phrase'", ",'prefix'"};
    word(random, "match(", out);
    field(random, out);
    add(out, ",");
    text(random, out);
    add(out, PICK(random, how));
    add(out, ")");
}

static void predicate(random_state *random, buffer *out)
{
    static words constants = {"TRUE", "FALSE", "NULL"};
    switch (random_below(random, 10)) {
    case 0: add(out, PICK(random, constants)); break;
    case 1: field(random, out); break;
    case 2: pattern(random, out); break;
    case 3: array(random, out); break;
    case 4: state_of(random, out); break;
    case 5: tokens(random, out); break;
    case 6:
        operand(random, out);
        not_or_nothing(random, "between", out);
        between(random, out);
        break;
    case 7:
        operand(random, out);
        not_or_nothing(random, "in", out);
        list(random, out);
        break;
    default: comparison(random, out); break;
    }
}

void generate_where(random_state *random, int depth, buffer *out)
{
    if (depth == 0 || one_in(random, 3)) {
        predicate(random, out);
        return;
    }
    switch (random_below(random, 4)) {
    case 0:
        word(random, "not", out);
        generate_where(random, depth - 1, out);
        break;
    case 1:
        add(out, "(");
        generate_where(random, depth - 1, out);
        add(out, ")");
        break;
    default:
        generate_where(random, depth - 1, out);
        word(random, one_in(random, 2) ? "and" : "or", out);
        generate_where(random, depth - 1, out);
    }
}
