/* verb_backup_create.c — `varve backup create`: what a folder holds now, into a repository. See
 * backup_folder.h. */
#include "backup_order.h"
#include "backup_show.h"
#include "place.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

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
    {"no-digests", FLAG_NO_DIGESTS, NULL, "leave out digests of rows and golden searches"},
    {"json", FLAG_JSON, NULL, "a JSON object"},
    {NULL, 0, NULL, NULL}};

typedef struct order {
    backup_order common;
    backup_options backup;
    bool new_timeline, take_over, no_digests;
} order;

/* ---- backup ---- */

static varve_status create(const order *o, backup_result *ret, varve_error *err)
{
    VV_CLEANUP(repository_done) repository_session session = {0};
    VV_CLEANUP(folder_done) folder_session folder = {0};
    const char *path = o->common.repository.folder;
    const place at = {.where = path};
    const backup_folder what = {.folder = path,
                                .new_timeline = o->new_timeline,
                                .take_over = o->take_over,
                                .no_digests = o->no_digests};
    backup_options options = o->backup;
    backup_identity who;
    progress bar;
    VV_TRY(folder_open(&at, FOLDER_READ, &folder, err)); /* is it one at all? */
    VV_TRY(folder_close(&folder, err));
    VV_TRY(backup_identity_make(path, o->common.repository.db_id, &who, err));
    VV_TRY(repository_open_or_create(&o->common.repository, who.db_id, &session, err));
    options.holder = who.holder;
    options.branch_lsn = who.origin;
    options.progress = backup_show_progress;
    options.progress_arg = &bar;
    progress_start(&bar);
    varve_status status = backup_folder_run(session.repo, &what, &options, ret, err);
    progress_end(&bar);
    return status;
}

/* ---- command line ---- */

static int take_flag(void *arg, const verb *self, int key, const char *value)
{
    order *o = arg;
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
    case FLAG_NO_DIGESTS: o->no_digests = true; return VERB_OK;
    default: return VERB_USAGE;
    }
}

static int run(const verb *self, int argc, char **argv)
{
    order o = {.common.needs_folder = true, .backup.threads = 4};
    backup_result result;
    varve_error err = {0};
    int code = backup_order_read(self, argc, argv, &o.common, take_flag, &o);
    if (code != VERB_OK) return code;
    if (create(&o, &result, &err) != VARVE_OK) return verb_fail(self, &err);
    backup_show_result(&result, o.common.json);
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
