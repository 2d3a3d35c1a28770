/* test_hostile_local.c — snapshots and exports on a disk that somebody else had a hand in: links,
 * pipes, notes and array headers made to hurt, lines without end. They are refused, whatever lies
 * beside them is not touched, and no collection appears. Elsewhere: damage (test_local.c,
 * test_export.c), paths of the HTTP routes (tests/api/test_snapshots.py). */
#include "snapshot_fixture.h"

#include "export.h"
#include "local.h"
#include "sums.h"

#include <dirent.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct hostile {
    scene s;
    char path[512], secret[512]; /* of the snapshot or export; a file outside */
} hostile;

static void outside(hostile *h)
{
    snprintf(h->secret, sizeof h->secret, "%.300s/secret", h->s.dir.path);
    ok(&h->s, file_replace(h->secret, "mine", 4, &h->s.err));
    alarm(60); /* nothing may wait for a pipe */
}

static void in(const hostile *h, const char *name, char ret[900])
{
    snprintf(ret, 900, "%s/%s", h->path, name);
}

static void end(hostile *h)
{
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    size_t len;
    ok(&h->s, file_read(h->secret, 16, &bytes, &len, &h->s.err));
    assert_string_equal(bytes, "mine");
    assert_model(&h->s.m, h->s.c);
    scene_end(&h->s);
    alarm(0);
}

/* ---- snapshots ---- */

static void snapshot(hostile *h)
{
    snapshot_info info;
    scene_begin(&h->s, 5);
    scene_steps(&h->s, 40);
    outside(h);
    snprintf(h->path, sizeof h->path, "%.300s/snapshots/it", h->s.dir.path);
    ok(&h->s, snapshot_create(h->s.db, (snapshot_scope){NULL, NULL}, h->path, &info, &h->s.err));
}

static void expect_refused(hostile *h, bool verified_too)
{
    snapshot_info info;
    char folder[600];
    snapshot_restore_request r = {
        .path = h->path, .from = {"default", "docs"}, .to = {"default", "again"}};
    snprintf(folder, sizeof folder, "%.300s/new", h->s.dir.path);
    for (int unverified = 0; unverified < 1 + verified_too; unverified++) {
        r.unverified = unverified;
        assert_true(snapshot_restore(h->s.db, &r, &info, &h->s.err) != VARVE_OK);
        assert_false(varve_collection_exists(h->s.db, "default", "again"));
    }
    assert_true(snapshot_verify(h->path, &h->s.err) != VARVE_OK);
    assert_true(snapshot_restore_folder(h->path, folder, &h->s.err) != VARVE_OK);
    assert_false(file_exists(folder));
}

/* The first file below `folder` whose name ends so. */
static bool find_file(const char *folder, const char *suffix, char ret[900])
{
    VV_CLEANUP(file_names_free) file_names n = {0};
    if (file_list(folder, &n, NULL) != VARVE_OK) return false;
    for (size_t i = 0; i < n.count; i++) {
        char inner[900];
        size_t len = strlen(n.names[i]), of = strlen(suffix);
        snprintf(inner, sizeof inner, "%.600s/%.200s", folder, n.names[i]);
        bool ends = len >= of && strcmp(n.names[i] + len - of, suffix) == 0;
        if (ends) memcpy(ret, inner, sizeof inner);
        if (ends || find_file(inner, suffix, ret)) return true;
    }
    return false;
}

/* Even to the right bytes, which somebody could change after they were looked at. */
static void link_one(const char *suffix)
{
    hostile h;
    char path[900], aside[600];
    snapshot(&h);
    snprintf(aside, sizeof aside, "%.300s/aside", h.s.dir.path);
    assert_true(find_file(h.path, suffix, path));
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(symlink(aside, path), 0);
    expect_refused(&h, true);
    assert_true(file_exists(aside));
    end(&h);
}

static void test_link_for_a_segment(void **state)
{
    (void)state;
    link_one(".seg");
}

