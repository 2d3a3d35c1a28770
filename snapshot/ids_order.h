/* ids_order.h — the order of ids that varve_scroll has: integers ascending, then strings by bytes.
 * Stateless. */
#ifndef VARVE_SNAPSHOT_IDS_ORDER_H
#define VARVE_SNAPSHOT_IDS_ORDER_H

#include "varve.h"

#include <string.h>

static inline int ids_compare(varve_id a, varve_id b)
{
    if (a.kind != b.kind) return a.kind == VARVE_ID_NUM ? -1 : 1;
    if (a.kind == VARVE_ID_NUM) return a.num < b.num ? -1 : a.num > b.num;
    size_t shorter = a.text.len < b.text.len ? a.text.len : b.text.len;
    int order = memcmp(a.text.data, b.text.data, shorter);
    return order ? order : (a.text.len > b.text.len) - (a.text.len < b.text.len);
}

/* For qsort. */
static inline int ids_compare_items(const void *a, const void *b)
{
    return ids_compare(*(const varve_id *)a, *(const varve_id *)b);
}

#endif
