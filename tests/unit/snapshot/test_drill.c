/* test_drill.c — drills of a sound repository pass and say what they saw; each kind of damage makes
 * one fail, and it names what is wrong; and whatever happens, nothing of a drill stays.
 *
 * Usage: test_snapshot_drill [ROUNDS [FIRST]], each with other data. */
#include "contents_fixture.h"
#include "log_fixture.h"

#include "base/lock.h"
#include "drill.h"

#include <stdlib.h>
#include <unistd.h>

static void scratch_of(fixture *f, char ret[600]) { snprintf(ret, 600, "%s/drills", f->dir.path); }

static drill_report drill(fixture *f, const drill_options *more)
{
    char folder[600];
    drill_report report = {0};
    drill_options options = *more;
    scratch_of(f, folder);
    options.folder = folder;
    must(drill_run(f->repo, &options, &report, err));
    assert_int_equal(report.sound, report.count == 0);
    assert_false(file_exists(folder));
    assert_int_equal(fixture_count_pins(f), 0);
    return report;
}

/* round: from 0 on; other vectors and other objects for each. */
static void begin(fixture *f, const char *passphrase, void **state)
{
    fixture_init(f, passphrase);
    random_seed(&f->random, 5 + *(const uint64_t *)*state);
    fixture_add_rows(f, 120);
    fixture_open_repo(f);
    (void)contents_backup(f, NULL);
    fixture_add_rows(f, 40);
    (void)contents_backup(f, NULL);
}

static void test_sound(void **state)
{
    static const char *const passphrases[] = {NULL, "a passphrase"};
    for (size_t i = 0; i < VV_COUNT(passphrases); i++) {
        fixture f;
        json_t *json = NULL;
        const drill_options options = {0};
        begin(&f, passphrases[i], state);
        drill_report report = drill(&f, &options);
        if (report.count) fail_msg("%s", report.findings[0]);
        assert_int_equal(report.checked.rows, 160);
        assert_int_equal(report.checked.digests, 1);
        assert_int_equal(report.checked.golden, 5);
        assert_int_equal(report.sequence, f.sequence);
        assert_true(report.bytes > 0 && report.files >= 5);
        must(drill_report_json(f.repo, &report, &json, err));
        must(drill_report_check(f.repo, json, err));
        assert_non_null(json_object_get(json, i ? "hmac" : "sum"));
        json_object_set_new(json, "rows", json_integer(161));
        assert_status(drill_report_check(f.repo, json, NULL), VARVE_CORRUPT);
        json_decref(json);
        drill_report_done(&report);
        fixture_done(&f);
    }
}

static void test_of_one_snapshot(void **state)
{
    fixture f;
    snapshots all = {0};
    begin(&f, NULL, state);
    must(snapshots_list(f.repo, FIXTURE_DB, &all, err));
    const drill_options options = {.snap_id = all.items[0].id};
    drill_report report = drill(&f, &options);
    assert_int_equal(report.count, 0);
    assert_int_equal(report.checked.rows, 120);
    assert_string_equal(report.snap_id, all.items[0].id);
    drill_report_done(&report);
    snapshots_done(&all);
    fixture_done(&f);
}

/* ---- damage -------------------------------------------------------------------------------- */

typedef struct keys {
    char names[64][NAMES_KEY_MAX];
    size_t count;
} keys;

static varve_status add_key(void *arg, const char *key, uint64_t size, varve_error *err)
{
    keys *k = arg;
    (void)err;
    if (size == 0) return VARVE_OK;
    assert_true(k->count < 64);
    snprintf(k->names[k->count++], NAMES_KEY_MAX, "%s", key);
    return VARVE_OK;
}

/* Blobs of the newest snapshot, or its manifest and the one before. */
static keys blobs_of_newest(fixture *f)
{
    keys k = {0};
    object_name name;
    manifest m;
    must(snapshots_newest(f->repo, UINT64_MAX, &name, err));
    must(snapshots_load(f->repo, &name, &m, err));
    for (size_t i = 0; i < m.file_count && k.count < 64; i++) {
        size_t same = 0;
        manifest_blob_key(&m.files[i], k.names[k.count]);
        while (strcmp(k.names[same], k.names[k.count]) != 0)
            same++;
        k.count += m.files[i].size > 64 && same == k.count; /* a content may have several files */
    }
    manifest_done(&m);
    return k;
}

