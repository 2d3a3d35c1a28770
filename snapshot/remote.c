/* remote.c — what all kinds of remotes share: keys are checked here, conditions are asked for only
 * where the store can keep them, and failures get the names of remote and key. See remote.h. */
#include "remote.h"

#include "base/buffer.h"
#include "remote_inner.h"

#include <stdlib.h>
#include <string.h>

#define READ_ATTEMPTS 4 /* of an object that is replaced while it is read */

/* ---- life ---------------------------------------------------------------------------------- */

static const remote_limits defaults = {.attempts_max = 10,
                                       .request_ms = 30000,
                                       .deadline_ms = 900000,
                                       .wait_first_ms = 200,
                                       .wait_max_ms = 30000,
                                       .bytes_per_s = 0,
                                       .part_bytes = 16 << 20};

static uint64_t or_default(uint64_t value, uint64_t otherwise) { return value ? value : otherwise; }

static remote_limits fill_in(const remote_limits *given)
{
    if (!given) return defaults;
    return (remote_limits){.attempts_max = or_default(given->attempts_max, defaults.attempts_max),
                           .request_ms = or_default(given->request_ms, defaults.request_ms),
                           .deadline_ms = or_default(given->deadline_ms, defaults.deadline_ms),
                           .wait_first_ms =
                               or_default(given->wait_first_ms, defaults.wait_first_ms),
                           .wait_max_ms = or_default(given->wait_max_ms, defaults.wait_max_ms),
                           .bytes_per_s = given->bytes_per_s,
                           .part_bytes = or_default(given->part_bytes, defaults.part_bytes)};
}

varve_status remote_init(remote *r, const remote_type *type, const char *name,
                         const remote_limits *limits, varve_error *err)
{
    *r = (remote){.type = type, .limits = fill_in(limits), .name = strdup(name)};
    if (!r->name) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a remote");
    (void)pthread_mutex_init(&r->abilities_lock, NULL);
    (void)pthread_mutex_init(&r->bandwidth_lock, NULL);
    return VARVE_OK;
}

void remote_done(remote *r)
{
    if (!r->name) return;
    (void)pthread_mutex_destroy(&r->abilities_lock);
    (void)pthread_mutex_destroy(&r->bandwidth_lock);
    free(r->name);
    r->name = NULL;
}

void remote_close(remote *r)
{
    if (r) r->type->close(r);
}

void remote_closep(remote **r) { remote_close(*r); }

const char *remote_name(const remote *r) { return r->name; }

/* ---- keys ---------------------------------------------------------------------------------- */

static bool in_alphabet(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == '/';
}

