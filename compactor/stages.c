/* stages.c — see stages.h. */
#include "stages.h"

#include <string.h>

typedef enum family { FLAT, IVF, GRAPH, FAMILY_COUNT } family;

static const struct {
    family of;
    const char *stage;
    double from, to;
} table[] = {
    {FLAT, "train", 0.0, 0.2},       {FLAT, "codes", 0.2, 0.7},   {FLAT, "bits", 0.0, 1.0},
    {FLAT, "neighbours", 0.7, 0.9},  {FLAT, "recall", 0.9, 1.0},

    {IVF, "k-means", 0.0, 0.4},      {IVF, "assign", 0.4, 0.6},   {IVF, "copies", 0.6, 0.65},
    {IVF, "train", 0.65, 0.7},       {IVF, "codes", 0.7, 0.85},   {IVF, "bits", 0.7, 0.85},
    {IVF, "neighbours", 0.85, 0.95}, {IVF, "recall", 0.95, 1.0},

    {GRAPH, "graph", 0.0, 0.85},     {GRAPH, "codes", 0.85, 0.9}, {GRAPH, "neighbours", 0.9, 0.95},
    {GRAPH, "recall", 0.95, 1.0},
};

static const double row_cost[FAMILY_COUNT] = {[FLAT] = 1, [IVF] = 5, [GRAPH] = 40};

static family family_of(const index_spec *spec)
{
    if (spec->kind == INDEX_KIND_FRESH) return FLAT;
    switch (spec->mode.structure) {
    case INDEX_HNSW:
    case INDEX_DISKANN: return GRAPH;
    case INDEX_IVF:
    case INDEX_SPANN: return IVF;
    default: return FLAT;
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
