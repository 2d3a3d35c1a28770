/* lynse_hits.h — hits of a search as JSON, and what a search tells about itself.
 * Threads  one at a time. */
#ifndef LYNSE_HITS_H
#define LYNSE_HITS_H

#include "lynse_search.h"

/* Appended: [id, …], [score, …], [{fields}, …] ([] without with_fields). */
VV_CHECKED varve_status lynse_out_hit_ids(buffer *out, const varve_hits *hits, size_t query,
                                          varve_error *err);
VV_CHECKED varve_status lynse_out_hit_scores(buffer *out, const varve_hits *hits, size_t query,
                                             const lynse_scores *scores, varve_error *err);
VV_CHECKED varve_status lynse_out_hit_fields(buffer *out, const varve_hits *hits, size_t query,
                                             bool with_fields, varve_error *err);
/* "ids":[…],"scores":[…],"fields":[…] */
VV_CHECKED varve_status lynse_out_hits(buffer *out, const varve_hits *hits, size_t query,
                                       const lynse_scores *scores, bool with_fields,
                                       varve_error *err);
/* ["segment 12: …", …] */
VV_CHECKED varve_status lynse_out_explain(buffer *out, const varve_hits *hits, varve_error *err);
/* Tell the slow-query log when a filter looked at a path that no field index helped with. */
void lynse_note_unindexed(lynse_call *c, const varve_hits *hits);

#endif
