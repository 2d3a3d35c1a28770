/* lynse_metric.c — names of metrics as clients write them. */
#include "lynse_metric.h"

#include <strings.h>

static const struct {
    const char *name;
    varve_metric metric;
} names[] = {
#define X(NAME, name, word, larger) {name, VARVE_METRIC_##NAME},
    VARVE_METRIC_TABLE(X)
#undef X
        {"inner_product", VARVE_METRIC_IP},
    {"inner", VARVE_METRIC_IP},
    {"dot", VARVE_METRIC_IP},
    {"l2sq", VARVE_METRIC_L2},
    {"l2_squared", VARVE_METRIC_L2},
    {"euclidean", VARVE_METRIC_L2},
    {"cos", VARVE_METRIC_COSINE},
    {"cosine_distance", VARVE_METRIC_COSINE},
    {"manhattan", VARVE_METRIC_L1},
    {"cityblock", VARVE_METRIC_L1},
    {"haversine_m", VARVE_METRIC_HAVERSINE},
    {"geo", VARVE_METRIC_HAVERSINE},
    {"pearson", VARVE_METRIC_CORRELATION},
    {"wasserstein1d", VARVE_METRIC_WASSERSTEIN},
    {"emd", VARVE_METRIC_WASSERSTEIN},
    {"js", VARVE_METRIC_JENSEN_SHANNON},
    {"linf", VARVE_METRIC_CHEBYSHEV},
    {"tanimoto", VARVE_METRIC_JACCARD},
    {"sorensen", VARVE_METRIC_DICE},
};

bool lynse_metric_read(const char *text, varve_metric *ret)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(text, names[i].name) != 0) continue;
        *ret = names[i].metric;
        return true;
    }
    return false;
}

const char *lynse_metric_flat(varve_metric metric)
{
    static const char *const modes[] = {
#define X(NAME, name, word, larger) "FLAT-" word,
        VARVE_METRIC_TABLE(X)
#undef X
    };
    return metric >= 0 && metric < VARVE_METRIC_COUNT ? modes[metric] : modes[VARVE_METRIC_IP];
}
