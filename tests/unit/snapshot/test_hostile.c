/* test_hostile.c — repositories that somebody else had a hand in: links and pipes for objects, old
 * manifests under new names, those of other databases and repositories, keys that were swapped,
 * JSON made to hurt. Every level of verification names it, nothing is restored, nothing is deleted.
 * Elsewhere: fields of a manifest (test_manifest.c), altered bytes and swapped blobs
 * (test_verify.c), sealed bytes and wrong keys (test_secret.c), answers of a store
 * (tests/s3/test_s3_hostile.py). */
#include "fixture.h"

#include "prune.h"
#include "verify.h"

#include <unistd.h>

#define OTHER_DB "00000000-0000-4000-8000-0000000000dc"

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

static void expect_no_restore(fixture *f, const char *snap_id, const char *words)
{
    restore_result result;
    varve_error wrong = {0};
    char temporary[600];
    const restore_options options = {.folder = f->target, .snap_id = snap_id};
    assert_true(restore_run(f->repo, &options, &result, &wrong) != VARVE_OK);
    assert_contains(wrong.message, words);
    assert_false(file_exists(f->target));
    snprintf(temporary, sizeof temporary, "%s.restore-tmp", f->target);
    must(file_remove_tree(temporary, err));
}

/* One finding more than `sound` says; its words; the newest cannot be restored for the same reason,
 * and a prune ends before it deletes. */
static void expect_found(fixture *f, const char *words)
{
    for (verify_level level = VERIFY_STRUCTURE; level <= VERIFY_FULL; level++) {
        verify_report report = verify(f, level);
        assert_true(report.count >= 1);
        bool told = false;
        for (size_t i = 0; i < report.kept; i++)
            told |= strstr(report.findings[i], words) != NULL;
        if (!told) fail_msg("\"%s\" is not in \"%s\"", words, report.findings[0]);
        verify_report_done(&report);
    }
}

static void expect_no_prune(fixture *f)
{
    prune_result result = {0};
    const prune_options options = {.rules.last = 1, .yes = true, .grace_ms = 1, .wait_ms = 1};
    uint64_t before = remote_memory_changes(f->store);
    assert_true(prune_run(f->repo, &options, &result, NULL) != VARVE_OK);
    assert_int_equal(remote_memory_changes(f->store), before);
}

static void copy_object(fixture *f, const char *from, const char *to)
{
    size_t len = 0;
    const void *bytes = remote_memory_bytes(f->store, from, &len);
    assert_non_null(bytes);
    char *copy = malloc(len + 1);
    memcpy(copy, bytes, len);
    remote_memory_set(f->store, to, copy, len);
    free(copy);
}

static object_name begin(fixture *f, const char *passphrase)
{
    fixture_init(f, passphrase);
    fixture_add_rows(f, 70);
    fixture_open_repo(f);
    return fixture_backup(f).snapshot;
}

/* ---- manifests in other places ---- */

/* An old state that wants to be the newest one. */
static void old_under_a_new_name(const char *passphrase)
{
    fixture f;
    char from[NAMES_KEY_MAX], to[NAMES_KEY_MAX];
    object_name first = begin(&f, passphrase);
    fixture_add_rows(&f, 5);
    object_name newest = fixture_backup(&f).snapshot;
    names_build(&first, from);
    newest.lsn += 1000;
    names_build(&newest, to);
    copy_object(&f, from, to);
    expect_found(&f, "is the manifest of another snapshot");
    expect_no_restore(&f, NULL, "is the manifest of another snapshot");
    expect_no_prune(&f);
    fixture_done(&f);
}

static void test_old_manifest_under_a_new_name(void **state)
{
    (void)state;
    old_under_a_new_name(NULL);
    old_under_a_new_name("a passphrase");
}

