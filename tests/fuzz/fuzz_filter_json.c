/* fuzz_filter_json.c — any bytes as a filter of Qdrant's and of GoVector's grammar, and as the row
 * it is asked of: the text up to the first NUL is the filter, what follows the fields. Besides not
 * crashing: a filter that is accepted says true or false of every row, the same when asked again,
 * and its negation says the opposite. */
#include "base/json.h"
#include "filter/filter_json.h"
#include "filter/filter_row.h"

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

static const char *const rows[] = {
    "{}",
    "{\"a\":1,\"b\":\"x\",\"key\":\"2024-01-01T00:00:00Z\",\"k\":[1,\"x\",null,{\"a\":1}]}",
    "{\"a\":{\"b\":[{\"c\":1},{\"c\":\"\\u00e9\\n\"}]},\"k\":{\"lon\":1,\"lat\":2},\"a.b\":[]}",
};

static truth ask(const filter *f, varve_text fields)
{
    VV_CLEANUP(buffer_done) buffer scratch;
    filter_row row = {.id = {.kind = VARVE_ID_NUM, .num = 1}, .fields = fields};
    truth t = TRUTH_UNKNOWN;
    buffer_init(&scratch, TEXT_BYTES_MAX, "scratch");
    require(filter_row_truth(f, &row, &scratch, &t, NULL) == VARVE_OK);
    return t;
}

static void ask_of(filter *f, varve_text fields)
{
    filter_node *root = f->root;
    filter_node not = {
        .op = FILTER_NOT, .two_valued = true, .child_count = 1, .children = &f->root};
    filter negated = {.root = &not };
    truth t = ask(f, fields);
    require(t != TRUTH_UNKNOWN && ask(f, fields) == t);
    require(ask(&negated, fields) == (t == TRUTH_TRUE ? TRUTH_FALSE : TRUTH_TRUE));
    require(f->root == root);
}

/* Ends the filter; the fields may be no JSON. */
static void ask_of_all(filter *f, varve_text text)
{
    VV_CLEANUP(buffer_done) buffer fields;
    if (!f) return;
    buffer_init(&fields, TEXT_BYTES_MAX, "fields");
    for (size_t i = 0; i < VV_COUNT(rows); i++)
        ask_of(f, (varve_text){rows[i], strlen(rows[i])});
    if (json_minify_object(text.data, text.len, &limits, &fields, NULL) == VARVE_OK)
        ask_of(f, (varve_text){fields.data, fields.len});
    filter_free(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const no_keys[] = {NULL};
    json_document d;
    filter *f = NULL;
    if (size > TEXT_BYTES_MAX) return 0;
    char *text = calloc(1, size + JSON_TEXT_PADDING);
    require(text);
    if (size) memcpy(text, data, size);
    size_t len = strlen(text);
    varve_text fields = {text + len, len < size ? size - len - 1 : 0};
    if (fields.len) fields.data++;
    if (filter_parse_json_text((varve_text){text, len}, &f, NULL) == VARVE_OK)
        ask_of_all(f, fields);
    f = NULL;
    if (json_parse(text, len, no_keys, 0, &d, NULL) == VARVE_OK) {
        if (filter_parse_govector(d.root, &f, NULL) == VARVE_OK) ask_of_all(f, fields);
        json_document_done(&d);
    }
    free(text);
    return 0;
}
