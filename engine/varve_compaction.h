/* varve_compaction.h — the part of varve.h about indexes and compaction; include varve.h.
 *
 * Segments are indexed, merged and purged by a process of its own, varve-compactor, which never
 * opens the row store: this process hands it immutable files and adopts what it makes. Searches and
 * writes go on meanwhile, and rows written after a build are found at once, by scan, until the next
 * job indexes them. Killing either process at any point loses nothing.
 *
 * Ownership  lists of jobs are freed by varve_jobs_free().
 * Threads    any, as in varve.h; calls that wait for a job may be made by several threads at once.
 * Errors     as in varve.h. */
#ifndef VARVE_COMPACTION_H
#define VARVE_COMPACTION_H

#include "varve.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Parameters of an index build; 0 is the default in brackets. Those of other modes are kept but
 * unused. They survive every rebuild. */
/*    name             default  meaning */
#define VARVE_INDEX_PARAM_TABLE(X)                                                                 \
    X(n_clusters, 256, "IVF, SPANN: partitions of a segment; 0 as many as suit it")                \
    X(nprobe, 32, "IVF, SPANN: partitions that a search opens when it has no recall target")       \
    X(replica_count, 1, "SPANN: copies of a row that lies between partitions")                     \
    X(m, 16, "HNSW: half of the edges of a row")                                                   \
    X(ef_construction, 128, "HNSW: candidates looked at for the edges of a row")                   \
    X(ef_search, 50, "HNSW: beam of a search when it has no recall target")                        \
    X(max_level, 0, "HNSW: kept for clients; the graph has no levels")                             \
    X(r, 16, "DISKANN: half of the edges of a row")                                                \
    X(l, 64, "DISKANN: candidates looked at for the edges of a row")                               \
    X(max_degree, 0, "DISKANN: edges of a row; 0: twice r")

typedef struct varve_index_params {
#define X(name, value, meaning) uint32_t name;
    VARVE_INDEX_PARAM_TABLE(X)
#undef X
    double alpha; /* DISKANN, HNSW: how much longer than a detour an edge may be; >= 1; 0: 1.2 */
} varve_index_params;

/* Choose mode and parameters, durably, and build: back when every segment has its index (rows in
 * memory are sealed first). params NULL: all defaults. no_wait: back when the choice is durable; a
 * running compactor does the rest. VARVE_INVALID an unknown mode or a parameter out of its range;
 * VARVE_UNSUPPORTED a mode that the vector type does not allow; VARVE_IO no compactor could be
 * started. After an error of the build the choice stays and is tried again by the next compaction;
 * searches are exact meanwhile. */
VARVE_API VARVE_CHECKED varve_status varve_index_build(varve_collection *collection,
                                                       const char *index_mode,
                                                       const varve_index_params *params,
                                                       bool no_wait, varve_error *err);
VARVE_API VARVE_CHECKED varve_status varve_index_get_params(varve_collection *collection,
                                                            varve_index_params *ret_params,
                                                            varve_error *err);

typedef struct varve_compact_options {
    bool no_wait;        /* only ask for it; the report is then zero */
    bool keep_deleted;   /* merge and index, but leave deleted rows restorable */
    uint64_t timeout_ms; /* 0: none; VARVE_TIMEOUT, and the work goes on without the caller */
} varve_compact_options;
typedef struct varve_compact_report {
    uint64_t rows_removed;     /* deleted rows that were purged */
    uint64_t versions_removed; /* superseded versions that were dropped, those included */
    uint64_t segments_before, segments_after;
    uint64_t bytes_before, bytes_after; /* segments and indexes on disk */
    uint64_t jobs, elapsed_ms;
} varve_compact_report;
/* Purge deleted rows (they can no longer be restored), merge segments, build missing indexes, and
 * remove what was deleted from row store and log as well. Back when done. Runs in the compactor
 * that is connected, else in one started for it. options NULL: all zero. */
VARVE_API VARVE_CHECKED varve_status varve_compact(varve_collection *collection,
                                                   const varve_compact_options *options,
                                                   varve_compact_report *ret_report,
                                                   varve_error *err);

/* Start a compactor and keep it running (with growing pauses when it dies) until
 * varve_compactor_stop or close. Without this call jobs run only while varve_compact or
 * varve_index_build wait. */
VARVE_API VARVE_CHECKED varve_status varve_compactor_start(varve *db, varve_error *err);
VARVE_API void varve_compactor_stop(varve *db);

typedef enum varve_job_state {
    VARVE_JOB_RUNNING,
    VARVE_JOB_DONE,
    VARVE_JOB_REFUSED, /* its inputs had changed; it is planned anew */
    VARVE_JOB_FAILED,
    VARVE_JOB_CANCELLED
} varve_job_state;
typedef struct varve_job {
    uint64_t id;
    char database[132], collection[132];
    char kind[16];     /* "index", "merge", "purge", "rebuild" */
    char reason[160];  /* "4 segments of about 65536 rows" */
    char stage[32];    /* "graph", "write" */
    char message[160]; /* of a failure */
    varve_job_state state;
    uint64_t rows, segments; /* of its inputs */
    double share;            /* done, 0 to 1 */
    double rows_per_s;
    uint64_t eta_ms;               /* estimate; 0 when done or unknown */
    uint64_t started_ms, ended_ms; /* wall clock since 1970; 0: not yet */
} varve_job;
/* Running and the last finished jobs, newest first; free() with varve_jobs_free. */
typedef struct varve_job_list varve_job_list;
VARVE_API VARVE_CHECKED varve_status varve_jobs(varve *db, varve_job_list **ret_jobs,
                                                varve_error *err);
VARVE_API size_t varve_jobs_count(const varve_job_list *jobs);
VARVE_API const varve_job *varve_jobs_get(const varve_job_list *jobs, size_t i);
VARVE_API void varve_jobs_free(varve_job_list *jobs);
/* VARVE_NOT_FOUND: no such running job. */
VARVE_API VARVE_CHECKED varve_status varve_job_cancel(varve *db, uint64_t id, varve_error *err);

typedef struct varve_compaction_stats {
    bool supervised;   /* varve_compactor_start was called */
    int pid;           /* of the compactor connected; 0: none */
    uint64_t restarts; /* of a supervised compactor */
    uint64_t jobs_done, jobs_refused, jobs_failed, jobs_cancelled;
    uint64_t rows_removed, bytes_written, bytes_removed;
    uint64_t backlog_rows, backlog_segments; /* waiting for their index; of open collections */
    uint64_t index_bytes, index_memory_bytes;
    uint64_t writes_delayed, write_delay_ms; /* back-pressure since open */
    char next_reason[160];                   /* the job that would come next; "" for none */
} varve_compaction_stats;
VARVE_API void varve_compaction_get_stats(varve *db, varve_compaction_stats *ret_stats);

#ifdef __cplusplus
}
#endif
#endif
