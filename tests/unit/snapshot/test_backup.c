/* test_backup.c — backups of a real data folder, and what comes back of them: whole, incremental,
 * encrypted, cancelled. */
#include "fixture.h"

#include "snapshots.h"
#include "varve_snapshot.h"

#include "prune.h"

#include <unistd.h>

/* ---- tests ---- */

static void round_trip(const char *passphrase)
{
    fixture f;
    fixture_init(&f, passphrase);
    fixture_add_rows(&f, 200);
    fixture_open_repo(&f);
    const backup_result made = fixture_backup(&f);
    assert_false(made.skipped);
    assert_int_equal(made.kind, MANIFEST_FULL);
    assert_in_range(made.files_new, made.files - 2, made.files); /* some are alike */
    assert_int_equal(fixture_count_pins(&f), 0);
    const restore_result back = fixture_restore(&f, NULL);
    assert_int_equal(back.files, made.files);
    assert_int_equal(back.files_kept, 0);
    assert_string_equal(back.snapshot.id, made.snapshot.id);
    fixture_expect_same(&f, &made.snapshot);
    assert_int_equal(fixture_count_pins(&f), 0);
    fixture_done(&f);
}

static void test_round_trip(void **state)
{
    (void)state;
    round_trip(NULL);
}

static void test_round_trip_encrypted(void **state)
{
    (void)state;
    round_trip("a passphrase");
}

static void test_restored_folder_works(void **state)
{
    (void)state;
    fixture f;
    varve *db = NULL;
    varve_collection *c = NULL;
    uint64_t live = 0;
    fixture_init(&f, NULL);
    fixture_add_rows(&f, 150);
    fixture_open_repo(&f);
    (void)fixture_backup(&f);
    (void)fixture_restore(&f, NULL);
    must(varve_open(f.target, NULL, &db, err));
    must(varve_collection_open(db, "default", "docs", &c, err));
    must(varve_count(c, &live, err));
    assert_int_equal(live, 150);
    varve_collection_release(c);
    must(varve_close(db, err));
    fixture_done(&f);
}

/* A checkpoint of a folder that is open and goes on growing, as backups are made in earnest. */
static void test_checkpoint_of_an_open_folder(void **state)
{
    (void)state;
    fixture f;
    varve *db = NULL;
    varve_collection *c = NULL;
    varve_checkpoint_info info = {0};
    backup_result made = {0};
    char path[600];
    fixture_init(&f, "a passphrase");
    fixture_add_rows(&f, 150);
    fixture_open_repo(&f);
    snprintf(path, sizeof path, "%s/checkpoint", f.dir.path);
    must(varve_open(f.folder, NULL, &db, err));
    must(varve_collection_open(db, "default", "docs", &c, err));
    must(varve_checkpoint_to(db, path, &info, err));
    const float vector[8] = {1};
    const varve_id id = {.num = 999};
    const varve_rows rows = {.count = 1, .dim = 8, .ids = &id, .vectors = vector};
    must(varve_upsert(c, &rows, NULL, NULL, err)); /* not part of it */
    backup_options options = fixture_backup_options(&f);
    options.folder = path;
    options.sequence = info.sequence;
    options.commit_ms = info.time_ms;
    must(backup_run(f.repo, &options, &made, err));
    assert_int_equal(made.files, info.files);
    varve_collection_release(c);
    must(varve_close(db, err));
    (void)fixture_restore(&f, NULL);
    fixture_expect_same(&f, &made.snapshot);
    fixture_done(&f);
}

