/* text_list_write.c — the chain of a term into its list of postings. */
#include "field/text_inner.h"

#include <stdlib.h>

typedef struct block {
    uint32_t slots[POSTINGS_BLOCK], tfs[POSTINGS_BLOCK], share_counts[POSTINGS_BLOCK];
    uint32_t count;
    uint32_t next_slot; /* behind the block before */
    text_impact impact;
} block;

void text_list_writer_done(text_list_writer *w)
{
    free(w->shares.paths);
    free(w->shares.tfs);
    free(w->path_df);
}

text_lengths text_builder_lengths(const text_list_writer *w, uint32_t path_at)
{
    const text_builder *b = w->builder;
    const uint8_t *data = (const uint8_t *)w->out->data;
    bool total = path_at == POSTINGS_NONE;
    size_t at = total ? w->total_at : w->paths[path_at];
    const uint8_t *entry = data + w->start + TEXT_HEADER_BYTES + (size_t)path_at * TEXT_PATH_BYTES;
    text_lengths l = {.lengths = data + at, .count = b->rows};
    l.width = total ? data[w->start + 33] : entry[7];
    if (!total && !(entry[6] & TEXT_PATH_DENSE)) {
        l.count = b->paths[path_at].count;
        l.slots = data + at;
        l.lengths = data + at + (size_t)l.count * 4;
    }
    return l;
}

/* ---- reading the chain ---------------------------------------------------------------------- */

static varve_status add_share(text_list_writer *w, text_share share, varve_error *err)
{
    struct text_shares *s = &w->shares;
    if (s->count == s->room) {
        size_t room = s->room ? 2 * s->room : 2 * POSTINGS_BLOCK;
        uint32_t *paths = realloc(s->paths, room * sizeof *paths);
        if (paths) s->paths = paths;
        uint32_t *tfs = realloc(s->tfs, room * sizeof *tfs);
        if (tfs) s->tfs = tfs;
        if (!paths || !tfs) return vv_fail(err, VARVE_NO_MEMORY, "no memory for postings");
        s->room = room;
    }
    s->paths[s->count] = share.path;
    s->tfs[s->count++] = share.tf;
    return VARVE_OK;
}

static void bound_share(const text_list_writer *w, block *k, uint32_t path, uint32_t slot)
{
    text_lengths lengths = text_builder_lengths(w, path);
    text_impact_add_path(&k->impact, 0, text_length_get(&lengths, slot));
}

static void bound_row(const text_list_writer *w, block *k, uint32_t tf, uint32_t slot)
{
    text_lengths total = text_builder_lengths(w, POSTINGS_NONE);
    uint32_t length = text_length_get(&total, slot);
    text_impact_add(&k->impact, tf, length);
    text_impact_add_path(&k->impact, tf, w->builder->path_count > 1 ? UINT32_MAX : length);
}

/* One more row into the block: its shares, and, where a bound will be written, what they say of it.
 */
static varve_status read_row(text_list_writer *w, text_chain *chain, bool bounded, block *k,
                             varve_error *err)
{
    text_share share;
    uint32_t slot, shares, tf = 0;
    bool several = w->builder->path_count > 1;
    if (!text_chain_next(chain, &slot, &shares, &share))
        return vv_fail(err, VARVE_INTERNAL, "a chain of postings is too short");
    for (uint32_t i = 0; i < VV_MAX(shares, 1); i++) {
        if (shares) share = text_chain_share(chain);
        tf += share.tf;
        if (!several) continue;
        VV_TRY(add_share(w, share, err));
        if (bounded) bound_share(w, k, share.path, slot);
    }
    if (bounded) bound_row(w, k, tf, slot);
    k->slots[k->count] = slot;
    k->tfs[k->count] = tf;
    k->share_counts[k->count++] = VV_MAX(shares, 1);
    return VARVE_OK;
}

static varve_status read_block(text_list_writer *w, text_chain *chain, uint32_t rows, bool bounded,
                               block *k, varve_error *err)
{
    k->count = 0;
    w->shares.count = 0;
    if (bounded) text_impact_init(&k->impact);
    while (k->count < rows)
        VV_TRY(read_row(w, chain, bounded, k, err));
    return VARVE_OK;
}

/* ---- writing -------------------------------------------------------------------------------- */

static unsigned widest(const uint32_t *values, size_t count)
{
    uint32_t all = 0;
    for (size_t i = 0; i < count; i++)
        all |= values[i];
    return postings_width(all);
}

static void decrement(uint32_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i]--;
}

/* The block's numbers become what is written: gaps, and counts less one. */
static varve_status write_body(text_list_writer *w, block *k, varve_error *err)
{
    struct text_shares *s = &w->shares;
    bool several = w->builder->path_count > 1;
    uint32_t gaps[POSTINGS_BLOCK];
    for (uint32_t i = 0; i < k->count; i++) {
        gaps[i] = k->slots[i] - k->next_slot;
        k->next_slot = k->slots[i] + 1;
    }
    decrement(k->tfs, k->count);
    decrement(k->share_counts, k->count);
    decrement(s->tfs, s->count);
    const struct {
        const uint32_t *values;
        size_t count;
    } parts[] = {{gaps, k->count},
                 {k->tfs, k->count},
                 {k->share_counts, k->count},
                 {s->paths, s->count},
                 {s->tfs, s->count}};
    size_t count = several ? VV_COUNT(parts) : 2;
    uint8_t widths[VV_COUNT(parts)];
    for (size_t i = 0; i < count; i++)
        widths[i] = (uint8_t)widest(parts[i].values, parts[i].count);
    VV_TRY(buffer_add(w->out, widths, count, err));
    for (size_t i = 0; i < count; i++)
        VV_TRY(postings_pack(w->out, parts[i].values, parts[i].count, widths[i], err));
    return VARVE_OK;
}

