/* fuzz_record.c — the decoders of record/: whatever the bytes, nothing outside of them is read, and
 * what is accepted is the one form that encoding gives back. The first byte chooses the decoder. */
#include "record/row.h"
#include "record/schema.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const void *got, size_t got_len, const void *wanted, size_t wanted_len)
{
    if (got_len != wanted_len || (wanted_len && memcmp(got, wanted, wanted_len) != 0)) abort();
}

static void check_schema(const uint8_t *data, size_t size)
{
    collection_schema s = {0}, copy = {0};
    varve_error err = {0};
    VV_CLEANUP(buffer_done) buffer out;
    buffer_init(&out, SIZE_MAX, "schema");
    varve_status status = schema_decode(data, size, &s, &err);
    if (status != VARVE_OK) {
        if (status != VARVE_CORRUPT && status != VARVE_NEWER_FORMAT) abort();
        return;
    }
    if (schema_copy(&s, &copy, &err) != VARVE_OK || schema_encode(&copy, &out, &err) != VARVE_OK)
        abort();
    same(out.data, out.len, data, size);
    schema_done(&copy);
    schema_done(&s);
}

static void check_fresh(const uint8_t *data, size_t size)
{
    row_fresh row;
    VV_CLEANUP(buffer_done) buffer out;
    buffer_init(&out, SIZE_MAX, "row");
    if (!row_fresh_get(data, size, &row)) return;
    if (row_fresh_put(&row, &out, NULL) != VARVE_OK) abort();
    same(out.data, out.len, data, size);
}

static void check_current(const uint8_t *data, size_t size)
{
    row_current row;
    uint8_t out[ROW_VALUE_BYTES];
    if (!row_current_get(data, size, &row)) return;
    row_current_put(&row, out);
    same(out, sizeof out, data, size);
}

static void check_rowver(const uint8_t *data, size_t size)
{
    uint32_t cid;
    uint64_t rowver;
    uint8_t out[ROWVER_KEY_BYTES];
    if (!rowver_key_get(data, size, &cid, &rowver)) return;
    rowver_key_put(cid, rowver, out);
    same(out, sizeof out, data, size);
}

static void check_id(const uint8_t *data, size_t size)
{
    varve_id id;
    char text[ID_TEXT_MAX];
    if (!id_key_get(data, size, &id)) return;
    uint8_t *out = malloc(id_key_size(id));
    if (!out) return;
    id_key_put(id, out);
    same(out, id_key_size(id), data, size);
    if (strlen(id_text(id, text)) >= sizeof text) abort();
    if (id_check(id, UINT64_MAX, NULL) == VARVE_OK && id_compare(id, id) != 0) abort();
    free(out);
}

/* Text: what parses has a canonical name that parses to the same. */
static void check_index_mode(const uint8_t *data, size_t size)
{
    index_mode m = {0}, again = {0};
    char canonical[SCHEMA_INDEX_MODE_MAX + 1];
    char *text = malloc(size + 1);
    if (!text) return;
    if (size) memcpy(text, data, size);
    text[size] = '\0';
    if (index_mode_parse(text, &m, NULL) == VARVE_OK) {
        index_mode_text(&m, canonical);
        if (index_mode_parse(canonical, &again, NULL) != VARVE_OK) abort();
        same(&again, sizeof again, &m, sizeof m);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(const uint8_t *, size_t) = {
        check_schema, check_fresh, check_current, check_rowver, check_id, check_index_mode,
    };
    if (size == 0) return 0;
    /* A copy of this size, so that a read behind it is seen. */
    uint8_t *copy = malloc(size > 1 ? size - 1 : 1);
    if (!copy) return 0;
    memcpy(copy, data + 1, size - 1);
    checks[data[0] % VV_COUNT(checks)](copy, size - 1);
    free(copy);
    return 0;
}
