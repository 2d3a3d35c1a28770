/* backup_kind_backup.c — the job "backup": the folder as it is now, into the repository. Writers do
 * not wait: a checkpoint by hard links, which is sent from there.
 *
 *   order  {kind "auto" | "full" | "incremental", pinned, class, new_timeline, take_over} */
#include "backup_order.h"
#include "backup_service_inner.h"

#include "base/clock.h"

#include <string.h>

typedef struct backup_order {
    backup_kind kind;
    bool full_if_due, pinned, new_timeline, take_over;
    const char *class;
} backup_order;

static varve_status read_kind(const json_t *j, backup_order *o, varve_error *err)
{
    const char *word;
    VV_TRY(order_text(j, "kind", &word, err));
    o->full_if_due = !word || strcmp(word, "auto") == 0;
    o->kind = BACKUP_AUTO;
    if (o->full_if_due) return VARVE_OK;
    if (strcmp(word, "full") == 0)
        o->kind = BACKUP_FULL;
    else if (strcmp(word, "incremental") == 0)
        o->kind = BACKUP_INCREMENTAL;
    else
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: kind is auto, full or incremental, not '%.40s'", word);
    return VARVE_OK;
}

static varve_status read_order(const json_t *j, backup_order *ret, varve_error *err)
{
    static const char *const names[] = {"kind",         "pinned",    "class",
                                        "new_timeline", "take_over", NULL};
    backup_order o = {0};
    VV_TRY(order_only(j, names, err));
    VV_TRY(read_kind(j, &o, err));
    VV_TRY(order_switch(j, "pinned", false, &o.pinned, err));
    VV_TRY(order_switch(j, "new_timeline", false, &o.new_timeline, err));
    VV_TRY(order_switch(j, "take_over", false, &o.take_over, err));
    VV_TRY(order_text(j, "class", &o.class, err));
    if (o.class && strlen(o.class) >= MANIFEST_WORD_SIZE)
        return vv_fail(err, VARVE_INVALID, "Invalid argument: class is longer than %d bytes",
                       MANIFEST_WORD_SIZE - 1);
    *ret = o;
    return VARVE_OK;
}

varve_status backup_kind_check(gateway *g, const json_t *order, varve_error *err)
{
    backup_order ignored;
    (void)g;
    return read_order(order, &ignored, err);
}

static backup_kind choose_kind(backup_service *s, const backup_order *o)
{
    backup_plan_past past;
    uint64_t sequence = backup_service_sequence(s);
    if (!o->full_if_due) return o->kind;
    (void)pthread_mutex_lock(&s->lock);
    backup_service_past_locked(s, sequence, &past);
    bool full = backup_plan_wants_full(&s->rules, &past);
    (void)pthread_mutex_unlock(&s->lock);
    return full ? BACKUP_FULL : BACKUP_AUTO;
}

static varve_status tell(const backup_result *r, json_t *result, varve_error *err)
{
    json_t *j = json_pack(
        "{s:b,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:f}", "skipped", r->skipped, "snapshot",
        r->snapshot.id, "kind", r->skipped ? "none" : manifest_kind_word(r->kind), "sequence",
        (json_int_t)r->snapshot.lsn, "timeline", (json_int_t)r->snapshot.timeline, "files",
        (json_int_t)r->files, "bytes", (json_int_t)r->bytes, "files_stored",
        (json_int_t)r->files_new, "bytes_stored", (json_int_t)r->bytes_new, "seconds", r->seconds);
    char reason[80];
    (void)snprintf(reason, sizeof reason, "no changes since sequence %llu",
                   (unsigned long long)r->snapshot.lsn);
    if (j && r->skipped) json_object_set_new(j, "reason", json_string(reason));
    int code = j ? json_object_update(result, j) : -1;
    json_decref(j);
    return code == 0 ? VARVE_OK : vv_fail(err, VARVE_NO_MEMORY, "no memory for the answer");
}

