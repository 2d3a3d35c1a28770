/* test_segment_damage.c — files that are not what they should be: flipped bytes, cut files, and
 * lies told with right checksums. Whatever is wrong is found, at open, on access or by
 * segment_check, and nothing crashes. */
#include "segment_reseal.h"
#include "segment_rows.h"

/* ---- a file in memory, changed and put back ------------------------------------------------- */

typedef struct image {
    test_rows rows;
    segment_record record;
    uint8_t *bytes;
    size_t size;
} image;

static image make_image(size_t rows, uint32_t dim, varve_dtype dtype, rows_style style)
{
    image i = {.rows = make_rows(rows, dim, dtype, style, 21)};
    char *bytes;
    i.record = write_rows(&i.rows, in_folder("good.seg"));
    OK(file_read(in_folder("good.seg"), SIZE_MAX / 2, &bytes, &i.size, err));
    i.bytes = (uint8_t *)bytes;
    return i;
}

static void free_image(image *i)
{
    free(i->bytes);
    free_rows(&i->rows);
}

static const char *put_file(const uint8_t *bytes, size_t size)
{
    const char *path = in_folder("bad.seg");
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
    return path;
}

/* Read every row; the first failure, or OK. */
static varve_status read_rows(segment *s, varve_error *err)
{
    const segment_record *r = segment_get_record(s);
    for (uint64_t i = 0; i < r->rows; i++) {
        const uint8_t *bytes;
        varve_text fields;
        uint64_t number;
        size_t len;
        bool found;
        VV_TRY(segment_vectors(s, i, 1, &bytes, err));
        VV_TRY(segment_rowver(s, i, &number, err));
        VV_TRY(segment_find(s, number, &found, &number, err));
        VV_TRY(segment_ordinal(s, i, &number, err));
        VV_TRY(segment_id_key(s, i, &bytes, &len, err));
        VV_TRY(segment_fields(s, i, &fields, err));
    }
    return VARVE_OK;
}

typedef enum found_by { AT_OPEN, ON_ACCESS, BY_CHECK, NEVER } found_by;

static found_by find_damage(const uint8_t *bytes, size_t size, const segment_record *record)
{
    const char *path = put_file(bytes, size);
    varve_error err = {0};
    segment *s = NULL;
    varve_status opened = segment_open(path, NULL, record, &s, &err), access, check;
    if (opened != VARVE_OK) {
        assert_true(opened == VARVE_CORRUPT || opened == VARVE_NEWER_FORMAT);
        assert_non_null(strstr(err.message, path));
        return AT_OPEN;
    }
    access = read_rows(s, &err);
    check = segment_check(s, &err);
    segment_unref(s);
    if (access != VARVE_OK) {
        assert_int_equal(access, VARVE_CORRUPT);
        assert_int_equal(check, VARVE_CORRUPT);
        return ON_ACCESS;
    }
    if (check == VARVE_OK) return NEVER;
    assert_int_equal(check, VARVE_CORRUPT);
    return BY_CHECK;
}

static void test_undamaged(void **state)
{
    image i = make_image(100, 10, VARVE_FLOAT32, ROWS_MIXED);
    (void)state;
    assert_int_equal(find_damage(i.bytes, i.size, &i.record), NEVER);
    reseal(i.bytes, i.size); /* changes nothing */
    assert_int_equal(find_damage(i.bytes, i.size, &i.record), NEVER);
    free_image(&i);
}

/* ---- damage without intent ----------------------------------------------------------------- */

static void test_every_byte_flipped(void **state)
{
    (void)state;
    for (int style = ROWS_PLAIN; style <= ROWS_MIXED; style++) {
        image i = make_image(9, 7, VARVE_FLOAT32, (rows_style)style);
        uint64_t sums_at = get_u64(entry_of(i.bytes, i.size, SEGMENT_BLOCK_SUMS) + 8);
        for (size_t at = 0; at < i.size; at++) {
            bool by_open = at < SEGMENT_HEADER_BYTES || at >= sums_at;
            found_by found;
            i.bytes[at] ^= (uint8_t)(1 + at % 255);
            found = find_damage(i.bytes, i.size, NULL);
            i.bytes[at] ^= (uint8_t)(1 + at % 255);
            assert_int_equal(found, by_open ? AT_OPEN : ON_ACCESS); /* one block: any access */
        }
        free_image(&i);
    }
}

