/* fuzz_index.c — any bytes opened as an index of any structure, searched, loaded and checked:
 * errors are fine; a crash, a read outside the file or a slot that no row has is not. Checksums
 * would stop nearly every input at the door, so the mutator makes them right again (and leaves
 * them wrong one time in eight); its first inputs are whole files of each structure. */
#include "fuzz_file.h"

#include "../unit/index/index_reseal.h"

#include "base/random.h"
#include "index/index.h"

#include <math.h>
#include <stdlib.h>

#define SEED_ROWS     70
#define SEED_DIM      9
#define ROW_BYTES_MAX ((uint64_t)1 << 20) /* of all rows: more are not made up */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

static const struct {
    index_kind kind;
    const char *mode;
    varve_dtype dtype;
} made[] = {
    {INDEX_KIND_FRESH, "FLAT-IP", VARVE_FLOAT32},
    {INDEX_KIND_FRESH, "FLAT-COS", VARVE_FLOAT16},
    {INDEX_KIND_FULL, "FLAT-L2-SQ8", VARVE_UINT8},
    {INDEX_KIND_FULL, "FLAT-IP-PQ3", VARVE_FLOAT32},
    {INDEX_KIND_FULL, "FLAT-L2-RABITQ", VARVE_FLOAT32},
    {INDEX_KIND_FULL, "FLAT-COS-POLARVEC", VARVE_INT8},
    {INDEX_KIND_FULL, "FLAT-DICE-BINARY", VARVE_FLOAT32},
    {INDEX_KIND_FULL, "IVF-L2", VARVE_FLOAT32},
    {INDEX_KIND_FULL, "SPANN-IP-SQ8", VARVE_FLOAT16},
    {INDEX_KIND_FULL, "IVF-HAMMING", VARVE_BINARY},
    {INDEX_KIND_FULL, "HNSW-L2", VARVE_UINT8},
    {INDEX_KIND_FULL, "HNSW-L1", VARVE_FLOAT32},
    {INDEX_KIND_FULL, "HNSW-COS-SQ8", VARVE_FLOAT32},
    {INDEX_KIND_FULL, "DISKANN-IP-PQ", VARVE_FLOAT16},
};
#define SEED_COUNT VV_COUNT(made)

static struct {
    char *bytes;
    size_t size;
} seeds[SEED_COUNT];

/* ---- seeds --------------------------------------------------------------------------------- */

typedef struct source {
    uint8_t *bytes;
    size_t stride;
} source;

static varve_status get_rows(void *context, uint32_t first, uint32_t n, const uint8_t **ret,
                             varve_error *err)
{
    const source *s = context;
    (void)n;
    (void)err;
    *ret = s->bytes + first * s->stride;
    return VARVE_OK;
}

/* Rows of small finite numbers in any type. */
static void make_up(source *s, index_rows *rows)
{
    random_state r;
    random_seed(&r, 1);
    s->stride = varve_dtype_row_bytes(rows->dtype, rows->dim);
    s->bytes = calloc(rows->count, s->stride);
    if (!s->bytes) abort();
    for (size_t i = 0; i < rows->count * s->stride; i++) {
        bool exponent = rows->dtype <= VARVE_FLOAT16 && i % 2 == 1;
        s->bytes[i] = (uint8_t)(random_u64(&r) & (exponent ? 0x3f : 0xff));
    }
    rows->get = get_rows;
    rows->context = s;
}

static void make_seed(size_t n)
{
    index_rows rows = {.count = SEED_ROWS, .dim = SEED_DIM, .dtype = made[n].dtype};
    index_spec spec = {.kind = made[n].kind, .dim = SEED_DIM, .dtype = made[n].dtype};
    index_build_options options = {.threads = 1, .seed = n};
    index_record record;
    source s;
    must(index_mode_parse(made[n].mode, &spec.mode, NULL));
    spec.params.replica_count = 2;
    make_up(&s, &rows);
    if (rows.dtype == VARVE_BINARY) { /* spare bits are 0 */
        for (size_t i = 0; i < rows.count; i++)
            s.bytes[i * s.stride + s.stride - 1] &= (1 << SEED_DIM % 8) - 1;
    }
    must(index_build(&spec, &rows, 1, &options, fuzz_temporary, fuzz_path, &record, NULL));
    must(file_read(fuzz_path, SIZE_MAX / 2, &seeds[n].bytes, &seeds[n].size, NULL));
    free(s.bytes);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    int status = fuzz_file_init("idx");
    (void)argc;
    (void)argv;
    for (size_t n = 0; n < SEED_COUNT; n++)
        make_seed(n);
    return status;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    size_t n = seed % SEED_COUNT;
    if (size < INDEX_HEADER_BYTES + INDEX_FOOTER_BYTES && seeds[n].size <= max_size) {
        memcpy(data, seeds[n].bytes, seeds[n].size);
        size = seeds[n].size;
    }
    size = LLVMFuzzerMutate(data, size, max_size);
    if (seed / SEED_COUNT % 8 != 0) index_reseal(data, size);
    return size;
}

/* ---- the target ---------------------------------------------------------------------------- */

static void search(vector_index *x, const index_rows *rows, uint32_t breadth)
{
    float *values = calloc(rows->dim, sizeof *values);
    index_query q = {.values = values,
                     .k = 7,
                     .breadth = breadth,
                     .recall_target = 0.9,
                     .skip = 3,
                     .bound = INFINITY};
    index_work work = {0};
    index_hit *hits = malloc((index_hits_max(x, &q) + 1) * sizeof *hits);
    size_t count = 0;
    if (!values || !hits) abort();
    values[0] = 1.5f;
    if (index_search(x, rows, &q, hits, &count, &work, NULL) == VARVE_OK) {
        for (size_t i = 0; i < count; i++) {
            if (hits[i].slot >= rows->count) abort();
        }
    }
    free(hits);
    free(values);
}

static void use(vector_index *x)
{
    const index_spec *s = index_get_spec(x);
    uint64_t count = index_get_record(x)->rows;
    source made_up;
    if (s->dim > ROW_BYTES_MAX || count > ROW_BYTES_MAX / varve_dtype_row_bytes(s->dtype, s->dim))
        return;
    index_rows rows = {.count = (uint32_t)count, .dim = s->dim, .dtype = s->dtype};
    make_up(&made_up, &rows);
    search(x, &rows, 0);
    search(x, &rows, 5);
    (void)!index_check(x, NULL, NULL);
    (void)!index_check(x, &rows, NULL);
    if (index_load_bytes(x) < 64u << 20 && index_load(x, NULL) == VARVE_OK) search(x, &rows, 1000);
    free(made_up.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vector_index *x = NULL;
    if (!fuzz_write_input(data, size)) return -1;
    if (index_open(fuzz_path, NULL, &x, NULL) != VARVE_OK) return 0;
    use(x);
    index_unref(x);
    return 0;
}
