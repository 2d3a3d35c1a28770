/* test_manifest.c — manifests: what is written is read back, and every other text is refused. */
#include "manifest.h"

#include "fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define ID "01234567-89ab-4cde-8f01-23456789abcd"
#define DB "00000000-0000-4000-8000-0000000000db"

static const float query[] = {0.5f, -1.25f, 3e-20f};
static const float scores[] = {0.25f, 1e30f};
static const varve_id ids[] = {
    {.kind = VARVE_ID_STR, .text = {"caf\xc3\xa9", 5}},
    {.kind = VARVE_ID_NUM, .num = UINT64_MAX},
};
static const manifest_golden golden = {
    .query = query, .dim = 3, .k = 10, .count = 2, .ids = ids, .scores = scores};
static manifest_collection collections[2] = {
    {.id = 3,
     .database = "default",
     .name = "docs",
     .rows = 10,
     .deleted = 2,
     .golden = &golden,
     .golden_count = 1},
    {.id = 7, .database = "default", .name = "other", .has_digest = true, .has_schema = true},
};
static manifest_file files[3] = {
    {.path = "FORMAT", .role = ROLE_CONFIG, .size = 4},
    {.path = "rocks/CURRENT", .role = ROLE_CURRENT, .size = 16, .generation = 2},
    {.path = "segments/7/1.seg", .role = ROLE_SEGMENT, .collection = 7, .size = 70000},
};

static secret *make_secret(void)
{
    secret *s = NULL;
    char *json = NULL;
    const secret_source source = {.passphrase = "p", .scrypt_log2n = 4};
    if (secret_create(&source, &snapshot_env_real, &s, &json, NULL) != VARVE_OK) abort();
    free(json);
    return s;
}

static manifest make(const secret *s)
{
    manifest m = {.repo_id = ID,
                  .db_id = DB,
                  .snap_id = ID,
                  .timeline = 2,
                  .kind = MANIFEST_INCREMENTAL,
                  .lsn = 123456,
                  .wal_needed_from = 123457,
                  .created_ms = 1795219200000,
                  .commit_ms = 1795219100000,
                  .server_version = "0.1.0",
                  .storage_format = 1,
                  .holder = ID,
                  .epoch = 9,
                  .has_parent = true,
                  .parent_id = DB,
                  .retention_class = "daily",
                  .pinned = true,
                  .collections = collections,
                  .collection_count = 2,
                  .files = files,
                  .file_count = 3};
    for (size_t i = 0; i < 3; i++) {
        memset(files[i].sha256, (int)i + 1, SUMS_BYTES);
        memcpy(files[i].stored_sha256, files[i].sha256, SUMS_BYTES);
        if (secret_blob_name(s, files[i].sha256, files[i].blob, NULL) != VARVE_OK) abort();
        if (!secret_sealed_size(s, files[i].size, &files[i].stored_size)) abort();
        if (s) files[i].stored_sha256[0] ^= 0xff;
    }
    return m;
}

static void write_text(manifest *m, const secret *s, buffer *out)
{
    varve_error err = {0};
    buffer_init(out, MANIFEST_BYTES_MAX, "manifest");
    if (manifest_write(m, s, out, &err) != VARVE_OK) fail_msg("%s", err.message);
}

static void expect_same(const manifest *a, const manifest *b)
{
    assert_string_equal(a->snap_id, b->snap_id);
    assert_string_equal(a->db_id, b->db_id);
    assert_string_equal(a->holder, b->holder);
    assert_string_equal(a->parent_id, b->parent_id);
    assert_string_equal(a->retention_class, b->retention_class);
    assert_int_equal(a->timeline, b->timeline);
    assert_int_equal(a->lsn, b->lsn);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->pinned, b->pinned);
    assert_memory_equal(a->sha256, b->sha256, SUMS_BYTES);
    assert_int_equal(a->file_count, b->file_count);
    for (size_t i = 0; i < a->file_count; i++) {
        assert_string_equal(a->files[i].path, b->files[i].path);
        assert_int_equal(a->files[i].generation, b->files[i].generation);
        assert_int_equal(a->files[i].stored_size, b->files[i].stored_size);
        assert_int_equal(a->files[i].collection, b->files[i].collection);
        assert_memory_equal(a->files[i].blob, b->files[i].blob, SUMS_BYTES);
        assert_memory_equal(a->files[i].stored_sha256, b->files[i].stored_sha256, SUMS_BYTES);
    }
    assert_int_equal(a->collection_count, b->collection_count);
}

