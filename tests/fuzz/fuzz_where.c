/* fuzz_where.c — any bytes as a filter of the where grammar. Besides not crashing: what is accepted
 * is printed in the grammar, printed so again when read back, and both trees have the same truth
 * for a row; what is refused says where. */
#include "base/random.h"
#include "filter/filter_row.h"
#include "filter/filter_where.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX 4096
/* As assert, in every build. */
#define require(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

#define TEXT(text)                                                                                 \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

static const filter_parameter all_parameters[] = {
    {TEXT(":n"), TEXT("5")},
    {TEXT(":s"), TEXT("\"it's\"")},
    {TEXT(":l"), TEXT("[1, \"x\", null]")},
    {TEXT("?"), TEXT("true")},
};

static const filter_row row = {
    .id = {.kind = VARVE_ID_NUM, .num = 7},
    .fields = TEXT("{\"a\":1,\"b\":\"x\",\"c\":{\"d\":2.5,\"e\":null},\"tags\":[\"x\",\"y\",3],"
                   "\"date\":\"2024-02-29T12:00:00Z\",\"flag\":true,\"name\":\"It's\"}"),
};

/* The parameters that the text seems to ask for. */
static size_t choose_parameters(const char *text, size_t len, filter_parameter *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < VV_COUNT(all_parameters); i++) {
        filter_parameter p = all_parameters[i];
        if (!memmem(text, len, p.name.data, p.name.len)) continue;
        p.name =
            p.name.data[0] == '?' ? (varve_text){0} : (varve_text){p.name.data + 1, p.name.len - 1};
        ret[count++] = p;
    }
    return count;
}

static truth truth_of(const filter *f)
{
    truth result = TRUTH_UNKNOWN;
    VV_CLEANUP(buffer_done) buffer scratch;
    buffer_init(&scratch, SIZE_MAX, "scratch");
    require(filter_row_truth(f, &row, &scratch, &result, NULL) == VARVE_OK);
    return result;
}

static void print(const filter *f, buffer *ret)
{
    buffer_init(ret, SIZE_MAX, "text");
    require(filter_print(f, ret, NULL) == VARVE_OK && ret->len > 0);
}

static void check(const filter *f)
{
    VV_CLEANUP(filter_freep) filter *again = NULL;
    VV_CLEANUP(buffer_done) buffer once;
    VV_CLEANUP(buffer_done) buffer twice;
    print(f, &once);
    require(filter_parse_where((varve_text){once.data, once.len}, NULL, 0, &again, NULL) ==
            VARVE_OK);
    print(again, &twice);
    require(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    require(truth_of(f) == truth_of(again));
}

/* Random bytes are seldom a condition; these are, until something hits them. */
static const char *const conditions[] = {"a = 1",
                                         "b != \"x\"",
                                         "flag",
                                         "a IN (1, 2, NULL)",
                                         "b NOT IN ('x', :s)",
                                         "c.e IS NULL",
                                         "flag IS NOT TRUE",
                                         "z IS MISSING",
                                         "c.d BETWEEN 1 AND 2.5",
                                         "b BETWEEN 'a' AND 'z'",
                                         "date BETWEEN DATE '2024-02-29' AND '2024-03-01'",
                                         "date > '2024-02-29T11:00:00+01:00'",
                                         "name LIKE '_t!%%' ESCAPE '!'",
                                         "name NOT ILIKE 'IT%'",
                                         "name REGEXP '^[a-z](t|T)'",
                                         "MATCH(name, 'it', 'prefix')",
                                         "tags CONTAINS 'x'",
                                         "tags NOT CONTAINS ANY ('x', 3)",
                                         "tags CONTAINS ALL (:l)",
                                         "'y' IN tags",
                                         "\"x\" NOT IN tags",
                                         "5 >= a",
                                         "tags[2] = 3",
                                         "tags[] < 'y'",
                                         "c.\"d\" >= -1.5e2",
                                         "id = 7",
                                         "id NOT IN (8, 'x')",
                                         "id < :n",
                                         "TRUE",
                                         "NULL",
                                         "a /* c */ <> 1 -- d\n",
                                         "a < 18446744073709551616",
                                         "`c`.d = ?"};

static size_t add(uint8_t *data, size_t size, size_t max_size, const char *text)
{
    size_t len = strlen(text);
    if (size + len > max_size) return size;
    memcpy(data + size, text, len);
    return size + len;
}

/* Conditions, joined. */
static size_t compose(uint8_t *data, size_t max_size, random_state *random)
{
    size_t size = 0, open = 0;
    for (uint64_t n = random_below(random, 5) + 1; n > 0; n--) {
        bool opens = random_below(random, 3) == 0, closes = random_below(random, 2);
        if (random_below(random, 3) == 0) size = add(data, size, max_size, "NOT ");
        if (opens) size = add(data, size, max_size, "(");
        open += opens;
        size = add(data, size, max_size, conditions[random_below(random, VV_COUNT(conditions))]);
        closes = closes && open > 0;
        if (closes) size = add(data, size, max_size, ")");
        open -= closes;
        if (n > 1) size = add(data, size, max_size, random_below(random, 2) ? " AND " : " OR ");
    }
    for (; open > 0; open--)
        size = add(data, size, max_size, ")");
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    random_state random;
    random_seed(&random, seed);
    if (random_below(&random, 2)) size = compose(data, VV_MIN(max_size, TEXT_BYTES_MAX), &random);
    if (random_below(&random, 2)) size = LLVMFuzzerMutate(data, size, max_size);
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    VV_CLEANUP(filter_freep) filter *f = NULL;
    filter_parameter parameters[VV_COUNT(all_parameters)];
    varve_error err = {0};
    const char *text = (const char *)data;
    if (size > TEXT_BYTES_MAX) return 0;
    size_t count = choose_parameters(text, size, parameters);
    if (filter_parse_where((varve_text){text, size}, parameters, count, &f, &err) == VARVE_OK) {
        check(f);
    } else {
        require(!f && (err.status == VARVE_INVALID || err.status == VARVE_LIMIT));
        require(strncmp(err.message, "where", 5) == 0);
    }
    return 0;
}
