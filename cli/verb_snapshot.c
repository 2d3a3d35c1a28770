/* verb_snapshot.c — `varve snapshot`: snapshots on the disk of the data. Here: which there are,
 * what they hold, whether they are sound, and away with one. */
#include "snapshots_order.h"

#include <stdio.h>

static const flag flags[] = {SNAPSHOTS_FLAGS, {NULL, 0, NULL, NULL}};
static const flag no_flags[] = {{NULL, 0, NULL, NULL}};

static varve_status list(const snapshots_order *o, varve_error *err)
{
    VV_CLEANUP(snapshot_list_done) snapshot_list all = {0};
    char root[SNAPSHOTS_PATH_MAX];
    VV_TRY(snapshots_root(o, root, err));
    VV_TRY(snapshot_list_read(root, &all, err));
    if (!o->json) snapshots_show_heading();
    for (size_t i = 0; i < all.count; i++)
        snapshots_show(&all.all[i], o->json);
    return VARVE_OK;
}

static varve_status info(const snapshots_order *o, varve_error *err)
{
    char path[SNAPSHOTS_PATH_MAX];
    snapshot_info about;
    VV_TRY(snapshots_path(o, path, err));
    VV_TRY(snapshot_inspect(path, &about, err));
    if (!o->json) snapshots_show_heading();
    snapshots_show(&about, o->json);
    return VARVE_OK;
}

static varve_status verify(const snapshots_order *o, varve_error *err)
{
    char path[SNAPSHOTS_PATH_MAX];
    VV_TRY(snapshots_path(o, path, err));
    VV_TRY(snapshot_verify(path, err));
    puts("sound");
    return VARVE_OK;
}

static varve_status delete (const snapshots_order *o, varve_error *err)
{
    char path[SNAPSHOTS_PATH_MAX];
    VV_TRY(snapshots_path(o, path, err));
    return snapshot_delete(path, err);
}

typedef varve_status action(const snapshots_order *o, varve_error *err);

static int run(const verb *self, int argc, char **argv, action *act)
{
    snapshots_order o = {0};
    varve_error err = {0};
    int code = snapshots_read(self, argc, argv, &o, act != list);
    if (code == VERB_OK) code = snapshots_refuse_url(self, &o);
    if (code != VERB_OK) return code;
    return act(&o, &err) == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

static int run_list(const verb *self, int argc, char **argv) { return run(self, argc, argv, list); }
static int run_info(const verb *self, int argc, char **argv) { return run(self, argc, argv, info); }
static int run_verify(const verb *self, int argc, char **argv)
{
    return run(self, argc, argv, verify);
}
static int run_delete(const verb *self, int argc, char **argv)
{
    return run(self, argc, argv, delete);
}

const verb verb_snapshot = {
    "snapshot",
    "Snapshots on the disk of the data",
    "create|list|info|verify|restore|delete",
    "A snapshot on the same disk helps against mistakes, not against the loss "
    "of the disk: that is\n'varve help backup'.",
    no_flags,
    verb_run_action};
const verb verb_snapshot_list = {
    "snapshot list", "Which snapshots there are", "FOLDER", NULL, flags, run_list};
const verb verb_snapshot_info = {
    "snapshot info", "What a snapshot holds", "FOLDER NAME", NULL, flags, run_info};
const verb verb_snapshot_verify = {
    "snapshot verify", "Read every checksum of a snapshot", "FOLDER NAME", NULL, flags, run_verify};
const verb verb_snapshot_delete = {
    "snapshot delete", "Away with a snapshot", "FOLDER NAME", NULL, flags, run_delete};