/* Put back after a prune took it, with its blobs gone. */
static void test_old_manifest_put_back(void **state)
{
    (void)state;
    fixture f;
    char key[NAMES_KEY_MAX];
    size_t len = 0;
    prune_result result = {0};
    object_name first = begin(&f, NULL);
    names_build(&first, key);
    const void *bytes = remote_memory_bytes(f.store, key, &len);
    char *kept = malloc(len);
    memcpy(kept, bytes, len);
    fixture_add_rows(&f, 200);
    (void)fixture_backup(&f);
    const prune_options options = {.rules.last = 1, .yes = true, .grace_ms = 1, .wait_ms = 1};
    must(prune_run(f.repo, &options, &result, err));
    assert_true(result.blobs_gone > 0);
    prune_result_done(&result);
    remote_memory_set(f.store, key, kept, len);
    free(kept);
    expect_found(&f, first.id);
    expect_no_restore(&f, first.id, "is missing");
    (void)fixture_restore(&f, NULL); /* the newest is what it was */
    fixture_done(&f);
}

static void test_manifest_of_another_database(void **state)
{
    (void)state;
    fixture f;
    char from[NAMES_KEY_MAX], to[NAMES_KEY_MAX], history[2][NAMES_KEY_MAX];
    object_name mine = begin(&f, NULL), theirs = mine;
    memcpy(theirs.db_id, OTHER_DB, sizeof theirs.db_id);
    names_build(&mine, from);
    names_build(&theirs, to);
    copy_object(&f, from, to);
    object_name tl[2] = {mine, theirs};
    for (int i = 0; i < 2; i++) {
        tl[i].kind = NAME_HISTORY;
        names_build(&tl[i], history[i]);
    }
    copy_object(&f, history[0], history[1]);
    memcpy(f.repo->db_id, OTHER_DB, sizeof f.repo->db_id);
    expect_found(&f, "is the manifest of another snapshot");
    expect_no_restore(&f, theirs.id, "is the manifest of another snapshot");
    expect_no_prune(&f);
    fixture_done(&f);
}

static void test_manifest_of_another_repository(void **state)
{
    (void)state;
    fixture f;
    fixture g;
    char key[NAMES_KEY_MAX], other[NAMES_KEY_MAX];
    size_t len = 0;
    object_name mine = begin(&f, NULL);
    fixture_init(&g, NULL);
    random_seed(&g.random, 77);
    fixture_add_rows(&g, 70);
    fixture_open_repo(&g);
    object_name theirs = fixture_backup(&g).snapshot;
    names_build(&mine, key);
    names_build(&theirs, other);
    const void *bytes = remote_memory_bytes(g.store, other, &len);
    remote_memory_set(f.store, other, bytes, len);
    expect_found(&f, "belongs to another repository");
    expect_no_restore(&f, theirs.id, "belongs to another repository");
    expect_no_prune(&f);
    fixture_done(&g);
    fixture_done(&f);
}

/* In an encrypted repository, a manifest that is not sealed is none, however right it is. */
static void test_plain_manifest_in_a_sealed_repository(void **state)
{
    (void)state;
    fixture f;
    char key[NAMES_KEY_MAX];
    manifest m;
    buffer text;
    object_name mine = begin(&f, "a passphrase");
    names_build(&mine, key);
    must(snapshots_load(f.repo, &mine, &m, err));
    buffer_init(&text, MANIFEST_BYTES_MAX, "manifest");
    must(manifest_write(&m, f.repo->secret, &text, err));
    remote_memory_set(f.store, key, text.data, text.len);
    buffer_done(&text);
    manifest_done(&m);
    expect_found(&f, key);
    expect_no_restore(&f, NULL, key);
    expect_no_prune(&f);
    fixture_done(&f);
}

