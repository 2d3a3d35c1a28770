/* filter_where_lex.c — the tokens of the where grammar. */
#include "filter/filter_where_inner.h"

#include "base/json.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct word {
    const char *text;
    where_kind kind;
    bool reserved;
} words[] = {
#define X(name, word, reserved) {word, WHERE_##name, reserved},
    WHERE_WORD_TABLE(X)
#undef X
};

static const struct mark { /* longer ones first */
    const char *text;
    where_kind kind;
} marks[] = {{"==", WHERE_EQ},  {"!=", WHERE_NE},   {"<>", WHERE_NE},   {"<=", WHERE_LE},
             {">=", WHERE_GE},  {"=", WHERE_EQ},    {"<", WHERE_LT},    {">", WHERE_GT},
             {"(", WHERE_OPEN}, {")", WHERE_CLOSE}, {",", WHERE_COMMA}, {"?", WHERE_POSITIONAL}};

static char char_at(varve_text text, size_t at) { return at < text.len ? text.data[at] : '\0'; }

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool begins_with(varve_text text, size_t at, const char *what)
{
    size_t len = strlen(what);
    return text.len - at >= len && memcmp(text.data + at, what, len) == 0;
}

bool where_bare_char(varve_text text, size_t at)
{
    unsigned char c = (unsigned char)char_at(text, at);
    if (c == '-') return char_at(text, at + 1) != '-';
    return c >= 0x80 || c == '_' || isalnum(c);
}

static size_t bare_end(varve_text text, size_t at)
{
    while (where_bare_char(text, at))
        at++;
    return at;
}

static const struct word *find_word(varve_text text)
{
    for (size_t i = 0; i < VV_COUNT(words); i++)
        if (strlen(words[i].text) == text.len &&
            strncasecmp(words[i].text, text.data, text.len) == 0)
            return &words[i];
    return NULL;
}

bool where_reserved(varve_text word)
{
    const struct word *w = find_word(word);
    return w && w->reserved;
}

varve_text where_raw(const where_parser *p, where_token token)
{
    return (varve_text){p->text.data + token.at, token.len};
}

bool where_followed_by(const where_parser *p, char c)
{
    return char_at(p->text, where_skip(p->text, p->at)) == c;
}

/* ---- blanks ---------------------------------------------------------------------------------- */

/* Behind the comment at `at`; `at` itself if it does not end. */
static size_t skip_comment(varve_text text, size_t at)
{
    if (begins_with(text, at, "--")) {
        const char *end = memchr(text.data + at, '\n', text.len - at);
        return end ? (size_t)(end - text.data) + 1 : text.len;
    }
    const char *end = memmem(text.data + at + 2, text.len - at - 2, "*/", 2);
    return end ? (size_t)(end - text.data) + 2 : at;
}

size_t where_skip(varve_text text, size_t at)
{
    for (;;) {
        size_t from = at;
        while (at < text.len && text.data[at] && strchr(" \t\r\n\f\v", text.data[at]))
            at++;
        if (begins_with(text, at, "--") || begins_with(text, at, "/*")) at = skip_comment(text, at);
        if (at == from) return at;
    }
}

/* ---- numbers --------------------------------------------------------------------------------- */

static size_t digits_end(varve_text text, size_t at)
{
    while (is_digit(char_at(text, at)))
        at++;
    return at;
}

/* [+-] digits [. digits] [e [+-] digits], with a digit on one side of the point at least.
 * Returns `at` if there is none. */
static size_t number_end(varve_text text, size_t at)
{
    char sign = char_at(text, at);
    size_t from = at + (sign == '-' || sign == '+'), end = digits_end(text, from), digits;
    digits = end - from;
    if (char_at(text, end) == '.') {
        size_t fraction = digits_end(text, end + 1);
        digits += fraction - end - 1;
        end = fraction;
    }
    if (digits == 0) return at;
    if (char_at(text, end) == 'e' || char_at(text, end) == 'E') {
        char exponent_sign = char_at(text, end + 1);
        size_t exponent = end + 1 + (exponent_sign == '-' || exponent_sign == '+');
        if (is_digit(char_at(text, exponent))) end = digits_end(text, exponent);
    }
    return end;
}

static bool integer(varve_text text, value *ret)
{
    char digits[JSON_NUMBER_CHARS_MAX + 1];
    if (text.len > JSON_NUMBER_CHARS_MAX || memchr(text.data, '.', text.len) ||
        memchr(text.data, 'e', text.len) || memchr(text.data, 'E', text.len))
        return false;
    memcpy(digits, text.data, text.len);
    digits[text.len] = '\0';
    errno = 0;
    long long small = strtoll(digits, NULL, 10);
    *ret = (value){.kind = VALUE_INT, .integer = small};
    if (errno == 0) return true;
    errno = 0;
    *ret = (value){.kind = VALUE_UINT, .big = strtoull(digits, NULL, 10)};
    return errno == 0 && digits[0] != '-';
}

