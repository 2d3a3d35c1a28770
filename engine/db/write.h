/* write.h — a write on its way: prepared by the caller's thread (checked, converted, minified),
 * queued, and committed with others by whoever leads the group (commit.h). Nothing of it points
 * into the caller's memory.
 * Ownership  write_request_done() frees what prepare allocated. */
#ifndef VARVE_DB_WRITE_H
#define VARVE_DB_WRITE_H

#include "db/db.h"

typedef enum write_kind {
    WRITE_INSERT,
    WRITE_UPSERT,
    WRITE_DELETE,
    WRITE_RESTORE,
    WRITE_FIELDS,
    WRITE_FIELD_PUT,   /* vectors of a named field */
    WRITE_FIELD_REMOVE /* the same, none */
} write_kind;

typedef struct write_request {
    varve_collection *collection;
    write_kind kind;
    varve_fields_mode fields_mode; /* WRITE_FIELDS */
    bool relaxed;
    bool automatic_ids; /* keys are written by the committer */
    bool repeats;       /* an id stands in it more than once */
    size_t count, dim;
    uint8_t *keys; /* id keys back to back */
    size_t *key_ends;
    uint8_t *vectors; /* stored type, row_bytes each; NULL for writes without vectors */
    size_t row_bytes;
    buffer fields;           /* minified objects back to back */
    size_t *field_ends;      /* NULL: no row has fields; an empty span: this row has none */
    varve_collection *child; /* WRITE_FIELD_…: that keeps the vectors; a reference */
    vector_kind child_kind;
    bool replace;        /* WRITE_FIELD_PUT */
    size_t *vector_ends; /* WRITE_FIELD_PUT: row i has vectors [ends[i - 1], ends[i]) */

    varve_error error; /* error.status is the outcome */
    varve_receipt receipt;
    bool done;
    pthread_cond_t wake;
    struct write_request *next;
} write_request;

VV_CHECKED varve_status write_prepare_rows(varve_collection *c, write_kind kind,
                                           const varve_rows *rows,
                                           const varve_write_options *options, write_request *ret,
                                           varve_error *err);
VV_CHECKED varve_status write_prepare_ids(varve_collection *c, write_kind kind, const varve_id *ids,
                                          size_t count, const varve_write_options *options,
                                          write_request *ret, varve_error *err);
/* Vectors in the type that `of` stores, w->dim and w->row_bytes. */
VV_CHECKED varve_status write_take_vectors(write_request *w, varve_collection *of,
                                           const void *vectors, varve_dtype type, size_t dim,
                                           size_t count, varve_error *err);
VV_CHECKED varve_status write_take_fields(write_request *w, const varve_text *fields,
                                          varve_error *err);
/* Sets `repeats`, or refuses them by name. */
VV_CHECKED varve_status write_find_repeats(write_request *w, bool refuse, varve_error *err);
void write_request_done(write_request *w);
/* Queue it, wait for its group to commit; the outcome. */
VV_CHECKED varve_status write_submit(varve *db, write_request *w, varve_receipt *ret,
                                     varve_error *err);

static inline const uint8_t *write_key(const write_request *w, size_t i, size_t *ret_len)
{
    size_t from = i ? w->key_ends[i - 1] : 0;
    *ret_len = w->key_ends[i] - from;
    return w->keys + from;
}

static inline varve_text write_fields(const write_request *w, size_t i)
{
    if (!w->field_ends) return (varve_text){NULL, 0};
    size_t from = i ? w->field_ends[i - 1] : 0, len = w->field_ends[i] - from;
    return (varve_text){len ? w->fields.data + from : NULL, len};
}

#endif