/* Sealed with the right key, but with the HMAC of another one. */
static void test_sealed_manifest_with_a_wrong_hmac(void **state)
{
    (void)state;
    fixture f;
    char key[NAMES_KEY_MAX];
    manifest m;
    buffer text, sealed;
    object_name mine = begin(&f, "a passphrase");
    names_build(&mine, key);
    must(snapshots_load(f.repo, &mine, &m, err));
    buffer_init(&text, MANIFEST_BYTES_MAX, "manifest");
    buffer_init(&sealed, MANIFEST_BYTES_MAX, "sealed");
    must(manifest_write(&m, f.repo->secret, &text, err));
    char *hmac = strstr(text.data, "\"hmac\":\"");
    assert_non_null(hmac);
    hmac[8] = hmac[8] == '0' ? '1' : '0';
    must(repo_seal(f.repo, text.data, text.len, &sealed, err));
    remote_memory_set(f.store, key, sealed.data, sealed.len);
    buffer_done(&text);
    buffer_done(&sealed);
    manifest_done(&m);
    expect_found(&f, "hmac does not match");
    expect_no_restore(&f, NULL, "hmac does not match");
    fixture_done(&f);
}

/* ---- the head and the key ---- */

/* repo.json and key of another repository, whose passphrase is the same. */
static void test_head_of_another_repository(void **state)
{
    (void)state;
    fixture f;
    fixture g;
    size_t len = 0;
    char head_key[64];
    (void)begin(&f, "a passphrase");
    fixture_init(&g, "a passphrase");
    random_seed(&g.random, 78);
    fixture_open_repo(&g);
    snprintf(head_key, sizeof head_key, "keys/%s.json", secret_key_id(g.repo->secret));
    const void *bytes = remote_memory_bytes(g.store, head_key, &len);
    remote_memory_set(f.store, head_key, bytes, len);
    bytes = remote_memory_bytes(g.store, "repo.json", &len);
    remote_memory_set(f.store, "repo.json", bytes, len);
    fixture_done(&g);
    fixture_close_repo(&f);
    fixture_open_repo(&f);
    expect_found(&f, "snap/");
    expect_no_restore(&f, NULL, "snap/");
    expect_no_prune(&f);
    fixture_done(&f);
}

/* An encrypted repository that claims to be none: nothing is written in clear to it. */
static void test_head_that_says_not_encrypted(void **state)
{
    (void)state;
    fixture f;
    static const char head[] = "{\"cipher\":\"none\",\"created_unix_ms\":1,\"format\":1,"
                               "\"hash\":\"sha256\",\"repo_id\":"
                               "\"00000000-0000-4000-8000-000000000001\"}";
    repo *r = NULL;
    (void)begin(&f, "a passphrase");
    remote_memory_set(f.store, "repo.json", head, sizeof head - 1);
    const repo_options options = {.db_id = FIXTURE_DB, .secret = &f.secret, .env = &f.env};
    assert_status(repo_open(f.remote, &options, &r, NULL), VARVE_INVALID);
    fixture_done(&f);
}

/* ---- JSON made to hurt ---- */

static char *repeated(const char *head, const char *part, size_t times, const char *tail)
{
    size_t len = strlen(part);
    char *text = malloc(strlen(head) + len * times + strlen(tail) + 1), *at = text;
    at += sprintf(at, "%s", head);
    for (size_t i = 0; i < times; i++, at += len)
        memcpy(at, part, len);
    strcpy(at, tail);
    return text;
}

/* Each in place of each object of JSON: opening, listing, verifying, restoring, backing up and
 * pruning end, and none of them with what they would have done of sound objects. */
static void hurt(fixture *f, const char *key, const char *text)
{
    repo *r = NULL;
    size_t len = 0;
    varve_error wrong = {0};
    const void *bytes = remote_memory_bytes(f->store, key, &len);
    char *good = malloc(len + 1);
    assert_non_null(bytes);
    memcpy(good, bytes, len);
    remote_memory_set(f->store, key, text, strlen(text));
    const repo_options options = {.db_id = FIXTURE_DB, .env = &f->env};
    varve_status status = repo_open(f->remote, &options, &r, &wrong);
    if (strcmp(key, "repo.json") == 0) {
        assert_true(status == VARVE_CORRUPT || status == VARVE_NEWER_FORMAT);
        assert_contains(wrong.message, key);
    } else {
        backup_result made = {0};
        backup_options again = fixture_backup_options(f);
        assert_int_equal(status, VARVE_OK);
        again.kind = BACKUP_FULL;
        if (strstr(key, "/snap/")) expect_no_restore(f, NULL, key);
        if (!strstr(key, "/snap/")) assert_true(backup_run(r, &again, &made, NULL) != VARVE_OK);
        if (!strstr(key, "WRITER")) expect_no_prune(f);
    }
    repo_close(r);
    remote_memory_set(f->store, key, good, len);
    free(good);
}

