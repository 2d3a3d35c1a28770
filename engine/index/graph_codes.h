/* graph_codes.h — inside index/: the codes of 32 neighbours of a row, and own vectors, as
 * graph_format.h lays them out. The same rows give the same bytes on every machine.
 *
 * Ownership  graph_codes_rows owns its arrays.
 * Threads    read-only once made.
 * Errors     VARVE_NO_MEMORY, VARVE_CANCELLED, those of the rows. */
#ifndef VARVE_INDEX_GRAPH_CODES_H
#define VARVE_INDEX_GRAPH_CODES_H

#include "index/graph_frame.h"

/* All rows, rotated, 16 bits per coordinate. */
typedef struct graph_codes_rows {
    uint32_t padded;
    int16_t *values; /* rows × padded */
    float *scales;   /* per row */
} graph_codes_rows;

VV_CHECKED varve_status graph_codes_rows_make(graph_codes_rows *r, const index_build_context *c,
                                              const graph_frame *f, varve_error *err);
void graph_codes_rows_done(graph_codes_rows *r); /* fine on a zeroed one */
uint64_t graph_codes_rows_bytes(uint64_t rows, uint32_t padded);
/* One rotated row. */
void graph_codes_round(const float *rotated, uint32_t padded, int16_t *ret_values,
                       float *ret_scale);

/* One rotated, rounded row. */
typedef struct graph_codes_row {
    const int16_t *values;
    float scale;
} graph_codes_row;
/* As floats; NULL: the mean, which is zero. */
void graph_codes_center(const graph_codes_row *row, uint32_t padded, float *ret);
/* Factors and codes of neighbour i in a group that was all zeros. */
void graph_codes_put(const float *center, const graph_codes_row *neighbour, uint32_t padded,
                     size_t i, uint8_t *ret_group);

/* Own vector of one row: stored bytes, or its coordinates in the frame. */
void graph_codes_put_own(const graph_shape *s, varve_dtype dtype, const uint8_t *row,
                         const float *point, uint8_t *ret);

#endif