static void round_trip(const secret *s)
{
    manifest m = make(s), back;
    buffer text, again;
    varve_error err = {0};
    write_text(&m, s, &text);
    if (manifest_parse(text.data, text.len, s, "it", &back, &err) != VARVE_OK)
        fail_msg("%s", err.message);
    expect_same(&m, &back);
    const manifest_golden *g = &back.collections[0].golden[0];
    assert_int_equal(g->dim, 3);
    assert_memory_equal(g->query, query, sizeof query);
    assert_memory_equal(g->scores, scores, sizeof scores);
    assert_int_equal(g->ids[1].num, UINT64_MAX);
    assert_int_equal(g->ids[0].text.len, 5);
    assert_true(back.collections[1].has_digest && !back.collections[0].has_digest);
    write_text(&back, s, &again);
    assert_int_equal(again.len, text.len);
    assert_memory_equal(again.data, text.data, text.len);
    buffer_done(&text);
    buffer_done(&again);
    manifest_done(&back);
}

static void test_round_trip(void **state)
{
    (void)state;
    secret *s = make_secret();
    round_trip(NULL);
    round_trip(s);
    secret_free(s);
}

static void test_every_byte_counts(void **state)
{
    (void)state;
    secret *s = make_secret();
    for (int sealed = 0; sealed < 2; sealed++) {
        manifest m = make(sealed ? s : NULL), back = {0};
        buffer text;
        write_text(&m, sealed ? s : NULL, &text);
        for (size_t i = 0; i < text.len; i++) {
            text.data[i] ^= 1;
            assert_int_not_equal(
                manifest_parse(text.data, text.len, sealed ? s : NULL, "it", &back, NULL),
                VARVE_OK);
            text.data[i] ^= 1;
        }
        for (size_t len = 0; len < text.len; len++)
            assert_int_not_equal(
                manifest_parse(text.data, len, sealed ? s : NULL, "it", &back, NULL), VARVE_OK);
        assert_int_not_equal(
            manifest_parse(text.data, text.len, sealed ? NULL : s, "it", &back, NULL), VARVE_OK);
        buffer_done(&text);
    }
    secret_free(s);
}

/* A manifest as somebody else might write it who can compute sums: `name` of the root (or of
 * file 0, or of collection 0) replaced by the JSON of `value`, NULL: left out. */
static varve_status parse_with(const char *where, const char *name, const char *value,
                               varve_error *err)
{
    manifest m = make(NULL), back = {0};
    buffer text;
    uint8_t sum[SUMS_BYTES];
    json_t *root = NULL;
    write_text(&m, NULL, &text);
    assert_int_equal(fields_parse(text.data, text.len, "it", &root, NULL), VARVE_OK);
    (void)json_object_del(root, "sum");
    json_t *at = *where ? json_array_get(json_object_get(root, where), 0) : root;
    (void)json_object_del(at, name);
    if (value) json_object_set_new(at, name, json_loads(value, JSON_DECODE_ANY, NULL));
    buffer_clear(&text);
    assert_int_equal(fields_dump(root, &text, NULL), VARVE_OK);
    assert_int_equal(sums_of_bytes(text.data, text.len, sum, NULL), VARVE_OK);
    json_object_set_new(root, "sum", fields_new_sum(sum));
    buffer_clear(&text);
    assert_int_equal(fields_dump(root, &text, NULL), VARVE_OK);
    varve_status status = manifest_parse(text.data, text.len, NULL, "it", &back, err);
    if (status == VARVE_OK) manifest_done(&back);
    json_decref(root);
    buffer_done(&text);
    return status;
}

typedef struct forgery {
    const char *where, *name, *value;
} forgery;

#define OTHER_BLOB "\"blobs/02/0202020202020202020202020202020202020202020202020202020202020202\""
static const forgery forgeries[] = {
    {"files", "path", "\"../FORMAT\""},
    {"files", "path", "\"/etc/passwd\""},
    {"files", "path", "\"rocks/../../x\""},
    {"files", "path", "\"ACKED2\""},
    {"files", "path", "\"rocks/LOCK\""},
    {"files", "path", "7"},
    {"files", "path", NULL},
    {"files", "role", "\"sst\""},
    {"files", "role", NULL},
    {"files", "size", "-1"},
    {"files", "size", "1.5"},
    {"files", "size", "\"4\""},
    {"files", "size", "1125899906842625"},
    {"files", "size", "9223372036854775807"},
    {"files", "key", OTHER_BLOB}, /* a blob with other content */
    {"files", "key", "\"repo.json\""},
    {"files", "key", "\"blobs/01/../01/x\""},
    {"files", "sha256", "\"01\""},
    {"files", "link", "\"/etc/passwd\""},
    {"files", "collection", "7"},
    {"files", "enc", "{\"key_id\":\"" ID "\"}"},
    {"collections", "id", "7"},
    {"collections", "id", "-1"},
    {"collections", "name", "\"\""},
    {"collections", "rows", "null"},
    {"collections", "golden", "[{}]"},
    {"collections", "golden", "[{\"k\":1,\"q\":\"AAAA\",\"dist\":\"\",\"ids\":[]}]"},
    {"collections", "golden", "[{\"k\":1,\"q\":\"AAAAAB==\",\"dist\":\"\",\"ids\":[]}]"},
    {"collections", "golden", "[{\"k\":1,\"q\":\"AAAAAA==\",\"dist\":\"\",\"ids\":[1]}]"},
    {"collections", "golden", "[{\"k\":1,\"q\":\"AAAAAA==\",\"dist\":\"AAAAAA==\",\"ids\":[1.5]}]"},
    {"", "format", "0"},
    {"", "format", "2"},
    {"", "format", NULL},
    {"", "repo_id", "\"x\""},
    {"", "timeline", "\"00000000\""},
    {"", "timeline", "\"2\""},
    {"", "timeline", "2"},
    {"", "kind", "\"delta\""},
    {"", "lsn", "-5"},
    {"", "files", "{}"},
    {"", "files", NULL},
    {"", "files", "[1]"},
    {"", "collections", "[7]"},
    {"", "parent", "7"},
    {"", "parent", "{\"snap_id\":\"" ID "\"}"},
    {"", "writer", "{}"},
    {"", "server", "{\"version\":\"0\",\"storage_format\":1,\"more\":1}"},
    {"", "retention", "{\"class\":\"a word that is far longer than thirty-one\",\"pinned\":true}"},
    {"", "unknown", "1"},
    {"", "files_blob", "{}"},
};

