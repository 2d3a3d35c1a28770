/* filter_where_error.c — what is wrong, at which column, and the text there with a caret. */
#include "filter/filter_where_inner.h"

#include "record/utf8.h"

#include <stdio.h>
#include <string.h>

#define MESSAGE_BYTES_MAX 200 /* of a varve_error's 508, the rest is for the excerpt */
#define WORD_BYTES_MAX    40  /* of a token in a message */
#define CHARS_BEFORE      36  /* of the excerpt, before the caret and from it on */
#define CHARS_BEHIND      20
#define CUT               "\xe2\x80\xa6" /* … */

static bool begins_char(char c) { return ((unsigned char)c & 0xc0) != 0x80; }

static size_t column_of(varve_text text, size_t at)
{
    size_t column = 1;
    for (size_t i = 0; i < at; i++)
        column += begins_char(text.data[i]);
    return column;
}

/* Up to `chars` characters back, or on, from `at`. */
static size_t step_back(varve_text text, size_t at, size_t chars)
{
    for (; chars > 0 && at > 0; chars--)
        do
            at--;
        while (at > 0 && !begins_char(text.data[at]));
    return at;
}

static size_t step_on(varve_text text, size_t at, size_t chars)
{
    for (; chars > 0 && at < text.len; chars--)
        do
            at++;
        while (at < text.len && !begins_char(text.data[at]));
    return at;
}

/* Message and excerpt are a line each. */
static void copy_printable(char *to, const char *from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = (unsigned char)from[i] < 0x20 || from[i] == 0x7f ? ' ' : from[i];
}

/* "\n  …text…\n        ^" */
static void add_excerpt(const where_parser *p, size_t at, char *to, size_t room)
{
    size_t from = step_back(p->text, at, CHARS_BEFORE), end = step_on(p->text, at, CHARS_BEHIND);
    char excerpt[4 * (CHARS_BEFORE + CHARS_BEHIND) + 1];
    size_t len = end - from;
    int indent = 2 + (from > 0) + (int)(column_of(p->text, at) - column_of(p->text, from));
    copy_printable(excerpt, p->text.data + from, len);
    (void)snprintf(to, room, "\n  %s%.*s%s\n%*s^", from > 0 ? CUT : "", (int)len, excerpt,
                   end < p->text.len ? CUT : "", indent, "");
}

static void place(const where_parser *p, size_t at, varve_status status, char *message,
                  varve_error *err)
{
    char excerpt[4 * (CHARS_BEFORE + CHARS_BEHIND) + CHARS_BEFORE + 32] = "";
    size_t len = utf8_cut(message, strlen(message), MESSAGE_BYTES_MAX);
    copy_printable(message, message, len);
    add_excerpt(p, at, excerpt, sizeof excerpt);
    vv_error_set(err, status, "where, column %zu: %.*s%s", column_of(p->text, at), (int)len,
                 message, excerpt);
}

varve_status where_fail(const where_parser *p, size_t at, varve_status status, varve_error *err,
                        const char *format, ...)
{
    char message[sizeof err->message];
    va_list args;
    if (!err) return status;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    place(p, at, status, message, err);
    return status;
}

varve_status where_place(const where_parser *p, size_t at, varve_status status, varve_error *err)
{
    char message[sizeof err->message];
    if (status == VARVE_OK || !err) return status;
    memcpy(message, err->message, sizeof message);
    place(p, at, status, message, err);
    return status;
}

varve_status where_expected(const where_parser *p, const char *what, varve_error *err)
{
    varve_text before = where_raw(p, p->previous);
    int len = (int)utf8_cut(before.data, before.len, WORD_BYTES_MAX);
    if (before.len == 0) return where_fail(p, p->token.at, VARVE_INVALID, err, "expected %s", what);
    return where_fail(p, p->token.at, VARVE_INVALID, err, "expected %s after %s%.*s%s%s", what,
                      strchr("'\"`", before.data[0]) ? "" : "'", len, before.data,
                      (size_t)len < before.len ? CUT : "",
                      strchr("'\"`", before.data[0]) ? "" : "'");
}
