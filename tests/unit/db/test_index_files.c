/* test_index_files.c — index files of segments in manifest, folder and view: made by seals and
 * sessions, found again, replaced, lost. */
#include "db_fixture.h"

#include "base/hash.h"

#include <fcntl.h>
#include <unistd.h>

#define ROWS 1500

static int setup(void **state)
{
    db_fixture *f = calloc(1, sizeof *f);
    db_options(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    db_end(*state);
    free(*state);
    return 0;
}

static void a_seal_makes_one(void **state)
{
    db_fixture *f = *state;
    varve_collection_stats s;
    db_begin(f, "FLAT-L2", VARVE_FLOAT32);
    db_put(f, 0, ROWS, 1);
    db_seal(f);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(db_sources(f), 1);
        assert_true(db_source_has_index(f, 0, INDEX_KIND_FRESH));
        assert_int_equal(db_files(f, ".0.1.idx"), 1);
        db_ok(f, varve_collection_get_stats(f->c, &s, &f->err));
        assert_true(s.index_bytes > 0);
        assert_int_equal(s.rows_indexed, ROWS); /* all that FLAT uses */
        db_assert_found(f, 77, 1);
        db_reopen(f, i == 0);
    }
    db_assert_sound(f);
    db_ok(f, varve_collection_drop(f->db, "default", "c", &f->err));
    assert_int_equal(atomic_load(&f->db->index_bytes), 0);
    varve_collection_release(f->c);
    db_ok(f, varve_collection_create(f->db, "default", "c", NULL, &f->c, &f->err));
}

static void none_where_none_helps(void **state)
{
    db_fixture *f = *state;
    db_begin(f, "FLAT-L1", VARVE_FLOAT32);
    db_put(f, 0, ROWS, 1);
    db_seal(f);
    assert_int_equal(db_files(f, ".idx"), 0);
    db_ok(f, varve_index_mode_set(f->c, "FLAT-L2", &f->err));
    db_put(f, ROWS, 1000, 1); /* too few to matter */
    db_seal(f);
    assert_int_equal(db_files(f, ".seg"), 2);
    assert_int_equal(db_files(f, ".idx"), 0);
}

static void another_metric_needs_another(void **state)
{
    db_fixture *f = *state;
    varve_index_params params = {.m = 24, .alpha = 1.25}, got;
    db_begin(f, "FLAT-L2", VARVE_FLOAT32);
    db_put(f, 0, ROWS, 1);
    db_seal(f);
    db_ok(f, varve_index_mode_set(f->c, "HNSW-L2", &f->err)); /* the fresh one serves it */
    assert_true(db_source_has_index(f, 0, INDEX_KIND_FRESH));
    view *before = collection_view(f->c);
    db_ok(f, varve_index_mode_set(f->c, "FLAT-COS", &f->err));
    assert_int_equal(db_files(f, ".idx"), 1); /* a reader has it still */
    view_unref(before);
    assert_int_equal(db_files(f, ".idx"), 0);
    assert_false(db_source_has_index(f, 0, INDEX_KIND_FRESH));
    assert_int_equal(atomic_load(&f->db->index_bytes), 0);
    db_ok(f, index_choose(f->c, "HNSW-IP", &params, &f->err));
    db_assert_sound(f);
    db_ok(f, varve_index_get_params(f->c, &got, &f->err));
    assert_memory_equal(&got, &params, sizeof got);
    assert_int_equal(index_choose(f->c, "HNSW-IP", &(varve_index_params){.alpha = 0.5}, &f->err),
                     VARVE_INVALID);
    db_ok(f, varve_index_mode_set(f->c, "HNSW-IP", &f->err));
    db_ok(f, varve_index_get_params(f->c, &got, &f->err));
    assert_true(got.alpha == 0 && got.m == 0);
}

/* Change a byte of the file, or cut it, or take it away; then searches go without. */
static void damage(db_fixture *f, const char *how)
{
    char path[DB_PATH_MAX];
    db_ok(f, index_file(f->db, f->c->id, 1, 1, "", path, &f->err));
    db_close(f, true);
    if (strcmp(how, "gone") == 0) {
        assert_int_equal(unlink(path), 0);
    } else if (strcmp(how, "cut") == 0) {
        assert_int_equal(truncate(path, 100), 0);
    } else {
        int fd = open(path, O_RDWR);
        char byte = 0;
        assert_int_equal(pread(fd, &byte, 1, 9), 1); /* of the header */
        byte ^= 1;
        assert_int_equal(pwrite(fd, &byte, 1, 9), 1);
        close(fd);
    }
}