static keys manifests(fixture *f)
{
    keys k = {0};
    must(remote_list(f->remote, "db/" FIXTURE_DB "/tl/00000001/snap/", NULL, add_key, &k, err));
    assert_int_equal(k.count, 2);
    return k;
}

/* A copy of an object; free() it. */
static char *copy_of(fixture *f, const char *key, size_t *ret_len)
{
    const char *bytes = remote_memory_bytes(f->store, key, ret_len);
    assert_non_null(bytes);
    char *copy = malloc(*ret_len + 1);
    memcpy(copy, bytes, *ret_len);
    return copy;
}

typedef enum damage { MISSING, FLIPPED, SWAPPED, OLD_MANIFEST, CUT_MANIFEST, DAMAGES } damage;

/* ret: the key that the drill has to name. */
static void do_damage(fixture *f, damage how, uint64_t round, char ret[NAMES_KEY_MAX])
{
    bool of_blob = how == MISSING || how == FLIPPED || how == SWAPPED;
    keys k = of_blob ? blobs_of_newest(f) : manifests(f);
    size_t at = of_blob ? round % k.count : 1;
    const char *wanted = k.names[at], *other = k.names[(at + 1) % k.count];
    size_t len = 0, other_len = 0;
    char *bytes = copy_of(f, wanted, &len), *others = copy_of(f, other, &other_len);
    if (how == FLIPPED) bytes[len / 2] ^= 4;
    switch (how) {
    case MISSING: remote_memory_set(f->store, wanted, NULL, 0); break;
    case FLIPPED: remote_memory_set(f->store, wanted, bytes, len); break;
    case CUT_MANIFEST: remote_memory_set(f->store, wanted, bytes, len / 2); break;
    case SWAPPED:
        remote_memory_set(f->store, other, bytes, len);
        remote_memory_set(f->store, wanted, others, other_len);
        break;
    default: remote_memory_set(f->store, wanted, others, other_len); break;
    }
    snprintf(ret, NAMES_KEY_MAX, "%s", wanted);
    free(bytes);
    free(others);
}

static void test_damage(void **state)
{
    static const char *const passphrases[] = {NULL, "a passphrase"};
    for (size_t p = 0; p < VV_COUNT(passphrases); p++) {
        for (damage how = MISSING; how < DAMAGES; how++) {
            fixture f;
            char key[NAMES_KEY_MAX];
            const drill_options options = {.threads = 1};
            begin(&f, passphrases[p], state);
            do_damage(&f, how, *(const uint64_t *)*state, key);
            drill_report report = drill(&f, &options);
            if (report.count == 0) fail_msg("damage %d was not found", (int)how);
            if (how == SWAPPED) /* either of the two */
                assert_contains(report.findings[0], "blobs/");
            else
                assert_contains(report.findings[0], key);
            drill_report_done(&report);
            fixture_done(&f);
        }
    }
}

static void wrong_digest(manifest_collection *items, size_t count)
{
    (void)count;
    items[0].digest[0] ^= 1;
}

/* All is well with the objects, but they are not what the manifest says. */
static void test_false_manifest(void **state)
{
    (void)state;
    fixture f;
    const drill_options options = {0};
    fixture_init(&f, NULL);
    fixture_add_rows(&f, 120);
    fixture_open_repo(&f);
    (void)contents_backup(&f, wrong_digest);
    drill_report report = drill(&f, &options);
    assert_int_equal(report.count, 1);
    assert_contains(report.findings[0], "default/docs");
    drill_report_done(&report);
    fixture_done(&f);
}

