/* query_api.c — searches of the public face, over the views of a collection at one moment. */
#include "db/query_input.h"

#include <stdatomic.h>

varve_status varve_search(varve_collection *c, const varve_search_request *request,
                          varve_hits **ret_hits, varve_error *err)
{
    VV_CLEANUP(collection_input_done) collection_input input = {0};
    bool with_fields = request->vector_field || request->filter;
    VV_TRY(query_check(request, &c->db->options, err));
    VV_TRY(collection_input_init(c, with_fields, &input, err));
    atomic_fetch_add(&c->db->searches, request->count);
    return query_search(&input.in, request, ret_hits, err);
}

varve_status varve_query(varve_collection *c, const varve_query_request *request,
                         varve_hits **ret_hits, varve_error *err)
{
    VV_CLEANUP(collection_input_done) collection_input input = {0};
    VV_TRY(query_run_check(request, &c->db->options, err));
    VV_TRY(collection_input_init(c, true, &input, err));
    atomic_fetch_add(&c->db->searches, 1);
    return query_run(&input.in, request, ret_hits, err);
}
