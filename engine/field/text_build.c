/* text_build.c — rows into a text builder. The tokens of a row are gathered as pairs of term and
 * path, sorted, and counted; then each term's chain gets its row. */
#include "field/text_inner.h"

#include <stdlib.h>

#define PATHS_FIRST      8
#define ROWS_FIRST       256
#define PAIRS_FIRST      256
#define INSERTION_MAX    40 /* pairs; more are sorted by qsort */
#define NAMES_BYTES_MAX  ((size_t)64 << 20)
#define PATH_BITS        16
#define SHARES_STACK_MAX TEXT_PATHS_STORED_MAX

_Static_assert(TEXT_PATHS_STORED_MAX <= 1 << PATH_BITS, "a path fits its bits of a pair");

/* ---- making one ----------------------------------------------------------------------------- */

static void free_builder(text_builder **b) { text_builder_free(*b); }

varve_status text_builder_new(const text_options *options, text_builder **ret, varve_error *err)
{
    VV_CLEANUP(free_builder) text_builder *b = calloc(1, sizeof *b);
    if (!b) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a text builder");
    b->options = *options;
    b->unnamed = POSTINGS_NONE;
    text_walk_init(&b->walk);
    text_terms_init(&b->terms);
    hashmap_init(&b->path_numbers);
    buffer_init(&b->names, NAMES_BYTES_MAX, "names of paths");
    VV_TRY(analyzer_new(options, &b->analyzer, err));
    *ret = b;
    b = NULL;
    return VARVE_OK;
}

void text_builder_free(text_builder *b)
{
    if (!b) return;
    analyzer_free(b->analyzer);
    text_walk_done(&b->walk);
    text_terms_done(&b->terms);
    hashmap_done(&b->path_numbers);
    buffer_done(&b->names);
    for (uint32_t i = 0; i < b->path_count; i++) {
        free(b->paths[i].slots);
        free(b->paths[i].lengths);
    }
    free(b->paths);
    free(b->totals);
    free(b->pairs);
    free(b);
}

uint64_t text_builder_bytes(const text_builder *b)
{
    return sizeof *b + text_terms_bytes(&b->terms) + b->names.capacity + b->lengths_bytes +
           b->row_room * (uint64_t)sizeof *b->totals + b->pair_room * (uint64_t)sizeof *b->pairs +
           b->path_room * (uint64_t)sizeof *b->paths + b->walk.path.capacity +
           b->walk.scratch.capacity;
}

static varve_status no_memory(varve_error *err)
{
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for a text builder");
}

/* An array of elements of this size has room for one more behind count. */
static varve_status make_room(void *array, size_t size, size_t count, size_t *room, size_t first,
                              varve_error *err)
{
    void **at = array, *grown;
    size_t wanted = *room ? 2 * *room : first;
    if (count < *room) return VARVE_OK;
    grown = realloc(*at, wanted * size);
    if (!grown) return no_memory(err);
    *at = grown;
    *room = wanted;
    return VARVE_OK;
}

static varve_status make_room_32(void *array, size_t size, uint32_t count, uint32_t *room,
                                 size_t first, varve_error *err)
{
    size_t wide = *room;
    VV_TRY(make_room(array, size, count, &wide, first, err));
    *room = (uint32_t)wide;
    return VARVE_OK;
}

/* ---- paths ---------------------------------------------------------------------------------- */

static varve_status add_path(text_builder *b, varve_text name, bool unnamed, uint32_t *ret,
                             varve_error *err)
{
    VV_TRY(
        make_room_32(&b->paths, sizeof *b->paths, b->path_count, &b->path_room, PATHS_FIRST, err));
    uint32_t name_at = (uint32_t)b->names.len;
    VV_TRY(buffer_add(&b->names, name.data, name.len, err));
    if (!unnamed &&
        !hashmap_put(&b->path_numbers, name.data, name.len, (void *)(uintptr_t)(b->path_count + 1)))
        return no_memory(err);
    b->paths[b->path_count] = (text_build_path){
        .name_at = name_at, .name_len = (uint32_t)name.len, .plain = !unnamed, .unnamed = unnamed};
    *ret = b->path_count++;
    return VARVE_OK;
}

static varve_status find_path(text_builder *b, varve_text name, uint32_t *ret, varve_error *err)
{
    uintptr_t found = name.data ? (uintptr_t)hashmap_get(&b->path_numbers, name.data, name.len) : 0;
    uint32_t named = b->path_count - (b->unnamed != POSTINGS_NONE);
    if (found) {
        *ret = (uint32_t)(found - 1);
        return VARVE_OK;
    }
    if (name.data && named < TEXT_PATHS_MAX) return add_path(b, name, false, ret, err);
    if (b->unnamed == POSTINGS_NONE)
        VV_TRY(add_path(b, (varve_text){"", 0}, true, &b->unnamed, err));
    *ret = b->unnamed;
    return VARVE_OK;
}

