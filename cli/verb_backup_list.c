/* verb_backup_list.c — `varve backup list` and `info`: which snapshots a repository has, and what
 * is in one. */
#include "backup_order.h"
#include "backup_show.h"

#include <stdio.h>

static const flag list_flags[] = {REPOSITORY_FLAGS,
                                  {"json", FLAG_JSON, NULL, "a JSON object per snapshot"},
                                  {NULL, 0, NULL, NULL}};
static const flag info_flags[] = {REPOSITORY_FLAGS,
                                  {"snapshot", FLAG_SNAPSHOT, "ID", "which (default: latest)"},
                                  {"json", FLAG_JSON, NULL, "a JSON object"},
                                  {NULL, 0, NULL, NULL}};

/* One that cannot be read does not hide the others. */
static varve_status show_one(repo *r, const object_name *name, bool json, varve_error *err)
{
    VV_CLEANUP(manifest_done) manifest m = {0};
    VV_TRY(snapshots_load(r, name, &m, err));
    backup_show_snapshot(&m, json);
    return VARVE_OK;
}

static varve_status list(const backup_order *o, varve_error *err)
{
    VV_CLEANUP(repository_done) repository_session session = {0};
    VV_CLEANUP(snapshots_done) snapshots all = {0};
    varve_status status = VARVE_OK;
    VV_TRY(repository_open(&o->repository, &session, err));
    VV_TRY(snapshots_list(session.repo, session.repo->db_id, &all, err));
    if (!o->json) backup_show_heading();
    for (size_t i = 0; i < all.count; i++) {
        varve_error wrong = {0};
        varve_status one = show_one(session.repo, &all.items[i], o->json, &wrong);
        if (one == VARVE_OK || status != VARVE_OK) continue;
        status = one;
        if (err) *err = wrong;
    }
    return status;
}

static varve_status info(const backup_order *o, varve_error *err)
{
    VV_CLEANUP(repository_done) repository_session session = {0};
    VV_CLEANUP(manifest_done) manifest m = {0};
    object_name name;
    VV_TRY(repository_open(&o->repository, &session, err));
    if (o->snapshot)
        VV_TRY(snapshots_find(session.repo, o->snapshot, &name, err));
    else
        VV_TRY(snapshots_newest(session.repo, UINT64_MAX, &name, err));
    VV_TRY(snapshots_load(session.repo, &name, &m, err));
    backup_show_details(&m, o->json);
    return VARVE_OK;
}

static int run(const verb *self, int argc, char **argv,
               varve_status (*act)(const backup_order *o, varve_error *err))
{
    backup_order o = {0};
    varve_error err = {0};
    int code = backup_order_read(self, argc, argv, &o, NULL, NULL);
    if (code != VERB_OK) return code;
    return act(&o, &err) == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

static int run_list(const verb *self, int argc, char **argv) { return run(self, argc, argv, list); }
static int run_info(const verb *self, int argc, char **argv) { return run(self, argc, argv, info); }

const verb verb_backup_list = {
    "backup list", "Which snapshots a repository has", "[FOLDER] --repo URL|PATH", NULL, list_flags,
    run_list};
const verb verb_backup_info = {"backup info",
                               "What is in a snapshot of a repository",
                               "[FOLDER] --repo URL|PATH [--snapshot ID]",
                               NULL,
                               info_flags,
                               run_info};
