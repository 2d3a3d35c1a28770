/* scenario_hybrid.c — known-item queries over the bundled packages, by the public API: the vectors
 * alone, BM25 alone, and both fused in three ways, all with the defaults. How high the expected row
 * comes, and what a query costs.
 *
 * MRR@10 is the mean of 1 / rank of the expected row, 0 beyond the tenth; hit@k is the share of
 * queries that have it among the first k. Processor time of the process. */
#include "judged_set.h"

#include "varve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define K          10
#define LEG_LIMIT  100 /* hits of each leg that are fused */
#define BATCH      1000
#define ROUNDS_MAX 64

typedef enum way { DENSE, WORDS, RRF, WEIGHTED, DBSF, WAYS } way;
static const char *const way_names[WAYS] = {"dense", "bm25", "rrf", "weighted", "dbsf"};

typedef enum subset { TITLES, PARAPHRASES, ALL, SUBSETS } subset;
static const char *const subset_names[SUBSETS] = {"titles", "paraphrases", "all"};

typedef struct quality {
    double reciprocal, first, ten;
    size_t queries;
} quality;

typedef struct hybrid {
    judged_set set;
    work folder;
    varve *db;
    varve_collection *c;
    quality found[WAYS][SUBSETS]; /* sums */
    double us[WAYS][ROUNDS_MAX];
} hybrid;

static void hybrid_done(hybrid *h)
{
    varve_collection_release(h->c);
    if (h->db) varve_abandon(h->db);
    work_done(&h->folder);
    judged_set_done(&h->set);
}

static void session_freep(varve_session **s) { varve_session_free(*s); }
static void hits_freep(varve_hits **h) { varve_hits_free(*h); }

/* ---- rows ----------------------------------------------------------------------------------- */

static varve_status add_batch(const judged_set *s, varve_session *session, size_t first,
                              varve_error *err)
{
    varve_text fields[BATCH];
    size_t count = VV_MIN((size_t)BATCH, s->count - first);
    for (size_t i = 0; i < count; i++)
        fields[i] = (varve_text){s->fields[first + i], strlen(s->fields[first + i])};
    varve_rows rows = {.count = count,
                       .dim = JUDGED_DIM,
                       .ids_from_first = true,
                       .first_id = first,
                       .vectors = s->vectors[0] + first * JUDGED_DIM * sizeof(uint16_t),
                       .vectors_type = VARVE_FLOAT16,
                       .fields = fields};
    return varve_session_add(session, &rows, err);
}

static varve_status fill(hybrid *h, varve_error *err)
{
    VV_CLEANUP(session_freep) varve_session *session = NULL;
    varve_collection_spec spec = {
        .dim = JUDGED_DIM, .dtype = VARVE_FLOAT16, .index_mode = "FLAT-IP"};
    varve_options options;
    varve_options_init(&options);
    options.seal_rows_min = 1; /* all rows into one segment, with its text index */
    VV_TRY(varve_open(h->folder.path, &options, &h->db, err));
    VV_TRY(varve_collection_create(h->db, "default", "packages", &spec, &h->c, err));
    VV_TRY(varve_session_new(h->c, NULL, &session, err));
    for (size_t first = 0; first < h->set.count; first += BATCH)
        VV_TRY(add_batch(&h->set, session, first, err));
    VV_TRY(varve_session_commit(session, NULL, err));
    return varve_collection_checkpoint(h->c, err);
}

/* ---- queries -------------------------------------------------------------------------------- */

static varve_status ask(const hybrid *h, const judged_query *q, way how, varve_hits **ret,
                        varve_error *err)
{
    const varve_leg legs[] = {
        {.kind = VARVE_LEG_VECTOR,
         .vectors = q->vector,
         .vectors_type = VARVE_FLOAT16,
         .dim = JUDGED_DIM,
         .limit = LEG_LIMIT},
        {.kind = VARVE_LEG_TEXT, .text = {q->text, strlen(q->text)}, .limit = LEG_LIMIT}};
    varve_query_request r = {.legs = legs, .leg_count = VV_COUNT(legs), .k = K};
    if (how == DENSE || how == WORDS) {
        r.legs = &legs[how];
        r.leg_count = 1;
    }
    if (how == WEIGHTED) r.fusion.kind = VARVE_FUSION_WEIGHTED;
    if (how == DBSF) r.fusion.kind = VARVE_FUSION_DBSF;
    return varve_query(h->c, &r, ret, err);
}

