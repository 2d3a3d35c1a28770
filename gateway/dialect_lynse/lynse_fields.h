/* lynse_fields.h — the fields of rows on their way in: a list of JSON texts, one of each row, in
 * one buffer.
 *
 * Ownership  the list owns its text; texts of lynse_fields_finish borrow from it.
 * Threads    one at a time. */
#ifndef LYNSE_FIELDS_H
#define LYNSE_FIELDS_H

#include "base/json.h"
#include "base/status.h"

typedef struct lynse_fields {
    buffer text;   /* all texts, one after the other */
    size_t *ends;  /* where each ends */
    bool *present; /* false: the row has none given */
    varve_text *texts;
    size_t count, capacity;
} lynse_fields;

void lynse_fields_init(lynse_fields *f, uint64_t bytes_max);
void lynse_fields_done(lynse_fields *f);
void lynse_fields_clear(lynse_fields *f); /* keeps the memory */
/* Close the row whose text was appended to f->text. */
VV_CHECKED varve_status lynse_fields_end_row(lynse_fields *f, bool present, varve_error *err);
/* Append a row: an object, or NULL or null for none. */
VV_CHECKED varve_status lynse_fields_add(lynse_fields *f, const json_t *object, varve_error *err);
/* The texts, valid until the list changes; NULL when no row has any. */
const varve_text *lynse_fields_texts(lynse_fields *f);

/* Write a parsed value as it came in: integers above INT64_MAX are numbers again, and a real stays
 * a real. */
VV_CHECKED varve_status lynse_out_value(buffer *out, const json_t *value, varve_error *err);
VV_CHECKED varve_status lynse_out_real(buffer *out, double value, varve_error *err);

#endif
