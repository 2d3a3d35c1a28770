/* test_tombstone.c — tombstone sets against a plain array of flags, and what a change shares. */
#include "base/bit_count.h"
#include "base/bytes.h"
#include "base/random.h"
#include "base/tombstone.h"

#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CHUNK_SLOTS 32768

static tombstones *change(const tombstones *old, const uint64_t *add, size_t adds,
                          const uint64_t *remove, size_t removes)
{
    tombstones *t = NULL;
    varve_error err = {0};
    assert_int_equal(tombstones_change(old, add, adds, remove, removes, &t, &err), VARVE_OK);
    return t;
}

/* Every question there is, asked of both. */
static void assert_same(const tombstones *t, const bool *model, size_t slots)
{
    uint64_t count = 0, at;
    size_t next = slots; /* the first member at or after the slot looked at */
    for (size_t i = slots; i-- > 0;) {
        count += model[i];
        if (model[i]) next = i;
        assert_int_equal(tombstones_has(t, i), model[i]);
        assert_int_equal(tombstones_next(t, i, &at), next < slots);
        if (next < slots) assert_int_equal(at, next);
    }
    for (size_t first = 0; first < slots; first += 64) {
        uint64_t word = 0;
        for (size_t i = first; i < first + 64 && i < slots; i++)
            word |= (uint64_t)model[i] << (i - first);
        assert_true(tombstones_word(t, first) == word);
    }
    for (size_t i = 0; i < slots; i++) { /* among others, and one that is in no chunk */
        uint8_t listed[3 * 4];
        put_u32(listed, (uint32_t)i);
        put_u32(listed + 4, (uint32_t)(slots - 1 - i));
        put_u32(listed + 8, UINT32_MAX);
        assert_int_equal(tombstones_among(t, listed, 3),
                         (uint32_t)model[i] | (uint32_t)model[slots - 1 - i] << 1);
    }
    assert_int_equal(tombstones_count(t), count);
    assert_int_equal(t == NULL, count == 0);
}

static void test_empty(void **state)
{
    uint64_t at, slots[] = {5, 5};
    (void)state;
    assert_null(tombstones_ref(NULL));
    tombstones_unref(NULL);
    assert_false(tombstones_has(NULL, 7));
    assert_int_equal(tombstones_count(NULL), 0);
    assert_true(tombstones_word(NULL, 64) == 0);
    assert_false(tombstones_next(NULL, 0, &at));
    assert_null(change(NULL, NULL, 0, NULL, 0));
    assert_null(change(NULL, NULL, 0, slots, 2));
    assert_null(change(NULL, slots, 2, slots, 1)); /* in, then out */
}

static void test_model(void **state)
{
    enum { SLOTS = 5 * CHUNK_SLOTS + 100, ROUNDS = 60, BATCH = 700 };
    bool *model = calloc(SLOTS, 1), *before = malloc(SLOTS);
    uint64_t add[BATCH], remove[BATCH];
    tombstones *t = NULL;
    random_state r;
    (void)state;
    random_seed(&r, 1);
    for (int round = 0; round < ROUNDS; round++) {
        /* Narrow rounds fill and empty whole words and chunks, wide ones touch many chunks. */
        uint64_t wide = round % 3 == 0 ? SLOTS : 500, base = random_below(&r, SLOTS - wide + 1);
        size_t adds = random_below(&r, BATCH), removes = random_below(&r, BATCH);
        tombstones *next;
        memcpy(before, model, SLOTS);
        for (size_t i = 0; i < adds; i++)
            model[add[i] = base + random_below(&r, wide)] = true;
        for (size_t i = 0; i < removes; i++)
            model[remove[i] = base + random_below(&r, wide)] = false;
        next = change(t, add, adds, remove, removes);
        if (round % 10 == 0) assert_same(t, before, SLOTS); /* the old set is as it was */
        if (round % 5 == 0) assert_same(next, model, SLOTS);
        tombstones_unref(t);
        t = next;
    }
    assert_same(t, model, SLOTS);
    tombstones_unref(t);
    free(model);
    free(before);
}

