/* value.h — scalar values inside fields and literals of filters: what kind they are, how they
 * compare.
 *
 * Numbers compare by their exact mathematical value, whatever they were written as: 1 equals 1.0,
 * 9007199254740993 does not equal 9007199254740992.0. Kinds never mix: "1" does not equal 1, true
 * does not equal 1. Texts compare by bytes of their unescaped UTF-8.
 *
 * A date-time is a text of one of these forms, of years 0001 to 9999, as an instant in microseconds
 * since 1970 UTC (further digits of a second are cut):
 *   YYYY-MM-DD | YYYY-MM-DD{T|t| }HH:MM[:SS[.fraction]][Z|z|±HH:MM|±HHMM|±HH]
 * Without a zone it is UTC. (RFC 3339, ISO 8601; a second of 60 is the next minute's first.) Hours
 * are 00 to 23, those of a zone too; the zone may lead out of these years.
 *
 * Ownership  a value borrows its text. Threads  stateless. */
#ifndef VARVE_RECORD_VALUE_H
#define VARVE_RECORD_VALUE_H

#include "base/buffer.h"

typedef enum value_kind {
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_INT,    /* an integer of int64 */
    VALUE_UINT,   /* an integer above INT64_MAX, of uint64 */
    VALUE_DOUBLE, /* any other number; finite */
    VALUE_TEXT,
    VALUE_ARRAY, /* of JSON: text is its raw, minified text */
    VALUE_OBJECT
} value_kind;

typedef struct value {
    value_kind kind;
    bool boolean;
    int64_t integer;
    uint64_t big; /* VALUE_UINT */
    double real;
    varve_text text; /* VALUE_TEXT: unescaped; ARRAY, OBJECT: raw */
} value;

static inline bool value_is_number(const value *v)
{
    return v->kind == VALUE_INT || v->kind == VALUE_UINT || v->kind == VALUE_DOUBLE;
}

/* Two numbers: <0, 0, >0 by exact value. */
int value_compare_numbers(const value *a, const value *b);
/* Two texts by bytes. */
int value_compare_texts(varve_text a, varve_text b);
/* Same kind (all numbers are one kind) and same value; arrays and objects never are. */
bool value_equal(const value *a, const value *b);
/* false: not one of the forms above. */
bool value_datetime(varve_text text, int64_t *ret_microseconds);

/* The closing quote of the JSON text that begins at p, behind the opening one; end, if there is
 * none. Whether a backslash is in it. */
const char *value_string_end(const char *p, const char *end, bool *ret_escapes);
/* Decode the escapes of the raw text between two quotes into room bytes. false: malformed, or more
 * than room; raw.len bytes always suffice. */
bool value_unescape(varve_text raw, char *ret, size_t room, size_t *ret_len);
/* Behind the value that begins at p: its comma, the bracket around it, or end. */
const char *value_end(const char *p, const char *end);

/* The value whose minified JSON text begins at *at and ends before end; *at is moved behind it.
 * Escaped strings are unescaped into scratch (cleared by each call that needs it: the text lives
 * until the next call with it); others are borrowed. The text has passed json_minify_object: false
 * is for damaged bytes, and for no memory: scratch with room for the text never needs any. An
 * integer beyond uint64 becomes a double; a number beyond double the largest one. */
bool value_read(const char **at, const char *end, buffer *scratch, value *ret);
/* Walk arrays: *at begins behind the '[' (raw.data + 1); false at the end. ret_raw: the element's
 * minified text. */
bool value_next_element(const char **at, const char *end, varve_text *ret_raw);

#endif