static void test_link_for_rows(void **state)
{
    (void)state;
    link_one("CURRENT");
}

static void test_link_for_a_folder(void **state)
{
    (void)state;
    link_one("segments");
}

static void test_link_for_the_note(void **state)
{
    (void)state;
    link_one("snapshot.json");
}

static void test_link_for_the_snapshot(void **state)
{
    (void)state;
    hostile h;
    char aside[600];
    snapshot(&h);
    snprintf(aside, sizeof aside, "%.300s/aside", h.s.dir.path);
    assert_int_equal(rename(h.path, aside), 0);
    assert_int_equal(symlink(aside, h.path), 0);
    expect_refused(&h, true);
    end(&h);
}

static void test_pipe_beside_the_files(void **state)
{
    (void)state;
    hostile h;
    char path[900];
    snapshot(&h);
    in(&h, "rocks/000001.log", path);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_refused(&h, true);
    end(&h);
}

/* A link that is deleted is deleted itself, and a snapshot with links in it too. */
static void test_delete_follows_no_link(void **state)
{
    (void)state;
    hostile h;
    char path[900], folder[600], kept[700];
    snapshot(&h);
    snprintf(folder, sizeof folder, "%.300s/aside", h.s.dir.path);
    snprintf(kept, sizeof kept, "%.600s/kept", folder);
    ok(&h.s, file_make_dir(folder, &h.s.err));
    ok(&h.s, file_replace(kept, "x", 1, &h.s.err));
    in(&h, "segments/way", path);
    assert_int_equal(symlink(folder, path), 0);
    in(&h, "link", path);
    assert_int_equal(symlink(h.secret, path), 0);
    ok(&h.s, snapshot_delete(h.path, &h.s.err));
    assert_false(file_exists(h.path));
    assert_true(file_exists(kept));
    end(&h);
}

static void test_notes(void **state)
{
    static const char *const notes[] = {
        "",
        "{",
        "[]",
        "7",
        "null",
        "{}",
        "{\"format\":\"varve-snapshot\"}",
        "{\"format\":\"varve-snapshot\",\"version\":1}",
        "{\"format\":\"varve-snapshot\",\"version\":-1}",
        "{\"format\":\"varve-snapshot\",\"version\":99}",
        "{\"format\":\"varve-snapshot\",\"version\":1,\"version\":1}",
        "{\"format\":\"varve-snapshot\",\"version\":99999999999999999999999}",
    };
    (void)state;
    hostile h;
    char path[900];
    snapshot_info info;
    snapshot_list list = {0};
    char root[600];
    snapshot(&h);
    in(&h, "snapshot.json", path);
    snprintf(root, sizeof root, "%.300s/snapshots", h.s.dir.path);
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        ok(&h.s, file_replace(path, notes[i], strlen(notes[i]), &h.s.err));
        varve_status status = snapshot_inspect(h.path, &info, &h.s.err);
        assert_true(status == VARVE_CORRUPT || status == VARVE_NEWER_FORMAT);
        expect_refused(&h, true);
        ok(&h.s, snapshot_list_read(root, &list, &h.s.err));
        assert_int_equal(list.count, 0);
        snapshot_list_done(&list);
    }
    char *deep = malloc(1 << 20);
    memset(deep, '[', 1 << 20);
    ok(&h.s, file_replace(path, deep, 1 << 20, &h.s.err));
    assert_true(snapshot_inspect(h.path, &info, &h.s.err) != VARVE_OK);
    free(deep);
    end(&h);
}