static void test_json(void **state)
{
    (void)state;
    fixture f;
    char snap[NAMES_KEY_MAX], gc[NAMES_KEY_MAX];
    object_name mine = begin(&f, NULL), record = {.kind = NAME_GC};
    names_build(&mine, snap);
    memcpy(record.db_id, FIXTURE_DB, sizeof record.db_id);
    memcpy(record.id, FIXTURE_OTHER, sizeof record.id);
    names_build(&record, gc);
    remote_memory_set(f.store, gc, "{}", 2);
    char *texts[] = {
        repeated("", "[", 200000, ""),
        repeated("", "{\"a\":", 100000, ""),
        repeated("{\"format\":1", ",\"x\":1", 3, "}"),
        repeated("{\"format\":", "9", 400, "}"),
        repeated("{\"format\":1e", "9", 20, "}"),
        repeated("{\"format\":-", "1", 1, "}"),
        repeated("{\"a\":\"", "\\u0000", 10, "\"}"),
        repeated("{\"a\":\"", "\xff\xfe", 10, "\"}"),
        repeated("{", " ", 300000, ""),
        repeated("", "", 0, ""),
        repeated("{\"format\":1}", "", 0, "\n{}"),
        repeated("{\"format\":2}", "", 0, ""),
    };
    const char *const keys[] = {"repo.json", "db/" FIXTURE_DB "/WRITER.json", snap, gc};
    for (size_t k = 0; k < VV_COUNT(keys); k++)
        for (size_t i = 0; i < VV_COUNT(texts); i++)
            hurt(&f, keys[k], texts[i]);
    for (size_t i = 0; i < VV_COUNT(texts); i++)
        free(texts[i]);
    remote_memory_set(f.store, gc, NULL, 0);
    (void)fixture_restore(&f, NULL);
    fixture_done(&f);
}

/* ---- a folder ---- */

typedef struct on_folder {
    fixture f;
    char place[600], blob[900], other[900], secret[700];
} on_folder;

static void path_of(const on_folder *o, const char *key, char ret[900])
{
    snprintf(ret, 900, "%s/%s", o->place, key);
}

/* Paths of the two largest blobs of the one snapshot. */
static void begin_folder(on_folder *o)
{
    char key[NAMES_KEY_MAX];
    manifest m;
    fixture_init(&o->f, NULL);
    fixture_add_rows(&o->f, 140);
    snprintf(o->place, sizeof o->place, "%s/repository", o->f.dir.path);
    snprintf(o->secret, sizeof o->secret, "%s/secret", o->f.dir.path);
    must(file_replace(o->secret, "mine", 4, err));
    must(remote_open_folder(o->place, true, NULL, &o->f.remote, err));
    fixture_open_repo(&o->f);
    const object_name made = fixture_backup(&o->f).snapshot;
    must(snapshots_load(o->f.repo, &made, &m, err));
    size_t first = 0, second = 1;
    for (size_t i = 1; i < m.file_count; i++)
        if (m.files[i].size > m.files[first].size) second = first, first = i;
    manifest_blob_key(&m.files[first], key);
    path_of(o, key, o->blob);
    manifest_blob_key(&m.files[second], key);
    path_of(o, key, o->other);
    manifest_done(&m);
}

static void expect_refused(on_folder *o)
{
    expect_found(&o->f, strrchr(o->blob, '/') + 1);
    expect_no_restore(&o->f, NULL, strrchr(o->blob, '/') + 1);
    fixture_done(&o->f);
}

