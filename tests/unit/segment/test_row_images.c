/* test_row_images.c — images built at the end and images built beside the rows are the same bytes,
 * and take no more memory than is foretold. */
#include "memory_count.h"
#include "segment_rows.h"

#include "base/fault.h"

#define ROWS        20000
#define FIXED_BYTES (UINT64_C(5) << 19)
#define TEXT_MAX    400
#define SHAPES      6
#define DIM_SMALL   4

/* Fields of several kinds: nothing, a number, a word, a record, a text, a sentence of rare words.
 */
static size_t make_fields(unsigned shape, uint64_t i, char ret[TEXT_MAX])
{
    unsigned long long n = i, mix = i * 0x9e3779b97f4a7c15ull;
    switch (shape) {
    case 0: return (size_t)snprintf(ret, TEXT_MAX, "{}");
    case 1: return (size_t)snprintf(ret, TEXT_MAX, "{\"n\":%llu}", mix % 1000003);
    case 2: return (size_t)snprintf(ret, TEXT_MAX, "{\"w\":\"w%llu\"}", mix % 50);
    case 3:
        return (size_t)snprintf(
            ret, TEXT_MAX,
            "{\"title\":\"river delta number %llu\",\"lang\":\"%s\",\"year\":%llu,"
            "\"tags\":[\"a%llu\",\"b%llu\"],\"url\":\"https://example.org/%llx/page/%llu\"}",
            n, mix & 1 ? "en" : "de", 1950 + n % 75, mix % 9, mix % 7, mix, n);
    case 4: return (size_t)snprintf(ret, TEXT_MAX, "{\"t\":\"%0200llu\"}", mix);
    default:
        return (size_t)snprintf(ret, TEXT_MAX, "{\"s\":\"a%llu b%llu c%llu d%llu e%llu\"}", mix,
                                mix + 1, mix + 2, mix + 3, mix + 4);
    }
}

typedef struct written {
    uint64_t held, foretold, most, fields; /* bytes */
    segment_record record;
} written;

static void write_shape(unsigned shape, bool beside, const char *name, written *ret)
{
    segment_spec spec = {.collection = 1, .number = 1, .dim = DIM_SMALL, .dtype = VARVE_FLOAT32};
    segment_writer *w = NULL;
    float vector[DIM_SMALL] = {1, 2, 3, 4};
    long long before = memory_count_now();
    *ret = (written){0};
    memory_count_begin();
    OK(segment_writer_new(in_folder("tmp"), &spec, &w, err));
    if (beside) segment_writer_build_beside(w);
    for (uint64_t i = 0; i < ROWS; i++) {
        char text[TEXT_MAX];
        uint8_t key[ID_KEY_NUM_BYTES];
        size_t len = make_fields(shape, i, text);
        id_key_put((varve_id){.kind = VARVE_ID_NUM, .num = i}, key);
        ret->fields += len;
        OK(segment_writer_add(w, i + 1, i, key, sizeof key, vector, (varve_text){text, len}, err));
    }
    ret->held = segment_writer_memory_bytes(w);
    ret->foretold = segment_writer_finish_bytes(w);
    OK(segment_writer_finish(w, in_folder(name), &ret->record, err));
    ret->most = memory_count_most(before);
}

/* Also of the fields of which little is known beforehand: rare words. The rest is what every writer
 * has: a block of the stream, and the first slab of the terms. */
static void test_memory(void **state)
{
    (void)state;
    for (unsigned shape = 0; shape < SHAPES; shape++) {
        written here, beside;
        write_shape(shape, false, "a.seg", &here);
        assert_in_range(here.most, here.held / 2, here.foretold + FIXED_BYTES);
        write_shape(shape, true, "b.seg", &beside); /* both are finished at a time */
        assert_in_range(beside.held, here.held * 4 / 5, here.held * 8 / 5);
        assert_in_range(beside.most, beside.held / 2, here.foretold * 3 / 2 + FIXED_BYTES);
    }
}

