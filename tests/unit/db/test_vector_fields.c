/* test_vector_fields.c — named vector fields through varve_query.h: what is refused, what is read
 * back, and what becomes of the vectors when their rows are deleted, restored, replaced, purged, or
 * dropped. */
#include "vector_fields_fixture.h"

static int setup(void **state) { return setup_with(state, COMPACTOR_PATH); }

/* ---- create, list, drop */

static void refuses_bad_fields(void **state)
{
    db_fixture *f = *state;
    varve_field_spec s = DENSE;
    varve_error *e = &f->err;
    static const char *const names[] = {"", "default", "a.b", "a/b", "\xc3\xa4", "a b"};
    for (size_t i = 0; i < VV_COUNT(names); i++)
        assert_fails(f, varve_field_create(f->c, names[i], &s, e), VARVE_INVALID, "name");
    assert_fails(f, varve_field_create(f->c, NULL, &s, e), VARVE_INVALID, "name");
    assert_fails(f, varve_field_create(f->c, "a", NULL, e), VARVE_INVALID, "");
    s.dim = 0;
    assert_fails(f, varve_field_create(f->c, "a", &s, e), VARVE_INVALID, "dim");
    s.dim = f->options.dim_max + 1;
    assert_fails(f, varve_field_create(f->c, "a", &s, e), VARVE_LIMIT, "dim_max");
    s = (varve_field_spec){.dim = 3, .metric = VARVE_METRIC_HAVERSINE};
    assert_fails(f, varve_field_create(f->c, "a", &s, e), VARVE_UNSUPPORTED, "haversine");
    s = (varve_field_spec){.dim = 3, .metric = VARVE_METRIC_IP, .index_mode = "FLAT-L2"};
    assert_fails(f, varve_field_create(f->c, "a", &s, e), VARVE_INVALID, "metric");
    s.index_mode = "TREE-L2";
    assert_fails(f, varve_field_create(f->c, "a", &s, e), VARVE_INVALID, "index");
    s = (varve_field_spec){.kind = (varve_field_kind)9, .dim = 3};
    assert_fails(f, varve_field_create(f->c, "a", &s, e), VARVE_INVALID, "kind");
    s = (varve_field_spec){.dim = 3, .dtype = (varve_dtype)99};
    assert_fails(f, varve_field_create(f->c, "a", &s, e), VARVE_INVALID, "dtype");
    s = (varve_field_spec){.kind = VARVE_FIELD_SPARSE, .dim = 3};
    assert_fails(f, varve_field_create(f->c, "a", &s, e), VARVE_INVALID, "dim");
    s = (varve_field_spec){.kind = VARVE_FIELD_SPARSE, .metric = VARVE_METRIC_L2};
    assert_fails(f, varve_field_create(f->c, "a", &s, e), VARVE_UNSUPPORTED, "inner product");
    assert_fails(f, varve_field_get(f->c, 1, &(varve_field_info){0}, e), VARVE_NOT_FOUND, "");
}

static void lists_fields_by_name(void **state)
{
    db_fixture *f = *state;
    static const char *const names[] = {"default", "parts", "title", "words"};
    varve_field_info info;
    varve_folder_stats stats;
    varve_names *list = NULL;
    create_all(f);
    create_all(f); /* the same again is fine */
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < VV_COUNT(names); i++) {
            db_ok(f, varve_field_get(f->c, i, &info, &f->err));
            assert_string_equal(info.name, names[i]);
        }
        assert_int_equal(varve_field_get(f->c, 4, &info, NULL), VARVE_NOT_FOUND);
        assert_fails(f, varve_field_create(f->c, "title", &SPARSE, &f->err), VARVE_EXISTS, "title");
        db_ok(f, varve_collection_list(f->db, "default", &list, &f->err));
        assert_int_equal(varve_names_count(list), 1); /* inner ones are nobody's business */
        varve_names_free(list);
        varve_stats(f->db, &stats);
        assert_int_equal(stats.collections, 1);
        assert_false(varve_collection_exists(f->db, "default", "c/title"));
        db_reopen(f, round == 0);
    }
    db_ok(f, varve_field_drop(f->c, "title", &f->err));
    assert_fails(f, varve_field_drop(f->c, "title", &f->err), VARVE_NOT_FOUND, "title");
    db_reopen(f, false);
    db_ok(f, varve_field_get(f->c, 2, &info, &f->err));
    assert_string_equal(info.name, "words");
    assert_int_equal(info.kind, VARVE_FIELD_SPARSE);
    assert_int_equal(info.metric, VARVE_METRIC_IP);
    db_assert_sound(f);
}