/* ---- how many rows have the term under each path */

static varve_status make_path_df(text_list_writer *w, varve_error *err)
{
    if (!w->path_df) w->path_df = calloc(w->builder->path_count, sizeof *w->path_df);
    return w->path_df ? VARVE_OK : vv_fail(err, VARVE_NO_MEMORY, "no memory for postings");
}

typedef struct path_range { /* of paths that have some */
    uint32_t used, first, last;
} path_range;

static void count_path(text_list_writer *w, path_range *r, uint32_t path)
{
    r->used += w->path_df[path]++ == 0;
    r->first = VV_MIN(r->first, path);
    r->last = VV_MAX(r->last, path);
}

/* All is 0 again behind it. */
static varve_status write_path_df(text_list_writer *w, const path_range *r, varve_error *err)
{
    VV_TRY(varint_add(w->out, r->used, err));
    for (uint32_t i = r->first; i <= r->last; i++) {
        if (!w->path_df[i]) continue;
        VV_TRY(varint_add(w->out, i, err));
        VV_TRY(varint_add(w->out, w->path_df[i], err));
        w->path_df[i] = 0;
    }
    return VARVE_OK;
}

static varve_status write_chain_df(text_list_writer *w, uint32_t term, varve_error *err)
{
    path_range range = {.first = UINT32_MAX};
    uint32_t slot, shares;
    text_share share;
    text_chain chain;
    VV_TRY(make_path_df(w, err));
    text_chain_open(&w->builder->terms, term, &chain);
    while (text_chain_next(&chain, &slot, &shares, &share))
        for (uint32_t i = 0; i < VV_MAX(shares, 1); i++) {
            if (shares) share = text_chain_share(&chain);
            count_path(w, &range, share.path);
        }
    return write_path_df(w, &range, err);
}

/* Of the block that was just read, which is all of the list. */
static varve_status write_block_df(text_list_writer *w, varve_error *err)
{
    path_range range = {.first = UINT32_MAX};
    VV_TRY(make_path_df(w, err));
    for (size_t i = 0; i < w->shares.count; i++)
        count_path(w, &range, w->shares.paths[i]);
    return write_path_df(w, &range, err);
}

/* ---- all ------------------------------------------------------------------------------------ */

/* Many blocks: a directory of them before their bodies. */
static varve_status write_blocks(text_list_writer *w, text_chain *chain, uint32_t rows, block *k,
                                 varve_error *err)
{
    const text_builder *b = w->builder;
    double average = b->rows ? (double)b->tokens / b->rows : 1;
    size_t blocks = (rows + POSTINGS_BLOCK - 1) / POSTINGS_BLOCK;
    size_t head = w->out->len, entries = head + TEXT_IMPACT_BYTES;
    size_t bodies = entries + blocks * TEXT_BLOCK_ENTRY_BYTES;
    text_impact all;
    text_impact_init(&all);
    VV_TRY(buffer_reserve(w->out, bodies - head, err));
    w->out->len = bodies;
    for (size_t i = 0; i < blocks; i++) {
        size_t at = entries + i * TEXT_BLOCK_ENTRY_BYTES;
        uint32_t left = rows - (uint32_t)i * POSTINGS_BLOCK;
        VV_TRY(read_block(w, chain, VV_MIN(left, POSTINGS_BLOCK), true, k, err));
        VV_TRY(write_body(w, k, err));
        if (w->out->len - bodies > UINT32_MAX)
            return vv_fail(err, VARVE_LIMIT, "the postings of a term take more than 4 GiB");
        uint8_t *entry = (uint8_t *)w->out->data + at;
        put_u32(entry, k->slots[k->count - 1]);
        put_u32(entry + 4, (uint32_t)(w->out->len - bodies));
        text_impact_write(&k->impact, average, entry + 8);
        text_impact_merge(&all, entry + 8);
    }
    text_impact_write(&all, average, (uint8_t *)w->out->data + head);
    return VARVE_OK;
}

varve_status text_list_write(text_list_writer *w, uint32_t term, varve_error *err)
{
    uint32_t rows = w->builder->terms.terms[term].rows;
    bool several = w->builder->path_count > 1;
    text_chain chain;
    block k; /* large, and mostly for one row: not cleared */
    k.next_slot = 0;
    text_chain_open(&w->builder->terms, term, &chain);
    if (rows > POSTINGS_BLOCK) {
        if (several) VV_TRY(write_chain_df(w, term, err));
        return write_blocks(w, &chain, rows, &k, err);
    }
    VV_TRY(read_block(w, &chain, rows, false, &k, err));
    if (several) VV_TRY(write_block_df(w, err));
    return write_body(w, &k, err);
}
