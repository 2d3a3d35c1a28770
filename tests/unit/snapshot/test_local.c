/* test_local.c — snapshots on the disk of the data: of everything, a database, a collection; lists,
 * restores, refusals, damage, and that a failure leaves nothing. */
#include "snapshot_fixture.h"

#include "base/fault.h"
#include "local.h"

static void in_dir(const scene *s, const char *name, char ret[512])
{
    (void)snprintf(ret, 512, "%s/%s", s->dir.path, name);
}

static void expect(scene *s, varve_status status, varve_status wanted)
{
    if (status != wanted)
        fail_msg("%s, not %s: %s", varve_status_name(status), varve_status_name(wanted),
                 s->err.message);
}

static void check_collection(scene *s, const model *m, const char *database, const char *name)
{
    varve_collection *c = NULL;
    ok(s, varve_collection_open(s->db, database, name, &c, &s->err));
    assert_model(m, c);
    varve_collection_release(c);
}

static void test_collection(void **state)
{
    scene s;
    char path[512];
    snapshot_info info;
    (void)state;
    scene_begin(&s, 3);
    scene_steps(&s, 40);
    model then = s.m;
    in_dir(&s, "snapshots/one", path);
    ok(&s, snapshot_create(s.db, (snapshot_scope){"default", "docs"}, path, &info, &s.err));
    assert_int_equal(info.kind, SNAPSHOT_COLLECTION);
    assert_string_equal(info.name, "one");
    assert_string_equal(info.collection, "docs");
    assert_true(info.rows > 0 && info.bytes > 0 && info.collections == 1);
    expect(&s, snapshot_create(s.db, (snapshot_scope){"default", "docs"}, path, &info, &s.err),
           VARVE_EXISTS);
    scene_steps(&s, 20);
    snapshot_restore_request r = {.path = path, .to = {"else", "copy"}};
    ok(&s, snapshot_restore(s.db, &r, &info, &s.err));
    check_collection(&s, &then, "else", "copy");
    assert_model(&s.m, s.c);
    r.to = (snapshot_scope){NULL, NULL};
    expect(&s, snapshot_restore(s.db, &r, &info, &s.err), VARVE_EXISTS);
    assert_model(&s.m, s.c);
    r.overwrite = true;
    ok(&s, snapshot_restore(s.db, &r, &info, &s.err));
    check_collection(&s, &then, "default", "docs");
    scene_end(&s);
}

static void test_database(void **state)
{
    scene s;
    char path[512];
    snapshot_info info;
    varve_collection *other;
    (void)state;
    scene_begin(&s, 5);
    scene_steps(&s, 30);
    model then = s.m;
    ok(&s, varve_collection_create(s.db, "default", "empty", NULL, &other, &s.err));
    varve_collection_release(other);
    in_dir(&s, "snapshots/db", path);
    ok(&s, snapshot_create(s.db, (snapshot_scope){"default", NULL}, path, &info, &s.err));
    assert_int_equal(info.collections, 2);
    expect(&s, snapshot_create(s.db, (snapshot_scope){"none", NULL}, path, &info, &s.err),
           VARVE_EXISTS);
    snapshot_restore_request r = {.path = path, .to = {"second", NULL}, .whole = true};
    ok(&s, snapshot_restore(s.db, &r, &info, &s.err));
    check_collection(&s, &then, "second", "docs");
    assert_true(varve_collection_exists(s.db, "second", "empty"));
    /* Whole: what the snapshot does not have goes. */
    ok(&s, varve_collection_create(s.db, "second", "later", NULL, &other, &s.err));
    varve_collection_release(other);
    expect(&s, snapshot_restore(s.db, &r, &info, &s.err), VARVE_EXISTS);
    assert_true(varve_collection_exists(s.db, "second", "later"));
    r.overwrite = true;
    ok(&s, snapshot_restore(s.db, &r, &info, &s.err));
    assert_false(varve_collection_exists(s.db, "second", "later"));
    check_collection(&s, &then, "second", "docs");
    scene_end(&s);
}

static void test_everything(void **state)
{
    scene s;
    char path[512], folder[512], root[512];
    snapshot_info info;
    snapshot_list list;
    (void)state;
    scene_begin(&s, 7);
    scene_steps(&s, 40);
    model then = s.m;
    in_dir(&s, "snapshots/all", path);
    in_dir(&s, "snapshots", root);
    in_dir(&s, "restored", folder);
    ok(&s, snapshot_create(s.db, (snapshot_scope){NULL, NULL}, path, &info, &s.err));
    assert_true(info.kind == SNAPSHOT_ALL && info.sequence > 0);
    ok(&s, snapshot_list_read(root, &list, &s.err));
    assert_int_equal(list.count, 1);
    assert_string_equal(list.all[0].name, "all");
    snapshot_list_done(&list);
    scene_steps(&s, 10);
    ok(&s, snapshot_restore_folder(path, folder, &s.err));
    expect(&s, snapshot_restore_folder(path, folder, &s.err), VARVE_EXISTS);
    snapshot_restore_request r = {.path = path, .from = {"default", "docs"}, .to = {NULL, "old"}};
    ok(&s, snapshot_restore(s.db, &r, &info, &s.err));
    check_collection(&s, &then, "default", "old");
    r = (snapshot_restore_request){.path = path, .to = {NULL, "other"}};
    expect(&s, snapshot_restore(s.db, &r, &info, &s.err), VARVE_INVALID);
    scene_close(&s, true);
    assert_folder_as(&s, folder, &then, false, "default", "docs");
    ok(&s, snapshot_delete(path, &s.err));
    expect(&s, snapshot_delete(path, &s.err), VARVE_NOT_FOUND);
    ok(&s, snapshot_list_read(root, &list, &s.err));
    assert_int_equal(list.count, 0);
    snapshot_list_done(&list);
    scene_open(&s);
    scene_end(&s);
}

