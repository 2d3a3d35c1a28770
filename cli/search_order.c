/* search_order.c — what both ways of a search share. */
#include "search_order.h"

#include <stdlib.h>
#include <string.h>

void search_done(search *s)
{
    free(s->vector);
    json_decref(s->sparse);
    filter_flags_done(&s->filter);
}

bool search_has_vector(const search *s) { return s->vector_text || s->vector_file || s->like; }
bool search_is_query(const search *s) { return s->text || s->sparse; }

static bool same_id(varve_id a, varve_id b)
{
    if (a.kind != b.kind) return false;
    if (a.kind == VARVE_ID_NUM) return a.num == b.num;
    return a.text.len == b.text.len && memcmp(a.text.data, b.text.data, a.text.len) == 0;
}

uint64_t search_hits_to_ask(const search *s) { return s->k + (s->like ? 1 : 0); }

varve_status search_show(const search *s, out *o, uint64_t *shown, const out_row *row,
                         varve_error *err)
{
    if (*shown == s->k || (s->like && same_id(row->id, s->like_id))) return VARVE_OK;
    ++*shown;
    return out_add(o, row, err);
}
