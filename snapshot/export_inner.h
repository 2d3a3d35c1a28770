/* export_inner.h — inside snapshot/export_*: names and steps that writing and reading share. */
#ifndef VARVE_SNAPSHOT_EXPORT_INNER_H
#define VARVE_SNAPSHOT_EXPORT_INNER_H

#include "base/buffer.h"
#include "base/file.h"
#include "export.h"
#include "npy.h"

#include <jansson.h>

#define EXPORT_PATH_MAX  4096
#define EXPORT_NAME_MAX  192                /* of a file in an export */
#define EXPORT_PAGE      ((size_t)32 << 20) /* bytes of vectors in memory at once */
#define EXPORT_PAGE_ROWS 4096
#define EXPORT_MANIFEST  "manifest.json"
#define EXPORT_ROWS      "rows.jsonl"
#define EXPORT_VECTORS   "vectors.npy"
#define LYNSE_MANIFEST   "export_manifest.json"
#define LYNSE_ROWS       "metadata.jsonl"
#define LYNSE_VECTORS    "vectors.f32"
#define EXPORT_FORMAT    "varve-export"
#define LYNSE_TYPE       "lynsedb-collection-export"
#define LYNSE_FORMAT     "lynsedb-collection-jsonl-binary-export"

/* How vectors of a type lie in an array. */
npy_shape export_shape(varve_dtype type, size_t dim, uint64_t rows);
/* `rows` vectors of `dim` floats, packed as they are stored: rows × varve_dtype_row_bytes bytes. */
void export_pack(varve_dtype type, const float *values, size_t rows, size_t dim, uint8_t *ret);

size_t export_page_rows(size_t dim);
VV_CHECKED varve_status export_progress(const export_place *place, uint64_t done, uint64_t rows,
                                        varve_error *err);

/* A collection of a folder of its own. Ended by export_stage_done, which removes the folder. */
typedef struct export_stage {
    char path[EXPORT_PATH_MAX];
    varve *db;
    varve_collection *c;
    varve_collection_stats stats;
} export_stage;
void export_stage_done(export_stage *s);

/* Steps of an export: each writes its files into `folder` and adds what it says to `manifest`. */
typedef struct export_job {
    const export_place *place;
    export_layout layout;
    export_stage stage;
    char folder[EXPORT_PATH_MAX];
    json_t *manifest;
    export_info info;
} export_job;
VV_CHECKED varve_status export_rows(export_job *j, varve_error *err);
VV_CHECKED varve_status export_fields(export_job *j, varve_error *err);
VV_CHECKED varve_status export_write_manifest(export_job *j, varve_error *err);
VV_CHECKED varve_status export_create(const export_job *j, const char *name, file_writer **ret,
                                      varve_error *err);
VV_CHECKED varve_status export_publish(const export_job *j, file_writer **w, const char *name,
                                       varve_error *err);

#endif
