/* text_list.c — see text_list.h. */
#include "field/text_list.h"

#define SHARES_AT_ONCE 512

static varve_status corrupt(varve_error *err)
{
    return vv_fail(err, VARVE_CORRUPT, "text index: a bad list of postings");
}

void text_paths_find(const text_index *x, const varve_text *spelled, size_t count, text_paths *ret)
{
    *ret = (text_paths){.all = !spelled};
    for (size_t i = 0; spelled && i < count; i++) {
        uint32_t path_at = text_index_path(x, spelled[i]);
        if (path_at == POSTINGS_NONE || postings_bit(ret->bits, path_at)) continue;
        ret->bits[path_at / 64] |= UINT64_C(1) << (path_at % 64);
        ret->one = ret->count++ ? VV_MIN(ret->one, path_at) : path_at;
    }
    if (spelled && ret->count == x->path_count && ret->count > 0) ret->all = true;
}

/* ---- opening -------------------------------------------------------------------------------- */

/* Passes the rows per path. */
static varve_status open_path_df(text_list *l, const uint8_t **at, varve_error *err)
{
    uint64_t count, path_at, rows;
    if (!varint_read(at, l->end, &count) || count > l->path_count) return corrupt(err);
    l->path_df = *at;
    for (uint64_t i = 0; i < count; i++)
        if (!varint_read(at, l->end, &path_at) || !varint_read(at, l->end, &rows) ||
            path_at >= l->path_count || rows > l->rows)
            return corrupt(err);
    l->path_df_end = *at;
    return VARVE_OK;
}

varve_status text_list_open(const text_index *x, const text_entry *entry, const text_paths *paths,
                            text_list *l, varve_error *err)
{
    const uint8_t *at;
    VV_TRY(postings_image_get(&x->image, entry->at, entry->bytes + POSTINGS_PADDING, &at, err));
    l->paths = paths;
    l->end = at + entry->bytes;
    l->rows = entry->rows;
    l->index_rows = x->rows;
    l->path_count = x->path_count;
    l->block = POSTINGS_NONE;
    l->count = l->at = 0;
    l->block_count = entry->rows / POSTINGS_BLOCK + (entry->rows % POSTINGS_BLOCK != 0);
    l->path_df = l->path_df_end = NULL;
    l->blocks = NULL;
    if (l->path_count > 1) VV_TRY(open_path_df(l, &at, err));
    if (l->block_count > 1) {
        uint64_t head = TEXT_IMPACT_BYTES + (uint64_t)l->block_count * TEXT_BLOCK_ENTRY_BYTES;
        if (head > (uint64_t)(l->end - at)) return corrupt(err);
        l->blocks = at + TEXT_IMPACT_BYTES;
        at += head;
    }
    l->bodies = at;
    return VARVE_OK;
}

bool text_list_df(const text_list *l, uint32_t *ret)
{
    const uint8_t *at = l->path_df;
    uint64_t path_at, rows;
    if (l->paths->all || l->paths->count != 1) {
        *ret = l->paths->all ? l->rows : 0;
        return l->paths->all || l->paths->count == 0;
    }
    *ret = 0;
    while (at < l->path_df_end && varint_read(&at, l->path_df_end, &path_at) &&
           varint_read(&at, l->path_df_end, &rows))
        if (path_at == l->paths->one) *ret = (uint32_t)rows;
    return true;
}