static void a_damaged_one_is_passed_over(void **state)
{
    static const char *const ways[] = {"gone", "cut", "flipped"};
    db_fixture *f = *state;
    for (size_t i = 0; i < VV_COUNT(ways); i++) {
        char first[512] = "";
        db_begin(f, "FLAT-L2", VARVE_FLOAT16);
        db_put(f, 0, ROWS, 1);
        db_seal(f);
        damage(f, ways[i]);
        assert_int_equal(db_fsck(f, first, sizeof first), 1);
        assert_non_null(strstr(first, ".0.1.idx"));
        db_open_again(f);
        db_assert_counts(f, ROWS, 0);
        assert_false(db_source_has_index(f, 0, INDEX_KIND_FRESH));
        view *v = collection_view(f->c);
        assert_int_equal(v->sources[0].index_generation, 1); /* the next one is another file */
        view_unref(v);
        db_assert_found(f, 42, 1);
        db_end(f);
    }
    db_begin(f, NULL, VARVE_FLOAT32);
}

static void leftovers_are_swept(void **state)
{
    static const char *const names[] = {"1.0.2.idx", "1.1.1.idx", "9.0.1.idx", "1.0.1.idx.tmp",
                                        "01.0.1.idx"};
    db_fixture *f = *state;
    char directory[DB_PATH_MAX], path[DB_PATH_MAX];
    db_begin(f, "FLAT-L2", VARVE_FLOAT32);
    db_put(f, 0, ROWS, 1);
    db_seal(f);
    db_ok(f, varve_collection_get_path(f->c, directory, sizeof directory, &f->err));
    db_close(f, true);
    for (size_t i = 0; i < VV_COUNT(names); i++) {
        db_ok(f, file_join(path, sizeof path, directory, names[i], &f->err));
        db_ok(f, file_replace(path, "x", 1, &f->err));
    }
    db_open_again(f);
    assert_int_equal(db_files(f, ""), 2);
    assert_true(db_files(f, ".idx") == 1 && db_files(f, ".seg") == 1);
    db_assert_found(f, 3, 1);
}

static void sessions_make_them(void **state)
{
    db_fixture *f = *state;
    f->options.session_memory_max = 4096;
    f->options.bulk_segment_bytes = 64 << 10;
    db_begin(f, "FLAT-L2", VARVE_FLOAT32);
    for (int commit = 0; commit < 2; commit++) {
        varve_session *s = NULL;
        db_ok(f, varve_session_new(f->c, NULL, &s, &f->err));
        for (uint64_t first = 0; first < 6000; first += 1000) {
            float vectors[1000 * DB_DIM];
            for (size_t i = 0; i < 1000; i++)
                db_vector(first + i, 1, vectors + i * DB_DIM);
            varve_rows rows = {.count = 1000,
                               .dim = DB_DIM,
                               .ids_from_first = true,
                               .first_id = first,
                               .vectors = vectors};
            db_ok(f, varve_session_add(s, &rows, &f->err));
        }
        assert_true(db_files(f, ".idx") >= 1);
        if (commit) db_ok(f, varve_session_commit(s, NULL, &f->err));
        varve_session_free(s);
        if (!commit) assert_int_equal(db_files(f, ""), 0);
    }
    size_t sources = db_sources(f), indexes = db_files(f, ".idx");
    assert_true(sources >= 2 && indexes >= 2);
    db_assert_sound(f);
    assert_int_equal(db_sources(f), sources);
    assert_int_equal(db_files(f, ".idx"), indexes);
    assert_true(db_source_has_index(f, 0, INDEX_KIND_FRESH));
    db_assert_found(f, 4321, 1);
}

/* The metric changes between the writing of the segments and the commit. */
static void a_session_leaves_the_wrong_ones(void **state)
{
    db_fixture *f = *state;
    varve_session *s = NULL;
    float vectors[3000 * DB_DIM];
    f->options.session_memory_max = 4096;
    f->options.bulk_segment_bytes = 64 << 10;
    db_begin(f, "FLAT-L2", VARVE_FLOAT32);
    db_ok(f, varve_session_new(f->c, NULL, &s, &f->err));
    for (size_t i = 0; i < 3000; i++)
        db_vector(i, 1, vectors + i * DB_DIM);
    varve_rows rows = {.count = 3000, .dim = DB_DIM, .ids_from_first = true, .vectors = vectors};
    db_ok(f, varve_session_add(s, &rows, &f->err));
    assert_true(db_files(f, ".idx") >= 1);
    size_t early = db_files(f, ".idx");
    db_ok(f, varve_index_mode_set(f->c, "FLAT-IP", &f->err));
    db_ok(f, varve_session_commit(s, NULL, &f->err));
    varve_session_free(s);
    assert_true(db_files(f, ".idx") <= db_files(f, ".seg") - early);
    db_assert_sound(f);
    db_assert_found(f, 1234, 1);
}

