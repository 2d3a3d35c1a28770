/* index_type.h — inside index/: what each structure gives, and the common parts it may use. A type
 * writes sections of its own into the one index file and reads them back; file, checksums,
 * references, curve and face are common.
 *
 *   build ──sections──> index_file_writer ──draft──> opened by the same type ──curve──> final file
 *
 * Threads  state is read-only after open, but for what load publishes at once; search keeps its
 *          scratch in a list of the index, or allocates it. */
#ifndef VARVE_INDEX_TYPE_H
#define VARVE_INDEX_TYPE_H

#include "base/thread_pool.h"
#include "index/index.h"
#include "index/index_file.h"

typedef struct index_build_context {
    const index_spec *spec; /* as index_spec_normal() makes it */
    const index_rows *rows;
    const index_build_options *options;
    thread_pool *pool; /* options->threads - 1 threads; NULL for one */
    index_file_writer *out;
} index_build_context;

typedef struct index_type {
    const char *name;
    bool certain; /* hits hold the k nearest for certain: no curve, breadth means nothing */
    /* The hits of a search depend on k by its breadth alone, and those of a smaller breadth come
     * first among those of a larger one: one search measures all points of the curve. */
    bool nested;
    bool any_k; /* at one breadth, the hits for a larger k hold those for a smaller one */
    /* A breadth counts hidden rows too: of the rows among which a search finds k, so many more must
     * be looked at as are hidden. */
    bool breadth_of_all;
    varve_status (*build)(const index_build_context *c, varve_error *err);
    /* The file's sections have been found; read the small ones, check all that a search relies
     * on. */
    varve_status (*open)(const index_spec *spec, index_file *f, void **ret_state, varve_error *err);
    void (*close)(void *state);
    size_t (*hits_max)(const void *state, const index_query *q, uint32_t breadth);
    /* breadth: settled, > 0; it may be less than k needs or more than there is. Hits: best
     * first. */
    varve_status (*search)(void *state, const index_rows *rows, const index_query *q,
                           uint32_t breadth, index_hit *ret, size_t *ret_count, index_work *work,
                           varve_error *err);
    /* Breadths to measure, strictly ascending: at most max. NULL when certain. */
    size_t (*breadths)(const void *state, uint32_t k, uint32_t *ret, size_t max);
    uint64_t (*load_bytes)(const void *state);
    varve_status (*load)(void *state, varve_error *err); /* one thread at a time, and only once */
    uint64_t (*memory_bytes)(const void *state);
    varve_status (*check)(void *state, const index_rows *rows, varve_error *err);
    uint64_t (*build_bytes)(const index_spec *spec, uint64_t rows);
} index_type;

extern const index_type index_type_fresh, index_type_flat, index_type_graph, index_type_ivf;
/* Bits compared by Hamming, Jaccard or Dice: all rows, and partitions of them. */
extern const index_type index_type_flat_bits, index_type_ivf_bits;
/* NULL: no type builds such a file. */
const index_type *index_type_of(const index_spec *spec);

/* Report progress; VARVE_CANCELLED when asked to stop. */
VV_CHECKED varve_status index_step(const index_build_context *c, const char *stage, uint64_t done,
                                   uint64_t total, uint64_t bytes, varve_error *err);

/* VARVE_TIMEOUT once the deadline of a query has passed. */
VV_CHECKED varve_status index_in_time(const index_query *q, varve_error *err);

#endif
