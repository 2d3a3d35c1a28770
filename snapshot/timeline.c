/* timeline.c — see timeline.h. */
#include "timeline.h"

#include "fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HISTORY_FORMAT 1

static void key_of(const repo *r, uint32_t number, char ret[NAMES_KEY_MAX])
{
    object_name n = {.kind = NAME_HISTORY, .timeline = number};
    memcpy(n.db_id, r->db_id, sizeof n.db_id);
    names_build(&n, ret);
}

static varve_status fill(const timeline *t, json_t *j, varve_error *err)
{
    char number[16];
    snprintf(number, sizeof number, "%08u", t->number);
    VV_TRY(fields_set(j, "format", fields_new_u64(HISTORY_FORMAT), err));
    VV_TRY(fields_set(j, "timeline", json_string(number), err));
    VV_TRY(fields_set(j, "holder", json_string(t->holder), err));
    VV_TRY(fields_set(j, "reason", json_string(t->reason), err));
    VV_TRY(fields_set(j, "time_ms", fields_new_u64(t->time_ms), err));
    if (!t->parent) return VARVE_OK;
    snprintf(number, sizeof number, "%08u", t->parent);
    VV_TRY(fields_set(j, "parent", json_string(number), err));
    return fields_set(j, "parent_lsn", fields_new_u64(t->parent_lsn), err);
}

static uint32_t read_number(fields *f, const char *name)
{
    const char *text = fields_text(f, name, 8);
    char again[16];
    unsigned long number = strtoul(text, NULL, 10);
    snprintf(again, sizeof again, "%08lu", number);
    if (number == 0 || strcmp(again, text) != 0) (void)fields_fail(f, name, "no timeline");
    return (uint32_t)number;
}

static varve_status read_one(repo *r, uint32_t number, timeline *ret, varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = NULL;
    char key[NAMES_KEY_MAX];
    timeline t = {0};
    key_of(r, number, key);
    VV_TRY(repo_read_json(r, key, REPO_SMALL_BYTES_MAX, &j, NULL, err));
    fields f = fields_begin(j, key, err);
    fields_format(&f, HISTORY_FORMAT);
    t.number = read_number(&f, "timeline");
    fields_id(&f, "holder", t.holder);
    const char *reason = fields_text(&f, "reason", sizeof t.reason - 1);
    memcpy(t.reason, reason, strlen(reason) + 1);
    t.time_ms = fields_u64(&f, "time_ms", INT64_MAX);
    if (fields_has(&f, "parent")) {
        t.parent = read_number(&f, "parent");
        t.parent_lsn = fields_u64(&f, "parent_lsn", INT64_MAX);
    }
    if (t.number != number || t.parent >= number)
        (void)fields_fail(&f, "timeline", "not that of its name, or its parent not older");
    VV_TRY(fields_end(&f));
    *ret = t;
    return VARVE_OK;
}

varve_status timeline_create(repo *r, const timeline *t, varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = json_object();
    VV_CLEANUP(buffer_done) buffer text = {0};
    char key[NAMES_KEY_MAX];
    timeline found;
    key_of(r, t->number, key);
    buffer_init(&text, REPO_SMALL_BYTES_MAX, key);
    VV_TRY(fill(t, j, err));
    VV_TRY(fields_dump(j, &text, err));
    varve_status status = repo_put_new(r, key, text.data, text.len, err);
    if (status != VARVE_EXISTS) return status;
    VV_TRY(read_one(r, t->number, &found, err));
    if (strcmp(found.holder, t->holder) == 0) return VARVE_OK;
    return vv_fail(err, VARVE_EXISTS, "timeline %u belongs to writer %s", t->number, found.holder);
}

/* ---- all of them ---- */

void timelines_done(timelines *t)
{
    free(t->items);
    *t = (timelines){0};
}

static varve_status add_number(void *arg, const object_name *name, const char *key, uint64_t size,
                               varve_error *err)
{
    timelines *t = arg;
    (void)key, (void)size;
    timeline *items = realloc(t->items, (t->count + 1) * sizeof *items);
    if (!items) return vv_fail(err, VARVE_NO_MEMORY, "no memory for timelines");
    items[t->count++] = (timeline){.number = name->timeline};
    t->items = items;
    return VARVE_OK;
}

varve_status timelines_read(repo *r, timelines *ret, varve_error *err)
{
    VV_CLEANUP(timelines_done) timelines t = {0};
    VV_TRY(repo_list_all(r, NAME_HISTORY, r->db_id, add_number, &t, err));
    for (size_t i = 0; i < t.count; i++)
        VV_TRY(read_one(r, t.items[i].number, &t.items[i], err));
    *ret = t;
    t = (timelines){0};
    return VARVE_OK;
}

const timeline *timelines_find(const timelines *t, uint32_t number)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->items[i].number == number) return &t->items[i];
    return NULL;
}

bool timelines_reach(const timelines *t, uint32_t of, uint32_t number, uint64_t lsn)
{
    for (uint32_t at = of; at > 0;) {
        if (at == number) return true;
        const timeline *line = timelines_find(t, at);
        if (!line || !line->parent || lsn > line->parent_lsn) return false;
        at = line->parent;
    }
    return false;
}
