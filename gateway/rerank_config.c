/* rerank_config.c — sections of rerankers. */
#include "rerank_config.h"

#include "base/file.h"

#include <ctype.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KEY_BYTES_MAX 4096
#define URL_BYTES_MAX 2048

typedef struct reranker_setting {
    const char *key;
    size_t offset; /* in reranker */
    bool is_text;
    uint64_t number, least, most;
} reranker_setting;

#define X(key, help)                     {#key, offsetof(reranker, key), true, 0, 0, 0},
#define Y(key, value, least, most, help) {#key, offsetof(reranker, key), false, value, least, most},
static const reranker_setting settings[] = {RERANKER_TEXT_TABLE(X) RERANKER_NUMBER_TABLE(Y)};
#undef X
#undef Y

static char **text_at(reranker *r, const reranker_setting *s)
{
    return (char **)(void *)((char *)r + s->offset);
}

static uint64_t *number_at(reranker *r, const reranker_setting *s)
{
    return (uint64_t *)(void *)((char *)r + s->offset);
}

static varve_status set_text(char **at, const char *value, varve_error *err)
{
    char *copy = strdup(value);
    if (!copy) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the configuration");
    free(*at);
    *at = copy;
    return VARVE_OK;
}

static bool is_name(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > RERANKER_NAME_MAX) return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && !strchr("_-.", *name)) return false;
    return true;
}

static varve_status init(reranker *r, const char *name, varve_error *err)
{
    memcpy(r->name, name, strlen(name) + 1);
    VV_TRY(set_text(&r->key, "", err));
    for (size_t i = 0; i < VV_COUNT(settings); i++) {
        if (settings[i].is_text)
            VV_TRY(set_text(text_at(r, &settings[i]), "", err));
        else
            *number_at(r, &settings[i]) = settings[i].number;
    }
    return VARVE_OK;
}

varve_status rerankers_add(rerankers *r, const char *name, const char *where, varve_error *err)
{
    if (!is_name(name))
        return vv_fail(err, VARVE_INVALID,
                       "%s: a reranker's name is 1 to %d of A-Z a-z 0-9 _ - . and not '%.100s'",
                       where, RERANKER_NAME_MAX, name);
    if (r->count == RERANKERS_MAX)
        return vv_fail(err, VARVE_LIMIT, "%s: more than %d rerankers", where, RERANKERS_MAX);
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->all[i].name, name) == 0)
            return vv_fail(err, VARVE_INVALID, "%s: reranker '%s' is there twice", where, name);
    reranker *more = realloc(r->all, (r->count + 1) * sizeof *more);
    if (!more) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the configuration");
    r->all = more;
    r->all[r->count] = (reranker){0};
    return init(&r->all[r->count++], name, err);
}

static bool parse_number(const char *value, uint64_t *ret)
{
    uint64_t number = 0;
    if (!*value) return false;
    for (; *value; value++) {
        if (!isdigit((unsigned char)*value) || __builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*value - '0'), &number))
            return false;
    }
    *ret = number;
    return true;
}

varve_status rerankers_apply(rerankers *r, const char *key, const char *value, const char *where,
                             varve_error *err)
{
    reranker *last = &r->all[r->count - 1];
    for (size_t i = 0; i < VV_COUNT(settings); i++) {
        const reranker_setting *s = &settings[i];
        uint64_t number;
        if (strcmp(s->key, key) != 0) continue;
        if (s->is_text) return set_text(text_at(last, s), value, err);
        if (!parse_number(value, &number) || number < s->least || number > s->most)
            return vv_fail(err, VARVE_INVALID,
                           "%s: %s of reranker '%s' is '%.100s', must be a whole number from "
                           "%" PRIu64 " to %" PRIu64,
                           where, key, last->name, value, s->least, s->most);
        *number_at(last, s) = number;
        return VARVE_OK;
    }
    return vv_fail(err, VARVE_INVALID, "%s: unknown key '%.100s' of reranker '%s'%s", where, key,
                   last->name,
                   strcmp(key, "key") == 0 ? "; the key stands in key_env or key_file" : "");
}

/* ---- when all is read ------------------------------------------------------------------------ */

/* What stands between "://" and the path. */
static varve_text authority(const char *url)
{
    const char *at = strstr(url, "://");
    if (!at) return (varve_text){0};
    return (varve_text){at + 3, strcspn(at + 3, "/?#")};
}

/* Names and passwords in the address would end up in messages of the library below. */
static bool is_url(const char *url)
{
    varve_text host = authority(url);
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0) return false;
    if (host.len == 0 || memchr(host.data, '@', host.len)) return false;
    for (const char *p = url; *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f) return false;
    return strlen(url) <= URL_BYTES_MAX;
}

/* It becomes part of a header line. */
static varve_status take_key(reranker *r, const char *from, const char *text, varve_error *err)
{
    if (!*text || strlen(text) > KEY_BYTES_MAX)
        return vv_fail(err, VARVE_INVALID, "reranker '%s': %s is empty, or has more than %d bytes",
                       r->name, from, KEY_BYTES_MAX);
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return vv_fail(err, VARVE_INVALID, "reranker '%s': %s has control characters in it",
                           r->name, from);
    return set_text(&r->key, text, err);
}

static varve_status read_key_file(reranker *r, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *text = NULL;
    size_t len;
    VV_TRY(file_read(r->key_file, KEY_BYTES_MAX + 2, &text, &len, err));
    text[strcspn(text, "\r\n")] = '\0';
    varve_status status = take_key(r, "key_file", text, err);
    explicit_bzero(text, len);
    return status;
}

static varve_status finish(reranker *r, varve_error *err)
{
    if (!is_url(r->url))
        return vv_fail(err, VARVE_INVALID,
                       "reranker '%s': url must be http://host… or https://host…, without a user",
                       r->name);
    if (*r->key_env && *r->key_file)
        return vv_fail(err, VARVE_INVALID,
                       "reranker '%s': key_env and key_file are both set; keep one", r->name);
    if (*r->key_file) return read_key_file(r, err);
    if (!*r->key_env) return VARVE_OK;
    const char *key = getenv(r->key_env);
    if (!key)
        return vv_fail(err, VARVE_INVALID, "reranker '%s': there is no environment variable %.100s",
                       r->name, r->key_env);
    return take_key(r, "the variable of key_env", key, err);
}

varve_status rerankers_finish(rerankers *r, varve_error *err)
{
    for (size_t i = 0; i < r->count; i++)
        VV_TRY(finish(&r->all[i], err));
    return VARVE_OK;
}

bool reranker_is_plain(const reranker *r)
{
    static const char *const near[] = {"localhost", "127.", "[::1]"};
    varve_text host = authority(r->url);
    if (!*r->key || strncasecmp(r->url, "https://", 8) == 0) return false;
    for (size_t i = 0; i < VV_COUNT(near); i++)
        if (host.len >= strlen(near[i]) && strncasecmp(host.data, near[i], strlen(near[i])) == 0)
            return false;
    return true;
}

void rerankers_done(rerankers *r)
{
    for (size_t i = 0; i < r->count; i++) {
        for (size_t j = 0; j < VV_COUNT(settings); j++)
            if (settings[j].is_text) free(*text_at(&r->all[i], &settings[j]));
        if (r->all[i].key) explicit_bzero(r->all[i].key, strlen(r->all[i].key));
        free(r->all[i].key);
    }
    free(r->all);
    *r = (rerankers){0};
}
