/* json.h — JSON at the speed that vectors need. jansson parses everything but numbers in bulk: one
 * forward pass, aware of strings and nesting, lifts arrays of numbers under chosen keys out of the
 * text into a float buffer and leaves `null` in their place; integers that do not fit a signed
 * 64-bit integer (row ids up to 2^64-1) are replaced as well, so that no id is ever rounded.
 * Answers are written by json_out, which splices stored JSON.
 *
 * Source  number scanning: D. Lemire, "Number parsing at a gigabyte per second" (2021), reduced to
 * the cases where one or two exact powers of ten decide; all others go to strtof. Rounds exactly as
 * strtof does. Needs   16 readable bytes behind the text (json_text_padding), LC_NUMERIC "C".
 * Errors  VARVE_INVALID with the byte offset; VARVE_LIMIT for depth > 64, > limits below. NaN,
 * Infinity and numbers that overflow float32 are VARVE_INVALID naming the element's index:
 * "vectors[3][17]: …". */
#ifndef VARVE_BASE_JSON_H
#define VARVE_BASE_JSON_H

#include "base/buffer.h"

#include <jansson.h>

#define JSON_TEXT_PADDING     16
#define JSON_DEPTH_MAX        64
#define JSON_KEYS_MAX         1024
#define JSON_NUMBER_CHARS_MAX 64

/* One array lifted: "vector": [..] has rows 1; "vectors": [[..], [..]] has several. */
typedef struct json_lifted {
    const char *key;     /* points into the caller's key list */
    uint32_t occurrence; /* which object it stood in, in document order, counted from 0 per key */
    size_t first;        /* index of its first value in values */
    size_t rows, dim;    /* dim: of the first row */
    bool nested, ragged; /* ragged: rows differ in length (row lengths are then not kept) */
    size_t ragged_row;   /* first row of another length */
} json_lifted;

typedef struct json_document {
    json_t *root;  /* everything else */
    float *values; /* all lifted numbers */
    size_t value_count;
    json_lifted *lifted; /* in document order */
    size_t lifted_count;
} json_document;

/* Parse `len` bytes at `text` (followed by JSON_TEXT_PADDING bytes that may be read); the text is
 * changed in place. keys: NULL-terminated names, lifted wherever they are the key of an array of
 * numbers or of an array of such arrays. Duplicate keys in an object are refused. Unsigned integers
 * above INT64_MAX become strings with the prefix JSON_BIG_PREFIX. */
#define JSON_BIG_PREFIX "\x01u64:"
VV_CHECKED varve_status json_parse(char *text, size_t len, const char *const *keys,
                                   size_t values_max, json_document *ret, varve_error *err);
void json_document_done(json_document *d);
const json_lifted *json_find_lifted(const json_document *d, const char *key,
                                    uint32_t occurrence); /* or NULL */

/* Parse one float32 exactly as strtof; returns the end, or NULL if there is no number at p. */
const char *json_scan_float(const char *p, const char *end, float *ret);

/* Check that text is one JSON object within depth, keys and size limits, with unique keys and valid
 * UTF-8, no NaN/Infinity literals; write it without white space to out (appended). Numbers keep
 * their digits exactly. */
typedef struct json_limits {
    size_t bytes_max, depth_max, keys_max;
} json_limits;
VV_CHECKED varve_status json_minify_object(const char *text, size_t len, const json_limits *limits,
                                           buffer *out, varve_error *err);
/* Walk the top-level members of a minified object: false at its end. key is the raw text between
 * the quotes (escapes kept). */
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