/* The same on a folder: with files in place of the store's memory. */
static void test_repository_on_a_folder(void **state)
{
    (void)state;
    fixture f;
    char place[600];
    fixture_init(&f, "a passphrase");
    fixture_add_rows(&f, 120);
    snprintf(place, sizeof place, "%s/repository", f.dir.path);
    must(remote_open_folder(place, true, NULL, &f.remote, err));
    fixture_open_repo(&f);
    const object_name first = fixture_backup(&f).snapshot;
    fixture_add_rows(&f, 5);
    const object_name second = fixture_backup(&f).snapshot;
    (void)fixture_restore(&f, NULL);
    fixture_expect_same(&f, &second);
    fixture_remove_target(&f);
    prune_result result = {0};
    const prune_options options = {.rules = {.last = 1}, .yes = true, .grace_ms = 1, .wait_ms = 1};
    must(prune_run(f.repo, &options, &result, err));
    assert_int_equal(result.snapshots_gone, 1);
    assert_true(result.blobs_gone > 0);
    prune_result_done(&result);
    object_name gone;
    assert_status(snapshots_find(f.repo, first.id, &gone, NULL), VARVE_NOT_FOUND);
    (void)fixture_restore(&f, NULL);
    fixture_expect_same(&f, &second);
    fixture_done(&f);
}

static void test_unchanged_is_skipped(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, NULL);
    fixture_add_rows(&f, 10);
    fixture_open_repo(&f);
    const backup_result first = fixture_backup(&f);
    uint64_t before = remote_memory_count(f.store);
    const backup_result second = fixture_backup(&f);
    assert_true(second.skipped);
    assert_string_equal(second.snapshot.id, first.snapshot.id);
    assert_int_equal(remote_memory_count(f.store), before);
    backup_options options = fixture_backup_options(&f);
    backup_result third = {0};
    options.kind = BACKUP_FULL;
    must(backup_run(f.repo, &options, &third, err));
    assert_false(third.skipped);
    assert_int_equal(third.kind, MANIFEST_FULL);
    assert_int_equal(third.files_new, 0); /* all of it was there */
    fixture_done(&f);
}

static void test_incremental(void **state)
{
    (void)state;
    fixture f;
    manifest m;
    fixture_init(&f, NULL);
    fixture_add_rows(&f, 300);
    fixture_open_repo(&f);
    const backup_result first = fixture_backup(&f);
    fixture_add_rows(&f, 3);
    const backup_result second = fixture_backup(&f);
    assert_int_equal(second.kind, MANIFEST_INCREMENTAL);
    assert_true(second.files_new < second.files);
    must(snapshots_load(f.repo, &second.snapshot, &m, err));
    assert_true(m.has_parent);
    assert_true(m.epoch > 0); /* that of the lease */
    assert_string_equal(m.parent_id, first.snapshot.id);
    manifest_done(&m);
    (void)fixture_restore(&f, NULL);
    fixture_expect_same(&f, &second.snapshot);
    fixture_remove_target(&f);
    f.collection.rows = 300;
    (void)fixture_restore(&f, first.snapshot.id);
    fixture_expect_same(&f, &first.snapshot);
    fixture_done(&f);
}

static void test_list_of_files_in_a_blob(void **state)
{
    (void)state;
    for (int sealed = 0; sealed < 2; sealed++) {
        fixture f;
        backup_result made = {0};
        fixture_init(&f, sealed ? "a passphrase" : NULL);
        fixture_add_rows(&f, 100);
        fixture_open_repo(&f);
        backup_options options = fixture_backup_options(&f);
        options.inline_max = 1500;
        must(backup_run(f.repo, &options, &made, err));
        (void)fixture_restore(&f, NULL);
        fixture_expect_same(&f, &made.snapshot);
        fixture_done(&f);
    }
}

static bool contains(const char *bytes, size_t len, const char *text)
{
    return memmem(bytes, len, text, strlen(text)) != NULL;
}

/* No object holds a word of the data. */
static varve_status look_for_plain_text(void *arg, const char *key, uint64_t size, varve_error *err)
{
    fixture *f = arg;
    size_t len = 0;
    (void)size, (void)err;
    const char *bytes = remote_memory_bytes(f->store, key, &len);
    assert_false(contains(bytes, len, "docs"));
    assert_false(contains(bytes, len, "MANIFEST-"));
    assert_false(contains(bytes, len, "leveldb"));
    assert_false(contains(bytes, len, "a passphrase"));
    return VARVE_OK;
}

