/* config_file.c — configuration files: JSON (keys at the top level, or inside "server"), or INI
 * ([DEFAULT], then [server]; sections of others are passed over). Keys that begin with backup_ may
 * also stand without that in [backup] or "backup". Rerankers are sections of their own: see
 * rerank_config.h. */
#include "config.h"

#include "base/file.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <strings.h>

#define CONFIG_FILE_BYTES_MAX (1u << 20)

typedef varve_status apply_text(config *c, const char *key, const char *value, const char *where,
                                varve_error *err);

static varve_status apply_reranker(config *c, const char *key, const char *value, const char *where,
                                   varve_error *err)
{
    return rerankers_apply(&c->rerankers, key, value, where, err);
}

static varve_status apply_backup(config *c, const char *key, const char *value, const char *where,
                                 varve_error *err)
{
    char whole[128];
    (void)snprintf(whole, sizeof whole, "backup_%.100s", key);
    return config_apply(c, whole, value, where, err);
}

static varve_status apply_json_value(config *c, apply_text *apply, const char *path,
                                     const char *key, const json_t *value, varve_error *err)
{
    char number[32];
    switch (json_typeof(value)) {
    case JSON_NULL: return VARVE_OK;
    case JSON_TRUE: return apply(c, key, "true", path, err);
    case JSON_FALSE: return apply(c, key, "false", path, err);
    case JSON_STRING: return apply(c, key, json_string_value(value), path, err);
    case JSON_INTEGER:
        (void)snprintf(number, sizeof number, "%" PRId64, (int64_t)json_integer_value(value));
        return apply(c, key, number, path, err);
    default:
        return vv_fail(err, VARVE_INVALID,
                       "%s: the value of '%.100s' must be a string, a whole number or a boolean",
                       path, key);
    }
}

static varve_status read_json_rerankers(config *c, const char *path, json_t *all, varve_error *err)
{
    json_t *one, *value;
    const char *name, *key;
    if (!json_is_object(all))
        return vv_fail(err, VARVE_INVALID, "%s: \"rerankers\" must be a JSON object", path);
    json_object_foreach(all, name, one)
    {
        if (!json_is_object(one))
            return vv_fail(err, VARVE_INVALID, "%s: reranker '%.100s' must be a JSON object", path,
                           name);
        VV_TRY(rerankers_add(&c->rerankers, name, path, err));
        json_object_foreach(one, key, value)
        {
            VV_TRY(apply_json_value(c, apply_reranker, path, key, value, err));
        }
    }
    return VARVE_OK;
}

static varve_status read_json_backup(config *c, const char *path, json_t *all, varve_error *err)
{
    json_t *value;
    const char *key;
    if (!json_is_object(all))
        return vv_fail(err, VARVE_INVALID, "%s: \"backup\" must be a JSON object", path);
    json_object_foreach(all, key, value)
    {
        VV_TRY(apply_json_value(c, apply_backup, path, key, value, err));
    }
    return VARVE_OK;
}

static varve_status read_json(config *c, const char *path, const char *text, size_t len,
                              varve_error *err)
{
    json_error_t where;
    VV_CLEANUP(json_decrefp)
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
    json_t *settings, *value;
    const char *key;
    if (!root) return vv_fail(err, VARVE_INVALID, "%s line %d: %s", path, where.line, where.text);
    if (!json_is_object(root))
        return vv_fail(err, VARVE_INVALID, "%s: must be a JSON object", path);
    settings = json_object_get(root, "server");
    if (!settings) settings = root;
    if (!json_is_object(settings))
        return vv_fail(err, VARVE_INVALID, "%s: \"server\" must be a JSON object", path);
    json_object_foreach(settings, key, value)
    {
        if (strcmp(key, "rerankers") == 0)
            VV_TRY(read_json_rerankers(c, path, value, err));
        else if (strcmp(key, "backup") == 0)
            VV_TRY(read_json_backup(c, path, value, err));
        else
            VV_TRY(apply_json_value(c, config_apply, path, key, value, err));
    }
    return VARVE_OK;
}

/* Cut white space off both ends, in place. */
static char *trim(char *text)
{
    char *end = text + strlen(text);
    while (isspace((unsigned char)*text))
        text++;
    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
    return text;
}

#define RERANKER_SECTION "reranker "

typedef struct ini {
    config *config;
    const char *wanted; /* a section; NULL: those of rerankers */
    char section[128], where[512];
} ini;

static const char *reranker_of(const char *section)
{
    size_t len = strlen(RERANKER_SECTION);
    return strncmp(section, RERANKER_SECTION, len) == 0 ? section + len : NULL;
}

/* line: "[…]" */
static varve_status begin_section(ini *i, char *line, varve_error *err)
{
    size_t len = strlen(line);
    if (line[len - 1] != ']' || len - 2 >= sizeof i->section)
        return vv_fail(err, VARVE_INVALID, "%s: not a section: '%.100s'", i->where, line);
    line[len - 1] = '\0';
    (void)snprintf(i->section, sizeof i->section, "%s", trim(line + 1));
    char *name = (char *)reranker_of(i->section);
    if (i->wanted || !name) return VARVE_OK;
    return rerankers_add(&i->config->rerankers, trim(name), i->where, err);
}

static varve_status take_line(ini *i, char *line, varve_error *err)
{
    if (*line == '[') return begin_section(i, line, err);
    if (!*i->section)
        return vv_fail(err, VARVE_INVALID, "%s: stands in no section; begin with [server]",
                       i->where);
    bool reranker = !i->wanted && reranker_of(i->section);
    if (!reranker && (!i->wanted || strcmp(i->section, i->wanted) != 0)) return VARVE_OK;
    char *value = line + strcspn(line, "=:");
    if (!*value) return vv_fail(err, VARVE_INVALID, "%s: expected key = value", i->where);
    *value++ = '\0';
    bool backup = strcmp(i->section, "backup") == 0;
    apply_text *apply = reranker ? apply_reranker : backup ? apply_backup : config_apply;
    return apply(i->config, trim(line), trim(value), i->where, err);
}

/* One pass takes the keys of one section, so that [server] beats [DEFAULT] wherever they stand. */
static varve_status read_ini_section(config *c, const char *path, const char *text,
                                     const char *wanted, varve_error *err)
{
    ini i = {.config = c, .wanted = wanted};
    VV_CLEANUP(vv_freep) char *copy = strdup(text);
    char *next;
    int number = 0;
    if (!copy) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the configuration");
    for (char *line = copy; line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        number++;
        (void)snprintf(i.where, sizeof i.where, "%.400s line %d", path, number);
        line = trim(line);
        if (*line && *line != '#' && *line != ';') VV_TRY(take_line(&i, line, err));
    }
    return VARVE_OK;
}

static varve_status read_ini(config *c, const char *path, const char *text, varve_error *err)
{
    VV_TRY(read_ini_section(c, path, text, "DEFAULT", err));
    VV_TRY(read_ini_section(c, path, text, "server", err));
    VV_TRY(read_ini_section(c, path, text, "backup", err));
    return read_ini_section(c, path, text, NULL, err);
}

varve_status config_read_file(config *c, const char *path, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *text = NULL;
    size_t len, path_len = strlen(path);
    VV_TRY(file_read(path, CONFIG_FILE_BYTES_MAX, &text, &len, err));
    if (path_len >= 5 && strcasecmp(path + path_len - 5, ".json") == 0)
        return read_json(c, path, text, len, err);
    return read_ini(c, path, text, err);
}
