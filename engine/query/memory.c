/* memory.c — one query over a memtable that keeps SQ8 codes (segment/memtable.h). Groups of rows
 * that have codes are searched by them, without loss (index/index_certain.h); the rest, a table's
 * first rows and its last, by their vectors. */
#include "base/bytes.h"
#include "query/search.h"

#define WORD_ROWS    64
#define CHECK_GROUPS 256 /* between looks at the clock */

typedef struct memory_search {
    search *s;
    part *p;
    size_t i, source;
    const row_source *rows;
    index_certain_query certain;
    index_certain_hits hits;
} memory_search;

static void memory_search_done(memory_search *m)
{
    index_certain_query_done(&m->certain);
    index_certain_hits_done(&m->hits);
}

static uint32_t visible_in_group(const row_source *rows, uint64_t first)
{
    return (uint32_t)(~tombstones_word(rows->hidden, first - first % WORD_ROWS) >>
                      first % WORD_ROWS);
}

/* Rows [first, end), less than a group of them, by their vectors. */
static varve_status scan_few(memory_search *m, uint64_t first, uint64_t end, varve_error *err)
{
    const search *s = m->s;
    float scores[QUANT_GROUP];
    for (uint64_t n; first < end; first += n) {
        const uint8_t *vectors;
        VV_TRY(source_vectors(m->rows, first, VV_MIN(end - first, (uint64_t)QUANT_GROUP), &vectors,
                              &n, err));
        scored_rows rows = {m->source, first, (size_t)n, scores};
        distance_scan(s->queries[m->i].prepared, vectors, (size_t)n, scores);
        VV_TRY(collector_offer(&m->p->collectors[m->i], &rows, err));
        m->p->work.rows_scanned += n;
    }
    return VARVE_OK;
}

static varve_status search_group(memory_search *m, uint64_t first, varve_error *err)
{
    float estimates[QUANT_GROUP];
    uint32_t mask = visible_in_group(m->rows, first);
    const uint8_t *codes;
    const float *norms;
    if (mask == 0) return VARVE_OK;
    if (!memtable_group(m->rows->mem, first, &codes, &norms))
        return scan_few(m, first, first + QUANT_GROUP, err);
    if (m->certain.codes) quant_scan(m->certain.codes, codes, 1, estimates);
    index_certain_group g = {.codes = codes,
                             .estimates = estimates,
                             .norms = (const uint8_t *)norms,
                             .first = (uint32_t)first,
                             .mask = mask};
    m->p->work.codes_scanned += (uint64_t)__builtin_popcount(mask);
    return index_certain_offer(&m->hits, &m->certain, &g, err);
}

static varve_status search_rows(memory_search *m, varve_error *err)
{
    uint64_t first = 0;
    for (uint64_t groups = 0; first + QUANT_GROUP <= m->rows->rows; first += QUANT_GROUP) {
        if (groups++ % CHECK_GROUPS == 0) VV_TRY(query_clock_check(m->s->clock, err));
        VV_TRY(search_group(m, first, err));
    }
    return scan_few(m, first, m->rows->rows, err);
}

varve_status search_memory(search *s, part *p, size_t i, size_t source, varve_error *err)
{
    const row_source *rows = &s->v->sources[source];
    VV_CLEANUP(memory_search_done)
    memory_search m = {.s = s, .p = p, .i = i, .source = source, .rows = rows};
    size_t count, keep = VV_MIN(s->keep, (size_t)rows->rows);
    VV_TRY(index_certain_query_init(&m.certain, memtable_model(rows->mem),
                                    memtable_coder(rows->mem), s->queries[i].values, err));
    VV_TRY(index_certain_hits_init(&m.hits, keep, p->collectors[i].bound, false, err));
    VV_TRY(search_rows(&m, err));
    VV_TRY(reserve_found(p, VV_MAX(m.hits.count, (size_t)1), err));
    index_certain_hits_end(&m.hits, p->found, &count);
    return offer_found(s, p, i, source, count, err);
}
