/* config.c — the table of settings and the order in which they are taken. */
#include "config.h"

#include "base/file.h"

#include <ctype.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef enum setting_type { SETTING_TEXT, SETTING_NUMBER, SETTING_SWITCH } setting_type;

typedef struct setting {
    const char *key;
    setting_type type;
    size_t offset;    /* in config */
    const char *text; /* default of a text */
    uint64_t number;  /* default of a number or switch */
    uint64_t least, most;
    const char *names; /* other environment names, separated by spaces */
    const char *help;
} setting;

#define TEXT_SETTING(key, value, names, help)                                                      \
    {#key, SETTING_TEXT, offsetof(config, key), value, 0, 0, 0, names, help},
#define NUMBER_SETTING(key, value, least, most, names, help)                                       \
    {#key, SETTING_NUMBER, offsetof(config, key), "", value, least, most, names, help},
#define SWITCH_SETTING(key, value, names, help)                                                    \
    {#key, SETTING_SWITCH, offsetof(config, key), "", value, 0, 1, names, help},
#define ALIAS(other, key)
#define X(key, value, help)                                                                        \
    {#key, SETTING_NUMBER, offsetof(config, engine.key), "", value, 0, INT64_MAX, "", help},
static const setting settings[] = {
#include "settings.def"
    VARVE_SETTING_TABLE(X)};
#undef TEXT_SETTING
#undef NUMBER_SETTING
#undef SWITCH_SETTING
#undef ALIAS
#undef X

#define TEXT_SETTING(key, value, names, help)
#define NUMBER_SETTING(key, value, least, most, names, help)
#define SWITCH_SETTING(key, value, names, help)
#define ALIAS(other, key) {#other, #key},
static const struct {
    const char *other, *key;
} aliases[] = {
#include "settings.def"
};
#undef TEXT_SETTING
#undef NUMBER_SETTING
#undef SWITCH_SETTING
#undef ALIAS

/* "json-limit-mb" and "json_limit_mb" are the same key. */
static bool same_key(const char *typed, const char *key)
{
    for (; *typed && *key; typed++, key++) {
        if ((*typed == '-' ? '_' : *typed) != *key) return false;
    }
    return *typed == *key;
}

static const setting *find_setting(const char *typed)
{
    const char *key = typed;
    for (size_t i = 0; i < VV_COUNT(aliases); i++) {
        if (same_key(typed, aliases[i].other)) key = aliases[i].key;
    }
    for (size_t i = 0; i < VV_COUNT(settings); i++) {
        if (same_key(key, settings[i].key)) return &settings[i];
    }
    return NULL;
}

static bool parse_switch(const char *value, bool *ret)
{
    static const char *const yes[] = {"true", "1", "yes", "on"};
    static const char *const no[] = {"false", "0", "no", "off"};
    for (size_t i = 0; i < VV_COUNT(yes); i++) {
        if (strcasecmp(value, yes[i]) == 0) return *ret = true, true;
        if (strcasecmp(value, no[i]) == 0) return *ret = false, true;
    }
    return false;
}

static bool parse_number(const char *value, uint64_t *ret)
{
    uint64_t number = 0;
    if (!*value) return false;
    for (; *value; value++) {
        if (!isdigit((unsigned char)*value)) return false;
        if (__builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*value - '0'), &number))
            return false;
    }
    *ret = number;
    return true;
}

static varve_status set_text(char **at, const char *value, varve_error *err)
{
    char *copy = strdup(value);
    if (!copy) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the configuration");
    free(*at);
    *at = copy;
    return VARVE_OK;
}

/* A secret is not repeated in the message. */
static varve_status apply(config *c, const setting *s, const char *value, const char *where,
                          varve_error *err)
{
    char *at = (char *)c + s->offset;
    uint64_t number;
    bool on;
    switch (s->type) {
    case SETTING_TEXT: return set_text((char **)(void *)at, value, err);
    case SETTING_SWITCH:
        if (!parse_switch(value, &on))
            return vv_fail(err, VARVE_INVALID, "%s: %s is '%.100s', must be true or false", where,
                           s->key, value);
        *(bool *)at = on;
        return VARVE_OK;
    case SETTING_NUMBER:
        if (!parse_number(value, &number) || number < s->least || number > s->most)
            return vv_fail(err, VARVE_INVALID,
                           "%s: %s is '%.100s', must be a whole number from %" PRIu64
                           " to %" PRIu64,
                           where, s->key, value, s->least, s->most);
        *(uint64_t *)(void *)at = number;
        return VARVE_OK;
    }
    return VARVE_OK;
}

varve_status config_apply(config *c, const char *key, const char *value, const char *where,
                          varve_error *err)
{
    const setting *s = find_setting(key);
    if (!s) return vv_fail(err, VARVE_INVALID, "%s: unknown key '%.100s'", where, key);
    if (strcmp(s->key, "config") == 0)
        return vv_fail(err, VARVE_INVALID, "%s: a configuration file cannot name another", where);
    return apply(c, s, value, where, err);
}

static varve_status apply_defaults(config *c, varve_error *err)
{
    varve_options_init(&c->engine);
    for (size_t i = 0; i < VV_COUNT(settings); i++) {
        const setting *s = &settings[i];
        char *at = (char *)c + s->offset;
        if (s->type == SETTING_TEXT) VV_TRY(set_text((char **)(void *)at, s->text, err));
        if (s->type == SETTING_NUMBER) *(uint64_t *)(void *)at = s->number;
        if (s->type == SETTING_SWITCH) *(bool *)at = s->number != 0;
    }
    return VARVE_OK;
}

/* The limits of rows that clients of LynseDB set keep their old names as well. */
static const char *old_engine_name(const setting *s, char *ret, size_t size)
{
    size_t n = (size_t)snprintf(ret, size, "LYNSE_%s", s->key);
    if (s->offset < offsetof(config, engine) || strncmp(s->key, "max_", 4) != 0 || n >= size)
        return "";
    for (char *p = ret; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    return ret;
}

/* Value of the first name that is set and not empty: VARVE_<KEY>, then the others in order. */
static const char *environment_value(const setting *s, char *ret_name, size_t size)
{
    char old[64], names[256];
    const char *others = *s->names ? s->names : old_engine_name(s, old, sizeof old);
    char *save = NULL;
    (void)snprintf(names, sizeof names, "VARVE_%s ", s->key);
    for (char *p = names; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    (void)snprintf(names + strlen(names), sizeof names - strlen(names), "%s", others);
    for (char *n = strtok_r(names, " ", &save); n; n = strtok_r(NULL, " ", &save)) {
        const char *value = getenv(n);
        if (value && *value) {
            (void)snprintf(ret_name, size, "%s", n);
            return value;
        }
    }
    return NULL;
}

static varve_status apply_environment(config *c, varve_error *err)
{
    for (size_t i = 0; i < VV_COUNT(settings); i++) {
        char name[80], where[128];
        const char *value = environment_value(&settings[i], name, sizeof name);
        if (!value) continue;
        (void)snprintf(where, sizeof where, "environment variable %s", name);
        VV_TRY(apply(c, &settings[i], value, where, err));
    }
    return VARVE_OK;
}

/* A flag taken apart: --key value, --key=value, --switch, --no-switch. */
typedef struct flag {
    const setting *setting;
    char *value; /* points into argv, or at a constant */
    int words;   /* of argv it took */
} flag;

static varve_status unknown_flag(const char *word, varve_error *err)
{
    return vv_fail(err, VARVE_INVALID, "unknown flag '%.100s'; --help lists all", word);
}

static varve_status parse_flag(int argc, char **argv, int i, flag *ret, varve_error *err)
{
    static char yes[] = "true", no[] = "false";
    char *equals = strchr(argv[i], '=');
    char key[80];
    size_t len = equals ? (size_t)(equals - argv[i]) : strlen(argv[i]);
    if (strncmp(argv[i], "--", 2) != 0 || len <= 2 || len - 2 >= sizeof key)
        return unknown_flag(argv[i], err);
    memcpy(key, argv[i] + 2, len - 2);
    key[len - 2] = '\0';
    *ret = (flag){find_setting(key), equals ? equals + 1 : NULL, 1};
    if (!ret->setting && !equals && strncmp(key, "no-", 3) == 0) {
        ret->setting = find_setting(key + 3);
        ret->value = no;
        if (ret->setting && ret->setting->type != SETTING_SWITCH) ret->setting = NULL;
    }
    if (!ret->setting) return unknown_flag(argv[i], err);
    if (ret->value) return VARVE_OK;
    if (ret->setting->type == SETTING_SWITCH) {
        ret->value = yes;
        return VARVE_OK;
    }
    if (i + 1 >= argc) return vv_fail(err, VARVE_INVALID, "flag '%.100s' needs a value", argv[i]);
    ret->value = argv[i + 1];
    ret->words = 2;
    return VARVE_OK;
}

/* only: apply this key alone; NULL: all but help and version. */
static varve_status apply_flags(config *c, int argc, char **argv, const char *only,
                                varve_error *err)
{
    for (int i = 1; i < argc;) {
        flag f;
        char where[128];
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0 ||
            strcmp(argv[i], "--version") == 0) {
            *(argv[i][1] == '-' && argv[i][2] == 'v' ? &c->version : &c->help) = true;
            i++;
            continue;
        }
        VV_TRY(parse_flag(argc, argv, i, &f, err));
        (void)snprintf(where, sizeof where, "flag --%s", f.setting->key);
        if (!only || strcmp(f.setting->key, only) == 0)
            VV_TRY(apply(c, f.setting, f.value, where, err));
        /* Others can read the command line of a process. */
        if (!only && strcmp(f.setting->key, "api_key") == 0) memset(f.value, '*', strlen(f.value));
        i += f.words;
    }
    return VARVE_OK;
}

static varve_status read_key_file(config *c, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *text = NULL;
    size_t len;
    if (!*c->api_key_file) return VARVE_OK;
    if (*c->api_key)
        return vv_fail(err, VARVE_INVALID, "api_key and api_key_file are both set; keep one");
    VV_TRY(file_read(c->api_key_file, 4096, &text, &len, err));
    text[strcspn(text, "\r\n")] = '\0';
    if (!*text) return vv_fail(err, VARVE_INVALID, "api_key_file '%s' is empty", c->api_key_file);
    return set_text(&c->api_key, text, err);
}

varve_status config_load(int argc, char **argv, config *ret, varve_error *err)
{
    char name[80];
    VV_TRY(apply_defaults(ret, err));
    VV_TRY(apply_flags(ret, argc, argv, "config", err));
    if (ret->help || ret->version) return VARVE_OK;
    if (!*ret->config) {
        const char *path = environment_value(find_setting("config"), name, sizeof name);
        if (path) VV_TRY(set_text(&ret->config, path, err));
    }
    if (*ret->config) VV_TRY(config_read_file(ret, ret->config, err));
    VV_TRY(apply_environment(ret, err));
    VV_TRY(apply_flags(ret, argc, argv, NULL, err));
    VV_TRY(read_key_file(ret, err));
    VV_TRY(rerankers_finish(&ret->rerankers, err));
    ret->engine.read_only = ret->read_only;
    ret->engine.compactor_path = *ret->compactor_path ? ret->compactor_path : NULL;
    ret->engine.compact_schedule = *ret->compact_schedule ? ret->compact_schedule : NULL;
    return VARVE_OK;
}

void config_done(config *c)
{
    rerankers_done(&c->rerankers);
    for (size_t i = 0; i < VV_COUNT(settings); i++) {
        char **at = (char **)(void *)((char *)c + settings[i].offset);
        if (settings[i].type != SETTING_TEXT) continue;
        if (*at) explicit_bzero(*at, strlen(*at));
        free(*at);
        *at = NULL;
    }
}

static void print_setting(FILE *out, const setting *s)
{
    char flag_text[80], default_text[64], old[64];
    const char *others = *s->names ? s->names : old_engine_name(s, old, sizeof old);
    (void)snprintf(flag_text, sizeof flag_text, "--%s%s", s->type == SETTING_SWITCH ? "[no-]" : "",
                   s->key);
    for (char *p = flag_text; *p; p++)
        *p = *p == '_' ? '-' : *p;
    if (s->type == SETTING_TEXT)
        (void)snprintf(default_text, sizeof default_text, "%s", *s->text ? s->text : "none");
    else if (s->type == SETTING_SWITCH)
        (void)snprintf(default_text, sizeof default_text, "%s", s->number ? "true" : "false");
    else
        (void)snprintf(default_text, sizeof default_text, "%" PRIu64, s->number);
    (void)fprintf(out, "  %-32s %s (%s%s%s)\n", flag_text, s->help, default_text,
                  *others ? "; also " : "", others);
}

static void print_rerankers(FILE *out)
{
    (void)fprintf(out,
                  "\nIn the file alone, per service that may rerank hits: [reranker NAME], or\n"
                  "\"rerankers\": {NAME: {…}}, with\n");
#define X(key, help) (void)fprintf(out, "  %-32s %s\n", #key, help);
    RERANKER_TEXT_TABLE(X)
#undef X
#define X(key, value, least, most, help) (void)fprintf(out, "  %-32s %s (%d)\n", #key, help, value);
    RERANKER_NUMBER_TABLE(X)
#undef X
}

void config_help(FILE *out)
{
    (void)fprintf(out,
                  "varve-gateway %s: serves a folder of Varve data over HTTP.\n\n"
                  "A setting --some-name can also be given as VARVE_SOME_NAME in the\n"
                  "environment, or as some_name in the configuration file. A flag beats the\n"
                  "environment, which beats the file. Defaults in brackets.\n\n",
                  varve_version());
    for (size_t i = 0; i < VV_COUNT(settings); i++)
        print_setting(out, &settings[i]);
    (void)fprintf(out, "  %-32s this text\n  %-32s the version\n", "--help", "--version");
    print_rerankers(out);
}
