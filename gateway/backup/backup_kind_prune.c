/* backup_kind_prune.c — the job "prune": what retention lets go, and what nobody needs, out of the
 * repository. Only told, unless the order says otherwise.
 *
 *   order  {dry_run true, keep_last … keep_yearly, min_age_s, grace_s, wait_s, alone}; without any
 *          rule those of the settings */
#include "backup_order.h"
#include "backup_service_inner.h"

#include "base/clock.h"

#include <string.h>

retention_rules backup_retention_of(const config *c)
{
    return (retention_rules){.last = (uint32_t)c->backup_keep_last,
                             .hourly = (uint32_t)c->backup_keep_hourly,
                             .daily = (uint32_t)c->backup_keep_daily,
                             .weekly = (uint32_t)c->backup_keep_weekly,
                             .monthly = (uint32_t)c->backup_keep_monthly,
                             .yearly = (uint32_t)c->backup_keep_yearly,
                             .min_age_ms = c->backup_min_age_s * 1000};
}

static varve_status read_rules(const json_t *j, retention_rules *r, bool *ret_any, varve_error *err)
{
    const struct {
        const char *key;
        uint32_t *value;
    } rules[] = {{"keep_last", &r->last},       {"keep_hourly", &r->hourly},
                 {"keep_daily", &r->daily},     {"keep_weekly", &r->weekly},
                 {"keep_monthly", &r->monthly}, {"keep_yearly", &r->yearly}};
    uint64_t age_s = 0;
    for (size_t i = 0; i < VV_COUNT(rules); i++) {
        uint64_t n = 0;
        VV_TRY(order_number(j, rules[i].key, UINT32_MAX, &n, err));
        *rules[i].value = (uint32_t)n;
        *ret_any = *ret_any || n;
    }
    VV_TRY(order_number(j, "min_age_s", UINT32_MAX, &age_s, err));
    r->min_age_ms = age_s * 1000;
    *ret_any = *ret_any || age_s;
    return VARVE_OK;
}

/* 1 is the library's word for none at all. */
static uint64_t to_ms(uint64_t seconds) { return seconds ? seconds * 1000 : 1; }

static varve_status read_order(const config *c, const json_t *j, prune_options *ret,
                               varve_error *err)
{
    static const char *const names[] = {"dry_run",     "keep_last",    "keep_hourly", "keep_daily",
                                        "keep_weekly", "keep_monthly", "keep_yearly", "min_age_s",
                                        "grace_s",     "wait_s",       "alone",       NULL};
    prune_options o = {0};
    bool dry = true, any = false;
    uint64_t grace_s = c->backup_prune_grace_s, wait_s = c->backup_prune_wait_s;
    VV_TRY(order_only(j, names, err));
    VV_TRY(order_switch(j, "dry_run", true, &dry, err));
    VV_TRY(order_switch(j, "alone", c->backup_alone, &o.alone, err));
    VV_TRY(read_rules(j, &o.rules, &any, err));
    VV_TRY(order_number(j, "grace_s", UINT32_MAX, &grace_s, err));
    VV_TRY(order_number(j, "wait_s", 86400, &wait_s, err));
    if (!any) o.rules = backup_retention_of(c);
    o.yes = !dry;
    o.grace_ms = to_ms(grace_s);
    o.wait_ms = to_ms(wait_s);
    *ret = o;
    return VARVE_OK;
}

varve_status prune_kind_check(gateway *g, const json_t *order, varve_error *err)
{
    prune_options ignored;
    return read_order(&g->config, order, &ignored, err);
}

static varve_status tell(const prune_result *r, bool yes, json_t *result, varve_error *err)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < r->snapshot_count; i++) {
        const prune_snapshot *s = &r->snapshots[i];
        char why[128];
        retention_why_text(s->why, why, sizeof why);
        json_array_append_new(list, json_pack("{s:s,s:I,s:b,s:s}", "snapshot", s->name.id,
                                              "created_unix_ms", (json_int_t)s->time_ms, "kept",
                                              s->why != 0, "why", why));
    }
    json_t *j =
        json_pack("{s:b,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:b}", "dry_run", !yes, "snapshots", list,
                  "snapshots_gone", (json_int_t)r->snapshots_gone, "objects", (json_int_t)r->blobs,
                  "objects_gone", (json_int_t)r->blobs_gone, "bytes_gone",
                  (json_int_t)r->bytes_gone, "wal_gone", (json_int_t)r->wal_gone, "objects_young",
                  (json_int_t)r->blobs_young, "more", r->more);
    int code = j ? json_object_update(result, j) : -1;
    json_decref(j);
    return code == 0 ? VARVE_OK : vv_fail(err, VARVE_NO_MEMORY, "no memory for the answer");
}

varve_status prune_kind_run(backup_service *s, backup_job *job, json_t *result, varve_error *err)
{
    VV_CLEANUP(prune_result_done) prune_result r = {0};
    prune_options o;
    repo *repo;
    VV_TRY(read_order(&s->g->config, backup_job_order(job), &o, err));
    o.cancel = backup_job_cancel(job);
    backup_job_stage(job, "connect");
    VV_TRY(backup_home_repo(s->home, &repo, err));
    backup_job_stage(job, o.yes ? "prune" : "look");
    VV_TRY(prune_run(repo, &o, &r, err));
    if (o.yes) {
        (void)pthread_mutex_lock(&s->lock);
        s->state.last_prune_ms = clock_wall_ms();
        backup_service_save_locked(s);
        (void)pthread_mutex_unlock(&s->lock);
    }
    return tell(&r, o.yes, result, err);
}
