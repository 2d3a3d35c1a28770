/* scenario_ann.c — approximate search: queries a second against recall, of an index mode of ours
 * and of hnswlib's graph, in turns; what builds take; bytes on disk and in memory per vector. One
 * thread, one query at a time, processor time. */
#include "ann_curve.h"
#include "ann_ours.h"
#include "ann_peer.h"

#include "record/schema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX   32
#define MODE_DEFAULT "HNSW-L2"
#define PEER         "hnswlib at the same recall"

static const uint32_t beams[] = {10, 12, 14,  17,  20,  25,  30,  35,  40,  50,
                                 60, 80, 100, 130, 160, 200, 250, 320, 400, 500};
static const uint32_t partitions[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256};
static const uint32_t candidates[] = {10,  20,  30,  50,   70,   100,  150, 200,
                                      300, 500, 700, 1000, 1500, 2000, 3000};
static const double goals[] = {0.90, 0.95, 0.99};

typedef struct ann {
    const bench_options *o;
    ann_set set;
    const char *mode_name;
    index_mode mode;
    work folder;
    ann_build builds[2]; /* with 1 thread, and with o->threads */
    ann_peer peer;
    ann_ours ours;
    uint64_t *ids; /* of the last pass */
    size_t rounds;
    ann_curve our_curve[ROUNDS_MAX], peer_curve[ROUNDS_MAX];
    bool has_peer;
} ann;

static void ann_done(ann *a)
{
    ann_ours_close(&a->ours);
    ann_peer_close(&a->peer);
    work_done(&a->folder);
    ann_set_done(&a->set);
    free(a->ids);
}

/* ---- preparation ---- */

static varve_status prepare(ann *a, varve_error *err)
{
    const bench_options *o = a->o;
    a->mode_name = o->mode ? o->mode : o->data ? MODE_DEFAULT : "HNSW-IP";
    a->rounds = VV_MIN(o->rounds, ROUNDS_MAX);
    a->has_peer = ann_peer_is_there() && !o->no_peer;
    VV_TRY(index_mode_parse(a->mode_name, &a->mode, err));
    if (a->mode.metric > VARVE_METRIC_COSINE)
        return vv_fail(err, VARVE_UNSUPPORTED, "this scenario knows L2, IP and cosine only");
    VV_TRY(ann_set_load(o, a->mode.metric, &a->set, err));
    a->ids = calloc(a->set.query_count * ANN_K, sizeof *a->ids);
    if (!a->ids) return vv_fail(err, VARVE_NO_MEMORY, "no memory for hits");
    return work_new(o, "ann", &a->folder, err);
}

static varve_status build_ours(ann *a, size_t i, size_t threads, varve_error *err)
{
    VV_CLEANUP(work_done) work beside = {0};
    if (i > 0) VV_TRY(work_new(a->o, "ann", &beside, err)); /* the first one is searched */
    const char *path = i > 0 ? beside.path : a->folder.path;
    return ann_ours_build(&a->set, a->mode_name, threads, path, &a->builds[i], err);
}

/* Everything that a process of its own does comes before the first thread of this one. */
static varve_status build(ann *a, varve_error *err)
{
    const bench_options *o = a->o;
    VV_TRY(build_ours(a, 0, 1, err));
    if (o->threads > 1) VV_TRY(build_ours(a, 1, o->threads, err));
    if (!a->has_peer) return VARVE_OK;
    const char *folder = o->cache ? o->cache : a->folder.path;
    return ann_peer_build_all(&a->set, folder, o->threads, &a->peer, err);
}

/* ---- memory: what a new process holds after all queries, beside the set itself ---- */

static void report_memory(const ann *a, const char *who, uint64_t before, uint64_t file_before,
                          const char *what)
{
    char name[256];
    double rows = (double)a->set.rows;
    double anon = (double)memory_of_self("RssAnon") - (double)before;
    double file = (double)memory_of_self("RssFile") - (double)file_before;
    snprintf(name, sizeof name, "ann.%s.%s.resident", a->set.label, who);
    result(name, (anon + file) / rows, "bytes/vector",
           (anon + file) / rows / (double)(a->set.dim * sizeof(float)), "float32 vector",
           "%s: %.0f anonymous + %.0f of mapped files, a new process after %zu queries", what,
           anon / rows, file / rows, a->set.query_count);
}

static varve_status memory_of_ours(void *context, varve_error *err)
{
    ann *a = context;
    ann_pass pass;
    uint64_t anon = memory_of_self("RssAnon"), file = memory_of_self("RssFile");
    VV_TRY(ann_ours_open(a->folder.path, 0, &a->ours, err));
    for (int i = 0; i < 2; i++)
        VV_TRY(ann_ours_pass(&a->set, a->ours.c, (ann_effort){0, 0.95}, a->ids, &pass, err));
    report_memory(a, a->mode_name, anon, file, "row store and caches included");
    return VARVE_OK;
}