/* In a file of many blocks, damage in one is found by those who read it, and only by them. */
static void test_other_blocks_stay_readable(void **state)
{
    image i = make_image(5000, 100, VARVE_FLOAT32, ROWS_MIXED);
    const size_t damaged = 2500 * 400 + SEGMENT_HEADER_BYTES;
    const uint8_t *v;
    varve_error e = {0};
    char expected[64];
    segment *s;
    (void)state;
    i.bytes[damaged] ^= 1;
    s = open_segment(put_file(i.bytes, i.size));
    OK(segment_vectors(s, 0, 2000, &v, err));
    assert_memory_equal(v, i.rows.vectors, 2000 * i.rows.stride);
    OK(segment_vectors(s, 3000, 2000, &v, err));
    for (int again = 0; again < 2; again++) { /* a failure is not remembered as a success */
        assert_int_equal(segment_vectors(s, 2500, 1, &v, &e), VARVE_CORRUPT);
        snprintf(expected, sizeof expected, "block %zu does not match its checksum",
                 damaged / SEGMENT_BLOCK_BYTES);
        assert_non_null(strstr(e.message, expected));
    }
    assert_int_equal(segment_vectors(s, 0, 5000, &v, &e), VARVE_CORRUPT);
    assert_int_equal(segment_check(s, &e), VARVE_CORRUPT);
    segment_unref(s);
    free_image(&i);
}

static void test_random_flips(void **state)
{
    image i = make_image(3000, 24, VARVE_FLOAT16, ROWS_MIXED);
    random_state r;
    (void)state;
    random_seed(&r, 5);
    for (int round = 0; round < 300; round++) {
        size_t at = random_below(&r, i.size);
        uint8_t flip = (uint8_t)(1 + random_below(&r, 255));
        i.bytes[at] ^= flip;
        assert_int_not_equal(find_damage(i.bytes, i.size, &i.record), NEVER);
        i.bytes[at] ^= flip;
    }
    free_image(&i);
}

static void test_cut_and_longer(void **state)
{
    image i = make_image(300, 16, VARVE_UINT8, ROWS_MIXED);
    uint8_t *longer = calloc(1, i.size + SEGMENT_FOOTER_BYTES);
    (void)state;
    for (size_t size = 0; size < i.size; size += 512)
        assert_int_equal(find_damage(i.bytes, size, &i.record), AT_OPEN);
    for (size_t cut = 1; cut < 300; cut++)
        assert_int_equal(find_damage(i.bytes, i.size - cut, NULL), AT_OPEN);
    for (size_t more = 1; more <= SEGMENT_FOOTER_BYTES; more++) {
        memcpy(longer, i.bytes, i.size);
        memset(longer + i.size, 0, more);
        assert_int_equal(find_damage(longer, i.size + more, NULL), AT_OPEN);
    }
    /* the footer once more: all of it is right but the place */
    memcpy(longer + i.size, i.bytes + i.size - SEGMENT_FOOTER_BYTES, SEGMENT_FOOTER_BYTES);
    assert_int_equal(find_damage(longer, i.size + SEGMENT_FOOTER_BYTES, NULL), AT_OPEN);
    free(longer);
    free_image(&i);
}

static void test_newer_format(void **state)
{
    image i = make_image(3, 4, VARVE_UINT8, ROWS_PLAIN);
    varve_error err = {0};
    segment *s = NULL;
    (void)state;
    put_u32(i.bytes + 8, SEGMENT_VERSION + 1);
    reseal(i.bytes, i.size);
    assert_int_equal(segment_open(put_file(i.bytes, i.size), NULL, NULL, &s, &err),
                     VARVE_NEWER_FORMAT);
    free_image(&i);
}

