/* row_bits.c — see rows.h. Live rows are filtered by the columns; deleted ones, which are few, one
 * by one. */
#include "query/rows.h"

#include "filter/filter_row.h"

#include <stdlib.h>

#define WORD_ROWS  64
#define CHECK_ROWS 256
#define TEXT_MAX   ((size_t)16 << 20)

void row_bits_done(row_bits *b)
{
    for (size_t i = 0; b->words && i < b->v->source_count; i++)
        free(b->words[i]);
    free(b->words);
    *b = (row_bits){0};
}

static varve_status live_bits(row_bits *b, const view *filtered, varve_error *err)
{
    for (size_t i = 0; i < b->v->source_count; i++) {
        const row_source *s = &filtered->sources[i];
        b->words[i] = calloc((size_t)(s->rows / WORD_ROWS + 1), sizeof *b->words[i]);
        if (!b->words[i]) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a query");
        for (uint64_t word = 0; word < s->rows; word += WORD_ROWS) {
            uint64_t left = s->rows - word, mask = UINT64_MAX;
            if (left < WORD_ROWS) mask = (UINT64_C(1) << left) - 1;
            b->words[i][word / WORD_ROWS] = ~tombstones_word(s->hidden, word) & mask;
        }
    }
    return VARVE_OK;
}

static varve_status matches(const row_source *s, uint64_t slot, const struct varve_filter *filter,
                            buffer *scratch, bool *ret, varve_error *err)
{
    const uint8_t *key;
    size_t len;
    filter_row row = {0};
    truth answer = TRUTH_TRUE;
    VV_TRY(source_id_key(s, slot, &key, &len, err));
    if (!id_key_get(key, len, &row.id))
        return vv_fail(err, VARVE_CORRUPT, "the id of a row is malformed");
    VV_TRY(source_fields(s, slot, &row.fields, err));
    if (filter) VV_TRY(filter_row_truth(filter, &row, scratch, &answer, err));
    *ret = answer == TRUTH_TRUE;
    return VARVE_OK;
}

static varve_status add_deleted(row_bits *b, const struct varve_filter *filter,
                                const query_clock *clock, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer scratch;
    bool wanted;
    uint64_t seen = 0;
    buffer_init(&scratch, TEXT_MAX, "text of a field");
    for (size_t i = 0; i < b->v->source_count; i++) {
        const row_source *s = &b->v->sources[i];
        for (uint64_t slot = 0; tombstones_next(s->deleted, slot, &slot); slot++) {
            if (slot >= s->rows) break;
            if (seen++ % CHECK_ROWS == 0) VV_TRY(query_clock_check(clock, err));
            VV_TRY(matches(s, slot, filter, &scratch, &wanted, err));
            if (wanted) b->words[i][slot / WORD_ROWS] |= UINT64_C(1) << slot % WORD_ROWS;
        }
    }
    return VARVE_OK;
}

varve_status row_bits_of_view(row_bits *b, const view *v, varve_error *err)
{
    *b = (row_bits){.v = v, .words = calloc(v->source_count + 1, sizeof(uint64_t *))};
    if (!b->words) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a query");
    return live_bits(b, v, err);
}

varve_status row_bits_init(row_bits *b, const query_input *in, const struct varve_filter *filter,
                           bool deleted, const query_clock *clock, varve_error *err)
{
    VV_CLEANUP(scope_done) scope all = {0};
    VV_CLEANUP(scope_done) scope wanted = {0};
    VV_CLEANUP(explain_done) explain e;
    query_input here = *in;
    here.clock = clock;
    explain_init(&e, in->v->rows_live);
    *b = (row_bits){.v = in->v, .words = calloc(in->v->source_count + 1, sizeof(uint64_t *))};
    if (!b->words) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a query");
    VV_TRY(scope_all(&here, &all, err));
    VV_TRY(scope_filter(&all, filter, clock, &e, &wanted, err));
    VV_TRY(live_bits(b, wanted.v, err));
    return deleted ? add_deleted(b, filter, clock, err) : VARVE_OK;
}

bool row_bits_next(const row_bits *b, row_place *place)
{
    for (; place->source < b->v->source_count; *place = (row_place){place->source + 1, 0}) {
        uint64_t rows = b->v->sources[place->source].rows;
        for (uint64_t slot = place->slot; slot < rows;) {
            uint64_t word = b->words[place->source][slot / WORD_ROWS] >> slot % WORD_ROWS;
            if (word) {
                place->slot = slot + (uint64_t)__builtin_ctzll(word);
                return true;
            }
            slot = (slot / WORD_ROWS + 1) * WORD_ROWS;
        }
    }
    return false;
}