static varve_status run_leased(backup_service *s, backup_job *job, const backup_order *o,
                               backup_result *ret, varve_error *err)
{
    backup_seat seat;
    const backup_folder what = {.folder = s->g->root_path,
                                .db = s->g->db,
                                .no_digests = !s->g->config.backup_digests,
                                .digest_bytes_max = s->g->config.backup_digest_bytes_max};
    if (o->new_timeline || o->take_over)
        VV_TRY(backup_home_take(s->home, o->take_over, o->new_timeline, err));
    backup_job_stage(job, "connect");
    VV_TRY(backup_home_seat(s->home, &seat, err));
    backup_job_stage(job, "checkpoint");
    const backup_options options = {.kind = choose_kind(s, o),
                                    .retention_class = o->class,
                                    .pinned = o->pinned,
                                    .lease = seat.lease,
                                    .holder = seat.lease->holder,
                                    .threads = (size_t)s->g->config.backup_threads,
                                    .cancel = backup_job_cancel(job),
                                    .progress = backup_job_progress,
                                    .progress_arg = job};
    varve_error why = {0};
    varve_status status = backup_folder_run(seat.repo, &what, &options, ret, &why);
    backup_home_tell(s->home, status, &why);
    if (status != VARVE_OK && err) *err = why;
    return status;
}

varve_status backup_kind_run(backup_service *s, backup_job *job, json_t *result, varve_error *err)
{
    backup_order o;
    backup_result r = {0};
    VV_TRY(read_order(backup_job_order(job), &o, err));
    VV_TRY(run_leased(s, job, &o, &r, err));
    return tell(&r, result, err);
}

/* ---- the books ------------------------------------------------------------------------------- */

static uint64_t number(const json_t *result, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(result, key));
}

static void note_success_locked(backup_service *s, const backup_job *job, const json_t *result)
{
    backup_state *state = &s->state;
    bool skipped = json_is_true(json_object_get(result, "skipped"));
    const char *kind = json_string_value(json_object_get(result, "kind"));
    const char *snapshot = json_string_value(json_object_get(result, "snapshot"));
    state->last_ok.ms = job->started_ms;
    state->last_ok.lsn = number(result, "sequence");
    (void)snprintf(state->last_ok.snapshot, sizeof state->last_ok.snapshot, "%s",
                   snapshot ? snapshot : "");
    state->consecutive_failures = 0;
    if (state->notified_ms && state->notified_ms <= job->started_ms) state->notified_ms = 0;
    s->changed_ms = 0;
    if (skipped) return;
    state->last_ok.full = kind && strcmp(kind, "full") == 0;
    state->last_ok.took_ms = clock_wall_ms() - job->started_ms;
    state->last_ok.bytes_stored = number(result, "bytes_stored");
    state->last_ok.files_stored = number(result, "files_stored");
    state->bytes_stored += state->last_ok.bytes_stored;
    state->backups++;
    state->deltas_since_full = state->last_ok.full ? 0 : state->deltas_since_full + 1;
}

static void note_failure_locked(backup_service *s, const varve_error *err)
{
    backup_state *state = &s->state;
    state->failures++;
    state->consecutive_failures++;
    state->last_failure.ms = clock_wall_ms();
    (void)snprintf(state->last_failure.status, sizeof state->last_failure.status, "%s",
                   varve_status_name(err->status));
    (void)snprintf(state->last_failure.message, sizeof state->last_failure.message, "%s",
                   err->message);
}

static bool prune_is_due_locked(backup_service *s)
{
    const config *c = &s->g->config;
    retention_rules rules = backup_retention_of(c), none = {0};
    uint64_t since = clock_wall_ms() - s->state.last_prune_ms;
    return c->backup_prune && memcmp(&rules, &none, sizeof rules) != 0 &&
           since >= c->backup_prune_interval_s * 1000 && !atomic_load(&s->ending);
}

void backup_kind_after(backup_service *s, backup_job *job, const json_t *result,
                       const varve_error *err)
{
    backup_home_view home;
    varve_error wrong = {0};
    backup_home_look(s->home, &home);
    (void)pthread_mutex_lock(&s->lock);
    s->try_ms = clock_wall_ms();
    if (*home.repo_id) backup_state_bind(&s->state, home.repo_id);
    if (err->status == VARVE_OK) note_success_locked(s, job, result);
    if (err->status != VARVE_OK && err->status != VARVE_CANCELLED) note_failure_locked(s, err);
    backup_service_save_locked(s);
    bool prune = err->status == VARVE_OK && prune_is_due_locked(s);
    (void)pthread_mutex_unlock(&s->lock);
    if (!prune) return;
    json_t *order = json_pack("{s:b}", "dry_run", 0);
    if (backup_jobs_add(s, BACKUP_JOB_PRUNE, order, "retention", NULL, &wrong) != VARVE_OK)
        log_message(&s->g->log, LOG_WARN, "prune_not_queued", "%s", wrong.message);
}
