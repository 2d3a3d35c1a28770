/* scenario_disk.c — a folder larger than memory: speed, reads and recall of a disk-resident index
 * mode while the page cache may hold only a part of its files, beside the same with all of them in
 * memory. The limit is kept by residency.h, between queries and outside the time measured; it
 * covers what this process allocates for the folder too. Needs a --dir on a real disk. */
#include "ann_ours.h"
#include "residency.h"

#include "base/clock.h"
#include "record/schema.h"

#include <stdio.h>
#include <stdlib.h>

#define SHARE_DEFAULT 4 /* the limit is this part of the files, when none is given */
#define ROWS_DEFAULT  200000
#define DIM_DEFAULT   128
#define TRIM_EVERY    4 /* queries */
#define PAGE          4096.0

typedef struct disk {
    const bench_options *o;
    const char *mode;
    ann_set set;
    work folder;
    ann_build build;
    ann_ours ours;
    residency files;
    uint64_t *ids;
    uint64_t anon_before, limit;
} disk;

typedef struct disk_pass {
    double wall_s, recall, bytes;
    uint64_t most; /* bytes of the files in memory */
    varve_search_work work;
} disk_pass;

static void disk_done(disk *d)
{
    ann_ours_close(&d->ours);
    residency_done(&d->files);
    work_done(&d->folder);
    ann_set_done(&d->set);
    free(d->ids);
}

/* What is left of the limit for the page cache. */
static varve_status cache_limit(const disk *d, uint64_t *ret, varve_error *err)
{
    uint64_t now = memory_of_self("RssAnon");
    uint64_t own = now > d->anon_before ? now - d->anon_before : 0;
    if (own >= d->limit)
        return vv_fail(err, VARVE_LIMIT, "the process holds %llu bytes, %llu are allowed",
                       (unsigned long long)own, (unsigned long long)d->limit);
    *ret = d->limit - own;
    return VARVE_OK;
}

static varve_status pass(disk *d, ann_effort effort, bool limited, disk_pass *ret, varve_error *err)
{
    disk_pass p = {0};
    uint64_t cache = UINT64_MAX, left = 0;
    for (size_t q = 0; q < d->set.query_count; q++) {
        if (limited && q % TRIM_EVERY == 0) {
            VV_TRY(cache_limit(d, &cache, err));
            VV_TRY(residency_bytes(&d->files, &left, err));
            p.most = VV_MAX(p.most, left);
            VV_TRY(residency_trim(&d->files, cache, &left, err));
        }
        uint64_t read = bytes_read_self(), from = clock_now_ns();
        VV_TRY(ann_ours_query(&d->set, d->ours.c, q, effort, d->ids + q * ANN_K, &p.work, err));
        p.wall_s += (double)(clock_now_ns() - from) / 1e9;
        p.bytes += (double)(bytes_read_self() - read);
    }
    p.recall = ann_pass_recall(&d->set, d->ids);
    if (!limited) VV_TRY(residency_bytes(&d->files, &p.most, err));
    *ret = p;
    return VARVE_OK;
}

static void report(const disk *d, ann_effort effort, const disk_pass *warm, const disk_pass *cold)
{
    char name[256];
    double n = (double)d->set.query_count;
    snprintf(name, sizeof name, "disk.%s.%s.target_%.2f", d->set.label, d->mode,
             effort.recall_target);
    result(
        name, n / cold->wall_s, "queries/s", warm->wall_s / cold->wall_s, "all in memory",
        "recall@%d %.4f; per query %.0f nodes, %.1f pages of 4 KiB read; files %llu bytes, limit "
        "%llu with the process's own, at most %llu cached; in memory: %.0f queries/s, recall %.4f",
        ANN_K, cold->recall, (double)cold->work.nodes_visited / n, cold->bytes / PAGE / n,
        (unsigned long long)d->files.file_bytes, (unsigned long long)d->limit,
        (unsigned long long)cold->most, n / warm->wall_s, warm->recall);
}

static varve_status measure_target(disk *d, double target, varve_error *err)
{
    disk_pass warm = {0}, cold = {0};
    ann_effort effort = {.recall_target = target};
    for (int i = 0; i < 2; i++)
        VV_TRY(pass(d, effort, false, &warm, err));
    for (int i = 0; i < 2; i++) /* the second one begins with a cache of this workload */
        VV_TRY(pass(d, effort, true, &cold, err));
    report(d, effort, &warm, &cold);
    return VARVE_OK;
}

static varve_status measure(void *context, varve_error *err)
{
    static const double targets[] = {0.90, 0.95, 0.99};
    disk *d = context;
    d->limit = d->o->limit_bytes;
    VV_TRY(residency_init(&d->files, d->folder.path, d->o->seed, err));
    if (!d->limit) d->limit = d->files.file_bytes / SHARE_DEFAULT;
    d->anon_before = memory_of_self("RssAnon");
    VV_TRY(ann_ours_open(d->folder.path, d->limit / 2, &d->ours, err));
    VV_TRY(ann_set_find_truth(&d->set, d->ours.c, err));
    for (size_t i = 0; i < VV_COUNT(targets); i++)
        VV_TRY(measure_target(d, targets[i], err));
    return VARVE_OK;
}

static varve_status prepare(disk *d, varve_error *err)
{
    index_mode mode;
    VV_TRY(index_mode_parse(d->mode, &mode, err));
    if (mode.metric > VARVE_METRIC_COSINE)
        return vv_fail(err, VARVE_UNSUPPORTED, "this scenario knows L2, IP and cosine only");
    if (d->o->data)
        VV_TRY(ann_set_load(d->o, mode.metric, &d->set, err));
    else
        VV_TRY(ann_set_make(d->o, bench_rows(d->o, ROWS_DEFAULT), bench_dim(d->o, DIM_DEFAULT),
                            mode.metric, &d->set, err));
    d->ids = calloc(d->set.query_count * ANN_K, sizeof *d->ids);
    if (!d->ids) return vv_fail(err, VARVE_NO_MEMORY, "no memory for hits");
    VV_TRY(work_new(d->o, "disk", &d->folder, err));
    return ann_ours_build(&d->set, d->mode, d->o->threads, d->folder.path, &d->build, err);
}

static varve_status run(const bench_options *o, varve_error *err)
{
    VV_CLEANUP(vv_freep) disk *d = calloc(1, sizeof *d);
    if (!d) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a list of files");
    d->o = o;
    d->mode = o->mode ? o->mode : "DISKANN-L2";
    varve_status status = prepare(d, err);
    if (status == VARVE_OK) status = run_in_child(measure, d, err);
    disk_done(d);
    return status;
}

const scenario scenario_disk = {"disk", "a disk-resident index in a folder larger than memory",
                                run};