/* ---- a row ---------------------------------------------------------------------------------- */

static varve_status add_text(void *context, varve_text name, bool plain, varve_text text,
                             varve_error *err)
{
    text_builder *b = context;
    const token *tokens;
    size_t count;
    uint32_t path_at, term;
    VV_TRY(analyzer_run(b->analyzer, text, &tokens, &count, err));
    if (count == 0) return VARVE_OK;
    VV_TRY(find_path(b, name, &path_at, err));
    for (size_t i = 0; i < count; i++) {
        VV_TRY(text_terms_find(&b->terms, tokens[i].text, &term, err));
        VV_TRY(
            make_room(&b->pairs, sizeof *b->pairs, b->pair_count, &b->pair_room, PAIRS_FIRST, err));
        b->pairs[b->pair_count++] = (uint64_t)term << PATH_BITS | path_at;
    }
    b->paths[path_at].row_length += (uint32_t)count;
    if (!plain) b->paths[path_at].plain = false;
    return VARVE_OK;
}

static int compare_pairs(const void *x, const void *y)
{
    const uint64_t *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

static void sort_pairs(uint64_t *pairs, size_t count)
{
    if (count > INSERTION_MAX) {
        qsort(pairs, count, sizeof *pairs, compare_pairs);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        uint64_t pair = pairs[i];
        size_t at = i;
        for (; at > 0 && pairs[at - 1] > pair; at--)
            pairs[at] = pairs[at - 1];
        pairs[at] = pair;
    }
}

static varve_status add_postings(text_builder *b, varve_error *err)
{
    text_share shares[SHARES_STACK_MAX];
    sort_pairs(b->pairs, b->pair_count);
    for (size_t i = 0; i < b->pair_count;) {
        uint64_t term = b->pairs[i] >> PATH_BITS;
        size_t count = 0;
        while (i < b->pair_count && b->pairs[i] >> PATH_BITS == term) {
            size_t first = i;
            while (i < b->pair_count && b->pairs[i] == b->pairs[first])
                i++;
            uint32_t path_at = (uint32_t)(b->pairs[first] & ((1u << PATH_BITS) - 1));
            shares[count++] = (text_share){path_at, (uint32_t)(i - first)};
        }
        VV_TRY(text_terms_add(&b->terms, (uint32_t)term, b->rows, shares, count, err));
    }
    return VARVE_OK;
}

static varve_status add_length(text_builder *b, text_build_path *p, varve_error *err)
{
    if (p->count == p->room) {
        uint32_t room = p->room ? 2 * p->room : ROWS_FIRST;
        uint32_t *slots = realloc(p->slots, room * sizeof *slots);
        if (slots) p->slots = slots;
        uint32_t *lengths = realloc(p->lengths, room * sizeof *lengths);
        if (lengths) p->lengths = lengths;
        if (!slots || !lengths) return no_memory(err);
        b->lengths_bytes += 2 * (uint64_t)(room - p->room) * sizeof *slots;
        p->room = room;
    }
    p->slots[p->count] = b->rows;
    p->lengths[p->count++] = p->row_length;
    p->tokens += p->row_length;
    p->row_length = 0;
    return VARVE_OK;
}

static varve_status end_row(text_builder *b, varve_error *err)
{
    VV_TRY(add_postings(b, err));
    VV_TRY(make_room_32(&b->totals, sizeof *b->totals, b->rows, &b->row_room, ROWS_FIRST, err));
    for (uint32_t i = 0; b->pair_count && i < b->path_count; i++)
        if (b->paths[i].row_length) VV_TRY(add_length(b, &b->paths[i], err));
    b->totals[b->rows++] = (uint32_t)b->pair_count;
    b->tokens += b->pair_count;
    return VARVE_OK;
}

varve_status text_builder_add(text_builder *b, varve_text fields, varve_error *err)
{
    if (b->rows == UINT32_MAX || fields.len > UINT32_MAX)
        return vv_fail(err, VARVE_LIMIT, "a text index has room for %u rows", UINT32_MAX);
    if (text_builder_bytes(b) > TEXT_BUILDER_BYTES_MAX)
        return vv_fail(err, VARVE_LIMIT, "a text index takes more than %llu bytes while built",
                       (unsigned long long)TEXT_BUILDER_BYTES_MAX);
    b->pair_count = 0;
    VV_TRY(text_walk_run(&b->walk, fields, add_text, b, err));
    return end_row(b, err);
}