/* A header that says otherwise what the rows hold, with right checksums: only the collection, and
 * the record that its manifest has of the file, can tell. */
static void test_content_and_texts_are_the_collections(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {{37, SEGMENT_SPARSE_VECTOR}, {38, 1}, {38, 2}, {38, 4}, {80, 'e'}};
    image i = make_image(3, 4, VARVE_UINT8, ROWS_PLAIN);
    segment_spec spec;
    varve_error err = {0};
    segment *s = NULL;
    (void)state;
    assert_int_equal(segment_open(put_file(i.bytes, i.size), NULL, NULL, &s, &err), VARVE_OK);
    spec = *segment_get_spec(s);
    segment_unref(s);
    for (size_t n = 0; n < VV_COUNT(changes); n++) {
        uint8_t was = i.bytes[changes[n].at];
        i.bytes[changes[n].at] = changes[n].value;
        reseal(i.bytes, i.size);
        s = NULL;
        spec.any_content = false;
        const char *path = put_file(i.bytes, i.size);
        assert_int_equal(segment_open(path, &spec, NULL, &s, &err), VARVE_CORRUPT);
        assert_null(s);
        spec.any_content = true;
        assert_int_equal(segment_open(path, &spec, NULL, &s, &err), VARVE_OK);
        segment_unref(s);
        i.bytes[changes[n].at] = was;
    }
    free_image(&i);
}

/* ---- lies with right checksums ------------------------------------------------------------- */

typedef struct lie {
    const char *what;
    segment_section kind; /* 0: the header */
    bool in_entry;        /* of the directory; else in the section itself */
    size_t at, bytes;
    uint64_t value;
    found_by found;
} lie;

static void tell(image *i, const lie *l)
{
    uint8_t *copy = malloc(i->size), *entry, *to;
    found_by found;
    memcpy(copy, i->bytes, i->size);
    entry = l->kind ? entry_of(copy, i->size, l->kind) : NULL;
    to = !l->kind ? copy : l->in_entry ? entry : copy + get_u64(entry + 8);
    memcpy(to + l->at, &l->value, l->bytes);
    reseal(copy, i->size);
    found = find_damage(copy, i->size, NULL);
    if (found != l->found) fail_msg("%s: found %d, expected %d", l->what, found, l->found);
    free(copy);
}

static void tell_all(image *i, const lie *lies, size_t count)
{
    for (size_t n = 0; n < count; n++)
        tell(i, &lies[n]);
}

static void test_header_lies(void **state)
{
    image i = make_image(20, 8, VARVE_FLOAT32, ROWS_MIXED);
    const lie lies[] = {
        {"version 0", 0, false, 8, 4, 0, AT_OPEN},
        {"no rows", 0, false, 24, 8, 0, AT_OPEN},
        {"one row less", 0, false, 24, 8, 19, AT_OPEN},
        {"rows wrap", 0, false, 24, 8, 0x2000000000000014, AT_OPEN},
        {"most rows", 0, false, 24, 8, UINT64_MAX, AT_OPEN},
        {"dim 0", 0, false, 32, 4, 0, AT_OPEN},
        {"dim 9", 0, false, 32, 4, 9, AT_OPEN},
        {"most dims", 0, false, 32, 4, UINT32_MAX, AT_OPEN},
        {"dtype", 0, false, 36, 1, VARVE_DTYPE_COUNT, AT_OPEN},
        {"rowvers reversed", 0, false, 40, 8, UINT64_MAX, AT_OPEN},
        {"rowver range too small", 0, false, 48, 8, i.record.rowver_min + 18, AT_OPEN},
        {"rowver min", 0, false, 40, 8, i.record.rowver_min - 1, BY_CHECK},
        {"rowver max", 0, false, 48, 8, i.record.rowver_max + 1, BY_CHECK},
        {"ordinal min", 0, false, 56, 8, i.record.ordinal_min - 1, BY_CHECK},
        {"ordinal max", 0, false, 64, 8, i.record.ordinal_max + 1, BY_CHECK},
        {"ordinals reversed", 0, false, 56, 8, UINT64_MAX, AT_OPEN},
        {"norm 0", 0, false, 72, 8, 0, BY_CHECK},
        {"norm negative", 0, false, 72, 8, 0xbff0000000000000, AT_OPEN},
        {"norm NaN", 0, false, 72, 8, 0x7ff8000000000000, AT_OPEN},
        {"norm infinite", 0, false, 72, 8, 0x7ff0000000000000, AT_OPEN},
    };
    (void)state;
    tell_all(&i, lies, VV_COUNT(lies));
    free_image(&i);
}

