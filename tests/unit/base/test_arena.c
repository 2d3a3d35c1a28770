/* test_arena.c — memory freed at once: aligned, zeroed, apart from each other, within its limit. */
#include "unit.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

static bool is_zero(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i]) return false;
    return true;
}

/* Pieces of all sizes, each filled with its own byte: none may run into another. */
static void pieces_are_apart(void **state)
{
    (void)state;
    enum { PIECES = 3000 };
    VV_CLEANUP(arena_done) arena a;
    char *pieces[PIECES];
    arena_init(&a, (size_t)64 << 20, "test");
    for (size_t i = 0; i < PIECES; i++) {
        void *piece;
        assert_int_equal(arena_take(&a, i % 97, 1 + i % 31, &piece, NULL), VARVE_OK);
        pieces[i] = piece;
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        assert_true(is_zero(pieces[i], (i % 97) * (1 + i % 31)));
        memset(pieces[i], (int)(i % 251), (i % 97) * (1 + i % 31));
    }
    for (size_t i = 0; i < PIECES; i++)
        for (size_t j = 0; j < (i % 97) * (1 + i % 31); j++)
            assert_int_equal((unsigned char)pieces[i][j], i % 251);
}

static void large_piece(void **state)
{
    (void)state;
    VV_CLEANUP(arena_done) arena a;
    void *large, *small;
    arena_init(&a, (size_t)8 << 20, "test");
    assert_int_equal(arena_take(&a, 5 << 20, 1, &large, NULL), VARVE_OK);
    assert_true(is_zero(large, 5 << 20));
    memset(large, 1, 5 << 20);
    assert_int_equal(arena_take(&a, 100, 8, &small, NULL), VARVE_OK);
    assert_true(is_zero(small, 800));
}

static void limits(void **state)
{
    (void)state;
    VV_CLEANUP(arena_done) arena a;
    varve_error err = {0};
    void *piece = &a;
    arena_init(&a, 100, "filter");
    assert_int_equal(arena_take(&a, 101, 1, &piece, &err), VARVE_LIMIT);
    assert_string_equal(err.message, "the filter takes more than 100 bytes of memory");
    assert_int_equal(arena_take(&a, SIZE_MAX / 2, 3, &piece, &err), VARVE_LIMIT);
    assert_ptr_equal(piece, &a);
    assert_int_equal(arena_take(&a, 25, 4, &piece, &err), VARVE_OK);
    assert_int_equal(arena_take(&a, 1, 1, &piece, &err), VARVE_LIMIT);
    arena_done(&a); /* gives the room back */
    assert_int_equal(arena_take(&a, 50, 1, &piece, &err), VARVE_OK);
    varve_text text = {0};
    assert_int_equal(arena_text(&a, "x", SIZE_MAX, &text, &err), VARVE_LIMIT);
    assert_null(text.data);
}

/* However many small pieces: the limit holds, also for pieces of no bytes. */
static void limit_in_steps(void **state)
{
    (void)state;
    VV_CLEANUP(arena_done) arena a;
    void *piece;
    size_t taken = 0;
    arena_init(&a, 10000, "test");
    while (taken < 20000 && arena_take(&a, 1, 1, &piece, NULL) == VARVE_OK)
        taken++;
    assert_in_range(taken, 100, 10000);
}

static void texts(void **state)
{
    (void)state;
    VV_CLEANUP(arena_done) arena a;
    varve_text text, empty;
    char source[] = "a\0b";
    arena_init(&a, 1000, "test");
    assert_int_equal(arena_text(&a, source, 3, &text, NULL), VARVE_OK);
    source[0] = 'z';
    assert_int_equal(text.len, 3);
    assert_memory_equal(text.data, "a\0b", 4); /* with the NUL behind it */
    assert_int_equal(arena_text(&a, NULL, 0, &empty, NULL), VARVE_OK);
    assert_int_equal(empty.len, 0);
    assert_string_equal(empty.data, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_apart), cmocka_unit_test(large_piece), cmocka_unit_test(limits),
        cmocka_unit_test(limit_in_steps),   cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests_name("base/arena", tests, NULL, NULL);
}
