/* backup_tell.c — what the hook of a failed job is told. */
#include "backup_hook.h"
#include "backup_service_inner.h"

#include "base/clock.h"

#include <stdlib.h>

static json_t *document(backup_service *s, const backup_job *job, const char *kind,
                        const varve_error *err)
{
    backup_home_view home;
    char now[32];
    backup_home_look(s->home, &home);
    clock_wall_text(clock_wall_ms(), now, sizeof now);
    (void)pthread_mutex_lock(&s->lock);
    backup_state state = s->state;
    (void)pthread_mutex_unlock(&s->lock);
    return json_pack("{s:s,s:s,s:s,s:I,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:s}", "event", "backup_failed",
                     "time", now, "kind", kind, "job", (json_int_t)job->id, "reason", job->reason,
                     "status", varve_status_name(err->status), "error", err->message, "repository",
                     home.where, "db_id", home.db_id, "consecutive_failures",
                     (json_int_t)state.consecutive_failures, "last_ok_ms",
                     (json_int_t)state.last_ok.ms, "last_ok_snapshot", state.last_ok.snapshot);
}

void backup_tell_failure(backup_service *s, const backup_job *job, const char *kind,
                         const varve_error *err)
{
    varve_error wrong = {0};
    const config *c = &s->g->config;
    if (!*c->backup_on_failure) return;
    json_t *j = document(s, job, kind, err);
    VV_CLEANUP(vv_freep) char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
    json_decref(j);
    if (!text) return;
    if (backup_hook_call(c->backup_on_failure, text, c->backup_on_failure_timeout_s * 1000,
                         &wrong) != VARVE_OK)
        log_message(&s->g->log, LOG_WARN, "backup_hook_failed", "%s", wrong.message);
}
