/* scope.c — see scope.h. */
#include "query/scope.h"

#include "base/bytes.h"
#include "filter/filter_view.h"

#include "base/hashmap.h"

#include <pthread.h>
#include <stdlib.h>

varve_status scope_all(const query_input *in, scope *ret, varve_error *err)
{
    (void)err;
    *ret = (scope){.in = in, .v = view_ref(in->v), .all = true};
    return VARVE_OK;
}

void scope_done(scope *s)
{
    view_unref(s->v);
    ordinal_set_done(&s->ordinals);
    *s = (scope){0};
}

/* ---- filters ------------------------------------------------------------------------------- */

/* What a filter may ask of rows beside their fields: which have vectors in named fields, and where
 * those with certain ids are, which is found once and kept. */
typedef struct presence {
    const query_input *in;
    ordinal_set *sets; /* of each field of the input */
    bool *known;
    pthread_mutex_t lock; /* guards: */
    hashmap places;       /*   id key → row_place, owned; source SIZE_MAX: nowhere */
} presence;

static void presence_done(presence *p)
{
    for (size_t i = 0; p->sets && i < p->in->field_count; i++)
        ordinal_set_done(&p->sets[i]);
    free(p->sets);
    free(p->known);
    size_t at = 0;
    for (hashmap_slot *slot; (slot = hashmap_next(&p->places, &at));)
        free(slot->value);
    hashmap_done(&p->places);
    pthread_mutex_destroy(&p->lock);
}

static void presence_begin(presence *p, const query_input *in)
{
    *p = (presence){.in = in};
    pthread_mutex_init(&p->lock, NULL);
    hashmap_init(&p->places);
}

static varve_status locate(presence *p, varve_id id, const uint8_t *key, const row_place **ret,
                           varve_error *err)
{
    bool found;
    row_place *kept = hashmap_get(&p->places, key, id_key_size(id)), place;
    if (!kept) {
        VV_TRY(query_locate(p->in, id, &found, &place, err));
        kept = malloc(sizeof *kept);
        if (!kept || !hashmap_put(&p->places, key, id_key_size(id), kept)) {
            free(kept);
            return vv_fail(err, VARVE_NO_MEMORY, "no memory for a filter");
        }
        *kept = found ? place : (row_place){SIZE_MAX, 0};
    }
    *ret = kept;
    return VARVE_OK;
}

static varve_status find_row(void *context, varve_id id, bool *ret_found, row_place *ret,
                             varve_error *err)
{
    presence *p = context;
    const row_place *place;
    VV_CLEANUP(vv_freep) uint8_t *key = malloc(id_key_size(id));
    if (!key) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a filter");
    id_key_put(id, key);
    pthread_mutex_lock(&p->lock);
    varve_status status = locate(p, id, key, &place, err);
    if (status == VARVE_OK) {
        *ret_found = place->source != SIZE_MAX;
        *ret = *place;
    }
    pthread_mutex_unlock(&p->lock);
    return status;
}

static size_t field_at(const query_input *in, varve_text name)
{
    size_t i = 0;
    while (i < in->field_count && (strlen(in->fields[i].name) != name.len ||
                                   memcmp(in->fields[i].name, name.data, name.len) != 0))
        i++;
    return i;
}

static bool is_default(varve_text name)
{
    return name.len == 0 || (name.len == 7 && memcmp(name.data, "default", 7) == 0);
}

static bool has_vector(void *context, uint64_t ordinal, varve_text name)
{
    const presence *p = context;
    size_t i = field_at(p->in, name);
    if (is_default(name)) return true;
    return i < p->in->field_count && p->known[i] && ordinal_set_has(&p->sets[i], ordinal);
}

static varve_status presence_of(presence *p, const filter_node *node, varve_error *err)
{
    for (size_t i = 0; i < node->child_count; i++)
        VV_TRY(presence_of(p, node->children[i], err));
    if (node->op != FILTER_HAS_VECTOR) return VARVE_OK;
    size_t i = field_at(p->in, node->pattern);
    if (i == p->in->field_count || p->known[i]) return VARVE_OK;
    VV_TRY(ordinal_set_of_view(p->in->fields[i].v, p->in->clock, &p->sets[i], err));
    p->known[i] = true;
    return VARVE_OK;
}

static varve_status presence_init(presence *p, const struct varve_filter *filter, varve_error *err)
{
    p->sets = calloc(p->in->field_count + 1, sizeof *p->sets);
    p->known = calloc(p->in->field_count + 1, sizeof *p->known);
    if (!p->sets || !p->known) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a filter");
    return presence_of(p, filter->root, err);
}

