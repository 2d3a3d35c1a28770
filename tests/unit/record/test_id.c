/* test_id.c — ids: order of keys, what is refused, how they look; and UTF-8. */
#include "record_fixture.h"

#include "record/id.h"
#include "record/utf8.h"

static varve_id num(uint64_t n) { return (varve_id){.kind = VARVE_ID_NUM, .num = n}; }

static varve_id str(const char *text)
{
    return (varve_id){.kind = VARVE_ID_STR, .text = {text, strlen(text)}};
}

static void keys_keep_order(void **state)
{
    (void)state;
    const varve_id ids[] = {
        num(0),          num(1),   num(255),       num(256),  num(UINT64_C(1) << 32),
        num(UINT64_MAX), str("0"), str("1"),       str("10"), str("a"),
        str("aa"),       str("b"), str("\xc3\xa9")};
    enum { COUNT = sizeof ids / sizeof *ids };
    uint8_t keys[COUNT][16];
    for (size_t i = 0; i < COUNT; i++)
        id_key_put(ids[i], keys[i]);
    for (size_t i = 0; i < COUNT; i++)
        for (size_t j = 0; j < COUNT; j++) {
            int order = (i > j) - (i < j);
            int by_id = id_compare(ids[i], ids[j]);
            int by_key = id_key_compare(keys[i], id_key_size(ids[i]), keys[j], id_key_size(ids[j]));
            assert_int_equal((by_id > 0) - (by_id < 0), order);
            assert_int_equal((by_key > 0) - (by_key < 0), order);
        }
}

static bool decode_key(const void *bytes, size_t len, buffer *again)
{
    varve_id id;
    uint8_t key[32];
    if (!id_key_get(bytes, len, &id)) return false;
    assert_true(id_key_size(id) <= sizeof key);
    id_key_put(id, key);
    assert_ok(buffer_add(again, key, id_key_size(id), err));
    return true;
}

static void keys_come_back(void **state)
{
    (void)state;
    uint8_t key[32];
    varve_id id;
    id_key_put(num(0x0102030405060708), key);
    assert_memory_equal(key, "\0\1\2\3\4\5\6\7\10", 9);
    mutate(decode_key, (const char *)key, 9);
    id_key_put(str("doc-17"), key);
    assert_memory_equal(key, "\1doc-17", 7);
    mutate(decode_key, (const char *)key, 7);
    assert_false(id_key_get((const uint8_t *)"\1", 1, &id)); /* the empty string */
    assert_false(id_key_get((const uint8_t *)"\2x", 2, &id));
    assert_false(id_key_get((const uint8_t *)"\0\0\0\0\0\0\0\1", 8, &id));
}

static void refuses(void **state)
{
    (void)state;
    assert_ok(id_check(num(0), 1, err));
    assert_ok(id_check(num(UINT64_MAX), 1, err));
    assert_ok(id_check(str("abc"), 3, err));
    assert_fails(VARVE_LIMIT, "id_bytes_max 2", id_check(str("abc"), 2, err));
    assert_fails(VARVE_INVALID, "empty", id_check(str(""), 9, err));
    assert_fails(VARVE_INVALID, "empty", id_check((varve_id){.kind = VARVE_ID_STR}, 9, err));
    assert_fails(VARVE_INVALID, "UTF-8", id_check(str("a\xff"), 9, err));
    assert_fails(VARVE_INVALID, "kind 7", id_check((varve_id){.kind = 7}, 9, err));
    char *large = malloc(70000);
    assert_non_null(large);
    memset(large, 'x', 70000);
    varve_id id = {.kind = VARVE_ID_STR, .text = {large, 65534}};
    assert_ok(id_check(id, 1 << 20, err)); /* the longest that fits a row key */
    id.text.len++;
    assert_fails(VARVE_LIMIT, "65534", id_check(id, 1 << 20, err));
    free(large);
}

static void shows(void **state)
{
    (void)state;
    char text[ID_TEXT_MAX], sixty_four[65], long_text[70];
    assert_string_equal(id_text(num(17), text), "17");
    assert_string_equal(id_text(num(UINT64_MAX), text), "18446744073709551615");
    assert_string_equal(id_text(str("abc"), text), "'abc'");
    assert_string_equal(id_text(str("a\nb\x7f"), text), "'a?b?'");
    assert_string_equal(id_text(str("a\xff"), text), "'a?'");
    assert_string_equal(id_text(str("\xc3\xa9"), text), "'\xc3\xa9'");
    memset(sixty_four, 'x', 64);
    sixty_four[64] = '\0';
    assert_int_equal(strlen(id_text(str(sixty_four), text)), 66);
    (void)memcpy(long_text, sixty_four, 63);
    (void)memcpy(long_text + 63, "\xc3\xa9z", 4); /* byte 64 is inside a character */
    id_text(str(long_text), text);
    assert_int_equal(strlen(text), 1 + 63 + strlen("…'"));
    assert_true(utf8_valid(text, strlen(text)));
}

static void knows_utf8(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "a",
                                       "plain text of more than eight bytes",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "12345678\xc3\xa9"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc3",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xe2\x82",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xf0\x9f\x98",
                                      "1234567\xff",
                                      "12345678\xc3(",
                                      "\xff"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(utf8_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(utf8_valid(bad[i], strlen(bad[i])));
    assert_int_equal(utf8_cut("a\xe2\x82\xac", 4, 4), 4);
    assert_int_equal(utf8_cut("a\xe2\x82\xac", 4, 3), 1);
    assert_int_equal(utf8_cut("a\xe2\x82\xac", 4, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_keep_order), cmocka_unit_test(keys_come_back),
        cmocka_unit_test(refuses),         cmocka_unit_test(shows),
        cmocka_unit_test(knows_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