uint32_t text_list_block(const text_list *l, uint32_t from, uint32_t slot)
{
    uint32_t step = 1, low = from, high;
    while (low < l->block_count && text_list_last(l, low) < slot && step) {
        from = low + 1; /* all up to low are before the slot */
        low = l->block_count - low > step ? low + step : l->block_count;
        step *= 2;
    }
    for (high = low, low = from; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (text_list_last(l, middle) < slot)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- decoding ------------------------------------------------------------------------------- */

typedef struct body {
    const uint8_t *at, *end;
    uint32_t rows, first; /* slot behind the block before */
} body;

static varve_status find_body(const text_list *l, uint32_t block, body *ret, varve_error *err)
{
    uint64_t room = (uint64_t)(l->end - l->bodies), begin = 0, end = room;
    ret->first = 0;
    if (l->blocks) {
        const uint8_t *entry = l->blocks + (size_t)block * TEXT_BLOCK_ENTRY_BYTES;
        end = get_u32(entry + 4);
        if (block > 0) begin = get_u32(entry - TEXT_BLOCK_ENTRY_BYTES + 4);
        if (block > 0) ret->first = get_u32(entry - TEXT_BLOCK_ENTRY_BYTES) + 1;
    }
    if (begin > end || end > room || ret->first >= l->index_rows) return corrupt(err);
    ret->at = l->bodies + begin;
    ret->end = l->bodies + end;
    ret->rows = VV_MIN(l->rows - block * POSTINGS_BLOCK, (uint32_t)POSTINGS_BLOCK);
    return VARVE_OK;
}

/* n packed integers at *at, which is moved behind them. */
static bool take_packed(const uint8_t **at, const uint8_t *end, unsigned width, uint64_t n,
                        const uint8_t **ret)
{
    size_t bytes = postings_packed_bytes(n, width);
    if (width > 32 || bytes > (size_t)(end - *at)) return false;
    *ret = *at;
    *at += bytes;
    return true;
}

/* Gaps into slots; the last one has to be a row, and the one that the block's entry says. */
static bool slots_of_gaps(const text_list *l, uint32_t block, const body *b, uint32_t *slots)
{
    uint64_t next = b->first;
    for (uint32_t i = 0; i < b->rows; i++) {
        next += slots[i];
        slots[i] = (uint32_t)next++;
    }
    return next <= l->index_rows && (!l->blocks || next == (uint64_t)text_list_last(l, block) + 1);
}

static bool has_path(const text_list *l, uint32_t path_at)
{
    return path_at < l->path_count && postings_bit(l->paths->bits, path_at);
}

typedef struct shares { /* of the rows of a body, packed, and how many each row has */
    const uint8_t *paths, *tfs;
    unsigned path_width, tf_width;
    const uint32_t *counts;
    uint64_t all;
} shares;

/* What each share adds to the tf of its row, 0 for other paths: loops without branches. */
static void take_shares(const text_list *l, const shares *s, uint32_t *ret)
{
    uint32_t paths[SHARES_AT_ONCE];
    const uint32_t one = l->paths->one;
    postings_unpack(s->paths, s->path_width, s->all, paths);
    postings_unpack(s->tfs, s->tf_width, s->all, ret);
    if (l->paths->count == 1)
        for (uint32_t i = 0; i < s->all; i++)
            ret[i] = (ret[i] + 1) & (0 - (uint32_t)(paths[i] == one));
    else
        for (uint32_t i = 0; i < s->all; i++)
            ret[i] = (ret[i] + 1) & (0 - (uint32_t)has_path(l, paths[i]));
}

static bool keep_rows(text_list *l, const shares *s, uint32_t rows)
{
    uint32_t tfs[SHARES_AT_ONCE], count = 0;
    uint64_t sums[SHARES_AT_ONCE + 1], beyond = 0;
    take_shares(l, s, tfs);
    sums[0] = 0;
    for (uint32_t i = 0; i < s->all; i++)
        sums[i + 1] = sums[i] + tfs[i];
    for (uint32_t i = 0, first = 0; i < rows; i++) {
        uint32_t end = first + s->counts[i];
        uint64_t tf = sums[end] - sums[first];
        beyond |= tf >> 32;
        l->slots[count] = l->slots[i]; /* what is kept lies before what is looked at */
        l->tfs[count] = (uint32_t)tf;
        count += tf > 0;
        first = end;
    }
    l->count = count;
    return beyond == 0;
}

/* The same for rows that have a term under many paths: one share after the other. */
static bool keep_rows_of_many(text_list *l, const shares *s, uint32_t rows)
{
    uint64_t at = 0;
    for (uint32_t i = 0; i < rows; i++) {
        uint64_t tf = 0;
        for (uint32_t n = 0; n < s->counts[i]; n++, at++)
            if (has_path(l, postings_get(s->paths, s->path_width, at)))
                tf += (uint64_t)postings_get(s->tfs, s->tf_width, at) + 1;
        if (tf > UINT32_MAX) return false;
        l->slots[l->count] = l->slots[i];
        l->tfs[l->count] = (uint32_t)tf;
        l->count += tf > 0;
    }
    return true;
}

/* Keep the rows that have the term under the paths, with the tf there. */
static varve_status keep_paths(text_list *l, const body *b, const uint8_t *at,
                               const uint8_t *widths, varve_error *err)
{
    uint32_t counts[POSTINGS_BLOCK];
    const uint8_t *packed;
    shares s = {.path_width = widths[3], .tf_width = widths[4], .counts = counts};
    if (!take_packed(&at, b->end, widths[2], b->rows, &packed)) return corrupt(err);
    postings_unpack(packed, widths[2], b->rows, counts);
    for (uint32_t i = 0; i < b->rows; i++) {
        if (counts[i] >= TEXT_PATHS_STORED_MAX) return corrupt(err);
        s.all += ++counts[i];
    }
    if (!take_packed(&at, b->end, widths[3], s.all, &s.paths) ||
        !take_packed(&at, b->end, widths[4], s.all, &s.tfs))
        return corrupt(err);
    l->count = 0;
    bool fine =
        s.all <= SHARES_AT_ONCE ? keep_rows(l, &s, b->rows) : keep_rows_of_many(l, &s, b->rows);
    return fine ? VARVE_OK : corrupt(err);
}

varve_status text_list_read(text_list *l, uint32_t block, varve_error *err)
{
    const uint8_t *gaps, *tfs;
    bool several = l->path_count > 1;
    size_t widths = several ? 5 : 2;
    body b;
    l->block = POSTINGS_NONE;
    VV_TRY(find_body(l, block, &b, err));
    if ((size_t)(b.end - b.at) < widths) return corrupt(err);
    const uint8_t *width = b.at, *at = b.at + widths;
    if (!take_packed(&at, b.end, width[0], b.rows, &gaps) ||
        !take_packed(&at, b.end, width[1], b.rows, &tfs))
        return corrupt(err);
    postings_unpack(gaps, width[0], b.rows, l->slots);
    if (!slots_of_gaps(l, block, &b, l->slots)) return corrupt(err);
    l->count = b.rows;
    l->at = 0;
    if (several && !l->paths->all) {
        VV_TRY(keep_paths(l, &b, at, width, err));
    } else {
        postings_unpack(tfs, width[1], b.rows, l->tfs);
        for (uint32_t i = 0; i < b.rows; i++)
            if (++l->tfs[i] == 0) return corrupt(err);
    }
    l->block = block;
    return VARVE_OK;
}
