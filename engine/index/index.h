/* index.h — the face of index/: one immutable index file over the vectors of one segment, for one
 * vector field. It holds what makes a search fast (codes, a graph, partitions) and nothing else:
 * the rows themselves stay in the segment, and the segment may be searched without it at any time.
 *
 *   structure  flat (codes only), graph (HNSW and DISKANN modes), ivf (IVF and SPANN modes)
 *   quantiser  of the codes: none, SQ8, PQ, RaBitQ, PolarVec, binary
 *
 * A file is <segment>.<field>.<generation>.idx; a later generation replaces an earlier one through
 * the manifest. "Fresh" is a kind of its own, made when a segment is sealed, in no time: SQ8 codes
 * with a certain error bound per row, so that the scan stays exact while it reads a quarter.
 *
 * Ownership  index_open() returns a handle with one reference.
 * Threads    any number of threads may search an open index. A build may use several itself; its
 *            result does not depend on their number (same rows, spec and seed: same bytes).
 * Errors     VARVE_CORRUPT bytes that match no checksum or promise; VARVE_UNSUPPORTED a mode this
 *            dtype does not allow; VARVE_CANCELLED by progress; VARVE_LIMIT a build that needs more
 *            than memory_max (the message has both numbers). */
#ifndef VARVE_INDEX_H
#define VARVE_INDEX_H

#include "base/tombstone.h"
#include "record/schema.h"

/* ---- what is built ------------------------------------------------------------------------- */

typedef enum index_kind {
    INDEX_KIND_FRESH = 0, /* of a seal; whatever the mode */
    INDEX_KIND_FULL = 1   /* of the mode */
} index_kind;

typedef struct index_spec {
    index_kind kind;
    index_mode mode; /* its metric also for FRESH */
    varve_index_params params;
    uint32_t dim;
    varve_dtype dtype;
} index_spec;

/* Names mode, parameters that matter to it, dim and dtype: equal specs have equal hashes for
 * ever. */
uint64_t index_spec_hash(const index_spec *s);
/* Would a file be built at all? FRESH: metric IP, L2 or cosine over float32 or float16. FULL: all
 * but FLAT without a quantiser, which is served by FRESH. */
bool index_spec_has_file(const index_spec *s);
/* VARVE_UNSUPPORTED, with the reason, for what this dtype or dim does not allow. */
VV_CHECKED varve_status index_spec_check(const index_spec *s, varve_error *err);
/* Ranges of parameters: VARVE_INVALID naming the parameter. */
VV_CHECKED varve_status index_params_check(const varve_index_params *p, varve_error *err);
/* Upper estimate of what a build over so many rows takes beside the mapped rows. */
uint64_t index_build_bytes(const index_spec *s, uint64_t rows);

/* The vectors of a segment: slots [first, first + n), n >= 1, back to back, verified; any
 * thread. */
typedef struct index_rows {
    uint32_t count, dim;
    varve_dtype dtype;
    varve_status (*get)(void *context, uint32_t first, uint32_t n, const uint8_t **ret,
                        varve_error *err);
    void *context;
} index_rows;

/* Called now and then by the thread that builds; false ends the build with VARVE_CANCELLED. May
 * sleep: that is how a build is throttled. bytes: read or written since the last call. */
typedef bool index_progress(void *context, const char *stage, uint64_t done, uint64_t total,
                            uint64_t bytes);

typedef struct vector_index vector_index;

typedef struct index_build_options {
    size_t threads; /* at least 1 */
    uint64_t seed;
    uint64_t memory_max;      /* 0: no limit */
    index_progress *progress; /* NULL: none */
    void *context;
} index_build_options;

/* What the manifest says of an index. Stored under cid | segment number | field. Version 1:
 *   u8 version | u8 kind | u32 generation | u64 spec hash | u64 rows | u64 file bytes | u64 footer
 *   hash | u8 n + canonical mode name */
