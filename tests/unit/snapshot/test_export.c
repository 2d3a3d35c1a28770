/* test_export.c — what is exported and imported again is the same collection, in either layout;
 * wrong exports are refused and change nothing. */
#include "snapshot_fixture.h"

#include "base/fault.h"
#include "export.h"

#include <jansson.h>

typedef struct places {
    char path[512], scratch[512];
    export_place from, to;
} places;

static void make_places(scene *s, places *p)
{
    (void)snprintf(p->path, sizeof p->path, "%s/exported", s->dir.path);
    (void)snprintf(p->scratch, sizeof p->scratch, "%s/scratch", s->dir.path);
    p->from = (export_place){.db = s->db,
                             .database = "default",
                             .collection = "docs",
                             .path = p->path,
                             .scratch = p->scratch};
    p->to = p->from;
    p->to.collection = "again";
}

static void expect(scene *s, varve_status status, varve_status wanted)
{
    if (status != wanted)
        fail_msg("%s, not %s: %s", varve_status_name(status), varve_status_name(wanted),
                 s->err.message);
}

static void check_as(scene *s, const model *m, const char *name)
{
    varve_collection *c = NULL;
    ok(s, varve_collection_open(s->db, "default", name, &c, &s->err));
    assert_model(m, c);
    varve_collection_release(c);
}

static void test_round_trip(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        scene s;
        places p;
        export_info out, in;
        scene_begin(&s, seed);
        scene_steps(&s, 40);
        make_places(&s, &p);
        model then = s.m;
        ok(&s, snapshot_export(&p.from, EXPORT_VARVE, &out, &s.err));
        expect(&s, snapshot_export(&p.from, EXPORT_VARVE, &out, &s.err), VARVE_EXISTS);
        scene_steps(&s, 10);
        ok(&s, snapshot_import(&p.to, false, &in, &s.err));
        assert_int_equal(in.rows, out.rows);
        assert_int_equal(in.deleted, out.deleted);
        assert_int_equal(in.vector_fields, out.vector_fields);
        check_as(&s, &then, "again");
        expect(&s, snapshot_import(&p.to, false, &in, &s.err), VARVE_EXISTS);
        p.to.collection = "docs";
        ok(&s, snapshot_import(&p.to, true, &in, &s.err));
        check_as(&s, &then, "docs");
        assert_false(file_exists(p.scratch));
        scene_end(&s);
    }
}

/* ---- types and settings -------------------------------------------------------------------- */

static void one_type(varve_dtype type, const char *mode)
{
    enum { ROWS = 300, DIM = 13 };
    scene s;
    places p;
    export_info info;
    varve_collection *c, *again;
    varve_rowset *a, *b;
    varve_collection_stats stats;
    float values[ROWS][DIM];
    char fields[ROWS][64];
    varve_text texts[ROWS];
    const varve_collection_spec spec = {.dim = DIM,
                                        .dtype = type,
                                        .index_mode = mode,
                                        .description = "of \"tests\"",
                                        .text_language = "english",
                                        .text_stem = true};
    scene_begin(&s, 1);
    make_places(&s, &p);
    p.from.collection = "typed";
    for (int i = 0; i < ROWS; i++) {
        for (int d = 0; d < DIM; d++)
            values[i][d] = (float)((i * 7 + d * 3) % (type == VARVE_BINARY ? 2 : 100));
        texts[i] =
            (varve_text){fields[i], (size_t)snprintf(fields[i], sizeof fields[i],
                                                     "{\"n\":%d,\"t\":\"\\u00e4 \\\"%d\"}", i, i)};
    }
    varve_rows rows = {.count = ROWS, .dim = DIM, .vectors = values, .fields = texts};
    ok(&s, varve_collection_create(s.db, "default", "typed", &spec, &c, &s.err));
    ok(&s, varve_insert(c, &rows, NULL, NULL, &s.err));
    ok(&s, snapshot_export(&p.from, EXPORT_VARVE, &info, &s.err));
    ok(&s, snapshot_import(&p.to, false, &info, &s.err));
    ok(&s, varve_collection_open(s.db, "default", "again", &again, &s.err));
    ok(&s, varve_collection_get_stats(again, &stats, &s.err));
    assert_int_equal(stats.dtype, type);
    assert_string_equal(stats.index_mode, mode);
    assert_string_equal(stats.text_language, "english");
    assert_true(stats.text_stem && !stats.text_stop_words);
    ok(&s, varve_head(c, ROWS, VARVE_WITH_VECTORS | VARVE_WITH_FIELDS, &a, &s.err));
    ok(&s, varve_head(again, ROWS, VARVE_WITH_VECTORS | VARVE_WITH_FIELDS, &b, &s.err));
    assert_int_equal(varve_rowset_count(b), ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        varve_text x = varve_rowset_fields(a, i), y = varve_rowset_fields(b, i);
        assert_int_equal(varve_rowset_id(a, i).num, varve_rowset_id(b, i).num);
        assert_memory_equal(varve_rowset_vector(a, i), varve_rowset_vector(b, i),
                            DIM * sizeof(float));
        assert_int_equal(x.len, y.len);
        assert_memory_equal(x.data, y.data, x.len);
    }
    varve_rowset_free(a);
    varve_rowset_free(b);
    varve_collection_release(c);
    varve_collection_release(again);
    scene_end(&s);
}

