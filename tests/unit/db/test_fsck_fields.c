/* test_fsck_fields.c — fsck finds what must not be between the rows of a collection and the vectors
 * of its named fields: one test for each kind of damage. */
#include "vector_fields_fixture.h"

#include "db/catalog.h"

static int setup(void **state) { return setup_with(state, NULL); }

/* ---- damage, as no commit would leave it */

/* NULL: the record goes. */
static void put_record(db_fixture *f, store_family family, const void *key, size_t len,
                       const varve_text *value)
{
    store_batch *batch = store_batch_new();
    if (value) {
        store_batch_put(batch, f->db->store, family, key, len, value->data, value->len);
    } else {
        store_batch_delete(batch, f->db->store, family, key, len);
    }
    db_ok(f, store_write(f->db->store, batch, true, &f->err));
    store_batch_free(batch);
}

static void put_row(db_fixture *f, const buffer *key, const row_current *row)
{
    uint8_t bytes[ROW_VALUE_BYTES];
    const varve_text value = {(const char *)bytes, sizeof bytes};
    if (row) row_current_put(row, bytes);
    put_record(f, STORE_ROWS, key->data, key->len, row ? &value : NULL);
}

static void key_of(db_fixture *f, uint32_t cid, varve_id id, buffer *ret)
{
    uint8_t bytes[200];
    size_t len = row_key_put(cid, id, bytes);
    buffer_init(ret, 200, "key");
    db_ok(f, buffer_add(ret, bytes, len, &f->err));
}

static void multi_key_of(db_fixture *f, varve_id id, uint32_t index, buffer *ret)
{
    uint8_t head[4], bytes[100];
    put_be32(head, child_id(f, "parts"));
    id_key_put(id, bytes);
    buffer_init(ret, 200, "key");
    db_ok(f, buffer_add(ret, head, sizeof head, &f->err));
    db_ok(f, field_key(bytes, id_key_size(id), index, ret, &f->err));
}

static row_current read_row(db_fixture *f, const buffer *key)
{
    store_value v = {0};
    row_current row;
    db_ok(f, store_get(f->db->store, STORE_ROWS, key->data, key->len, &v, &f->err));
    assert_true(v.data && row_current_get(v.data, v.len, &row));
    store_value_done(&v);
    return row;
}

static bool fsck_says(db_fixture *f, const char *words)
{
    varve_report *report = NULL;
    bool said = false;
    db_close(f, false);
    db_ok(f, varve_fsck(f->dir.path, &report, &f->err));
    for (size_t i = 0; i < varve_report_count(report); i++)
        said |= strstr(varve_report_line(report, i), words) != NULL;
    for (size_t i = 0; !said && i < varve_report_count(report); i++)
        print_message("%s\n", varve_report_line(report, i));
    varve_report_free(report);
    db_open_again(f);
    return said;
}

static void begin(db_fixture *f)
{
    create_all(f);
    db_put(f, 0, 10, 1);
    put_all(f, 0, 10, 1);
    db_assert_sound(f);
}

static varve_id string_id(const char *text)
{
    return (varve_id){.kind = VARVE_ID_STR, .text = {text, strlen(text)}};
}

/* ---- a vector and its row */

static void another_ordinal_or_state(void **state)
{
    db_fixture *f = *state;
    VV_CLEANUP(buffer_done) buffer key;
    begin(f);
    key_of(f, child_id(f, "title"), (varve_id){.num = 0}, &key);
    const row_current right = read_row(f, &key);
    row_current row = right;
    row.ordinal = 3;
    put_row(f, &key, &row);
    assert_true(fsck_says(f, "c/title: the vector of 0 has another ordinal than its row"));
    row = right;
    row.deleted = true;
    put_row(f, &key, &row);
    assert_true(fsck_says(f, "c/title: the vector of 0 is deleted, but the row is not"));
    row = right;
    row.rowver = 1000;
    put_row(f, &key, &row);
    assert_true(fsck_says(f, "c/title: row version 1000 is in no segment"));
    put_row(f, &key, &right);
    db_assert_sound(f);
}