static varve_status memory_of_peer(void *context, varve_error *err)
{
    ann *a = context;
    double seconds;
    uint64_t anon = memory_of_self("RssAnon"), file = memory_of_self("RssFile");
    VV_TRY(ann_peer_open(&a->set, &a->peer, err));
    VV_TRY(ann_peer_pass(&a->set, &a->peer, 50, a->ids, &seconds, err));
    report_memory(a, "hnswlib", anon, file, "loaded from its file");
    return VARVE_OK;
}

/* ---- the curve ---- */

static size_t breadths(const ann *a, const uint32_t **ret)
{
    index_structure s = a->mode.structure;
    bool by_partitions = s == INDEX_IVF || s == INDEX_SPANN;
    *ret = by_partitions ? partitions : s == INDEX_FLAT ? candidates : beams;
    return by_partitions     ? VV_COUNT(partitions)
           : s == INDEX_FLAT ? VV_COUNT(candidates)
                             : VV_COUNT(beams);
}

static varve_status our_point(ann *a, ann_curve *c, uint32_t breadth, varve_error *err)
{
    ann_pass pass;
    VV_TRY(ann_ours_pass(&a->set, a->ours.c, (ann_effort){breadth, 0}, a->ids, &pass, err));
    c->points[c->count++] = (ann_point){breadth, ann_pass_recall(&a->set, a->ids),
                                        (double)a->set.query_count / pass.cpu_s};
    return VARVE_OK;
}

static varve_status peer_point(ann *a, ann_curve *c, uint32_t ef, varve_error *err)
{
    double seconds;
    VV_TRY(ann_peer_pass(&a->set, &a->peer, ef, a->ids, &seconds, err));
    c->points[c->count++] =
        (ann_point){ef, ann_pass_recall(&a->set, a->ids), (double)a->set.query_count / seconds};
    return VARVE_OK;
}

static varve_status one_round(ann *a, size_t round, varve_error *err)
{
    const uint32_t *steps;
    size_t count = breadths(a, &steps);
    for (size_t i = 0; i < VV_MAX(count, VV_COUNT(beams)); i++) {
        if (i < count) VV_TRY(our_point(a, &a->our_curve[round], steps[i], err));
        if (a->has_peer && i < VV_COUNT(beams))
            VV_TRY(peer_point(a, &a->peer_curve[round], beams[i], err));
    }
    return VARVE_OK;
}

static varve_status measure(ann *a, varve_error *err)
{
    ann_pass pass;
    double seconds;
    VV_TRY(ann_ours_open(a->folder.path, 0, &a->ours, err));
    VV_TRY(ann_set_find_truth(&a->set, a->ours.c, err));
    if (a->has_peer) VV_TRY(ann_peer_open(&a->set, &a->peer, err));
    VV_TRY(ann_ours_pass(&a->set, a->ours.c, (ann_effort){0, 0.99}, a->ids, &pass,
                         err)); /* warm both */
    if (a->has_peer) VV_TRY(ann_peer_pass(&a->set, &a->peer, 100, a->ids, &seconds, err));
    for (size_t i = 0; i < a->rounds; i++)
        VV_TRY(one_round(a, i, err));
    return VARVE_OK;
}

/* ---- results ---- */

static double curve_median(const ann_curve *curves, size_t rounds, double recall)
{
    double qps[ROUNDS_MAX];
    for (size_t i = 0; i < rounds; i++)
        qps[i] = ann_curve_at(&curves[i], recall);
    return median(qps, rounds);
}

static void report_curve(const ann *a, const char *who, const ann_curve *curves)
{
    char name[256];
    double qps[ROUNDS_MAX];
    for (size_t i = 0; i < curves[0].count; i++) {
        const ann_point *p = &curves[0].points[i];
        for (size_t r = 0; r < a->rounds; r++)
            qps[r] = curves[r].points[i].qps;
        snprintf(name, sizeof name, "ann.%s.%s.breadth%u", a->set.label, who, p->breadth);
        result(name, median(qps, a->rounds), "queries/s", 0, NULL,
               "recall@%d %.4f, %llu rows, %zu queries, one thread", ANN_K, p->recall,
               (unsigned long long)a->set.rows, a->set.query_count);
    }
}

