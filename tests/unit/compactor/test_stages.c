/* test_stages.c — how far a build is: from 0 to 1, through the stages of every kind of index, and
 * never back. */
#include "stages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static index_spec spec_of(index_kind kind, index_structure structure)
{
    return (index_spec){.kind = kind, .mode = {.structure = structure}, .dim = 4};
}

static void walk(index_spec spec, const char *const *stages, size_t count)
{
    double share = 0;
    for (size_t i = 0; i < count; i++) {
        double before = share;
        for (uint64_t done = 0; done <= 10; done++) {
            double next = stages_share(&spec, stages[i], done, 10, share);
            assert_true(next >= share && next <= 1);
            share = next;
        }
        assert_true(share > before);
        assert_true(stages_share(&spec, "another", 9, 10, share) == share);
        assert_true(stages_share(&spec, stages[0], 0, 0, share) == share); /* not back */
    }
    assert_true(share == 1);
}

static void test_stages(void **state)
{
    static const char *const flat[] = {"train", "codes", "neighbours", "recall"};
    static const char *const bits[] = {"bits"}, *const codes[] = {"codes"};
    static const char *const ivf[] = {"k-means", "assign",     "copies",
                                      "codes",   "neighbours", "recall"};
    static const char *const graph[] = {"graph", "codes", "write", "neighbours", "recall"};
    (void)state;
    walk(spec_of(INDEX_KIND_FULL, INDEX_FLAT), flat, VV_COUNT(flat));
    index_spec binary = spec_of(INDEX_KIND_FULL, INDEX_FLAT);
    binary.mode.quantiser = QUANT_BINARY;
    walk(binary, bits, VV_COUNT(bits));
    walk(spec_of(INDEX_KIND_FULL, INDEX_IVF), ivf, VV_COUNT(ivf));
    walk(spec_of(INDEX_KIND_FULL, INDEX_SPANN), ivf, VV_COUNT(ivf));
    walk(spec_of(INDEX_KIND_FULL, INDEX_HNSW), graph, VV_COUNT(graph));
    walk(spec_of(INDEX_KIND_FULL, INDEX_DISKANN), graph, VV_COUNT(graph));
    walk(spec_of(INDEX_KIND_FRESH, INDEX_HNSW), codes, VV_COUNT(codes)); /* whatever its mode */
}

static void test_costs(void **state)
{
    index_spec fresh = spec_of(INDEX_KIND_FRESH, INDEX_HNSW);
    index_spec ivf = spec_of(INDEX_KIND_FULL, INDEX_IVF);
    index_spec graph = spec_of(INDEX_KIND_FULL, INDEX_HNSW);
    (void)state;
    assert_true(stages_row_cost(&fresh) < stages_row_cost(&ivf));
    assert_true(stages_row_cost(&ivf) < stages_row_cost(&graph));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stages),
        cmocka_unit_test(test_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
