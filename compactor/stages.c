/* stages.c — see stages.h. */
#include "stages.h"

#include <string.h>

typedef enum family { EXACT, FLAT, IVF, GRAPH, FAMILY_COUNT } family;

static const struct {
    family of;
    const char *stage;
    double from, to;
} table[] = {
    {EXACT, "codes", 0.0, 1.0},       {EXACT, "bits", 0.0, 1.0},

    {FLAT, "train", 0.0, 0.05},       {FLAT, "codes", 0.05, 0.2},  {FLAT, "neighbours", 0.2, 0.35},
    {FLAT, "recall", 0.35, 1.0},

    {IVF, "k-means", 0.0, 0.1},       {IVF, "assign", 0.1, 0.15},  {IVF, "copies", 0.15, 0.18},
    {IVF, "train", 0.18, 0.2},        {IVF, "codes", 0.2, 0.25},   {IVF, "bits", 0.2, 0.25},
    {IVF, "neighbours", 0.25, 0.4},   {IVF, "recall", 0.4, 1.0},

    {GRAPH, "graph", 0.0, 0.5},       {GRAPH, "codes", 0.5, 0.53}, {GRAPH, "write", 0.53, 0.68},
    {GRAPH, "neighbours", 0.68, 0.7}, {GRAPH, "recall", 0.7, 1.0},
};

static const double row_cost[FAMILY_COUNT] = {[EXACT] = 1, [FLAT] = 15, [IVF] = 20, [GRAPH] = 150};

/* EXACT: what needs no measuring of its recall. */
static family family_of(const index_spec *spec)
{
    if (spec->kind == INDEX_KIND_FRESH) return EXACT;
    switch (spec->mode.structure) {
    case INDEX_HNSW:
    case INDEX_DISKANN: return GRAPH;
    case INDEX_IVF:
    case INDEX_SPANN: return IVF;
    default:
        return spec->mode.quantiser == QUANT_SQ8 || spec->mode.quantiser == QUANT_BINARY ? EXACT
                                                                                         : FLAT;
    }
}

double stages_share(const index_spec *spec, const char *stage, uint64_t done, uint64_t total,
                    double before)
{
    family of = family_of(spec);
    for (size_t i = 0; i < VV_COUNT(table); i++) {
        if (table[i].of != of || strcmp(table[i].stage, stage) != 0) continue;
        double part = total ? (double)VV_MIN(done, total) / (double)total : 0;
        return VV_MAX(before, table[i].from + (table[i].to - table[i].from) * part);
    }
    return before;
}

double stages_row_cost(const index_spec *spec) { return row_cost[family_of(spec)]; }
