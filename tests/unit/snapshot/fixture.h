/* fixture.h — what tests of the repository begin with: a data folder with a few segments, a store
 * in memory, a repository on it, and a clock and random numbers that the test owns. */
#ifndef SNAPSHOT_FIXTURE_H
#define SNAPSHOT_FIXTURE_H

#include "unit.h"

#include "backup.h"
#include "base/random.h"
#include "remote_memory.h"
#include "repo.h"
#include "restore.h"
#include "snapshots.h"
#include "test_dir.h"

#include <sys/stat.h>

#define FIXTURE_DB     "00000000-0000-4000-8000-0000000000db"
#define FIXTURE_HOLDER "00000000-0000-4000-8000-00000000aaaa"
#define FIXTURE_OTHER  "00000000-0000-4000-8000-00000000bbbb"

typedef struct fixture {
    test_dir dir;
    char folder[512], state[512], target[512];
    remote_memory *store;
    remote *remote;
    remote_memory_hook hook;
    void *hook_arg;
    snapshot_env env;
    uint64_t now_ms;
    random_state random;
    secret_source secret; /* passphrase NULL: not encrypted */
    repo *repo;
    uint64_t sequence, rows;
    manifest_collection collection;
} fixture;

static inline uint64_t fixture_now(void *arg) { return ((fixture *)arg)->now_ms; }

static inline void fixture_sleep(void *arg, uint64_t ms) { ((fixture *)arg)->now_ms += ms; }

static inline varve_status fixture_random(void *arg, void *ret, size_t len, varve_error *err)
{
    fixture *f = arg;
    (void)err;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)ret)[i] = (uint8_t)random_u64(&f->random);
    return VARVE_OK;
}

/* The status with its sentence, for assert_string_equal(fixture_ok(...)). */
#define must(call)                                                                                 \
    do {                                                                                           \
        varve_error must_err = {0};                                                                \
        varve_error *err = &must_err;                                                              \
        varve_status must_status = (call);                                                         \
        if (must_status != VARVE_OK) fail_msg("%s", err->message);                                 \
    } while (0)

static inline void fixture_open_repo(fixture *f)
{
    const repo_options options = {.db_id = FIXTURE_DB,
                                  .create = true,
                                  .secret = f->secret.passphrase ? &f->secret : NULL,
                                  .env = &f->env};
    if (!f->remote) f->remote = remote_open_memory(f->store, f->hook, f->hook_arg);
    must(repo_open(f->remote, &options, &f->repo, err));
}

static inline void fixture_close_repo(fixture *f)
{
    repo_close(f->repo);
    f->repo = NULL;
    remote_close(f->remote);
    f->remote = NULL;
}

/* `count` rows more; everything is in segments afterwards, but for the last few. */
static inline void fixture_add_rows(fixture *f, size_t count)
{
    varve_options options;
    varve *db = NULL;
    varve_collection *c = NULL;
    varve_folder_stats stats;
    varve_collection_stats of;
    varve_options_init(&options);
    options.seal_rows = 64;
    must(varve_open(f->folder, &options, &db, err));
    if (f->rows == 0) must(varve_collection_create(db, "default", "docs", NULL, &c, err));
    if (f->rows != 0) must(varve_collection_open(db, "default", "docs", &c, err));
    for (size_t i = 0; i < count; i++) {
        float vector[8];
        const varve_id id = {.num = f->rows++};
        for (size_t d = 0; d < 8; d++)
            vector[d] = random_gauss(&f->random);
        const varve_rows rows = {.count = 1, .dim = 8, .ids = &id, .vectors = vector};
        must(varve_upsert(c, &rows, NULL, NULL, err));
    }
    varve_collection_release(c);
    must(varve_close(db, err));
    options.read_only = true; /* closing may have sealed rows: what is it now? */
    must(varve_open(f->folder, &options, &db, err));
    must(varve_collection_open(db, "default", "docs", &c, err));
    varve_stats(db, &stats);
    must(varve_collection_get_stats(c, &of, err));
    f->sequence = stats.sequence;
    f->collection = (manifest_collection){.id = of.id,
                                          .database = "default",
                                          .name = "docs",
                                          .rows = of.rows_live,
                                          .deleted = of.rows_deleted};
    varve_collection_release(c);
    must(varve_close(db, err));
}

static inline void fixture_init(fixture *f, const char *passphrase)
{
    *f = (fixture){.now_ms = 1795219200000};
    f->secret = (secret_source){.passphrase = passphrase, .scrypt_log2n = 4};
    f->env = (snapshot_env){
        .now_ms = fixture_now, .sleep_ms = fixture_sleep, .random = fixture_random, .arg = f};
    random_seed(&f->random, 5);
    test_dir_make(&f->dir);
    snprintf(f->folder, sizeof f->folder, "%s/data", f->dir.path);
    snprintf(f->state, sizeof f->state, "%s/state", f->dir.path);
    snprintf(f->target, sizeof f->target, "%s/restored", f->dir.path);
    f->store = remote_memory_new();
}

static inline void fixture_done(fixture *f)
{
    fixture_close_repo(f);
    remote_memory_free(f->store);
    test_dir_remove(&f->dir);
}

static inline backup_options fixture_backup_options(const fixture *f)
{
    return (backup_options){.folder = f->folder,
                            .sequence = f->sequence,
                            .storage_format = 1,
                            .collections = &f->collection,
                            .collection_count = 1,
                            .holder = FIXTURE_HOLDER,
                            .state = f->state};
}

static inline backup_result fixture_backup(fixture *f)
{
    backup_options options = fixture_backup_options(f);
    backup_result result = {0};
    must(backup_run(f->repo, &options, &result, err));
    return result;
}

static inline restore_result fixture_restore(fixture *f, const char *snap_id)
{
    const restore_options options = {.folder = f->target, .snap_id = snap_id, .threads = 2};
    restore_result result = {0};
    must(restore_run(f->repo, &options, &result, err));
    return result;
}

/* Every file of the restored folder has the bytes of the one that was backed up. */
static inline void fixture_expect_same(fixture *f, const object_name *snapshot)
{
    manifest m;
    must(snapshots_load(f->repo, snapshot, &m, err));
    assert_true(m.file_count >= 5);
    for (size_t i = 0; i < m.file_count; i++) {
        char path[1024];
        uint8_t sum[SUMS_BYTES];
        uint64_t size;
        snprintf(path, sizeof path, "%s/%s", f->target, m.files[i].path);
        must(sums_of_file(path, sum, &size, err));
        assert_int_equal(size, m.files[i].size);
        assert_memory_equal(sum, m.files[i].sha256, SUMS_BYTES);
        struct stat st;
        assert_int_equal(lstat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    manifest_done(&m);
}

static inline void fixture_remove_target(fixture *f) { must(file_remove_tree(f->target, err)); }

static inline varve_status fixture_count_pin(void *arg, const char *key, uint64_t size,
                                             varve_error *err)
{
    (void)size, (void)err;
    *(size_t *)arg += strstr(key, "/pins/") != NULL;
    return VARVE_OK;
}

static inline size_t fixture_count_pins(fixture *f)
{
    size_t count = 0;
    remote *plain = remote_open_memory(f->store, NULL, NULL);
    must(remote_list(plain, "", NULL, fixture_count_pin, &count, err));
    remote_close(plain);
    return count;
}

#endif
