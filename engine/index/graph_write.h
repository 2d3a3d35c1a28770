/* graph_write.h — inside index/: a graph's sections, from links to bytes.
 *
 * Ownership  borrows all.
 * Threads    uses the pool of the build; the result does not depend on it.
 * Errors     VARVE_NO_MEMORY, VARVE_CANCELLED, those of rows and writer. */
#ifndef VARVE_INDEX_GRAPH_WRITE_H
#define VARVE_INDEX_GRAPH_WRITE_H

#include "index/graph_codes.h"
#include "index/graph_links.h"

/* All that a block is made of. */
typedef struct graph_parts {
    const graph_shape *shape;
    const graph_frame *frame; /* PLAIN: NULL */
    const graph_links *links;
    const graph_codes_rows *coded; /* PACKED */
} graph_parts;

/* Groups of the entry sample over so many rows; its rows, GRAPH_NONE behind the last. */
uint32_t graph_entry_groups(const graph_shape *s, uint32_t rows);
void graph_entry_rows(uint32_t groups, uint32_t rows, uint32_t entry, uint32_t *ret);

VV_CHECKED varve_status graph_write_blocks(const index_build_context *c, const graph_parts *p,
                                           varve_error *err);
VV_CHECKED varve_status graph_write_vectors(const index_build_context *c, const graph_parts *p,
                                            varve_error *err);
VV_CHECKED varve_status graph_write_edges(const index_build_context *c, const graph_parts *p,
                                          varve_error *err);
VV_CHECKED varve_status graph_write_entries(const index_build_context *c, const graph_parts *p,
                                            uint32_t entry, varve_error *err);
/* What they take, beside what they are given. */
uint64_t graph_write_bytes(const graph_shape *s);

#endif
