/* fresh.h — inside index/: SQ8 codes of all rows, scanned without loss (index_certain.h): what a
 * seal makes, and the modes FLAT-IP-SQ8, FLAT-L2-SQ8, FLAT-COS-SQ8.
 *
 *   QUANTISER  SQ8, as quantiser_save() writes it; as wide as the rows
 *   MODEL      16 bytes: i64 exponent of index_certain.h | u64 zero
 *   CODES      groups of QUANT_GROUP rows, the last filled up
 *   NORMS      f32 per row: IP the norm as coded; cosine 0 or 1, and the section is left out when
 *              no row is zero; L2 none */
#ifndef VARVE_INDEX_FRESH_H
#define VARVE_INDEX_FRESH_H

#include "index/index_bytes.h"
#include "index/index_certain.h"
#include "index/index_groups.h"

#define FRESH_MODEL_BYTES 16

/* Codes, what they mean, and where they are: a scan of index_certain.h needs no more. */
typedef struct fresh_codes {
    index_certain model;
    quantiser *quantiser;
    index_bytes codes, norms; /* norms.size 0: none */
    uint64_t rows;            /* coded; in partitions not those of the segment: */
    uint64_t slots;           /* of the segment */
} fresh_codes;

/* Sections MODEL, QUANTISER, CODES, NORMS of `count` rows: slots as in index_groups_put. */
VV_CHECKED varve_status fresh_codes_build(const index_build_context *c, const uint32_t *slots,
                                          uint64_t count, varve_error *err);
VV_CHECKED varve_status fresh_codes_open(fresh_codes *k, const index_spec *spec, index_file *f,
                                         uint64_t rows, varve_error *err);
void fresh_codes_done(fresh_codes *k); /* fine on a zeroed one */
uint64_t fresh_codes_load_bytes(const fresh_codes *k);
uint64_t fresh_codes_memory_bytes(const fresh_codes *k);
VV_CHECKED varve_status fresh_codes_load(fresh_codes *k, varve_error *err);
uint64_t fresh_codes_build_bytes(const index_spec *spec, uint64_t rows);

/* Offer the rows of groups [first, first + count) to hits. slots: u32 of each coded row, or NULL:
 * they are their own slots. A row is left out when hidden, or the one to skip. */
VV_CHECKED varve_status fresh_codes_scan(const fresh_codes *k, const index_certain_query *certain,
                                         const index_query *q, const index_bytes *slots,
                                         uint64_t first, uint64_t count, index_certain_hits *hits,
                                         index_work *work, varve_error *err);
/* Does the exact key of each row lie in the interval that its code gives, for a few queries? */
VV_CHECKED varve_status fresh_codes_check(const fresh_codes *k, const index_rows *rows,
                                          const index_bytes *slots, varve_error *err);

#endif
