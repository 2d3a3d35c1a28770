/* index_spec.c — what is built: hash of a spec, what is supported, ranges of parameters. */
#include "index/index_spec.h"

#include "base/bytes.h"
#include "base/hash.h"

#include <math.h>

#define ALPHA_DEFAULT 1.2

typedef enum parameter {
#define X(name, value, meaning) PARAMETER_##name,
    VARVE_INDEX_PARAM_TABLE(X)
#undef X
        PARAMETER_COUNT
} parameter;

#define BIT(name) (1u << PARAMETER_##name)

/* What a build depends on. nprobe and ef_search are of a search, max_level of nothing. */
static unsigned params_that_matter(const index_spec *s)
{
    if (s->kind == INDEX_KIND_FRESH) return 0;
    switch (s->mode.structure) {
    case INDEX_HNSW: return BIT(m) | BIT(ef_construction);
    case INDEX_IVF: return BIT(n_clusters);
    case INDEX_DISKANN: return BIT(r) | BIT(l) | BIT(max_degree);
    case INDEX_SPANN: return BIT(n_clusters) | BIT(replica_count);
    default: return 0;
    }
}

static bool alpha_matters(const index_spec *s)
{
    return s->kind == INDEX_KIND_FULL &&
           (s->mode.structure == INDEX_HNSW || s->mode.structure == INDEX_DISKANN);
}

static bool is_core(varve_metric m)
{
    return m == VARVE_METRIC_IP || m == VARVE_METRIC_L2 || m == VARVE_METRIC_COSINE;
}

static bool is_bits(varve_metric m)
{
    return m == VARVE_METRIC_HAMMING || m == VARVE_METRIC_JACCARD || m == VARVE_METRIC_DICE;
}

/* What a parameter is when nobody says anything. */
static uint32_t default_of(parameter p, uint32_t value)
{
    return p == PARAMETER_n_clusters ? 0 : value;
}

index_spec index_spec_normal(const index_spec *s)
{
    unsigned matter = params_that_matter(s);
    index_spec n = *s;
    n.params = (varve_index_params){.alpha = 0};
#define X(name, value, meaning)                                                                    \
    if (matter & BIT(name))                                                                        \
        n.params.name =                                                                            \
            s->params.name || PARAMETER_##name == PARAMETER_n_clusters ? s->params.name : (value);
    VARVE_INDEX_PARAM_TABLE(X)
#undef X
    if (matter & BIT(max_degree) && n.params.max_degree == 0) n.params.max_degree = 2 * n.params.r;
    if (alpha_matters(s)) n.params.alpha = s->params.alpha > 0 ? s->params.alpha : ALPHA_DEFAULT;
    if (s->kind == INDEX_KIND_FRESH)
        n.mode = (index_mode){.structure = INDEX_FLAT, .metric = s->mode.metric};
    return n;
}

/* Only parameters that differ from their default go in, so that one that is added later changes no
 * hash. */
uint64_t index_spec_hash(const index_spec *s)
{
    index_spec n = index_spec_normal(s);
    uint8_t bytes[8 + SCHEMA_INDEX_MODE_MAX + 1 + 5 * PARAMETER_COUNT + 8] = {0};
    uint8_t *at = bytes + 8 + SCHEMA_INDEX_MODE_MAX + 1;
    bytes[0] = (uint8_t)n.kind;
    bytes[1] = (uint8_t)n.dtype;
    put_u32(bytes + 4, n.dim);
    index_mode_text(&n.mode, (char *)bytes + 8);
#define X(name, value, meaning)                                                                    \
    if (n.params.name != 0 && n.params.name != default_of(PARAMETER_##name, value)) {              \
        at[0] = (uint8_t)PARAMETER_##name;                                                         \
        put_u32(at + 1, n.params.name);                                                            \
        at += 5;                                                                                   \
    }
    VARVE_INDEX_PARAM_TABLE(X)
#undef X
    memcpy(at, &n.params.alpha, sizeof n.params.alpha);
    return hash_bytes(bytes, (size_t)(at - bytes) + sizeof n.params.alpha);
}

bool index_spec_has_file(const index_spec *s)
{
    if (s->kind == INDEX_KIND_FRESH)
        return is_core(s->mode.metric) && (s->dtype == VARVE_FLOAT32 || s->dtype == VARVE_FLOAT16);
    if (s->mode.structure != INDEX_FLAT) return true;
    if (is_bits(s->mode.metric)) return s->dtype != VARVE_BINARY;
    return s->mode.quantiser != QUANT_NONE;
}

varve_status index_spec_check(const index_spec *s, varve_error *err)
{
    char mode[SCHEMA_INDEX_MODE_MAX + 1];
    index_mode_text(&s->mode, mode);
    if (s->dim == 0 || (unsigned)s->dtype >= VARVE_DTYPE_COUNT)
        return vv_fail(err, VARVE_UNSUPPORTED, "%s needs a dimension and a known vector type",
                       mode);
    if (s->kind == INDEX_KIND_FRESH && !index_spec_has_file(s))
        return vv_fail(err, VARVE_UNSUPPORTED, "%s over %s has no codes of fresh segments",
                       varve_metric_name(s->mode.metric), varve_dtype_name(s->dtype));
    if (s->mode.metric == VARVE_METRIC_HAVERSINE && s->dim != 2)
        return vv_fail(err, VARVE_UNSUPPORTED, "%s needs 2 dimensions, not %u", mode, s->dim);
    if (s->kind == INDEX_KIND_FULL && s->mode.quantiser == QUANT_PQ && s->mode.parameter > s->dim)
        return vv_fail(err, VARVE_UNSUPPORTED, "%s has more subspaces than the %u dimensions", mode,
                       s->dim);
    return VARVE_OK;
}

varve_status index_params_check(const varve_index_params *p, varve_error *err)
{
    static const struct {
        const char *name;
        uint32_t most;
    } ranges[PARAMETER_COUNT] = {
        [PARAMETER_n_clusters] = {"n_clusters", 1u << 20},
        [PARAMETER_nprobe] = {"nprobe", 1u << 20},
        [PARAMETER_replica_count] = {"replica_count", 8},
        [PARAMETER_m] = {"m", 512},
        [PARAMETER_ef_construction] = {"ef_construction", 1u << 16},
        [PARAMETER_ef_search] = {"ef_search", 1u << 16},
        [PARAMETER_max_level] = {"max_level", 1u << 16},
        [PARAMETER_r] = {"r", 512},
        [PARAMETER_l] = {"l", 1u << 16},
        [PARAMETER_max_degree] = {"max_degree", 1024},
    };
    const uint32_t values[PARAMETER_COUNT] = {
#define X(name, value, meaning) [PARAMETER_##name] = p->name,
        VARVE_INDEX_PARAM_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < PARAMETER_COUNT; i++) {
        if (values[i] > ranges[i].most)
            return vv_fail(err, VARVE_INVALID, "%s is %u, more than %u", ranges[i].name, values[i],
                           ranges[i].most);
    }
    if (p->alpha != 0 && !(p->alpha >= 1 && isfinite(p->alpha)))
        return vv_fail(err, VARVE_INVALID, "alpha must be a finite number of at least 1");
    return VARVE_OK;
}