varve_status scope_filter(const scope *from, const struct varve_filter *filter,
                          const query_clock *clock, explain *e, scope *ret, varve_error *err)
{
    filter_work work = {0};
    view *v = NULL;
    if (!filter) {
        *ret = (scope){.in = from->in, .v = view_ref(from->v), .all = from->all};
        return VARVE_OK;
    }
    VV_TRY(query_clock_check(clock, err));
    VV_CLEANUP(presence_done) presence p;
    presence_begin(&p, from->in);
    VV_TRY(presence_init(&p, filter, err));
    filter_view_options options = {
        .pool = from->in->pool, .limit = clock, .cache = from->in->filters};
    options.has_vector = has_vector;
    options.find = from->in->rowver_of ? find_row : NULL;
    options.context = &p;
    VV_TRY(filter_view(from->v, filter, &options, &v, &work, err));
    varve_status status = explain_filter(e, &work, v->rows_live, err);
    if (status != VARVE_OK) {
        view_unref(v);
        return status;
    }
    *ret = (scope){.in = from->in, .v = v};
    return VARVE_OK;
}

/* ---- chosen rows --------------------------------------------------------------------------- */

/* All slots but those of the chosen rows of one source. */
static varve_status hide_rest(const view *v, size_t source, const ranked_row *rows, size_t count,
                              tombstones **ret, varve_error *err)
{
    uint64_t slots = v->sources[source].rows;
    size_t words = (size_t)((slots + 63) / 64);
    VV_CLEANUP(vv_freep) uint64_t *bits = calloc(words + 1, sizeof *bits);
    if (!bits) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a view");
    memset(bits, 0xff, words * sizeof *bits);
    if (slots % 64) bits[words - 1] = (UINT64_C(1) << slots % 64) - 1;
    for (size_t i = 0; i < count; i++) {
        uint64_t slot = rows[i].place.slot;
        if (rows[i].place.source != source) continue;
        if (tombstones_has(v->sources[source].hidden, slot)) continue;
        bits[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    }
    return tombstones_of_words(bits, words, ret, err);
}

varve_status scope_rows(const scope *from, const ranked_row *rows, size_t count, scope *ret,
                        varve_error *err)
{
    const view *v = from->v;
    varve_status status = VARVE_OK;
    view *derived = NULL;
    VV_CLEANUP(vv_freep) tombstones **hidden = calloc(v->source_count + 1, sizeof *hidden);
    if (!hidden) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a view");
    for (size_t i = 0; i < v->source_count && status == VARVE_OK; i++) {
        status = query_clock_check(from->in->clock, err);
        if (status == VARVE_OK) status = hide_rest(v, i, rows, count, &hidden[i], err);
    }
    if (status == VARVE_OK) status = view_derive(v, hidden, &derived, err);
    for (size_t i = 0; i < v->source_count; i++)
        tombstones_unref(hidden[i]);
    if (status == VARVE_OK) *ret = (scope){.in = from->in, .v = derived};
    return status;
}

/* ---- children ------------------------------------------------------------------------------ */

varve_status scope_child(scope *s, const query_field *field, view **ret, varve_error *err)
{
    if (s->all) {
        *ret = view_ref(field->v);
        return VARVE_OK;
    }
    if (!s->has_ordinals) VV_TRY(ordinal_set_of_view(s->v, s->in->clock, &s->ordinals, err));
    s->has_ordinals = true;
    return view_with_ordinals(field->v, &s->ordinals, s->in->clock, ret, err);
}

varve_status scope_to_parent(const scope *s, const query_field *field, ranked_row *rows,
                             size_t count, varve_error *err)
{
    VV_CLEANUP(vv_freep) uint64_t *ordinals = calloc(count + 1, sizeof *ordinals);
    VV_CLEANUP(vv_freep) row_place *places = malloc((count + 1) * sizeof *places);
    if (!ordinals || !places) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu hits", count);
    for (size_t i = 0; i < count; i++) {
        const row_source *source = &field->v->sources[rows[i].place.source];
        VV_TRY(source_ordinal(source, rows[i].place.slot, &ordinals[i], err));
    }
    VV_TRY(view_find_ordinals(s->in->v, ordinals, count, s->in->clock, places, err));
    for (size_t i = 0; i < count; i++) {
        if (places[i].source == SIZE_MAX)
            return vv_fail(err, VARVE_CORRUPT, "a vector of field '%s' belongs to no row",
                           field->name);
        rows[i] = (ranked_row){.key = rows[i].key, .place = places[i]};
    }
    return VARVE_OK;
}