static void test_wrong_key(void **state)
{
    fixture f;
    varve_error wrong = {0};
    drill_report report = {0};
    json_t *json = NULL;
    begin(&f, "a passphrase", state);
    fixture_close_repo(&f);
    const secret_source other = {.passphrase = "another one", .scrypt_log2n = 4};
    const repo_options options = {.db_id = FIXTURE_DB, .secret = &other, .env = &f.env};
    f.remote = remote_open_memory(f.store, NULL, NULL);
    varve_status status = repo_open(f.remote, &options, &f.repo, &wrong);
    assert_int_equal(status, VARVE_INVALID);
    must(drill_fail(status, wrong.message, &report, err));
    assert_false(report.sound);
    assert_contains(report.findings[0], "passphrase");
    must(drill_report_json(NULL, &report, &json, err));
    assert_true(json_is_false(json_object_get(json, "sound")));
    json_decref(json);
    drill_report_done(&report);
    fixture_done(&f);
}

static void test_nothing_there(void **state)
{
    (void)state;
    fixture f;
    const drill_options options = {0};
    fixture_init(&f, NULL);
    fixture_open_repo(&f);
    drill_report report = drill(&f, &options);
    assert_int_equal(report.count, 1);
    assert_contains(report.findings[0], "NOT_FOUND");
    drill_report_done(&report);
    fixture_done(&f);
}

/* ---- the scratch folder -------------------------------------------------------------------- */

/* What a drill that was killed left is removed; other things beside it stay. */
static void test_after_a_crash(void **state)
{
    fixture f;
    char folder[600], path[800];
    drill_report report = {0};
    begin(&f, NULL, state);
    scratch_of(&f, folder);
    snprintf(path, sizeof path, "%s/varve-drill.scratch/data.restore-tmp/rocks", folder);
    must(file_make_dir(folder, err));
    for (char *at = path + strlen(folder) + 1; (at = strchr(at, '/')); at++) {
        *at = 0;
        must(file_make_dir(path, err));
        *at = '/';
    }
    must(file_make_dir(path, err));
    snprintf(path, sizeof path, "%s/varve-drill.scratch/data", folder);
    must(file_make_dir(path, err));
    snprintf(path, sizeof path, "%s/mine", folder);
    must(file_replace(path, "x", 1, err));
    const drill_options options = {.folder = folder};
    must(drill_run(f.repo, &options, &report, err));
    assert_int_equal(report.count, 0);
    assert_true(file_exists(path));
    must(file_unlink(path, err));
    assert_int_equal(rmdir(folder), 0); /* nothing else is left */
    drill_report_done(&report);
    fixture_done(&f);
}

static void test_one_at_a_time(void **state)
{
    fixture f;
    char folder[600], path[700];
    lock_file held = LOCK_FILE_NONE;
    drill_report report = {0};
    begin(&f, NULL, state);
    scratch_of(&f, folder);
    must(file_make_dir(folder, err));
    snprintf(path, sizeof path, "%s/varve-drill.lock", folder);
    must(lock_take(path, &held, err));
    const drill_options options = {.folder = folder};
    assert_status(drill_run(f.repo, &options, &report, NULL), VARVE_LOCKED);
    lock_drop(&held);
    fixture_done(&f);
}

static bool yes(void *arg) { return ++*(int *)arg > 3; }

static void test_cancelled(void **state)
{
    fixture f;
    char folder[600];
    int asked = 0;
    drill_report report = {0};
    begin(&f, NULL, state);
    scratch_of(&f, folder);
    const drill_options options = {.folder = folder, .cancel = {yes, &asked}};
    assert_status(drill_run(f.repo, &options, &report, NULL), VARVE_CANCELLED);
    assert_false(file_exists(folder));
    fixture_done(&f);
}

static remote_memory_action slow(void *arg, const remote_memory_request *r)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    if (*(bool *)arg && r->step == REMOTE_MEMORY_GET && !r->done) (void)nanosleep(&pause, NULL);
    return REMOTE_MEMORY_GO;
}

static void test_time_limit(void **state)
{
    (void)state;
    fixture f;
    bool slowly = false;
    fixture_init(&f, NULL);
    f.hook = slow;
    f.hook_arg = &slowly;
    fixture_add_rows(&f, 120);
    fixture_open_repo(&f);
    (void)contents_backup(&f, NULL);
    slowly = true;
    const drill_options options = {.time_limit_ms = 10, .threads = 1};
    drill_report report = drill(&f, &options);
    assert_int_equal(report.count, 1);
    assert_contains(report.findings[0], "time limit");
    drill_report_done(&report);
    fixture_done(&f);
}

