/* backup_folder.c — see backup_folder.h. */
#include "backup_folder.h"

#include "base/file.h"
#include "base/lock.h"
#include "contents.h"
#include "identity.h"
#include "snapshots.h"
#include "varve_snapshot.h"

#include <stdio.h>

#define PATH_BYTES_MAX       4096
#define CHECKPOINT_TRIES_MAX 10

typedef struct stand {
    lock_file lock;
    char path[PATH_BYTES_MAX]; /* of the checkpoint */
    varve_checkpoint_info info;
} stand;

static void stand_done(stand *s)
{
    if (s->lock.fd < 0) return;
    varve_status ignored = file_remove_tree(s->path, NULL); /* the next backup removes it as well */
    (void)ignored;
    lock_drop(&s->lock);
}

static void abandonp(varve **db)
{
    if (*db) varve_abandon(*db);
}

/* Beside an owner, files may go while they are linked: then again, from what is there by now. */
static varve_status make_beside_owner(const char *folder, stand *s, varve_error *err)
{
    varve_status status = VARVE_CONFLICT;
    varve_options options;
    varve_options_init(&options);
    options.read_only = options.must_exist = true;
    for (int i = 0; i < CHECKPOINT_TRIES_MAX && status == VARVE_CONFLICT; i++) {
        VV_CLEANUP(abandonp) varve *db = NULL;
        VV_TRY(varve_open(folder, &options, &db, err));
        status = varve_checkpoint_to(db, s->path, &s->info, err);
    }
    return status;
}

static varve_status take_stand(const backup_folder *what, stand *s, varve_error *err)
{
    char text[PATH_BYTES_MAX];
    VV_TRY(backup_path(what->folder, "LOCK", text, sizeof text, err));
    VV_TRY(backup_path(what->folder, "checkpoint", s->path, sizeof s->path, err));
    VV_TRY(lock_take(text, &s->lock, err));
    VV_TRY(file_remove_tree(s->path, err));
    if (what->db) return varve_checkpoint_to(what->db, s->path, &s->info, err);
    return make_beside_owner(what->folder, s, err);
}

/* The number in FORMAT, "varve N"; 0: none that could be read. */
static uint64_t storage_format(const char *folder)
{
    VV_CLEANUP(vv_freep) char *text = NULL;
    char path[PATH_BYTES_MAX];
    size_t len = 0;
    unsigned version = 0;
    if (file_join(path, sizeof path, folder, "FORMAT", NULL) != VARVE_OK) return 0;
    if (file_read(path, 64, &text, &len, NULL) != VARVE_OK) return 0;
    return sscanf(text, "varve %9u", &version) == 1 ? version : 0;
}

static varve_status run_leased(repo *r, const backup_folder *what, backup_options *options,
                               backup_result *ret, varve_error *err)
{
    lease held = {0};
    const lease_options asked = {.holder = options->holder,
                                 .lsn = what->new_timeline ? options->sequence
                                                           : backup_branch(options),
                                 .reason = what->new_timeline ? "restored" : NULL,
                                 .force = what->take_over,
                                 .branch = what->new_timeline};
    bool plain = !what->new_timeline && !what->take_over;
    if (options->lease || plain) return backup_run(r, options, ret, err);
    VV_TRY(lease_take(r, &asked, &held, err));
    options->lease = &held;
    varve_status status = backup_run(r, options, ret, err);
    varve_status dropped = lease_drop(&held, status == VARVE_OK ? err : NULL);
    return status != VARVE_OK ? status : dropped;
}

/* Rows are not read for a backup that will be skipped; and see backup_folder. */
static contents_options choose_contents(repo *r, const backup_folder *what,
                                        const backup_options *options, uint64_t sequence)
{
    object_name newest;
    contents_options reading = {
        .no_digests = what->no_digests, .threads = options->threads, .cancel = options->cancel};
    bool plain = !what->new_timeline && !what->take_over && options->kind != BACKUP_FULL;
    if (!plain || snapshots_newest(r, UINT64_MAX, &newest, NULL) != VARVE_OK) return reading;
    reading.bytes_max = what->digest_bytes_max;
    if (options->kind == BACKUP_AUTO && newest.lsn == sequence) reading.no_digests = true;
    return reading;
}

varve_status backup_folder_run(repo *r, const backup_folder *what, const backup_options *options,
                               backup_result *ret, varve_error *err)
{
    VV_CLEANUP(stand_done) stand s = {.lock = LOCK_FILE_NONE};
    VV_CLEANUP(contents_done) contents all = {0};
    contents_options reading;
    char name[64], state[PATH_BYTES_MAX];
    backup_options full = *options;
    VV_TRY(take_stand(what, &s, err));
    reading = choose_contents(r, what, options, s.info.sequence);
    VV_TRY(contents_read(s.path, &reading, &all, err));
    (void)snprintf(name, sizeof name, "state-%s", r->repo_id);
    VV_TRY(backup_path(what->folder, name, state, sizeof state, err));
    full.folder = s.path;
    full.sequence = s.info.sequence;
    full.commit_ms = s.info.time_ms;
    full.storage_format = storage_format(s.path);
    full.collections = all.items;
    full.collection_count = all.count;
    full.state = state;
    return run_leased(r, what, &full, ret, err);
}