static void there_are_at_most_64(void **state)
{
    db_fixture *f = *state;
    char name[16];
    for (int i = 0; i < FIELDS_MAX; i++) {
        snprintf(name, sizeof name, "f-%d", i);
        db_ok(f, varve_field_create(f->c, name, &DENSE, &f->err));
    }
    assert_fails(f, varve_field_create(f->c, "one_more", &DENSE, &f->err), VARVE_LIMIT, "64");
    db_reopen(f, true);
    db_ok(f, varve_collection_drop(f->db, "default", "c", &f->err));
    varve_collection_release(f->c);
    db_ok(f, varve_collection_create(f->db, "default", "c", NULL, &f->c, &f->err));
    db_assert_sound(f);
}

/* ---- put, read, remove */

static void refuses_bad_vectors(void **state)
{
    db_fixture *f = *state;
    float v[2 * DIM] = {1, 2, 3, 4, 5, 6, 7, 8};
    varve_id ids[] = {{.num = 1}, {.num = 2}};
    size_t counts[] = {1, FIELD_MULTI_MAX + 1};
    uint32_t indices[] = {1, 2};
    varve_error *e = &f->err;
    create_all(f);
    db_put(f, 1, 5, 1);
    varve_field_rows rows = {.count = 2, .ids = ids, .vectors = v, .dim = DIM};
    db_ok(f, varve_field_put(f->c, "title", &rows, false, NULL, NULL, e));
    assert_fails(f, varve_field_put(f->c, "title", &rows, false, NULL, NULL, e), VARVE_EXISTS,
                 "id 1 already has");
    assert_fails(f, varve_field_put(f->c, "nothing", &rows, true, NULL, NULL, e), VARVE_NOT_FOUND,
                 "nothing");
    assert_fails(f, varve_field_put(f->c, "default", &rows, true, NULL, NULL, e), VARVE_NOT_FOUND,
                 "default");
    rows.dim = DIM - 1;
    assert_fails(f, varve_field_put(f->c, "title", &rows, true, NULL, NULL, e), VARVE_INVALID,
                 "expected 4, got 3");
    rows.dim = DIM;
    ids[1].num = 1;
    assert_fails(f, varve_field_put(f->c, "title", &rows, true, NULL, NULL, e), VARVE_INVALID,
                 "duplicate");
    ids[0].num = 3; /* new, but the other one is unknown: nothing is put */
    ids[1].num = 77;
    assert_fails(f, varve_field_put(f->c, "title", &rows, true, NULL, NULL, e), VARVE_NOT_FOUND,
                 "id 77 does not exist");
    db_delete(f, 4, 1, 1);
    ids[1].num = 4;
    assert_fails(f, varve_field_put(f->c, "title", &rows, true, NULL, NULL, e), VARVE_NOT_FOUND,
                 "id 4 does not exist");
    assert_int_equal(rows_of(f, 2), 2);
    v[0] = NAN;
    ids[1].num = 5;
    assert_fails(f, varve_field_put(f->c, "title", &rows, true, NULL, NULL, e), VARVE_INVALID, "");
    v[0] = 1;
    rows.counts = counts;
    assert_fails(f, varve_field_put(f->c, "parts", &rows, true, NULL, NULL, e), VARVE_LIMIT,
                 "vectors[1]");
    assert_fails(f, varve_field_put(f->c, "words", &rows, true, NULL, NULL, e), VARVE_INVALID,
                 "nonzero");
    rows.nonzero = (size_t[]){1, 1};
    rows.indices = indices;
    rows.values = (float[]){1, INFINITY};
    assert_fails(f, varve_field_put(f->c, "words", &rows, true, NULL, NULL, e), VARVE_INVALID,
                 "finite");
    rows.vectors = NULL;
    assert_fails(f, varve_field_put(f->c, "title", &rows, true, NULL, NULL, e), VARVE_INVALID,
                 "vectors");
    assert_int_equal(rows_of(f, 1) + rows_of(f, 3), 0);
}

