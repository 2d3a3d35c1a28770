/* index.c — an open index: life, search, load, check. What is particular to a structure is behind
 * its index_type. */
#include "base/file.h"
#include "base/time_limit.h"
#include "index/index_inner.h"

#include <stdlib.h>
#include <string.h>

/* ---- types --------------------------------------------------------------------------------- */

static const index_type *full_type_of(const index_spec *s)
{
    bool bits = s->mode.metric == VARVE_METRIC_HAMMING || s->mode.metric == VARVE_METRIC_JACCARD ||
                s->mode.metric == VARVE_METRIC_DICE;
    switch (s->mode.structure) {
    case INDEX_FLAT:
        if (bits) return &index_type_flat_bits;
        return s->mode.quantiser == QUANT_SQ8 ? &index_type_fresh : &index_type_flat;
    case INDEX_IVF: return bits ? &index_type_ivf_bits : &index_type_ivf;
    case INDEX_SPANN: return &index_type_ivf;
    case INDEX_HNSW:
    case INDEX_DISKANN: return &index_type_graph;
    default: return NULL;
    }
}

const index_type *index_type_of(const index_spec *s)
{
    if (!index_spec_has_file(s)) return NULL;
    return s->kind == INDEX_KIND_FRESH ? &index_type_fresh : full_type_of(s);
}

varve_status index_in_time(const index_query *q, varve_error *err)
{
    const time_limit limit = {.deadline_ns = q->deadline_ns, .cancel = q->cancel};
    return time_limit_check(&limit, err);
}

/* ---- life ---------------------------------------------------------------------------------- */

static varve_status check_record(const vector_index *x, const index_record *expect,
                                 varve_error *err)
{
    const index_record *is = index_file_record(x->file);
    if (is->kind != expect->kind || is->generation != expect->generation ||
        is->spec_hash != expect->spec_hash || is->rows != expect->rows ||
        is->file_bytes != expect->file_bytes || is->footer_hash != expect->footer_hash ||
        strcmp(is->mode, expect->mode) != 0)
        return index_file_bad(x->file, "not the file that the manifest names", err);
    return VARVE_OK;
}

static varve_status read_curve(vector_index *x, varve_error *err)
{
    const uint8_t *bytes;
    uint64_t size;
    if (x->type->certain) return VARVE_OK;
    VV_TRY(index_file_need(x->file, INDEX_CURVE, 1, 1 << 16, "recall curve", &bytes, &size, err));
    if (curve_get(bytes, size, &x->curve, NULL) != VARVE_OK)
        return index_file_bad(x->file, "the recall curve makes no sense", err);
    return VARVE_OK;
}

static varve_status open_into(vector_index *x, const char *path, const index_record *expect,
                              varve_error *err)
{
    VV_TRY(index_file_open(path, &x->file, err));
    if (expect) VV_TRY(check_record(x, expect, err));
    x->type = index_type_of(index_file_spec(x->file));
    if (!x->type) return index_file_bad(x->file, "no structure here reads this mode", err);
    VV_TRY(read_curve(x, err));
    return x->type->open(index_file_spec(x->file), x->file, &x->state, err);
}

varve_status index_open(const char *path, const index_record *expect, vector_index **ret,
                        varve_error *err)
{
    VV_CLEANUP(index_unrefp) vector_index *x = calloc(1, sizeof *x);
    if (!x) return vv_fail(err, VARVE_NO_MEMORY, "no memory to open index %s", path);
    x->references = 1;
    (void)pthread_mutex_init(&x->load_lock, NULL);
    VV_TRY(open_into(x, path, expect, err));
    *ret = x;
    x = NULL;
    return VARVE_OK;
}

vector_index *index_ref(vector_index *x)
{
    __atomic_add_fetch(&x->references, 1, __ATOMIC_RELAXED);
    return x;
}

