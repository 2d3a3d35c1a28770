/* query_api_rows.c — rows by filter: read, counted, deleted; facets; recall. */
#include "base/bytes.h"
#include "db/query_input.h"

#include <stdlib.h>

#define DELETE_ROWS 4096 /* of one commit */

varve_status varve_query_rows(varve_collection *c, const varve_rows_query *query,
                              varve_rowset **ret_rows, varve_error *err)
{
    bool page = (query->by_id || query->from) && !query->filter && query->offset == 0 &&
                query->n > 0 && !query->order_by;
    if (page) return varve_scroll(c, query->from, query->n, query->with, ret_rows, err);
    VV_CLEANUP(collection_input_done) collection_input input = {0};
    VV_TRY(collection_input_init(c, query->filter != NULL, &input, err));
    return query_rows(&input.in, query, ret_rows, err);
}

varve_status varve_count_matching(varve_collection *c, const varve_filter *filter,
                                  uint64_t *ret_count, varve_error *err)
{
    VV_CLEANUP(collection_input_done) collection_input input = {0};
    VV_CLEANUP(view_unrefp) view *v = NULL;
    VV_TRY(collection_input_init(c, filter != NULL, &input, err));
    VV_TRY(query_matching(&input.in, filter, &v, err));
    *ret_count = v->rows_live;
    return VARVE_OK;
}

varve_status varve_facets_count(varve_collection *c, const char *path, const varve_filter *filter,
                                size_t limit, varve_facets **ret_facets, varve_error *err)
{
    const facets_request request = {.path = path, .filter = filter, .limit = limit};
    VV_CLEANUP(collection_input_done) collection_input input = {0};
    VV_TRY(collection_input_init(c, filter != NULL, &input, err));
    return query_facets(&input.in, &request, ret_facets, err);
}

varve_status varve_recall_measure(varve_collection *c, const char *field, size_t k, size_t samples,
                                  uint64_t seed, double recall_target, uint64_t timeout_ms,
                                  varve_recall *ret_recall, varve_error *err)
{
    const recall_request request = {field, k, samples, seed, recall_target, timeout_ms};
    VV_CLEANUP(collection_input_done) collection_input input = {0};
    VV_TRY(collection_input_init(c, field != NULL, &input, err));
    return query_recall(&input.in, &request, ret_recall, err);
}

/* ---- delete -------------------------------------------------------------------------------- */

typedef struct deleting {
    varve_collection *c;
    const varve_write_options *options;
    view *v; /* of the rows to delete; the ids are borrowed from it */
    varve_id *ids;
    size_t count, room;
    varve_receipt receipt;
} deleting;

static void deleting_done(deleting *d)
{
    view_unref(d->v);
    free(d->ids);
}

static varve_status delete_ids(deleting *d, varve_error *err)
{
    varve_receipt one = {0};
    if (d->count == 0) return VARVE_OK;
    VV_TRY(varve_delete(d->c, d->ids, d->count, d->options, &one, err));
    d->receipt.rows_changed += one.rows_changed;
    d->receipt.sequence = one.sequence;
    d->count = 0;
    return VARVE_OK;
}

static varve_status delete_row(deleting *d, const row_source *s, uint64_t slot, varve_error *err)
{
    const uint8_t *key;
    size_t len;
    VV_TRY(source_id_key(s, slot, &key, &len, err));
    if (!id_key_get(key, len, &d->ids[d->count]))
        return vv_fail(err, VARVE_CORRUPT, "the id of a row is malformed");
    d->count++;
    return d->count == d->room ? delete_ids(d, err) : VARVE_OK;
}

static varve_status delete_all(deleting *d, varve_error *err)
{
    for (size_t i = 0; i < d->v->source_count; i++) {
        const row_source *s = &d->v->sources[i];
        for (uint64_t slot = 0; slot < s->rows; slot++) {
            if (!tombstones_has(s->hidden, slot)) VV_TRY(delete_row(d, s, slot, err));
        }
    }
    return delete_ids(d, err);
}

varve_status varve_delete_matching(varve_collection *c, const varve_filter *filter,
                                   const varve_write_options *options, varve_receipt *ret_receipt,
                                   varve_error *err)
{
    VV_CLEANUP(collection_input_done) collection_input input = {0};
    VV_CLEANUP(deleting_done) deleting d = {.c = c, .options = options, .room = DELETE_ROWS};
    uint64_t most = c->db->options.max_batch_vectors;
    if (most) d.room = VV_MIN(d.room, (size_t)most);
    d.ids = malloc(d.room * sizeof *d.ids);
    if (!d.ids) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a batch of deletes");
    VV_TRY(collection_input_init(c, filter != NULL, &input, err));
    VV_TRY(query_matching(&input.in, filter, &d.v, err));
    VV_TRY(delete_all(&d, err));
    if (ret_receipt) *ret_receipt = d.receipt;
    return VARVE_OK;
}
