/* text_query.c — queries: their tokens, and rows that have no index. */
#include "field/text_score.h"

#include <stdlib.h>

#define K1_DEFAULT 1.2
#define B_DEFAULT  0.75
#define PATH_BYTES 4096 /* of a path as it is spelled */

static void *number_of(size_t n) { return (void *)(uintptr_t)(n + 1); }

static varve_status take_array(arena *memory, size_t count, size_t size, void *ret,
                               varve_error *err)
{
    void *array;
    VV_TRY(arena_take(memory, count, size, &array, err));
    *(void **)ret = array;
    return VARVE_OK;
}

/* Distinct tokens and their counts; the map keeps the number of each. */
static varve_status count_tokens(text_query *q, const token *tokens, size_t count, hashmap *numbers,
                                 varve_error *err)
{
    size_t room = VV_MIN(count, (size_t)TEXT_TERMS_MAX);
    VV_TRY(take_array(q->memory, room, sizeof *q->terms, &q->terms, err));
    VV_TRY(take_array(q->memory, room, sizeof *q->counts, &q->counts, err));
    VV_TRY(take_array(q->memory, room, sizeof *q->df, &q->df, err));
    for (size_t i = 0; i < count; i++) {
        varve_text t = tokens[i].text;
        uintptr_t found = (uintptr_t)hashmap_get(numbers, t.data, t.len);
        if (found) {
            q->counts[found - 1]++;
            continue;
        }
        if (q->term_count == TEXT_TERMS_MAX)
            return vv_fail(err, VARVE_LIMIT, "a text query has more than %d distinct terms",
                           TEXT_TERMS_MAX);
        if (!hashmap_put(numbers, t.data, t.len, number_of(q->term_count)))
            return vv_fail(err, VARVE_NO_MEMORY, "no memory for a text query");
        q->counts[q->term_count] = 1;
        VV_TRY(arena_text(q->memory, t.data, t.len, &q->terms[q->term_count++], err));
    }
    return VARVE_OK;
}

static varve_status spell_paths(text_query *q, const varve_text *paths, size_t count,
                                varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer spelled;
    varve_text *all;
    buffer_init(&spelled, PATH_BYTES, "path");
    VV_TRY(take_array(q->memory, count, sizeof *all, &all, err));
    for (size_t i = 0; i < count; i++) {
        buffer_clear(&spelled);
        VV_TRY(text_walk_spell(paths[i], &spelled, err));
        VV_TRY(arena_text(q->memory, spelled.data, spelled.len, &all[i], err));
    }
    q->paths = all;
    q->path_count = count;
    return VARVE_OK;
}

varve_status text_query_init(text_query *ret, varve_text text, const text_options *options,
                             const varve_text *paths, size_t path_count, arena *memory,
                             varve_error *err)
{
    VV_CLEANUP(analyzer_freep) analyzer *a = NULL;
    VV_CLEANUP(hashmap_done) hashmap numbers;
    text_query q = {.k1 = K1_DEFAULT, .b = B_DEFAULT, .memory = memory};
    const token *tokens;
    size_t count;
    hashmap_init(&numbers);
    VV_TRY(analyzer_new(options, &a, err));
    VV_TRY(analyzer_run(a, text, &tokens, &count, err));
    VV_TRY(count_tokens(&q, tokens, count, &numbers, err));
    if (paths) VV_TRY(spell_paths(&q, paths, path_count, err));
    *ret = q;
    return VARVE_OK;
}

/* ---- a row without an index ----------------------------------------------------------------- */

typedef struct tally {
    const text_query *q;
    analyzer *a;
    uint32_t *tfs; /* per term */
    uint32_t length;
} tally;

static bool is_asked_for(const text_query *q, varve_text name)
{
    for (size_t i = 0; i < q->path_count; i++)
        if (name.data && q->paths[i].len == name.len &&
            memcmp(q->paths[i].data, name.data, name.len) == 0)
            return true;
    return !q->paths;
}

static varve_status tally_text(void *context, varve_text path_name, bool plain, varve_text text,
                               varve_error *err)
{
    tally *t = context;
    const token *tokens;
    size_t count;
    (void)plain;
    if (!is_asked_for(t->q, path_name)) return VARVE_OK;
    VV_TRY(analyzer_run(t->a, text, &tokens, &count, err));
    t->length += (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        for (size_t n = 0; n < t->q->term_count; n++)
            if (t->q->terms[n].len == tokens[i].text.len &&
                memcmp(t->q->terms[n].data, tokens[i].text.data, tokens[i].text.len) == 0) {
                t->tfs[n]++;
                break;
            }
    return VARVE_OK;
}

static varve_status tally_row(tally *t, varve_text fields, varve_error *err)
{
    VV_CLEANUP(text_walk_done) text_walk walk;
    text_walk_init(&walk);
    t->tfs = calloc(t->q->term_count + 1, sizeof *t->tfs);
    if (!t->tfs) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a text query");
    return text_walk_run(&walk, fields, tally_text, t, err);
}

static void tally_done(tally *t) { free(t->tfs); }

varve_status text_stats_add_row(text_query *q, analyzer *a, varve_text fields, varve_error *err)
{
    VV_CLEANUP(tally_done) tally t = {.q = q, .a = a};
    VV_TRY(tally_row(&t, fields, err));
    for (size_t i = 0; i < q->term_count; i++)
        q->df[i] += t.tfs[i] > 0;
    q->length_total += t.length;
    q->rows++;
    return VARVE_OK;
}

varve_status text_score_row(const text_query *q, analyzer *a, varve_text fields, double *ret,
                            varve_error *err)
{
    VV_CLEANUP(tally_done) tally t = {.q = q, .a = a};
    VV_CLEANUP(text_scorer_done) text_scorer scorer = {0};
    int64_t sum = 0, part;
    VV_TRY(tally_row(&t, fields, err));
    VV_TRY(text_scorer_init(&scorer, q, err));
    for (size_t i = 0; i < q->term_count; i++) {
        if (t.tfs[i] == 0) continue;
        text_contributions(&scorer, i, &t.tfs[i], &t.length, 1, &part);
        sum += part;
    }
    *ret = text_score_of(&scorer, sum);
    return VARVE_OK;
}
