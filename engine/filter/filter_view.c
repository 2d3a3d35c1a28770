/* filter_view.c — a filter over the sources of a view, stretch by stretch, and the view of the
 * rows that match. */
#include "filter/filter_view.h"

#include "base/bytes.h"

#include <stdlib.h>

#define WORD_ROWS 64

/* ---- rows of a stretch, for what columns leave open ------------------------------------------ */

typedef struct stretch {
    const row_source *source;
    size_t number; /* of the source */
    const filter_view_options *options;
    uint64_t first, ordinal; /* ordinal: of the row in hand */
    uint32_t rows;
} stretch;

static bool stretch_has_vector(void *context, varve_text name)
{
    const stretch *s = context;
    if (name.len == 0) return true;
    return s->options->has_vector && s->options->has_vector(s->options->context, s->ordinal, name);
}

static varve_status stretch_row(void *context, uint32_t slot, filter_row *ret, varve_error *err)
{
    stretch *s = context;
    const uint8_t *key;
    size_t len;
    *ret = (filter_row){.has_vector = stretch_has_vector, .context = s};
    VV_TRY(source_id_key(s->source, s->first + slot, &key, &len, err));
    if (!id_key_get(key, len, &ret->id))
        return vv_fail(err, VARVE_CORRUPT, "row %llu has a malformed id",
                       (unsigned long long)(s->first + slot));
    VV_TRY(source_ordinal(s->source, s->first + slot, &s->ordinal, err));
    return source_fields(s->source, s->first + slot, &ret->fields, err);
}

static varve_status stretch_find(void *context, varve_id id, uint32_t *ret, varve_error *err)
{
    const stretch *s = context;
    row_place place;
    bool found;
    VV_TRY(s->options->find(s->options->context, id, &found, &place, err));
    found = found && place.source == s->number && place.slot >= s->first &&
            place.slot - s->first < s->rows;
    *ret = found ? (uint32_t)(place.slot - s->first) : UINT32_MAX;
    return VARVE_OK;
}

/* ---- one source ------------------------------------------------------------------------------ */

typedef struct task { /* a source, and what becomes of it */
    const row_source *source;
    size_t number;
    tombstones *hidden; /* made */
    filter_work work;
    varve_status status;
    varve_error error;
} task;

typedef struct run {
    const filter *f;
    const filter_view_options *options;
    task *tasks;
    size_t count;
} run;

static void live_words(const row_source *s, uint64_t first, uint32_t rows, uint64_t *ret)
{
    for (uint32_t i = 0; i < rows; i += WORD_ROWS)
        ret[i / WORD_ROWS] = ~tombstones_word(s->hidden, first + i);
}

static void add_work(filter_work *to, const filter_work *from)
{
    to->postings += from->postings;
    to->rows += from->rows;
    if (from->no_column && !to->no_column) to->no_column_path = from->no_column_path;
    to->no_column |= from->no_column;
}

/* The matching rows of one stretch, at their place in the words of the source. */
static varve_status match_part(const run *r, task *t, size_t i, uint64_t *live, uint64_t *words,
                               varve_error *err)
{
    stretch s = {.source = t->source, .number = t->number, .options = r->options};
    filter_work work = {0};
    source_part part;
    VV_TRY(source_part_get(t->source, i, &part, err));
    s.first = part.first;
    s.rows = part.rows;
    live_words(t->source, part.first, part.rows, live);
    const filter_rows rows = {part.rows, stretch_row, &s, live,
                              r->options->find ? stretch_find : NULL};
    VV_TRY(filter_columns(r->f, part.images.columns, &rows, r->options->limit,
                          words + part.first / WORD_ROWS, &work, err));
    /* The last rows of a memtable have no columns yet, whatever the path: that is no hint. */
    if (t->source->mem && !part.images.columns) work.no_column = false;
    add_work(&t->work, &work);
    return VARVE_OK;
}

/* words: those that match; turned into those that do not, and into the hidden set. */
static varve_status hide_rest(task *t, uint64_t *words, size_t count, varve_error *err)
{
    uint64_t rows = t->source->rows;
    for (size_t i = 0; i < count; i++)
        words[i] = ~words[i] | tombstones_word(t->source->hidden, (uint64_t)i * WORD_ROWS);
    if (rows % WORD_ROWS) words[count - 1] &= (UINT64_C(1) << rows % WORD_ROWS) - 1;
    return tombstones_of_words(words, count, &t->hidden, err);
}

static void free_words(uint64_t **words) { free(*words); }

static varve_status match_source(const run *r, task *t, varve_error *err)
{
    size_t count = (size_t)((t->source->rows + WORD_ROWS - 1) / WORD_ROWS);
    VV_CLEANUP(free_words) uint64_t *words = calloc(2 * count, sizeof *words);
    if (!words) return vv_fail(err, VARVE_NO_MEMORY, "no memory to filter %zu rows", count * 64);
    for (size_t i = 0; i < source_part_count(t->source); i++)
        VV_TRY(match_part(r, t, i, words + count, words, err));
    return hide_rest(t, words, count, err);
}

static void match_one(void *context, size_t i)
{
    run *r = context;
    r->tasks[i].status = match_source(r, &r->tasks[i], &r->tasks[i].error);
}

/* ---- the view -------------------------------------------------------------------------------- */

static void run_done(run *r)
{
    for (size_t i = 0; r->tasks && i < r->count; i++)
        tombstones_unref(r->tasks[i].hidden);
    free(r->tasks);
}

static varve_status gather(const run *r, const view *v, view **ret, filter_work *ret_work,
                           varve_error *err)
{
    filter_work work = {0};
    tombstones **hidden = malloc(VV_MAX(r->count, (size_t)1) * sizeof *hidden);
    varve_status status;
    if (!hidden) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a filtered view");
    for (size_t i = 0; i < r->count; i++) {
        hidden[i] = r->tasks[i].hidden;
        add_work(&work, &r->tasks[i].work);
    }
    status = view_derive(v, hidden, ret, err);
    free(hidden);
    if (status == VARVE_OK) *ret_work = work;
    return status;
}

varve_status filter_view(const view *v, const filter *f, const filter_view_options *options,
                         view **ret, filter_work *ret_work, varve_error *err)
{
    VV_CLEANUP(run_done) run r = {.f = f, .options = options, .count = v->source_count};
    r.tasks = calloc(VV_MAX(r.count, (size_t)1), sizeof *r.tasks);
    if (!r.tasks) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a filtered view");
    for (size_t i = 0; i < r.count; i++)
        r.tasks[i] = (task){.source = &v->sources[i], .number = i};
    pool_run(options->pool, r.count, match_one, &r);
    for (size_t i = 0; i < r.count; i++)
        if (r.tasks[i].status != VARVE_OK) {
            if (err) *err = r.tasks[i].error;
            return r.tasks[i].status;
        }
    return gather(&r, v, ret, ret_work, err);
}
