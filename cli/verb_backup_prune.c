/* verb_backup_prune.c — `varve backup prune`: what retention lets go, out of a repository. */
#include "backup_order.h"
#include "backup_show.h"
#include "text.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

static const flag flags[] = {
    REPOSITORY_FLAGS,
    {"keep-last", FLAG_KEEP_LAST, "N", "the newest N"},
    {"keep-hourly", FLAG_KEEP_HOURLY, "N", "the newest of each of the newest N hours"},
    {"keep-daily", FLAG_KEEP_DAILY, "N", "… days"},
    {"keep-weekly", FLAG_KEEP_WEEKLY, "N", "… weeks"},
    {"keep-monthly", FLAG_KEEP_MONTHLY, "N", "… months"},
    {"keep-yearly", FLAG_KEEP_YEARLY, "N", "… years"},
    {"min-age", FLAG_MIN_AGE, "SECONDS", "all that are younger"},
    {"yes", FLAG_YES, NULL, "delete (default: only tell)"},
    {"grace", FLAG_GRACE, "SECONDS", "objects younger than this stay (default: a day)"},
    {"wait", FLAG_WAIT, "SECONDS", "between looking and deleting (default: 60)"},
    {"alone", FLAG_ALONE, NULL, "nobody else works there: for stores without conditional puts"},
    {"json", FLAG_JSON, NULL, "a JSON object per snapshot, then one of the whole"},
    {NULL, 0, NULL, NULL}};

typedef struct order {
    backup_order common;
    prune_options prune;
} order;

static uint32_t *rule_of(retention_rules *rules, int key)
{
    switch (key) {
    case FLAG_KEEP_LAST: return &rules->last;
    case FLAG_KEEP_HOURLY: return &rules->hourly;
    case FLAG_KEEP_DAILY: return &rules->daily;
    case FLAG_KEEP_WEEKLY: return &rules->weekly;
    case FLAG_KEEP_MONTHLY: return &rules->monthly;
    case FLAG_KEEP_YEARLY: return &rules->yearly;
    default: return NULL;
    }
}

/* 1 is the library's word for none at all. */
static uint64_t to_ms(uint64_t seconds) { return seconds ? seconds * 1000 : 1; }

static int take_flag(void *arg, const verb *v, int key, const char *value)
{
    order *o = arg;
    uint32_t *rule = rule_of(&o->prune.rules, key);
    uint64_t n = 0;
    if (key == FLAG_YES) o->prune.yes = true;
    if (key == FLAG_ALONE) o->prune.alone = true;
    if (!value) return VERB_OK;
    if (!text_to_u64(value, strlen(value), &n) || n > UINT32_MAX)
        return verb_usage(v, "'%s' is no number", value);
    if (rule && n == 0) return verb_usage(v, "a rule keeps at least 1");
    if (rule) *rule = (uint32_t)n;
    if (key == FLAG_MIN_AGE) o->prune.rules.min_age_ms = to_ms(n);
    if (key == FLAG_GRACE) o->prune.grace_ms = to_ms(n);
    if (key == FLAG_WAIT) o->prune.wait_ms = to_ms(n);
    return VERB_OK;
}

static void show_snapshot(const prune_snapshot *s, bool json)
{
    char why[128], time[32];
    retention_why_text(s->why, why, sizeof why);
    if (json) {
        backup_show_json(json_pack("{s:s,s:I,s:b,s:s}", "snapshot", s->name.id, "created_unix_ms",
                                   (json_int_t)s->time_ms, "kept", s->why != 0, "why", why));
        return;
    }
    clock_wall_text(s->time_ms, time, sizeof time);
    printf("%s %s  %s%s\n", s->name.id, time, s->why ? "stays: " : "goes", why);
}

static void show(const prune_result *r, bool yes, bool json)
{
    for (size_t i = 0; i < r->snapshot_count; i++)
        show_snapshot(&r->snapshots[i], json);
    if (json) {
        backup_show_json(json_pack(
            "{s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:b}", "deleted", yes, "snapshots_gone",
            (json_int_t)r->snapshots_gone, "blobs", (json_int_t)r->blobs, "blobs_gone",
            (json_int_t)r->blobs_gone, "bytes_gone", (json_int_t)r->bytes_gone, "wal_gone",
            (json_int_t)r->wal_gone, "blobs_young", (json_int_t)r->blobs_young, "more", r->more));
        return;
    }
    printf("%s%zu of %zu snapshots, %llu of %llu objects (%llu bytes)%s\n",
           yes ? "deleted " : "would delete ", r->snapshots_gone, r->snapshot_count,
           (unsigned long long)r->blobs_gone, (unsigned long long)r->blobs,
           (unsigned long long)r->bytes_gone, r->more ? "; there is more, run it again" : "");
    if (r->blobs_young)
        printf("%llu objects that nobody needs are too young to go\n",
               (unsigned long long)r->blobs_young);
    if (!yes) puts("nothing was deleted: --yes does it");
}

static varve_status prune(const order *o, varve_error *err)
{
    VV_CLEANUP(repository_done) repository_session session = {0};
    VV_CLEANUP(prune_result_done) prune_result result = {0};
    VV_TRY(repository_open(&o->common.repository, &session, err));
    VV_TRY(prune_run(session.repo, &o->prune, &result, err));
    show(&result, o->prune.yes, o->common.json);
    return VARVE_OK;
}

static int run(const verb *self, int argc, char **argv)
{
    order o = {0};
    varve_error err = {0};
    int code = backup_order_read(self, argc, argv, &o.common, take_flag, &o);
    if (code != VERB_OK) return code;
    return prune(&o, &err) == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_backup_prune = {
    "backup prune",
    "Snapshots that are not kept, and what nobody needs, out of a repository",
    "[FOLDER] --repo URL|PATH [--keep-last N …] [--yes]",
    "Only tells, unless --yes. A snapshot stays if any rule keeps it, if it is pinned, the newest, "
    "or\n"
    "the newest that was verified; without a rule all stay. Safe while backups and restores run.",
    flags,
    run};
