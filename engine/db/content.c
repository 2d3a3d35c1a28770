/* content.c — what the rows of a collection hold, as its memtables and segment files are told. It
 * never changes after the collection was made. */
#include "db/db.h"

text_options schema_text_options(const collection_schema *s)
{
    text_options t = {.stem = s->text_stem,
                      .stop_words = s->text_stop_words,
                      .fold_accents = s->text_fold_accents};
    _Static_assert(sizeof t.language == sizeof s->text_language, "the same longest language");
    memcpy(t.language, s->text_language, sizeof t.language);
    return t;
}

segment_spec collection_segment_spec(varve_collection *c, uint64_t number, uint32_t dim)
{
    pthread_mutex_lock(&c->lock);
    segment_spec spec = {.collection = c->id,
                         .number = number,
                         .dim = dim,
                         .dtype = c->schema.fields[0].dtype,
                         .content = (segment_content)c->schema.content,
                         .text = schema_text_options(&c->schema)};
    pthread_mutex_unlock(&c->lock);
    return spec;
}

varve_status collection_new_memtable(varve_collection *c, const vector_field *f, memtable **ret,
                                     varve_error *err)
{
    segment_spec spec = collection_segment_spec(c, 0, f->dim);
    VV_TRY(memtable_new(f->dim, f->dtype, ret, err));
    memtable_use_codes(*ret, f->metric);
    memtable_set_content(*ret, spec.content, &spec.text);
    return VARVE_OK;
}
