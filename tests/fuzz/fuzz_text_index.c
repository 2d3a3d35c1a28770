/* fuzz_text_index.c — text indexes whose bytes were changed: opened, asked for statistics, hits and
 * matches, checked. Errors are fine, a crash or a read outside the image is not. Inputs that begin
 * with an odd byte are fields and a text for the builder and the analyzer instead. */
#include "field_images.h"

#include "base/random.h"
#include "field/text_index.h"

#include <stdio.h>

#define ROWS 700
#define K    20

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static buffer seeds[3]; /* one path; several; many paths, few rows each */

static void must(varve_status status)
{
    if (status != VARVE_OK) abort();
}

static varve_text row_of(size_t seed, uint32_t slot, char *room, size_t size)
{
    random_state r;
    random_seed(&r, slot * 31 + seed);
    unsigned a = (unsigned)random_below(&r, 9), b = (unsigned)random_below(&r, 300);
    unsigned c = (unsigned)random_below(&r, seed == 2 ? 40 : 3);
    int len = seed == 0 ? snprintf(room, size, "{\"t\":\"all w%u w%u w%u\"}", a, a / 2, b)
                        : snprintf(room, size, "{\"t\":\"all w%u\",\"u%u\":[\"w%u\",\"w%u all\"]}",
                                   a, c, a, b);
    return (varve_text){room, (size_t)len};
}

static varve_status get_row(void *context, uint32_t slot, varve_text *ret, varve_error *err)
{
    static char room[256];
    (void)err;
    *ret = row_of(*(const size_t *)context, slot, room, sizeof room);
    return VARVE_OK;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    for (size_t seed = 0; seed < VV_COUNT(seeds); seed++) {
        text_builder *b = NULL;
        text_options options = {.fold_accents = seed == 1};
        char room[256];
        buffer_init(&seeds[seed], 1 << 20, "image");
        must(text_builder_new(&options, &b, NULL));
        for (uint32_t i = 0; i < ROWS; i++)
            must(text_builder_add(b, row_of(seed, i, room, sizeof room), NULL));
        must(text_builder_finish(b, &seeds[seed], NULL));
        text_builder_free(b);
    }
    return 0;
}

static void search(const text_index *x, const varve_text *paths, size_t path_count,
                   const uint64_t *live)
{
    VV_CLEANUP(arena_done) arena memory;
    static const char text[] = "all w1 w3 w250 w4";
    topk_entry entries[K];
    text_query q;
    topk best;
    arena_init(&memory, 1 << 20, "query");
    must(text_query_init(&q, (varve_text){text, sizeof text - 1}, &(text_options){0}, paths,
                         path_count, &memory, NULL));
    if (text_stats_add(&q, x, live, NULL, NULL) != VARVE_OK) q.rows = ROWS;
    topk_init(&best, entries, K);
    (void)!text_search(&q, x, live, 0, &best, 0, NULL, NULL);
    for (size_t i = 0; i < best.count; i++)
        if (entries[i].slot >= ROWS ||
            (live && !(live[entries[i].slot / 64] >> (entries[i].slot % 64) & 1)))
            abort();
}

static void use(const text_index *x, size_t seed)
{
    static const varve_text paths[] = {{"t", 1}, {"u1", 2}, {"nothing", 7}};
    static const varve_text terms[] = {{"all", 3}, {"w2", 2}};
    uint64_t live[ROWS / 64 + 1], found[ROWS / 64 + 1];
    bool exact;
    for (size_t i = 0; i < VV_COUNT(live); i++)
        live[i] = 0x5bd1e995deadbeefu * (i + 1);
    search(x, NULL, 0, NULL);
    search(x, NULL, 0, live);
    search(x, paths, 1, live);
    search(x, paths, 3, NULL);
    (void)!text_index_match(x, paths[0], terms, 2, false, true, found, &exact, NULL);
    (void)!text_index_match(x, (varve_text){0}, terms, 2, true, false, found, &exact, NULL);
    (void)!text_index_check(x, get_row, &seed, NULL);
}

static void build(const uint8_t *data, size_t size)
{
    text_options options = {"english", data[1] & 1, data[1] & 2, data[1] & 4};
    varve_text text = {(const char *)data, size};
    text_builder *b = NULL;
    analyzer *a = NULL;
    const token *tokens;
    size_t count;
    must(text_builder_new(&options, &b, NULL));
    if (text_builder_add(b, text, NULL) == VARVE_OK) {
        VV_CLEANUP(buffer_done) buffer out;
        buffer_init(&out, 1 << 24, "image");
        must(text_builder_finish(b, &out, NULL));
    }
    text_builder_free(b);
    must(analyzer_new(&options, &a, NULL));
    must(analyzer_run(a, text, &tokens, &count, NULL));
    for (size_t i = 0; i < count; i++)
        if (tokens[i].text.len == 0 || tokens[i].text.len > ANALYZER_TOKEN_BYTES ||
            tokens[i].begin >= tokens[i].end || tokens[i].end > size)
            abort();
    analyzer_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    text_index *x = NULL;
    if (size < 2) return 0;
    if (data[0] % 4 == 3) { /* '{' is one of these */
        build(data, size);
        return 0;
    }
    size_t seed = data[0] % VV_COUNT(seeds);
    image_bytes bytes = image_of_input(&seeds[seed], data, size);
    field_image image = {bytes.size, image_get, &bytes};
    if (text_index_open(&image, ROWS, &x, NULL) == VARVE_OK) use(x, seed);
    text_index_free(x);
    free(bytes.bytes);
    return 0;
}
