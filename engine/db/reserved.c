/* reserved.c — row versions that sessions have taken and not yet committed: no merge may reach
 * across them, or the segments of the session would lie inside another one's range. */
#include "db/compaction.h"

#include <stdlib.h>

varve_status collection_reserve(varve_collection *c, const void *session, uint64_t min,
                                uint64_t max, varve_error *err)
{
    if (c->reserved_count == c->reserved_capacity) {
        size_t capacity = c->reserved_capacity ? 2 * c->reserved_capacity : 16;
        rowver_range *bigger = realloc(c->reserved, capacity * sizeof *bigger);
        if (!bigger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a session");
        c->reserved = bigger;
        c->reserved_capacity = capacity;
    }
    c->reserved[c->reserved_count++] = (rowver_range){session, min, max};
    return VARVE_OK;
}

void collection_unreserve(varve_collection *c, const void *session)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->reserved_count; i++) {
        if (c->reserved[i].owner != session) c->reserved[kept++] = c->reserved[i];
    }
    c->reserved_count = kept;
}

bool collection_reserved_between(const varve_collection *c, uint64_t after, uint64_t before)
{
    for (size_t i = 0; i < c->reserved_count; i++) {
        if (c->reserved[i].min > after && c->reserved[i].max < before) return true;
    }
    return false;
}
