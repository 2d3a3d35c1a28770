/* filter_key.c — see filter_key.h: the tree from its root on, each member in a fixed form, and the
 * length before whatever has one. */
#include "filter/filter_key.h"

#include "base/bytes.h"

static bool put(buffer *out, const void *bytes, size_t len)
{
    return buffer_add(out, bytes, len, NULL) == VARVE_OK;
}

static bool put_number(buffer *out, uint64_t number)
{
    uint8_t bytes[8];
    put_u64(bytes, number);
    return put(out, bytes, sizeof bytes);
}

static bool put_text(buffer *out, varve_text text)
{
    return put_number(out, text.len) && (text.len == 0 || put(out, text.data, text.len));
}

static bool put_real(buffer *out, double real) { return put(out, &real, sizeof real); }

static bool put_value(buffer *out, const filter_value *v)
{
    return put_number(out, (uint64_t)v->v.kind | (uint64_t)v->v.boolean << 8 |
                               (uint64_t)v->datetime << 16) &&
           put_number(out, (uint64_t)v->v.integer) && put_number(out, v->v.big) &&
           put_real(out, v->v.real) && put_text(out, v->v.text) &&
           put_number(out, (uint64_t)v->instant);
}

static bool put_path(buffer *out, const path *p)
{
    bool good = put_number(out, p ? p->count : UINT64_MAX);
    for (uint32_t i = 0; p && i < p->count && good; i++)
        good = put_number(out, (uint64_t)p->steps[i].kind) && put_number(out, p->steps[i].index) &&
               put_text(out, p->steps[i].key);
    return good;
}

static bool put_range(buffer *out, const filter_range *r)
{
    return put_number(out, (uint64_t)r->kind | (uint64_t)r->has_low << 8 |
                               (uint64_t)r->has_high << 9 | (uint64_t)r->low_open << 10 |
                               (uint64_t)r->high_open << 11) &&
           put_value(out, &r->low) && put_value(out, &r->high);
}

static bool put_point(buffer *out, geo_point p)
{
    return put_real(out, p.lon) && put_real(out, p.lat);
}

static bool put_geo(buffer *out, const filter_geo *g)
{
    bool good = put_point(out, g->low) && put_point(out, g->high) && put_point(out, g->center) &&
                put_real(out, g->radius_m) && put_number(out, g->ring_count);
    for (size_t i = 0; i < g->ring_count && good; i++) {
        good = put_number(out, g->rings[i].count);
        for (size_t j = 0; j < g->rings[i].count && good; j++)
            good = put_point(out, g->rings[i].points[j]);
    }
    return good;
}

/* All but the children. HAS_ID has no key, so that there are no ids. */
static bool put_leaf(buffer *out, const filter_node *n)
{
    bool good =
        put_number(out, (uint64_t)n->op | (uint64_t)n->two_valued << 8 | (uint64_t)n->expand << 9 |
                            (uint64_t)n->array_only << 10 | (uint64_t)n->ignore_case << 11 |
                            (uint64_t)n->missing_counts << 12 | (uint64_t)n->how << 16 |
                            (uint64_t)(uint8_t)n->escape << 24) &&
        put_path(out, n->path) && put_number(out, n->at_least) && put_number(out, n->value_count);
    for (size_t i = 0; i < n->value_count && good; i++)
        good = put_value(out, &n->values[i]);
    return good && put_range(out, &n->range) && put_text(out, n->pattern) &&
           put_geo(out, &n->geo) && put_number(out, n->slice_total) &&
           put_number(out, n->slice_index);
}

static bool put_node(buffer *out, const filter_node *n)
{
    if (n->op == FILTER_HAS_VECTOR || n->op == FILTER_HAS_ID || n->op == FILTER_ID) return false;
    bool good = put_leaf(out, n) && put_number(out, n->child_count);
    for (size_t i = 0; i < n->child_count && good; i++)
        good = put_node(out, n->children[i]);
    return good;
}

bool filter_key(const filter *f, buffer *out) { return put_node(out, f->root); }
