/* test_diff.c — what two manifests say of the time between them. */
#include "unit.h"

#include "diff.h"

static manifest_collection collection(uint32_t id, const char *name, uint64_t rows, uint8_t digest)
{
    manifest_collection c = {
        .id = id, .database = "default", .name = name, .rows = rows, .has_digest = digest != 0};
    c.digest[0] = digest;
    return c;
}

static manifest_file file(const char *path, uint32_t of, uint64_t size, uint8_t content)
{
    manifest_file f = {.path = path, .role = ROLE_SEGMENT, .collection = of, .size = size};
    f.sha256[0] = content;
    return f;
}

static void test_collections(void **state)
{
    (void)state;
    const manifest_collection old[] = {collection(1, "same", 10, 1), collection(2, "gone", 5, 2),
                                       collection(3, "edited", 7, 3), collection(5, "grown", 1, 0)};
    const manifest_collection new[] = {collection(1, "same", 10, 1), collection(3, "edited", 7, 4),
                                       collection(5, "grown", 2, 0), collection(6, "fresh", 9, 6)};
    static const struct {
        uint32_t id;
        diff_kind kind;
    } expected[] = {
        {1, DIFF_SAME}, {2, DIFF_DROPPED}, {3, DIFF_CHANGED}, {5, DIFF_CHANGED}, {6, DIFF_ADDED}};
    const manifest before = {.collections = old, .collection_count = VV_COUNT(old)};
    const manifest after = {.collections = new, .collection_count = VV_COUNT(new)};
    diff d;
    assert_status(diff_make(&before, &after, &d, NULL), VARVE_OK);
    assert_int_equal(d.collection_count, VV_COUNT(expected));
    for (size_t i = 0; i < d.collection_count; i++) {
        const diff_collection *c = &d.collections[i];
        assert_int_equal((c->before ? c->before : c->after)->id, expected[i].id);
        assert_int_equal(c->kind, expected[i].kind);
    }
    assert_int_equal(d.rows_before, 23);
    assert_int_equal(d.rows_after, 28);
    diff_done(&d);
}

/* A name that went to another collection: one was dropped, one was made. A collection with another
 * name has changed. */
static void test_names(void **state)
{
    (void)state;
    const manifest_collection old[] = {collection(1, "a", 1, 1), collection(2, "b", 1, 1)};
    const manifest_collection new[] = {collection(1, "c", 1, 1), collection(3, "b", 1, 1)};
    const manifest before = {.collections = old, .collection_count = 2};
    const manifest after = {.collections = new, .collection_count = 2};
    diff d;
    assert_status(diff_make(&before, &after, &d, NULL), VARVE_OK);
    assert_int_equal(d.collections[0].kind, DIFF_CHANGED);
    assert_int_equal(d.collections[1].kind, DIFF_DROPPED);
    assert_int_equal(d.collections[2].kind, DIFF_ADDED);
    diff_done(&d);
}

/* Contents count once, under whatever path they lie; without a digest they tell of a change. */
static void test_files(void **state)
{
    (void)state;
    const manifest_collection same[] = {collection(1, "a", 1, 0), collection(2, "b", 1, 0)};
    const manifest_file old[] = {file("segments/1/1.seg", 1, 100, 1),
                                 file("segments/2/1.seg", 2, 50, 2),
                                 file("segments/2/2.seg", 2, 50, 2)};
    const manifest_file new[] = {file("segments/1/1.seg", 1, 100, 1),
                                 file("segments/2/3.seg", 2, 70, 3)};
    const manifest before = {
        .collections = same, .collection_count = 2, .files = old, .file_count = 3};
    const manifest after = {
        .collections = same, .collection_count = 2, .files = new, .file_count = 2};
    diff d;
    assert_status(diff_make(&before, &after, &d, NULL), VARVE_OK);
    assert_int_equal(d.collections[0].kind, DIFF_SAME);
    assert_int_equal(d.collections[1].kind, DIFF_CHANGED);
    assert_int_equal(d.files_before, 3);
    assert_int_equal(d.bytes_before, 200);
    assert_int_equal(d.files_after, 2);
    assert_int_equal(d.bytes_after, 170);
    assert_int_equal(d.files_new, 1);
    assert_int_equal(d.bytes_new, 70);
    assert_int_equal(d.files_gone, 1);
    assert_int_equal(d.bytes_gone, 50);
    diff_done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_collections),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