static void test_forgeries_are_refused(void **state)
{
    (void)state;
    varve_error err = {0};
    assert_int_equal(parse_with("files", "size", "5", &err), VARVE_OK); /* the forger can forge */
    assert_int_equal(parse_with("collections", "golden",
                                "[{\"dist\":\"AAAAAA==\",\"ids\":[1],\"k\":1,\"q\":\"AAAAAA==\"}]",
                                &err),
                     VARVE_OK);
    for (size_t i = 0; i < VV_COUNT(forgeries); i++) {
        const forgery *f = &forgeries[i];
        varve_status status = parse_with(f->where, f->name, f->value, &err);
        if (status != VARVE_CORRUPT && status != VARVE_NEWER_FORMAT)
            fail_msg("%s.%s = %s was taken", f->where, f->name, f->value ? f->value : "nothing");
    }
    assert_int_equal(parse_with("", "format", "2", &err), VARVE_NEWER_FORMAT);
    assert_non_null(strstr(err.message, "format 2"));
}

static void test_files_are_in_order(void **state)
{
    (void)state;
    manifest_file swapped[3];
    manifest m = make(NULL), back = {0};
    buffer text;
    memcpy(swapped, files, sizeof swapped);
    swapped[0] = files[1];
    swapped[1] = files[0];
    m.files = swapped;
    write_text(&m, NULL, &text);
    assert_int_equal(manifest_parse(text.data, text.len, NULL, "it", &back, NULL), VARVE_CORRUPT);
    buffer_done(&text);
    swapped[0] = swapped[1] = files[0];
    write_text(&m, NULL, &text);
    assert_int_equal(manifest_parse(text.data, text.len, NULL, "it", &back, NULL), VARVE_CORRUPT);
    buffer_done(&text);
}

static void test_other_texts_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "{",
                                      "[]",
                                      "7",
                                      "null",
                                      "{}",
                                      "{\"format\":1}",
                                      "{\"format\":1,\"format\":1}",
                                      "{\"format\":1}x",
                                      "{ \"format\":1}",
                                      "\xef\xbb\xbf{}"};
    manifest back = {0};
    for (size_t i = 0; i < VV_COUNT(bad); i++)
        assert_int_equal(manifest_parse(bad[i], strlen(bad[i]), NULL, "it", &back, NULL),
                         VARVE_CORRUPT);
    char *large = calloc(1, MANIFEST_BYTES_MAX + 1);
    assert_int_equal(manifest_parse(large, MANIFEST_BYTES_MAX + 1, NULL, "it", &back, NULL),
                     VARVE_LIMIT);
    free(large);
}

static void test_list_of_files(void **state)
{
    (void)state;
    secret *s = make_secret();
    manifest m = make(s), back;
    buffer text, list;
    varve_error err = {0};
    buffer_init(&list, MANIFEST_BYTES_MAX, "list");
    assert_int_equal(manifest_write_list(&m, s, &list, &err), VARVE_OK);
    m.listed = true;
    m.list = files[2];
    m.list.path = NULL;
    write_text(&m, s, &text);
    if (manifest_parse(text.data, text.len, s, "it", &back, &err) != VARVE_OK)
        fail_msg("%s", err.message);
    assert_true(back.listed && back.file_count == 0 && back.list.size == 70000);
    assert_int_equal(manifest_parse_list(&back, list.data, list.len, s, "list", &err), VARVE_OK);
    assert_int_equal(back.file_count, 3);
    assert_string_equal(back.files[2].path, "segments/7/1.seg");
    assert_int_equal(manifest_parse_list(&back, list.data, list.len - 1, s, "list", &err),
                     VARVE_CORRUPT);
    manifest_done(&back);
    buffer_done(&text);
    buffer_done(&list);
    secret_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_forgeries_are_refused),
        cmocka_unit_test(test_files_are_in_order),
        cmocka_unit_test(test_other_texts_are_refused),
        cmocka_unit_test(test_list_of_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
