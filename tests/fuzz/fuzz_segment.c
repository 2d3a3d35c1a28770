/* fuzz_segment.c — any bytes opened as a segment, read row by row, searched and checked: errors are
 * fine, a crash or a read outside the file is not. Checksums would stop nearly every input at the
 * door, so the mutator makes them right again (and leaves them wrong one time in eight); its first
 * inputs are whole segments of each encoding. */
#include "fuzz_file.h"

#include "../unit/segment/segment_reseal.h"

#include "segment/segment.h"

#include <stdio.h>
#include <stdlib.h>

#define SEED_COUNT 4
#define ROWS_MAX   4096 /* read one by one; a stepped column may promise many */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

static struct {
    char *bytes;
    size_t size;
} seeds[SEED_COUNT];

/* ---- seeds --------------------------------------------------------------------------------- */

static void add_row(segment_writer *w, bool mixed, uint64_t i, const void *vector)
{
    static const char *const fields[] = {"{}", "{\"a\":1}", "{\"b\":[true,null,\"x\"]}"};
    uint8_t key[16] = {0};
    const char *text = fields[mixed ? i % 3 : 0];
    size_t len = 9;
    put_be64(key + 1, i);
    if (mixed && i % 2) len = (size_t)snprintf((char *)key, sizeof key, "\x01id%d", (int)i);
    must(segment_writer_add(w, mixed ? i * i + 1 : i + 1, mixed ? 100 - i : i, key, len, vector,
                            (varve_text){text, strlen(text)}, NULL));
}

static void make_seed(unsigned n)
{
    static const varve_dtype types[] = {VARVE_FLOAT32, VARVE_INT8, VARVE_BINARY, VARVE_FLOAT16};
    const segment_spec spec = {.collection = 1, .number = n, .dim = 3 + n, .dtype = types[n]};
    uint8_t vector[64] = {0};
    segment_record record;
    segment_writer *w;
    must(segment_writer_new(fuzz_temporary, &spec, &w, NULL));
    for (uint64_t i = 0; i < 4 + n; i++)
        add_row(w, n % 2, i, vector);
    must(segment_writer_finish(w, fuzz_path, &record, NULL));
    must(file_read(fuzz_path, SIZE_MAX / 2, &seeds[n].bytes, &seeds[n].size, NULL));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    int status = fuzz_file_init("seg");
    (void)argc;
    (void)argv;
    for (unsigned n = 0; n < SEED_COUNT; n++)
        make_seed(n);
    return status;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    unsigned n = seed % SEED_COUNT;
    if (size < SEGMENT_HEADER_BYTES + SEGMENT_FOOTER_BYTES && seeds[n].size <= max_size) {
        memcpy(data, seeds[n].bytes, seeds[n].size);
        return seeds[n].size;
    }
    size = LLVMFuzzerMutate(data, size, max_size);
    if (seed / SEED_COUNT % 8 != 0) reseal(data, size);
    return size;
}

/* ---- the target ---------------------------------------------------------------------------- */

/* Touch every byte handed out, so that a sanitizer or the system sees where it is. */
static void touch(const void *bytes, size_t len)
{
    uint64_t hash = hash_bytes(bytes, len);
    __asm__ volatile("" : : "r"(hash)); /* used */
}

static void read_row(segment *s, uint64_t slot)
{
    uint64_t number, found_slot;
    const uint8_t *bytes;
    varve_text fields;
    size_t len;
    bool found;
    if (segment_rowver(s, slot, &number, NULL) == VARVE_OK &&
        segment_find(s, number, &found, &found_slot, NULL) == VARVE_OK && found &&
        found_slot >= segment_get_record(s)->rows)
        abort();
    (void)!segment_ordinal(s, slot, &number, NULL);
    if (segment_id_key(s, slot, &bytes, &len, NULL) == VARVE_OK) touch(bytes, len);
    if (segment_fields(s, slot, &fields, NULL) == VARVE_OK) touch(fields.data, fields.len);
    if (segment_vectors(s, slot, 1, &bytes, NULL) == VARVE_OK)
        touch(bytes, varve_dtype_row_bytes(segment_get_spec(s)->dtype, segment_get_spec(s)->dim));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    segment *s = NULL;
    uint64_t rows;
    if (!fuzz_write_input(data, size)) return -1;
    if (segment_open(fuzz_path, NULL, NULL, &s, NULL) != VARVE_OK) return 0;
    rows = segment_get_record(s)->rows;
    for (uint64_t i = 0; i < VV_MIN(rows, (uint64_t)ROWS_MAX); i++)
        read_row(s, i);
    read_row(s, rows - 1);
    (void)!segment_check(s, NULL);
    segment_unref(s);
    return 0;
}
