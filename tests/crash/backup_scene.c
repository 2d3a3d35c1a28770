/* backup_scene.c — see backup_scene.h. */
#include "backup_scene.h"
#include "walk.h"

#include "db_model.h"
#include "snapshot.h"

#include <string.h>
#include <unistd.h>

#define DB        "00000000-0000-4000-8000-0000000000db"
#define HOLDER    "00000000-0000-4000-8000-00000000aaaa"
#define SEED      3
#define DAY_MS    ((uint64_t)86400000)
#define NEEDED_AT 512 /* blobs of all snapshots, at the most */

void scene_paths(scene *s)
{
    const char *dir = s->dir.path;
    snprintf(s->data, sizeof s->data, "%s/data", dir);
    snprintf(s->repo, sizeof s->repo, "%s/repo", dir);
    snprintf(s->state, sizeof s->state, "%s/state", dir);
    snprintf(s->standing, sizeof s->standing, "%s/standing", dir);
    snprintf(s->out, sizeof s->out, "%s/out", dir);
    snprintf(s->check, sizeof s->check, "%s/check", dir);
    snprintf(s->root, sizeof s->root, "%s/snapshots", dir);
    snprintf(s->old, sizeof s->old, "%s/old", s->root);
    snprintf(s->new, sizeof s->new, "%s/new", s->root);
}

/* ---- the folder ---- */

static varve_status open_data(const scene *s, varve **ret, varve_error *err)
{
    varve_options o;
    model_small_options(&o);
    return varve_open(s->data, &o, ret, err);
}

static void work(varve_collection *c, model *m, int from, int to)
{
    varve_error err = {0};
    for (int i = from; i < to; i++) {
        model_step step;
        model_plan(m, &step);
        varve_status expected = model_expect(m, &step), status = model_do(&step, c, &err);
        if (status != expected) must(status == VARVE_OK ? VARVE_INTERNAL : status, &err);
        if (status == VARVE_OK) model_apply(m, &step);
        if (i % 10 == 9) must(varve_collection_checkpoint(c, &err), &err);
    }
}

/* The rows after this many steps, or after as many as `other`. */
static bool holds(scene *s, const char *path, int steps, int other)
{
    varve *db = NULL;
    varve_collection *c = NULL;
    varve_error err = {0};
    varve_options o;
    model m;
    char ignored[256];
    model_small_options(&o);
    if (!sound(s, path)) return false;
    if (varve_open(path, &o, &db, &err) != VARVE_OK ||
        varve_collection_open(db, "default", "docs", &c, &err) != VARVE_OK)
        return differs(s, "%s: %s", path, err.message);
    walk_replay(&m, SEED, steps);
    bool same = model_check(&m, c, s->difference, sizeof s->difference);
    walk_replay(&m, SEED, other);
    same = same || model_check(&m, c, ignored, sizeof ignored);
    varve_collection_release(c);
    if (varve_close(db, &err) != VARVE_OK) return differs(s, "close %s: %s", path, err.message);
    return same && sound(s, path);
}

/* ---- the repository ---- */

typedef struct place { /* an opened one; the clock may be ahead */
    remote *remote;
    repo *repo;
    uint64_t ahead_ms;
} place;

static uint64_t now_ms(void *arg)
{
    return snapshot_env_real.now_ms(snapshot_env_real.arg) + ((const place *)arg)->ahead_ms;
}

static varve_status make_random(void *arg, void *ret, size_t len, varve_error *err)
{
    (void)arg;
    return snapshot_env_real.random(snapshot_env_real.arg, ret, len, err);
}

static void no_sleep(void *arg, uint64_t ms) { (void)arg, (void)ms; }

