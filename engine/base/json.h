/* json.h — JSON at the speed that vectors need. jansson parses everything but numbers in bulk: one
 * forward pass checks the text and lifts arrays of numbers under chosen keys out of it into a float
 * buffer, leaving `null` in their place; integers that do not fit a signed 64-bit integer (row ids
 * up to 2^64-1) are replaced as well, so that no id is ever rounded. Answers are written by
 * json_out, which splices stored JSON.
 *
 * Both json_parse and json_minify_object take RFC 8259 strictly, and refuse besides: a byte order
 * mark, invalid UTF-8, halves of surrogate pairs, equal keys in one object, numbers of more than
 * JSON_NUMBER_CHARS_MAX characters.
 *
 * Source     number scanning: D. Lemire, "Number parsing at a gigabyte per second" (2021), reduced
 *            to where a power of ten in double precision decides; all others go to strtof. Rounds
 *            exactly as strtof does. Needs LC_NUMERIC "C".
 * Ownership  a document owns what it points to; json_document_done() ends it.
 * Threads    stateless.
 * Errors     VARVE_INVALID with the byte offset; VARVE_LIMIT for depth, keys, sizes. What is no
 *            number of float32 in a lifted array is named by its place: "vectors[3][17]: …". */
#ifndef VARVE_BASE_JSON_H
#define VARVE_BASE_JSON_H

#include "base/buffer.h"

#include <jansson.h>

#define JSON_TEXT_PADDING     16 /* bytes that may be read behind a text, whatever they are */
#define JSON_DEPTH_MAX        64
#define JSON_KEYS_MAX         1024
#define JSON_NUMBER_CHARS_MAX 64

/* One array lifted: "vector": [..] has rows 1; "vectors": [[..], [..]] has several. */
typedef struct json_lifted {
    const char *key;     /* points into the caller's key list, behind a leading '/' */
    uint32_t occurrence; /* which of the objects that have this key, in document order, from 0;
                            objects where its value was something else count too */
    size_t first;        /* index of its first value in values */
    size_t rows, dim;    /* dim: of the first row */
    bool nested, ragged; /* ragged: rows differ in length (row lengths are then not kept) */
    size_t ragged_row;   /* first row of another length */
} json_lifted;

typedef struct json_document {
    json_t *root;  /* everything else */
    float *values; /* all lifted numbers */
    size_t value_count;
    json_lifted *lifted; /* sorted by key, then occurrence */
    size_t lifted_count;
} json_document;

/* Parse `len` bytes at `text`, followed by JSON_TEXT_PADDING bytes that may be read.
 *
 * keys: NULL-terminated names; a value under such a key is lifted if it is an array, and must then
 * hold numbers, or arrays of numbers, alone. A name with a '/' before it is lifted in the root
 * object only; without, wherever it stands. values_max: numbers lifted in all (VARVE_LIMIT).
 *
 * Integers above INT64_MAX become strings with the prefix JSON_BIG_PREFIX; so that no client's
 * string is taken for one, strings that begin with \u0001 are refused. Refused as well, because
 * jansson cannot hold them: integers outside -2^63 to 2^64-1, numbers beyond double, \u0000. */
#define JSON_BIG_PREFIX "\x01u64:"
VV_CHECKED varve_status json_parse(const char *text, size_t len, const char *const *keys,
                                   size_t values_max, json_document *ret, varve_error *err);
void json_document_done(json_document *d);
const json_lifted *json_find_lifted(const json_document *d, const char *key,
                                    uint32_t occurrence); /* or NULL; binary search */

/* Parse one JSON number at p as float32, exactly as strtof (infinite when too large); returns its
 * end, or NULL if there is none, or one too long. JSON_TEXT_PADDING bytes behind end may be read.
 */
const char *json_scan_float(const char *p, const char *end, float *ret);

/* Check that text is one JSON object within limits (bytes_max: of the minified text) and append it
 * without white space to out. Numbers keep their digits exactly, of whatever size. On failure, out
 * is as before. */
typedef struct json_limits {
    size_t bytes_max, depth_max, keys_max;
} json_limits;
VV_CHECKED varve_status json_minify_object(const char *text, size_t len, const json_limits *limits,
                                           buffer *out, varve_error *err);
/* Walk the top-level members of a minified object: *at begins as its first byte; false at its end.
 * key is the raw text between the quotes (escapes kept). */
bool json_next_member(const char **at, const char *end, varve_text *ret_key, varve_text *ret_value);

/* Writers: append to a buffer. */
VV_CHECKED varve_status json_out_string(buffer *out, const char *text, size_t len,
                                        varve_error *err); /* quoted, escaped */
VV_CHECKED varve_status json_out_float(
    buffer *out, float value, varve_error *err); /* shortest that reads back; NaN, inf: null */
VV_CHECKED varve_status json_out_double(buffer *out, double value, varve_error *err);
VV_CHECKED varve_status json_out_u64(buffer *out, uint64_t value, varve_error *err);
VV_CHECKED varve_status json_out_floats(buffer *out, const float *values, size_t count,
                                        varve_error *err); /* [..] */

#endif
