/* index_groups.h — inside index/: all rows of a segment, or a list of them, as groups of codes in a
 * file; and the sample that a quantiser is trained on.
 * Threads  uses the pool of the build; the result does not depend on it. */
#ifndef VARVE_INDEX_GROUPS_H
#define VARVE_INDEX_GROUPS_H

#include "index/index_type.h"
#include "quant/quant.h"

#define INDEX_GROUPS_NO_SLOT UINT32_MAX /* coded as zeros: filling */

/* Stored rows as floats of `width` coordinates, and a float beside each (ret_norms may be NULL). */
typedef struct index_groups_source {
    void (*convert)(const void *model, const uint8_t *rows, size_t n, float *ret, float *ret_norms);
    const void *model;
    uint32_t width;
} index_groups_source;

static inline uint64_t index_groups_count(uint64_t rows)
{
    return (rows + QUANT_GROUP - 1) / QUANT_GROUP;
}

/* Evenly spaced rows as floats, at most `most`; free() them. */
VV_CHECKED varve_status index_groups_sample(const index_build_context *c,
                                            const index_groups_source *s, size_t most, float **ret,
                                            size_t *ret_count, varve_error *err);
VV_CHECKED varve_status index_groups_train(const index_build_context *c,
                                           const index_groups_source *s, const quant_spec *spec,
                                           quantiser **ret, varve_error *err);
/* Append the codes of the rows slots[0 .. count) to the section that is open; slots NULL: all rows
 * in their order. The last group is filled up with zeros. ret_norms: count floats, or NULL. */
VV_CHECKED varve_status index_groups_put(const index_build_context *c, const index_groups_source *s,
                                         const quantiser *q, const uint32_t *slots, uint64_t count,
                                         float *ret_norms, varve_error *err);
/* What index_groups_put takes, beside codes and norms. */
uint64_t index_groups_put_bytes(uint32_t width);
/* Section QUANTISER. */
VV_CHECKED varve_status index_groups_put_quantiser(const index_build_context *c, const quantiser *q,
                                                   varve_error *err);
VV_CHECKED varve_status index_groups_open_quantiser(index_file *f, quant_kind kind, uint32_t width,
                                                    quantiser **ret, varve_error *err);

#endif