static varve_status place_open(const scene *s, uint64_t ahead_ms, place *p, varve_error *err)
{
    const snapshot_env env = {
        .now_ms = now_ms, .sleep_ms = no_sleep, .random = make_random, .arg = p};
    const secret_source secret = {.passphrase = "a passphrase", .scrypt_log2n = 4};
    const repo_options options = {
        .db_id = DB, .create = true, .secret = s->sealed ? &secret : NULL, .env = &env};
    *p = (place){.ahead_ms = ahead_ms};
    VV_TRY(remote_open(s->repo, NULL, true, NULL, &p->remote, err));
    return repo_open(p->remote, &options, &p->repo, err);
}

static void place_done(place *p)
{
    repo_close(p->repo);
    remote_close(p->remote);
}

static varve_status describe(varve *db, manifest_collection *ret, varve_error *err)
{
    varve_collection *c = NULL;
    varve_collection_stats of;
    VV_TRY(varve_collection_open(db, "default", "docs", &c, err));
    varve_status status = varve_collection_get_stats(c, &of, err);
    varve_collection_release(c);
    *ret = (manifest_collection){.id = of.id,
                                 .database = "default",
                                 .name = "docs",
                                 .rows = of.rows_live,
                                 .deleted = of.rows_deleted};
    return status;
}

static varve_status back_up(const scene *s, varve *db, varve_error *err)
{
    VV_CLEANUP(place_done) place p = {0};
    manifest_collection docs;
    varve_checkpoint_info info;
    backup_result result;
    VV_TRY(file_remove_tree(s->standing, err));
    VV_TRY(varve_checkpoint_to(db, s->standing, &info, err));
    VV_TRY(describe(db, &docs, err));
    VV_TRY(place_open(s, 0, &p, err));
    const backup_options options = {.folder = s->standing,
                                    .sequence = info.sequence,
                                    .commit_ms = info.time_ms,
                                    .storage_format = 3,
                                    .collections = &docs,
                                    .collection_count = 1,
                                    .holder = HOLDER,
                                    .state = s->state,
                                    .check_share = 1,
                                    .inline_max = s->sealed ? 2000 : 0};
    VV_TRY(backup_run(p.repo, &options, &result, err));
    return file_remove_tree(s->standing, err);
}

static varve_status restore(const scene *s, const char *to, varve_error *err)
{
    VV_CLEANUP(place_done) place p = {0};
    restore_result result;
    const restore_options options = {.folder = to, .threads = 1};
    VV_TRY(place_open(s, 0, &p, err));
    return restore_run(p.repo, &options, &result, err);
}

static varve_status prune(const scene *s, uint64_t ahead_ms, varve_error *err)
{
    VV_CLEANUP(place_done) place p = {0};
    prune_result result = {0};
    const prune_options options = {.rules.last = 1, .yes = true, .grace_ms = 1, .wait_ms = 1};
    VV_TRY(place_open(s, ahead_ms, &p, err));
    VV_TRY(prune_run(p.repo, &options, &result, err));
    prune_result_done(&result);
    return VARVE_OK;
}

/* ---- actions ---- */

static varve_status act_on(const scene *s, varve *db, scene_action a, varve_error *err)
{
    snapshot_info info;
    const snapshot_scope all = {NULL, NULL}, one = {"default", "docs"};
    const snapshot_restore_request request = {.path = s->old, .overwrite = true};
    switch (a) {
    case SCENE_CREATE: return back_up(s, db, err);
    case SCENE_SNAPSHOT: return snapshot_create(db, all, s->new, &info, err);
    case SCENE_SNAPSHOT_ONE: return snapshot_create(db, one, s->new, &info, err);
    case SCENE_PUT_BACK: return snapshot_restore(db, &request, &info, err);
    default: return vv_fail(err, VARVE_INTERNAL, "an action without a folder");
    }
}