static void keeps_what_is_put(void **state)
{
    db_fixture *f = *state;
    varve_id ids[] = {{.num = 11}, {.num = 11}, {.num = 500}};
    varve_receipt receipt;
    create_all(f);
    db_put(f, 0, 50, 1);
    put_all(f, 0, 30, 1);
    put_all(f, 10, 30, 2); /* more vectors for some rows, fewer for others */
    for (int round = 0; round < 3; round++) {
        for (size_t i = 1; i <= 3; i++)
            assert_int_equal(rows_of(f, i), 40);
        for (uint64_t id = 0; id < 50; id++)
            assert_all(f, id, id < 10 ? 1 : id < 40 ? 2 : 0);
        if (round == 0) db_seal(f);
        db_reopen(f, round == 1);
    }
    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = {"title", "words", "parts"};
        db_ok(f, varve_field_remove(f->c, names[i], ids, 3, NULL, &receipt, &f->err));
        assert_int_equal(receipt.rows_changed, 1);
    }
    assert_all(f, 11, 0);
    assert_int_equal(rows_of(f, 1), 39);
    db_delete(f, 11, 1, 1);
    db_restore(f, 11, 1, 1, 1); /* what was removed does not come back */
    assert_all(f, 11, 0);
    db_assert_sound(f);
    assert_all(f, 12, 2);
}

static void string_ids_and_empty_vectors(void **state)
{
    db_fixture *f = *state;
    static const char text[] = "s:0001\xc3\xa4";
    varve_id ids[] = {{.kind = VARVE_ID_STR, .text = {"1", 1}},
                      {.num = 1},
                      {.kind = VARVE_ID_STR, .text = {text, sizeof text - 1}}};
    float v[3 * DB_DIM] = {0}, parts[4 * DIM] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
    size_t counts[] = {2, 0, 1};
    varve_field_vectors *got = NULL;
    create_all(f);
    varve_rows rows = {.count = 3, .dim = DB_DIM, .ids = ids, .vectors = v};
    db_ok(f, varve_insert(f->c, &rows, NULL, NULL, &f->err));
    varve_field_rows put = {.count = 3, .ids = ids, .vectors = parts, .dim = DIM};
    put.counts = counts;
    db_ok(f, varve_field_put(f->c, "parts", &put, false, NULL, NULL, &f->err));
    put.nonzero = (size_t[]){2, 1, 0};
    put.indices = (uint32_t[]){7, 7, 9};
    put.values = (float[]){1, 2, 0}; /* summed; and all zero: no vector */
    db_ok(f, varve_field_put(f->c, "words", &put, false, NULL, NULL, &f->err));
    db_reopen(f, false);
    db_ok(f, varve_field_read(f->c, "parts", ids, 3, &got, &f->err));
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(varve_field_vectors_count(got, i), counts[i]);
    assert_true(varve_field_vectors_values(got, 2)[0] == 9);
    assert_int_equal(varve_field_vectors_dim(got), DIM);
    varve_field_vectors_free(got);
    db_ok(f, varve_field_read(f->c, "words", ids, 3, &got, &f->err));
    assert_int_equal(varve_field_vectors_count(got, 0), 1);
    assert_true(varve_field_vectors_values(got, 0)[0] == 3);
    assert_int_equal(varve_field_vectors_dim(got), 0);
    assert_int_equal(varve_field_vectors_indices(got, 0)[0], 7);
    assert_int_equal(varve_field_vectors_count(got, 1) + varve_field_vectors_count(got, 2), 0);
    varve_field_vectors_free(got);
    db_ok(f, varve_delete(f->c, ids, 3, NULL, NULL, &f->err));
    db_ok(f, varve_restore(f->c, ids, 3, NULL, NULL, &f->err));
    assert_int_equal(rows_of(f, 1), 2);
    counts[0] = counts[2] = 0; /* empty: removes */
    db_ok(f, varve_field_put(f->c, "parts", &put, true, NULL, NULL, &f->err));
    assert_int_equal(rows_of(f, 1), 0);
    db_assert_sound(f);
}

