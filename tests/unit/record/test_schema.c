/* test_schema.c — schemas: made, copied, written, read, refused. */
#include "record_fixture.h"

#include "record/schema.h"

#include <math.h>

#define DIM_MAX         65536
#define DESCRIPTION_MAX 100

static void makes(void **state)
{
    (void)state;
    collection_schema s = {0}, copy = {0};
    varve_collection_spec spec = {
        .dim = 384, .dtype = VARVE_FLOAT16, .index_mode = "flat-L2", .description = "of books"};
    assert_ok(schema_init(&s, 7, &spec, DIM_MAX, DESCRIPTION_MAX, err));
    assert_int_equal(s.id, 7);
    assert_true(s.created_ms > UINT64_C(1600000000000));
    assert_string_equal(s.description, "of books");
    assert_int_equal(s.field_count, 1);
    assert_int_equal(s.fields[0].dim, 384);
    assert_int_equal(s.fields[0].dtype, VARVE_FLOAT16);
    assert_int_equal(s.fields[0].metric, VARVE_METRIC_L2);
    assert_string_equal(s.fields[0].index_mode, "flat-L2"); /* as typed */
    assert_ok(schema_copy(&s, &copy, err));
    assert_ok(schema_set_description(&copy, "other", DESCRIPTION_MAX, err));
    assert_string_equal(s.description, "of books");
    assert_string_equal(copy.description, "other");
    assert_ok(schema_set_description(&copy, NULL, DESCRIPTION_MAX, err));
    assert_null(copy.description);
    schema_done(&copy);
    schema_done(&s);
    schema_done(&s);
    assert_ok(schema_init(&s, 8, NULL, DIM_MAX, DESCRIPTION_MAX, err));
    assert_int_equal(s.fields[0].dim, 0);
    assert_int_equal(s.fields[0].metric, VARVE_METRIC_IP);
    assert_string_equal(s.fields[0].index_mode, "");
    assert_null(s.description);
    schema_done(&s);
}

static varve_status init(const varve_collection_spec *spec, varve_error *err)
{
    collection_schema s = {.id = 99};
    varve_status status = schema_init(&s, 1, spec, DIM_MAX, DESCRIPTION_MAX, err);
    assert_int_equal(s.id, status == VARVE_OK ? 1 : 99); /* untouched by a failure */
    if (status == VARVE_OK) schema_done(&s);
    return status;
}

static void refuses(void **state)
{
    (void)state;
    char long_text[DESCRIPTION_MAX + 2];
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    varve_collection_spec spec = {.dim = DIM_MAX};
    assert_ok(init(&spec, err));
    spec.dim++;
    assert_fails(VARVE_LIMIT, "dim_max 65536", init(&spec, err));
    spec = (varve_collection_spec){.dtype = VARVE_DTYPE_COUNT};
    assert_fails(VARVE_INVALID, "dtype", init(&spec, err));
    spec = (varve_collection_spec){.index_mode = "HNSW"};
    assert_fails(VARVE_INVALID, "unsupported index/metric combination", init(&spec, err));
    spec = (varve_collection_spec){.index_mode = "FLAT-GEO", .dim = 3};
    assert_fails(VARVE_INVALID, "requires dimension 2", init(&spec, err));
    spec.dim = 2;
    assert_ok(init(&spec, err));
    spec.dim = 0;
    assert_ok(init(&spec, err));
    spec = (varve_collection_spec){.description = long_text};
    assert_fails(VARVE_LIMIT, "description_bytes_max 100", init(&spec, err));
    long_text[DESCRIPTION_MAX] = '\0';
    assert_ok(init(&spec, err));
    spec.description = "a\xff";
    assert_fails(VARVE_INVALID, "UTF-8", init(&spec, err));
}

static bool decode(const void *bytes, size_t len, buffer *again)
{
    collection_schema s = {0};
    varve_error why = {0};
    varve_status status = schema_decode(bytes, len, &s, &why);
    if (status != VARVE_OK) {
        assert_true(status == VARVE_CORRUPT || status == VARVE_NEWER_FORMAT);
        return false;
    }
    assert_ok(schema_encode(&s, again, err));
    schema_done(&s);
    return true;
}

/* What version 1 wrote: no parameters. */
static const char record_1[] = "\1\4\3\2\1\5\0\0\0\0\0\0\0\0\0\0\0\2\0" /* … */
                               "\0\0\0\3\0\0\0\3\3\7flat-l1"
                               "\4\0\5title\10\0\0\0\0\2\0";

#define NO_PARAMS                                                                                  \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"             \
    "\0\0\0\0\0\0\0\0"
static const char record_2[] =
    "\2\4\3\2\1\5\0\0\0\0\0\0\0\0\0\0\0\2\0" /* … */
    "\0\0\0\3\0\0\0\3\3\7flat-l1" NO_PARAMS "\4\0\5title\10\0\0\0\0\2\7hnsw-ip"
    "\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5\0\0\0\6\0\0\0\7\0\0\0\10\0\0\0\11\0\0\0\12\0\0\0"
    "\0\0\0\0\0\0\370\77";