varve_status scene_act(const scene *s, scene_action a, varve_error *err)
{
    varve *db = NULL;
    switch (a) {
    case SCENE_RESTORE: return restore(s, s->out, err);
    case SCENE_PRUNE: return prune(s, 0, err);
    case SCENE_PUT_BESIDE: return snapshot_restore_folder(s->old, s->out, err);
    case SCENE_DELETE: return snapshot_delete(s->old, err);
    default: break;
    }
    VV_TRY(open_data(s, &db, err));
    varve_status status = act_on(s, db, a, err);
    varve_status closed = varve_close(db, status == VARVE_OK ? err : NULL);
    return status != VARVE_OK ? status : closed;
}

void scene_make(scene *s)
{
    varve *db = NULL;
    varve_collection *c = NULL;
    varve_error err = {0};
    snapshot_info info;
    model m;
    model_init(&m, SEED);
    must(open_data(s, &db, &err), &err);
    must(varve_collection_create(db, "default", "docs", NULL, &c, &err), &err);
    work(c, &m, 0, SCENE_FIRST);
    must(snapshot_create(db, (snapshot_scope){NULL, NULL}, s->old, &info, &err), &err);
    must(back_up(s, db, &err), &err);
    work(c, &m, SCENE_FIRST, SCENE_SECOND);
    must(back_up(s, db, &err), &err);
    work(c, &m, SCENE_SECOND, SCENE_STEPS);
    varve_collection_release(c);
    must(varve_close(db, &err), &err);
}

/* ---- the look: the repository ---- */

/* Everything that is listed is sound in full; *ret: how many. */
static bool listed_is_sound(scene *s, size_t *ret)
{
    VV_CLEANUP(place_done) place p = {0};
    VV_CLEANUP(verify_report_done) verify_report report = {0};
    varve_error err = {0};
    const verify_options options = {.level = VERIFY_FULL, .scratch = s->check, .threads = 1};
    if (place_open(s, 0, &p, &err) != VARVE_OK ||
        verify_run(p.repo, &options, &report, &err) != VARVE_OK)
        return differs(s, "verify: %s", err.message);
    *ret = report.snapshots;
    if (report.count) return differs(s, "a false backup: %s", report.findings[0]);
    return true;
}

static bool newest_holds(scene *s, int steps)
{
    varve_error err = {0};
    if (file_remove_tree(s->check, &err) != VARVE_OK || restore(s, s->check, &err) != VARVE_OK)
        return differs(s, "restore of the newest: %s", err.message);
    bool same = holds(s, s->check, steps, steps);
    if (file_remove_tree(s->check, &err) != VARVE_OK) return differs(s, "%s", err.message);
    return same;
}

typedef struct objects { /* of a repository, and what its manifests name */
    place *p;
    scene *s;
    char needed[NEEDED_AT][NAMES_KEY_MAX];
    size_t needed_count, blobs;
    bool fine;
} objects;

static bool is_needed(const objects *o, const char *key)
{
    for (size_t i = 0; i < o->needed_count; i++)
        if (strcmp(o->needed[i], key) == 0) return true;
    return false;
}

static void need(objects *o, const manifest_file *f)
{
    char key[NAMES_KEY_MAX];
    manifest_blob_key(f, key);
    if (is_needed(o, key)) return;
    if (o->needed_count == NEEDED_AT) abort();
    memcpy(o->needed[o->needed_count++], key, sizeof key);
}

