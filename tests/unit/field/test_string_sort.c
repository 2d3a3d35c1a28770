/* test_string_sort.c — many texts in the order of their bytes, beside a plain comparison: alike
 * ones, prefixes of each other, zeros in them, long common beginnings. */
#include "base/random.h"
#include "field/string_sort.h"
#include "record/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT   3000
#define LEN_MAX 300

typedef struct texts {
    char bytes[COUNT][LEN_MAX];
    sorted_string strings[COUNT];
} texts;

typedef struct recipe { /* how texts are made */
    size_t count, len_max, common;
    unsigned letters; /* of which alphabet; small: many are alike */
} recipe;

static void make(texts *t, const recipe *r, random_state *random)
{
    for (size_t i = 0; i < r->count; i++) {
        size_t len = r->common + random_below(random, r->len_max + 1);
        memset(t->bytes[i], 'c', r->common);
        for (size_t k = r->common; k < len; k++) {
            t->bytes[i][k] = (char)random_below(random, r->letters);
            if (r->letters > 128) t->bytes[i][k] = (char)(255 - t->bytes[i][k]);
        }
        t->strings[i] = (sorted_string){0, t->bytes[i], (uint32_t)len, (uint32_t)i};
    }
}

static int order_of(const sorted_string *a, const sorted_string *b)
{
    int order = value_compare_texts((varve_text){a->data, a->len}, (varve_text){b->data, b->len});
    return order ? order : (a->number > b->number) - (a->number < b->number);
}

static void test_order(void **state)
{
    static texts t;
    static const recipe recipes[] = {
        {0, 8, 0, 4},      {1, 8, 0, 4},        {2, 0, 0, 4},       {24, 12, 0, 2},
        {25, 12, 0, 2},    {COUNT, 0, 0, 1},    {COUNT, 0, 20, 1},  {COUNT, 3, 0, 2},
        {COUNT, 20, 0, 2}, {COUNT, 9, 7, 2},    {COUNT, 17, 40, 3}, {COUNT, 20, 0, 256},
        {COUNT, 20, 8, 4}, {COUNT, 30, 256, 3}, {COUNT, 40, 0, 1},
    };
    random_state random;
    (void)state;
    random_seed(&random, 7);
    for (size_t i = 0; i < VV_COUNT(recipes); i++) {
        const recipe *r = &recipes[i];
        bool seen[COUNT] = {false};
        varve_error err = {0};
        make(&t, r, &random);
        assert_int_equal(string_sort(t.strings, r->count, &err), VARVE_OK);
        for (size_t k = 0; k < r->count; k++) {
            const sorted_string *s = &t.strings[k];
            assert_true(s->number < r->count && !seen[s->number]);
            assert_ptr_equal(s->data, t.bytes[s->number]);
            seen[s->number] = true;
            if (k) assert_true(order_of(s - 1, s) < 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