/* ---- the life of the rows */

static void vectors_go_and_come_with_their_rows(void **state)
{
    db_fixture *f = *state;
    create_all(f);
    db_put(f, 0, 40, 1);
    put_all(f, 0, 40, 1);
    db_delete(f, 0, 20, 1);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 1; i <= 3; i++)
            assert_int_equal(rows_of(f, i), 20);
        assert_all(f, 5, 0);
        db_reopen(f, round == 1);
    }
    db_restore(f, 0, 10, 1, 10);
    assert_all(f, 5, 1);
    assert_all(f, 15, 0);
    db_put(f, 10, 20, 2); /* deleted rows come back with an upsert, live ones keep what they have */
    for (uint64_t id = 0; id < 40; id++)
        assert_all(f, id, 1);
    db_assert_sound(f);
    for (uint64_t id = 0; id < 40; id++)
        assert_all(f, id, 1);
}

static void sessions_bring_vectors_back(void **state)
{
    db_fixture *f = *state;
    varve_session *s = NULL;
    varve_session_options upsert = {.upsert = true};
    create_all(f);
    db_put(f, 0, 40, 1);
    put_all(f, 0, 40, 1);
    db_delete(f, 0, 20, 1);
    db_close(f, true);
    f->options.session_memory_max = 512; /* spills */
    db_open_again(f);
    db_ok(f, varve_session_new(f->c, &upsert, &s, &f->err));
    float v[DB_DIM];
    for (uint64_t i = 10; i < 50; i++) {
        varve_id id = {.num = i};
        db_vector(i, 2, v);
        varve_rows row = {.count = 1, .dim = DB_DIM, .ids = &id, .vectors = v};
        db_ok(f, varve_session_add(s, &row, &f->err));
    }
    db_ok(f, varve_session_commit(s, NULL, &f->err));
    varve_session_free(s);
    for (int round = 0; round < 3; round++) {
        for (uint64_t id = 0; id < 50; id++)
            assert_all(f, id, id >= 10 && id < 40 ? 1 : 0);
        db_assert_row(f, 12, 2);
        if (round < 2) db_reopen(f, round == 1);
    }
    db_restore(f, 0, 10, 1, 10);
    assert_all(f, 3, 1);
    db_assert_sound(f);
}

static void a_purge_takes_the_vectors(void **state)
{
    db_fixture *f = *state;
    varve_compact_report r;
    create_all(f);
    db_put(f, 0, 3000, 1);
    put_all(f, 0, 3000, 1);
    db_delete(f, 0, 1000, 2);
    assert_int_equal(stored_rows(f, child_id(f, "title"), STORE_ROWS), 3000);
    db_ok(f, varve_compact(f->c, &(varve_compact_options){.keep_deleted = true}, &r, &f->err));
    assert_int_equal(r.rows_removed, 0);
    assert_int_equal(stored_rows(f, child_id(f, "words"), STORE_ROWS), 3000);
    db_ok(f, varve_compact(f->c, NULL, &r, &f->err));
    assert_int_equal(r.rows_removed, 1000); /* rows of the collection alone */
    assert_true(r.versions_removed >= 4000);
    assert_int_equal(stored_rows(f, child_id(f, "title"), STORE_ROWS), 2000);
    assert_int_equal(stored_rows(f, child_id(f, "title"), STORE_DEAD), 0);
    assert_int_equal(stored_rows(f, child_id(f, "words"), STORE_DEAD), 0);
    assert_int_equal(stored_rows(f, child_id(f, "parts"), STORE_FRESH), 0);
    db_restore(f, 0, 10, 2, 0);
    for (int round = 0; round < 2; round++) {
        for (uint64_t id = 0; id < 40; id++)
            assert_all(f, id, id % 2 ? 1 : 0);
        db_assert_sound(f);
    }
    db_put(f, 0, 10, 3); /* new rows of old ids have no vectors */
    assert_all(f, 4, 0);
    assert_all(f, 5, 1);
}

