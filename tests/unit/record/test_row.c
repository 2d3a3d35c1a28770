/* test_row.c — keys and values of rows: the bytes as documented, and nothing else accepted. */
#include "record_fixture.h"

#include "record/row.h"

static void keys(void **state)
{
    (void)state;
    uint8_t key[32], rowver[ROWVER_KEY_BYTES];
    varve_id id = {.kind = VARVE_ID_STR, .text = {"ab", 2}};
    uint32_t cid = 0;
    uint64_t version = 0;
    assert_int_equal(row_key_put(0x01020304, id, key), 7);
    assert_memory_equal(key, "\1\2\3\4\1ab", 7);
    rowver_key_put(0x01020304, 0x05060708090a0b0c, rowver);
    assert_memory_equal(rowver, "\1\2\3\4\5\6\7\10\11\12\13\14", 12);
    assert_true(rowver_key_get(rowver, 12, &cid, &version));
    assert_true(cid == 0x01020304 && version == 0x05060708090a0b0c);
    assert_false(rowver_key_get(rowver, 11, &cid, &version));
    assert_false(rowver_key_get(rowver, 13, &cid, &version));
}

static bool decode_current(const void *bytes, size_t len, buffer *again)
{
    row_current row;
    uint8_t value[ROW_VALUE_BYTES];
    if (!row_current_get(bytes, len, &row)) return false;
    row_current_put(&row, value);
    assert_ok(buffer_add(again, value, sizeof value, err));
    return true;
}

static void current(void **state)
{
    (void)state;
    uint8_t value[ROW_VALUE_BYTES];
    row_current row = {.rowver = 0x0102030405060708, .ordinal = 9, .deleted = true};
    row_current_put(&row, value);
    assert_memory_equal(value, "\10\7\6\5\4\3\2\1\11\0\0\0\0\0\0\0\1", 17);
    mutate(decode_current, (const char *)value, sizeof value);
    value[16] = 2; /* a flag of the future */
    assert_false(row_current_get(value, sizeof value, &row));
}

static bool decode_fresh(const void *bytes, size_t len, buffer *again)
{
    row_fresh row;
    if (!row_fresh_get(bytes, len, &row)) return false;
    assert_ok(row_fresh_put(&row, again, err));
    return true;
}

static void fresh(void **state)
{
    (void)state;
    static const float vector[] = {1, -2.5f};
    row_fresh row = {.ordinal = 5,
                     .id_key = (const uint8_t *)"\1id",
                     .id_key_len = 3,
                     .fields = {"{\"a\":1}", 7},
                     .vector = vector,
                     .vector_bytes = sizeof vector};
    row_fresh got;
    buffer out;
    buffer_init(&out, 1000, "row");
    assert_ok(row_fresh_put(&row, &out, err));
    assert_int_equal(out.len, 8 + 2 + 3 + 4 + 7 + 8);
    assert_memory_equal(out.data, "\5\0\0\0\0\0\0\0\3\0\1id\7\0\0\0{\"a\":1}", 24);
    assert_true(row_fresh_get(out.data, out.len, &got));
    assert_int_equal(got.vector_bytes, sizeof vector);
    assert_memory_equal(got.vector, vector, sizeof vector);
    mutate(decode_fresh, out.data, out.len);
    row.vector_bytes = 0;
    buffer_clear(&out);
    assert_ok(row_fresh_put(&row, &out, err));
    mutate(decode_fresh, out.data, out.len);
    buffer_done(&out);
    buffer_init(&out, 20, "row"); /* too small: nothing changes */
    assert_fails(VARVE_LIMIT, "row", row_fresh_put(&row, &out, err));
    assert_int_equal(out.len, 0);
    buffer_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys),
        cmocka_unit_test(current),
        cmocka_unit_test(fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