static void read_file(const char *path, buffer *ret)
{
    char bytes[4096];
    size_t n;
    FILE *f = fopen(path, "rbe");
    assert_non_null(f);
    buffer_init(ret, SIZE_MAX / 2, "a file");
    while ((n = fread(bytes, 1, sizeof bytes, f)) > 0)
        OK(buffer_add(ret, bytes, n, err));
    (void)fclose(f);
}

static void test_same_file(void **state)
{
    (void)state;
    for (unsigned shape = 0; shape < SHAPES; shape++) {
        written w;
        buffer here, beside;
        write_shape(shape, false, "a.seg", &w);
        write_shape(shape, true, "b.seg", &w);
        read_file(in_folder("a.seg"), &here);
        read_file(in_folder("b.seg"), &beside);
        assert_int_equal(here.len, beside.len);
        assert_memory_equal(here.data, beside.data, here.len);
        segment *s = open_segment(in_folder("b.seg"));
        OK(segment_check(s, err));
        segment_unref(s);
        buffer_done(&here);
        buffer_done(&beside);
    }
}

/* Fields that are none: found while building, reported when the segment is finished, and the adding
 * side does not wait for a thread that reads no more. */
static void test_malformed(void **state)
{
    (void)state;
    segment_spec spec = {.collection = 1, .number = 1, .dim = DIM_SMALL, .dtype = VARVE_FLOAT32};
    const float vector[DIM_SMALL] = {1};
    segment_writer *w = NULL;
    segment_record record;
    OK(segment_writer_new(in_folder("tmp"), &spec, &w, err));
    segment_writer_build_beside(w);
    for (uint64_t i = 0; i < 8 * ROWS; i++) {
        char text[TEXT_MAX];
        uint8_t key[ID_KEY_NUM_BYTES];
        size_t len = make_fields(3, i, text);
        if (i == 100) text[len / 2] = 0;
        if (i == 100) len = len / 2 + 1;
        id_key_put((varve_id){.kind = VARVE_ID_NUM, .num = i}, key);
        OK(segment_writer_add(w, i + 1, i, key, sizeof key, vector, (varve_text){text, len}, err));
    }
    varve_error err = {0};
    assert_int_equal(segment_writer_finish(w, in_folder("c.seg"), &record, &err), VARVE_CORRUPT);
    assert_false(file_exists(in_folder("c.seg")) || file_exists(in_folder("tmp")));
}

/* Given up at any moment: the thread ends. */
static void test_discard(void **state)
{
    (void)state;
    segment_spec spec = {.collection = 1, .number = 1, .dim = DIM_SMALL, .dtype = VARVE_FLOAT32};
    const float vector[DIM_SMALL] = {1};
    for (uint64_t rows = 0; rows < 5000; rows = rows * 2 + 1) {
        segment_writer *w = NULL;
        OK(segment_writer_new(in_folder("tmp"), &spec, &w, err));
        segment_writer_build_beside(w);
        for (uint64_t i = 0; i < rows; i++) {
            char text[TEXT_MAX];
            uint8_t key[ID_KEY_NUM_BYTES];
            size_t len = make_fields(5, i, text);
            id_key_put((varve_id){.kind = VARVE_ID_NUM, .num = i}, key);
            OK(segment_writer_add(w, i + 1, i, key, sizeof key, vector, (varve_text){text, len},
                                  err));
        }
        segment_writer_discard(w);
    }
}

/* Building meets a limit: the segment is there without what is built of its fields. */
static void test_limit_of_images(void **state)
{
    (void)state;
#ifdef VARVE_FAULTS
    for (int beside = 0; beside < 2; beside++) {
        const row_images *images = NULL;
        written w;
        fault_arm("segment.images", 1, VV_FAULT_EIO);
        write_shape(3, beside, "limit.seg", &w);
        assert_true(fault_was_hit());
        fault_disarm();
        segment *s = open_segment(in_folder("limit.seg"));
        OK(segment_check(s, err));
        OK(segment_images(s, &images, err));
        assert_true(!images->columns && !images->text && !images->sparse);
        segment_doom(s);
        segment_unref(s);
    }
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),    cmocka_unit_test(test_same_file),
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_limit_of_images),
        cmocka_unit_test(test_discard),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