typedef struct index_record {
    index_kind kind;
    uint32_t generation;
    uint64_t spec_hash, rows, file_bytes, footer_hash;
    char mode[SCHEMA_INDEX_MODE_MAX + 1];
} index_record;
VV_CHECKED varve_status index_record_put(const index_record *r, buffer *out, varve_error *err);
VV_CHECKED varve_status index_record_get(const void *bytes, size_t len, index_record *ret,
                                         varve_error *err);

/* Build, measure its recall, write to temporary_path, sync, rename to final_path, sync the
 * directory. On failure neither name is left. generation goes into file and record. */
VV_CHECKED varve_status index_build(const index_spec *spec, const index_rows *rows,
                                    uint32_t generation, const index_build_options *options,
                                    const char *temporary_path, const char *final_path,
                                    index_record *ret, varve_error *err);

/* ---- use ----------------------------------------------------------------------------------- */

/* expect NULL: open whatever is there (tools); else the file must agree with it. Reads header,
 * directory, footer and small sections only. */
VV_CHECKED varve_status index_open(const char *path, const index_record *expect, vector_index **ret,
                                   varve_error *err);
vector_index *index_ref(vector_index *x);
void index_unref(vector_index *x); /* NULL-safe; the last one unmaps, and unlinks if doomed */
void index_unrefp(vector_index **x);
void index_doom(vector_index *x);
const index_record *index_get_record(const vector_index *x);
const index_spec *index_get_spec(const vector_index *x);
const char *index_path(const vector_index *x);

/* Bring what each search touches into memory of its own (huge pages); a file serves searches before
 * that too, more slowly. Idempotent; any thread. 0 bytes wanted: nothing to gain (disk modes). */
uint64_t index_load_bytes(const vector_index *x);
VV_CHECKED varve_status index_load(vector_index *x, varve_error *err);
uint64_t index_memory_bytes(const vector_index *x); /* held now, beside the mapping */

typedef struct index_query {
    const float *values;        /* dim of them, as asked */
    size_t k;                   /* live rows wanted, at least 1 */
    uint32_t breadth;           /* ef, nprobe or candidates; 0: by recall_target */
    double recall_target;       /* 0 < r <= 1 */
    const tombstones *hidden;   /* slots never returned; NULL: none */
    uint64_t skip;              /* a slot to take as if it were not there, or UINT64_MAX */
    uint64_t deadline_ns;       /* monotonic; 0: none. VARVE_TIMEOUT */
    const volatile int *cancel; /* not 0: VARVE_CANCELLED; NULL: nobody cancels */
    /* The exact key (smaller is better) of the k-th best hit known from other segments, or
     * infinity: rows that are certainly worse need not be returned. */
    double bound;
} index_query;

typedef struct index_hit {
    uint32_t slot;
    float key; /* estimate: smaller is better */
} index_hit;

typedef struct index_work {
    uint64_t codes, nodes, rescored, reads; /* reads: blocks of the file, for disk modes */
} index_work;

/* Candidates, best first by estimate, for the caller to rank exactly: at most index_hits_max(x, q),
 * at least k while there are k live rows. Certain: FRESH returns every row that could be one of the
 * k nearest. */
size_t index_hits_max(const vector_index *x, const index_query *q);
VV_CHECKED varve_status index_search(vector_index *x, const index_rows *rows, const index_query *q,
                                     index_hit *ret, size_t *ret_count, index_work *work,
                                     varve_error *err);

/* Mean recall@k of queries held out at build time by breadth, ascending; for people and plans. */
typedef struct index_curve_point {
    uint32_t k, breadth;
    float recall;
} index_curve_point;
size_t index_curve(const vector_index *x, const index_curve_point **ret);
/* The breadth that a search with these would use. */
uint32_t index_breadth(const vector_index *x, size_t k, double recall_target);

/* Read all of the file, verify every sum and promise against the rows (codes decode near them,
 * edges within range, each slot once). rows NULL: the file alone. */
VV_CHECKED varve_status index_check(vector_index *x, const index_rows *rows, varve_error *err);

#endif