/* The ratio of each round, so that its spread shows. */
static void report_goal(const ann *a, double recall)
{
    char name[256];
    double ratios[ROUNDS_MAX], ours = curve_median(a->our_curve, a->rounds, recall), peer = NAN;
    snprintf(name, sizeof name, "ann.%s.%s.at_recall_%.2f", a->set.label, a->mode_name, recall);
    if (a->has_peer) peer = curve_median(a->peer_curve, a->rounds, recall);
    for (size_t i = 0; a->has_peer && i < a->rounds; i++)
        ratios[i] =
            ann_curve_at(&a->our_curve[i], recall) / ann_curve_at(&a->peer_curve[i], recall);
    double ratio = a->has_peer ? median(ratios, a->rounds) : NAN;
    if (isfinite(ratio))
        result(name, ours, "queries/s", ratio, PEER,
               "hnswlib: %.0f queries/s; ratios of %zu rounds: %.2f to %.2f", peer, a->rounds,
               ratios[0], ratios[a->rounds - 1]);
    else
        result(name, ours, "queries/s", NAN, PEER,
               "best recall %.4f; hnswlib: %.0f queries/s, best recall %.4f",
               ann_curve_best(&a->our_curve[0]), peer, ann_curve_best(&a->peer_curve[0]));
}

static void report_build(const ann *a, size_t i, size_t threads)
{
    char name[256], mine[256];
    const ann_build *b = &a->builds[i];
    const ann_peer_build *p = &a->peer.builds[VV_MIN(threads, (size_t)ANN_PEER_THREADS_MAX)];
    double rows = (double)a->set.rows;
    snprintf(name, sizeof name, "ann.%s.%s.build.threads%zu", a->set.label, a->mode_name, threads);
    snprintf(mine, sizeof mine,
             "%.1f s of processor time, %.1f s by the clock, peak %.0f bytes/vector", b->cpu_s,
             b->wall_s, (double)b->memory_bytes / rows);
    if (a->has_peer)
        result(name, rows / b->cpu_s, "vectors/cpu s", p->cpu_s / b->cpu_s, "hnswlib's build",
               "%s; hnswlib: %.1f s of processor time, %.1f s by the clock%s", mine, p->cpu_s,
               p->wall_s, p->cached ? ", in an earlier run" : "");
    else
        result(name, rows / b->cpu_s, "vectors/cpu s", NAN, NULL, "%s", mine);
}

static void report_disk(const ann *a)
{
    char name[256];
    const ann_build *b = &a->builds[0];
    double rows = (double)a->set.rows, each = (double)(b->segment_bytes + b->index_bytes) / rows;
    snprintf(name, sizeof name, "ann.%s.%s.disk", a->set.label, a->mode_name);
    result(name, each, "bytes/vector",
           a->has_peer ? each / ((double)a->peer.file_bytes / rows) : NAN, "hnswlib's file",
           "segments %.0f + indexes %.0f, %llu segments; hnswlib: %.0f",
           (double)b->segment_bytes / rows, (double)b->index_bytes / rows,
           (unsigned long long)b->segments, (double)a->peer.file_bytes / rows);
}

/* What a search gets that names a recall and no breadth. */
static varve_status report_targets(ann *a, varve_error *err)
{
    char name[256];
    ann_pass pass;
    for (size_t i = 0; i < VV_COUNT(goals); i++) {
        VV_TRY(ann_ours_pass(&a->set, a->ours.c, (ann_effort){0, goals[i]}, a->ids, &pass, err));
        double n = (double)a->set.query_count;
        snprintf(name, sizeof name, "ann.%s.%s.target_%.2f", a->set.label, a->mode_name, goals[i]);
        result(name, ann_pass_recall(&a->set, a->ids), "recall", 0, NULL,
               "by recall_target: %.0f queries/s; per query %.0f nodes or partitions, %.0f codes, "
               "%.0f rows rescored, %.0f scanned",
               n / pass.cpu_s, (double)pass.work.nodes_visited / n,
               (double)pass.work.codes_scanned / n, (double)pass.work.rows_rescored / n,
               (double)pass.work.rows_scanned / n);
    }
    return VARVE_OK;
}

static varve_status report(ann *a, varve_error *err)
{
    report_curve(a, a->mode_name, a->our_curve);
    if (a->has_peer) report_curve(a, "hnswlib", a->peer_curve);
    for (size_t i = 0; i < VV_COUNT(goals); i++)
        report_goal(a, goals[i]);
    VV_TRY(report_targets(a, err));
    report_build(a, 0, 1);
    if (a->o->threads > 1) report_build(a, 1, a->o->threads);
    report_disk(a);
    return VARVE_OK;
}

static varve_status run(const bench_options *o, varve_error *err)
{
    VV_CLEANUP(vv_freep) ann *memory = calloc(1, sizeof *memory);
    if (!memory) return vv_fail(err, VARVE_NO_MEMORY, "no memory for curves");
    ann *a = memory;
    a->o = o;
    varve_status status = prepare(a, err);
    if (status == VARVE_OK) status = build(a, err);
    if (status == VARVE_OK) status = run_in_child(memory_of_ours, a, err);
    if (status == VARVE_OK && a->has_peer) status = run_in_child(memory_of_peer, a, err);
    if (status == VARVE_OK) status = measure(a, err);
    if (status == VARVE_OK) status = report(a, err);
    ann_done(a);
    return status;
}

const scenario scenario_ann = {"ann", "approximate search: speed against recall, beside hnswlib",
                               run};
