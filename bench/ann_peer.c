/* ann_peer.c — see ann_peer.h. */
#include "ann_peer.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#ifdef BENCH_HNSWLIB
#include "peer_graph.h"

bool ann_peer_is_there(void) { return true; }

static peer_space space_of(const ann_set *s)
{
    if (s->metric == VARVE_METRIC_L2) return PEER_SPACE_L2;
    return s->metric == VARVE_METRIC_IP ? PEER_SPACE_IP : PEER_SPACE_COSINE;
}

/* ---- building ---- */

static varve_status build_once(const ann_set *s, ann_peer *p, size_t threads, varve_error *err)
{
    ann_peer_build *b = &p->builds[threads];
    char temporary[620];
    double cpu = cpu_seconds_self();
    uint64_t from = clock_now_ns();
    peer_graph *g = peer_graph_build(space_of(s), s->dim, s->floats, (size_t)s->rows, threads);
    if (!g) return vv_fail(err, VARVE_NO_MEMORY, "hnswlib cannot build its graph");
    *b = (ann_peer_build){.cpu_s = cpu_seconds_self() - cpu,
                          .wall_s = (double)(clock_now_ns() - from) / 1e9};
    int failed = 0;
    if (threads == 1) {
        snprintf(temporary, sizeof temporary, "%s.tmp", p->path);
        failed = peer_graph_save(g, temporary) || rename(temporary, p->path);
    }
    peer_graph_free(g);
    return failed ? vv_fail(err, VARVE_IO, "hnswlib cannot save %s", p->path) : VARVE_OK;
}

static void read_figures(ann_peer *p, const char *path)
{
    FILE *f = fopen(path, "re");
    size_t threads;
    ann_peer_build b = {.cached = true};
    while (f && fscanf(f, "%zu %lf %lf", &threads, &b.cpu_s, &b.wall_s) == 3)
        if (threads <= ANN_PEER_THREADS_MAX) p->builds[threads] = b;
    if (f) fclose(f);
}

static varve_status write_figures(const ann_peer *p, const char *path, varve_error *err)
{
    FILE *f = fopen(path, "we");
    if (!f) return vv_fail(err, VARVE_IO, "cannot write %s", path);
    for (size_t i = 1; i <= ANN_PEER_THREADS_MAX; i++)
        if (p->builds[i].cpu_s > 0)
            fprintf(f, "%zu %.3f %.3f\n", i, p->builds[i].cpu_s, p->builds[i].wall_s);
    return fclose(f) == 0 ? VARVE_OK : vv_fail(err, VARVE_IO, "cannot write %s", path);
}

varve_status ann_peer_build_all(const ann_set *s, const char *folder, size_t threads, ann_peer *ret,
                                varve_error *err)
{
    ann_peer p = {0};
    char figures[620];
    struct stat file;
    threads = VV_MIN(threads, (size_t)ANN_PEER_THREADS_MAX);
    snprintf(p.path, sizeof p.path, "%.400s/hnswlib-%.96s-%s-%llu.bin", folder, s->label,
             varve_metric_name(s->metric), (unsigned long long)s->rows);
    snprintf(figures, sizeof figures, "%s.seconds", p.path);
    bool kept = stat(p.path, &file) == 0;
    if (kept) read_figures(&p, figures);
    if (!kept) VV_TRY(build_once(s, &p, 1, err));
    if (p.builds[threads].cpu_s <= 0) VV_TRY(build_once(s, &p, threads, err));
    VV_TRY(write_figures(&p, figures, err));
    if (stat(p.path, &file) != 0) return vv_fail(err, VARVE_IO, "no file %s", p.path);
    p.file_bytes = (uint64_t)file.st_size;
    *ret = p;
    return VARVE_OK;
}

/* ---- use ---- */

varve_status ann_peer_open(const ann_set *s, ann_peer *p, varve_error *err)
{
    p->graph = peer_graph_load(space_of(s), s->dim, p->path);
    return p->graph ? VARVE_OK : vv_fail(err, VARVE_IO, "hnswlib cannot load %s", p->path);
}

void ann_peer_close(ann_peer *p)
{
    peer_graph_free(p->graph);
    p->graph = NULL;
}

varve_status ann_peer_pass(const ann_set *s, ann_peer *p, uint32_t ef, uint64_t *ret_ids,
                           double *ret_cpu_s, varve_error *err)
{
    double from = bench_seconds(1);
    for (size_t q = 0; q < s->query_count; q++) {
        uint64_t *ids = ret_ids + q * ANN_K;
        int n = peer_graph_search(p->graph, ann_set_query(s, q), ANN_K, ef, ids);
        if (n < 0) return vv_fail(err, VARVE_INTERNAL, "hnswlib failed");
        for (size_t i = (size_t)n; i < ANN_K; i++)
            ids[i] = UINT64_MAX;
    }
    *ret_cpu_s = bench_seconds(1) - from;
    return VARVE_OK;
}

#else

static varve_status absent(varve_error *err)
{
    return vv_fail(err, VARVE_UNSUPPORTED, "hnswlib was not there at build time");
}

bool ann_peer_is_there(void) { return false; }

varve_status ann_peer_build_all(const ann_set *s, const char *folder, size_t threads, ann_peer *ret,
                                varve_error *err)
{
    (void)s, (void)folder, (void)threads, (void)ret;
    return absent(err);
}

varve_status ann_peer_open(const ann_set *s, ann_peer *p, varve_error *err)
{
    (void)s, (void)p;
    return absent(err);
}

void ann_peer_close(ann_peer *p) { p->graph = NULL; }

varve_status ann_peer_pass(const ann_set *s, ann_peer *p, uint32_t ef, uint64_t *ret_ids,
                           double *ret_cpu_s, varve_error *err)
{
    (void)s, (void)p, (void)ef, (void)ret_ids, (void)ret_cpu_s;
    return absent(err);
}

#endif
