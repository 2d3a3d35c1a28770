/* pins.c — see pins.h. */
#include "pins.h"

#include "fields.h"

#include <stdlib.h>
#include <string.h>

#define PIN_FORMAT 1

static const char *const kinds[] = {
#define X(name, word) [PIN_##name] = word,
    PIN_KIND_TABLE(X)
#undef X
};

/* ---- write ---- */

static varve_status set_blobs(json_t *j, const pin *p, varve_error *err)
{
    json_t *list = json_array();
    VV_TRY(fields_set(j, "blobs", list, err));
    for (size_t i = 0; i < p->blob_count; i++)
        if (json_array_append_new(list, fields_new_sum(p->blobs[i])) != 0)
            return vv_fail(err, VARVE_NO_MEMORY, "no memory for a pin");
    return VARVE_OK;
}

static varve_status set_wal(json_t *j, const pin *p, varve_error *err)
{
    json_t *wal = json_object();
    VV_TRY(fields_set(j, "wal", wal, err));
    VV_TRY(fields_set(wal, "timeline", fields_new_u64(p->timeline), err));
    return fields_set(wal, "from", fields_new_u64(p->wal_from), err);
}

static varve_status put(repo *r, const char *key, const pin *p, remote_when when, const char *tag,
                        char *ret_tag, varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = json_object();
    VV_TRY(fields_set(j, "format", fields_new_u64(PIN_FORMAT), err));
    VV_TRY(fields_set(j, "kind", json_string(kinds[p->kind]), err));
    VV_TRY(fields_set(j, "id", json_string(p->id), err));
    VV_TRY(fields_set(j, "heartbeat_ms", fields_new_u64(p->heartbeat_ms), err));
    VV_TRY(fields_set(j, "expires_ms", fields_new_u64(p->expires_ms), err));
    VV_TRY(fields_set(j, "revoked", json_boolean(p->revoked), err));
    VV_TRY(set_blobs(j, p, err));
    if (p->has_wal) VV_TRY(set_wal(j, p, err));
    return repo_put_json(r, key, j, PIN_BYTES_MAX, when, tag, ret_tag, err);
}

static void beat(pin_handle *h)
{
    h->pin.heartbeat_ms = env_now_ms(&h->r->env);
    h->pin.expires_ms = h->life_ms ? h->pin.heartbeat_ms + h->life_ms : 0;
}

/* A reader's restore goes on without. */
static bool is_left_out(const repo *r, const pin *what)
{
    return r->read_only && (what->kind == PIN_RESTORE || what->kind == PIN_DRILL);
}

varve_status pin_take(repo *r, const pin *what, uint64_t life_ms, pin_handle *ret, varve_error *err)
{
    pin_handle h = {.r = r, .pin = *what, .life_ms = life_ms};
    object_name name = {.kind = NAME_PIN};
    if (is_left_out(r, what)) {
        *ret = h;
        return VARVE_OK;
    }
    VV_TRY(env_make_id(&r->env, h.pin.id, err));
    memcpy(name.db_id, r->db_id, sizeof name.db_id);
    memcpy(name.id, h.pin.id, sizeof name.id);
    names_build(&name, h.key);
    beat(&h);
    remote_when when = r->can.put_if_absent ? REMOTE_IF_ABSENT : REMOTE_ALWAYS;
    VV_TRY(put(r, h.key, &h.pin, when, NULL, h.tag, err));
    *ret = h;
    return VARVE_OK;
}

static varve_status lost(const pin_handle *h, varve_error *err)
{
    return vv_fail(err, VARVE_CONFLICT,
                   "the pin '%s' was revoked: too much time passed since its last renewal", h->key);
}