bool where_number(varve_text text, value *ret)
{
    char digits[JSON_NUMBER_CHARS_MAX + 1];
    if (text.len > JSON_NUMBER_CHARS_MAX) return false;
    if (integer(text, ret)) return true;
    memcpy(digits, text.data, text.len);
    digits[text.len] = '\0';
    *ret = (value){.kind = VALUE_DOUBLE, .real = strtod(digits, NULL)};
    return isfinite(ret->real);
}

/* A number, or a name that begins with digits. */
static varve_status lex_number(where_parser *p, size_t end, where_kind *ret_kind, size_t *ret_end,
                               varve_error *err)
{
    size_t start = p->token.at, name = bare_end(p->text, start);
    *ret_kind = WHERE_NUMBER;
    *ret_end = end;
    if (name > end && is_digit(p->text.data[start])) {
        *ret_kind = WHERE_NAME;
        *ret_end = name;
    } else if (where_bare_char(p->text, end) || char_at(p->text, end) == '.') {
        return where_fail(p, start, VARVE_INVALID, err, "malformed number");
    }
    return VARVE_OK;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static varve_status lex_quoted(where_parser *p, char quote, size_t *ret_end, varve_error *err)
{
    size_t at = p->token.at + 1;
    for (;;) {
        const char *found =
            at < p->text.len ? memchr(p->text.data + at, quote, p->text.len - at) : NULL;
        if (!found)
            return where_fail(p, p->token.at, VARVE_INVALID, err,
                              "the quote %c that opens here is never closed", quote);
        at = (size_t)(found - p->text.data) + 1;
        if (char_at(p->text, at) != quote) break;
        at++;
    }
    *ret_end = at;
    return VARVE_OK;
}

static varve_status lex_named(where_parser *p, size_t *ret_end, varve_error *err)
{
    size_t at = p->token.at + 1;
    while (isalnum((unsigned char)char_at(p->text, at)) || char_at(p->text, at) == '_')
        at++;
    if (at == p->token.at + 1)
        return where_fail(p, p->token.at, VARVE_INVALID, err,
                          "expected the name of a parameter after ':'");
    *ret_end = at;
    return VARVE_OK;
}

static varve_status lex_mark(where_parser *p, where_kind *ret_kind, size_t *ret_end,
                             varve_error *err)
{
    char c = p->text.data[p->token.at];
    for (size_t i = 0; i < VV_COUNT(marks); i++)
        if (begins_with(p->text, p->token.at, marks[i].text)) {
            *ret_kind = marks[i].kind;
            *ret_end = p->token.at + strlen(marks[i].text);
            return VARVE_OK;
        }
    if (begins_with(p->text, p->token.at, "/*"))
        return where_fail(p, p->token.at, VARVE_INVALID, err,
                          "the comment that opens here is never closed");
    if (!isprint((unsigned char)c))
        return where_fail(p, p->token.at, VARVE_INVALID, err, "unexpected character 0x%02x",
                          (unsigned char)c);
    return where_fail(p, p->token.at, VARVE_INVALID, err, "unexpected character '%c'", c);
}

static varve_status lex(where_parser *p, where_kind *ret_kind, size_t *ret_end, varve_error *err)
{
    size_t start = p->token.at, number;
    char c = char_at(p->text, start);
    *ret_kind = c == '\'' ? WHERE_TEXT : c == '"' ? WHERE_DOUBLE : WHERE_BACKTICK;
    if (c == '\'' || c == '"' || c == '`') return lex_quoted(p, c, ret_end, err);
    *ret_kind = WHERE_NAMED;
    if (c == ':') return lex_named(p, ret_end, err);
    number = number_end(p->text, start);
    if (number > start) return lex_number(p, number, ret_kind, ret_end, err);
    if (c == '-' || !where_bare_char(p->text, start)) return lex_mark(p, ret_kind, ret_end, err);
    *ret_end = bare_end(p->text, start);
    const struct word *w = find_word((varve_text){p->text.data + start, *ret_end - start});
    *ret_kind = w ? w->kind : WHERE_NAME;
    return VARVE_OK;
}

varve_status where_next(where_parser *p, varve_error *err)
{
    where_kind kind = WHERE_END;
    size_t end;
    p->previous = p->token;
    p->token = (where_token){.at = where_skip(p->text, p->at)};
    end = p->token.at;
    if (p->token.at < p->text.len) VV_TRY(lex(p, &kind, &end, err));
    p->token.kind = kind;
    p->token.len = end - p->token.at;
    p->at = end;
    return VARVE_OK;
}

varve_status where_unquote(where_parser *p, where_token token, varve_text *ret, varve_error *err)
{
    varve_text raw = {p->text.data + token.at + 1, token.len - 2};
    char quote = p->text.data[token.at], *to;
    size_t len = 0;
    if (raw.len == 0 || !memchr(raw.data, quote, raw.len)) {
        *ret = raw;
        return VARVE_OK;
    }
    VV_TRY(
        where_place(p, token.at, arena_text(&p->filter->memory, raw.data, raw.len, ret, err), err));
    to = (char *)ret->data;
    for (size_t i = 0; i < raw.len; i++) {
        to[len++] = raw.data[i];
        i += raw.data[i] == quote;
    }
    ret->len = len;
    return VARVE_OK;
}
