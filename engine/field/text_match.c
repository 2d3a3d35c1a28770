/* text_match.c — which rows have tokens, without scores: for filters. */
#include "field/text_list.h"

#include <stdlib.h>

#define PATH_BYTES 4096 /* of a path as it is spelled */

static varve_status add_rows(const text_index *x, const text_entry *entry, const text_paths *paths,
                             uint64_t *bits, varve_error *err)
{
    text_list list;
    VV_TRY(text_list_open(x, entry, paths, &list, err));
    for (uint32_t block = 0; block < list.block_count; block++) {
        VV_TRY(text_list_read(&list, block, err));
        for (uint32_t i = 0; i < list.count; i++)
            bits[list.slots[i] / 64] |= UINT64_C(1) << (list.slots[i] % 64);
    }
    return VARVE_OK;
}

typedef struct matching {
    const text_index *x;
    text_paths paths;
    uint64_t *bits; /* of one term */
} matching;

static varve_status add_term(void *context, varve_text term, const text_entry *entry,
                             varve_error *err)
{
    const matching *m = context;
    (void)term;
    return add_rows(m->x, entry, &m->paths, m->bits, err);
}

static varve_status match_term(matching *m, varve_text term, bool prefix, varve_error *err)
{
    text_entry entry;
    if (prefix) return text_index_walk(m->x, term, add_term, m, err);
    VV_TRY(text_index_find(m->x, term, &entry, err));
    return entry.rows ? add_rows(m->x, &entry, &m->paths, m->bits, err) : VARVE_OK;
}

/* The path, and with it, where it has no postings of its own, the one that has no name. */
static varve_status find_paths(matching *m, varve_text path_text, bool *ret_plain, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer spelled;
    *ret_plain = false;
    buffer_init(&spelled, PATH_BYTES, "path");
    if (!path_text.data) {
        text_paths_find(m->x, NULL, 0, &m->paths);
        return VARVE_OK;
    }
    VV_TRY(text_walk_spell(path_text, &spelled, err));
    varve_text name = {spelled.data, spelled.len};
    text_paths_find(m->x, &name, 1, &m->paths);
    bool same = name.len == path_text.len && memcmp(name.data, path_text.data, name.len) == 0;
    uint32_t found = text_index_path(m->x, name);
    if (found != POSTINGS_NONE) {
        *ret_plain = same && (m->x->paths[found].flags & TEXT_PATH_PLAIN);
        return VARVE_OK;
    }
    *ret_plain = same;
    for (uint32_t i = 0; i < m->x->path_count; i++) {
        if (!(m->x->paths[i].flags & TEXT_PATH_UNNAMED)) continue;
        m->paths.bits[i / 64] |= UINT64_C(1) << (i % 64);
        m->paths.one = i;
        m->paths.count = 1;
        *ret_plain = false;
    }
    return VARVE_OK;
}

varve_status text_index_match(const text_index *x, varve_text path_text, const varve_text *terms,
                              size_t term_count, bool any, bool last_prefix, uint64_t *ret,
                              bool *ret_exact, varve_error *err)
{
    size_t words = ((size_t)x->rows + 63) / 64;
    VV_CLEANUP(vv_freep) uint64_t *bits = calloc(words + 1, sizeof *bits);
    VV_CLEANUP(vv_freep) uint64_t *all = calloc(words + 1, sizeof *all);
    matching m = {.x = x, .bits = bits};
    bool plain;
    if (!bits || !all) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a match of texts");
    VV_TRY(find_paths(&m, path_text, &plain, err));
    for (size_t i = 0; i < term_count; i++) {
        if (!any || i == 0) memset(bits, 0, words * sizeof *bits);
        VV_TRY(match_term(&m, terms[i], last_prefix && i + 1 == term_count, err));
        for (size_t word = 0; word < words; word++)
            all[word] = any || i == 0 ? bits[word] : all[word] & bits[word];
    }
    memcpy(ret, all, words * sizeof *all);
    *ret_exact = plain || (!path_text.data && (any || term_count < 2));
    return VARVE_OK;
}
