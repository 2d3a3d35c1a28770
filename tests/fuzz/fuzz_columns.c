/* fuzz_columns.c — images of columns with some bytes changed: opened, asked random filters, checked
 * against their rows. Errors and wrong rows are fine, a crash or a read outside the image is not.
 * An input names one of a few whole images, a filter, and a list of changes to chosen parts. */
#include "../unit/filter/column_rows.h"
#include "../unit/filter/random_filter.h"

#include "field/columns_format.h"

#include "base/bytes.h"

#define CHANGE_BYTES 8
#define CHANGES_MAX  16
#define VALUES_MAX   4096
#define SEEDS        4
#define PARTS_MAX    2000

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct part {
    size_t at, size;
} part;

static struct {
    column_rows rows;
    part parts[PARTS_MAX]; /* header, directory, what the directory names */
    size_t count;
} seeds[SEEDS];

/* ---- seeds --------------------------------------------------------------------------------- */

static void add_part(size_t seed, size_t at, size_t size)
{
    if (size >= 4 && seeds[seed].count < PARTS_MAX)
        seeds[seed].parts[seeds[seed].count++] = (part){at, size};
}

static void list_parts(size_t seed)
{
    const uint8_t *image = (const uint8_t *)seeds[seed].rows.image.data;
    size_t at = get_u64(image + 24), size = get_u64(image + 32), end = at + size;
    add_part(seed, 0, COLUMNS_HEADER_BYTES);
    add_part(seed, at, size);
    while (at < end) {
        size_t chain = get_u16(image + at), parts = get_u16(image + at + 2);
        at += 4 + chain;
        for (size_t i = 0; i < parts; i++, at += COLUMNS_PART_BYTES) {
            size_t part_at = get_u64(image + at + 8), part_size = get_u64(image + at + 16);
            add_part(seed, part_at, part_size);
            add_part(seed, part_at, VV_MIN(part_size, (size_t)COLUMNS_TABLE_BYTES + 64));
        }
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const uint32_t counts[SEEDS] = {1, 30, 150, 700};
    (void)argc;
    (void)argv;
    for (size_t seed = 0; seed < SEEDS; seed++) {
        column_rows *rows = &seeds[seed].rows;
        random_state r;
        random_seed(&r, seed);
        column_rows_init(rows);
        for (uint32_t i = 0; i < counts[seed]; i++) {
            random_fields(&r, false, &rows->text);
            column_rows_end(rows);
        }
        random_must(column_rows_build(rows, NULL));
        list_parts(seed);
    }
    return 0;
}

/* ---- changes ------------------------------------------------------------------------------- */

static void change(size_t seed, uint8_t *bytes, const uint8_t *c)
{
    static const uint32_t numbers[] = {0,          1,          2,          16,        63,    64,
                                       65,         127,        0x80,       0xff,      0x100, 0xffff,
                                       0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
    const part *p = &seeds[seed].parts[get_u16(c) % seeds[seed].count];
    size_t at = p->at + get_u16(c + 2) / 4 % (p->size - 3);
    uint32_t number = numbers[c[4] % VV_COUNT(numbers)];
    switch (c[2] % 4) {
    case 0: bytes[at] ^= (uint8_t)(1u << c[4] % 8); break;
    case 1: bytes[at] = c[4]; break;
    case 2: put_u32(bytes + at, number); break;
    default: put_u32(bytes + at, get_u32(bytes + at) + (c[5] & 1 ? 1 : UINT32_MAX));
    }
}

/* ---- the target ---------------------------------------------------------------------------- */

static void ask(column_rows *rows, uint64_t which)
{
    uint64_t found[COLUMN_ROWS_MAX / 64 + 1];
    random_state r;
    random_seed(&r, which);
    filter *f = random_filter(&r);
    filter_rows of = {.count = rows->count, .get = column_rows_get, .context = rows};
    filter_work work = {0};
    double estimate = filter_estimate(f, rows->columns);
    if (!(estimate >= 0 && estimate <= 1)) abort();
    if (filter_columns(f, rows->columns, &of, 0, found, &work, NULL) == VARVE_OK &&
        rows->count % 64 && found[rows->count / 64] >> (rows->count % 64))
        abort();
    filter_free(f);
}

static varve_status ignore_keyword(void *context, uint32_t index, varve_text keyword,
                                   varve_error *err)
{
    (void)context;
    (void)index;
    (void)err;
    if (keyword.len > COLUMN_KEYWORD_BYTES + 1) abort();
    return VARVE_OK;
}

static varve_status see_slot(void *context, uint32_t slot, varve_error *err)
{
    (void)err;
    if (slot >= *(const uint32_t *)context) abort();
    return VARVE_OK;
}

/* Value by value; of a damaged table with more values than there can be, some. */
static void read_table(const column_rows *rows, const column *c, column_table table,
                       const uint64_t *bits)
{
    column_cursor *x = NULL;
    uint32_t count = rows->count;
    uint64_t in_bits;
    column_key key;
    if (column_cursor_new(c, table, &x, NULL) != VARVE_OK) return;
    for (uint32_t i = 0; i < VV_MIN(c->tables[table].count, (uint32_t)VALUES_MAX); i++) {
        if (table != COLUMN_KEYWORDS && column_cursor_key(x, i, &key, NULL) == VARVE_OK)
            (void)column_number_of_key(key);
        (void)!column_cursor_slots(x, i, see_slot, &count, NULL);
        (void)!column_cursor_count(x, i, bits, &in_bits, NULL);
    }
    column_cursor_free(x);
}

/* All that a column gives out, into bits that end where the rows do. */
static void read_column(const column_rows *rows, const column *c)
{
    uint64_t postings = 0, *bits = calloc((rows->count + 63) / 64, sizeof *bits);
    bool right = true;
    if (!bits) abort();
    for (int kind = 0; kind < COLUMN_KINDS; kind++)
        right &= column_or_kind(c, (column_kind)kind, bits, &postings, NULL) == VARVE_OK;
    for (int table = 0; table < COLUMN_TABLES; table++) {
        column_run all = {0, c->tables[table].count};
        right &= column_or_run(c, (column_table)table, all, bits, &postings, NULL) == VARVE_OK;
        if (all.end) read_table(rows, c, (column_table)table, bits);
    }
    (void)!column_walk_keywords(c, (column_run){0, c->tables[COLUMN_KEYWORDS].count},
                                ignore_keyword, NULL, NULL);
    if (right && rows->count % 64 && bits[rows->count / 64] >> (rows->count % 64)) abort();
    free(bits);
}

static void read_columns(const column_rows *rows)
{
    for (size_t i = 0; i < 3 * VV_COUNT(random_keys); i++) {
        const char *name = random_keys[i / 3].plain;
        path_step steps[3] = {{.kind = PATH_KEY, .key = {name, strlen(name)}},
                              {.kind = PATH_EACH},
                              {.kind = PATH_KEY, .key = {"a", 1}}};
        column c;
        bool found;
        if (column_find(rows->columns, steps, 1 + i % 3, &c, &found, NULL) == VARVE_OK && found)
            read_column(rows, &c);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) return 0;
    size_t seed = data[0] % SEEDS, length = seeds[seed].rows.image.len;
    column_rows rows = seeds[seed].rows;
    if (data[0] >= 0xf0) length -= VV_MIN(length, (size_t)data[1] * 97);
    uint8_t *bytes = malloc(length + 1); /* exactly: a read behind it is seen */
    if (!bytes) abort();
    memcpy(bytes, seeds[seed].rows.image.data, length);
    for (size_t at = 3, n = 0; data[0] < 0xf0 && at + CHANGE_BYTES <= size && n < CHANGES_MAX;
         at += CHANGE_BYTES, n++)
        change(seed, bytes, data + at);
    uint8_t *exact = realloc(bytes, length ? length : 1);
    if (!exact) abort();
    rows.image.data = (char *)exact;
    rows.image.len = length;
    if (column_rows_open(&rows, NULL) == VARVE_OK) {
        read_columns(&rows);
        for (uint64_t i = 0; i < 4; i++)
            ask(&rows, get_u16(data + 1) * UINT64_C(4) + i);
        (void)!columns_check(rows.columns, column_rows_text, &rows, NULL);
    }
    columns_free(rows.columns);
    free(exact);
    return 0;
}