varve_status pin_renew(pin_handle *h, varve_error *err)
{
    pin_handle next = *h;
    if (!*h->key) return VARVE_OK;
    beat(&next);
    remote_when when = REMOTE_IF_TAG;
    if (!h->r->can.put_if_tag) {
        remote_stat_result found;
        when = REMOTE_ALWAYS;
        varve_status there = remote_stat(h->r->remote, h->key, &found, err);
        if (there == VARVE_NOT_FOUND) return lost(h, err);
        VV_TRY(there);
    }
    varve_status status =
        put(h->r, h->key, &next.pin, when, when == REMOTE_IF_TAG ? h->tag : NULL, next.tag, err);
    if (status == VARVE_CONFLICT || status == VARVE_NOT_FOUND) return lost(h, err);
    VV_TRY(status);
    *h = next;
    return VARVE_OK;
}

varve_status pin_keep(pin_handle *h, varve_error *err)
{
    uint64_t now = env_now_ms(&h->r->env);
    bool fresh = !h->life_ms || now + h->life_ms / 2 < h->pin.expires_ms;
    return fresh ? VARVE_OK : pin_renew(h, err);
}

varve_status pin_drop(pin_handle *h, varve_error *err)
{
    return *h->key ? remote_delete(h->r->remote, h->key, err) : VARVE_OK;
}

varve_status pin_revoke(repo *r, const char *key, const pin *p, const char *tag, varve_error *err)
{
    pin revoked = *p;
    revoked.revoked = true;
    return put(r, key, &revoked, REMOTE_IF_TAG, tag, NULL, err);
}

/* ---- read ---- */

void pin_done(pin *p)
{
    free(p->memory);
    *p = (pin){0};
}

static void read_kind(fields *f, pin *p)
{
    const char *word = fields_text(f, "kind", 16);
    for (size_t i = 0; i < PIN_KIND_COUNT; i++) {
        if (strcmp(word, kinds[i]) != 0) continue;
        p->kind = (pin_kind)i;
        return;
    }
    (void)fields_fail(f, "kind", "unknown");
}

static void read_blobs(fields *f, pin *p)
{
    const json_t *list = fields_array(f, "blobs", PIN_BLOBS_MAX);
    p->blob_count = json_array_size(list);
    p->memory = calloc(VV_MAX(p->blob_count, (size_t)1), SUMS_BYTES);
    if (!p->memory && f->status == VARVE_OK)
        f->status = vv_fail(f->err, VARVE_NO_MEMORY, "no memory for a pin");
    for (size_t i = 0; f->status == VARVE_OK && i < p->blob_count; i++) {
        const char *hex = json_string_value(json_array_get(list, i));
        if (!hex || !sums_parse_hex(hex, p->memory[i]))
            (void)fields_fail(f, "blobs", "no list of SHA-256");
    }
    p->blobs = (const uint8_t(*)[SUMS_BYTES])p->memory;
}

static void read_wal(fields *f, pin *p)
{
    p->has_wal = fields_has(f, "wal");
    if (!p->has_wal) return;
    fields wal = fields_begin(fields_object(f, "wal"), f->what, f->err);
    p->timeline = (uint32_t)fields_u64(&wal, "timeline", NAMES_TIMELINE_MAX);
    p->wal_from = fields_u64(&wal, "from", INT64_MAX);
    varve_status status = fields_end(&wal);
    if (f->status == VARVE_OK) f->status = status;
}

varve_status pin_read(repo *r, const char *key, pin *ret, char ret_tag[REMOTE_TAG_MAX],
                      varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = NULL;
    VV_CLEANUP(pin_done) pin p = {0};
    VV_TRY(repo_read_json(r, key, PIN_BYTES_MAX, &j, ret_tag, err));
    fields f = fields_begin(j, key, err);
    fields_format(&f, PIN_FORMAT);
    read_kind(&f, &p);
    fields_id(&f, "id", p.id);
    p.heartbeat_ms = fields_u64(&f, "heartbeat_ms", INT64_MAX);
    p.expires_ms = fields_u64(&f, "expires_ms", INT64_MAX);
    p.revoked = fields_bool(&f, "revoked");
    read_blobs(&f, &p);
    read_wal(&f, &p);
    VV_TRY(fields_end(&f));
    *ret = p;
    p = (pin){0};
    return VARVE_OK;
}