static void test_types(void **state)
{
    (void)state;
    one_type(VARVE_FLOAT32, "FLAT-L2");
    one_type(VARVE_FLOAT16, "FLAT-IP");
    one_type(VARVE_UINT8, "FLAT-L2");
    one_type(VARVE_INT8, "FLAT-COS");
    one_type(VARVE_BINARY, "FLAT-HAMMING");
}

static void test_empty(void **state)
{
    scene s;
    places p;
    export_info info;
    varve_collection *c;
    (void)state;
    scene_begin(&s, 2);
    make_places(&s, &p);
    p.from.collection = "empty";
    ok(&s, varve_collection_create(s.db, "default", "empty", NULL, &c, &s.err));
    varve_collection_release(c);
    ok(&s, snapshot_export(&p.from, EXPORT_VARVE, &info, &s.err));
    ok(&s, snapshot_import(&p.to, false, &info, &s.err));
    assert_true(varve_collection_exists(s.db, "default", "again"));
    p.from.collection = "none";
    (void)strcat(p.path, "2");
    expect(&s, snapshot_export(&p.from, EXPORT_VARVE, &info, &s.err), VARVE_NOT_FOUND);
    assert_false(file_exists(p.path));
    p.to.collection = "third";
    expect(&s, snapshot_import(&p.to, false, &info, &s.err), VARVE_NOT_FOUND);
    scene_end(&s);
}

/* LynseDB's layout: live rows and primary vectors. */
static void test_lynse(void **state)
{
    scene s;
    places p;
    export_info out, in;
    varve_collection *again;
    uint64_t live, imported;
    (void)state;
    scene_begin(&s, 6);
    scene_steps(&s, 30);
    make_places(&s, &p);
    ok(&s, varve_count(s.c, &live, &s.err));
    ok(&s, snapshot_export(&p.from, EXPORT_LYNSE, &out, &s.err));
    assert_int_equal(out.rows, live);
    ok(&s, snapshot_import(&p.to, false, &in, &s.err));
    ok(&s, varve_collection_open(s.db, "default", "again", &again, &s.err));
    ok(&s, varve_count(again, &imported, &s.err));
    assert_int_equal(imported, live);
    varve_collection_release(again);
    scene_end(&s);
}

/* ---- refusals ------------------------------------------------------------------------------ */

static void edit_manifest(scene *s, const char *folder, const char *key, json_t *value)
{
    char path[600];
    VV_CLEANUP(vv_freep) char *bytes = NULL, *text = NULL;
    size_t len;
    (void)snprintf(path, sizeof path, "%s/manifest.json", folder);
    ok(s, file_read(path, (size_t)1 << 24, &bytes, &len, &s->err));
    json_t *manifest = json_loadb(bytes, len, 0, NULL);
    assert_int_equal(json_object_set_new(manifest, key, value), 0);
    text = json_dumps(manifest, 0);
    json_decref(manifest);
    ok(s, file_replace(path, text, strlen(text), &s->err));
}

