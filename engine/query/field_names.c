/* field_names.c — which top-level fields are in use? Every live row's fields are walked; threads
 * take pieces of rows from a counter and keep a set of raw keys each. Few keys repeat over many
 * rows, so escapes are decoded once per distinct key, at the end. */
#include "base/bytes.h"
#include "base/hashmap.h"
#include "base/json.h"
#include "query/query.h"

#include <stdatomic.h>
#include <stdlib.h>

#define WORD_ROWS  64
#define PIECE_ROWS ((uint64_t)16384)

typedef struct part {
    hashmap keys; /* raw, between the quotes; the values mean nothing */
    varve_status status;
    varve_error error;
} part;

typedef struct walk {
    view *v;
    uint64_t piece_count;
    size_t part_count;
    part *parts;
    _Atomic(uint64_t) next_piece;
    char **names; /* unescaped; owned */
    size_t name_count;
} walk;

static varve_status put_key(hashmap *keys, const void *key, size_t len, varve_error *err)
{
    if (hashmap_get(keys, key, len) || hashmap_put(keys, key, len, keys)) return VARVE_OK;
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for field names");
}

static varve_status walk_row(part *p, const row_source *s, uint64_t slot, varve_error *err)
{
    varve_text fields, key, value;
    VV_TRY(source_fields(s, slot, &fields, err));
    const char *at = fields.data, *end = fields.data + fields.len;
    while (json_next_member(&at, end, &key, &value))
        VV_TRY(put_key(&p->keys, key.data, key.len, err));
    return VARVE_OK;
}

static varve_status walk_rows(part *p, const row_source *s, uint64_t first, uint64_t end,
                              varve_error *err)
{
    for (uint64_t word = first; word < end; word += WORD_ROWS) {
        uint64_t live = ~tombstones_word(s->hidden, word);
        if (end - word < WORD_ROWS) live &= (UINT64_C(1) << (end - word)) - 1;
        for (; live; live &= live - 1)
            VV_TRY(walk_row(p, s, word + (uint64_t)__builtin_ctzll(live), err));
    }
    return VARVE_OK;
}

static uint64_t pieces_of(const row_source *s) { return (s->rows + PIECE_ROWS - 1) / PIECE_ROWS; }

static varve_status walk_piece(const walk *w, part *p, uint64_t piece, varve_error *err)
{
    const row_source *s = w->v->sources;
    for (; piece >= pieces_of(s); s++)
        piece -= pieces_of(s);
    uint64_t first = piece * PIECE_ROWS;
    return walk_rows(p, s, first, VV_MIN(s->rows, first + PIECE_ROWS), err);
}

static void part_main(void *context, size_t i)
{
    walk *w = context;
    part *p = &w->parts[i];
    uint64_t piece;
    while (p->status == VARVE_OK && (piece = atomic_fetch_add(&w->next_piece, 1)) < w->piece_count)
        p->status = walk_piece(w, p, piece, &p->error);
}

static varve_status merge(walk *w, hashmap *ret_all, varve_error *err)
{
    for (size_t i = 0; i < w->part_count; i++) {
        part *p = &w->parts[i];
        size_t at = 0;
        if (p->status != VARVE_OK) {
            if (err) *err = p->error;
            return p->status;
        }
        for (hashmap_slot *slot; (slot = hashmap_next(&p->keys, &at));)
            VV_TRY(put_key(ret_all, slot->key, slot->key_len, err));
    }
    return VARVE_OK;
}

/* A copy of a raw key as the text that it spells. */
static varve_status unescape(const char *raw, size_t len, char **ret, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *quoted = malloc(len + 2);
    if (!quoted) return vv_fail(err, VARVE_NO_MEMORY, "no memory for field names");
    quoted[0] = quoted[len + 1] = '"';
    memcpy(quoted + 1, raw, len);
    json_t *text = json_loadb(quoted, len + 2, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    *ret = text ? strdup(json_string_value(text)) : NULL;
    json_decref(text);
    return *ret ? VARVE_OK : vv_fail(err, VARVE_CORRUPT, "a field name is malformed");
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Two spellings of a key may be one name. */
static varve_status sorted_names(walk *w, const hashmap *keys, varve_names **ret, varve_error *err)
{
    size_t at = 0, distinct = 0;
    w->names = calloc(keys->count + 1, sizeof *w->names);
    VV_CLEANUP(vv_freep) const char **names = malloc((keys->count + 1) * sizeof *names);
    if (!w->names || !names) return vv_fail(err, VARVE_NO_MEMORY, "no memory for field names");
    for (hashmap_slot *slot; (slot = hashmap_next(keys, &at)); w->name_count++)
        VV_TRY(unescape(slot->key, slot->key_len, &w->names[w->name_count], err));
    qsort(w->names, w->name_count, sizeof *w->names, compare_names);
    for (size_t i = 0; i < w->name_count; i++) {
        if (distinct == 0 || strcmp(names[distinct - 1], w->names[i]) != 0)
            names[distinct++] = w->names[i];
    }
    return names_new(names, distinct, ret, err);
}

static void walk_done(walk *w)
{
    for (size_t i = 0; w->parts && i < w->part_count; i++)
        hashmap_done(&w->parts[i].keys);
    for (size_t i = 0; i < w->name_count; i++)
        free(w->names[i]);
    free(w->parts);
    free(w->names);
}

varve_status query_field_names(view *v, thread_pool *pool, varve_names **ret, varve_error *err)
{
    VV_CLEANUP(walk_done) walk w = {.v = v};
    VV_CLEANUP(hashmap_done) hashmap all;
    hashmap_init(&all);
    for (size_t i = 0; i < v->source_count; i++)
        w.piece_count += pieces_of(&v->sources[i]);
    w.part_count = VV_MIN(pool_threads(pool) + 1, (size_t)w.piece_count);
    w.parts = calloc(w.part_count + 1, sizeof *w.parts);
    if (!w.parts) return vv_fail(err, VARVE_NO_MEMORY, "no memory for field names");
    for (size_t i = 0; i < w.part_count; i++)
        hashmap_init(&w.parts[i].keys);
    pool_run(pool, w.part_count, part_main, &w);
    VV_TRY(merge(&w, &all, err));
    return sorted_names(&w, &all, ret, err);
}
