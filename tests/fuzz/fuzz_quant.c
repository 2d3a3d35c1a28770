/* fuzz_quant.c — any bytes opened as a quantiser, which then encodes rows, scans them and bytes
 * that it never made, and is saved again: errors are fine, a crash or a read outside is not. The
 * mutator makes the checksum right again (but for one time in eight); its first inputs are whole
 * quantisers of each kind. */
#include "base/bytes.h"
#include "base/hash.h"
#include "base/random.h"
#include "quant/quant.h"

#include <math.h>
#include <stdlib.h>

#define HASH_BYTES 8
#define GROUP_MAX  (1 << 18) /* larger ones are opened only */
#define SEED_ROWS  20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

static const quant_spec seeds[] = {
    {QUANT_KIND_SQ8, 0, 5, 1},      {QUANT_KIND_PQ, 3, 7, 2},
    {QUANT_KIND_PQ, 0, 33, 3},      {QUANT_KIND_RABITQ, 1, 20, 4},
    {QUANT_KIND_RABITQ, 3, 70, 5},  {QUANT_KIND_POLARVEC, 1, 100, 6},
    {QUANT_KIND_POLARVEC, 7, 9, 7}, {QUANT_KIND_POLARVEC, 8, 300, 8}};

static void must(bool held)
{
    if (!held) abort();
}

static float *random_rows(size_t floats, uint64_t seed)
{
    random_state random;
    float *x = malloc(floats * sizeof *x);
    must(x != NULL);
    random_seed(&random, seed);
    for (size_t i = 0; i < floats; i++)
        x[i] = ldexpf(random_gauss(&random), (int)(seed % 250) - 125);
    return x;
}

/* ---- inputs -------------------------------------------------------------------------------- */

static size_t make_seed(const quant_spec *spec, uint8_t *data, size_t max_size)
{
    VV_CLEANUP(quantiser_freep) quantiser *q = NULL;
    VV_CLEANUP(buffer_done) buffer bytes;
    VV_CLEANUP(vv_freep) float *rows = random_rows((size_t)SEED_ROWS * spec->width, 125);
    buffer_init(&bytes, 1 << 20, "quantiser");
    must(quantiser_train(spec, rows, SEED_ROWS, NULL, &q, NULL) == VARVE_OK);
    must(quantiser_save(q, &bytes, NULL) == VARVE_OK);
    if (bytes.len > max_size) return 0;
    memcpy(data, bytes.data, bytes.len);
    return bytes.len;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    size_t made = 0;
    if (size < 40 || seed % 64 == 0) made = make_seed(&seeds[seed / 64 % 8], data, max_size);
    if (made) return made;
    size = LLVMFuzzerMutate(data, size, max_size);
    if (seed % 8 != 1 && size > HASH_BYTES)
        put_u64(data + size - HASH_BYTES, hash_bytes(data, size - HASH_BYTES));
    return size;
}

/* ---- the target ---------------------------------------------------------------------------- */

static void check_scan(const quantiser *q, const float *query, const uint8_t *group, bool own)
{
    VV_CLEANUP(quant_query_freep) quant_query *prepared = NULL;
    float estimates[QUANT_GROUP];
    must(quant_query_new(q, query, &prepared, NULL) == VARVE_OK);
    quant_scan(prepared, group, 1, estimates);
    for (size_t i = 0; i < QUANT_GROUP; i++) {
        must(!isnan(estimates[i]));
        must(!own || quant_error(prepared, group, i, estimates[i]) >= 0);
    }
}

static void use(const quantiser *q, uint64_t seed)
{
    size_t width = quantiser_spec(q)->width, bytes = quantiser_group_bytes(q);
    if (bytes > GROUP_MAX) return;
    VV_CLEANUP(vv_freep) float *rows = random_rows(4 * width, seed);
    VV_CLEANUP(vv_freep) uint8_t *group = aligned_alloc(64, bytes);
    must(group && bytes % 64 == 0);
    quantiser_encode(q, rows, 3, group);
    check_scan(q, rows + 3 * width, group, true);
    quantiser_decode(q, group, QUANT_GROUP - 1, rows);
    for (size_t i = 0; i < bytes; i++)
        group[i] = (uint8_t)((i * 97) ^ (seed >> i % 57));
    check_scan(q, rows + 3 * width, group, false);
    quantiser_decode(q, group, 0, rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    VV_CLEANUP(quantiser_freep) quantiser *q = NULL;
    VV_CLEANUP(buffer_done) buffer bytes;
    buffer_init(&bytes, 64 << 20, "quantiser");
    if (quantiser_open(data, size, &q, NULL) != VARVE_OK) return 0;
    use(q, hash_bytes(data, size));
    must(quantiser_save(q, &bytes, NULL) == VARVE_OK);
    must(bytes.len == size && memcmp(bytes.data, data, size) == 0);
    return 0;
}
