/* ann_ours.c — see ann_ours.h. */
#include "ann_ours.h"

#include "base/clock.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

static void session_freep(varve_session **s) { varve_session_free(*s); }

/* ---- building ---- */

typedef struct build_job {
    const ann_set *set;
    const char *mode, *path;
    size_t threads;
    ann_build *ret; /* shared with the parent */
} build_job;

static varve_status write_rows(const ann_set *s, varve_collection *c, varve_error *err)
{
    VV_CLEANUP(session_freep) varve_session *session = NULL;
    VV_TRY(varve_session_new(c, NULL, &session, err));
    for (uint64_t first = 0; first < s->rows; first += BATCH_ROWS) {
        varve_rows rows = {.count = (size_t)VV_MIN(BATCH_ROWS, s->rows - first),
                           .dim = s->dim,
                           .ids_from_first = true,
                           .first_id = first,
                           .vectors = s->stored + first * s->row_bytes,
                           .fields = s->fields ? s->fields + first : NULL,
                           .vectors_type = s->type};
        VV_TRY(varve_session_add(session, &rows, err));
    }
    return varve_session_commit(session, NULL, err);
}

static double seconds_of(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

static void take_sizes(varve_collection *c, ann_build *ret)
{
    varve_collection_stats stats;
    if (varve_collection_get_stats(c, &stats, NULL) != VARVE_OK) return;
    ret->segments = stats.segments;
    ret->segment_bytes = stats.segment_bytes;
    ret->index_bytes = stats.index_bytes;
}

static varve_status build_open(const build_job *j, varve *db, varve_error *err)
{
    varve_collection *c = NULL;
    varve_collection_spec spec = {.dim = j->set->dim, .dtype = j->set->type};
    uint64_t from = clock_now_ns();
    VV_TRY(varve_collection_create(db, "default", ANN_COLLECTION, &spec, &c, err));
    varve_status status = write_rows(j->set, c, err);
    uint64_t loaded = clock_now_ns();
    if (status == VARVE_OK) status = varve_index_build(c, j->mode, NULL, false, err);
    j->ret->load_s = (double)(loaded - from) / 1e9;
    j->ret->wall_s = (double)(clock_now_ns() - loaded) / 1e9;
    if (status == VARVE_OK) take_sizes(c, j->ret);
    varve_collection_release(c);
    return status;
}

static varve_status build_task(void *context, varve_error *err)
{
    const build_job *j = context;
    varve *db = NULL;
    varve_options options;
    struct rusage used = {0};
    varve_options_init(&options);
    options.bulk_segment_bytes = (uint64_t)1 << 40;
    options.session_memory_max = (uint64_t)1 << 30;
    options.compact_threads = j->threads;
    options.compact_memory_max = 0;
    options.compact_nice = 0;
    VV_TRY(varve_open(j->path, &options, &db, err));
    varve_status status = build_open(j, db, err);
    varve_compactor_stop(db);
    if (status != VARVE_OK) {
        varve_abandon(db);
        return status;
    }
    VV_TRY(varve_close(db, err));
    getrusage(RUSAGE_CHILDREN, &used); /* the compactor is its only child */
    j->ret->cpu_s = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
    j->ret->memory_bytes = (uint64_t)used.ru_maxrss * 1024;
    return VARVE_OK;
}

varve_status ann_ours_build(const ann_set *s, const char *mode, size_t threads, const char *path,
                            ann_build *ret, varve_error *err)
{
    void *shared =
        mmap(NULL, sizeof *ret, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a build");
    build_job j = {.set = s, .mode = mode, .path = path, .threads = threads, .ret = shared};
    varve_status status = run_in_child(build_task, &j, err);
    if (status == VARVE_OK) *ret = *j.ret;
    munmap(shared, sizeof *ret);
    return status;
}

/* ---- searching ---- */

varve_status ann_ours_open(const char *path, uint64_t index_memory_max, ann_ours *ret,
                           varve_error *err)
{
    ann_ours o = {0};
    varve_options options;
    varve_options_init(&options);
    options.search_threads = 1;
    if (index_memory_max) options.index_memory_max = index_memory_max;
    VV_TRY(varve_open(path, &options, &o.db, err));
    varve_status status = varve_collection_open(o.db, "default", ANN_COLLECTION, &o.c, err);
    if (status != VARVE_OK) {
        varve_abandon(o.db);
        return status;
    }
    *ret = o;
    return VARVE_OK;
}

void ann_ours_close(ann_ours *o)
{
    varve_collection_release(o->c);
    if (o->db) varve_abandon(o->db);
    *o = (ann_ours){0};
}

static void add_work(varve_search_work *sum, const varve_hits *hits)
{
    varve_search_work w;
    varve_hits_work(hits, &w);
    sum->rows_scanned += w.rows_scanned;
    sum->codes_scanned += w.codes_scanned;
    sum->nodes_visited += w.nodes_visited;
    sum->rows_rescored += w.rows_rescored;
    sum->segments_indexed += w.segments_indexed;
    sum->segments_scanned += w.segments_scanned;
}

varve_status ann_ours_query(const ann_set *s, varve_collection *c, size_t query, ann_effort effort,
                            uint64_t *ret_ids, varve_search_work *sum, varve_error *err)
{
    varve_hits *hits = NULL;
    varve_search_request request = {.vectors = ann_set_query(s, query),
                                    .count = 1,
                                    .dim = s->dim,
                                    .k = ANN_K,
                                    .breadth = effort.breadth,
                                    .recall_target = effort.recall_target};
    VV_TRY(varve_search(c, &request, &hits, err));
    size_t count = VV_MIN(varve_hits_count(hits, 0), ANN_K);
    for (size_t i = 0; i < ANN_K; i++)
        ret_ids[i] = i < count ? varve_hits_id(hits, 0, i).num : UINT64_MAX;
    add_work(sum, hits);
    varve_hits_free(hits);
    return VARVE_OK;
}

varve_status ann_ours_pass(const ann_set *s, varve_collection *c, ann_effort effort,
                           uint64_t *ret_ids, ann_pass *ret, varve_error *err)
{
    varve_search_work sum = {0};
    double cpu = bench_seconds(1);
    uint64_t from = clock_now_ns();
    for (size_t q = 0; q < s->query_count; q++)
        VV_TRY(ann_ours_query(s, c, q, effort, ret_ids + q * ANN_K, &sum, err));
    *ret = (ann_pass){.cpu_s = bench_seconds(1) - cpu,
                      .wall_s = (double)(clock_now_ns() - from) / 1e9,
                      .work = sum};
    return VARVE_OK;
}

double ann_pass_recall(const ann_set *s, const uint64_t *ids)
{
    double sum = 0;
    for (size_t q = 0; q < s->query_count; q++)
        sum += ann_set_recall(s, q, ids + q * ANN_K, ANN_K);
    return sum / (double)s->query_count;
}
