/* field_catalog.c — named vector fields as the catalogue has them: create, list, choose an index.
 * Dropping is in drop.c. */
#include "db/children.h"
#include "db/compaction.h"
#include "db/indexes.h"
#include "db/vector_fields.h"

#include <stdlib.h>

_Static_assert((int)VARVE_FIELD_DENSE == VECTOR_DENSE && (int)VARVE_FIELD_SPARSE == VECTOR_SPARSE &&
                   (int)VARVE_FIELD_MULTI == VECTOR_MULTI,
               "kinds of fields and of vectors are the same numbers");

/* ---- checks */

static varve_status check_name(const char *name, varve_error *err)
{
    VV_TRY(schema_check_name(name, "vector field name", err));
    if (strchr(name, '.'))
        return vv_fail(err, VARVE_INVALID, "vector field name '%s': it must not have '.' in it",
                       name);
    if (strcmp(name, "default") == 0)
        return vv_fail(err, VARVE_INVALID, "vector field name 'default' is the primary vector's");
    return VARVE_OK;
}

/* One uint8 0 stands for each sparse vector; the metric is one that no index is built for. */
static void sparse_field(vector_field *ret)
{
    *ret = (vector_field){
        .dim = 1, .dtype = VARVE_UINT8, .metric = VARVE_METRIC_HAMMING, .kind = VECTOR_SPARSE};
}

static varve_status check_sparse(const varve_field_spec *spec, varve_error *err)
{
    if (spec->dim)
        return vv_fail(err, VARVE_INVALID, "dim: a sparse vector field has no dimension");
    if (spec->metric != VARVE_METRIC_IP)
        return vv_fail(err, VARVE_UNSUPPORTED,
                       "sparse vectors are compared by inner product, not "
                       "by %s",
                       varve_metric_name(spec->metric));
    if (spec->index_mode)
        return vv_fail(err, VARVE_UNSUPPORTED, "a sparse vector field has no index mode");
    return VARVE_OK;
}

static varve_status check_mode(const varve_field_spec *spec, vector_field *f, varve_error *err)
{
    index_mode m;
    if (!spec->index_mode) return VARVE_OK;
    VV_TRY(index_mode_parse(spec->index_mode, &m, err));
    if (m.metric != spec->metric)
        return vv_fail(err, VARVE_INVALID, "index mode %s is not of metric %s", spec->index_mode,
                       varve_metric_name(spec->metric));
    snprintf(f->index_mode, sizeof f->index_mode, "%s", spec->index_mode);
    return VARVE_OK;
}

/* The child's primary vector. */
static varve_status check_spec(const varve *db, const varve_field_spec *spec, vector_field *ret,
                               varve_error *err)
{
    vector_field f = {0};
    if ((unsigned)spec->kind > VARVE_FIELD_MULTI)
        return vv_fail(err, VARVE_INVALID, "kind: unknown value %d", (int)spec->kind);
    if ((unsigned)spec->metric >= VARVE_METRIC_COUNT)
        return vv_fail(err, VARVE_INVALID, "metric: unknown value %d", (int)spec->metric);
    if (spec->kind == VARVE_FIELD_SPARSE) {
        VV_TRY(check_sparse(spec, err));
        sparse_field(ret);
        return VARVE_OK;
    }
    if (spec->dim == 0) return vv_fail(err, VARVE_INVALID, "dim: a vector field needs one");
    if (spec->dim > VV_MIN(db->options.dim_max, UINT32_MAX))
        return vv_fail(err, VARVE_LIMIT, "dim %zu exceeds dim_max %llu", spec->dim,
                       (unsigned long long)db->options.dim_max);
    if ((unsigned)spec->dtype >= VARVE_DTYPE_COUNT)
        return vv_fail(err, VARVE_INVALID, "dtype: unknown value %d", (int)spec->dtype);
    f.dim = (uint32_t)spec->dim;
    f.dtype = spec->dtype;
    f.metric = spec->metric;
    f.kind = (vector_kind)spec->kind;
    VV_TRY(check_mode(spec, &f, err));
    VV_TRY(index_field_buildable(&f, err));
    *ret = f;
    return VARVE_OK;
}

/* ---- create */

typedef struct field_creation {
    varve_collection *c;
    varve_collection *child;           /* ours */
    varve_collection **children;       /* of c, from then on */
    collection_schema parent, primary; /* records of c and of the child */
    store_batch *batch;
    size_t at; /* among the children: they are ordered by name */
} field_creation;

static void creation_done(field_creation *k)
{
    varve_collection_release(k->child);
    free(k->children);
    schema_done(&k->parent);
    schema_done(&k->primary);
    store_batch_free(k->batch);
}

