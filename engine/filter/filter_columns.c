/* filter_columns.c — the tree against columns, then row by row what they leave open. */
#include "filter/filter_columns_inner.h"

#include "base/bit_count.h"

#include <stdlib.h>
#include <string.h>

#define DEADLINE_ROWS  64 /* decided between two looks at the clock, of so many bytes at most */
#define DEADLINE_BYTES ((uint64_t)128 << 10)

/* ---- bitmaps ------------------------------------------------------------------------------- */

varve_status bits_new(const evaluation *e, uint64_t **ret, varve_error *err)
{
    uint64_t *bits = calloc(e->words + 1, sizeof *bits);
    if (!bits) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a filter's bitmaps");
    *ret = bits;
    return VARVE_OK;
}

void bits_or(const evaluation *e, uint64_t *to, const uint64_t *from)
{
    for (uint64_t i = 0; i < e->words; i++)
        to[i] |= from[i];
}

void bits_and(const evaluation *e, uint64_t *to, const uint64_t *from)
{
    for (uint64_t i = 0; i < e->words; i++)
        to[i] &= from[i];
}

void bits_and_not(const evaluation *e, uint64_t *to, const uint64_t *from)
{
    for (uint64_t i = 0; i < e->words; i++)
        to[i] &= ~from[i];
}

void bits_flip(const evaluation *e, uint64_t *bits)
{
    for (uint64_t i = 0; i < e->words; i++)
        bits[i] = ~bits[i];
    if (e->rows->count % 64) bits[e->words - 1] &= (UINT64_C(1) << e->rows->count % 64) - 1;
}

bool bits_any(const evaluation *e, const uint64_t *bits)
{
    uint64_t any = 0;
    for (uint64_t i = 0; i < e->words && !any; i++)
        any = bits[i];
    return any;
}

uint64_t bits_count(const evaluation *e, const uint64_t *bits)
{
    return bit_count(bits, (size_t)e->words);
}

void row_set_done(row_set *s)
{
    free(s->sure);
    free(s->may);
    *s = (row_set){0};
}

varve_status evaluation_late(const evaluation *e, varve_error *err)
{
    return time_limit_check(e->limit, err);
}

/* ---- sets of rows -------------------------------------------------------------------------- */

static const uint64_t *may_of(const row_set *s) { return s->may ? s->may : s->sure; }

/* A bitmap of its own for what may be. */
static varve_status part_may(const evaluation *e, row_set *s, varve_error *err)
{
    if (s->may) return VARVE_OK;
    VV_TRY(bits_new(e, &s->may, err));
    memcpy(s->may, s->sure, e->words * 8);
    return VARVE_OK;
}

static varve_status constant_rows(const evaluation *e, bool all, row_set *ret, varve_error *err)
{
    VV_TRY(bits_new(e, &ret->sure, err));
    if (all) bits_flip(e, ret->sure);
    return VARVE_OK;
}

/* Nothing is sure, everything may be. */
static varve_status open_rows(const evaluation *e, row_set *ret, varve_error *err)
{
    VV_TRY(bits_new(e, &ret->sure, err));
    VV_TRY(bits_new(e, &ret->may, err));
    bits_flip(e, ret->may);
    return VARVE_OK;
}

static void complement(const evaluation *e, row_set *s)
{
    uint64_t *sure = s->sure;
    bits_flip(e, s->sure);
    if (!s->may) return;
    bits_flip(e, s->may);
    s->sure = s->may;
    s->may = sure;
}

/* ---- the tree ------------------------------------------------------------------------------ */

static varve_status node_rows(evaluation *e, const filter_node *node, truth threshold, row_set *ret,
                              varve_error *err);

static varve_status combine(const evaluation *e, bool with_and, row_set *to, const row_set *from,
                            varve_error *err)
{
    if (from->may) VV_TRY(part_may(e, to, err));
    (with_and ? bits_and : bits_or)(e, to->sure, from->sure);
    if (to->may) (with_and ? bits_and : bits_or)(e, to->may, may_of(from));
    return VARVE_OK;
}

