/* verb_field.c — `varve field`: fields of vectors beside the primary one: create, list, drop. */
#include "place.h"
#include "server.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const flag flags[] = {
    PLACE_FLAGS,
    {"kind", FLAG_KIND, "KIND", "dense (default), sparse, or multi: several vectors per row"},
    {"dim", FLAG_DIM, "N", "dimension"},
    {"metric", FLAG_METRIC, "NAME", "such as l2 (default: ip)"},
    {"dtype", FLAG_DTYPE, "TYPE", "float32 (default), float16, uint8, int8, binary"},
    {"index-mode", FLAG_INDEX_MODE, "MODE", "such as HNSW-L2 (default: flat)"},
    {NULL, 0, NULL, NULL}};

static const char *const kinds[] = {"dense", "sparse", "multi"};

typedef enum field_action { FIELD_CREATE, FIELD_LIST, FIELD_DROP } field_action;

typedef struct order {
    place at;
    field_action action;
    const char *name;
    varve_field_spec spec;
    uint64_t dim;
} order;

static int take_kind(const verb *self, order *o, const char *value)
{
    for (size_t i = 0; i < VV_COUNT(kinds); i++) {
        if (strcmp(value, kinds[i]) != 0) continue;
        o->spec.kind = (varve_field_kind)i;
        return VERB_OK;
    }
    return verb_usage(self, "--kind is dense, sparse or multi, not '%s'", value);
}

static int take_flag(const verb *self, order *o, int key, const char *value)
{
    switch (key) {
    case FLAG_KIND: return take_kind(self, o, value);
    case FLAG_DIM:
        if (text_to_u64(value, strlen(value), &o->dim) && o->dim > 0) return VERB_OK;
        return verb_usage(self, "--dim is a number from 1 on, not '%s'", value);
    case FLAG_METRIC:
        if (text_to_metric(value, &o->spec.metric)) return VERB_OK;
        return verb_usage(self, "there is no metric '%s'", value);
    case FLAG_DTYPE:
        if (text_to_dtype(value, &o->spec.dtype)) return VERB_OK;
        return verb_usage(self, "there is no vector type '%s'", value);
    case FLAG_INDEX_MODE: o->spec.index_mode = value; return VERB_OK;
    default: return VERB_USAGE; /* FLAG_BAD */
    }
}

/* ACTION FOLDER|URL [NAME] */
static int take_plain(const verb *self, order *o, int argc, char **argv)
{
    static const char *const actions[] = {"create", "list", "drop"};
    const char *action = argv[flags_rest()];
    size_t i = 0;
    if (!action) return verb_usage(self, "say create, list or drop");
    while (i < VV_COUNT(actions) && strcmp(action, actions[i]) != 0)
        i++;
    if (i == VV_COUNT(actions))
        return verb_usage(self, "say create, list or drop, not '%s'", action);
    o->action = (field_action)i;
    o->at.where = argv[flags_rest() + 1];
    int code = place_check(self, &o->at, true);
    if (code != VERB_OK) return code;
    if (o->action == FIELD_LIST) return place_refuse_more(self, argc, argv, 2);
    o->name = argv[flags_rest() + 2];
    if (!o->name) return verb_usage(self, "name the field");
    if (o->action == FIELD_CREATE && o->spec.kind != VARVE_FIELD_SPARSE && !o->dim)
        return verb_usage(self, "name a --dim");
    o->spec.dim = o->dim;
    return place_refuse_more(self, argc, argv, 3);
}

static int read_line(const verb *self, int argc, char **argv, order *o)
{
    flag_reader flags_of_line;
    const char *value;
    int key;
    flags_start(&flags_of_line, self, argc, argv);
    while ((key = flags_next(&flags_of_line, &value)) >= 0) {
        if (place_flag(&o->at, key, value)) continue;
        int code = take_flag(self, o, key, value);
        if (code != VERB_OK) return code;
    }
    return take_plain(self, o, argc, argv);
}

static void print_field(const char *name, const char *kind, uint64_t dim, const char *type,
                        const char *mode, uint64_t rows)
{
    printf("%-20s %-6s %6" PRIu64 "  %-8s %-20s %" PRIu64 " rows\n", name, kind, dim, type, mode,
           rows);
}

/* ---- folder ---- */

static varve_status list_folder(varve_collection *c, varve_error *err)
{
    varve_field_info info;
    for (size_t i = 0;; i++) {
        varve_status status = varve_field_get(c, i, &info, err);
        if (status == VARVE_NOT_FOUND) return VARVE_OK;
        VV_TRY(status);
        print_field(info.name, kinds[info.kind], info.dim, varve_dtype_name(info.dtype),
                    info.index_mode[0] ? info.index_mode : "-", info.rows);
    }
}

static varve_status act_on_folder(const order *o, varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    folder_use use = o->action == FIELD_LIST ? FOLDER_READ : FOLDER_WRITE;
    VV_TRY(folder_open_collection(&o->at, use, &folder, err));
    if (o->action == FIELD_LIST) return list_folder(folder.collection, err);
    if (o->action == FIELD_CREATE)
        VV_TRY(varve_field_create(folder.collection, o->name, &o->spec, err));
    else
        VV_TRY(varve_field_drop(folder.collection, o->name, err));
    return folder_close(&folder, err);
}

/* ---- server ---- */

static json_t *body_of(const order *o)
{
    json_t *body = server_body(&o->at);
    if (o->action == FIELD_LIST) json_object_set_new(body, "details", json_true());
    if (o->name) json_object_set_new(body, "field_name", json_string(o->name));
    if (o->action != FIELD_CREATE) return body;
    json_object_set_new(body, "kind", json_string(kinds[o->spec.kind]));
    if (o->spec.kind == VARVE_FIELD_SPARSE) return body;
    json_object_set_new(body, "dim", json_integer((json_int_t)o->dim));
    json_object_set_new(body, "metric", json_string(varve_metric_name(o->spec.metric)));
    json_object_set_new(body, "dtypes", json_string(varve_dtype_name(o->spec.dtype)));
    if (o->spec.index_mode)
        json_object_set_new(body, "index_mode", json_string(o->spec.index_mode));
    return body;
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "-";
}

static uint64_t figure(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

static varve_status act_on_url(const order *o, varve_error *err)
{
    static const char *const routes[] = {"/create_vector_field", "/list_vector_fields",
                                         "/drop_vector_field"};
    VV_CLEANUP(http_closep) http_client *http = NULL;
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    VV_TRY(http_open(o->at.where, o->at.api_key, &http, err));
    VV_TRY(http_call(http, routes[o->action], body_of(o), &params, err));
    const json_t *fields = json_object_get(params, "fields");
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *f = json_array_get(fields, i);
        print_field(text_at(f, "name"), text_at(f, "kind"), figure(f, "dimension"),
                    text_at(f, "dtypes"), text_at(f, "index_mode"), figure(f, "rows"));
    }
    return VARVE_OK;
}

static int run(const verb *self, int argc, char **argv)
{
    order o = {.at = PLACE_START, .spec = {.metric = VARVE_METRIC_IP}};
    varve_error err = {0};
    int code = read_line(self, argc, argv, &o);
    if (code != VERB_OK) return code;
    varve_status status = place_is_url(&o.at) ? act_on_url(&o, &err) : act_on_folder(&o, &err);
    return status == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_field = {"field",
                         "Create, list or drop fields of vectors",
                         "create|list|drop FOLDER|URL [NAME] --collection C",
                         "A collection has one primary vector per row, and any number of such "
                         "fields beside it.",
                         flags,
                         run};