static void a_row_deleted_without_its_vectors(void **state)
{
    db_fixture *f = *state;
    VV_CLEANUP(buffer_done) buffer key;
    begin(f);
    key_of(f, f->c->id, (varve_id){.num = 4}, &key);
    row_current row = read_row(f, &key);
    row.deleted = true;
    put_row(f, &key, &row);
    assert_true(fsck_says(f, "c/title: the vector of 4 is live, but the row is not"));
    assert_true(fsck_says(f, "c/words: the vector of 4 is live, but the row is not"));
    assert_true(fsck_says(f, "c/parts: the vector of 4 is live, but the row is not"));
}

static void a_vector_of_no_row(void **state)
{
    db_fixture *f = *state;
    VV_CLEANUP(buffer_done) buffer key;
    begin(f);
    key_of(f, f->c->id, (varve_id){.num = 7}, &key);
    put_row(f, &key, NULL);
    assert_true(fsck_says(f, "c/title: a vector of 7, which is no row"));
    assert_true(fsck_says(f, "c/words: a vector of 7, which is no row"));
    assert_true(fsck_says(f, "c/parts: a vector of 7, which is no row"));
}

/* A vector is in a segment, but its record is gone. */
static void a_vector_without_its_record(void **state)
{
    db_fixture *f = *state;
    VV_CLEANUP(buffer_done) buffer key;
    begin(f);
    db_seal(f);
    key_of(f, child_id(f, "words"), (varve_id){.num = 5}, &key);
    put_row(f, &key, NULL);
    assert_true(fsck_says(f, "c/words: 9 live and 0 deleted row records, but 10 and 0 rows"));
}

/* ---- several vectors of a row */

static void put_parts(db_fixture *f, const char *const *ids, const size_t *counts, size_t n)
{
    varve_id keys[8];
    float vectors[8 * DB_DIM] = {1}, *values = calloc(100 * DIM, sizeof *values);
    for (size_t i = 0; i < n; i++)
        keys[i] = string_id(ids[i]);
    varve_rows rows = {.count = n, .dim = DB_DIM, .ids = keys, .vectors = vectors};
    varve_field_rows put = {
        .count = n, .ids = keys, .vectors = values, .dim = DIM, .counts = counts};
    db_ok(f, varve_insert(f->c, &rows, NULL, NULL, &f->err));
    db_ok(f, varve_field_put(f->c, "parts", &put, false, NULL, NULL, &f->err));
    free(values);
}

/* Keys of "a" and of "a0" mix: 20 vectors of each. */
static void vectors_of_mixed_keys(void **state)
{
    static const char *const ids[] = {"a", "a0", "a00", "b"};
    static const size_t counts[] = {20, 20, 20, 1};
    db_fixture *f = *state;
    create_all(f);
    put_parts(f, ids, counts, VV_COUNT(ids));
    db_assert_sound(f);
    db_seal(f);
    db_assert_sound(f);
}

static void lost_vectors_of_several(void **state)
{
    static const char *const ids[] = {"a", "a0"};
    static const size_t counts[] = {20, 20};
    db_fixture *f = *state;
    create_all(f);
    put_parts(f, ids, counts, VV_COUNT(ids));
    for (uint32_t index = 0; index < 20; index += index ? 9 : 5) { /* first, some, last */
        VV_CLEANUP(buffer_done) buffer key;
        multi_key_of(f, string_id("a"), index, &key);
        const row_current row = read_row(f, &key);
        put_row(f, &key, NULL);
        assert_true(fsck_says(f, "c/parts: a vector of 'a' is missing"));
        put_row(f, &key, &row);
        db_assert_sound(f);
    }
    VV_CLEANUP(buffer_done) buffer last;
    multi_key_of(f, string_id("a0"), 19, &last);
    put_row(f, &last, NULL);
    assert_true(fsck_says(f, "c/parts: a vector of 'a0' is missing"));
}

static void more_vectors_than_were_put(void **state)
{
    static const char *const ids[] = {"a", "b"};
    static const size_t counts[] = {2, 3};
    db_fixture *f = *state;
    VV_CLEANUP(buffer_done) buffer last, next;
    create_all(f);
    put_parts(f, ids, counts, VV_COUNT(ids));
    multi_key_of(f, string_id("a"), 1, &last);
    multi_key_of(f, string_id("a"), 2, &next);
    const row_current row = read_row(f, &last);
    put_row(f, &next, &row);
    assert_true(fsck_says(f, "c/parts: 'a' has more vectors than the 2 that were put"));
}