/* Members of a sound note, each of them wrong. */
static void test_members_of_a_note(void **state)
{
    static const struct {
        const char *key, *value;
    } cases[] = {
        {"kind", "\"part\""}, {"kind", "7"},
        {"database", "7"},    {"collection", "null"},
        {"rows", "-1"},       {"rows", "1.5"},
        {"rows", "\"9\""},    {"bytes", "-9223372036854775808"},
        {"sequence", "true"}, {"created_ms", "{}"},
        {"version", "2"},     {"format", "\"varve-export\""},
    };
    (void)state;
    hostile h;
    char path[900];
    VV_CLEANUP(vv_freep) char *good = NULL;
    size_t len;
    snapshot(&h);
    in(&h, "snapshot.json", path);
    ok(&h.s, file_read(path, 1 << 20, &good, &len, &h.s.err));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *note = json_loadb(good, len, 0, NULL);
        json_object_set_new(note, cases[i].key, json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
        VV_CLEANUP(vv_freep) char *text = json_dumps(note, 0);
        json_decref(note);
        snapshot_info info;
        ok(&h.s, file_replace(path, text, strlen(text), &h.s.err));
        assert_true(snapshot_inspect(h.path, &info, &h.s.err) != VARVE_OK);
    }
    end(&h);
}

/* ---- exports ---- */

static export_place place_of(hostile *h, const char *collection, const char *scratch)
{
    return (export_place){.db = h->s.db,
                          .database = "default",
                          .collection = collection,
                          .path = h->path,
                          .scratch = scratch};
}

static void export_it(hostile *h, export_layout layout)
{
    export_info info;
    char scratch[600];
    scene_begin(&h->s, 5);
    scene_steps(&h->s, 40);
    outside(h);
    snprintf(h->path, sizeof h->path, "%.300s/exported", h->s.dir.path);
    snprintf(scratch, sizeof scratch, "%.300s/scratch", h->s.dir.path);
    const export_place from = place_of(h, "docs", scratch);
    ok(&h->s, snapshot_export(&from, layout, &info, &h->s.err));
}

static void expect_no_import(hostile *h)
{
    export_info info;
    char scratch[600];
    snprintf(scratch, sizeof scratch, "%.300s/scratch", h->s.dir.path);
    const export_place to = place_of(h, "again", scratch);
    assert_true(snapshot_import(&to, false, &info, &h->s.err) != VARVE_OK);
    assert_true(h->s.err.message[0] != 0);
    assert_false(varve_collection_exists(h->s.db, "default", "again"));
    assert_false(file_exists(scratch));
}

/* The manifest with sizes and sums of the files as they are now: who can change a file can change
 * that too. */
static void reseal(hostile *h)
{
    char path[900];
    VV_CLEANUP(vv_freep) char *bytes = NULL, *text = NULL;
    size_t len;
    const char *name;
    json_t *entry;
    in(h, "manifest.json", path);
    ok(&h->s, file_read(path, 1 << 24, &bytes, &len, &h->s.err));
    json_t *manifest = json_loadb(bytes, len, 0, NULL);
    json_object_foreach(json_object_get(manifest, "files"), name, entry)
    {
        char file[900], hex[SUMS_HEX_SIZE];
        uint8_t sum[SUMS_BYTES];
        uint64_t size;
        in(h, name, file);
        ok(&h->s, sums_of_file(file, sum, &size, &h->s.err));
        sums_hex(sum, hex);
        json_object_set_new(entry, "size", json_integer((json_int_t)size));
        json_object_set_new(entry, "sha256", json_string(hex));
    }
    text = json_dumps(manifest, 0);
    json_decref(manifest);
    ok(&h->s, file_replace(path, text, strlen(text), &h->s.err));
}

static void put(hostile *h, const char *name, const void *bytes, size_t len)
{
    char path[900];
    in(h, name, path);
    ok(&h->s, file_replace(path, bytes, len, &h->s.err));
}

static void link_file(export_layout layout, const char *name)
{
    hostile h;
    char path[900], aside[600];
    export_it(&h, layout);
    snprintf(aside, sizeof aside, "%.300s/aside", h.s.dir.path);
    in(&h, name, path);
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(symlink(aside, path), 0);
    expect_no_import(&h);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_no_import(&h);
    end(&h);
}

