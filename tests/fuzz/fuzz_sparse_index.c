/* fuzz_sparse_index.c — sparse indexes whose bytes were changed: opened, searched, checked. Errors
 * are fine, a crash or a read outside the image is not. Inputs that begin with a byte of the form
 * 4n + 3 are vectors to decode instead. */
#include "field_images.h"

#include "base/random.h"
#include "field/sparse_index.h"

#include <math.h>

#define ROWS  600
#define K     20
#define SEEDS 2 /* few dimensions; many */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static buffer seeds[SEEDS];
static buffer vectors[SEEDS][ROWS];

static void must(varve_status status)
{
    if (status != VARVE_OK) abort();
}

static varve_status get_row(void *context, uint32_t slot, varve_text *ret, varve_error *err)
{
    const size_t *seed = context;
    (void)err;
    if (slot >= ROWS) abort();
    *ret = (varve_text){vectors[*seed][slot].data, vectors[*seed][slot].len};
    return VARVE_OK;
}

static void random_vector(random_state *r, uint32_t dimensions, buffer *ret)
{
    uint32_t indices[10];
    float values[10];
    for (size_t i = 0; i < VV_COUNT(indices); i++) {
        indices[i] = (uint32_t)random_below(r, dimensions);
        values[i] = random_gauss(r);
    }
    buffer_init(ret, 1 << 20, "vector");
    must(sparse_encode(indices, values, VV_COUNT(indices), 0, ret, NULL));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    for (size_t seed = 0; seed < SEEDS; seed++) {
        sparse_builder *b = NULL;
        random_state r;
        random_seed(&r, seed);
        buffer_init(&seeds[seed], 1 << 20, "image");
        must(sparse_builder_new(&b, NULL));
        for (uint32_t i = 0; i < ROWS; i++) {
            random_vector(&r, seed ? 500 : 12, &vectors[seed][i]);
            varve_text bytes = {vectors[seed][i].data, vectors[seed][i].len};
            must(sparse_builder_add(b, bytes, NULL));
        }
        must(sparse_builder_finish(b, &seeds[seed], NULL));
        sparse_builder_free(b);
    }
    return 0;
}

static void search(const sparse_index *x, const sparse_rows *rows, const sparse_vector *q,
                   const uint64_t *allowed)
{
    topk_entry entries[K];
    topk best;
    topk_init(&best, entries, K);
    (void)!sparse_search(q, x, rows, allowed, 0, &best, 0, NULL, NULL);
    for (size_t i = 0; i < best.count; i++)
        if (entries[i].slot >= ROWS) abort();
}

static void use(const sparse_index *x, size_t seed)
{
    static const uint32_t indices[] = {0, 1, 2, 3, 5, 7, 11, 100, 300, 4000};
    static const float values[] = {1, -1, 0.5F, 2, 1, 1, -0.1F, 3, 1, 1};
    sparse_vector q = {VV_COUNT(indices), indices, values};
    sparse_rows rows = {get_row, &seed};
    uint64_t some[ROWS / 64 + 1];
    for (size_t i = 0; i < VV_COUNT(some); i++)
        some[i] = i % 2 ? 0x10 : 0x5bd1e995deadbeefu * (i + 1);
    search(x, &rows, &q, NULL);
    search(x, &rows, &q, some);
    (void)!sparse_index_check(x, &rows, NULL);
}

static void decode(const uint8_t *data, size_t size)
{
    VV_CLEANUP(buffer_done) buffer scratch;
    sparse_vector v;
    buffer_init(&scratch, 1 << 20, "vector");
    if (sparse_decode((varve_text){(const char *)data + 1, size - 1}, &scratch, &v) &&
        v.count > 0 && !isfinite(sparse_dot(&v, &v)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sparse_index *x = NULL;
    if (size < 2) return 0;
    if (data[0] % 4 == 3) {
        decode(data, size);
        return 0;
    }
    size_t seed = data[0] % SEEDS;
    image_bytes bytes = image_of_input(&seeds[seed], data, size);
    field_image image = {bytes.size, image_get, &bytes};
    if (sparse_index_open(&image, ROWS, &x, NULL) == VARVE_OK) use(x, seed);
    sparse_index_free(x);
    free(bytes.bytes);
    return 0;
}
