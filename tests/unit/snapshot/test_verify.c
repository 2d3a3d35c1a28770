/* test_verify.c — damage of every kind to every object: the right level of verification finds it
 * and names it, and no restore brings it back as data. */
#include "fixture.h"

#include "snapshots.h"
#include "verify.h"

#include <unistd.h>

typedef struct keys {
    char names[64][NAMES_KEY_MAX];
    size_t count;
} keys;

static varve_status add_key(void *arg, const char *key, uint64_t size, varve_error *err)
{
    keys *k = arg;
    (void)size, (void)err;
    assert_true(k->count < 64);
    snprintf(k->names[k->count++], NAMES_KEY_MAX, "%s", key);
    return VARVE_OK;
}

static keys list(fixture *f, const char *prefix)
{
    keys k = {0};
    must(remote_list(f->remote, prefix, NULL, add_key, &k, err));
    return k;
}

static verify_report verify(fixture *f, verify_level level)
{
    char scratch[600];
    verify_report report = {0};
    snprintf(scratch, sizeof scratch, "%s/scratch", f->dir.path);
    const verify_options options = {.level = level, .scratch = scratch, .threads = 2};
    must(verify_run(f->repo, &options, &report, err));
    assert_false(file_exists(scratch));
    return report;
}

static void begin(fixture *f, const char *passphrase)
{
    fixture_init(f, passphrase);
    fixture_add_rows(f, 100);
    fixture_open_repo(f);
    (void)fixture_backup(f);
}

static void test_sound(void **state)
{
    (void)state;
    fixture f;
    begin(&f, NULL);
    for (verify_level level = VERIFY_STRUCTURE; level <= VERIFY_FULL; level++) {
        verify_report report = verify(&f, level);
        assert_int_equal(report.count, 0);
        assert_int_equal(report.snapshots_sound, 1);
        assert_int_equal(report.objects, list(&f, "blobs/").count);
        assert_int_equal(report.objects_read, level == VERIFY_STRUCTURE ? 0 : report.objects);
        verify_report_done(&report);
    }
    assert_int_equal(list(&f, "db/" FIXTURE_DB "/verified/").count, 1);
    fixture_done(&f);
}

static void test_share(void **state)
{
    (void)state;
    fixture f;
    verify_report report = {0};
    begin(&f, NULL);
    const verify_options options = {.level = VERIFY_CHECKSUMS, .share = 0.4};
    must(verify_run(f.repo, &options, &report, err));
    assert_int_equal(report.count, 0);
    assert_true(report.objects_read < report.objects);
    verify_report_done(&report);
    assert_int_equal(list(&f, "db/" FIXTURE_DB "/verified/").count, 0);
    fixture_done(&f);
}

/* ---- damage ---- */

typedef enum damage { FLIP_FIRST, FLIP_LAST, CUT, LONGER, EMPTY, MISSING, SWAPPED, DAMAGES } damage;

static void do_damage(fixture *f, const keys *k, size_t at, damage how)
{
    size_t len = 0, other_len = 0;
    const char *key = k->names[at];
    const char *bytes = remote_memory_bytes(f->store, key, &len);
    char *copy = calloc(1, len + 1);
    memcpy(copy, bytes, len);
    const char *other = remote_memory_bytes(f->store, k->names[(at + 1) % k->count], &other_len);
    char *swapped = calloc(1, other_len + 1);
    memcpy(swapped, other, other_len);
    if (how == FLIP_FIRST && len) copy[0] ^= 1;
    if (how == FLIP_LAST && len) copy[len - 1] ^= 0x40;
    switch (how) {
    case MISSING: remote_memory_set(f->store, key, NULL, 0); break;
    case SWAPPED: remote_memory_set(f->store, key, swapped, other_len); break;
    case EMPTY: remote_memory_set(f->store, key, "", 0); break;
    case CUT: remote_memory_set(f->store, key, copy, len - 1); break;
    default: remote_memory_set(f->store, key, copy, len + (how == LONGER)); break;
    }
    free(copy);
    free(swapped);
}

