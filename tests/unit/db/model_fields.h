/* model_fields.h — the named vectors of the model's rows: a dense field "title", a sparse one
 * "words" and a multi one "parts"; each vector carries id and version. */
#ifndef TEST_MODEL_FIELDS_H
#define TEST_MODEL_FIELDS_H

#include "db_model.h"

varve_status model_field_put(const model_step *s, const varve_id *ids, varve_collection *c,
                             varve_error *err);
varve_status model_field_remove(const model_step *s, const varve_id *ids, varve_collection *c,
                                varve_error *err);
varve_status model_field_drop(const model_step *s, varve_collection *c, varve_error *err);
bool model_check_fields(const model *m, varve_collection *c, char *difference, size_t size);

#endif
