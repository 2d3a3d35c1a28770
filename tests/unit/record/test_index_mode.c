/* test_index_mode.c — the names of index modes, one by one, and that no other is accepted. */
#include "record_fixture.h"

#include "record/schema.h"

#include <stdio.h>

/* typed, canonical; both are accepted and mean the same. */
static const char *const good[][2] = {
    {"FLAT-IP", "FLAT-IP"},
    {"flat-ip", "FLAT-IP"},
    {"Flat-L2", "FLAT-L2"},
    {"FLAT-COS", "FLAT-COS"},
    {"FLAT-COSINE", "FLAT-COS"},
    {"FLAT-IP-SQ8", "FLAT-IP-SQ8"},
    {"FLAT-L2-SQ8", "FLAT-L2-SQ8"},
    {"FLAT-COSINE-SQ8", "FLAT-COS-SQ8"},
    {"FLAT-IP-PQ", "FLAT-IP-PQ"},
    {"FLAT-COSINE-PQ", "FLAT-COS-PQ"},
    {"FLAT-L2-PQ16", "FLAT-L2-PQ16"},
    {"flat-cos-pq7", "FLAT-COS-PQ7"},
    {"FLAT-IP-RABITQ", "FLAT-IP-RABITQ"},
    {"FLAT-COS-POLARVEC", "FLAT-COS-POLARVEC"},
    {"FLAT-L2-POLARVEC1", "FLAT-L2-POLARVEC1"},
    {"FLAT-L2-POLARVEC8", "FLAT-L2-POLARVEC8"},
    {"FLAT-L1", "FLAT-L1"},
    {"FLAT-MANHATTAN", "FLAT-L1"},
    {"FLAT-CITYBLOCK", "FLAT-L1"},
    {"FLAT-HAVERSINE", "FLAT-HAVERSINE"},
    {"FLAT-HAVERSINE-M", "FLAT-HAVERSINE"},
    {"FLAT-GEO", "FLAT-HAVERSINE"},
    {"FLAT-CORRELATION", "FLAT-CORRELATION"},
    {"FLAT-PEARSON", "FLAT-CORRELATION"},
    {"FLAT-HELLINGER", "FLAT-HELLINGER"},
    {"FLAT-WASSERSTEIN", "FLAT-WASSERSTEIN"},
    {"FLAT-WASSERSTEIN-1D", "FLAT-WASSERSTEIN"},
    {"FLAT-WASSERSTEIN1D", "FLAT-WASSERSTEIN"},
    {"FLAT-EMD", "FLAT-WASSERSTEIN"},
    {"FLAT-JENSEN-SHANNON", "FLAT-JENSEN-SHANNON"},
    {"FLAT-JENSENSHANNON", "FLAT-JENSEN-SHANNON"},
    {"FLAT-JS", "FLAT-JENSEN-SHANNON"},
    {"FLAT-CHEBYSHEV", "FLAT-CHEBYSHEV"},
    {"FLAT-CHEBYCHEV", "FLAT-CHEBYSHEV"},
    {"FLAT-LINF", "FLAT-CHEBYSHEV"},
    {"FLAT-CANBERRA", "FLAT-CANBERRA"},
    {"FLAT-BRAY-CURTIS", "FLAT-BRAY-CURTIS"},
    {"FLAT-BRAYCURTIS", "FLAT-BRAY-CURTIS"},
    {"FLAT-HAMMING", "FLAT-HAMMING"},
    {"FLAT-HAMMING-BINARY", "FLAT-HAMMING-BINARY"},
    {"FLAT-JACCARD", "FLAT-JACCARD"},
    {"FLAT-TANIMOTO", "FLAT-JACCARD"},
    {"FLAT-TANIMOTO-BINARY", "FLAT-JACCARD-BINARY"},
    {"FLAT-DICE", "FLAT-DICE"},
    {"FLAT-SORENSEN", "FLAT-DICE"},
    {"FLAT-SORENSEN-DICE", "FLAT-DICE"},
    {"FLAT-SORENSEN-DICE-BINARY", "FLAT-DICE-BINARY"},
    {"HNSW-IP", "HNSW-IP"},
    {"HNSW-COSINE-SQ8", "HNSW-COS-SQ8"},
    {"HNSW-LINF", "HNSW-CHEBYSHEV"},
    {"HNSW-GEO", "HNSW-HAVERSINE"},
    {"HNSW-JS", "HNSW-JENSEN-SHANNON"},
    {"DISKANN-L2", "DISKANN-L2"},
    {"DISKANN-COS-SQ8", "DISKANN-COS-SQ8"},
    {"DISKANN-COS-PQ", "DISKANN-COS-PQ"},
    {"DISKANN-IP-PQ8", "DISKANN-IP-PQ8"},
    {"DISKANN-L2-PQ16", "DISKANN-L2-PQ16"},
    {"IVF-IP", "IVF-IP"},
    {"IVF-L2-SQ8", "IVF-L2-SQ8"},
    {"IVF-HAMMING", "IVF-HAMMING"},
    {"IVF-JACCARD-BINARY", "IVF-JACCARD-BINARY"},
    {"SPANN-L2", "SPANN-L2"},
    {"SPANN-COSINE-SQ8", "SPANN-COS-SQ8"},
};

