/* index_build.c — from rows to a published index file: the type writes its sections, the draft of
 * the file is searched to measure its recall, the curve joins it, and the file gets its name. */
#include "index/curve.h"
#include "index/index_spec.h"
#include "index/index_type.h"

#include <assert.h>

#define POOL_QUEUE   1024
#define COMMON_BYTES ((uint64_t)4 << 20) /* writer, pool, curve of a build */

varve_status index_step(const index_build_context *c, const char *stage, uint64_t done,
                        uint64_t total, uint64_t bytes, varve_error *err)
{
    const index_build_options *o = c->options;
    if (o->progress && !o->progress(o->context, stage, done, total, bytes))
        return vv_fail(err, VARVE_CANCELLED, "the build of an index was cancelled");
    return VARVE_OK;
}

uint64_t index_build_bytes(const index_spec *spec, uint64_t rows)
{
    index_spec s = index_spec_normal(spec);
    const index_type *type = index_type_of(&s);
    return type ? COMMON_BYTES + type->build_bytes(&s, rows) : 0;
}

/* ---- before -------------------------------------------------------------------------------- */

static varve_status check_build(const index_spec *spec, const index_rows *rows,
                                const index_build_options *options, varve_error *err)
{
    uint64_t bytes = index_build_bytes(spec, rows->count);
    char mode[SCHEMA_INDEX_MODE_MAX + 1];
    index_mode_text(&spec->mode, mode);
    VV_TRY(index_spec_check(spec, err));
    VV_TRY(index_params_check(&spec->params, err));
    if (!index_type_of(spec))
        return vv_fail(err, VARVE_UNSUPPORTED, "%s over %s needs no index file", mode,
                       varve_dtype_name(spec->dtype));
    if (rows->count == 0 || rows->count == UINT32_MAX || rows->dim != spec->dim ||
        rows->dtype != spec->dtype)
        return vv_fail(err, VARVE_INVALID, "these %u rows are not of the index to be built",
                       rows->count);
    if (options->memory_max != 0 && bytes > options->memory_max)
        return vv_fail(err, VARVE_LIMIT,
                       "building %s over %u rows may take %llu bytes of memory, the limit is %llu",
                       mode, rows->count, (unsigned long long)bytes,
                       (unsigned long long)options->memory_max);
    return VARVE_OK;
}

/* ---- recall -------------------------------------------------------------------------------- */

static varve_status measure(const index_build_context *c, const index_type *type, const char *path,
                            curve *ret, varve_error *err)
{
    VV_CLEANUP(index_file_closep) index_file *f = NULL;
    void *state;
    VV_TRY(index_file_open(path, &f, err));
    VV_TRY(type->open(index_file_spec(f), f, &state, err));
    varve_status status = curve_measure(c, type, state, ret, err);
    type->close(state);
    return status;
}

static varve_status add_curve(const index_build_context *c, const index_type *type,
                              const char *path, varve_error *err)
{
    VV_CLEANUP(curve_done) curve measured = {0};
    VV_CLEANUP(buffer_done) buffer bytes;
    buffer_init(&bytes, 1 << 16, "recall curve");
    VV_TRY(index_file_draft(c->out, err));
    VV_TRY(measure(c, type, path, &measured, err));
    VV_TRY(index_file_amend(c->out, err));
    VV_TRY(curve_put(&measured, &bytes, err));
    return index_file_add(c->out, INDEX_CURVE, bytes.data, bytes.len, err);
}

/* ---- build --------------------------------------------------------------------------------- */

static void pool_freep(thread_pool **p) { pool_free(*p); }

varve_status index_build(const index_spec *spec, const index_rows *rows, uint32_t generation,
                         const index_build_options *options, const char *temporary_path,
                         const char *final_path, index_record *ret, varve_error *err)
{
    VV_CLEANUP(pool_freep) thread_pool *pool = NULL;
    VV_CLEANUP(index_file_discardp) index_file_writer *w = NULL;
    index_spec normal = index_spec_normal(spec);
    index_file_writer *finishing;
    assert(options->threads > 0);
    VV_TRY(check_build(spec, rows, options, err));
    const index_type *type = index_type_of(&normal);
    if (options->threads > 1)
        VV_TRY(pool_new(options->threads - 1, POOL_QUEUE, "index", &pool, err));
    VV_TRY(index_file_create(temporary_path, &normal, generation, rows->count, &w, err));
    index_build_context c = {
        .spec = &normal, .rows = rows, .options = options, .pool = pool, .out = w};
    VV_TRY(type->build(&c, err));
    if (!type->certain) VV_TRY(add_curve(&c, type, temporary_path, err));
    finishing = w;
    w = NULL;
    return index_file_finish(finishing, final_path, ret, err);
}