static void test_directory_lies(void **state)
{
    image i = make_image(20, 8, VARVE_FLOAT32, ROWS_MIXED);
    uint64_t fields_at = get_u64(entry_of(i.bytes, i.size, SEGMENT_FIELD_BYTES) + 8);
    uint64_t fields_size = get_u64(entry_of(i.bytes, i.size, SEGMENT_FIELD_BYTES) + 16);
    const lie lies[] = {
        {"kind missing", SEGMENT_ROWVERS, true, 0, 4, 77, AT_OPEN},
        {"field missing", SEGMENT_VECTORS, true, 4, 2, 1, AT_OPEN},
        {"kind twice", SEGMENT_ROWVERS, true, 0, 4, SEGMENT_ORDINALS, AT_OPEN},
        {"kind 0", SEGMENT_ROWVERS, true, 0, 4, 0, AT_OPEN},
        {"flags on vectors", SEGMENT_VECTORS, true, 6, 2, 1, AT_OPEN},
        {"unknown flags", SEGMENT_ORDINALS, true, 6, 2, 2, AT_OPEN},
        {"step with a list", SEGMENT_ROWVERS, true, 6, 2, 1, AT_OPEN},
        {"not aligned", SEGMENT_FIELD_BYTES, true, 8, 8, fields_at + 1, AT_OPEN},
        {"overlap", SEGMENT_FIELD_BYTES, true, 8, 8, SEGMENT_HEADER_BYTES, AT_OPEN},
        {"in the header", SEGMENT_VECTORS, true, 8, 8, 0, AT_OPEN},
        {"behind the end", SEGMENT_FIELD_BYTES, true, 8, 8, 1 << 30, AT_OPEN},
        {"far behind the end", SEGMENT_FIELD_BYTES, true, 8, 8, UINT64_MAX - 63, AT_OPEN},
        {"too large", SEGMENT_FIELD_BYTES, true, 16, 8, UINT64_MAX, AT_OPEN},
        {"fields cut", SEGMENT_FIELD_BYTES, true, 16, 8, fields_size - 1, ON_ACCESS},
        {"fields longer", SEGMENT_FIELD_BYTES, true, 16, 8, fields_size + 1, BY_CHECK},
        {"vectors longer", SEGMENT_VECTORS, true, 16, 8, 20 * 8 * 4 + 1, AT_OPEN},
        {"offsets shorter", SEGMENT_ID_OFFSETS, true, 16, 8, 20 * 8, AT_OPEN},
        {"rowvers shorter", SEGMENT_ROWVERS, true, 16, 8, 19 * 8, AT_OPEN},
        {"sums elsewhere", SEGMENT_BLOCK_SUMS, true, 8, 8, 128, AT_OPEN},
        {"sums longer", SEGMENT_BLOCK_SUMS, true, 16, 8, 16, AT_OPEN},
        {"sums gone", SEGMENT_BLOCK_SUMS, true, 0, 4, 99, AT_OPEN},
    };
    (void)state;
    tell_all(&i, lies, VV_COUNT(lies));
    free_image(&i);
}

