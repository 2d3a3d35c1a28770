/* ship_state.c — the state file of a shipper: how far it is; see ship.h (2).
 *
 *   {db_id, foot, format, repo_id, shipped, timeline} */
#include "base/file.h"
#include "fields.h"
#include "ship_inner.h"

#include <string.h>

#define STATE_FORMAT    1
#define STATE_BYTES_MAX 4096

static varve_status parse(const ship *s, const char *text, size_t len, ship_state *ret,
                          varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = NULL;
    char repo_id[NAMES_ID_SIZE] = "", db_id[NAMES_ID_SIZE] = "";
    ship_state state = {0};
    VV_TRY(fields_parse(text, len, s->state_path, &j, err));
    fields f = fields_begin(j, s->state_path, err);
    fields_format(&f, STATE_FORMAT);
    fields_id(&f, "repo_id", repo_id);
    fields_id(&f, "db_id", db_id);
    state.timeline = (uint32_t)fields_u64(&f, "timeline", NAMES_TIMELINE_MAX);
    state.shipped = fields_u64(&f, "shipped", INT64_MAX);
    fields_sum(&f, "foot", state.foot);
    VV_TRY(fields_end(&f));
    bool ours = strcmp(repo_id, s->r->repo_id) == 0 && strcmp(db_id, s->r->db_id) == 0;
    *ret = ours ? state : (ship_state){0};
    return VARVE_OK;
}

/* A file that cannot be read for what is in it is as good as none: the repository knows. */
varve_status ship_state_read(const ship *s, ship_state *ret, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *text = NULL;
    size_t len = 0;
    ship_state state = {0};
    varve_status status = file_read(s->state_path, STATE_BYTES_MAX, &text, &len, err);
    if (status == VARVE_OK) status = parse(s, text, len, &state, err);
    if (status == VARVE_NOT_FOUND || status == VARVE_CORRUPT || status == VARVE_LIMIT)
        state = (ship_state){0};
    else
        VV_TRY(status);
    *ret = state;
    return VARVE_OK;
}

varve_status ship_state_write(const ship *s, const ship_state *state, varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = json_object();
    VV_CLEANUP(buffer_done) buffer text = {0};
    VV_TRY(fields_set(j, "format", fields_new_u64(STATE_FORMAT), err));
    VV_TRY(fields_set(j, "repo_id", json_string(s->r->repo_id), err));
    VV_TRY(fields_set(j, "db_id", json_string(s->r->db_id), err));
    VV_TRY(fields_set(j, "timeline", fields_new_u64(state->timeline), err));
    VV_TRY(fields_set(j, "shipped", fields_new_u64(state->shipped), err));
    VV_TRY(fields_set(j, "foot", fields_new_sum(state->foot), err));
    buffer_init(&text, STATE_BYTES_MAX, "state of the shipper");
    VV_TRY(fields_dump(j, &text, err));
    return file_replace(s->state_path, text.data, text.len, err);
}

varve_status ship_begin_at(repo *r, const char *state, uint32_t timeline, uint64_t sequence,
                           varve_error *err)
{
    ship s = {.r = r};
    const ship_state at = {.timeline = timeline, .shipped = sequence};
    VV_TRY(file_make_dir(state, err));
    VV_TRY(file_join(s.state_path, sizeof s.state_path, state, "shipped", err));
    return ship_state_write(&s, &at, err);
}
