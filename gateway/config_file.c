/* config_file.c — configuration files: JSON (keys at the top level, or inside "server"), or INI
 * ([DEFAULT], then [server]; sections of others are passed over). */
#include "config.h"

#include "base/file.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <strings.h>

#define CONFIG_FILE_BYTES_MAX (1u << 20)

static varve_status apply_json_value(config *c, const char *path, const char *key,
                                     const json_t *value, varve_error *err)
{
    char number[32];
    switch (json_typeof(value)) {
    case JSON_NULL: return VARVE_OK;
    case JSON_TRUE: return config_apply(c, key, "true", path, err);
    case JSON_FALSE: return config_apply(c, key, "false", path, err);
    case JSON_STRING: return config_apply(c, key, json_string_value(value), path, err);
    case JSON_INTEGER:
        (void)snprintf(number, sizeof number, "%" PRId64, (int64_t)json_integer_value(value));
        return config_apply(c, key, number, path, err);
    default:
        return vv_fail(err, VARVE_INVALID,
                       "%s: the value of '%.100s' must be a string, a whole number or a boolean",
                       path, key);
    }
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
        VV_TRY(apply_json_value(c, path, key, value, err));
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

/* One pass takes the keys of one section, so that [server] beats [DEFAULT] wherever they stand. */
static varve_status read_ini_section(config *c, const char *path, char *text, const char *wanted,
                                     varve_error *err)
{
    char section[64] = "";
    char *next, where[512];
    int number = 0;
    for (char *line = text; line; line = next) {
        char *value, *key;
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        number++;
        (void)snprintf(where, sizeof where, "%.400s line %d", path, number);
        key = trim(line);
        if (!*key || *key == '#' || *key == ';') continue;
        if (*key == '[') {
            size_t len = strlen(key);
            if (key[len - 1] != ']' || len - 2 >= sizeof section)
                return vv_fail(err, VARVE_INVALID, "%s: not a section: '%.100s'", where, key);
            memcpy(section, key + 1, len - 2);
            section[len - 2] = '\0';
            continue;
        }
        if (!*section)
            return vv_fail(err, VARVE_INVALID, "%s: stands in no section; begin with [server]",
                           where);
        if (strcmp(section, wanted) != 0) continue;
        value = key + strcspn(key, "=:");
        if (!*value) return vv_fail(err, VARVE_INVALID, "%s: expected key = value", where);
        *value++ = '\0';
        VV_TRY(config_apply(c, trim(key), trim(value), where, err));
    }
    return VARVE_OK;
}

static varve_status read_ini(config *c, const char *path, char *text, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *copy = strdup(text);
    if (!copy) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the configuration");
    VV_TRY(read_ini_section(c, path, copy, "DEFAULT", err));
    return read_ini_section(c, path, text, "server", err);
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
