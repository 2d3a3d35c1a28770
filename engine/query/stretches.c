/* stretches.c — see stretches.h. */
#include "query/stretches.h"

#include "base/bytes.h"
#include "base/topk.h"

#include <stdlib.h>

#define WORD_ROWS 64

void stretches_init(stretches *s, const view *v) { *s = (stretches){.v = v}; }
void stretches_done(stretches *s) { free(s->words); }

static varve_status reserve(stretches *s, size_t words, varve_error *err)
{
    if (words <= s->room) return VARVE_OK;
    uint64_t *larger = realloc(s->words, words * sizeof *larger);
    if (!larger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a search");
    s->words = larger;
    s->room = words;
    return VARVE_OK;
}

static varve_status look_at(stretches *s, stretch *ret, varve_error *err)
{
    size_t words = (ret->part.rows + WORD_ROWS - 1) / WORD_ROWS;
    uint64_t count = 0;
    VV_TRY(reserve(s, words, err));
    for (size_t i = 0; i < words; i++) {
        uint64_t left = ret->part.rows - (uint64_t)i * WORD_ROWS, word;
        word = ~tombstones_word(ret->rows->hidden, ret->part.first + i * WORD_ROWS);
        if (left < WORD_ROWS) word &= (UINT64_C(1) << left) - 1;
        count += (uint64_t)__builtin_popcountll(word);
        s->words[i] = word;
    }
    ret->visible = count < ret->part.rows ? s->words : NULL;
    ret->visible_count = count;
    return VARVE_OK;
}

varve_status stretches_next(stretches *s, stretch *ret, bool *ret_more, varve_error *err)
{
    while (s->source < s->v->source_count &&
           s->part == source_part_count(&s->v->sources[s->source])) {
        s->source++;
        s->part = 0;
    }
    *ret_more = s->source < s->v->source_count;
    if (!*ret_more) return VARVE_OK;
    *ret = (stretch){.source = s->source, .rows = &s->v->sources[s->source]};
    VV_TRY(source_part_get(ret->rows, s->part++, &ret->part, err));
    return look_at(s, ret, err);
}

bool stretch_next_row(const stretch *s, uint32_t *at, uint32_t *ret_slot)
{
    for (uint32_t slot = *at; slot < s->part.rows;) {
        uint64_t word = s->visible ? s->visible[slot / WORD_ROWS] >> slot % WORD_ROWS : 1;
        if (word == 0) {
            slot = (slot / WORD_ROWS + 1) * WORD_ROWS;
            continue;
        }
        slot += (uint32_t)__builtin_ctzll(word);
        *at = slot + 1;
        *ret_slot = slot;
        return true;
    }
    return false;
}

/* Room for `keep` rows; *ret_tied: rows that are not there may tie with the wanted-th. */
static varve_status search_some(const stretch *s, const stretch_search *search, size_t wanted,
                                size_t keep, best_rows *best, bool *ret_tied, varve_error *err)
{
    topk t;
    VV_CLEANUP(vv_freep) topk_entry *entries = malloc(keep * sizeof *entries);
    if (!entries) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu hits", keep);
    topk_init(&t, entries, keep);
    VV_TRY(search->run(search->context, s, &t, err));
    topk_sort(&t);
    *ret_tied = t.count == keep && keep < s->visible_count &&
                !(entries[keep - 1].key > entries[wanted - 1].key) &&
                !(entries[wanted - 1].key > best_rows_bound(best));
    for (size_t i = 0; i < t.count && !*ret_tied; i++)
        VV_TRY(best_rows_push(best, entries[i].key, (row_place){s->source, entries[i].slot}, err));
    return VARVE_OK;
}

varve_status stretch_best(const stretch *s, const stretch_search *search, best_rows *best,
                          varve_error *err)
{
    size_t wanted = VV_MIN(best->keep, (size_t)s->visible_count), keep = wanted;
    bool tied = wanted > 0;
    if (tied) keep = VV_MIN(wanted + 1, (size_t)s->visible_count);
    for (; tied; keep = VV_MIN(keep * 4, (size_t)s->visible_count))
        VV_TRY(search_some(s, search, wanted, keep, best, &tied, err));
    return VARVE_OK;
}