/* As compaction would have made it: the index of the collection's mode, of generation 2. */
static void install_full_index(db_fixture *f)
{
    view *v = collection_view(f->c);
    vector_field field = collection_field(f->c);
    index_build_options options = {.threads = 1, .seed = 1};
    VV_CLEANUP(store_batch_freep) store_batch *batch = store_batch_new();
    char temporary[DB_PATH_MAX], path[DB_PATH_MAX];
    index_record record;
    index_wants w;
    index_rows rows;
    index_wants_of(&field, &w);
    source_index_rows(&v->sources[0], &rows);
    db_ok(f, index_file(f->db, f->c->id, 1, 2, ".tmp", temporary, &f->err));
    db_ok(f, index_file(f->db, f->c->id, 1, 2, "", path, &f->err));
    db_ok(f, index_build(&w.full_spec, &rows, 2, &options, temporary, path, &record, &f->err));
    db_ok(f, index_stage_put(f->db, batch, f->c->id, 1, &record, &f->err));
    db_ok(f, store_write(f->db->store, batch, true, &f->err));
    view_unref(v);
}

static void assert_served(db_fixture *f, bool wanted)
{
    varve_collection_stats s;
    varve_search_work work;
    varve_hits *hits = NULL;
    float q[DB_DIM];
    db_vector(5, 1, q);
    varve_search_request r = {.vectors = q, .count = 1, .dim = DB_DIM, .k = 1};
    db_ok(f, varve_search(f->c, &r, &hits, &f->err));
    varve_hits_work(hits, &work);
    assert_int_equal(varve_hits_id(hits, 0, 0).num, 5);
    varve_hits_free(hits);
    assert_int_equal(work.segments_indexed, 1);
    assert_true(work.nodes_visited > 0);
    assert_true(db_source_has_index(f, 0, INDEX_KIND_FULL));
    db_ok(f, varve_collection_get_stats(f->c, &s, &f->err));
    assert_int_equal(s.rows_indexed, wanted ? ROWS : 0);
}

static void begin_indexed(db_fixture *f)
{
    db_begin(f, "HNSW-L2", VARVE_FLOAT32);
    db_put(f, 0, ROWS, 1);
    db_seal(f);
    install_full_index(f);
    db_reopen(f, true);
    assert_served(f, true);
}

/* A change of mode or parameters leaves searches the index they have, until there is another. */
static void an_older_one_serves_meanwhile(void **state)
{
    db_fixture *f = *state;
    varve_index_params params = {.m = 24};
    begin_indexed(f);
    db_ok(f, index_choose(f->c, "HNSW-L2", &params, &f->err));
    assert_served(f, false);
    db_ok(f, varve_index_mode_set(f->c, "IVF-L2", &f->err));
    assert_served(f, false);
    db_reopen(f, true);
    assert_served(f, false);
    db_assert_sound(f);
    db_ok(f, varve_index_mode_set(f->c, "IVF-COS", &f->err));
    assert_false(db_source_has_index(f, 0, INDEX_KIND_FULL));
    assert_int_equal(db_files(f, ".idx"), 0);
}

static void an_approximate_one_never_serves_exact_searches(void **state)
{
    db_fixture *f = *state;
    begin_indexed(f);
    db_ok(f, varve_index_mode_set(f->c, "FLAT-L2", &f->err));
    assert_false(db_source_has_index(f, 0, INDEX_KIND_FULL));
    db_reopen(f, true);
    assert_false(db_source_has_index(f, 0, INDEX_KIND_FULL));
    db_assert_found(f, 7, 1);
}

/* What a folder of version 1 says of itself becomes what this program says. */
static void version_1_is_brought_up(void **state)
{
    db_fixture *f = *state;
    char path[DB_PATH_MAX], text[64];
    db_begin(f, "FLAT-L2", VARVE_FLOAT32);
    db_put(f, 0, 10, 1);
    db_ok(f, db_path(f->db, "FORMAT", path, &f->err));
    db_close(f, true);
    int len = snprintf(text, sizeof text, "varve 1\n%016llx\n",
                       (unsigned long long)hash_bytes("varve 1\n", 8));
    db_ok(f, file_replace(path, text, (size_t)len, &f->err));
    f->options.read_only = true;
    assert_int_equal(varve_open(f->dir.path, &f->options, &f->db, &f->err), VARVE_UNSUPPORTED);
    f->options.read_only = false;
    db_open_again(f);
    db_assert_counts(f, 10, 0);
    char *bytes = NULL;
    size_t got = 0;
    db_ok(f, file_read(path, 64, &bytes, &got, &f->err));
    assert_memory_equal(bytes, "varve 3\n", 8);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_seal_makes_one, setup, teardown),
        cmocka_unit_test_setup_teardown(none_where_none_helps, setup, teardown),
        cmocka_unit_test_setup_teardown(another_metric_needs_another, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_one_is_passed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(leftovers_are_swept, setup, teardown),
        cmocka_unit_test_setup_teardown(sessions_make_them, setup, teardown),
        cmocka_unit_test_setup_teardown(a_session_leaves_the_wrong_ones, setup, teardown),
        cmocka_unit_test_setup_teardown(an_older_one_serves_meanwhile, setup, teardown),
        cmocka_unit_test_setup_teardown(an_approximate_one_never_serves_exact_searches, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(version_1_is_brought_up, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
