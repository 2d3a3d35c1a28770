/* columns_keywords.c — reading the dictionary of a column: blocks of sixteen texts, each with what
 * it shares with the one before left out; found by the first of each block. */
#include "field/columns_inner.h"

static varve_status bad_block(varve_error *err)
{
    return columns_corrupt("a block of texts that cannot be", err);
}

static bool read_varint(const uint8_t **at, const uint8_t *end, size_t *ret)
{
    size_t v = 0;
    for (unsigned shift = 0; shift < 32; shift += 7) {
        if (*at >= end) return false;
        uint8_t byte = *(*at)++;
        v |= (size_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = v;
            return true;
        }
    }
    return false;
}

static uint32_t blocks_of(const table_layout *t)
{
    return (uint32_t)(((uint64_t)t->values + COLUMNS_TEXT_BLOCK - 1) / COLUMNS_TEXT_BLOCK);
}

varve_status keyword_block_open(const column *c, const table_layout *t, uint32_t block,
                                keyword_block *ret, varve_error *err)
{
    uint64_t list = size_align(((uint64_t)blocks_of(t) + 1) * 4, 8);
    const uint8_t *p;
    if (list > t->keys_size || block >= blocks_of(t)) return bad_block(err);
    VV_TRY(part_bytes(c, t->part, t->keys + (uint64_t)block * 4, 8, &p, err));
    uint64_t from = get_u32(p), to = get_u32(p + 4);
    if (from > to || to > t->keys_size - list) return bad_block(err);
    VV_TRY(part_bytes(c, t->part, t->keys + list + from, to - from, &p, err));
    ret->at = p;
    ret->end = p + (to - from);
    ret->index = block * COLUMNS_TEXT_BLOCK;
    ret->values = VV_MIN(t->values, ret->index + COLUMNS_TEXT_BLOCK);
    ret->len = 0;
    return VARVE_OK;
}

varve_status keyword_next(keyword_block *b, varve_error *err)
{
    size_t shared, more;
    if (!read_varint(&b->at, b->end, &shared) || !read_varint(&b->at, b->end, &more) ||
        shared > b->len || more > sizeof b->text - shared || more > (size_t)(b->end - b->at))
        return bad_block(err);
    memcpy(b->text + shared, b->at, more);
    b->at += more;
    b->len = shared + more;
    b->index++;
    return VARVE_OK;
}

/* ---- finding ------------------------------------------------------------------------------- */

/* Does the place that is sought lie behind this keyword? */
static bool is_below(varve_text keyword, varve_text text, column_seek_to to)
{
    if (to == COLUMN_BEHIND_PREFIX) keyword.len = VV_MIN(keyword.len, text.len);
    int order = value_compare_texts(keyword, text);
    return to == COLUMN_AT ? order < 0 : order <= 0;
}

static varve_status first_is_below(const column *c, const table_layout *t, uint32_t block,
                                   varve_text text, column_seek_to to, bool *ret, varve_error *err)
{
    keyword_block b;
    VV_TRY(keyword_block_open(c, t, block, &b, err));
    VV_TRY(keyword_next(&b, err));
    *ret = is_below((varve_text){b.text, b.len}, text, to);
    return VARVE_OK;
}

static varve_status seek_block(const column *c, const table_layout *t, varve_text text,
                               column_seek_to to, uint32_t *ret, varve_error *err)
{
    uint32_t low = 0, high = blocks_of(t);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        bool below;
        VV_TRY(first_is_below(c, t, middle, text, to, &below, err));
        if (below)
            low = middle + 1;
        else
            high = middle;
    }
    *ret = low;
    return VARVE_OK;
}

varve_status column_seek_keyword(const column *c, varve_text text, column_seek_to to, uint32_t *ret,
                                 varve_error *err)
{
    table_layout t;
    keyword_block b;
    uint32_t block, at = 0;
    if (c->tables[COLUMN_KEYWORDS].count) {
        VV_TRY(table_open(c, COLUMN_KEYWORDS, &t, err));
        VV_TRY(seek_block(c, &t, text, to, &block, err));
        if (block > 0) { /* it is within the block before, or at its end */
            VV_TRY(keyword_block_open(c, &t, block - 1, &b, err));
            for (at = b.index; at < b.values; at++) {
                VV_TRY(keyword_next(&b, err));
                if (!is_below((varve_text){b.text, b.len}, text, to)) break;
            }
        }
    }
    *ret = at;
    return VARVE_OK;
}

varve_status column_walk_keywords(const column *c, column_run run, column_visit_keyword *visit,
                                  void *context, varve_error *err)
{
    table_layout t;
    keyword_block b;
    if (run.first >= run.end) return VARVE_OK;
    VV_TRY(table_open(c, COLUMN_KEYWORDS, &t, err));
    if (run.end > t.values) return columns_corrupt("values beyond their table", err);
    for (uint32_t block = run.first / COLUMNS_TEXT_BLOCK; block * COLUMNS_TEXT_BLOCK < run.end;
         block++) {
        VV_TRY(keyword_block_open(c, &t, block, &b, err));
        while (b.index < VV_MIN(b.values, run.end)) {
            uint32_t index = b.index;
            VV_TRY(keyword_next(&b, err));
            if (index >= run.first) VV_TRY(visit(context, index, (varve_text){b.text, b.len}, err));
        }
    }
    return VARVE_OK;
}
