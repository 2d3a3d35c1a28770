/* filter_flags.c — see filter_flags.h. */
#include "filter_flags.h"

#include <stdlib.h>
#include <string.h>

void filter_flags_done(filter_flags *f) { json_decref(f->params); }
void filter_flags_freep(varve_filter **filter) { varve_filter_free(*filter); }
int filter_flags_read(filter_flags *f, const verb *v, int argc, char **argv, place *at)
{
    flag_reader flags_of_line;
    const char *value;
    int key, code = VERB_OK;
    flags_start(&flags_of_line, v, argc, argv);
    while ((key = flags_next(&flags_of_line, &value)) >= 0) {
        if (place_flag(at, key, value)) continue;
        if (!filter_flag(f, v, key, value, &code)) return VERB_USAGE; /* FLAG_BAD */
        if (code != VERB_OK) return code;
    }
    at->where = argv[flags_rest()];
    code = place_check(v, at, true);
    return code == VERB_OK ? filter_flags_check(f, v) : code;
}

bool filter_flags_given(const filter_flags *f) { return f->where || f->filter; }

/* A value that is JSON counts as that; any other text as a string. */
static json_t *read_value(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    return value ? value : json_string(text);
}

static int take_param(filter_flags *f, const verb *v, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return verb_usage(v, "--param is written name=value, not '%s'", text);
    char *name = strndup(text, (size_t)(equals - text));
    if (!f->params) f->params = json_object();
    bool taken = name && json_object_set_new(f->params, name, read_value(equals + 1)) == 0;
    free(name);
    return taken ? VERB_OK : verb_usage(v, "--param: '%s' is no text", text);
}

bool filter_flag(filter_flags *f, const verb *v, int key, const char *value, int *ret_code)
{
    *ret_code = VERB_OK;
    switch (key) {
    case FLAG_WHERE: f->where = value; return true;
    case FLAG_FILTER: f->filter = value; return true;
    case FLAG_PARAM: *ret_code = take_param(f, v, value); return true;
    default: return false;
    }
}

int filter_flags_check(const filter_flags *f, const verb *v)
{
    if (f->where && f->filter) return verb_usage(v, "give --where or --filter, not both");
    if (f->params && !f->where) return verb_usage(v, "--param needs --where");
    return VERB_OK;
}

static varve_text text_of(const char *text) { return (varve_text){text, text ? strlen(text) : 0}; }

static void free_texts(varve_parameter *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((char *)all[i].json.data);
    free(all);
}

static varve_status make_where(const filter_flags *f, varve_filter **ret, varve_error *err)
{
    size_t count = json_object_size(f->params), i = 0;
    varve_parameter *all = calloc(count ? count : 1, sizeof *all);
    const char *name;
    json_t *value;
    bool made = all != NULL;
    json_object_foreach(f->params, name, value)
    {
        char *text = made ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
        made = text != NULL;
        if (made) all[i++] = (varve_parameter){text_of(name), text_of(text)};
    }
    varve_status status = made ? varve_filter_where(text_of(f->where), all, count, ret, err)
                               : vv_fail(err, VARVE_NO_MEMORY, "no memory for parameters");
    free_texts(all, all ? i : 0);
    return status;
}

varve_status filter_flags_make(const filter_flags *f, varve_filter **ret, varve_error *err)
{
    if (f->where) return make_where(f, ret, err);
    return f->filter ? varve_filter_json(text_of(f->filter), ret, err) : VARVE_OK;
}

varve_status filter_flags_to_body(const filter_flags *f, json_t *body, varve_error *err)
{
    json_error_t where;
    if (f->where) json_object_set_new(body, "where", json_string(f->where));
    if (f->params) json_object_set(body, "where_params", f->params);
    if (!f->filter) return VARVE_OK;
    json_t *filter = json_loads(f->filter, 0, &where);
    if (!filter) return vv_fail(err, VARVE_INVALID, "--filter: %s", where.text);
    json_object_set_new(body, "filter", filter);
    return VARVE_OK;
}