/* From 1; 0: not among the first ten. */
static size_t rank_of(const varve_hits *hits, size_t expected)
{
    for (size_t i = 0; i < varve_hits_count(hits, 0); i++) {
        varve_id id = varve_hits_id(hits, 0, i);
        if (id.kind == VARVE_ID_NUM && id.num == expected) return i + 1;
    }
    return 0;
}

static void count_rank(quality *q, size_t rank)
{
    q->queries++;
    q->reciprocal += rank ? 1 / (double)rank : 0;
    q->first += rank == 1;
    q->ten += rank > 0;
}

static varve_status ask_all(hybrid *h, way how, double *ret_us, varve_error *err)
{
    double start = cpu_seconds_self();
    memset(h->found[how], 0, sizeof h->found[how]);
    for (size_t i = 0; i < h->set.query_count; i++) {
        VV_CLEANUP(hits_freep) varve_hits *hits = NULL;
        const judged_query *q = &h->set.queries[i];
        VV_TRY(ask(h, q, how, &hits, err));
        size_t rank = rank_of(hits, q->expected);
        count_rank(&h->found[how][q->kind == JUDGED_TITLE ? TITLES : PARAPHRASES], rank);
        count_rank(&h->found[how][ALL], rank);
    }
    *ret_us = (cpu_seconds_self() - start) * 1e6 / (double)h->set.query_count;
    return VARVE_OK;
}

/* ---- results -------------------------------------------------------------------------------- */

static double mrr(const hybrid *h, way how, subset part)
{
    const quality *q = &h->found[how][part];
    return q->reciprocal / (double)q->queries;
}

/* Fusions beside the better one of the legs. */
static void print_quality(const hybrid *h, way how, subset part)
{
    const quality *q = &h->found[how][part];
    double dense = mrr(h, DENSE, part), words = mrr(h, WORDS, part), value = mrr(h, how, part);
    char name[64];
    (void)snprintf(name, sizeof name, "hybrid.%s.%s.mrr10", subset_names[part], way_names[how]);
    const char *better = dense > words ? "dense alone" : "BM25 alone";
    result(name, value, "MRR@10", how > WORDS ? value / VV_MAX(dense, words) : 0,
           how > WORDS ? better : NULL, "%zu queries over %zu rows, hit@1 %.3f, hit@10 %.3f",
           q->queries, h->set.count, q->first / (double)q->queries, q->ten / (double)q->queries);
}

static void print_times(hybrid *h, size_t rounds)
{
    double legs = 0;
    for (way how = 0; how < WAYS; how++) {
        double us = median(h->us[how], rounds);
        char name[64];
        if (how <= WORDS) legs += us;
        (void)snprintf(name, sizeof name, "hybrid.%s.time", way_names[how]);
        result(name, us, "us/query", how > WORDS ? us / legs : 0,
               how > WORDS ? "both legs alone" : NULL, "%zu queries, k %d, %d hits of each leg",
               h->set.query_count, K, LEG_LIMIT);
    }
}

static varve_status check(const hybrid *h, varve_error *err)
{
    for (way how = RRF; how < WAYS; how++)
        if (!(mrr(h, how, ALL) > VV_MAX(mrr(h, DENSE, ALL), mrr(h, WORDS, ALL))))
            return vv_fail(err, VARVE_INTERNAL, "%s is no better than a leg alone", way_names[how]);
    return VARVE_OK;
}

static varve_status measure(const bench_options *o, hybrid *h, varve_error *err)
{
    size_t rounds = VV_MIN(o->rounds, (size_t)ROUNDS_MAX);
    VV_TRY(judged_set_load(&h->set, err));
    VV_TRY(work_new(o, "hybrid", &h->folder, err));
    VV_TRY(fill(h, err));
    for (size_t i = 0; i < rounds; i++)
        for (way how = 0; how < WAYS; how++)
            VV_TRY(ask_all(h, how, &h->us[how][i], err));
    for (subset part = 0; part < SUBSETS; part++)
        for (way how = 0; how < WAYS; how++)
            print_quality(h, how, part);
    print_times(h, rounds);
    return check(h, err);
}

static varve_status run(const bench_options *o, varve_error *err)
{
    hybrid *h = calloc(1, sizeof *h);
    if (!h) return vv_fail(err, VARVE_NO_MEMORY, "no memory");
    varve_status status = measure(o, h, err);
    hybrid_done(h);
    free(h);
    return status;
}

const scenario scenario_hybrid = {"hybrid", "known items by vectors, by BM25 and by both: MRR@10",
                                  run};
