/* verb_backup_create.c — `varve backup create`: what a folder holds now, into a repository.
 *
 *   open the repository -> FOLDER/backup/LOCK -> FOLDER/backup/checkpoint (hard links)
 *   -> into the repository -> the checkpoint is removed
 *
 * The checkpoint lies there, not in work/, so that a server that is started meanwhile, and sweeps
 * that, does not disturb. What a crash left of it goes at the next backup. */
#include "backup_collections.h"
#include "backup_show.h"
#include "place.h"
#include "repository.h"
#include "text.h"

#include "base/file.h"
#include "base/lock.h"

#include <stdio.h>
#include <string.h>

#define PATH_BYTES_MAX       4096
#define CHECKPOINT_TRIES_MAX 10

static const flag flags[] = {
    REPOSITORY_FLAGS,
    {"kind", FLAG_KIND, "KIND", "auto, full or incremental (default: auto)"},
    {"class", FLAG_CLASS, "WORD", "noted in the snapshot"},
    {"pinned", FLAG_PINNED, NULL, "retention never takes it"},
    {"threads", FLAG_THREADS, "N", "at work at once (default: 4)"},
    {"storage-class", FLAG_STORAGE_CLASS, "NAME", "sent with every object"},
    {"server-side-encryption", FLAG_ENCRYPT_BY, "NAME", "such as AES256 or aws:kms"},
    {"kms-key", FLAG_KMS_KEY, "ID", "of aws:kms"},
    {"new-timeline", FLAG_NEW_TIMELINE, NULL,
     "begin one: the folder was put back to an older state"},
    {"take-over", FLAG_TAKE_OVER, NULL, "although another writer's lease lasts: he is known gone"},
    {"json", FLAG_JSON, NULL, "a JSON object"},
    {NULL, 0, NULL, NULL}};

typedef struct order {
    repository_flags repository;
    backup_options backup;
    bool new_timeline, take_over, json;
} order;

/* ---- the checkpoint ---- */

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

/* Beside a server, files may go while they are linked: then again, from what is there by now. */
static varve_status make_checkpoint(const char *folder, stand *s, varve_error *err)
{
    const place at = {.where = folder};
    varve_status status = VARVE_CONFLICT;
    for (int i = 0; i < CHECKPOINT_TRIES_MAX && status == VARVE_CONFLICT; i++) {
        VV_CLEANUP(folder_done) folder_session session = {0};
        VV_TRY(folder_open(&at, FOLDER_READ, &session, err));
        status = varve_checkpoint_to(session.db, s->path, &s->info, err);
    }
    return status;
}