static void nothing_is_left_of_a_drop(void **state)
{
    db_fixture *f = *state;
    uint32_t title, words;
    create_all(f);
    db_put(f, 0, 100, 1);
    put_all(f, 0, 100, 1);
    title = child_id(f, "title");
    words = child_id(f, "words");
    db_ok(f, varve_field_drop(f->c, "title", &f->err));
    for (int family = STORE_ROWS; family <= STORE_DEAD; family++)
        assert_int_equal(stored_rows(f, title, (store_family)family), 0);
    assert_int_equal(stored_rows(f, words, STORE_ROWS), 100);
    db_ok(f, varve_field_create(f->c, "title", &DENSE, &f->err));
    assert_vector(f, "title", &DENSE, 1, 0);
    db_ok(f, varve_collection_drop(f->db, "default", "c", &f->err));
    assert_int_equal(stored_rows(f, words, STORE_ROWS), 0);
    assert_int_equal(put_some(f, "words", &SPARSE, 0, 1, 1, true), VARVE_NOT_FOUND);
    varve_collection_release(f->c);
    db_ok(f, varve_collection_create(f->db, "default", "c", NULL, &f->c, &f->err));
    assert_int_equal(varve_field_get(f->c, 1, &(varve_field_info){0}, NULL), VARVE_NOT_FOUND);
    db_assert_sound(f);
}

/* ---- numbers and limits */

static void vectors_count_in_the_collection(void **state)
{
    db_fixture *f = *state;
    varve_collection_stats before, after;
    db_put(f, 0, 200, 1);
    db_ok(f, varve_collection_get_stats(f->c, &before, &f->err));
    create_all(f);
    put_all(f, 0, 200, 1);
    db_ok(f, varve_collection_get_stats(f->c, &after, &f->err));
    assert_true(after.memory_bytes > before.memory_bytes + 200 * 16);
    assert_int_equal(after.rows_live, 200);
    assert_int_equal(after.rows_in_memory, 200);
    db_ok(f, varve_compact(f->c, NULL, NULL, &f->err));
    db_ok(f, varve_collection_get_stats(f->c, &after, &f->err));
    assert_int_equal(after.segments, 4);
    db_close(f, true);
    f->options.max_collection_vector_bytes = 210 * DB_DIM * 4 + 205 * DIM * 4 + 400 * DIM * 4;
    db_open_again(f);
    db_ok(f, varve_collection_get_stats(f->c, &after, &f->err));
    assert_int_equal(after.segments, 4);
    varve_id id = {.num = 1000};
    size_t many = 1000;
    float *v = calloc(many * DIM, sizeof *v);
    varve_rows row = {.count = 1, .dim = DB_DIM, .ids = &id, .vectors = v};
    assert_fails(f, varve_insert(f->c, &row, NULL, NULL, &f->err), VARVE_LIMIT,
                 "max_collection_vector_bytes");
    db_ok(f, varve_field_drop(f->c, "words", &f->err));
    db_ok(f, varve_insert(f->c, &row, NULL, NULL, &f->err));
    varve_field_rows multi = {.count = 1, .ids = &id, .vectors = v, .dim = DIM, .counts = &many};
    assert_fails(f, varve_field_put(f->c, "parts", &multi, true, NULL, NULL, &f->err), VARVE_LIMIT,
                 "max_collection_vector_bytes");
    free(v);
}