static void test_encrypted_tells_nothing(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, "a passphrase");
    fixture_add_rows(&f, 20);
    fixture_open_repo(&f);
    (void)fixture_backup(&f);
    must(remote_list(f.remote, "", NULL, look_for_plain_text, &f, err));
    assert_true(remote_memory_count(f.store) > 8);
    repo *none = NULL;
    varve_error wrong = {0};
    const secret_source another = {.passphrase = "another"};
    repo_options options = {.db_id = FIXTURE_DB, .secret = &another, .env = &f.env};
    assert_status(repo_open(f.remote, &options, &none, &wrong), VARVE_INVALID);
    assert_contains(wrong.message, "wrong passphrase");
    options.secret = NULL;
    assert_status(repo_open(f.remote, &options, &none, &wrong), VARVE_INVALID);
    assert_contains(wrong.message, "encrypted");
    fixture_done(&f);
}

static void test_repository_is_looked_at_first(void **state)
{
    (void)state;
    fixture f;
    repo *none = NULL;
    varve_error wrong = {0};
    fixture_init(&f, NULL);
    f.remote = remote_open_memory(f.store, NULL, NULL);
    repo_options options = {.db_id = FIXTURE_DB, .env = &f.env};
    assert_status(repo_open(f.remote, &options, &none, &wrong), VARVE_NOT_FOUND);
    options.db_id = "../../x";
    assert_status(repo_open(f.remote, &options, &none, &wrong), VARVE_INVALID);
    options.db_id = FIXTURE_DB;
    fixture_open_repo(&f);
    const secret_source source = {.passphrase = "p"};
    options.secret = &source;
    assert_status(repo_open(f.remote, &options, &none, &wrong), VARVE_INVALID);
    assert_contains(wrong.message, "not encrypted");
    static const char newer[] = "{\"format\":2,\"more\":1}";
    remote_memory_set(f.store, "repo.json", newer, strlen(newer));
    options.secret = NULL;
    assert_status(repo_open(f.remote, &options, &none, &wrong), VARVE_NEWER_FORMAT);
    static const char broken[] = "{\"format\":1}";
    remote_memory_set(f.store, "repo.json", broken, strlen(broken));
    assert_status(repo_open(f.remote, &options, &none, &wrong), VARVE_CORRUPT);
    assert_null(none);
    fixture_done(&f);
}

static void test_foreign_files_are_refused(void **state)
{
    (void)state;
    fixture f;
    char path[1024];
    varve_error wrong = {0};
    backup_result result = {0};
    fixture_init(&f, NULL);
    fixture_add_rows(&f, 5);
    fixture_open_repo(&f);
    const backup_options options = fixture_backup_options(&f);
    snprintf(path, sizeof path, "%s/segments/9", f.folder);
    assert_int_equal(symlink("/etc", path), 0);
    assert_status(backup_run(f.repo, &options, &result, &wrong), VARVE_INVALID);
    assert_contains(wrong.message, "segments/9");
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof path, "%s/rocks/secret.txt", f.folder);
    must(file_replace(path, "x", 1, err));
    assert_status(backup_run(f.repo, &options, &result, &wrong), VARVE_INVALID);
    assert_contains(wrong.message, "secret.txt");
    assert_int_equal(fixture_count_pins(&f), 0);
    fixture_done(&f);
}

static void test_cache_of_sums_is_not_trusted_blindly(void **state)
{
    (void)state;
    fixture f;
    char path[1024], *text = NULL;
    size_t len = 0;
    fixture_init(&f, NULL);
    fixture_add_rows(&f, 100);
    fixture_open_repo(&f);
    (void)fixture_backup(&f);
    snprintf(path, sizeof path, "%s/sums", f.state);
    must(file_read(path, 1 << 20, &text, &len, err));
    text[len / 2] ^= 1; /* whatever this hits */
    must(file_replace(path, text, len, err));
    free(text);
    fixture_add_rows(&f, 1);
    const backup_result made = fixture_backup(&f);
    (void)fixture_restore(&f, NULL);
    fixture_expect_same(&f, &made.snapshot);
    fixture_done(&f);
}

