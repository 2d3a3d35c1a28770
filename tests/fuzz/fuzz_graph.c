/* fuzz_graph.c — graph indexes whose bytes were changed behind right checksums: opened, searched,
 * loaded, checked. Errors are fine, a crash or a read outside the file is not. An input is a list
 * of changes to one of a few small whole files: what a graph must not trust lies deep in it. */
#include "fuzz_file.h"

#include "../unit/index/index_reseal.h"

#include "base/random.h"
#include "index/graph_format.h"
#include "index/index.h"

#include <math.h>
#include <stdlib.h>

#define CHANGE_BYTES 8
#define CHANGES_MAX  16
#define ROWS         70
#define DIM          10
#define ROW_BYTES    (DIM * 4)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct seed_mode {
    const char *mode;
    varve_dtype dtype;
} modes[] = {
    {"HNSW-L2", VARVE_FLOAT32},         {"HNSW-L2", VARVE_UINT8},
    {"HNSW-IP-SQ8", VARVE_FLOAT32},     {"HNSW-L1", VARVE_FLOAT32},
    {"DISKANN-COS-SQ8", VARVE_FLOAT32}, {"DISKANN-L2-PQ", VARVE_FLOAT32},
};

static uint8_t vectors[ROWS * ROW_BYTES];
static struct {
    char *bytes;
    size_t size;
} seeds[VV_COUNT(modes)];

/* ---- seeds --------------------------------------------------------------------------------- */

static varve_status get_rows(void *context, uint32_t first, uint32_t n, const uint8_t **ret,
                             varve_error *err)
{
    const index_rows *rows = context;
    size_t stride = varve_dtype_row_bytes(rows->dtype, rows->dim);
    if (first >= rows->count || n > rows->count - first) abort();
    if (rows->count > sizeof vectors / stride)
        return vv_fail(err, VARVE_NOT_FOUND, "no such rows here");
    *ret = vectors + first * stride;
    return VARVE_OK;
}

static index_rows rows_of(index_rows *self, uint32_t count, uint32_t dim, varve_dtype dtype)
{
    *self = (index_rows){count, dim, dtype, get_rows, self};
    return *self;
}

static void make_seed(size_t i)
{
    index_spec s = {.kind = INDEX_KIND_FULL, .dim = DIM, .dtype = modes[i].dtype};
    index_build_options options = {.threads = 1, .seed = i};
    index_record record;
    index_rows self, rows = rows_of(&self, ROWS, DIM, modes[i].dtype);
    random_state r;
    random_seed(&r, i);
    for (size_t at = 0; at < sizeof vectors; at += 4)
        put_f32(vectors + at, random_gauss(&r));
    must(index_mode_parse(modes[i].mode, &s.mode, NULL));
    must(index_build(&s, &rows, 1, &options, fuzz_temporary, fuzz_path, &record, NULL));
    must(file_read(fuzz_path, SIZE_MAX / 2, &seeds[i].bytes, &seeds[i].size, NULL));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    int status = fuzz_file_init("idx");
    (void)argc;
    (void)argv;
    for (size_t i = 0; i < VV_COUNT(modes); i++)
        make_seed(i);
    return status;
}

/* ---- changes ------------------------------------------------------------------------------- */

/* Where in the file a change is: in a section, in its directory entry, or anywhere. */
static size_t part_of(size_t seed, unsigned which, size_t *ret_size)
{
    static const uint32_t kinds[] = {GRAPH_MODEL,   GRAPH_BLOCKS,    GRAPH_ENTRIES, GRAPH_EDGES,
                                     GRAPH_VECTORS, INDEX_QUANTISER, INDEX_CODES,   INDEX_CURVE};
    uint8_t *bytes = (uint8_t *)seeds[seed].bytes;
    bool directory = which % 16 == 15;
    unsigned section = directory ? which / 16 : which % 16;
    const uint8_t *entry =
        section < VV_COUNT(kinds) ? index_entry_of(bytes, seeds[seed].size, kinds[section]) : NULL;
    *ret_size = !entry ? seeds[seed].size : directory ? INDEX_ENTRY_BYTES : get_u64(entry + 16);
    return !entry ? 0 : directory ? (size_t)(entry - bytes) : get_u64(entry + 8);
}

static void change(size_t seed, uint8_t *bytes, const uint8_t *c)
{
    static const uint32_t numbers[] = {0,          1,          31,         32,
                                       64,         ROWS - 1,   ROWS,       0x7fffffff,
                                       0x80000000, 0xfffffffe, 0xffffffff, 0x7f800000,
                                       0xff800000, 0x7fc00000, 0x7c007c00, 0xfc00fc00};
    size_t part_size, at = get_u16(c + 2);
    uint8_t *part = bytes + part_of(seed, c[0], &part_size);
    uint32_t value = c[1] & 1 ? numbers[c[4] % VV_COUNT(numbers)] : get_u32(c + 4);
    if (part_size < 4) return;
    if (c[1] & 2) at *= 4;
    at %= part_size - 3;
    if (c[1] & 4)
        part[at] ^= (uint8_t)(1u << (c[4] % 8));
    else
        put_u32(part + at, value);
}

/* ---- the target ---------------------------------------------------------------------------- */

static void search(vector_index *x, const index_rows *rows, size_t k, uint32_t breadth)
{
    float values[DIM + 1] = {1, -2, 0.5F, 3};
    index_query q = {.values = values,
                     .k = k,
                     .breadth = breadth,
                     .recall_target = 0.9,
                     .skip = 3,
                     .bound = INFINITY};
    size_t most = index_hits_max(x, &q), count;
    index_hit *hits = calloc(most + 1, sizeof *hits);
    index_work work = {0};
    if (!hits) abort();
    if (index_search(x, rows, &q, hits, &count, &work, NULL) == VARVE_OK) {
        if (count > most) abort();
        for (size_t i = 0; i < count; i++)
            if (hits[i].slot >= rows->count) abort();
    }
    free(hits);
}

static void use(vector_index *x)
{
    const index_spec *s = index_get_spec(x);
    uint64_t count = index_get_record(x)->rows;
    index_rows self, rows = rows_of(&self, (uint32_t)count, s->dim, s->dtype);
    if (s->dim > DIM || count > 1u << 20) return;
    search(x, &rows, 3, 8);
    search(x, &rows, 100, 0);
    (void)!index_check(x, NULL, NULL);
    (void)!index_check(x, &rows, NULL);
    (void)!index_load(x, NULL);
    search(x, &rows, 5, 30);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vector_index *x = NULL;
    if (size < 2) return 0;
    size_t which = data[0] % VV_COUNT(seeds), length = seeds[which].size;
    uint8_t *bytes = malloc(length);
    if (!bytes) abort();
    memcpy(bytes, seeds[which].bytes, length);
    for (size_t at = 2, n = 0; at + CHANGE_BYTES <= size && n < CHANGES_MAX;
         at += CHANGE_BYTES, n++)
        change(which, bytes, data + at);
    if (data[1] % 16 == 0) length -= VV_MIN(length, (size_t)data[1] * 97);
    if (data[1] % 16 != 1) index_reseal(bytes, length);
    bool written = fuzz_write_input(bytes, length);
    free(bytes);
    if (!written) return -1;
    if (index_open(fuzz_path, NULL, &x, NULL) == VARVE_OK) use(x);
    index_unref(x);
    return 0;
}