static void expect_no_restore(fixture *f, const char *key)
{
    restore_result result;
    varve_error wrong = {0};
    const restore_options options = {.folder = f->target, .threads = 2};
    assert_status(restore_run(f->repo, &options, &result, &wrong), VARVE_CORRUPT);
    assert_contains(wrong.message, key);
    assert_false(file_exists(f->target));
    char temporary[600]; /* the next try would go on with what was right */
    snprintf(temporary, sizeof temporary, "%s.restore-tmp", f->target);
    must(file_remove_tree(temporary, err));
}

static void damage_blobs(const char *passphrase)
{
    fixture f;
    begin(&f, passphrase);
    const keys k = list(&f, "blobs/");
    assert_true(k.count > 4);
    for (size_t i = 0; i < k.count; i++) {
        size_t len = 0;
        const char *bytes = remote_memory_bytes(f.store, k.names[i], &len);
        char *good = malloc(len + 1);
        memcpy(good, bytes, len);
        for (damage how = 0; len && how < DAMAGES; how++) {
            do_damage(&f, &k, i, how);
            verify_report report = verify(&f, VERIFY_CHECKSUMS);
            assert_true(report.count >= 1);
            assert_contains(report.findings[0], k.names[i]);
            assert_int_equal(report.snapshots_sound, 0);
            verify_report_done(&report);
            report = verify(&f, VERIFY_STRUCTURE);
            bool in_size = how == FLIP_FIRST || how == FLIP_LAST;
            if (how != SWAPPED) assert_int_equal(report.count > 0, !in_size);
            verify_report_done(&report);
            expect_no_restore(&f, k.names[i]);
            remote_memory_set(f.store, k.names[i], good, len);
        }
        free(good);
    }
    verify_report report = verify(&f, VERIFY_FULL);
    assert_int_equal(report.count, 0);
    verify_report_done(&report);
    fixture_done(&f);
}

static void test_damaged_blobs(void **state)
{
    (void)state;
    damage_blobs(NULL);
}

static void test_damaged_blobs_encrypted(void **state)
{
    (void)state;
    damage_blobs("a passphrase");
}

static void damage_manifest(const char *passphrase)
{
    fixture f;
    begin(&f, passphrase);
    fixture_add_rows(&f, 5);
    (void)fixture_backup(&f);
    const keys k = list(&f, "db/" FIXTURE_DB "/tl/00000001/snap/");
    assert_int_equal(k.count, 2);
    for (damage how = 0; how < DAMAGES; how++) {
        size_t len = 0;
        const char *bytes = remote_memory_bytes(f.store, k.names[1], &len);
        char *good = malloc(len);
        memcpy(good, bytes, len);
        if (how == MISSING) { /* then it is no snapshot */
            free(good);
            continue;
        }
        do_damage(&f, &k, 1, how);
        verify_report report = verify(&f, VERIFY_STRUCTURE);
        assert_int_equal(report.count, 1);
        assert_contains(report.findings[0], k.names[1]);
        assert_int_equal(report.snapshots_sound, 1);
        verify_report_done(&report);
        expect_no_restore(&f, k.names[1]);
        remote_memory_set(f.store, k.names[1], good, len);
        free(good);
    }
    fixture_done(&f);
}

static void test_damaged_manifests(void **state)
{
    (void)state;
    damage_manifest(NULL);
    damage_manifest("a passphrase");
}