static void test_wrong_manifests(void **state)
{
    static const struct {
        const char *key, *value; /* JSON */
        varve_status status;
    } cases[] = {
        {"version", "2", VARVE_NEWER_FORMAT},
        {"format", "\"other\"", VARVE_CORRUPT},
        {"dim", "-1", VARVE_CORRUPT},
        {"dim", "99999999", VARVE_CORRUPT},
        {"dim", "8", VARVE_CORRUPT},
        {"dtype", "\"float99\"", VARVE_CORRUPT},
        {"dtype", "\"float16\"", VARVE_CORRUPT},
        {"rows", "9000000000000000000", VARVE_CORRUPT},
        {"rows", "1", VARVE_CORRUPT},
        {"deleted", "1000", VARVE_CORRUPT},
        {"files", "{}", VARVE_CORRUPT},
        {"files", "{\"rows.jsonl\":{},\"vectors.npy\":{}}", VARVE_CORRUPT},
        {"files", "{\"../x\":{},\"rows.jsonl\":{},\"vectors.npy\":{}}", VARVE_CORRUPT},
        {"vector_fields", "7", VARVE_CORRUPT},
        {"vector_fields", "[{\"name\":\"../../etc\"}]", VARVE_CORRUPT},
    };
    (void)state;
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        scene s;
        places p;
        export_info info;
        scene_begin(&s, 9);
        scene_steps(&s, 20);
        make_places(&s, &p);
        ok(&s, snapshot_export(&p.from, EXPORT_VARVE, &info, &s.err));
        edit_manifest(&s, p.path, cases[i].key, json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
        expect(&s, snapshot_import(&p.to, false, &info, &s.err), cases[i].status);
        assert_true(s.err.message[0] != 0);
        assert_false(varve_collection_exists(s.db, "default", "again"));
        scene_end(&s);
    }
}

static void test_damaged_files(void **state)
{
    scene s;
    places p;
    export_info info;
    file_names names = {0};
    (void)state;
    scene_begin(&s, 8);
    scene_steps(&s, 30);
    make_places(&s, &p);
    ok(&s, snapshot_export(&p.from, EXPORT_VARVE, &info, &s.err));
    ok(&s, file_list(p.path, &names, &s.err));
    for (size_t i = 0; i < names.count; i++) {
        char path[800];
        VV_CLEANUP(vv_freep) char *bytes = NULL;
        size_t len;
        (void)snprintf(path, sizeof path, "%s/%s", p.path, names.names[i]);
        ok(&s, file_read(path, (size_t)1 << 28, &bytes, &len, &s.err));
        if (len == 0 || strcmp(names.names[i], "manifest.json") == 0) continue;
        bytes[len / 2] = (char)(bytes[len / 2] ^ 1);
        ok(&s, file_replace(path, bytes, len, &s.err));
        expect(&s, snapshot_import(&p.to, false, &info, &s.err), VARVE_CORRUPT);
        assert_non_null(strstr(s.err.message, names.names[i]));
        bytes[len / 2] = (char)(bytes[len / 2] ^ 1);
        ok(&s, file_replace(path, bytes, len - 1, &s.err));
        expect(&s, snapshot_import(&p.to, false, &info, &s.err), VARVE_CORRUPT);
        ok(&s, file_replace(path, bytes, len, &s.err));
    }
    ok(&s, snapshot_import(&p.to, false, &info, &s.err));
    file_names_free(&names);
    scene_end(&s);
}

/* ---- failures ------------------------------------------------------------------------------ */

static void test_faults(void **state)
{
    scene s;
    places p;
    export_info info;
    bool hit = true;
    (void)state;
    scene_begin(&s, 4);
    scene_steps(&s, 12);
    make_places(&s, &p);
    for (uint64_t nth = 1; hit; nth += 5) {
        fault_arm(NULL, nth, nth % 2 ? VV_FAULT_EIO : VV_FAULT_ENOSPC);
        varve_status status = snapshot_export(&p.from, EXPORT_VARVE, &info, &s.err);
        hit = fault_was_hit();
        fault_disarm();
        if (status == VARVE_OK) {
            ok(&s, snapshot_import(&p.to, true, &info, &s.err));
            check_as(&s, &s.m, "again");
        }
        assert_model(&s.m, s.c);
        ok(&s, file_remove_tree(p.path, &s.err));
        assert_true(nth < 5000);
    }
    scene_end(&s);
}

static bool at_once(void *arg, uint64_t done, uint64_t rows)
{
    (void)done, (void)rows;
    return ++*(int *)arg >= 1;
}

static void test_cancel(void **state)
{
    scene s;
    places p;
    export_info info;
    int asked = 0;
    (void)state;
    scene_begin(&s, 4);
    scene_steps(&s, 12);
    make_places(&s, &p);
    p.from.cancelled = at_once;
    p.from.arg = &asked;
    expect(&s, snapshot_export(&p.from, EXPORT_VARVE, &info, &s.err), VARVE_CANCELLED);
    assert_false(file_exists(p.path));
    assert_false(file_exists(p.scratch));
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_types),
        cmocka_unit_test(test_empty),           cmocka_unit_test(test_lynse),
        cmocka_unit_test(test_wrong_manifests), cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_faults),          cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
