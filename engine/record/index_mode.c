/* index_mode.c — names of index modes, metrics and vector types. An index mode is accepted when one
 * line of the table below allows its structure, metric and quantiser together. */
#include "record/schema.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BIT(metric) (1u << VARVE_METRIC_##metric)

enum {
    CORE = BIT(IP) | BIT(L2) | BIT(COSINE),
    DOMAIN = BIT(L1) | BIT(HAVERSINE) | BIT(CORRELATION) | BIT(HELLINGER) | BIT(WASSERSTEIN) |
             BIT(JENSEN_SHANNON) | BIT(CHEBYSHEV),
    RATIO = BIT(CANBERRA) | BIT(BRAY_CURTIS),
    BITS = BIT(HAMMING) | BIT(JACCARD) | BIT(DICE)
};

/* A parameter is optional where its range is not 0 to 0. */
static const struct combination {
    index_structure structure;
    unsigned metrics;
    index_quantiser quantiser;
    unsigned parameter_min, parameter_max;
} combinations[] = {
    {INDEX_FLAT, CORE | DOMAIN | RATIO | BITS, QUANT_NONE, 0, 0},
    {INDEX_FLAT, CORE, QUANT_SQ8, 0, 0},
    {INDEX_FLAT, CORE, QUANT_PQ, 1, 65536},
    {INDEX_FLAT, CORE, QUANT_RABITQ, 0, 0},
    {INDEX_FLAT, CORE, QUANT_POLARVEC, 1, 8},
    {INDEX_FLAT, BITS, QUANT_BINARY, 0, 0},
    {INDEX_HNSW, CORE | DOMAIN, QUANT_NONE, 0, 0},
    {INDEX_HNSW, CORE, QUANT_SQ8, 0, 0},
    {INDEX_DISKANN, CORE, QUANT_NONE, 0, 0},
    {INDEX_DISKANN, CORE, QUANT_SQ8, 0, 0},
    {INDEX_DISKANN, CORE, QUANT_PQ, 0, 0},
    {INDEX_DISKANN, BIT(IP) | BIT(L2), QUANT_PQ, 8, 8},
    {INDEX_DISKANN, BIT(IP) | BIT(L2), QUANT_PQ, 16, 16},
    {INDEX_IVF, CORE | BIT(HAMMING) | BIT(JACCARD), QUANT_NONE, 0, 0},
    {INDEX_IVF, CORE, QUANT_SQ8, 0, 0},
    {INDEX_IVF, BIT(HAMMING) | BIT(JACCARD), QUANT_BINARY, 0, 0},
    {INDEX_SPANN, CORE, QUANT_NONE, 0, 0},
    {INDEX_SPANN, CORE, QUANT_SQ8, 0, 0},
};

static const char *const structures[] = {"FLAT", "HNSW", "IVF", "DISKANN", "SPANN"};
static const char *const quantisers[] = {"", "SQ8", "PQ", "RABITQ", "POLARVEC", "BINARY"};

/* Names of metrics in lower case, with '-' between words. in_mode: also a word of an index mode. */
static const struct metric_word {
    const char *word;
    varve_metric metric;
    bool in_mode;
} metric_words[] = {
    {"ip", VARVE_METRIC_IP, true},
    {"inner-product", VARVE_METRIC_IP, false},
    {"inner", VARVE_METRIC_IP, false},
    {"dot", VARVE_METRIC_IP, false},
    {"l2", VARVE_METRIC_L2, true},
    {"l2sq", VARVE_METRIC_L2, false},
    {"l2-squared", VARVE_METRIC_L2, false},
    {"euclidean", VARVE_METRIC_L2, false},
    {"cos", VARVE_METRIC_COSINE, true},
    {"cosine", VARVE_METRIC_COSINE, true},
    {"cosine-distance", VARVE_METRIC_COSINE, false},
    {"l1", VARVE_METRIC_L1, true},
    {"manhattan", VARVE_METRIC_L1, true},
    {"cityblock", VARVE_METRIC_L1, true},
    {"haversine", VARVE_METRIC_HAVERSINE, true},
    {"haversine-m", VARVE_METRIC_HAVERSINE, true},
    {"geo", VARVE_METRIC_HAVERSINE, true},
    {"correlation", VARVE_METRIC_CORRELATION, true},
    {"pearson", VARVE_METRIC_CORRELATION, true},
    {"hellinger", VARVE_METRIC_HELLINGER, true},
    {"wasserstein", VARVE_METRIC_WASSERSTEIN, true},
    {"wasserstein-1d", VARVE_METRIC_WASSERSTEIN, true},
    {"wasserstein1d", VARVE_METRIC_WASSERSTEIN, true},
    {"emd", VARVE_METRIC_WASSERSTEIN, true},
    {"jensen-shannon", VARVE_METRIC_JENSEN_SHANNON, true},
    {"jensenshannon", VARVE_METRIC_JENSEN_SHANNON, true},
    {"js", VARVE_METRIC_JENSEN_SHANNON, true},
    {"chebyshev", VARVE_METRIC_CHEBYSHEV, true},
    {"chebychev", VARVE_METRIC_CHEBYSHEV, true},
    {"linf", VARVE_METRIC_CHEBYSHEV, true},
    {"canberra", VARVE_METRIC_CANBERRA, true},
    {"bray-curtis", VARVE_METRIC_BRAY_CURTIS, true},
    {"braycurtis", VARVE_METRIC_BRAY_CURTIS, true},
    {"hamming", VARVE_METRIC_HAMMING, true},
    {"jaccard", VARVE_METRIC_JACCARD, true},
    {"tanimoto", VARVE_METRIC_JACCARD, true},
    {"dice", VARVE_METRIC_DICE, true},
    {"sorensen", VARVE_METRIC_DICE, true},
    {"sorensen-dice", VARVE_METRIC_DICE, true},
};