static varve_status take_stand(const char *folder, stand *s, varve_error *err)
{
    char lock[PATH_BYTES_MAX];
    VV_TRY(backup_path(folder, "LOCK", lock, sizeof lock, err));
    VV_TRY(backup_path(folder, "checkpoint", s->path, sizeof s->path, err));
    VV_TRY(lock_take(lock, &s->lock, err));
    VV_TRY(file_remove_tree(s->path, err));
    return make_checkpoint(folder, s, err);
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

/* ---- backup ---- */

static varve_status run_leased(const order *o, repo *r, backup_options *options, backup_result *ret,
                               varve_error *err)
{
    lease held = {0};
    const lease_options asked = {.holder = options->holder,
                                 .lsn = options->sequence,
                                 .reason = o->new_timeline ? "restored" : NULL,
                                 .force = o->take_over,
                                 .branch = o->new_timeline};
    if (!o->new_timeline && !o->take_over) return backup_run(r, options, ret, err);
    VV_TRY(lease_take(r, &asked, &held, err));
    options->lease = &held;
    varve_status status = backup_run(r, options, ret, err);
    varve_status dropped = lease_drop(&held, status == VARVE_OK ? err : NULL);
    return status != VARVE_OK ? status : dropped;
}

static varve_status ship(const order *o, repo *r, const backup_identity *who, const stand *s,
                         backup_result *ret, varve_error *err)
{
    VV_CLEANUP(backup_collections_done) backup_collections all = {0};
    char name[64], state[PATH_BYTES_MAX];
    backup_options options = o->backup;
    progress bar;
    VV_TRY(backup_collections_read(s->path, &all, err));
    snprintf(name, sizeof name, "state-%s", r->repo_id);
    VV_TRY(backup_path(o->repository.folder, name, state, sizeof state, err));
    options.folder = s->path;
    options.sequence = s->info.sequence;
    options.commit_ms = s->info.time_ms;
    options.storage_format = storage_format(s->path);
    options.collections = all.items;
    options.collection_count = all.count;
    options.holder = who->holder;
    options.state = state;
    options.progress = backup_show_progress;
    options.progress_arg = &bar;
    progress_start(&bar);
    varve_status status = run_leased(o, r, &options, ret, err);
    progress_end(&bar);
    return status;
}

static varve_status create(const order *o, backup_result *ret, varve_error *err)
{
    VV_CLEANUP(repository_done) repository_session session = {0};
    VV_CLEANUP(stand_done) stand s = {.lock = LOCK_FILE_NONE};
    VV_CLEANUP(folder_done) folder_session folder = {0};
    const char *path = o->repository.folder;
    const place at = {.where = path};
    backup_identity who;
    VV_TRY(folder_open(&at, FOLDER_READ, &folder, err)); /* is it one at all? */
    VV_TRY(folder_close(&folder, err));
    VV_TRY(backup_identity_make(path, o->repository.db_id, &who, err));
    VV_TRY(repository_open_or_create(&o->repository, who.db_id, &session, err));
    VV_TRY(take_stand(path, &s, err));
    return ship(o, session.repo, &who, &s, ret, err);
}

/* ---- command line ---- */

static int take_flag(const verb *self, order *o, int key, const char *value)
{
    static const char *const kinds[] = {
        [BACKUP_AUTO] = "auto", [BACKUP_FULL] = "full", [BACKUP_INCREMENTAL] = "incremental"};
    uint64_t n;
    switch (key) {
    case FLAG_KIND:
        for (size_t i = 0; i < VV_COUNT(kinds); i++) {
            if (strcmp(value, kinds[i]) != 0) continue;
            o->backup.kind = (backup_kind)i;
            return VERB_OK;
        }
        return verb_usage(self, "--kind is auto, full or incremental, not '%s'", value);
    case FLAG_THREADS:
        if (!text_to_u64(value, strlen(value), &n) || n < 1 || n > 64)
            return verb_usage(self, "--threads is 1 to 64, not '%s'", value);
        o->backup.threads = (size_t)n;
        return VERB_OK;
    case FLAG_CLASS: o->backup.retention_class = value; return VERB_OK;
    case FLAG_PINNED: o->backup.pinned = true; return VERB_OK;
    case FLAG_NEW_TIMELINE: o->new_timeline = true; return VERB_OK;
    case FLAG_TAKE_OVER: o->take_over = true; return VERB_OK;
    case FLAG_JSON: o->json = true; return VERB_OK;
    default: return VERB_USAGE; /* FLAG_BAD */
    }
}

static int read_line(const verb *self, int argc, char **argv, order *o)
{
    flag_reader flags_of_line;
    const char *value;
    int key, code = VERB_OK;
    flags_start(&flags_of_line, self, argc, argv);
    while ((key = flags_next(&flags_of_line, &value)) >= 0) {
        if (!repository_flag(&o->repository, self, key, value, &code))
            code = take_flag(self, o, key, value);
        if (code != VERB_OK) return code;
    }
    o->repository.folder = argv[flags_rest()];
    if (!o->repository.folder) return verb_usage(self, "name a folder");
    code = repository_check(self, &o->repository);
    return code == VERB_OK ? place_refuse_more(self, argc, argv, 1) : code;
}

static int run(const verb *self, int argc, char **argv)
{
    order o = {.backup.threads = 4};
    backup_result result;
    varve_error err = {0};
    int code = read_line(self, argc, argv, &o);
    if (code != VERB_OK) return code;
    if (create(&o, &result, &err) != VARVE_OK) return verb_fail(self, &err);
    backup_show_result(&result, o.json);
    return VERB_OK;
}

const verb verb_backup_create = {
    "backup create",
    "What a folder holds now, into a repository",
    "FOLDER --repo URL|PATH",
    "The repository is made if it is missing: encrypted if VARVE_BACKUP_PASSPHRASE or --key-file "
    "is\n"
    "given, and for ever. A lost passphrase or key file is a lost backup. Works beside a running\n"
    "server. 'auto' does nothing if nothing changed; a backup that failed is simply run again.",
    flags,
    run};