/* The field with room made for it in the parent's record. */
static varve_status make_parent(field_creation *k, const vector_field *f, const char *name,
                                varve_error *err)
{
    const collection_schema *s = &k->c->schema;
    size_t count = k->c->child_count;
    uint16_t id = 0;
    VV_TRY(schema_copy(s, &k->parent, err));
    vector_field *fields = realloc(k->parent.fields, (s->field_count + 1) * sizeof *fields);
    if (!fields) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a vector field");
    k->parent.fields = fields;
    k->children = calloc(count + 1, sizeof(varve_collection *));
    if (!k->children) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a vector field");
    while (k->at < count && strcmp(fields[1 + k->at].name, name) < 0)
        k->at++;
    for (size_t i = 0; i < s->field_count; i++)
        id = VV_MAX(id, fields[i].id);
    memmove(&fields[2 + k->at], &fields[1 + k->at], (count - k->at) * sizeof *fields);
    fields[1 + k->at] = *f;
    fields[1 + k->at].id = (uint16_t)(id + 1);
    fields[1 + k->at].child = k->c->db->next_collection_id;
    if (f->kind == VECTOR_SPARSE) fields[1 + k->at].metric = VARVE_METRIC_IP;
    snprintf(fields[1 + k->at].name, sizeof fields->name, "%s", name);
    k->parent.field_count++;
    return VARVE_OK;
}

/* The inner collection, empty and loaded, as no view of it can be taken before. */
static varve_status make_child(field_creation *k, const vector_field *f, const char *name,
                               varve_error *err)
{
    varve *db = k->c->db;
    char full[CATALOG_NAME_MAX + 1];
    collection_schema *s = &k->primary;
    const varve_collection_spec plain = {.dim = f->dim, .dtype = f->dtype};
    VV_TRY(schema_init(s, db->next_collection_id, &plain, UINT32_MAX, 0, err));
    s->fields[0].metric = f->metric;
    memcpy(s->fields[0].index_mode, f->index_mode, sizeof f->index_mode);
    if (f->kind == VECTOR_SPARSE) s->content = SEGMENT_SPARSE_VECTOR;
    snprintf(full, sizeof full, "%s/%s", k->c->name, name);
    VV_TRY(collection_new(db, k->c->database, full, s, &k->child, err));
    view *empty = NULL;
    VV_TRY(view_new(&k->child->schema.fields[0], NULL, 0, &empty, err));
    k->child->counters = (collection_counters){0, 0, 1, 0};
    collection_note_field(k->child);
    collection_publish(k->child, empty);
    atomic_store(&k->child->loaded, true);
    return VARVE_OK;
}

static varve_status write_creation(field_creation *k, varve_error *err)
{
    varve *db = k->c->db;
    k->batch = store_batch_new();
    if (!k->batch) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a vector field");
    VV_TRY(catalog_put_schema(db, k->batch, k->c, &k->parent, err));
    VV_TRY(catalog_put_schema(db, k->batch, k->child, &k->child->schema, err));
    counters_add_to_batch(db, k->batch, k->child->id, &k->child->counters);
    db->next_collection_id++; /* also when it fails: nobody knows what was written */
    catalog_put_next(db, k->batch);
    VV_TRY(catalog_map_put(db, k->child, err));
    varve_status status = catalog_write(db, k->batch, err);
    if (status != VARVE_OK) catalog_map_remove(db, k->child);
    return status;
}

static void link_child(field_creation *k)
{
    varve_collection *c = k->c;
    pthread_mutex_lock(&c->lock);
    varve_collection **before = c->children;
    for (size_t i = 0, from = 0; i < c->child_count + 1; i++)
        k->children[i] = i == k->at ? k->child : before[from++];
    c->children = k->children;
    c->child_count++;
    c->commits++; /* sessions look again at what they replace */
    collection_schema was = c->schema;
    c->schema = k->parent;
    k->parent = was;
    pthread_mutex_unlock(&c->lock);
    k->children = before;
    k->child = NULL; /* its reference is the collection's now */
}

static bool same_field(const vector_field *a, vector_kind kind, const vector_field *b)
{
    return kind == b->kind && a->dim == b->dim && a->dtype == b->dtype && a->metric == b->metric &&
           strcmp(a->index_mode, b->index_mode) == 0;
}

static varve_status create_locked(field_creation *k, const char *name, const vector_field *f,
                                  varve_error *err)
{
    varve_collection *c = k->c;
    VV_TRY(collection_alive(c, err));
    for (size_t i = 0; i < c->child_count; i++) {
        const vector_field *there = &c->schema.fields[1 + i];
        if (strcmp(there->name, name) != 0) continue;
        if (same_field(&c->children[i]->schema.fields[0], there->kind, f)) return VARVE_OK;
        return vv_fail(err, VARVE_EXISTS, "vector field %s already exists, and is another one",
                       name);
    }
    if (c->child_count >= FIELDS_MAX)
        return vv_fail(err, VARVE_LIMIT, "a collection has at most %d vector fields", FIELDS_MAX);
    VV_TRY(make_parent(k, f, name, err));
    VV_TRY(make_child(k, f, name, err));
    VV_TRY(write_creation(k, err));
    link_child(k);
    return VARVE_OK;
}

