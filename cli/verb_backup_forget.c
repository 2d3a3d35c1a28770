/* verb_backup_forget.c — `varve backup forget`: a snapshot or pin that cannot be read, out of the
 * way of prune. */
#include "backup_order.h"
#include "backup_show.h"

#include <stdio.h>

static const flag flags[] = {REPOSITORY_FLAGS,
                             {"snapshot", FLAG_SNAPSHOT, "ID", "the snapshot, or the pin"},
                             {"yes", FLAG_YES, NULL, "do it (default: only tell)"},
                             {"json", FLAG_JSON, NULL, "a JSON object"},
                             {NULL, 0, NULL, NULL}};

typedef struct order {
    backup_order common;
    bool yes;
} order;

static int take_flag(void *arg, const verb *v, int key, const char *value)
{
    order *o = arg;
    (void)v, (void)value;
    if (key == FLAG_YES) o->yes = true;
    return VERB_OK;
}

static void show(const forget_result *f, bool yes, bool json)
{
    if (json) {
        backup_show_json(json_pack("{s:b,s:s,s:s,s:s}", "forgotten", yes, "key", f->key, "copy",
                                   f->copy, "why", f->why));
        return;
    }
    printf("%s\n  cannot be read: %s\n", f->key, f->why);
    if (yes)
        printf("  forgotten; its bytes lie in %s\n", f->copy);
    else
        puts("nothing was changed: --yes forgets it, and what it alone needs goes with a prune");
}

static varve_status forget(const order *o, varve_error *err)
{
    VV_CLEANUP(repository_done) repository_session session = {0};
    forget_result result;
    VV_TRY(repository_open(&o->common.repository, &session, err));
    VV_TRY(forget_run(session.repo, o->common.snapshot, o->yes, &result, err));
    show(&result, o->yes, o->common.json);
    return VARVE_OK;
}

static int run(const verb *self, int argc, char **argv)
{
    order o = {0};
    varve_error err = {0};
    int code = backup_order_read(self, argc, argv, &o.common, take_flag, &o);
    if (code != VERB_OK) return code;
    if (!o.common.snapshot) return verb_usage(self, "name one with --snapshot");
    return forget(&o, &err) == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_backup_forget = {
    "backup forget",
    "A snapshot or pin that cannot be read, out of the way of prune",
    "[FOLDER] --repo URL|PATH --snapshot ID [--yes]",
    "Prune deletes nothing while there is one whose needs nobody knows. Only tells, unless --yes.\n"
    "What can be read is refused, and what a newer version wrote. A copy stays in forgotten/.",
    flags,
    run};
