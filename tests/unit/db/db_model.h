/* db_model.h — random work on a collection, and a plain model of what it must then hold.
 * Ids are small numbers (odd ones are stored as strings); each stored version of a row carries its
 * version number in its vector and in its fields, so that any mix-up shows. The model knows, per
 * id, absent, live or deleted, and the version; and of each named vector field (model_fields.h) the
 * version of its vector. */
#ifndef TEST_DB_MODEL_H
#define TEST_DB_MODEL_H

#include "base/random.h"
#include "varve.h"

#define MODEL_IDS 400
#define MODEL_DIM 7

enum { MODEL_DENSE, MODEL_SPARSE, MODEL_MULTI, MODEL_FIELDS_NAMED };

typedef struct model_row {
    varve_row_state state;
    uint32_t version, fields_version;
    int64_t ordinal_rank; /* order of insertion among all ids ever inserted; -1 never */
    uint32_t named[MODEL_FIELDS_NAMED]; /* version of each named vector; 0: none */
} model_row;

typedef struct model {
    model_row rows[MODEL_IDS];
    uint32_t next_version;
    int64_t next_rank;
    random_state random;
} model;

typedef enum model_op {
    MODEL_INSERT,
    MODEL_UPSERT,
    MODEL_DELETE,
    MODEL_RESTORE,
    MODEL_FIELDS,
    MODEL_SESSION,
    MODEL_FIELD_PUT, /* which creates the field when it is not there */
    MODEL_FIELD_REMOVE,
    MODEL_FIELD_DROP, /* now and then; else one more put */
    MODEL_OPS
} model_op;

/* A step: what it will do to which ids; made by model_plan, done by model_do, remembered by
 * model_apply. */
typedef struct model_step {
    model_op op;
    size_t count;
    uint32_t ids[MODEL_IDS];
    uint32_t version;     /* of ids[0]; the next ones follow */
    bool upsert, discard; /* MODEL_SESSION */
    int field;            /* MODEL_FIELD_… */
} model_step;

/* Limits so small that a few steps reach every path. */
void model_small_options(varve_options *o);
void model_init(model *m, uint64_t seed);
void model_plan(model *m, model_step *ret);
varve_status model_do(const model_step *s, varve_collection *c, varve_error *err);
/* What the step should answer, by the model. */
varve_status model_expect(const model *m, const model_step *s);
void model_apply(model *m, const model_step *s);
/* Compare everything; the first difference is described and false returned. */
bool model_check(const model *m, varve_collection *c, char *ret_difference, size_t size);
varve_id model_id(uint32_t id, char text[24]);

#endif
