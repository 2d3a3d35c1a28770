/* bench.h — what every scenario of varve-bench shares: options, results, data, work folders.
 *
 * A scenario prints its results as JSON lines: {"name", "value", "unit", "ratio", "ratio_to",
 * "conditions"}. A ratio is always to something measured in the same run, in turns with it.
 *
 * Threads  one at a time, but where a function says otherwise.
 * Errors   a scenario that fails hands its sentence to main.c, which prints it. */
#ifndef BENCH_H
#define BENCH_H

#include "base/buffer.h"

typedef struct bench_options {
    uint64_t rows; /* 0: the scenario's default */
    size_t dim;    /* 0: the scenario's default */
    size_t rounds; /* how often each thing is measured, in turns */
    uint64_t seed;
    const char *dir;   /* work folders go under it */
    const char *data;  /* folder with vectors, see ann_set.h; NULL: synthetic or the bundled set */
    const char *varve; /* the varve command, for the server of `http` */
    const char *mode;  /* index mode; NULL: the scenario's default */
    const char *type;  /* how rows are stored; NULL: as the file has them */
    const char *cache; /* folder where hnswlib's built graphs are kept; NULL: nowhere */
    size_t threads;    /* of builds: 1, and this number too when it is more */
    uint64_t limit_bytes; /* memory allowed to `disk`; 0: the scenario's default */
    bool no_peer;         /* leave the peers out */
} bench_options;

typedef struct scenario {
    const char *name, *line;
    varve_status (*run)(const bench_options *o, varve_error *err);
} scenario;

extern const scenario scenario_bandwidth, scenario_kernels, scenario_scan, scenario_ingest,
    scenario_single, scenario_http, scenario_memory, scenario_open, scenario_collections,
    scenario_ann, scenario_disk, scenario_stall, scenario_compact, scenario_text, scenario_hybrid,
    scenario_filtered;

static inline uint64_t bench_rows(const bench_options *o, uint64_t fallback)
{
    return o->rows ? o->rows : fallback;
}
static inline size_t bench_dim(const bench_options *o, size_t fallback)
{
    return o->dim ? o->dim : fallback;
}

/* ---- results ---- */

/* ratio_to NULL: no ratio. The conditions are printf text. */
void result(const char *name, double value, const char *unit, double ratio, const char *ratio_to,
            const char *conditions, ...) __attribute__((format(printf, 6, 7)));
/* Middle value; sorts them. */
double median(double *values, size_t count);

/* ---- work folders ---- */

typedef struct work {
    char path[512];
} work;

/* A new folder under o->dir; work_done() removes it with all that is in it. */
VV_CHECKED varve_status work_new(const bench_options *o, const char *name, work *ret,
                                 varve_error *err);
void work_done(work *w);

/* ---- processes ---- */

/* The clock for work of so many threads: processor time of this process for one, else the clock. */
double bench_seconds(size_t threads);
double cpu_seconds_self(void);   /* user and system, all threads */
double cpu_seconds_thread(void); /* of this thread */
VV_CHECKED varve_status cpu_seconds_of(int pid, double *ret, varve_error *err);
uint64_t bytes_written_self(void); /* to storage, as the kernel counts */
uint64_t bytes_read_self(void);    /* from storage, as the kernel counts */
/* A line of /proc/self/status in bytes: "VmRSS", "RssAnon". */
uint64_t memory_of_self(const char *line);
size_t open_files_self(void);
size_t processors(void);
/* Run it in a child process, so that memory and files are its own; what it prints is printed. */
typedef varve_status child_task(void *context, varve_error *err);
VV_CHECKED varve_status run_in_child(child_task *task, void *context, varve_error *err);

#endif