static void test_stepped_lies(void **state)
{
    image i = make_image(20, 8, VARVE_FLOAT32, ROWS_PLAIN);
    const uint64_t huge = UINT64_MAX / 4;
    const lie lies[] = {
        {"other first", SEGMENT_ROWVERS, true, 24, 8, i.record.rowver_min + 1, AT_OPEN},
        {"no step", SEGMENT_ROWVERS, true, 32, 8, 0, AT_OPEN},
        {"step overflows", SEGMENT_ROWVERS, true, 32, 8, huge, AT_OPEN},
        {"ordinals step", SEGMENT_ORDINALS, true, 32, 8, 2, AT_OPEN},
        {"ordinals first", SEGMENT_ORDINALS, true, 24, 8, 1, AT_OPEN},
        {"sum overflows", SEGMENT_ORDINALS, true, 24, 8, UINT64_MAX, AT_OPEN},
        {"ids longer", SEGMENT_ID_OFFSETS, true, 32, 8, 10, AT_OPEN},
        {"ids wrap", SEGMENT_ID_OFFSETS, true, 32, 8, huge, AT_OPEN},
        {"ids begin late", SEGMENT_ID_OFFSETS, true, 24, 8, 1, AT_OPEN},
        {"fields longer", SEGMENT_FIELD_OFFSETS, true, 32, 8, 3, AT_OPEN},
        {"fields shorter", SEGMENT_FIELD_OFFSETS, true, 32, 8, 1, AT_OPEN},
        {"fields begin late", SEGMENT_FIELD_OFFSETS, true, 24, 8, 2, AT_OPEN},
        {"size with a step", SEGMENT_ROWVERS, true, 16, 8, 8, AT_OPEN},
        {"no flag", SEGMENT_ROWVERS, true, 6, 2, 0, AT_OPEN},
    };
    (void)state;
    tell_all(&i, lies, VV_COUNT(lies));
    free_image(&i);
}

static void test_content_lies(void **state)
{
    image i = make_image(20, 8, VARVE_FLOAT32, ROWS_MIXED);
    const uint8_t *rowvers = i.bytes + get_u64(entry_of(i.bytes, i.size, SEGMENT_ROWVERS) + 8);
    const lie lies[] = {
        {"rowver repeated", SEGMENT_ROWVERS, false, 8, 8, get_u64(rowvers), BY_CHECK},
        {"rowver descends", SEGMENT_ROWVERS, false, 16, 8, 0, BY_CHECK},
        {"ordinal out of range", SEGMENT_ORDINALS, false, 24, 8, UINT64_MAX, BY_CHECK},
        {"id offset first", SEGMENT_ID_OFFSETS, false, 0, 8, 1, BY_CHECK},
        {"id offset descends", SEGMENT_ID_OFFSETS, false, 16, 8, 0, ON_ACCESS},
        {"id offset last", SEGMENT_ID_OFFSETS, false, 160, 8, UINT64_MAX, ON_ACCESS},
        {"field offset large", SEGMENT_FIELD_OFFSETS, false, 80, 8, 1 << 20, ON_ACCESS},
        {"id tag", SEGMENT_ID_BYTES, false, 0, 1, 2, BY_CHECK},
        {"fields no object", SEGMENT_FIELD_BYTES, false, 0, 1, '[', BY_CHECK},
        {"fields with a space", SEGMENT_FIELD_BYTES, false, 0, 3, 0x7d207b /* "{ }" */, BY_CHECK},
        {"vector NaN", SEGMENT_VECTORS, false, 40, 4, 0x7fc00000, BY_CHECK},
        {"vector infinite", SEGMENT_VECTORS, false, 40, 4, 0xff800000, BY_CHECK},
        {"vector longer than the norm", SEGMENT_VECTORS, false, 40, 4, 0x42c80000, BY_CHECK},
    };
    (void)state;
    tell_all(&i, lies, VV_COUNT(lies));
    free_image(&i);
}