/* Patterns come last: by then few rows may be left, which are cheaper to look at. */
static bool is_late(const filter_node *node)
{
    switch (node->op) {
    case FILTER_LIKE:
    case FILTER_SUBSTRING:
    case FILTER_REGEX:
    case FILTER_TOKENS: return true;
    case FILTER_PREFIX: return node->ignore_case;
    case FILTER_NOT: return is_late(node->children[0]);
    default: return false;
    }
}

static varve_status and_child(evaluation *e, const filter_node *child, truth threshold,
                              row_set *all, varve_error *err)
{
    VV_CLEANUP(row_set_done) row_set one = {0};
    VV_TRY(node_rows(e, child, threshold, &one, err));
    VV_TRY(combine(e, true, all, &one, err));
    e->candidates = VV_MIN(e->candidates, bits_count(e, may_of(all)));
    return VARVE_OK;
}

static varve_status and_rows(evaluation *e, const filter_node *node, truth threshold, row_set *ret,
                             varve_error *err)
{
    uint64_t candidates = e->candidates;
    VV_TRY(constant_rows(e, true, ret, err));
    for (int late = 0; late < 2; late++)
        for (size_t i = 0; i < node->child_count && e->candidates; i++)
            if (is_late(node->children[i]) == late)
                VV_TRY(and_child(e, node->children[i], threshold, ret, err));
    e->candidates = candidates;
    return VARVE_OK;
}

static varve_status or_rows(evaluation *e, const filter_node *node, truth threshold, row_set *ret,
                            varve_error *err)
{
    VV_TRY(constant_rows(e, false, ret, err));
    for (size_t i = 0; i < node->child_count; i++) {
        VV_CLEANUP(row_set_done) row_set one = {0};
        VV_TRY(node_rows(e, node->children[i], threshold, &one, err));
        VV_TRY(combine(e, false, ret, &one, err));
    }
    return VARVE_OK;
}

static void count_bits(const evaluation *e, const uint64_t *bits, uint16_t *counts)
{
    for (uint64_t word = 0; word < e->words; word++)
        for (uint64_t left = bits[word]; left; left &= left - 1)
            counts[word * 64 + (uint64_t)__builtin_ctzll(left)]++;
}

static void bits_from_counts(const evaluation *e, const uint16_t *counts, size_t least,
                             uint64_t *bits)
{
    for (uint32_t row = 0; row < e->rows->count; row++)
        if (counts[row] >= least) bits[row / 64] |= UINT64_C(1) << (row % 64);
}

_Static_assert(FILTER_NODES_MAX <= UINT16_MAX, "children are counted in 16 bits");

static varve_status at_least_rows(evaluation *e, const filter_node *node, row_set *ret,
                                  varve_error *err)
{
    VV_CLEANUP(vv_freep) uint16_t *sure = calloc(e->words * 64 + 1, sizeof *sure);
    VV_CLEANUP(vv_freep) uint16_t *may = calloc(e->words * 64 + 1, sizeof *may);
    if (!sure || !may) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a filter's counts");
    for (size_t i = 0; i < node->child_count; i++) {
        VV_CLEANUP(row_set_done) row_set one = {0};
        VV_TRY(node_rows(e, node->children[i], TRUTH_TRUE, &one, err));
        count_bits(e, one.sure, sure);
        count_bits(e, may_of(&one), may);
    }
    VV_TRY(bits_new(e, &ret->sure, err));
    VV_TRY(bits_new(e, &ret->may, err));
    bits_from_counts(e, sure, node->at_least, ret->sure);
    bits_from_counts(e, may, node->at_least, ret->may);
    return VARVE_OK;
}

static varve_status not_rows(evaluation *e, const filter_node *node, truth threshold, row_set *ret,
                             varve_error *err)
{
    /* NOT is at least TRUE where the child is not even UNKNOWN, and so on. */
    truth inner = threshold == TRUTH_TRUE ? TRUTH_UNKNOWN : TRUTH_TRUE;
    VV_TRY(node_rows(e, node->children[0], inner, ret, err));
    complement(e, ret);
    return VARVE_OK;
}

