/* lynse_hits.c — hits of a search as JSON. */
#include "lynse_hits.h"

#include "lynse_answer.h"
#include "lynse_ids.h"

#include <stdio.h>

varve_status lynse_out_hit_ids(buffer *out, const varve_hits *hits, size_t query, varve_error *err)
{
    VV_TRY(buffer_add(out, "[", 1, err));
    for (size_t i = 0; i < varve_hits_count(hits, query); i++) {
        if (i) VV_TRY(buffer_add(out, ",", 1, err));
        VV_TRY(lynse_out_id(out, varve_hits_id(hits, query, i), err));
    }
    return buffer_add(out, "]", 1, err);
}

varve_status lynse_out_hit_scores(buffer *out, const varve_hits *hits, size_t query,
                                  const lynse_scores *scores, varve_error *err)
{
    VV_TRY(buffer_add(out, "[", 1, err));
    for (size_t i = 0; i < varve_hits_count(hits, query); i++) {
        if (i) VV_TRY(buffer_add(out, ",", 1, err));
        VV_TRY(json_out_float(out, lynse_score(scores, varve_hits_score(hits, query, i)), err));
    }
    return buffer_add(out, "]", 1, err);
}

varve_status lynse_out_hit_fields(buffer *out, const varve_hits *hits, size_t query,
                                  bool with_fields, varve_error *err)
{
    VV_TRY(buffer_add(out, "[", 1, err));
    for (size_t i = 0; with_fields && i < varve_hits_count(hits, query); i++) {
        if (i) VV_TRY(buffer_add(out, ",", 1, err));
        VV_TRY(lynse_out_fields(out, varve_hits_fields(hits, query, i), err));
    }
    return buffer_add(out, "]", 1, err);
}

varve_status lynse_out_hits(buffer *out, const varve_hits *hits, size_t query,
                            const lynse_scores *scores, bool with_fields, varve_error *err)
{
    VV_TRY(buffer_add_text(out, "\"ids\":", err));
    VV_TRY(lynse_out_hit_ids(out, hits, query, err));
    VV_TRY(buffer_add_text(out, ",\"scores\":", err));
    VV_TRY(lynse_out_hit_scores(out, hits, query, scores, err));
    VV_TRY(buffer_add_text(out, ",\"fields\":", err));
    return lynse_out_hit_fields(out, hits, query, with_fields, err);
}

varve_status lynse_out_explain(buffer *out, const varve_hits *hits, varve_error *err)
{
    const char *line;
    VV_TRY(buffer_add(out, "[", 1, err));
    for (size_t i = 0; (line = varve_hits_explain(hits, i)) != NULL; i++) {
        if (i) VV_TRY(buffer_add(out, ",", 1, err));
        VV_TRY(lynse_out_text(out, line, err));
    }
    return buffer_add(out, "]", 1, err);
}

void lynse_note_unindexed(lynse_call *c, const varve_hits *hits)
{
    varve_profile profile;
    varve_hits_profile(hits, &profile);
    (void)snprintf(c->reply->unindexed, sizeof c->reply->unindexed, "%s", profile.filter_unindexed);
}