/* ---- the store fails ----------------------------------------------------------------------- */

typedef struct failing {
    uint64_t at, seen;
    bool hit;
} failing;

static remote_memory_action fail_one(void *arg, const remote_memory_request *r)
{
    failing *f = arg;
    if (r->done || r->step == REMOTE_MEMORY_DELETE) return REMOTE_MEMORY_GO;
    if (f->seen++ != f->at) return REMOTE_MEMORY_GO;
    f->hit = true;
    return REMOTE_MEMORY_FAIL;
}

/* Each request fails once: the drill has a finding, or did without; and cleans up. */
static void test_every_request_fails(void **state)
{
    (void)state;
    fixture f;
    failing fails = {.at = UINT64_MAX};
    size_t failed = 0;
    fixture_init(&f, NULL);
    f.hook = fail_one;
    f.hook_arg = &fails;
    fixture_add_rows(&f, 120);
    fixture_open_repo(&f);
    (void)contents_backup(&f, NULL);
    for (uint64_t at = 0;; at++) {
        const drill_options options = {.threads = 1};
        fails = (failing){.at = at};
        drill_report report = drill(&f, &options);
        failed += report.count > 0;
        drill_report_done(&report);
        if (!fails.hit) break;
    }
    assert_true(failed > 5);
    fixture_done(&f);
}

/* ---- moments between snapshots ------------------------------------------------------------- */

static void drill_moment(voyage *v, pitr_target target, uint64_t value, bool sound)
{
    char folder[320];
    drill_report report = {0};
    const pitr_options moment = {.target = target, .lsn = value, .time_ms = value};
    const drill_options options = {.moment = &moment, .folder = beside(&v->s, "drills", folder)};
    ok(&v->s, drill_run(v->repo, &options, &report, &v->s.err));
    assert_false(file_exists(folder));
    if (sound && report.count) fail_msg("%s", report.findings[0]);
    assert_int_equal(report.sound, sound);
    if (sound && target == PITR_LSN) assert_in_range(report.sequence, 1, value);
    drill_report_done(&report);
}

static void test_moments(void **state)
{
    voyage v;
    voyage_begin(&v, 3 + *(const uint64_t *)*state, true, NULL);
    v.busy = true; /* seals go on meanwhile */
    (void)voyage_snapshot(&v);
    for (int i = 0; i < 6; i++) {
        scene_steps(&v.s, 15);
        voyage_ship_all(&v);
        voyage_note(&v);
    }
    voyage_ship_all(&v); /* a seal may have committed before the last moment was noted */
    drill_moment(&v, PITR_LATEST, 0, true);
    for (size_t i = 0; i < v.moment_count; i += 2) {
        drill_moment(&v, PITR_LSN, v.moments[i].sequence, true);
        if (i + 1 < v.moment_count) drill_moment(&v, PITR_TIME, v.moments[i].time_ms, true);
    }
    drill_moment(&v, PITR_LSN, v.moments[v.moment_count - 1].sequence + 1000, false);
    voyage_end(&v);
}

int main(int argc, char **argv)
{
    uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    int failed = 0;
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    for (uint64_t round = first; round < first + rounds; round++) {
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate(test_sound, &round),
            cmocka_unit_test_prestate(test_of_one_snapshot, &round),
            cmocka_unit_test_prestate(test_damage, &round),
            cmocka_unit_test_prestate(test_false_manifest, &round),
            cmocka_unit_test_prestate(test_wrong_key, &round),
            cmocka_unit_test_prestate(test_nothing_there, &round),
            cmocka_unit_test_prestate(test_after_a_crash, &round),
            cmocka_unit_test_prestate(test_one_at_a_time, &round),
            cmocka_unit_test_prestate(test_cancelled, &round),
            cmocka_unit_test_prestate(test_time_limit, &round),
            cmocka_unit_test_prestate(test_every_request_fails, &round),
            cmocka_unit_test_prestate(test_moments, &round),
        };
        failed += cmocka_run_group_tests(tests, NULL, NULL);
    }
    return failed;
}