static void test_type_lies(void **state)
{
    image half = make_image(5, 3, VARVE_FLOAT16, ROWS_PLAIN);
    image bits = make_image(5, 11, VARVE_BINARY, ROWS_PLAIN);
    const lie infinite = {"half infinite", SEGMENT_VECTORS, false, 2, 2, 0x7c00, BY_CHECK};
    const lie spare = {"spare bits", SEGMENT_VECTORS, false, 1, 1, 0x08, BY_CHECK};
    (void)state;
    tell(&half, &infinite);
    tell(&bits, &spare);
    free_image(&half);
    free_image(&bits);
}

/* A section of a kind that is not known yet, or of a named vector field, does not disturb. */
static void test_unknown_sections_are_skipped(void **state)
{
    image i = make_image(20, 8, VARVE_FLOAT32, ROWS_MIXED);
    const size_t behind = SEGMENT_ENTRY_BYTES + SEGMENT_FOOTER_BYTES; /* sums entry and footer */
    const size_t size = i.size + SEGMENT_ENTRY_BYTES;
    uint8_t *bytes = calloc(1, size), *entry, *footer = bytes + size - SEGMENT_FOOTER_BYTES;
    uint64_t end = get_u64(entry_of(i.bytes, i.size, SEGMENT_BLOCK_SUMS) + 8);
    (void)state;
    for (uint16_t field = 0; field < 2; field++) {
        memcpy(bytes, i.bytes, i.size - behind);
        entry = bytes + i.size - behind;
        memset(entry, 0, SEGMENT_ENTRY_BYTES);
        put_u32(entry, field ? SEGMENT_VECTORS : 1000);
        put_u16(entry + 4, field);
        put_u16(entry + 6, 0xffff);
        put_u64(entry + 8, end);
        memcpy(entry + SEGMENT_ENTRY_BYTES, i.bytes + i.size - behind, behind);
        put_u32(footer + 16, get_u32(i.bytes + i.size - SEGMENT_FOOTER_BYTES + 16) + 1);
        put_u64(footer + 24, size);
        reseal(bytes, size);
        assert_int_equal(find_damage(bytes, size, NULL), NEVER);
    }
    free(bytes);
    free_image(&i);
}

/* Any bytes of header, directory and footer set to anything, with right sums: no crash. */
static void test_random_lies(void **state)
{
    image i = make_image(30, 8, VARVE_INT8, ROWS_MIXED);
    uint64_t from = get_u64(i.bytes + i.size - SEGMENT_FOOTER_BYTES + 8);
    uint8_t *copy = malloc(i.size);
    random_state r;
    (void)state;
    random_seed(&r, 6);
    for (int round = 0; round < 3000; round++) {
        memcpy(copy, i.bytes, i.size);
        for (uint64_t n = 1 + random_below(&r, 3); n > 0; n--) {
            size_t at = random_below(&r, 3) ? from + random_below(&r, i.size - from)
                                            : random_below(&r, SEGMENT_HEADER_BYTES);
            copy[at] = (uint8_t)(random_below(&r, 2) ? random_u64(&r) : 0xff * random_below(&r, 2));
        }
        reseal(copy, i.size);
        (void)find_damage(copy, i.size, NULL);
    }
    free(copy);
    free_image(&i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_undamaged),
        cmocka_unit_test(test_every_byte_flipped),
        cmocka_unit_test(test_other_blocks_stay_readable),
        cmocka_unit_test(test_random_flips),
        cmocka_unit_test(test_cut_and_longer),
        cmocka_unit_test(test_newer_format),
        cmocka_unit_test(test_content_and_texts_are_the_collections),
        cmocka_unit_test(test_header_lies),
        cmocka_unit_test(test_directory_lies),
        cmocka_unit_test(test_stepped_lies),
        cmocka_unit_test(test_content_lies),
        cmocka_unit_test(test_type_lies),
        cmocka_unit_test(test_unknown_sections_are_skipped),
        cmocka_unit_test(test_random_lies),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