/* What a snapshot says of the data must be so: found by opening it. */
static void test_full_compares_with_the_manifest(void **state)
{
    (void)state;
    for (int what = 0; what < 4; what++) {
        fixture f;
        backup_result made = {0};
        fixture_init(&f, NULL);
        fixture_add_rows(&f, 30);
        fixture_open_repo(&f);
        backup_options options = fixture_backup_options(&f);
        if (what == 0) options.sequence++;
        if (what == 1) f.collection.rows++;
        if (what == 2) f.collection.name = "other";
        if (what == 3) options.collection_count = 0;
        must(backup_run(f.repo, &options, &made, err));
        verify_report report = verify(&f, VERIFY_CHECKSUMS);
        assert_int_equal(report.count, 0);
        verify_report_done(&report);
        report = verify(&f, VERIFY_FULL);
        assert_int_equal(report.count, 1);
        assert_contains(report.findings[0], what == 0 ? "sequence" : "collection");
        verify_report_done(&report);
        restore_result result;
        const restore_options back = {.folder = f.target};
        assert_status(restore_run(f.repo, &back, &result, NULL), VARVE_CORRUPT);
        assert_false(file_exists(f.target));
        fixture_done(&f);
    }
}

static void test_restore_refuses(void **state)
{
    (void)state;
    fixture f;
    restore_result result;
    varve_error wrong = {0};
    begin(&f, NULL);
    restore_options options = {.folder = f.target};
    must(file_make_dir(f.target, err));
    assert_status(restore_run(f.repo, &options, &result, &wrong), VARVE_EXISTS);
    must(file_remove_tree(f.target, err));
    options.snap_id = FIXTURE_OTHER;
    assert_status(restore_run(f.repo, &options, &result, &wrong), VARVE_NOT_FOUND);
    options.snap_id = NULL;
    options.lsn_max = 1;
    assert_status(restore_run(f.repo, &options, &result, &wrong), VARVE_NOT_FOUND);
    options.lsn_max = 0;
    options.folder = "";
    assert_status(restore_run(f.repo, &options, &result, &wrong), VARVE_INVALID);
    fixture_done(&f);
}

/* What lies in the temporary folder is believed by its sum alone, and what does not belong there
 * goes: files, folders, links. */
static void test_restore_cleans_its_place(void **state)
{
    (void)state;
    fixture f;
    restore_result result;
    char path[700], outside[600];
    begin(&f, NULL);
    snprintf(outside, sizeof outside, "%s/outside", f.dir.path);
    must(file_make_dir(outside, err));
    snprintf(path, sizeof path, "%s/keep", outside);
    must(file_replace(path, "x", 1, err));
    snprintf(path, sizeof path, "%s.restore-tmp/rocks", f.target);
    must(file_make_dir(path, err));
    snprintf(path, sizeof path, "%s.restore-tmp/rocks/CURRENT", f.target);
    must(file_replace(path, "MANIFEST-999999\n", 16, err));
    snprintf(path, sizeof path, "%s.restore-tmp/rocks/000001.sst", f.target);
    must(file_replace(path, "junk", 4, err));
    snprintf(path, sizeof path, "%s.restore-tmp/segments", f.target);
    assert_int_equal(symlink(outside, path), 0);
    const restore_options options = {.folder = f.target};
    must(restore_run(f.repo, &options, &result, err));
    snprintf(path, sizeof path, "%s/keep", outside);
    assert_true(file_exists(path));
    snprintf(path, sizeof path, "%s/rocks/000001.sst", f.target);
    assert_false(file_exists(path));
    fixture_done(&f);
}

static void test_restore_reuses_a_folder(void **state)
{
    (void)state;
    fixture f;
    restore_result result;
    begin(&f, NULL);
    const restore_options options = {.folder = f.target, .reuse = f.folder};
    must(restore_run(f.repo, &options, &result, err));
    assert_int_equal(result.files_kept, result.files);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_damaged_blobs),
        cmocka_unit_test(test_damaged_blobs_encrypted),
        cmocka_unit_test(test_damaged_manifests),
        cmocka_unit_test(test_full_compares_with_the_manifest),
        cmocka_unit_test(test_restore_refuses),
        cmocka_unit_test(test_restore_cleans_its_place),
        cmocka_unit_test(test_restore_reuses_a_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
