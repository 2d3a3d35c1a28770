/* memtable.h — rows in memory, in rowver order, append-only: the one mutable thing a search looks
 * at. Rows live in chunks that never move; a writer appends, then publishes by handing a view the
 * new length. Readers of a view look only at slots below that length, so they need no lock.
 *
 * Ownership  reference-counted. What accessors return lives as long as the table.
 * Threads    one writer at a time; any number of readers, each below a length that it got through
 *            a lock of the owner (or another release/acquire pair). rows, bytes, born_ms and
 *            norm_max may be asked by anybody at any time.
 * Errors     VARVE_NO_MEMORY; then nothing was appended. */
#ifndef VARVE_SEGMENT_MEMTABLE_H
#define VARVE_SEGMENT_MEMTABLE_H

#include "index/index_certain.h"
#include "segment/row_images.h"

typedef struct memtable memtable;

VV_CHECKED varve_status memtable_new(uint32_t dim, varve_dtype dtype, memtable **ret,
                                     varve_error *err);
/* Keep SQ8 codes beside the rows, for certain scans by this metric (index/index_certain.h); before
 * the first row. Metrics and types without a fresh index have none. */
void memtable_use_codes(memtable *m, varve_metric metric);
memtable *memtable_ref(memtable *m);
void memtable_unref(memtable *m);   /* NULL-safe */
void memtable_unrefp(memtable **m); /* for VV_CLEANUP */
/* Copies everything. rowver strictly ascending (asserted). A table for 100 rows stays near their
 * own size: chunks grow with the table, up to about 1 MiB of vectors each. */
VV_CHECKED varve_status memtable_add(memtable *m, uint64_t rowver, uint64_t ordinal,
                                     const uint8_t *id_key, size_t id_key_len, const void *vector,
                                     varve_text fields, varve_error *err);
uint64_t memtable_rows(const memtable *m); /* for the writer; readers use their view's length */
uint64_t memtable_bytes(const memtable *m);
uint64_t memtable_born_ms(const memtable *m); /* monotonic ms of the first row; 0 while empty */
double memtable_norm_max(const memtable *m);  /* may be larger than a view's rows need */
/* Slots from `first`: pointer to vectors back to back and how many are contiguous, at most `rows` -
 * first. */
const uint8_t *memtable_vectors(const memtable *m, uint64_t first, uint64_t rows,
                                uint64_t *ret_contiguous);
uint64_t memtable_rowver(const memtable *m, uint64_t slot);
uint64_t memtable_ordinal(const memtable *m, uint64_t slot);
const uint8_t *memtable_id_key(const memtable *m, uint64_t slot, size_t *ret_len);
varve_text memtable_fields(const memtable *m, uint64_t slot);
bool memtable_find(const memtable *m, uint64_t rows, uint64_t rowver, uint64_t *ret_slot);

/* ---- codes (memtable_codes.c) --------------------------------------------------------------- */

/* Does it have codes yet, and of which metric? */
bool memtable_codes(const memtable *m, varve_metric *ret_metric);
/* What they mean; only when it has codes. */
const index_certain *memtable_model(const memtable *m);
const quantiser *memtable_coder(const memtable *m);
/* The codes of rows first … first + QUANT_GROUP - 1, all below a published length; first a multiple
 * of QUANT_GROUP. false: these rows have none (the first rows of a table; rows out of range). */
bool memtable_group(const memtable *m, uint64_t first, const uint8_t **ret_codes,
                    const float **ret_norms);

/* ---- what is built of the fields (memtable_parts.c) ------------------------------------------ */

#define MEMTABLE_PART_ROWS 4096

/* What the fields are, before the first row; JSON without stems otherwise. */
void memtable_set_content(memtable *m, segment_content content, const text_options *text);
segment_content memtable_content(const memtable *m);
const text_options *memtable_text_options(const memtable *m);
/* Images over rows [i * MEMTABLE_PART_ROWS, (i + 1) * MEMTABLE_PART_ROWS), all below a published
 * length; made by the first call, while others wait. They live as long as the table. */
VV_CHECKED varve_status memtable_part(memtable *m, uint64_t i, const row_images **ret,
                                      varve_error *err);

#endif