varve_status varve_field_create(varve_collection *c, const char *name, const varve_field_spec *spec,
                                varve_error *err)
{
    VV_CLEANUP(creation_done) field_creation k = {.c = c};
    vector_field f;
    VV_TRY(check_name(name, err));
    if (!spec) return vv_fail(err, VARVE_INVALID, "a vector field needs a description");
    VV_TRY(check_spec(c->db, spec, &f, err));
    VV_TRY(db_check_writable(c->db, true, err));
    VV_TRY(collection_ready(c, err));
    pthread_mutex_lock(&c->db->writer_lock);
    varve_status status = create_locked(&k, name, &f, err);
    pthread_mutex_unlock(&c->db->writer_lock);
    return status;
}

/* ---- list */

/* Rows with several vectors: those that have a first one. */
static varve_status count_multi(const view *v, uint64_t *ret, varve_error *err)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < v->source_count; i++) {
        const row_source *s = &v->sources[i];
        for (uint64_t slot = 0; slot < s->rows; slot++) {
            const uint8_t *key;
            size_t len;
            varve_id id;
            uint32_t index;
            if (tombstones_has(s->hidden, slot)) continue;
            VV_TRY(source_id_key(s, slot, &key, &len, err));
            rows += field_key_get(VECTOR_MULTI, key, len, &id, &index) && index == 0;
        }
    }
    *ret = rows;
    return VARVE_OK;
}

static void describe(const vector_field *f, vector_kind kind, const char *name,
                     varve_field_info *ret)
{
    *ret = (varve_field_info){.kind = (varve_field_kind)kind};
    snprintf(ret->name, sizeof ret->name, "%s", name);
    if (kind == VECTOR_SPARSE) return; /* no dimension, no index mode; IP */
    ret->dim = f->dim;
    ret->dtype = f->dtype;
    ret->metric = f->metric;
    snprintf(ret->index_mode, sizeof ret->index_mode, "%s", f->index_mode);
}

/* f NULL: the primary field. */
static varve_status describe_view(const field_views *all, const field_view *f,
                                  varve_field_info *ret_info, varve_error *err)
{
    varve_field_info info;
    if (!f) {
        describe(&all->primary, VECTOR_DENSE, "default", &info);
        info.rows = all->parent->rows_live;
    } else {
        describe(&f->field, f->kind, f->name, &info);
        info.rows = f->v->rows_live;
        if (f->kind == VECTOR_MULTI) VV_TRY(count_multi(f->v, &info.rows, err));
    }
    *ret_info = info;
    return VARVE_OK;
}

varve_status varve_field_get(varve_collection *c, size_t i, varve_field_info *ret_info,
                             varve_error *err)
{
    VV_CLEANUP(field_views_done) field_views all = {0};
    VV_TRY(field_views_get(c, &all, err));
    if (i > all.count)
        return vv_fail(err, VARVE_NOT_FOUND, "collection %s has %zu vector fields", c->name,
                       all.count + 1);
    return describe_view(&all, i == 0 ? NULL : &all.fields[i - 1], ret_info, err);
}

varve_status varve_field_find(varve_collection *c, const char *name, varve_field_info *ret_info,
                              varve_error *err)
{
    VV_CLEANUP(field_views_done) field_views all = {0};
    const field_view *f = NULL;
    VV_TRY(field_views_get(c, &all, err));
    if (name && strcmp(name, "default") != 0) {
        f = field_views_find(&all, name);
        if (!f) return vv_fail(err, VARVE_NOT_FOUND, "vector field '%s' does not exist", name);
    }
    return describe_view(&all, f, ret_info, err);
}

/* ---- index */

/* A named field keeps the metric with which it was made: its users count on that. */
static varve_status check_metric(const char *name, const char *mode, varve_metric metric,
                                 varve_error *err)
{
    index_mode m;
    VV_TRY(index_mode_parse(mode, &m, err));
    if (m.metric == metric) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID, "index mode %s is of metric %s, vector field '%s' of %s",
                   mode, varve_metric_name(m.metric), name, varve_metric_name(metric));
}

static varve_status choose_mode(varve_collection *child, const char *name, const char *mode,
                                const varve_index_params *params, varve_error *err)
{
    char flat[SCHEMA_INDEX_MODE_MAX + 1];
    const index_mode plain = {.structure = INDEX_FLAT, .metric = collection_field(child).metric};
    index_mode_text(&plain, flat);
    if (mode) VV_TRY(check_metric(name, mode, plain.metric, err));
    return index_choose(child, mode ? mode : flat, params, err);
}

varve_status varve_field_index_set(varve_collection *c, const char *name, const char *mode,
                                   const varve_index_params *params, varve_error *err)
{
    varve_collection *child = NULL;
    vector_kind kind;
    VV_TRY(db_check_writable(c->db, false, err));
    VV_TRY(collection_ready(c, err));
    if (name && strcmp(name, "default") == 0) return index_choose(c, mode, params, err);
    VV_TRY(children_need(c, name, &child, &kind, err));
    varve_status status = kind == VECTOR_SPARSE ? vv_fail(err, VARVE_UNSUPPORTED,
                                                          "a sparse vector field has no index mode")
                                                : choose_mode(child, name, mode, params, err);
    varve_collection_release(child);
    return status;
}
