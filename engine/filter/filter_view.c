/* filter_view.c — a filter over the sources of a view, stretch by stretch, and the view of the
 * rows that match. */
#include "filter/filter_view.h"

#include "base/bytes.h"
#include "filter/filter_key.h"

#include <stdlib.h>

#define WORD_ROWS    64
#define HIDDEN_SHARE 4 /* of the rows of a segment; with more hidden, all would take too long */

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
    buffer key; /* of the filter; empty: its matches are not kept */
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
    to->cached += from->cached;
    if (from->no_column && !to->no_column) to->no_column_path = from->no_column_path;
    to->no_column |= from->no_column;
}

/* The matching rows of one stretch, at their place in the words of the source. live: room for as
 * many; NULL: hidden rows are matched as well. */
static varve_status match_part(const run *r, task *t, size_t i, uint64_t *live, uint64_t *words,
                               varve_error *err)
{
    stretch s = {.source = t->source, .number = t->number, .options = r->options};
    filter_work work = {0};
    source_part part;
    VV_TRY(source_part_get(t->source, i, &part, err));
    s.first = part.first;
    s.rows = part.rows;
    if (live) live_words(t->source, part.first, part.rows, live);
    const filter_rows rows = {part.rows, stretch_row, &s, live,
                              r->options->find ? stretch_find : NULL};
    VV_TRY(filter_columns(r->f, part.images.columns, &rows, r->options->limit,
                          words + part.first / WORD_ROWS, &work, err));
    /* The last rows of a memtable have no columns yet, whatever the path: that is no hint. */
    if (t->source->mem && !part.images.columns) work.no_column = false;
    add_work(&t->work, &work);
    return VARVE_OK;
}

static void free_words(uint64_t **words) { free(*words); }

/* The slots that do not match or are among the hidden ones, which are not looked at. */
static varve_status find_misses(const run *r, task *t, const tombstones *hidden, tombstones **ret,
                                varve_error *err)
{
    size_t count = (size_t)((t->source->rows + WORD_ROWS - 1) / WORD_ROWS);
    VV_CLEANUP(free_words) uint64_t *words = malloc(2 * count * sizeof *words);
    if (!words) return vv_fail(err, VARVE_NO_MEMORY, "no memory to filter %zu rows", count * 64);
    for (size_t i = 0; i < source_part_count(t->source); i++)
        VV_TRY(match_part(r, t, i, hidden ? words + count : NULL, words, err));
    return tombstones_of_rest(words, t->source->rows, hidden, ret, err);
}

/* ---- what is known from before --------------------------------------------------------------- */

/* The filter's key, and behind it that of the content of a segment. */
static bool segment_key(const run *r, const row_source *s, buffer *ret)
{
    uint8_t name[28];
    if (!s->seg || r->key.len == 0) return false;
    const segment_record *record = segment_get_record(s->seg);
    put_u32(name, segment_get_spec(s->seg)->collection);
    put_u64(name + 4, record->number);
    put_u64(name + 12, record->directory_hash);
    put_u64(name + 20, record->rows);
    return buffer_add(ret, r->key.data, r->key.len, NULL) == VARVE_OK &&
           buffer_add(ret, name, sizeof name, NULL) == VARVE_OK;
}

static bool few_hidden(const row_source *s)
{
    return tombstones_count(s->hidden) <= s->rows / HIDDEN_SHARE;
}

/* The misses of a segment, from the cache or, for the second search that asks for them, into it:
 * then of all rows, whether they live now or not. */
static varve_status ask_cache(const run *r, task *t, bool *ret_known, tombstones **ret,
                              varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer key;
    filter_cache *cache = r->options->cache;
    buffer_init(&key, FILTER_CACHE_KEY_MAX, "key of a filter");
    *ret_known = false;
    if (!segment_key(r, t->source, &key)) return VARVE_OK;
    filter_cache_answer answer = filter_cache_get(cache, key.data, key.len, ret);
    *ret_known = answer == FILTER_CACHE_FOUND;
    t->work.cached += *ret_known;
    if (answer != FILTER_CACHE_WANTED || !few_hidden(t->source)) return VARVE_OK;
    VV_TRY(find_misses(r, t, NULL, ret, err));
    filter_cache_put(cache, key.data, key.len, *ret);
    *ret_known = true;
    return VARVE_OK;
}

static varve_status match_source(const run *r, task *t, varve_error *err)
{
    VV_CLEANUP(tombstones_unrefp) tombstones *misses = NULL;
    bool known;
    VV_TRY(ask_cache(r, t, &known, &misses, err));
    if (known) return tombstones_union(misses, t->source->hidden, &t->hidden, err);
    return find_misses(r, t, t->source->hidden, &t->hidden, err);
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
    buffer_done(&r->key);
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
    buffer_init(&r.key, FILTER_CACHE_KEY_MAX, "key of a filter");
    r.tasks = calloc(VV_MAX(r.count, (size_t)1), sizeof *r.tasks);
    if (!r.tasks) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a filtered view");
    for (size_t i = 0; i < r.count; i++)
        r.tasks[i] = (task){.source = &v->sources[i], .number = i};
    if (!options->cache || !filter_key(f, &r.key)) buffer_clear(&r.key);
    pool_run(options->pool, r.count, match_one, &r);
    for (size_t i = 0; i < r.count; i++)
        if (r.tasks[i].status != VARVE_OK) {
            if (err) *err = r.tasks[i].error;
            return r.tasks[i].status;
        }
    return gather(&r, v, ret, ret_work, err);
}