static const char *const bad[] = {
    "",
    "-",
    "FLAT",
    "HNSW",
    "flat-",
    "FLAT-X",
    "FLATIP",
    "FLAT-IP-",
    "FLAT--IP",
    "IP",
    " FLAT-IP",
    "FLAT-IP ",
    "FLAT-IPX",
    "FLAT-EUCLIDEAN",
    "FLAT-DOT",
    "FLAT-HAVERSINE_M",
    "FLAT-IP-SQ",
    "FLAT-IP-SQ88",
    "FLAT-IP-SQ8-SQ8",
    "FLAT-IP-PQ0",
    "FLAT-IP-PQ08",
    "FLAT-IP-PQX",
    "FLAT-IP-PQ65537",
    "FLAT-IP-PQ999999999999",
    "FLAT-IP-RABITQ2",
    "FLAT-IP-POLARVEC0",
    "FLAT-IP-POLARVEC9",
    "FLAT-IP-BINARY",
    "FLAT-L1-SQ8",
    "FLAT-LINF-PQ",
    "FLAT-HAMMING-SQ8",
    "HNSW-CANBERRA",
    "HNSW-BRAY-CURTIS",
    "HNSW-HAMMING",
    "HNSW-IP-PQ",
    "HNSW-L1-SQ8",
    "DISKANN-L1",
    "DISKANN-COS-PQ8",
    "DISKANN-IP-PQ4",
    "DISKANN-IP-RABITQ",
    "IVF-L1",
    "IVF-DICE",
    "IVF-IP-PQ",
    "IVF-HAMMING-SQ8",
    "SPANN-L1",
    "SPANN-IP-PQ",
    "SPANN-HAMMING",
    "LSH-IP",
    "FLAT-IP-PQ-----------------------------------------------------------------------",
};

static void accepts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        index_mode m, again;
        char text[SCHEMA_INDEX_MODE_MAX + 1];
        assert_ok(index_mode_parse(good[i][0], &m, err));
        index_mode_text(&m, text);
        assert_string_equal(text, good[i][1]);
        assert_ok(index_mode_parse(text, &again, err));
        assert_memory_equal(&m, &again, sizeof m);
    }
}

static void refuses(void **state)
{
    (void)state;
    index_mode m = {.parameter = 77};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(VARVE_INVALID, "unsupported index/metric combination",
                     index_mode_parse(bad[i], &m, err));
    assert_int_equal(m.parameter, 77);
}

/* Each metric, structure and quantiser together: as many as the table of the contract has. */
static void counts(void **state)
{
    (void)state;
    static const char *const structures[] = {"FLAT", "HNSW", "IVF", "DISKANN", "SPANN"};
    static const char *const tails[] = {"", "-SQ8", "-PQ", "-RABITQ", "-POLARVEC", "-BINARY"};
    static const char *const metrics[] = {
#define X(NAME, name, word, larger) word,
        VARVE_METRIC_TABLE(X)
#undef X
    };
    int accepted[5] = {0};
    for (size_t s = 0; s < 5; s++)
        for (size_t m = 0; m < VARVE_METRIC_COUNT; m++)
            for (size_t q = 0; q < 6; q++) {
                char text[100];
                index_mode mode;
                (void)snprintf(text, sizeof text, "%s-%s%s", structures[s], metrics[m], tails[q]);
                accepted[s] += index_mode_parse(text, &mode, NULL) == VARVE_OK;
            }
    assert_int_equal(accepted[0], 3 * 5 + 9 + 3 * 2);
    assert_int_equal(accepted[1], 3 * 2 + 7);
    assert_int_equal(accepted[2], 3 * 2 + 2 * 2);
    assert_int_equal(accepted[3], 3 * 3);
    assert_int_equal(accepted[4], 3 * 2);
}

static void metrics_and_types(void **state)
{
    (void)state;
    varve_metric m;
    varve_dtype t;
    for (int i = 0; i < VARVE_METRIC_COUNT; i++) {
        assert_true(metric_parse(varve_metric_name((varve_metric)i), &m));
        assert_int_equal(m, i);
    }
    for (int i = 0; i < VARVE_DTYPE_COUNT; i++) {
        assert_true(dtype_parse(varve_dtype_name((varve_dtype)i), &t));
        assert_int_equal(t, i);
    }
    assert_true(metric_parse("Inner_Product", &m) && m == VARVE_METRIC_IP);
    assert_true(metric_parse("dot", &m) && m == VARVE_METRIC_IP);
    assert_true(metric_parse("l2_squared", &m) && m == VARVE_METRIC_L2);
    assert_true(metric_parse("EUCLIDEAN", &m) && m == VARVE_METRIC_L2);
    assert_true(metric_parse("cosine_distance", &m) && m == VARVE_METRIC_COSINE);
    assert_true(metric_parse("BRAY-CURTIS", &m) && m == VARVE_METRIC_BRAY_CURTIS);
    assert_true(metric_parse("tanimoto", &m) && m == VARVE_METRIC_JACCARD);
    assert_true(metric_parse("haversine_m", &m) && m == VARVE_METRIC_HAVERSINE);
    assert_false(metric_parse("", &m));
    assert_false(metric_parse("ipx", &m));
    assert_false(metric_parse("i", &m));
    assert_false(metric_parse("bm25", &m));
    assert_true(dtype_parse("F16", &t) && t == VARVE_FLOAT16);
    assert_true(dtype_parse("half", &t) && t == VARVE_FLOAT16);
    assert_true(dtype_parse("byte", &t) && t == VARVE_UINT8);
    assert_true(dtype_parse("b1", &t) && t == VARVE_BINARY);
    assert_false(dtype_parse("float64", &t));
    assert_false(dtype_parse("", &t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),
        cmocka_unit_test(refuses),
        cmocka_unit_test(counts),
        cmocka_unit_test(metrics_and_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
