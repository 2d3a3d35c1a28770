/* remote_memory.c — see remote_memory.h. The store is an array of objects ascending by key. One
 * that was deleted or replaced stays in the array, so that a list can be as of some changes ago. */
#include "remote_memory.h"

#include "base/file.h"
#include "remote_inner.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)1 << 30)
#define GET_CHUNK      65536

typedef struct object {
    char *key;
    uint8_t *bytes;
    size_t len;
    uint64_t born, died; /* numbers of the changes; died 0: it is there */
    uint64_t modified_ms;
} object;

struct remote_memory {
    pthread_mutex_t lock; /* guards all below */
    object *objects;      /* by key, then born */
    size_t count, capacity;
    uint64_t changes, now_ms, stale_changes;
    size_t page;
    remote_abilities can;
};

typedef struct memory_remote {
    remote base;
    remote_memory *store;
    remote_memory_hook hook;
    void *arg;
    _Atomic(uint64_t) steps;
} memory_remote;

static void *must(void *allocated)
{
    if (!allocated) abort();
    return allocated;
}

/* ---- the store; the lock is held ------------------------------------------------------------ */

/* Index of the first object whose key is not below `key`. */
static size_t lower_bound(const remote_memory *m, const char *key)
{
    size_t low = 0, high = m->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(m->objects[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static object *find(const remote_memory *m, const char *key)
{
    for (size_t i = lower_bound(m, key); i < m->count; i++) {
        if (strcmp(m->objects[i].key, key) != 0) break;
        if (m->objects[i].died == 0) return &m->objects[i];
    }
    return NULL;
}

static void kill_object(remote_memory *m, object *o)
{
    o->died = ++m->changes;
    free(o->bytes);
    o->bytes = NULL;
}

static void store_object(remote_memory *m, const char *key, const void *bytes, size_t len)
{
    object *old = find(m, key);
    if (old) kill_object(m, old);
    size_t at = lower_bound(m, key);
    while (at < m->count && strcmp(m->objects[at].key, key) == 0)
        at++;
    if (m->count == m->capacity) {
        m->capacity = m->capacity ? 2 * m->capacity : 64;
        m->objects = must(realloc(m->objects, m->capacity * sizeof *m->objects));
    }
    memmove(m->objects + at + 1, m->objects + at, (m->count - at) * sizeof *m->objects);
    m->count++;
    object o = {.key = must(strdup(key)), .bytes = must(malloc(len + 1)), .len = len};
    if (len > 0) memcpy(o.bytes, bytes, len);
    o.bytes[len] = 0;
    o.born = ++m->changes;
    o.modified_ms = m->now_ms;
    m->objects[at] = o;
}

static void tag_of(const object *o, char *ret)
{
    snprintf(ret, REMOTE_TAG_MAX, "\"m%llu\"", (unsigned long long)o->born);
}

static bool alive_at(const object *o, uint64_t change)
{
    return o->born <= change && (o->died == 0 || o->died > change);
}

/* ---- hooks ---------------------------------------------------------------------------------- */

static remote_memory_action ask(memory_remote *r, remote_memory_request *request, bool done)
{
    request->done = done;
    if (!done) request->index = r->steps++;
    return r->hook ? r->hook(r->arg, request) : REMOTE_MEMORY_GO;
}

static varve_status outcome(remote_memory_action action, varve_error *err)
{
    switch (action) {
    case REMOTE_MEMORY_FAIL: return vv_fail(err, VARVE_IO, "the test's fault");
    case REMOTE_MEMORY_TIMEOUT: return vv_fail(err, VARVE_TIMEOUT, "the test's timeout");
    case REMOTE_MEMORY_REFUSE: return vv_fail(err, VARVE_CONFLICT, "the test's refusal");
    default: return VARVE_OK;
    }
}

/* ---- the kind ------------------------------------------------------------------------------- */

static varve_status memory_abilities(remote *base, remote_abilities *ret, varve_error *err)
{
    remote_memory *m = ((memory_remote *)base)->store;
    (void)err;
    (void)pthread_mutex_lock(&m->lock);
    *ret = m->can;
    (void)pthread_mutex_unlock(&m->lock);
    return VARVE_OK;
}

static varve_status put_locked(remote_memory *m, const char *key, const uint8_t *bytes, size_t len,
                               remote_when when, const char *tag, char *ret_tag, varve_error *err)
{
    object *old = find(m, key);
    char there[REMOTE_TAG_MAX] = "";
    if (when == REMOTE_IF_ABSENT && old) return vv_fail(err, VARVE_EXISTS, "it is there already");
    if (when == REMOTE_IF_TAG) {
        if (old) tag_of(old, there);
        if (strcmp(there, tag) != 0) return vv_fail(err, VARVE_CONFLICT, "it has another tag");
    }
    store_object(m, key, bytes, len);
    if (ret_tag) tag_of(find(m, key), ret_tag);
    return VARVE_OK;
}

static varve_status memory_put(remote *base, const char *key, const void *bytes, size_t len,
                               remote_when when, const char *tag, char *ret_tag, varve_error *err)
{
    memory_remote *r = (memory_remote *)base;
    remote_memory_request request = {.step = REMOTE_MEMORY_PUT, .key = key, .when = when};
    remote_memory_action action = ask(r, &request, false);
    VV_TRY(outcome(action, err));
    VV_CLEANUP(vv_freep) uint8_t *changed = must(malloc(len + 1));
    if (len > 0) memcpy(changed, bytes, len);
    if (action == REMOTE_MEMORY_FLIP && len > 0) changed[len / 2] ^= 0x10;
    if (action == REMOTE_MEMORY_SHORT) len /= 2;
    (void)pthread_mutex_lock(&r->store->lock);
    varve_status status = put_locked(r->store, key, changed, len, when, tag, ret_tag, err);
    (void)pthread_mutex_unlock(&r->store->lock);
    if (status != VARVE_OK) return status;
    return outcome(ask(r, &request, true), err);
}

static varve_status check_sum(const remote_file *file, const char *bytes, size_t len,
                              varve_error *err)
{
    uint8_t sum[32];
    unsigned int sum_len = sizeof sum;
    if (EVP_Digest(bytes, len, sum, &sum_len, EVP_sha256(), NULL) != 1) abort();
    if (len == file->size && memcmp(sum, file->sha256, sizeof sum) == 0) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "the file is not what was announced");
}

static varve_status memory_put_file(remote *base, const char *key, const remote_file *file,
                                    const remote_cancel *cancel, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    size_t len = 0;
    remote_abilities can;
    VV_TRY(remote_get_abilities(base, &can, err));
    VV_TRY(file_read(file->path, FILE_BYTES_MAX, &bytes, &len, err));
    if (remote_cancelled(cancel)) return vv_fail(err, VARVE_CANCELLED, "cancelled");
    VV_TRY(check_sum(file, bytes, len, err));
    remote_when when = can.put_if_absent ? REMOTE_IF_ABSENT : REMOTE_ALWAYS;
    return memory_put(base, key, bytes, len, when, NULL, NULL, err);
}

/* A copy of the bytes of [offset, offset + len), so that the store is not locked while they are
 * handed over. */
static varve_status copy_range(remote_memory *m, const char *key, uint64_t offset, uint64_t *len,
                               uint8_t **ret, char *ret_tag, varve_error *err)
{
    varve_status status = VARVE_OK;
    (void)pthread_mutex_lock(&m->lock);
    object *o = find(m, key);
    if (!o)
        status = vv_fail(err, VARVE_NOT_FOUND, "there is no such object");
    else if (offset > o->len || (*len != UINT64_MAX && *len > o->len - offset))
        status = vv_fail(err, VARVE_CORRUPT, "the object has %zu bytes only", o->len);
    if (status == VARVE_OK) {
        if (*len == UINT64_MAX) *len = o->len - offset;
        *ret = must(malloc(*len + 1));
        memcpy(*ret, o->bytes + offset, *len);
        if (ret_tag) tag_of(o, ret_tag);
    }
    (void)pthread_mutex_unlock(&m->lock);
    return status;
}

static varve_status hand_over(const uint8_t *bytes, uint64_t offset, uint64_t len, remote_sink sink,
                              void *arg, const remote_cancel *cancel, varve_error *err)
{
    for (uint64_t at = 0; at < len; at += GET_CHUNK) {
        if (remote_cancelled(cancel)) return vv_fail(err, VARVE_CANCELLED, "cancelled");
        VV_TRY(sink(arg, offset + at, bytes + at, VV_MIN(GET_CHUNK, len - at), err));
    }
    return VARVE_OK;
}

static varve_status memory_get(remote *base, const char *key, uint64_t offset, uint64_t len,
                               remote_sink sink, void *arg, const remote_cancel *cancel,
                               char *ret_tag, varve_error *err)
{
    memory_remote *r = (memory_remote *)base;
    remote_memory_request request = {.step = REMOTE_MEMORY_GET, .key = key};
    VV_CLEANUP(vv_freep) uint8_t *bytes = NULL;
    remote_memory_action action = ask(r, &request, false);
    VV_TRY(outcome(action, err));
    VV_TRY(copy_range(r->store, key, offset, &len, &bytes, ret_tag, err));
    if (action == REMOTE_MEMORY_FLIP && len > 0) bytes[len / 2] ^= 0x10;
    VV_TRY(outcome(ask(r, &request, true), err));
    if (action != REMOTE_MEMORY_SHORT) return hand_over(bytes, offset, len, sink, arg, cancel, err);
    VV_TRY(hand_over(bytes, offset, len / 2, sink, arg, cancel, err));
    return vv_fail(err, VARVE_CORRUPT, "the test's short object");
}

static varve_status memory_stat(remote *base, const char *key, remote_stat_result *ret,
                                varve_error *err)
{
    memory_remote *r = (memory_remote *)base;
    remote_memory_request request = {.step = REMOTE_MEMORY_STAT, .key = key};
    VV_TRY(outcome(ask(r, &request, false), err));
    (void)pthread_mutex_lock(&r->store->lock);
    object *o = find(r->store, key);
    if (o) {
        *ret = (remote_stat_result){.size = o->len, .modified_ms = o->modified_ms};
        tag_of(o, ret->tag);
    }
    (void)pthread_mutex_unlock(&r->store->lock);
    if (!o) return vv_fail(err, VARVE_NOT_FOUND, "there is no such object");
    return outcome(ask(r, &request, true), err);
}

typedef struct listed {
    char key[REMOTE_KEY_MAX + 1];
    uint64_t size;
} listed;

/* One page of what is behind `after`, as of `change`; fewer than a page: the end. */
static size_t copy_page(remote_memory *m, const char *prefix, const char *after, bool stale,
                        listed *ret, size_t page)
{
    size_t n = 0;
    (void)pthread_mutex_lock(&m->lock);
    uint64_t change = m->changes;
    if (stale) change -= VV_MIN(change, m->stale_changes);
    size_t at = lower_bound(m, strcmp(after, prefix) > 0 ? after : prefix);
    for (; at < m->count && n < page; at++) {
        const object *o = &m->objects[at];
        if (strncmp(o->key, prefix, strlen(prefix)) != 0) break;
        if (!alive_at(o, change) || (*after && strcmp(o->key, after) <= 0)) continue;
        snprintf(ret[n].key, sizeof ret[n].key, "%s", o->key);
        ret[n++].size = o->len;
    }
    (void)pthread_mutex_unlock(&m->lock);
    return n;
}

static varve_status memory_list(remote *base, const char *prefix, const char *after,
                                remote_each each, void *arg, varve_error *err)
{
    memory_remote *r = (memory_remote *)base;
    char last[REMOTE_KEY_MAX + 1] = "";
    size_t page = r->store->page;
    VV_CLEANUP(vv_freep) listed *keys = must(calloc(page, sizeof *keys));
    if (after) snprintf(last, sizeof last, "%s", after);
    for (size_t n = page; n == page;) {
        remote_memory_request request = {
            .step = REMOTE_MEMORY_LIST, .key = prefix, .after = *last ? last : NULL};
        remote_memory_action action = ask(r, &request, false);
        VV_TRY(outcome(action, err));
        n = copy_page(r->store, prefix, last, action == REMOTE_MEMORY_STALE, keys, page);
        VV_TRY(outcome(ask(r, &request, true), err));
        for (size_t i = 0; i < n; i++)
            VV_TRY(each(arg, keys[i].key, keys[i].size, err));
        if (n > 0) snprintf(last, sizeof last, "%s", keys[n - 1].key);
    }
    return VARVE_OK;
}

static varve_status memory_remove(remote *base, const char *key, varve_error *err)
{
    memory_remote *r = (memory_remote *)base;
    remote_memory_request request = {.step = REMOTE_MEMORY_DELETE, .key = key};
    VV_TRY(outcome(ask(r, &request, false), err));
    remote_memory_set(r->store, key, NULL, 0);
    return outcome(ask(r, &request, true), err);
}

static void memory_close(remote *base)
{
    remote_done(base);
    free(base);
}

static const remote_type memory_type = {.close = memory_close,
                                        .get_abilities = memory_abilities,
                                        .put = memory_put,
                                        .put_file = memory_put_file,
                                        .get = memory_get,
                                        .stat = memory_stat,
                                        .list = memory_list,
                                        .remove = memory_remove};

remote *remote_open_memory(remote_memory *m, remote_memory_hook hook, void *arg)
{
    memory_remote *r = must(calloc(1, sizeof *r));
    r->store = m;
    r->hook = hook;
    r->arg = arg;
    if (remote_init(&r->base, &memory_type, "memory", NULL, NULL) != VARVE_OK) abort();
    return &r->base;
}

/* ---- past the hooks ------------------------------------------------------------------------- */

remote_memory *remote_memory_new(void)
{
    remote_memory *m = must(calloc(1, sizeof *m));
    (void)pthread_mutex_init(&m->lock, NULL);
    m->page = 1000;
    m->stale_changes = 1;
    m->can = (remote_abilities){true, true, true};
    return m;
}

void remote_memory_free(remote_memory *m)
{
    if (!m) return;
    for (size_t i = 0; i < m->count; i++) {
        free(m->objects[i].key);
        free(m->objects[i].bytes);
    }
    free(m->objects);
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

void remote_memory_set_clock(remote_memory *m, uint64_t now_ms)
{
    (void)pthread_mutex_lock(&m->lock);
    m->now_ms = now_ms;
    (void)pthread_mutex_unlock(&m->lock);
}

void remote_memory_set_page(remote_memory *m, size_t keys) { m->page = keys ? keys : 1; }

void remote_memory_set_abilities(remote_memory *m, remote_abilities can)
{
    (void)pthread_mutex_lock(&m->lock);
    m->can = can;
    (void)pthread_mutex_unlock(&m->lock);
}

void remote_memory_set_stale(remote_memory *m, uint64_t changes) { m->stale_changes = changes; }

bool remote_memory_has(remote_memory *m, const char *key)
{
    return remote_memory_bytes(m, key, NULL) != NULL;
}

size_t remote_memory_count(remote_memory *m)
{
    size_t n = 0;
    (void)pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < m->count; i++)
        n += m->objects[i].died == 0;
    (void)pthread_mutex_unlock(&m->lock);
    return n;
}

uint64_t remote_memory_changes(remote_memory *m)
{
    (void)pthread_mutex_lock(&m->lock);
    uint64_t n = m->changes;
    (void)pthread_mutex_unlock(&m->lock);
    return n;
}

const void *remote_memory_bytes(remote_memory *m, const char *key, size_t *ret_len)
{
    (void)pthread_mutex_lock(&m->lock);
    object *o = find(m, key);
    const void *bytes = o ? o->bytes : NULL;
    if (o && ret_len) *ret_len = o->len;
    (void)pthread_mutex_unlock(&m->lock);
    return bytes;
}

void remote_memory_set(remote_memory *m, const char *key, const void *bytes, size_t len)
{
    (void)pthread_mutex_lock(&m->lock);
    object *old = find(m, key);
    if (bytes)
        store_object(m, key, bytes, len);
    else if (old)
        kill_object(m, old);
    (void)pthread_mutex_unlock(&m->lock);
}