/* ---- damage -------------------------------------------------------------------------------- */

static void flip(const char *path)
{
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, -100, SEEK_END), 0);
    int c = fgetc(f);
    assert_int_equal(fseek(f, -1, SEEK_CUR), 0);
    (void)fputc(c ^ 0x40, f);
    assert_int_equal(fclose(f), 0);
}

/* The first segment of a snapshot, as a file of its own: links are shared with the data. */
static void own_segment(scene *s, const char *snapshot, char ret[1024])
{
    file_names folders = {0}, files = {0};
    char segments[600], folder[700], copy[1024];
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    size_t len;
    (void)snprintf(segments, sizeof segments, "%s/segments", snapshot);
    ok(s, file_list(segments, &folders, &s->err));
    assert_true(folders.count > 0);
    (void)snprintf(folder, sizeof folder, "%s/%s", segments, folders.names[0]);
    ok(s, file_list(folder, &files, &s->err));
    assert_true(files.count > 0);
    (void)snprintf(ret, 1024, "%s/%s", folder, files.names[0]);
    (void)snprintf(copy, sizeof copy, "%s", ret);
    ok(s, file_read(ret, (size_t)1 << 30, &bytes, &len, &s->err));
    ok(s, file_unlink(ret, &s->err));
    ok(s, file_replace(copy, bytes, len, &s->err));
    file_names_free(&folders);
    file_names_free(&files);
}

static void test_damage(void **state)
{
    scene s;
    char path[512], segment[1024], note[600];
    snapshot_info info;
    (void)state;
    scene_begin(&s, 11);
    scene_steps(&s, 40);
    in_dir(&s, "snapshots/bad", path);
    ok(&s, snapshot_create(s.db, (snapshot_scope){"default", "docs"}, path, &info, &s.err));
    ok(&s, snapshot_verify(path, &s.err));
    own_segment(&s, path, segment);
    ok(&s, snapshot_verify(path, &s.err));
    flip(segment);
    expect(&s, snapshot_verify(path, &s.err), VARVE_CORRUPT);
    snapshot_restore_request r = {.path = path, .to = {NULL, "copy"}};
    expect(&s, snapshot_restore(s.db, &r, &info, &s.err), VARVE_CORRUPT);
    assert_false(varve_collection_exists(s.db, "default", "copy"));
    (void)snprintf(note, sizeof note, "%s/snapshot.json", path);
    ok(&s, file_replace(note, "{}", 2, &s.err));
    expect(&s, snapshot_inspect(path, &info, &s.err), VARVE_CORRUPT);
    scene_end(&s);
}

/* ---- failures ------------------------------------------------------------------------------ */

/* Every n-th point fails once: the snapshot is whole, or nothing is left. */
static void test_faults(void **state)
{
    scene s;
    char path[512], root[512];
    snapshot_info info;
    bool hit = true;
    (void)state;
    scene_begin(&s, 13);
    scene_steps(&s, 15);
    in_dir(&s, "snapshots", root);
    in_dir(&s, "snapshots/f", path);
    for (uint64_t nth = 1; hit; nth += 3) {
        file_names left = {0};
        fault_arm(NULL, nth, nth % 2 ? VV_FAULT_EIO : VV_FAULT_ENOSPC);
        varve_status status =
            snapshot_create(s.db, (snapshot_scope){"default", "docs"}, path, &info, &s.err);
        hit = fault_was_hit();
        fault_disarm();
        if (status == VARVE_OK) {
            ok(&s, snapshot_verify(path, &s.err));
            ok(&s, snapshot_delete(path, &s.err));
        }
        if (file_exists(root)) ok(&s, file_list(root, &left, &s.err));
        if (left.count > 0) assert_non_null(strstr(left.names[0], ".snapshot-tmp"));
        file_names_free(&left);
        assert_model(&s.m, s.c);
        assert_true(nth < 5000);
    }
    scene_end(&s);
}

static void test_names(void **state)
{
    static const char *const bad[] = {"", ".x", "a/b", "..", "a b", "x.snapshot-tmp"};
    (void)state;
    for (size_t i = 0; i < VV_COUNT(bad); i++)
        assert_false(snapshot_name_is_valid(bad[i]));
    assert_true(snapshot_name_is_valid("2026-11-21_nightly.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_collection), cmocka_unit_test(test_database),
        cmocka_unit_test(test_everything), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_faults),     cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