static void test_next_crosses_empty_chunks(void **state)
{
    const uint64_t far = 40 * (uint64_t)CHUNK_SLOTS + 63;
    uint64_t slots[] = {far, 0}, at = 1;
    tombstones *t = change(NULL, slots, 2, NULL, 0);
    (void)state;
    assert_true(tombstones_next(t, 0, &at) && at == 0);
    assert_true(tombstones_next(t, 1, &at) && at == far);
    assert_true(tombstones_next(t, far, &at) && at == far);
    assert_false(tombstones_next(t, far + 1, &at));
    assert_false(tombstones_next(t, UINT64_MAX, &at));
    assert_false(tombstones_has(t, UINT64_MAX));
    tombstones_unref(t);
}

static void test_all_out_is_null(void **state)
{
    uint64_t slots[3] = {1, CHUNK_SLOTS, 9 * CHUNK_SLOTS};
    tombstones *t = change(NULL, slots, 3, NULL, 0), *less = change(t, NULL, 0, slots + 1, 2);
    (void)state;
    assert_int_equal(tombstones_count(less), 1);
    assert_int_equal(tombstones_count(t), 3);
    assert_null(change(less, NULL, 0, slots, 1));
    tombstones_unref(less);
    tombstones_unref(t);
}

/* A change of one slot among hundred chunks costs one chunk and a directory, not hundred chunks. */
static void test_chunks_are_shared(void **state)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)state;
    skip(); /* another allocator, which does not count */
#else
    uint64_t slots[100], one = 17;
    tombstones *t, *next;
    size_t before, after;
    (void)state;
    for (size_t i = 0; i < 100; i++)
        slots[i] = i * CHUNK_SLOTS;
    t = change(NULL, slots, 100, NULL, 0);
    before = mallinfo2().uordblks;
    next = change(t, &one, 1, NULL, 0);
    after = mallinfo2().uordblks;
    assert_in_range(after - before, 4096, 2 * 4096);
    tombstones_unref(t);
    assert_true(tombstones_has(next, 0) && tombstones_has(next, 17));
    assert_true(tombstones_has(next, slots[99]));
    tombstones_unref(next);
#endif
}

/* A chunk that loses its last member is given back, also in the middle. */
static void test_empty_chunks_are_freed(void **state)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)state;
    skip();
#else
    uint64_t slots[100];
    size_t before, after;
    tombstones *t, *next;
    (void)state;
    for (size_t i = 0; i < 100; i++)
        slots[i] = i * CHUNK_SLOTS;
    t = change(NULL, slots, 100, NULL, 0);
    before = mallinfo2().uordblks;
    next = change(t, NULL, 0, slots + 1, 98);
    after = mallinfo2().uordblks;
    assert_true(after - before < 4096); /* a directory, and no chunk of its own */
    tombstones_unref(t);
    assert_true(tombstones_has(next, slots[0]) && tombstones_has(next, slots[99]));
    tombstones_unref(next);
#endif
}

/* Two states of one set, against a plain comparison slot by slot. */
static void test_differences(void **state)
{
    enum { SLOTS = 4 * CHUNK_SLOTS };
    random_state r;
    uint64_t add[400], other[40], at = 0;
    (void)state;
    random_seed(&r, 5);
    assert_false(tombstones_next_difference(NULL, NULL, 0, &at));
    for (size_t i = 0; i < 400; i++)
        add[i] = random_below(&r, SLOTS);
    tombstones *a = change(NULL, add, 400, NULL, 0);
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < 40; i++)
            other[i] = random_below(&r, SLOTS);
        tombstones *b = round == 0 ? tombstones_ref(a) : change(a, other, 40, add + 10 * round, 10);
        if (round == 1) {
            tombstones_unref(b);
            b = NULL; /* everything is gone */
        }
        uint64_t next = 0;
        for (uint64_t i = 0; i < SLOTS; i++) {
            if (tombstones_has(a, i) == tombstones_has(b, i)) continue;
            assert_true(tombstones_next_difference(a, b, next, &at));
            assert_int_equal(at, i);
            assert_true(tombstones_next_difference(b, a, i, &at));
            assert_int_equal(at, i);
            next = i + 1;
        }
        assert_false(tombstones_next_difference(a, b, next, &at));
        assert_false(tombstones_next_difference(b, a, UINT64_MAX, &at));
        assert_int_equal(next == 0, round == 0);
        tombstones_unref(b);
    }
    tombstones_unref(a);
}

/* Words whose bits are set with one of a few densities, so that whole chunks are empty or full. */
static void random_words(uint64_t *words, size_t count, unsigned density, random_state *random)
{
    for (size_t i = 0; i < count; i++) {
        words[i] = density == 0 ? 0 : UINT64_MAX;
        for (unsigned j = 0; density > 0 && j < density - 1; j++)
            words[i] &= random_u64(random);
    }
}