/* The first row of another id says how many there are. */
static void a_count_that_is_none(void **state)
{
    static const char *const ids[] = {"a", "b"};
    static const size_t counts[] = {2, 3};
    db_fixture *f = *state;
    VV_CLEANUP(buffer_done) buffer first, second;
    create_all(f);
    put_parts(f, ids, counts, VV_COUNT(ids));
    multi_key_of(f, string_id("b"), 0, &first);
    multi_key_of(f, string_id("b"), 1, &second);
    const row_current row = read_row(f, &second); /* has no count */
    put_row(f, &first, &row);
    assert_true(fsck_says(f, "c/parts: how many vectors a row has is malformed"));
}

/* ---- records that cannot be read, and fields that are not what the collection says */

static void malformed_records(void **state)
{
    db_fixture *f = *state;
    VV_CLEANUP(buffer_done) buffer key;
    begin(f);
    key_of(f, child_id(f, "title"), (varve_id){.num = 2}, &key);
    put_record(f, STORE_ROWS, key.data, key.len, &(varve_text){"no row", 6});
    assert_true(fsck_says(f, "c/title: the record of a vector is malformed"));
    buffer_done(&key);
    key_of(f, child_id(f, "parts"), (varve_id){.num = 2}, &key); /* of one vector, not of several */
    put_row(f, &key, &(row_current){0});
    assert_true(fsck_says(f, "c/parts: the record of a vector is malformed"));
}

static void write_schema(db_fixture *f, const collection_schema *s)
{
    store_batch *batch = store_batch_new();
    db_ok(f, catalog_put_schema(f->db, batch, f->c, s, &f->err));
    db_ok(f, catalog_write(f->db, batch, &f->err));
    store_batch_free(batch);
}

static void another_field_than_the_collection_says(void **state)
{
    db_fixture *f = *state;
    collection_schema s = {0};
    begin(f); /* fields by name: parts, title, words */
    db_ok(f, schema_copy(&f->c->schema, &s, &f->err));
    s.fields[2].dim++;
    write_schema(f, &s);
    assert_true(fsck_says(f, "c/title: it is another field than its collection says"));
    s.fields[2].dim--;
    s.fields[1].metric = VARVE_METRIC_COSINE;
    write_schema(f, &s);
    assert_true(fsck_says(f, "c/parts: it is another field than its collection says"));
    schema_done(&s);
}

/* The catalogue itself: a field that is not there, a child that nobody names. */
static void a_child_too_few_or_too_many(void **state)
{
    db_fixture *f = *state;
    collection_schema s = {0};
    varve_report *report = NULL;
    begin(f);
    db_ok(f, schema_copy(&f->c->schema, &s, &f->err));
    s.fields[2].child++;
    write_schema(f, &s);
    db_close(f, false);
    db_ok(f, varve_fsck(f->dir.path, &report, &f->err));
    assert_int_equal(varve_report_count(report), 1);
    assert_non_null(strstr(varve_report_line(report, 0), "title of collection c is not in the"));
    varve_report_free(report);
    schema_done(&s);
}

static void a_child_that_nobody_names(void **state)
{
    db_fixture *f = *state;
    collection_schema s = {0};
    varve_report *report = NULL;
    begin(f);
    db_ok(f, schema_copy(&f->c->schema, &s, &f->err));
    s.field_count--; /* words, the last by name */
    write_schema(f, &s);
    db_close(f, false);
    db_ok(f, varve_fsck(f->dir.path, &report, &f->err));
    assert_int_equal(varve_report_count(report), 1);
    assert_non_null(strstr(varve_report_line(report, 0), "a field that no collection names"));
    varve_report_free(report);
    schema_done(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(another_ordinal_or_state),    TEST(a_row_deleted_without_its_vectors),
        TEST(a_vector_of_no_row),          TEST(a_vector_without_its_record),
        TEST(vectors_of_mixed_keys),       TEST(lost_vectors_of_several),
        TEST(more_vectors_than_were_put),  TEST(a_count_that_is_none),
        TEST(malformed_records),           TEST(another_field_than_the_collection_says),
        TEST(a_child_too_few_or_too_many), TEST(a_child_that_nobody_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