static varve_status need_all(objects *o, varve_error *err)
{
    VV_CLEANUP(snapshots_done) snapshots list = {0};
    VV_TRY(snapshots_list(o->p->repo, DB, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        VV_CLEANUP(manifest_done) manifest m = {0};
        VV_TRY(snapshots_load(o->p->repo, &list.items[i], &m, err));
        for (size_t f = 0; f < m.file_count; f++)
            need(o, &m.files[f]);
        if (m.listed) need(o, &m.list);
    }
    return VARVE_OK;
}

static varve_status judge_key(void *arg, const char *key, uint64_t size, varve_error *err)
{
    objects *o = arg;
    object_name name = {0}, found;
    (void)size, (void)err;
    bool ours = names_parse(key, &name);
    bool fixed =
        ours && (name.kind == NAME_REPO || name.kind == NAME_KEY || name.kind == NAME_WRITER ||
                 name.kind == NAME_HISTORY || name.kind == NAME_SNAP);
    if (ours && name.kind == NAME_VERIFIED)
        fixed = snapshots_find(o->p->repo, name.id, &found, NULL) == VARVE_OK;
    if (ours && name.kind == NAME_BLOB) fixed = is_needed(o, key);
    o->blobs += ours && name.kind == NAME_BLOB;
    if (!fixed && o->fine) o->fine = differs(o->s, "an orphan is left: %s", key);
    return VARVE_OK;
}

static bool no_orphans(scene *s)
{
    VV_CLEANUP(place_done) place p = {0};
    varve_error err = {0};
    objects *o = calloc(1, sizeof *o);
    if (!o) abort();
    *o = (objects){.p = &p, .s = s, .fine = true};
    varve_status status = place_open(s, 0, &p, &err);
    if (status == VARVE_OK) status = need_all(o, &err);
    if (status == VARVE_OK) status = remote_list(p.remote, "", NULL, judge_key, o, &err);
    bool fine = status == VARVE_OK && o->fine;
    if (status != VARVE_OK) differs(s, "list: %s", err.message);
    if (fine && o->blobs != o->needed_count)
        fine = differs(s, "%zu blobs where %zu are named", o->blobs, o->needed_count);
    free(o);
    return fine;
}

/* Pins and records of the dead are revoked by one collection and gone after the next. Retention
 * keeps the newest that was verified: so the newest is. */
static bool prunes_clean(scene *s)
{
    varve_error err = {0};
    size_t listed = 0;
    if (!listed_is_sound(s, &listed)) return false;
    for (int i = 0; i < 2; i++)
        if (prune(s, 4 * DAY_MS, &err) != VARVE_OK) return differs(s, "prune: %s", err.message);
    return listed_is_sound(s, &listed) &&
           (listed == 1 || differs(s, "%zu snapshots after a prune to one", listed)) &&
           no_orphans(s);
}

/* ---- the look: files ---- */

static bool is_stray(const char *name)
{
    static const char *const parts[] = {".restore-", ".snapshot-", ".making",
                                        "~new-",     "standing",   ".part"};
    for (size_t i = 0; i < VV_COUNT(parts); i++)
        if (strstr(name, parts[i])) return true;
    return false;
}

static bool no_strays(scene *s, const char *path)
{
    VV_CLEANUP(file_names_free) file_names n = {0};
    if (file_list(path, &n, NULL) != VARVE_OK) return true;
    for (size_t i = 0; i < n.count; i++)
        if (is_stray(n.names[i])) return differs(s, "%s/%s is left", path, n.names[i]);
    return true;
}

static bool state_is_clean(scene *s)
{
    VV_CLEANUP(file_names_free) file_names n = {0};
    if (file_list(s->state, &n, NULL) != VARVE_OK) return true;
    for (size_t i = 0; i < n.count; i++)
        if (strcmp(n.names[i], "sums") != 0) return differs(s, "state/%s is left", n.names[i]);
    return true;
}

static bool nothing_left(scene *s)
{
    char work[340];
    snprintf(work, sizeof work, "%s/work", s->data);
    if (test_dir_files(work) != 0) return differs(s, "something is left in work/");
    return no_strays(s, s->dir.path) && no_strays(s, s->repo) && no_strays(s, s->root) &&
           state_is_clean(s);
}

/* ---- the look: snapshots ---- */

/* A snapshot is listed only if it is whole; true in *ret_there if it is. */
static bool snapshot_is_whole(scene *s, const char *name, int steps, bool *ret_there)
{
    char path[340];
    varve_error err = {0};
    snapshot_list list = {0};
    *ret_there = false;
    if (snapshot_list_read(s->root, &list, &err) != VARVE_OK)
        return differs(s, "list: %s", err.message);
    for (size_t i = 0; i < list.count; i++)
        *ret_there |= strcmp(list.all[i].name, name) == 0;
    snapshot_list_done(&list);
    snprintf(path, sizeof path, "%s/%s", s->root, name);
    if (!*ret_there && file_exists(path)) return differs(s, "half a snapshot is at %s", path);
    if (!*ret_there) return true;
    if (snapshot_verify(path, &err) != VARVE_OK) return differs(s, "%s", err.message);
    if (file_remove_tree(s->check, &err) != VARVE_OK ||
        snapshot_restore_folder(path, s->check, &err) != VARVE_OK)
        return differs(s, "%s cannot be restored: %s", path, err.message);
    bool same = holds(s, s->check, steps, steps);
    if (file_remove_tree(s->check, &err) != VARVE_OK) return differs(s, "%s", err.message);
    return same;
}

static bool snapshots_are_whole(scene *s, bool *ret_old, bool *ret_new)
{
    return snapshot_is_whole(s, "old", SCENE_FIRST, ret_old) &&
           snapshot_is_whole(s, "new", SCENE_STEPS, ret_new);
}

/* ---- the look ---- */

static bool look_at_repository(scene *s, scene_action a)
{
    size_t listed = 0;
    if (!listed_is_sound(s, &listed)) return false;
    bool made = a == SCENE_CREATE && listed == 3;
    if (listed != 2 && !made && !(a == SCENE_PRUNE && listed == 1))
        return differs(s, "%zu snapshots are listed", listed);
    return newest_holds(s, made ? SCENE_STEPS : SCENE_SECOND);
}

static bool look_at_snapshots(scene *s, scene_action a)
{
    bool old = false, new = false;
    if (!snapshots_are_whole(s, &old, &new)) return false;
    if (!old && a != SCENE_DELETE) return differs(s, "the old snapshot is gone");
    return true;
}

static bool again(scene *s, scene_action a)
{
    varve_error err = {0};
    bool there = (a == SCENE_RESTORE || a == SCENE_PUT_BESIDE) && file_exists(s->out);
    varve_status status = scene_act(s, a, &err);
    bool may = a == SCENE_SNAPSHOT || a == SCENE_SNAPSHOT_ONE || there;
    if (status == VARVE_EXISTS && may) return true;
    if (status == VARVE_NOT_FOUND && a == SCENE_DELETE) return true;
    return status == VARVE_OK || differs(s, "once more: %s", err.message);
}

static bool is_done(scene *s, scene_action a)
{
    bool old = false, new = false;
    if (!snapshots_are_whole(s, &old, &new)) return false;
    switch (a) {
    case SCENE_CREATE: return newest_holds(s, SCENE_STEPS);
    case SCENE_RESTORE: return holds(s, s->out, SCENE_SECOND, SCENE_SECOND);
    case SCENE_PRUNE: return newest_holds(s, SCENE_SECOND);
    case SCENE_PUT_BACK: return holds(s, s->data, SCENE_FIRST, SCENE_FIRST);
    case SCENE_PUT_BESIDE: return holds(s, s->out, SCENE_FIRST, SCENE_FIRST);
    case SCENE_DELETE: return !old || differs(s, "the snapshot is still there");
    default: return new || differs(s, "the snapshot is not there");
    }
}

bool scene_look(scene *s, scene_action a)
{
    bool of_repo = a == SCENE_CREATE || a == SCENE_RESTORE || a == SCENE_PRUNE;
    int other = a == SCENE_PUT_BACK ? SCENE_FIRST : SCENE_STEPS;
    if (!holds(s, s->data, SCENE_STEPS, other)) return false;
    if (!(of_repo ? look_at_repository(s, a) : look_at_snapshots(s, a))) return false;
    if (!again(s, a) || !is_done(s, a)) return false;
    if (of_repo && !prunes_clean(s)) return false;
    return nothing_left(s);
}
