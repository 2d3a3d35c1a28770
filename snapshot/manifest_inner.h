/* manifest_inner.h — shared by manifest_*.c only: the part of collections, and the sum.
 * Ownership, threads and errors  as in manifest.h. */
#ifndef VARVE_SNAPSHOT_MANIFEST_INNER_H
#define VARVE_SNAPSHOT_MANIFEST_INNER_H

#include "fields.h"
#include "manifest.h"

#define MANIFEST_MEMORY_MAX ((size_t)1 << 30)

VV_CHECKED varve_status manifest_write_collections(const manifest *m, json_t *into,
                                                   varve_error *err);
/* From the member "collections" of f; what fails is kept there. */
void manifest_read_collections(fields *f, manifest *m);
static inline const char *manifest_sum_name(const secret *s) { return s ? "hmac" : "sum"; }
/* A copy in the manifest's memory; NULL and a failure in f otherwise. */
void *manifest_take(fields *f, manifest *m, size_t count, size_t size);
const char *manifest_take_text(fields *f, manifest *m, const char *text);

#endif
