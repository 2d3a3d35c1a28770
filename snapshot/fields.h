/* fields.h — members of a JSON object from outside, each with its type and limits, and no member
 * that nobody asked for. The first failure is kept and all later calls do nothing, so that a reader
 * is a list of fields with one check at its end:
 *
 *     fields f = fields_begin(object, "pin db/…", &err);
 *     p->expires_ms = fields_u64(&f, "expires_ms", INT64_MAX);
 *     fields_sum(&f, "sha256", p->sha256);
 *     VV_TRY(fields_end(&f));
 *
 * Ownership  texts and nodes are borrowed from the JSON.
 * Threads    one at a time.
 * Errors     VARVE_CORRUPT naming the thing and the field. */
#ifndef VARVE_SNAPSHOT_FIELDS_H
#define VARVE_SNAPSHOT_FIELDS_H

#include "base/buffer.h"
#include "names.h"

#include <jansson.h>

typedef struct fields {
    const json_t *object;
    const char *what; /* for messages */
    size_t seen;      /* members asked for that were there */
    varve_status status;
    varve_error *err;
} fields;

fields fields_begin(const json_t *object, const char *what, varve_error *err);
bool fields_has(const fields *f, const char *name);
/* After a failure: 0, "", NULL. */
uint64_t fields_u64(fields *f, const char *name, uint64_t max);
bool fields_bool(fields *f, const char *name);
const char *fields_text(fields *f, const char *name, size_t max_len);
void fields_id(fields *f, const char *name, char ret[NAMES_ID_SIZE]);
void fields_sum(fields *f, const char *name, uint8_t ret[32]);
/* `size` bytes at the most, written as hexadecimal; returns how many. */
size_t fields_hex(fields *f, const char *name, uint8_t *ret, size_t size);
/* Of which at most `max`. */
const json_t *fields_array(fields *f, const char *name, size_t max);
const json_t *fields_object(fields *f, const char *name);
/* The field "format" must be 1 to `version`; a greater one is VARVE_NEWER_FORMAT. */
void fields_format(fields *f, uint64_t version);
varve_status fields_fail(fields *f, const char *name, const char *wrong);
VV_CHECKED varve_status fields_end(fields *f);

/* Text to JSON, strictly: an object, no key twice, nothing behind it. VARVE_CORRUPT. */
VV_CHECKED varve_status fields_parse(const char *text, size_t len, const char *what, json_t **ret,
                                     varve_error *err);
/* JSON to its one text: keys sorted, no white space. */
VV_CHECKED varve_status fields_dump(const json_t *object, buffer *out, varve_error *err);
/* For VV_CLEANUP. */
void fields_decrefp(json_t **j);
/* Steals `value`; VARVE_NO_MEMORY when either is NULL or it does not fit in. */
VV_CHECKED varve_status fields_set(json_t *object, const char *name, json_t *value,
                                   varve_error *err);
json_t *fields_new_sum(const uint8_t sum[32]);
json_t *fields_new_u64(uint64_t value);

#endif
