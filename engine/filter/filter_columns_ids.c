/* filter_columns_ids.c — conditions that list ids: each is looked up, if rows can be found so. */
#include "filter/filter_columns_inner.h"

#include <stdlib.h>

/* A literal as an id. Doubles that are whole numbers are one too. false: no row has such an id. */
static bool id_of(const value *v, varve_id *ret)
{
    *ret = (varve_id){.kind = VARVE_ID_NUM};
    switch (v->kind) {
    case VALUE_INT: ret->num = (uint64_t)v->integer; return v->integer >= 0;
    case VALUE_UINT: ret->num = v->big; return true;
    case VALUE_DOUBLE:
        if (!(v->real >= 0 && v->real < 0x1p64)) return false;
        ret->num = (uint64_t)v->real;
        return (double)ret->num == v->real;
    case VALUE_TEXT:
        *ret = (varve_id){.kind = VARVE_ID_STR, .text = v->text};
        return v->text.len > 0;
    default: return false;
    }
}

static varve_status add_id(const evaluation *e, varve_id id, uint64_t *bits, varve_error *err)
{
    uint32_t slot;
    VV_TRY(e->rows->find(e->rows->context, id, &slot, err));
    if (slot < e->rows->count) bits[slot / 64] |= UINT64_C(1) << (slot % 64);
    return VARVE_OK;
}

static varve_status add_literals(const evaluation *e, const filter_node *leaf, uint64_t *bits,
                                 varve_error *err)
{
    varve_id id;
    for (size_t i = 0; i < leaf->value_count; i++) {
        VV_TRY(evaluation_turn(e, i, err));
        if (id_of(&leaf->values[i].v, &id)) VV_TRY(add_id(e, id, bits, err));
    }
    return VARVE_OK;
}

/* Date-times equal ids that are written in another way. */
static bool has_datetime(const filter_node *leaf)
{
    for (size_t i = 0; i < leaf->value_count; i++)
        if (leaf->values[i].datetime) return true;
    return false;
}

static bool is_list(const filter_node *node)
{
    return node->op == FILTER_HAS_ID ||
           (node->children[0]->op == FILTER_EQUAL && !has_datetime(node->children[0]));
}

varve_status id_rows(const evaluation *e, const filter_node *node, row_set *ret, bool *ret_found,
                     varve_error *err)
{
    *ret_found = e->rows->find && is_list(node);
    if (!*ret_found) return VARVE_OK;
    VV_TRY(bits_new(e, &ret->sure, err));
    if (node->op == FILTER_ID) return add_literals(e, node->children[0], ret->sure, err);
    for (size_t i = 0; i < node->id_count; i++) {
        VV_TRY(evaluation_turn(e, i, err));
        VV_TRY(add_id(e, node->ids[i], ret->sure, err));
    }
    return VARVE_OK;
}
