/* path_columns.c — see path_columns.h. */
#include "query/path_columns.h"

#include "base/bytes.h"

#define WORD_ROWS 64

/* ---- columns ------------------------------------------------------------------------------- */

static size_t leading_keys(const path *p)
{
    size_t keys = 0;
    while (keys < p->count && p->steps[keys].kind == PATH_KEY)
        keys++;
    return keys;
}

/* Has any row a member with the name of all leading keys? It goes before the nested one. */
static varve_status has_flat(const columns *c, const path *p, bool *ret, varve_error *err)
{
    char name[PATH_BYTES_MAX + PATH_STEPS_MAX];
    size_t keys = leading_keys(p), len = 0;
    column unused;
    *ret = false;
    if (keys < 2) return VARVE_OK;
    for (size_t i = 0; i < keys; i++) {
        varve_text key = p->steps[i].key;
        if (i > 0) name[len++] = '.';
        if (key.len > sizeof name - 1 - len) return VARVE_OK; /* longer than keys of paths are */
        if (key.len) memcpy(name + len, key.data, key.len);
        len += key.len;
    }
    const path_step flat = {.kind = PATH_KEY, .key = {name, len}};
    return column_find(c, &flat, 1, &unused, ret, err);
}

static bool has_index(const path *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->steps[i].kind == PATH_INDEX) return true;
    return false;
}

varve_status path_columns_find(const columns *c, const path *p, path_columns *ret, bool *ret_usable,
                               varve_error *err)
{
    path_step more[PATH_STEPS_MAX + 1];
    path_columns found = {0};
    bool flat = false;
    *ret_usable = false;
    if (!c || has_index(p) || p->count > PATH_STEPS_MAX || columns_incomplete(c)) return VARVE_OK;
    VV_TRY(has_flat(c, p, &flat, err));
    if (flat) return VARVE_OK;
    VV_TRY(column_find(c, p->steps, p->count, &found.at, &found.there, err));
    memcpy(more, p->steps, p->count * sizeof *more);
    more[p->count] = (path_step){.kind = PATH_EACH};
    if (found.there)
        VV_TRY(column_find(c, more, p->count + 1, &found.each, &found.each_there, err));
    *ret = found;
    *ret_usable = true;
    return VARVE_OK;
}

/* ---- stretches ----------------------------------------------------------------------------- */

varve_status row_stretch_get(const row_bits *rows, size_t source, size_t i, row_stretch *ret,
                             varve_error *err)
{
    row_stretch s = {.from = &rows->v->sources[source], .source = source};
    VV_TRY(source_part_get(s.from, i, &s.part, err));
    s.wanted = rows->words[source] + s.part.first / WORD_ROWS;
    for (uint32_t slot = 0; slot < s.part.rows; slot += WORD_ROWS)
        s.count += (uint64_t)__builtin_popcountll(s.wanted[slot / WORD_ROWS]);
    *ret = s;
    return VARVE_OK;
}

bool row_stretch_next(const row_stretch *s, uint32_t *slot)
{
    for (uint32_t at = *slot; at < s->part.rows; at = (at / WORD_ROWS + 1) * WORD_ROWS) {
        uint64_t word = s->wanted[at / WORD_ROWS] >> at % WORD_ROWS;
        if (word == 0) continue;
        *slot = at + (uint32_t)__builtin_ctzll(word);
        return *slot < s->part.rows;
    }
    return false;
}
