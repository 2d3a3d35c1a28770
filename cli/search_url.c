/* search_url.c — `varve search` on a server. */
#include "http_client.h"
#include "server.h"
#include "search_order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static varve_status server_vector(search *s, http_client *http, varve_error *err)
{
    VV_CLEANUP(http_answer_freep) json_t *rows = NULL;
    if (!s->like) return VARVE_OK;
    VV_TRY(server_get(http, &s->at, &s->like_id, 1, &rows, err));
    return server_floats(json_array_get(json_array_get(rows, 0), 0), &s->vector, &s->dim, err);
}

static json_t *floats_of(const search *s)
{
    json_t *vector = json_array();
    for (size_t i = 0; i < s->dim; i++)
        json_array_append_new(vector, json_real((double)s->vector[i]));
    return vector;
}

static void add_text(const search *s, json_t *body)
{
    json_t *paths = s->text_field_count ? json_array() : NULL;
    for (size_t i = 0; i < s->text_field_count; i++)
        json_array_append_new(paths, json_string(s->text_fields[i].data));
    json_object_set_new(body, "text", json_string(s->text));
    if (paths) json_object_set_new(body, "text_fields", paths);
}

/* Routes of one kind of search answer with its own scores; /hybrid_search with those of a fusion.
 */
static const char *route_of(const search *s)
{
    bool vector = search_has_vector(s);
    if (s->range) return "/search_range";
    if (vector + (s->text != NULL) + (s->sparse != NULL) > 1) return "/hybrid_search";
    if (s->text) return "/bm25_search";
    if (s->sparse) return "/sparse_search";
    return s->explain ? "/search_profile" : "/search";
}

static void add_legs(const search *s, bool hybrid, json_t *body)
{
    if (search_has_vector(s)) json_object_set_new(body, "vector", floats_of(s));
    if (s->field) json_object_set_new(body, "vector_field", json_string(s->field));
    if (s->text) add_text(s, body);
    if (s->sparse) json_object_set(body, hybrid ? "sparse_vector" : "vector", s->sparse);
    if (s->sparse && s->sparse_field)
        json_object_set_new(body, hybrid ? "sparse_field" : "vector_field",
                            json_string(s->sparse_field));
    if (s->fusion) json_object_set_new(body, "fusion", json_string(s->fusion));
}

static varve_status server_search(search *s, http_client *http, json_t **ret_params,
                                  varve_error *err)
{
    VV_CLEANUP(http_answer_freep) json_t *body = server_body(&s->at);
    const char *route = route_of(s);
    json_int_t k = (json_int_t)search_hits_to_ask(s);
    add_legs(s, strcmp(route, "/hybrid_search") == 0, body);
    VV_TRY(filter_flags_to_body(&s->filter, body, err));
    if (s->range) json_object_set_new(body, "threshold", json_real(s->threshold));
    json_object_set_new(body, s->range ? "max_results" : "k", json_integer(k));
    json_object_set_new(body, "return_fields", json_boolean(s->fields));
    json_object_set_new(body, "explain", json_boolean(s->explain));
    json_object_set_new(body, "exact", json_boolean(s->exact));
    if (s->breadth) json_object_set_new(body, "ef", json_integer(s->breadth));
    if (s->recall_target > 0)
        json_object_set_new(body, "recall_target", json_real(s->recall_target));
    return http_call(http, route, json_incref(body), ret_params, err);
}

static void print_profile(const json_t *profile)
{
    VV_CLEANUP(vv_freep) char *text = json_dumps(profile, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    if (text) fprintf(stderr, "%s\n", text);
}

varve_status search_url(search *s, out *o, varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    uint64_t shown = 0;
    VV_TRY(http_open(s->at.where, s->at.api_key, &http, err));
    VV_TRY(server_vector(s, http, err));
    VV_TRY(server_search(s, http, &params, err));
    const json_t *items = json_object_get(params, s->range ? "result" : "items");
    const json_t *ids = json_object_get(items, "ids");
    const json_t *scores = json_object_get(items, s->range ? "distances" : "scores");
    const json_t *fields = s->fields ? json_object_get(items, "fields") : NULL;
    for (size_t i = 0; i < json_array_size(ids); i++) {
        VV_CLEANUP(vv_freep) char *text = json_dumps(json_array_get(fields, i), JSON_COMPACT);
        out_row row = {.has_score = true,
                       .score = (float)json_number_value(json_array_get(scores, i)),
                       .fields = {text, text ? strlen(text) : 0}};
        VV_TRY(server_id(json_array_get(ids, i), &row.id, err));
        VV_TRY(search_show(s, o, &shown, &row, err));
    }
    if (s->explain) print_profile(json_object_get(params, "profile"));
    return VARVE_OK;
}