static bool cancel_at_once(void *arg)
{
    return __atomic_sub_fetch((int *)arg, 1, __ATOMIC_RELAXED) < 0;
}

static void test_cancel(void **state)
{
    (void)state;
    fixture f;
    varve_error wrong = {0};
    fixture_init(&f, NULL);
    fixture_add_rows(&f, 100);
    fixture_open_repo(&f);
    for (int steps = 0; steps < 12; steps += 3) {
        int left = steps;
        backup_result result = {0};
        backup_options options = fixture_backup_options(&f);
        options.cancel = (remote_cancel){cancel_at_once, &left};
        assert_status(backup_run(f.repo, &options, &result, &wrong), VARVE_CANCELLED);
        object_name none;
        assert_status(snapshots_newest(f.repo, UINT64_MAX, &none, &wrong), VARVE_NOT_FOUND);
        assert_int_equal(fixture_count_pins(&f), 0);
    }
    (void)fixture_backup(&f);
    int left = 2;
    const restore_options options = {.folder = f.target, .cancel = {cancel_at_once, &left}};
    restore_result result = {0};
    assert_status(restore_run(f.repo, &options, &result, &wrong), VARVE_CANCELLED);
    assert_false(file_exists(f.target));
    (void)fixture_restore(&f, NULL);
    fixture_done(&f);
}

/* ---- large files ---- */

static void large_files(const char *passphrase)
{
    enum { SIZE = 3 << 20 };
    fixture f;
    char path[700];
    char *bytes = malloc(SIZE);
    restore_result back;
    file_names left;
    fixture_init(&f, passphrase);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)random_u64(&f.random);
    for (unsigned i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/segments/1", f.folder);
        must(file_make_dir(path, err));
        snprintf(path, sizeof path, "%s/segments/1/%u.seg", f.folder, i);
        must(file_replace(path, bytes + i, SIZE - i, err));
    }
    f.sequence = 7;
    fixture_open_repo(&f);
    backup_result made = {0};
    backup_options options = fixture_backup_options(&f);
    options.collection_count = 0;
    options.threads = 3;
    options.check_share = 1;
    must(backup_run(f.repo, &options, &made, err));
    assert_int_equal(made.files_new, 3);
    const restore_options how = {.folder = f.target, .no_open = true};
    must(restore_run(f.repo, &how, &back, err));
    assert_int_equal(back.bytes, made.bytes);
    snprintf(path, sizeof path, "%s/segments/1/1.seg", f.target);
    char *again = NULL;
    size_t len = 0;
    must(file_read(path, SIZE, &again, &len, err));
    assert_int_equal(len, SIZE - 1);
    assert_memory_equal(again, bytes + 1, len);
    must(file_list(f.state, &left, err));
    assert_int_equal(left.count, 1); /* the cache of sums */
    file_names_free(&left);
    free(again);
    free(bytes);
    fixture_done(&f);
}

static void test_large_files(void **state)
{
    (void)state;
    large_files(NULL);
    large_files("a passphrase");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_round_trip_encrypted),
        cmocka_unit_test(test_restored_folder_works),
        cmocka_unit_test(test_checkpoint_of_an_open_folder),
        cmocka_unit_test(test_repository_on_a_folder),
        cmocka_unit_test(test_unchanged_is_skipped),
        cmocka_unit_test(test_incremental),
        cmocka_unit_test(test_list_of_files_in_a_blob),
        cmocka_unit_test(test_encrypted_tells_nothing),
        cmocka_unit_test(test_repository_is_looked_at_first),
        cmocka_unit_test(test_foreign_files_are_refused),
        cmocka_unit_test(test_cache_of_sums_is_not_trusted_blindly),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_large_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