void index_unref(vector_index *x)
{
    if (!x || __atomic_sub_fetch(&x->references, 1, __ATOMIC_ACQ_REL) != 0) return;
    if (x->state) x->type->close(x->state);
    /* What cannot be removed now is swept by the next open: no manifest names it. */
    if (x->doomed) (void)!file_unlink(index_file_path(x->file), NULL);
    index_file_close(x->file);
    curve_done(&x->curve);
    (void)pthread_mutex_destroy(&x->load_lock);
    free(x);
}

void index_unrefp(vector_index **x)
{
    index_unref(*x);
    *x = NULL;
}

void index_doom(vector_index *x) { __atomic_store_n(&x->doomed, true, __ATOMIC_RELAXED); }

const index_record *index_get_record(const vector_index *x) { return index_file_record(x->file); }
const index_spec *index_get_spec(const vector_index *x) { return index_file_spec(x->file); }
const char *index_path(const vector_index *x) { return index_file_path(x->file); }

/* ---- memory -------------------------------------------------------------------------------- */

uint64_t index_load_bytes(const vector_index *x) { return x->type->load_bytes(x->state); }

varve_status index_load(vector_index *x, varve_error *err)
{
    varve_status status = VARVE_OK;
    (void)pthread_mutex_lock(&x->load_lock);
    if (!x->loaded) status = x->type->load(x->state, err);
    if (status == VARVE_OK) x->loaded = true;
    (void)pthread_mutex_unlock(&x->load_lock);
    return status;
}

uint64_t index_memory_bytes(const vector_index *x)
{
    return sizeof *x + x->curve.count * sizeof *x->curve.points + x->type->memory_bytes(x->state);
}

/* ---- search -------------------------------------------------------------------------------- */

size_t index_curve(const vector_index *x, const index_curve_point **ret)
{
    *ret = x->curve.points;
    return x->curve.count;
}

uint32_t index_breadth(const vector_index *x, size_t k, double recall_target)
{
    if (x->type->certain) return (uint32_t)VV_MIN(k, (size_t)UINT32_MAX);
    return curve_breadth(&x->curve, k, recall_target);
}

/* The k nearest rows that are not hidden are among the k / share nearest of all, more or less. */
static size_t k_among_all(const vector_index *x, const index_query *q)
{
    uint64_t rows = index_file_rows(x->file), hidden = tombstones_count(q->hidden);
    if (!x->type->breadth_of_all || hidden == 0) return q->k;
    if (hidden >= rows) return (size_t)rows;
    double k = (double)q->k * (double)rows / (double)(rows - hidden);
    return (size_t)VV_MIN(k, (double)rows);
}

static uint32_t settle_breadth(const vector_index *x, const index_query *q)
{
    return q->breadth > 0 ? q->breadth : index_breadth(x, k_among_all(x, q), q->recall_target);
}

size_t index_hits_max(const vector_index *x, const index_query *q)
{
    return x->type->hits_max(x->state, q, settle_breadth(x, q));
}

static varve_status check_rows(const vector_index *x, const index_rows *rows, varve_error *err)
{
    const index_spec *s = index_file_spec(x->file);
    if (rows->count != index_file_rows(x->file) || rows->dim != s->dim || rows->dtype != s->dtype)
        return index_file_bad(x->file, "the segment beside it holds other rows", err);
    return VARVE_OK;
}

varve_status index_search(vector_index *x, const index_rows *rows, const index_query *q,
                          index_hit *ret, size_t *ret_count, index_work *work, varve_error *err)
{
    VV_TRY(check_rows(x, rows, err));
    VV_TRY(index_in_time(q, err));
    return x->type->search(x->state, rows, q, settle_breadth(x, q), ret, ret_count, work, err);
}

varve_status index_check(vector_index *x, const index_rows *rows, varve_error *err)
{
    if (rows) VV_TRY(check_rows(x, rows, err));
    VV_TRY(index_file_verify_all(x->file, err));
    return x->type->check(x->state, rows, err);
}
