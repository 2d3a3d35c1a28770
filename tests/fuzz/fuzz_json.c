/* fuzz_json.c — any bytes into the JSON readers. Besides not crashing: what json_minify_object
 * accepts it accepts again and leaves as it is, its members can be walked, and json_parse accepts
 * it too, but for what json.h says that only stored objects may hold. */
#include "base/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX 65536
/* As assert, in every build. */
#define require(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const json_limits limits = {TEXT_BYTES_MAX, JSON_DEPTH_MAX, JSON_KEYS_MAX};

static void check_lifted(const json_document *d)
{
    size_t sum = 0;
    for (size_t i = 0; i < d->lifted_count; i++) {
        const json_lifted *a = &d->lifted[i];
        require(a->first <= d->value_count);
        require(a->ragged || a->rows * a->dim <= d->value_count - a->first);
        require(json_find_lifted(d, a->key, a->occurrence) == a);
        sum += a->ragged ? 0 : a->rows * a->dim;
    }
    require(sum <= d->value_count);
}

static void parse(const char *text, size_t len, bool minified)
{
    static const char *const keys[] = {"vector", "vectors", "/v", NULL};
    static const char *const no_keys[] = {NULL};
    json_document d;
    varve_error err = {0};
    if (json_parse(text, len, keys, TEXT_BYTES_MAX, &d, &err) == VARVE_OK) {
        check_lifted(&d);
        json_document_done(&d);
    }
    if (json_parse(text, len, no_keys, 0, &d, &err) == VARVE_OK)
        json_document_done(&d);
    else if (minified)
        require(strstr(err.message, "number too large") || strstr(err.message, "integer outside") ||
                strstr(err.message, "\\u0000") || strstr(err.message, "\\u0001"));
}

static void walk(const char *text, size_t len)
{
    const char *at = text, *end = text + len;
    varve_text key, value;
    while (json_next_member(&at, end, &key, &value)) {
        require(key.data > text && key.data + key.len < value.data);
        require(value.len > 0 && value.data + value.len < end);
    }
    require(at == end - 1 || len == 2);
}

static void minify(const char *text, size_t len)
{
    VV_CLEANUP(buffer_done) buffer once;
    VV_CLEANUP(buffer_done) buffer twice;
    buffer_init(&once, TEXT_BYTES_MAX + JSON_TEXT_PADDING, "object");
    buffer_init(&twice, TEXT_BYTES_MAX, "object");
    if (json_minify_object(text, len, &limits, &once, NULL) != VARVE_OK) return;
    varve_status again = json_minify_object(once.data, once.len, &limits, &twice, NULL);
    require(again == VARVE_OK && once.len == twice.len);
    require(memcmp(once.data, twice.data, once.len) == 0);
    walk(once.data, once.len);
    if (buffer_reserve(&once, JSON_TEXT_PADDING, NULL) != VARVE_OK) abort();
    parse(once.data, once.len, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > TEXT_BYTES_MAX) return 0;
    char *text = malloc(size + JSON_TEXT_PADDING);
    if (!text) abort();
    if (size) memcpy(text, data, size);
    memset(text + size, '8', JSON_TEXT_PADDING);
    parse(text, size, false);
    minify(text, size);
    free(text);
    return 0;
}