static bool is_dots(const char *part, size_t len)
{
    return (len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.');
}

/* whole: the last part may be neither empty nor dots. */
static varve_status check_parts(const char *key, bool whole, varve_error *err)
{
    size_t len = strlen(key), begin = 0;
    if (len > REMOTE_KEY_MAX)
        return vv_fail(err, VARVE_INVALID, "a key of %zu bytes; %d at the most", len,
                       REMOTE_KEY_MAX);
    for (size_t i = 0; i <= len; i++) {
        bool end = i == len;
        if (!end && !in_alphabet(key[i]))
            return vv_fail(err, VARVE_INVALID, "the key has a character other than A-Za-z0-9._-/");
        if (!end && key[i] != '/') continue;
        bool judged = !end || whole;
        if (judged && (i == begin || is_dots(key + begin, i - begin)))
            return vv_fail(err, VARVE_INVALID, "the key has an empty part, or one of dots");
        begin = i + 1;
    }
    return VARVE_OK;
}

varve_status remote_check_key(const char *key, varve_error *err)
{
    return check_parts(key, true, err);
}

varve_status remote_check_prefix(const char *prefix, varve_error *err)
{
    return check_parts(prefix, false, err);
}

/* ---- calls --------------------------------------------------------------------------------- */

/* The names of remote and key before what failed. A key that is not fit to be shown is not. */
static varve_status named(const remote *r, const char *verb, const char *key, varve_status status,
                          varve_error *err)
{
    if (status == VARVE_OK || !err) return status;
    if (check_parts(key, false, NULL) == VARVE_OK)
        vv_error_prefix(err, "%s: cannot %s '%s'", r->name, verb, key);
    else
        vv_error_prefix(err, "%s: cannot %s", r->name, verb);
    return status;
}

varve_status remote_get_abilities(remote *r, remote_abilities *ret, varve_error *err)
{
    varve_status status = VARVE_OK;
    remote_abilities found = {0};
    (void)pthread_mutex_lock(&r->abilities_lock);
    if (!r->abilities_known) {
        status = r->type->get_abilities(r, &found, err);
        r->abilities_known = status == VARVE_OK;
        if (r->abilities_known) r->abilities = found;
    }
    found = r->abilities;
    (void)pthread_mutex_unlock(&r->abilities_lock);
    if (status == VARVE_OK) *ret = found;
    return status;
}

static varve_status check_condition(remote *r, remote_when when, const char *tag, varve_error *err)
{
    remote_abilities can = {0};
    if (when == REMOTE_ALWAYS) return VARVE_OK;
    if (when == REMOTE_IF_TAG && (!tag || !*tag || strlen(tag) >= REMOTE_TAG_MAX))
        return vv_fail(err, VARVE_INVALID, "a put on condition of a tag needs one");
    VV_TRY(remote_get_abilities(r, &can, err));
    if (when == REMOTE_IF_ABSENT ? can.put_if_absent : can.put_if_tag) return VARVE_OK;
    return vv_fail(err, VARVE_UNSUPPORTED, "the store has no conditional put");
}

static varve_status put(remote *r, const char *key, const void *bytes, size_t len, remote_when when,
                        const char *tag, char *ret_tag, varve_error *err)
{
    VV_TRY(remote_check_key(key, err));
    VV_TRY(check_condition(r, when, tag, err));
    return r->type->put(r, key, bytes, len, when, tag, ret_tag, err);
}

varve_status remote_put(remote *r, const char *key, const void *bytes, size_t len, remote_when when,
                        const char *tag, char ret_tag[REMOTE_TAG_MAX], varve_error *err)
{
    char made[REMOTE_TAG_MAX] = "";
    varve_status status = put(r, key, bytes, len, when, tag, made, err);
    if (status == VARVE_OK && ret_tag) memcpy(ret_tag, made, sizeof made);
    return named(r, "put", key, status, err);
}

varve_status remote_put_file(remote *r, const char *key, const remote_file *file,
                             const remote_cancel *cancel, varve_error *err)
{
    varve_status status = remote_check_key(key, err);
    if (status == VARVE_OK && remote_cancelled(cancel))
        status = vv_fail(err, VARVE_CANCELLED, "cancelled");
    if (status == VARVE_OK) status = r->type->put_file(r, key, file, cancel, err);
    return named(r, "put", key, status, err);
}

varve_status remote_abandon_file(remote *r, const char *journal, varve_error *err)
{
    return r->type->abandon_file ? r->type->abandon_file(r, journal, err) : VARVE_OK;
}

varve_status remote_get(remote *r, const char *key, uint64_t offset, uint64_t len, remote_sink sink,
                        void *arg, const remote_cancel *cancel, varve_error *err)
{
    varve_status status = remote_check_key(key, err);
    if (status == VARVE_OK && len != UINT64_MAX && offset > UINT64_MAX - 1 - len)
        status = vv_fail(err, VARVE_INVALID, "the range ends beyond what a number holds");
    if (status == VARVE_OK)
        status = r->type->get(r, key, offset, len, sink, arg, cancel, NULL, err);
    return named(r, "get", key, status, err);
}

/* A chunk that comes again from an earlier place takes the place of what follows there. */
static varve_status take_whole(void *arg, uint64_t at, const void *bytes, size_t len,
                               varve_error *err)
{
    buffer *whole = arg;
    if (at > whole->len) return vv_fail(err, VARVE_INTERNAL, "a hole in the answer");
    whole->len = (size_t)at;
    return buffer_add(whole, bytes, len, err);
}

static varve_status read_whole(remote *r, const char *key, buffer *whole, char *ret_tag,
                               varve_error *err)
{
    varve_status status = remote_check_key(key, err);
    if (status != VARVE_OK) return status;
    for (int i = 0; i < READ_ATTEMPTS; i++) {
        buffer_clear(whole);
        status = r->type->get(r, key, 0, UINT64_MAX, take_whole, whole, NULL, ret_tag, err);
        if (status != VARVE_CONFLICT) return status;
    }
    return status;
}

varve_status remote_read(remote *r, const char *key, size_t max_bytes, char **ret_bytes,
                         size_t *ret_len, char ret_tag[REMOTE_TAG_MAX], varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer whole;
    char tag[REMOTE_TAG_MAX] = "";
    buffer_init(&whole, max_bytes, "object");
    VV_TRY(named(r, "read", key, read_whole(r, key, &whole, tag, err), err));
    size_t len = whole.len;
    whole.max_bytes = max_bytes < SIZE_MAX ? max_bytes + 1 : max_bytes;
    VV_TRY(buffer_add(&whole, "", 1, err));
    *ret_len = len;
    *ret_bytes = buffer_take(&whole);
    if (ret_tag) memcpy(ret_tag, tag, sizeof tag);
    return VARVE_OK;
}

varve_status remote_stat(remote *r, const char *key, remote_stat_result *ret, varve_error *err)
{
    remote_stat_result found = {0};
    varve_status status = remote_check_key(key, err);
    if (status == VARVE_OK) status = r->type->stat(r, key, &found, err);
    if (status == VARVE_OK) *ret = found;
    return named(r, "stat", key, status, err);
}

varve_status remote_list(remote *r, const char *prefix, const char *after, remote_each each,
                         void *arg, varve_error *err)
{
    varve_status status = remote_check_prefix(prefix, err);
    if (status == VARVE_OK && after) status = remote_check_prefix(after, err);
    if (status == VARVE_OK) status = r->type->list(r, prefix, after, each, arg, err);
    return named(r, "list", prefix, status, err);
}

varve_status remote_delete(remote *r, const char *key, varve_error *err)
{
    varve_status status = remote_check_key(key, err);
    if (status == VARVE_OK) status = r->type->remove(r, key, err);
    return named(r, "delete", key, status, err);
}