static const char record_3[] =
    "\3\4\3\2\1\5\0\0\0\0\0\0\0\0\0\0\0\1\5\6german\2\0" /* … */
    "\0\0\0\3\0\0\0\3\3\7flat-l1" NO_PARAMS "\0\0\0\0\0\4\0\5title\10\0\0\0\0\2\7hnsw-ip"
    "\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5\0\0\0\6\0\0\0\7\0\0\0\10\0\0\0\11\0\0\0\12\0\0\0"
    "\0\0\0\0\0\0\370\77\2\7\0\0\0";

static void reads_what_it_writes(void **state)
{
    (void)state;
    vector_field fields[] = {
        {.id = 0,
         .dim = 3,
         .dtype = VARVE_INT8,
         .metric = VARVE_METRIC_L1,
         .index_mode = "flat-l1"},
        {.id = 4,
         .name = "title",
         .dim = 8,
         .metric = VARVE_METRIC_COSINE,
         .index_mode = "hnsw-ip",
         .params = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1.5},
         .kind = VECTOR_MULTI,
         .child = 7},
    };
    collection_schema s = {.id = 0x01020304,
                           .created_ms = 5,
                           .content = 1,
                           .text_stem = true,
                           .text_fold_accents = true,
                           .text_language = "german",
                           .field_count = 2,
                           .fields = fields};
    collection_schema got = {0};
    char description[] = "d\xc3\xa9";
    buffer out;
    buffer_init(&out, 1000, "schema");
    assert_ok(schema_encode(&s, &out, err));
    assert_int_equal(out.len, sizeof record_3 - 1);
    assert_memory_equal(out.data, record_3, out.len);
    mutate(decode, out.data, out.len);
    assert_ok(schema_decode(out.data, out.len, &got, err));
    assert_null(got.description);
    assert_string_equal(got.fields[1].name, "title");
    assert_int_equal(got.fields[1].params.n_clusters, 1);
    assert_int_equal(got.fields[1].params.max_degree, 10);
    assert_true(got.fields[1].params.alpha == 1.5);
    assert_int_equal(got.fields[1].child, 7);
    assert_string_equal(got.text_language, "german");
    schema_done(&got);
    s.description = description;
    buffer_clear(&out);
    assert_ok(schema_encode(&s, &out, err));
    mutate(decode, out.data, out.len);
    out.data[0] = 4;
    assert_fails(VARVE_NEWER_FORMAT, "version 4", schema_decode(out.data, out.len, &got, err));
    buffer_done(&out);
    buffer_init(&out, 30, "schema"); /* too small: nothing changes */
    assert_fails(VARVE_LIMIT, "schema", schema_encode(&s, &out, err));
    assert_int_equal(out.len, 0);
    buffer_done(&out);
}

static void reads_version_1(void **state)
{
    (void)state;
    static const varve_index_params none = {0};
    collection_schema got = {0};
    assert_ok(schema_decode(record_1, sizeof record_1 - 1, &got, err));
    assert_int_equal(got.field_count, 2);
    assert_string_equal(got.fields[0].index_mode, "flat-l1");
    assert_int_equal(got.fields[1].dim, 8);
    for (size_t i = 0; i < 2; i++)
        assert_memory_equal(&got.fields[i].params, &none, sizeof none);
    schema_done(&got);
    assert_fails(VARVE_CORRUPT, "malformed",
                 schema_decode(record_1, sizeof record_1 - 2, &got, err));
}

static void reads_version_2(void **state)
{
    (void)state;
    collection_schema got = {0};
    assert_ok(schema_decode(record_2, sizeof record_2 - 1, &got, err));
    assert_int_equal(got.field_count, 2);
    assert_int_equal(got.fields[1].params.max_degree, 10);
    assert_int_equal(got.fields[1].kind, VECTOR_DENSE);
    assert_int_equal(got.content, 0);
    assert_string_equal(got.text_language, "");
    schema_done(&got);
}

static void refuses_parameters(void **state)
{
    (void)state;
    static const double bad[] = {-1, INFINITY, NAN};
    collection_schema got = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char bytes[sizeof record_2 - 1];
        memcpy(bytes, record_2, sizeof bytes);
        memcpy(bytes + sizeof bytes - 8, &bad[i], 8);
        assert_fails(VARVE_CORRUPT, "malformed", schema_decode(bytes, sizeof bytes, &got, err));
    }
}

static void checks_names(void **state)
{
    (void)state;
    char name[SCHEMA_NAME_MAX + 2];
    memset(name, 'x', sizeof name);
    name[SCHEMA_NAME_MAX + 1] = '\0';
    assert_fails(VARVE_INVALID, "database name", schema_check_name(name, "database name", err));
    name[SCHEMA_NAME_MAX] = '\0';
    assert_ok(schema_check_name(name, "database name", err));
    assert_ok(schema_check_name("A-Za.z_0-9", "n", err));
    assert_ok(schema_check_name("-", "n", err));
    static const char *const bad[] = {"", ".", "..", ".x", "a..b", "a/b", "a b", "\xc3\xa9", "a\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(VARVE_INVALID, "n", schema_check_name(bad[i], "n", err));
    assert_fails(VARVE_INVALID, "empty", schema_check_name(NULL, "n", err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes),
        cmocka_unit_test(refuses),
        cmocka_unit_test(reads_what_it_writes),
        cmocka_unit_test(reads_version_1),
        cmocka_unit_test(reads_version_2),
        cmocka_unit_test(refuses_parameters),
        cmocka_unit_test(checks_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