static void test_links_and_pipes_in_exports(void **state)
{
    (void)state;
    link_file(EXPORT_VARVE, "vectors.npy");
    link_file(EXPORT_VARVE, "rows.jsonl");
    link_file(EXPORT_VARVE, "manifest.json");
    link_file(EXPORT_LYNSE, "vectors.f32");
    link_file(EXPORT_LYNSE, "metadata.jsonl");
    link_file(EXPORT_LYNSE, "export_manifest.json");
}

/* A header of its own before the array's values. */
static void put_npy(hostile *h, const char *values, size_t values_len, const char *header,
                    size_t told_len)
{
    size_t len = strlen(header);
    char *bytes = malloc(10 + len + values_len);
    memcpy(bytes, "\x93NUMPY\x01\x00", 8);
    bytes[8] = (char)(told_len & 255);
    bytes[9] = (char)(told_len >> 8);
    memcpy(bytes + 10, header, len);
    memcpy(bytes + 10 + len, values, values_len);
    put(h, "vectors.npy", bytes, 10 + len + values_len);
    free(bytes);
    reseal(h);
}

#define NPY(shape) "{'descr': '<f4', 'fortran_order': False, 'shape': (" shape "), }\n"

static void test_array_headers(void **state)
{
    static const char *const headers[] = {
        NPY("18446744073709551615, 7"),
        NPY("4611686018427387904, 4"),
        NPY("999999999999, 7"),
        NPY("9223372036854775807, 9223372036854775807"),
        NPY("-1, 7"),
        NPY("0, 0"),
        NPY("1, 0"),
        NPY("1e3, 7"),
        NPY(""),
        NPY("7"),
        NPY("1, 1, 7"),
        NPY("99999999999999999999, 7"),
        "{'descr': '|O', 'fortran_order': False, 'shape': (1, 7), }\n",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 7), }\n",
        "{'descr': '>f4', 'fortran_order': False, 'shape': (1, 7), }\n",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 7), }\n",
        "{'descr': '<f4', 'shape': (1, 7), }\n",
        "{}\n",
        "",
        "__import__('os').system('true')\n",
    };
    (void)state;
    hostile h;
    VV_CLEANUP(vv_freep) char *good = NULL;
    char path[900];
    size_t len;
    export_it(&h, EXPORT_VARVE);
    in(&h, "vectors.npy", path);
    ok(&h.s, file_read(path, 1 << 24, &good, &len, &h.s.err));
    size_t head = 10 + (unsigned char)good[8] + 256 * (size_t)(unsigned char)good[9];
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        put_npy(&h, good + head, len - head, headers[i], strlen(headers[i]));
        expect_no_import(&h);
    }
    put_npy(&h, good + head, len - head, NPY("1, 7"), 65535); /* longer than the file */
    expect_no_import(&h);
    for (size_t cut = 0; cut < 12; cut++) {
        put(&h, "vectors.npy", good, cut);
        reseal(&h);
        expect_no_import(&h);
    }
    char version = good[6];
    good[6] = 9;
    put(&h, "vectors.npy", good, len);
    reseal(&h);
    expect_no_import(&h);
    good[6] = version;
    put(&h, "vectors.npy", good, len);
    reseal(&h);
    export_info info;
    snprintf(path, sizeof path, "%.300s/scratch", h.s.dir.path);
    const export_place to = place_of(&h, "again", path);
    ok(&h.s, snapshot_import(&to, false, &info, &h.s.err)); /* it was the headers */
    end(&h);
}