static void a_field_has_its_own_index(void **state)
{
    db_fixture *f = *state;
    varve_field_info info;
    db_ok(f, varve_field_create(f->c, "title", &DENSE, &f->err));
    db_ok(f, varve_field_create(f->c, "words", &SPARSE, &f->err));
    db_put(f, 0, 4000, 1);
    put(f, "title", &DENSE, 0, 4000, 1);
    assert_fails(f, varve_field_index_set(f->c, "words", "FLAT-L2", NULL, &f->err),
                 VARVE_UNSUPPORTED, "sparse");
    assert_fails(f, varve_field_index_set(f->c, "title", "NOTHING", NULL, &f->err), VARVE_INVALID,
                 "index");
    assert_fails(f, varve_field_index_set(f->c, "title", "HNSW-IP", NULL, &f->err), VARVE_INVALID,
                 varve_metric_name(VARVE_METRIC_IP));
    assert_fails(f, varve_field_index_build(f->c, "title", "HNSW-IP", NULL, true, &f->err),
                 VARVE_INVALID, varve_metric_name(VARVE_METRIC_L2));
    db_ok(f, varve_field_get(f->c, 1, &info, &f->err));
    assert_int_equal(info.metric, VARVE_METRIC_L2);
    db_ok(f, varve_field_index_build(f->c, "title", "HNSW-L2", NULL, false, &f->err));
    for (int round = 0; round < 2; round++) {
        field_views all = {0};
        db_ok(f, varve_field_get(f->c, 1, &info, &f->err));
        assert_string_equal(info.index_mode, "HNSW-L2");
        db_ok(f, field_views_get(f->c, &all, &f->err));
        const field_view *title = field_views_find(&all, "title");
        assert_int_equal(title->v->source_count, 1);
        assert_non_null(title->v->sources[0].index);
        assert_int_equal(index_get_record(title->v->sources[0].index)->kind, INDEX_KIND_FULL);
        field_views_done(&all);
        db_assert_sound(f);
    }
    db_ok(f, varve_field_index_set(f->c, "title", NULL, NULL, &f->err));
    db_ok(f, varve_field_get(f->c, 1, &info, &f->err));
    assert_string_equal(info.index_mode, "FLAT-L2");
}

static void views_join_by_ordinal(void **state)
{
    db_fixture *f = *state;
    field_views all = {0};
    create_all(f);
    db_put(f, 100, 20, 1);
    put(f, "parts", &MULTI, 105, 5, 1);
    db_ok(f, field_views_get(f->c, &all, &f->err));
    assert_int_equal(all.count, 3);
    assert_null(field_views_find(&all, "default"));
    assert_null(field_views_find(&all, NULL));
    const field_view *parts = field_views_find(&all, "parts");
    const row_source *s = &parts->v->sources[0];
    for (uint64_t slot = 0; slot < s->rows; slot++) {
        const uint8_t *key;
        size_t len;
        uint64_t ordinal;
        uint32_t index;
        varve_id id;
        db_ok(f, source_id_key(s, slot, &key, &len, &f->err));
        db_ok(f, source_ordinal(s, slot, &ordinal, &f->err));
        assert_true(field_key_get(parts->kind, key, len, &id, &index));
        assert_int_equal(id.num, 100 + ordinal);
        assert_true(index < multi_count(id.num, 1));
    }
    field_views_done(&all);
}

static void malformed_keys(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        size_t len;
    } bad[] = {
        {"\1n00000000000000010000", 21},
        {"\1s0001", 6},
        {"\1n0000", 6},
        {"\1n00000000000000gg0000", 22},
        {"\1xabc0001", 9},
        {"\0n00000000000000010000", 22},
        {"\1sabcXYZW", 10},
        {"", 0},
    };
    varve_id id;
    uint32_t index;
    for (size_t i = 0; i < VV_COUNT(bad); i++)
        assert_false(
            field_key_get(VECTOR_MULTI, (const uint8_t *)bad[i].key, bad[i].len, &id, &index));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_bad_fields),
        TEST(lists_fields_by_name),
        TEST(there_are_at_most_64),
        TEST(refuses_bad_vectors),
        TEST(keeps_what_is_put),
        TEST(string_ids_and_empty_vectors),
        TEST(vectors_go_and_come_with_their_rows),
        TEST(sessions_bring_vectors_back),
        TEST(a_purge_takes_the_vectors),
        TEST(nothing_is_left_of_a_drop),
        TEST(vectors_count_in_the_collection),
        TEST(a_field_has_its_own_index),
        TEST(views_join_by_ordinal),
        cmocka_unit_test(malformed_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