static varve_status ids_rows(const evaluation *e, const filter_node *node, row_set *ret,
                             varve_error *err)
{
    bool found;
    VV_TRY(id_rows(e, node, ret, &found, err));
    return found ? VARVE_OK : open_rows(e, ret, err);
}

static varve_status node_rows(evaluation *e, const filter_node *node, truth threshold, row_set *ret,
                              varve_error *err)
{
    if (node->two_valued) threshold = TRUTH_TRUE;
    VV_TRY(evaluation_late(e, err));
    switch (node->op) {
    case FILTER_TRUE: return constant_rows(e, true, ret, err);
    case FILTER_FALSE: return constant_rows(e, false, ret, err);
    case FILTER_UNKNOWN: return constant_rows(e, threshold == TRUTH_UNKNOWN, ret, err);
    case FILTER_AND: return and_rows(e, node, threshold, ret, err);
    case FILTER_OR: return or_rows(e, node, threshold, ret, err);
    case FILTER_NOT: return not_rows(e, node, threshold, ret, err);
    case FILTER_AT_LEAST: return at_least_rows(e, node, ret, err);
    case FILTER_NESTED: return nested_rows(e, node, ret, err);
    case FILTER_HAS_ID:
    case FILTER_ID: return ids_rows(e, node, ret, err);
    case FILTER_HAS_VECTOR:
    case FILTER_SLICE: return open_rows(e, ret, err);
    default: return leaf_rows(e, node, threshold, ret, err);
    }
}

/* ---- rows ---------------------------------------------------------------------------------- */

static varve_status decide_row(evaluation *e, const filter *f, uint32_t slot, buffer *scratch,
                               uint64_t *bits, varve_error *err)
{
    filter_row row = {0};
    truth t;
    VV_TRY(e->rows->get(e->rows->context, slot, &row, err));
    VV_TRY(filter_row_truth(f, &row, scratch, &t, err));
    if (t == TRUTH_TRUE) bits[slot / 64] |= UINT64_C(1) << (slot % 64);
    e->bytes += row.fields.len;
    if (++e->work->rows % DEADLINE_ROWS != 0 && e->bytes < DEADLINE_BYTES) return VARVE_OK;
    e->bytes = 0;
    return evaluation_late(e, err);
}

/* Also into what is sure, which is read no more where this has been. */
static varve_status decide_rows(evaluation *e, const filter *f, const row_set *s, varve_error *err)
{
    if (!s->may) return VARVE_OK;
    VV_CLEANUP(buffer_done) buffer scratch;
    buffer_init(&scratch, SIZE_MAX, "text of a field");
    for (uint64_t word = 0; word < e->words; word++) {
        uint64_t live = e->rows->live ? e->rows->live[word] : UINT64_MAX;
        for (uint64_t left = s->may[word] & ~s->sure[word] & live; left; left &= left - 1)
            VV_TRY(decide_row(e, f, (uint32_t)(word * 64 + (uint64_t)__builtin_ctzll(left)),
                              &scratch, s->sure, err));
    }
    return VARVE_OK;
}

varve_status filter_columns(const filter *f, const columns *cols, const filter_rows *rows,
                            const time_limit *limit, uint64_t *ret, filter_work *work,
                            varve_error *err)
{
    evaluation e = {cols, rows, work, limit, ((uint64_t)rows->count + 63) / 64, 0, 0};
    VV_CLEANUP(row_set_done) row_set s = {0};
    if (cols && columns_rows(cols) != rows->count)
        return vv_fail(err, VARVE_INTERNAL, "columns of %u rows for %u", columns_rows(cols),
                       rows->count);
    e.candidates = rows->live ? bits_count(&e, rows->live) : rows->count;
    VV_TRY(node_rows(&e, f->root, TRUTH_TRUE, &s, err));
    VV_TRY(decide_rows(&e, f, &s, err));
    if (rows->live) bits_and(&e, s.sure, rows->live);
    memcpy(ret, s.sure, e.words * 8);
    return VARVE_OK;
}