/* In place of the first of the lines, and of all of them. */
static void test_lines(void **state)
{
    (void)state;
    hostile h;
    VV_CLEANUP(vv_freep) char *good = NULL;
    char path[900];
    size_t len;
    export_it(&h, EXPORT_VARVE);
    in(&h, "rows.jsonl", path);
    ok(&h.s, file_read(path, 1 << 24, &good, &len, &h.s.err));
    const char *rest = strchr(good, '\n');
    static const char *const lines[] = {
        "",
        "{",
        "[]",
        "7",
        "null",
        "{}",
        "{\"id\":-1}",
        "{\"id\":1.5}",
        "{\"id\":null}",
        "{\"id\":99999999999999999999999}",
        "{\"id\":{}}",
        "{\"id\":1,\"fields\":7}",
        "{\"id\":1,\"fields\":[]}",
        "{\"id\":\"a\\u0000b\",\"fields\":{}}",
        "{\"id\":\"\xff\xfe\",\"fields\":{}}",
        "{\"id\":\"\",\"fields\":{}}",
        "{\"id\":\"\\ud800\"}",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        VV_CLEANUP(vv_freep) char *text = NULL;
        assert_true(asprintf(&text, "%s%s", lines[i], rest) > 0);
        put(&h, "rows.jsonl", text, strlen(text));
        reseal(&h);
        expect_no_import(&h);
    }
    static const char *const parts[] = {"[", "{\"a\":", "{\"id\":1,", "x", "\n", "{}\n"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) { /* without end */
        size_t of = strlen(parts[i]), times = (8u << 20) / of;
        char *text = malloc(of * times);
        for (size_t n = 0; n < times; n++)
            memcpy(text + n * of, parts[i], of);
        put(&h, "rows.jsonl", text, of * times);
        free(text);
        reseal(&h);
        expect_no_import(&h);
    }
    end(&h);
}

/* Two rows of one id: neither wins in silence. */
static void test_an_id_twice(void **state)
{
    (void)state;
    hostile h;
    VV_CLEANUP(vv_freep) char *good = NULL, *text = NULL;
    char path[900];
    size_t len;
    export_it(&h, EXPORT_VARVE);
    in(&h, "rows.jsonl", path);
    ok(&h.s, file_read(path, 1 << 24, &good, &len, &h.s.err));
    const char *second = strchr(good, '\n') + 1, *rest = strchr(second, '\n') + 1;
    size_t one = (size_t)(second - good);
    text = malloc(len + one + 1);
    memcpy(text, good, one);
    memcpy(text + one, good, one);
    memcpy(text + 2 * one, rest, (size_t)(good + len - rest));
    put(&h, "rows.jsonl", text, 2 * one + (size_t)(good + len - rest));
    reseal(&h);
    expect_no_import(&h);
    end(&h);
}

/* LynseDB's manifest has no sums: counts and sizes must fit. */
static void test_lynse_counts(void **state)
{
    static const struct {
        const char *key, *value;
    } cases[] = {
        {"count", "9223372036854775807"},
        {"count", "-1"},
        {"count", "1"},
        {"dimension", "0"},
        {"dimension", "65537"},
        {"dimension", "-3"},
        {"vectors_file", "\"../secret\""},
        {"metadata_file", "\"/etc/passwd\""},
        {"vector_dtype", "\"object\""},
        {"export_version", "99"},
    };
    (void)state;
    hostile h;
    char path[900];
    VV_CLEANUP(vv_freep) char *good = NULL;
    size_t len;
    export_it(&h, EXPORT_LYNSE);
    in(&h, "export_manifest.json", path);
    ok(&h.s, file_read(path, 1 << 24, &good, &len, &h.s.err));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *manifest = json_loadb(good, len, 0, NULL);
        json_object_set_new(manifest, cases[i].key,
                            json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
        VV_CLEANUP(vv_freep) char *text = json_dumps(manifest, 0);
        json_decref(manifest);
        put(&h, "export_manifest.json", text, strlen(text));
        expect_no_import(&h);
    }
    end(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_link_for_a_segment),
        cmocka_unit_test(test_link_for_rows),
        cmocka_unit_test(test_link_for_a_folder),
        cmocka_unit_test(test_link_for_the_note),
        cmocka_unit_test(test_link_for_the_snapshot),
        cmocka_unit_test(test_pipe_beside_the_files),
        cmocka_unit_test(test_delete_follows_no_link),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_members_of_a_note),
        cmocka_unit_test(test_links_and_pipes_in_exports),
        cmocka_unit_test(test_array_headers),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_an_id_twice),
        cmocka_unit_test(test_lynse_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