/* ---- parse --------------------------------------------------------------------------------- */

/* What follows the word in text: "" at its end, or what is behind the '-'. NULL: another word. */
static const char *after_word(const char *text, const char *word)
{
    size_t len = strlen(word);
    if (strncasecmp(text, word, len) != 0) return NULL;
    return text[len] == '\0' ? text + len : text[len] == '-' ? text + len + 1 : NULL;
}

static const char *parse_structure(const char *text, index_structure *ret)
{
    for (size_t i = 0; i < VV_COUNT(structures); i++) {
        const char *rest = after_word(text, structures[i]);
        if (!rest) continue;
        *ret = (index_structure)i;
        return rest;
    }
    return NULL;
}

/* The longest word: WASSERSTEIN-1D begins with another one. */
static const char *parse_metric_word(const char *text, varve_metric *ret)
{
    const char *best = NULL;
    for (size_t i = 0; i < VV_COUNT(metric_words); i++) {
        const char *rest = metric_words[i].in_mode ? after_word(text, metric_words[i].word) : NULL;
        if (!rest || (best && rest <= best)) continue;
        best = rest;
        *ret = metric_words[i].metric;
    }
    return best;
}

/* Up to five digits, not beginning with 0. */
static bool parse_parameter(const char *text, unsigned *ret)
{
    unsigned value = 0;
    size_t len = strlen(text);
    if (len == 0) return true;
    if (len > 5 || text[0] == '0') return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return false;
        value = value * 10 + (unsigned)(*text - '0');
    }
    *ret = value;
    return true;
}

static bool parse_quantiser(const char *text, index_mode *m)
{
    if (*text == '\0') return true;
    for (size_t i = 1; i < VV_COUNT(quantisers); i++) {
        size_t len = strlen(quantisers[i]);
        if (strncasecmp(text, quantisers[i], len) != 0) continue;
        m->quantiser = (index_quantiser)i;
        return parse_parameter(text + len, &m->parameter);
    }
    return false;
}

static bool is_accepted(const index_mode *m)
{
    for (size_t i = 0; i < VV_COUNT(combinations); i++) {
        const struct combination *c = &combinations[i];
        bool in_range = m->parameter == 0 ||
                        (m->parameter >= c->parameter_min && m->parameter <= c->parameter_max);
        if (c->structure == m->structure && c->quantiser == m->quantiser && in_range &&
            (c->metrics >> m->metric & 1))
            return true;
    }
    return false;
}

varve_status index_mode_parse(const char *text, index_mode *ret, varve_error *err)
{
    index_mode m = {0};
    size_t len = strlen(text);
    const char *metric = parse_structure(text, &m.structure);
    const char *quantiser = metric ? parse_metric_word(metric, &m.metric) : NULL;
    bool ended = len && text[len - 1] != '-'; /* FLAT-IP- */
    if (metric && !*metric && ended)
        return vv_fail(
            err, VARVE_INVALID,
            "unsupported index/metric combination '%s': a metric is missing, as in %s-L2", text,
            structures[m.structure]);
    if (!quantiser || !ended || len > SCHEMA_INDEX_MODE_MAX || !parse_quantiser(quantiser, &m) ||
        !is_accepted(&m))
        return vv_fail(err, VARVE_INVALID, "unsupported index/metric combination '%.64s'", text);
    *ret = m;
    return VARVE_OK;
}

/* ---- text ---------------------------------------------------------------------------------- */

void index_mode_text(const index_mode *m, char ret[SCHEMA_INDEX_MODE_MAX + 1])
{
    static const char *const words[] = {
#define X(NAME, name, word, larger) word,
        VARVE_METRIC_TABLE(X)
#undef X
    };
    char parameter[12] = "";
    if (m->parameter) (void)snprintf(parameter, sizeof parameter, "%u", m->parameter);
    (void)snprintf(ret, SCHEMA_INDEX_MODE_MAX + 1, "%s-%s%s%s%s", structures[m->structure],
                   words[m->metric], m->quantiser ? "-" : "", quantisers[m->quantiser], parameter);
}

static bool same_word(const char *text, const char *word)
{
    size_t i = 0;
    for (; word[i]; i++) {
        char c = text[i] == '_' ? '-' : text[i];
        if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
        if (c != word[i]) return false;
    }
    return text[i] == '\0';
}

bool metric_parse(const char *text, varve_metric *ret)
{
    for (size_t i = 0; i < VV_COUNT(metric_words); i++) {
        if (!same_word(text, metric_words[i].word)) continue;
        *ret = metric_words[i].metric;
        return true;
    }
    return false;
}

bool dtype_parse(const char *text, varve_dtype *ret)
{
    static const struct {
        const char *word;
        varve_dtype type;
    } words[] = {
        {"float32", VARVE_FLOAT32}, {"f32", VARVE_FLOAT32}, {"float", VARVE_FLOAT32},
        {"float16", VARVE_FLOAT16}, {"f16", VARVE_FLOAT16}, {"half", VARVE_FLOAT16},
        {"fp16", VARVE_FLOAT16},    {"uint8", VARVE_UINT8}, {"u8", VARVE_UINT8},
        {"byte", VARVE_UINT8},      {"int8", VARVE_INT8},   {"i8", VARVE_INT8},
        {"binary", VARVE_BINARY},   {"bit", VARVE_BINARY},  {"b1", VARVE_BINARY},
    };
    for (size_t i = 0; i < VV_COUNT(words); i++) {
        if (strcasecmp(text, words[i].word) != 0) continue;
        *ret = words[i].type;
        return true;
    }
    return false;
}