/* Of a set and of one without some of its members; and of either with none. */
static void union_is_both(tombstones *part, tombstones *other)
{
    tombstones *all = NULL;
    uint64_t at, slots[] = {5, 40000, 200000};
    tombstones *more = change(other, slots, 3, slots, 0);
    assert_int_equal(tombstones_union(part, more, &all, NULL), VARVE_OK);
    for (uint64_t slot = 0; slot < 70100; slot++)
        assert_int_equal(tombstones_has(all, slot),
                         tombstones_has(part, slot) || tombstones_has(more, slot));
    assert_true(tombstones_has(all, 200000));
    tombstones *back = NULL;
    assert_int_equal(tombstones_union(more, part, &back, NULL), VARVE_OK);
    assert_false(tombstones_next_difference(all, back, 0, &at));
    assert_int_equal(tombstones_count(all), tombstones_count(back));
    assert_true(tombstones_bytes(all) >= tombstones_count(all) / 8);
    tombstones_unref(all);
    tombstones_unref(back);
    assert_int_equal(tombstones_union(NULL, part, &all, NULL), VARVE_OK);
    assert_ptr_equal(all, part);
    tombstones_unref(all);
    tombstones_unref(more);
}

static void test_rest_of_words(void **state)
{
    static const uint64_t sizes[] = {0, 1, 63, 64, 65, 32767, 32768, 32769, 70001};
    uint64_t words[1100], hidden_words[1100];
    random_state random;
    (void)state;
    random_seed(&random, 7);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (unsigned density = 0; density < 16; density++) {
            tombstones *hidden = NULL, *t = NULL;
            uint64_t count = 0, slots = sizes[i];
            random_words(words, 1100, density % 4, &random);
            random_words(hidden_words, (size_t)(slots / 64), density / 4, &random);
            assert_int_equal(tombstones_of_words(hidden_words, (size_t)(slots / 64), &hidden, NULL),
                             VARVE_OK);
            assert_int_equal(tombstones_of_rest(words, slots, hidden, &t, NULL), VARVE_OK);
            for (uint64_t slot = 0; slot < slots; slot++) {
                bool in = !(words[slot / 64] >> slot % 64 & 1) || tombstones_has(hidden, slot);
                assert_int_equal(tombstones_has(t, slot), in);
                count += in;
            }
            assert_int_equal(tombstones_count(t), count);
            assert_true(t || count == 0);
            assert_false(tombstones_next(t, slots, &count));
            union_is_both(hidden, t);
            tombstones_unref(hidden);
            tombstones_unref(t);
        }
}

static void test_bit_count(void **state)
{
    uint64_t words[100];
    random_state random;
    (void)state;
    random_seed(&random, 9);
    for (size_t count = 0; count <= 100; count++)
        for (unsigned density = 0; density < 4; density++) {
            uint64_t bits = 0;
            random_words(words, count, density, &random);
            for (size_t i = 0; i < count * 64; i++)
                bits += words[i / 64] >> i % 64 & 1;
            assert_int_equal(bit_count(words, count), bits);
        }
}

#define READERS 3
static void *read_one(void *context)
{
    tombstones *t = context;
    for (uint64_t i = 0; i < 20000; i++) {
        tombstones *mine = tombstones_ref(t);
        if (tombstones_has(mine, i % 64) != (i % 64 == 3)) abort();
        tombstones_unref(mine);
    }
    tombstones_unref(t);
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t threads[READERS];
    uint64_t slot = 3;
    tombstones *t = change(NULL, &slot, 1, NULL, 0);
    (void)state;
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_one, tombstones_ref(t)), 0);
    for (uint64_t i = 0; i < 2000; i++) { /* derived sets share the chunk with the readers' set */
        uint64_t other = 100 + i;
        tombstones *derived = change(t, &other, 1, &slot, 1);
        assert_true(tombstones_has(derived, other) && !tombstones_has(derived, slot));
        tombstones_unref(derived);
    }
    tombstones_unref(t);
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_next_crosses_empty_chunks),
        cmocka_unit_test(test_all_out_is_null),
        cmocka_unit_test(test_chunks_are_shared),
        cmocka_unit_test(test_empty_chunks_are_freed),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_rest_of_words),
        cmocka_unit_test(test_bit_count),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