static void test_symbolic_link_for_a_blob(void **state)
{
    (void)state;
    on_folder o;
    char aside[1000];
    begin_folder(&o);
    snprintf(aside, sizeof aside, "%s/aside", o.f.dir.path);
    assert_int_equal(rename(o.blob, aside), 0); /* it even leads to the right bytes */
    assert_int_equal(symlink(aside, o.blob), 0);
    expect_refused(&o);
}

static void test_hard_link_for_a_blob(void **state)
{
    (void)state;
    on_folder o;
    begin_folder(&o);
    assert_int_equal(unlink(o.blob), 0);
    assert_int_equal(link(o.secret, o.blob), 0);
    expect_refused(&o);
}

static void test_hard_link_of_another_blob(void **state)
{
    (void)state;
    on_folder o;
    begin_folder(&o);
    assert_int_equal(unlink(o.blob), 0);
    assert_int_equal(link(o.other, o.blob), 0);
    expect_refused(&o);
}

static void test_pipe_for_a_blob(void **state)
{
    (void)state;
    on_folder o;
    begin_folder(&o);
    assert_int_equal(unlink(o.blob), 0);
    assert_int_equal(mkfifo(o.blob, 0600), 0);
    expect_refused(&o);
}

static void test_directory_for_a_blob(void **state)
{
    (void)state;
    on_folder o;
    begin_folder(&o);
    assert_int_equal(unlink(o.blob), 0);
    assert_int_equal(mkdir(o.blob, 0700), 0);
    expect_refused(&o);
}

static void test_link_for_a_directory_of_blobs(void **state)
{
    (void)state;
    on_folder o;
    char aside[1000], folder[900];
    begin_folder(&o);
    snprintf(aside, sizeof aside, "%s/aside", o.f.dir.path);
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(o.blob, '/') - o.blob), o.blob);
    assert_int_equal(rename(folder, aside), 0);
    assert_int_equal(symlink(aside, folder), 0);
    expect_refused(&o);
}

/* A linked manifest is not listed: as if it were not there. */
static void test_symbolic_link_for_a_manifest(void **state)
{
    (void)state;
    on_folder o;
    char path[900], aside[1000], key[NAMES_KEY_MAX];
    restore_result result;
    snapshots list = {0};
    begin_folder(&o);
    must(snapshots_list(o.f.repo, FIXTURE_DB, &list, err));
    assert_int_equal(list.count, 1);
    names_build(&list.items[0], key);
    snapshots_done(&list);
    path_of(&o, key, path);
    snprintf(aside, sizeof aside, "%s/aside", o.f.dir.path);
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(symlink(aside, path), 0);
    must(snapshots_list(o.f.repo, FIXTURE_DB, &list, err));
    assert_int_equal(list.count, 0);
    snapshots_done(&list);
    const restore_options options = {.folder = o.f.target};
    assert_status(restore_run(o.f.repo, &options, &result, NULL), VARVE_NOT_FOUND);
    fixture_done(&o.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_old_manifest_under_a_new_name),
        cmocka_unit_test(test_old_manifest_put_back),
        cmocka_unit_test(test_manifest_of_another_database),
        cmocka_unit_test(test_manifest_of_another_repository),
        cmocka_unit_test(test_plain_manifest_in_a_sealed_repository),
        cmocka_unit_test(test_sealed_manifest_with_a_wrong_hmac),
        cmocka_unit_test(test_head_of_another_repository),
        cmocka_unit_test(test_head_that_says_not_encrypted),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_symbolic_link_for_a_blob),
        cmocka_unit_test(test_hard_link_for_a_blob),
        cmocka_unit_test(test_hard_link_of_another_blob),
        cmocka_unit_test(test_pipe_for_a_blob),
        cmocka_unit_test(test_directory_for_a_blob),
        cmocka_unit_test(test_link_for_a_directory_of_blobs),
        cmocka_unit_test(test_symbolic_link_for_a_manifest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
