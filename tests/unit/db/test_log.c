/* test_log.c — varve_log_read: what it hands over, that every gap is noticed, that files stay as
 * long as the log names them; varve_log_parse: batches whole, cut short and bent. */
#include "snapshot_fixture.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault.h"
#include "db/dropped.h"

#include <unistd.h>

typedef struct handed {
    size_t count, files, want_max;
    uint64_t first, last, time_ms;
    varve_status answer;
    char file[128]; /* the last one */
    const scene *s;
} handed;

static varve_status note(void *arg, const varve_log_batch *b, varve_error *err)
{
    handed *h = arg;
    varve_log_batch again = {0};
    char path[512];
    if (h->count++ == 0) h->first = b->first;
    if (h->count > 1) assert_int_equal(b->first, h->last + 1);
    assert_true(b->last >= b->first && b->len > 12);
    h->last = b->last;
    if (b->time_ms) h->time_ms = b->time_ms;
    assert_int_equal(varve_log_parse(b->bytes, b->len, &again, err), VARVE_OK);
    assert_int_equal(again.last, b->last);
    assert_int_equal(again.file_count, b->file_count);
    for (size_t i = 0; i < b->file_count; i++) {
        assert_string_equal(again.files[i], b->files[i]);
        snprintf(path, sizeof path, "%s/%s", h->s->path, b->files[i]);
        assert_true(file_exists(path));
        snprintf(h->file, sizeof h->file, "%s", b->files[i]);
    }
    h->files += b->file_count;
    varve_log_batch_done(&again);
    if (h->answer != VARVE_OK) return vv_fail(err, h->answer, "no more");
    return VARVE_OK;
}

static varve_status read_from(scene *s, uint64_t from, handed *ret, uint64_t *ret_next)
{
    *ret = (handed){.s = s};
    return varve_log_read(s->db, from, UINT64_MAX, note, ret, ret_next, &s->err);
}

static uint64_t sequence_of(scene *s)
{
    varve_folder_stats stats;
    varve_stats(s->db, &stats);
    return stats.sequence;
}

static void put_ids(scene *s, varve_collection *c, uint64_t first, size_t count, bool relaxed)
{
    float *vectors = calloc(count * MODEL_DIM, sizeof *vectors);
    varve_id *ids = calloc(count, sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = (varve_id){.kind = VARVE_ID_NUM, .num = first + i};
    varve_rows rows = {.count = count, .dim = MODEL_DIM, .ids = ids, .vectors = vectors};
    varve_write_options w = {relaxed ? VARVE_DURABILITY_RELAXED : VARVE_DURABILITY_COMMIT};
    ok(s, varve_upsert(c, &rows, &w, NULL, &s->err));
    free(vectors);
    free(ids);
}

static void scene_keeping(scene *s, uint64_t keep_ms)
{
    scene_begin(s, 1);
    scene_close(s, true);
    s->options.log_keep_ms = keep_ms;
    s->options.session_memory_max = 1 << 20;
    scene_open(s);
}

/* ---- reading */

static void test_hands_over(void **state)
{
    scene s;
    handed h;
    uint64_t next = 0, from;
    (void)state;
    scene_keeping(&s, 3600000);
    from = sequence_of(&s) + 1;
    ok(&s, read_from(&s, from, &h, &next));
    assert_int_equal(h.count, 0);
    assert_int_equal(next, from);
    uint64_t began = clock_wall_ms();
    scene_steps(&s, 60);
    ok(&s, varve_checkpoint(s.db, &s.err)); /* the log is kept, although nothing needs it */
    ok(&s, read_from(&s, from, &h, &next));
    assert_int_equal(h.first, from);
    assert_int_equal(h.last, sequence_of(&s));
    assert_int_equal(next, h.last + 1);
    assert_true(h.files > 0);
    assert_true(h.time_ms >= began && h.time_ms <= clock_wall_ms());
    scene_close(&s, true);
    scene_open(&s);
    handed again;
    ok(&s, read_from(&s, h.last + 1, &again, &next));
    ok(&s, read_from(&s, from, &h, &next));
    assert_int_equal(h.first, from);
    assert_true(h.last >= again.last);
    ok(&s, read_from(&s, from + 3, &h, &next)); /* in the middle of a batch */
    assert_true(h.first <= from + 3);
    scene_end(&s);
}

#ifdef VARVE_FAULTS
/* RocksDB may ask for a new iterator behind any batch: nothing is missed, nothing comes twice. */
static void test_read_on_by_another_iterator(void **state)
{
    scene s;
    handed whole, h;
    uint64_t end, next;
    (void)state;
    scene_keeping(&s, 3600000);
    uint64_t from = sequence_of(&s) + 1;
    scene_steps(&s, 30);
    ok(&s, varve_flush(s.db, &s.err));
    ok(&s, read_from(&s, from, &whole, &end));
    assert_true(whole.count > 20);
    for (uint64_t nth = 1; nth <= whole.count; nth++) {
        fault_arm("store.updates.again", nth, VV_FAULT_EIO);
        ok(&s, read_from(&s, from, &h, &next));
        assert_true(fault_was_hit() || nth == whole.count);
        fault_disarm();
        assert_int_equal(next, end);
        assert_int_equal(h.count, whole.count);
        assert_int_equal(h.last, whole.last);
    }
    scene_end(&s);
}
#endif

static void test_limits_and_ends(void **state)
{
    scene s;
    handed h;
    uint64_t next = 0;
    (void)state;
    scene_keeping(&s, 3600000);
    uint64_t from = sequence_of(&s) + 1, steps = 0;
    for (uint64_t i = 0; i < 20; i++)
        put_ids(&s, s.c, i, 1, false);
    for (uint64_t at = from; at <= sequence_of(&s); at = next, steps++) {
        h = (handed){.s = &s};
        ok(&s, varve_log_read(s.db, at, 1, note, &h, &next, &s.err));
        assert_int_equal(h.count, 1);
        assert_int_equal(h.first, at);
    }
    assert_int_equal(steps, 20);
    h = (handed){.s = &s, .answer = VARVE_TIMEOUT};
    next = 77;
    assert_int_equal(varve_log_read(s.db, from, 1 << 20, note, &h, &next, &s.err), VARVE_TIMEOUT);
    assert_string_equal(s.err.message, "no more");
    assert_int_equal(next, 77);
    uint64_t end = sequence_of(&s);
    ok(&s, read_from(&s, end + 1, &h, &next));
    assert_int_equal(h.count, 0);
    assert_int_equal(read_from(&s, end + 2, &h, &next), VARVE_NOT_FOUND);
    assert_int_equal(read_from(&s, 0, &h, &next), VARVE_INVALID);
    scene_end(&s);
}

static void test_only_durable(void **state)
{
    scene s;
    handed h;
    uint64_t next = 0;
    (void)state;
    scene_begin(&s, 1);
    scene_close(&s, true);
    s.options.relaxed_ms = s.options.floor_ms = 3600000;
    scene_open(&s);
    put_ids(&s, s.c, 0, 3, false);
    uint64_t from = sequence_of(&s) + 1;
    put_ids(&s, s.c, 10, 3, true);
    ok(&s, read_from(&s, from, &h, &next));
    assert_int_equal(h.count, 0);
    assert_int_equal(next, from);
    ok(&s, varve_flush(s.db, &s.err));
    ok(&s, read_from(&s, from, &h, &next));
    assert_int_equal(h.count, 1);
    scene_end(&s);
}

/* ---- gaps */

static void test_log_removed(void **state)
{
    scene s;
    handed h;
    uint64_t next = 0;
    (void)state;
    scene_begin(&s, 1);
    uint64_t from = sequence_of(&s) + 1;
    scene_steps(&s, 20);
    for (int i = 0; i < 2; i++) { /* all of the log is gone, then what is there begins later */
        ok(&s, varve_checkpoint(s.db, &s.err));
        assert_int_equal(read_from(&s, from, &h, &next), VARVE_NOT_FOUND);
        assert_non_null(strstr(s.err.message, "not hold"));
        assert_int_equal(h.count, 0);
        put_ids(&s, s.c, 5000, 1, false);
    }
    ok(&s, read_from(&s, sequence_of(&s), &h, &next));
    assert_int_equal(h.count, 1);
    scene_end(&s);
}

/* A session that spills: rows go past the log. */
static void spill(scene *s, varve_collection *c, uint64_t first, size_t count)
{
    varve_session *session = NULL;
    float *vectors = calloc(count * MODEL_DIM, sizeof *vectors);
    varve_id *ids = calloc(count, sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = (varve_id){.kind = VARVE_ID_NUM, .num = first + i};
    varve_rows rows = {.count = count, .dim = MODEL_DIM, .ids = ids, .vectors = vectors};
    ok(s, varve_session_new(c, &(varve_session_options){.upsert = true}, &session, &s->err));
    ok(s, varve_session_add(session, &rows, &s->err));
    ok(s, varve_session_add(session, &rows, &s->err));
    ok(s, varve_session_commit(session, NULL, &s->err));
    varve_session_free(session);
    free(vectors);
    free(ids);
}

static bool count_numbers(void *arg, const store_update *u)
{
    uint64_t *missing = arg;
    static uint64_t last;
    if (*missing == UINT64_MAX)
        *missing = 0;
    else
        *missing += u->first - last - 1;
    last = u->last;
    return true;
}

static uint64_t numbers_missing(scene *s, uint64_t from)
{
    uint64_t missing = UINT64_MAX;
    varve_status status = store_updates(s->db->store, from, count_numbers, &missing, &s->err);
    return status == VARVE_OK ? missing : 1;
}

static void assert_noticed(scene *s, uint64_t from, uint64_t intent)
{
    handed h;
    uint64_t next = 0, end = sequence_of(s);
    ok(s, read_from(s, from, &h, &next));
    assert_true(h.count > 0);
    assert_true(next >= intent && next <= end);
    for (uint64_t at = next; at <= end; at++) { /* nobody gets on from within */
        assert_int_equal(read_from(s, at, &h, &next), VARVE_NOT_FOUND);
        assert_int_equal(h.count, 0);
    }
    ok(s, read_from(s, end + 1, &h, &next));
    put_ids(s, s->c, 70000, 1, false);
    ok(s, read_from(s, end + 1, &h, &next));
    assert_int_equal(h.count, 1);
}

/* Into an empty store RocksDB takes files in without a number of their own: no number is missing.
 * */
static void test_session_is_noticed(void **state)
{
    (void)state;
    for (int overlapping = 0; overlapping < 2; overlapping++) {
        scene s;
        scene_begin(&s, 1);
        scene_close(&s, true);
        s.options.session_memory_max = 4096;
        scene_open(&s);
        uint64_t from = sequence_of(&s) + 1;
        ok(&s, varve_collection_describe(s.c, "a batch before", &s.err));
        if (overlapping) put_ids(&s, s.c, 100, 300, false);
        uint64_t intent = sequence_of(&s) + 1;
        spill(&s, s.c, 0, 500);
        if (!overlapping) assert_int_equal(numbers_missing(&s, from), 0);
        if (overlapping) assert_true(numbers_missing(&s, from) > 0);
        assert_noticed(&s, from, intent);
        scene_end(&s);
    }
}

static void test_copy_is_noticed(void **state)
{
    scene s;
    const varve_copy_item one = {"default", "docs", NULL, "twin"};
    (void)state;
    scene_keeping(&s, 0);
    uint64_t from = sequence_of(&s) + 1;
    put_ids(&s, s.c, 100, 300, false);
    ok(&s, varve_collection_checkpoint(s.c, &s.err)); /* no seal commits behind the copy */
    put_ids(&s, s.c, 100, 10, false);
    uint64_t intent = sequence_of(&s) + 1;
    ok(&s, varve_copy(s.db, &one, 1, s.db, NULL, NULL, &s.err));
    handed h;
    uint64_t next = 0, end = sequence_of(&s);
    ok(&s, read_from(&s, from, &h, &next));
    assert_true(next > intent && next <= end);
    assert_int_equal(read_from(&s, next, &h, &next), VARVE_NOT_FOUND);
    assert_int_equal(read_from(&s, end, &h, &next), VARVE_NOT_FOUND);
    ok(&s, read_from(&s, end + 1, &h, &next));
    scene_end(&s);
}

/* ---- files */

static void test_file_replaced(void **state)
{
    scene s;
    handed h;
    uint64_t next = 0;
    varve_collection *c = NULL;
    (void)state;
    scene_begin(&s, 1);
    uint64_t from = sequence_of(&s) + 1;
    ok(&s, varve_collection_create(s.db, "default", "short", NULL, &c, &s.err));
    put_ids(&s, c, 0, 100, false);
    ok(&s, varve_collection_checkpoint(c, &s.err));
    ok(&s, read_from(&s, from, &h, &next));
    assert_true(h.files >= 1);
    uint64_t all = h.count;
    ok(&s, varve_collection_drop(s.db, "default", "short", &s.err));
    varve_collection_release(c);
    ok(&s, read_from(&s, from, &h, &next));
    assert_true(h.count > 0 && h.count < all);
    assert_int_equal(read_from(&s, next, &h, &next), VARVE_NOT_FOUND);
    assert_non_null(strstr(s.err.message, ".seg"));
    scene_end(&s);
}

/* With a log that is kept, files stay as long as it names them. */
static void test_files_kept(void **state)
{
    scene s;
    handed h;
    uint64_t next = 0;
    char path[512];
    varve_collection *c = NULL;
    (void)state;
    scene_keeping(&s, 2000);
    uint64_t from = sequence_of(&s) + 1;
    ok(&s, varve_collection_create(s.db, "default", "short", NULL, &c, &s.err));
    put_ids(&s, c, 0, 100, false);
    ok(&s, varve_collection_checkpoint(c, &s.err));
    ok(&s, varve_collection_drop(s.db, "default", "short", &s.err));
    varve_collection_release(c);
    ok(&s, varve_checkpoint(s.db, &s.err));
    dropped_look(s.db);
    ok(&s, read_from(&s, from, &h, &next));
    assert_int_equal(h.last, sequence_of(&s));
    assert_true(h.files >= 1);
    snprintf(path, sizeof path, "%s/%s", s.path, h.file);
    bool there = true;
    for (int i = 0; there && i < 100; i++) { /* RocksDB looks at old logs when it flushes */
        clock_sleep_ms(100);
        put_ids(&s, s.c, 9000, 1, false);
        ok(&s, varve_checkpoint(s.db, &s.err));
        dropped_look(s.db);
        there = file_exists(path);
    }
    assert_false(there);
    assert_int_equal(read_from(&s, from, &h, &next), VARVE_NOT_FOUND);
    scene_end(&s);
}

/* ---- parsing */

typedef struct bytes {
    uint8_t data[512];
    size_t len;
} bytes;

static void add_byte(bytes *b, unsigned value) { b->data[b->len++] = (uint8_t)value; }

static void add_text(bytes *b, const char *text, size_t len)
{
    add_byte(b, (unsigned)len);
    memcpy(b->data + b->len, text, len);
    b->len += len;
}

static bytes head(uint64_t first, uint32_t count)
{
    bytes b = {.len = 12};
    put_u64(b.data, first);
    put_u32(b.data + 8, count);
    return b;
}

static varve_status parse(const bytes *b, varve_log_batch *ret)
{
    varve_error err;
    return varve_log_parse(b->data, b->len, ret, &err);
}

static bytes one_of_each(void)
{
    static const char segment_key[] = "s\0\0\0\7\0\0\0\0\0\0\0\14", time[] = "VT\1\2\3\4\0\0\0\0";
    bytes b = head(41, 4);
    add_byte(&b, 0x5); /* put, into the catalogue */
    add_byte(&b, STORE_CATALOG + 1);
    add_text(&b, segment_key, 13);
    add_text(&b, "value", 5);
    add_byte(&b, 0xd);
    add_byte(&b, 0x4);
    add_byte(&b, STORE_ROWS + 1);
    add_text(&b, "key", 3);
    add_byte(&b, 0x3);
    add_text(&b, time, 10);
    add_byte(&b, 0x8);
    add_byte(&b, STORE_META + 1);
    add_text(&b, "key", 3);
    add_byte(&b, 0xe);
    add_byte(&b, STORE_DEAD + 1);
    add_text(&b, "a", 1);
    add_text(&b, "b", 1);
    return b;
}

static void test_parse(void **state)
{
    varve_log_batch batch = {0};
    bytes b = one_of_each(), cut = b, bent;
    (void)state;
    assert_int_equal(parse(&b, &batch), VARVE_OK);
    assert_int_equal(batch.first, 41);
    assert_int_equal(batch.last, 44);
    assert_int_equal(batch.time_ms, 0x04030201);
    assert_int_equal(batch.file_count, 1);
    assert_string_equal(batch.files[0], "segments/7/12.seg");
    varve_log_batch_done(&batch);
    for (cut.len = 0; cut.len < b.len; cut.len++)
        assert_int_equal(parse(&cut, &batch), VARVE_CORRUPT);
    for (unsigned tag = 0; tag < 256; tag++) { /* one record more, of this kind */
        bent = b;
        put_u32(bent.data + 8, 5);
        add_byte(&bent, tag);
        add_byte(&bent, STORE_ROWS + 1);
        add_text(&bent, "k", 1);
        if (tag == 0x5 || tag == 0xe) add_text(&bent, "v", 1);
        bool fine = tag == 0x4 || tag == 0x5 || tag == 0x8 || tag == 0xe;
        assert_int_equal(parse(&bent, &batch), fine ? VARVE_OK : VARVE_CORRUPT);
        if (fine) varve_log_batch_done(&batch);
    }
    for (unsigned family = 0; family < 300; family++) {
        bent = head(1, 1);
        add_byte(&bent, 0x4);
        add_byte(&bent, (family & 0x7f) | (family > 127 ? 0x80 : 0));
        if (family > 127) add_byte(&bent, family >> 7);
        add_text(&bent, "k", 1);
        bool fine = family >= 1 && family <= STORE_FAMILIES;
        assert_int_equal(parse(&bent, &batch), fine ? VARVE_OK : VARVE_CORRUPT);
        if (fine) varve_log_batch_done(&batch);
    }
    const uint32_t counts[] = {0, 3, 5, UINT32_MAX};
    for (size_t i = 0; i < VV_COUNT(counts); i++) {
        bent = b;
        put_u32(bent.data + 8, counts[i]);
        assert_int_equal(parse(&bent, &batch), VARVE_CORRUPT);
    }
    bent = b;
    put_u64(bent.data, 0);
    assert_int_equal(parse(&bent, &batch), VARVE_CORRUPT);
    put_u64(bent.data, UINT64_MAX - 1);
    assert_int_equal(parse(&bent, &batch), VARVE_CORRUPT);
    assert_int_equal(varve_log_parse(NULL, 0, &batch, NULL), VARVE_INVALID);
    bent = head(1, 1); /* a length that is not there, in five bytes and in six */
    add_byte(&bent, 0x4);
    add_byte(&bent, 1);
    for (int i = 0; i < 4; i++)
        add_byte(&bent, 0xff);
    add_byte(&bent, 0x0f);
    assert_int_equal(parse(&bent, &batch), VARVE_CORRUPT);
    bent.data[bent.len - 1] = 0xff;
    add_byte(&bent, 0x01);
    assert_int_equal(parse(&bent, &batch), VARVE_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hands_over),
#ifdef VARVE_FAULTS
        cmocka_unit_test(test_read_on_by_another_iterator),
#endif
        cmocka_unit_test(test_limits_and_ends),
        cmocka_unit_test(test_only_durable),
        cmocka_unit_test(test_log_removed),
        cmocka_unit_test(test_session_is_noticed),
        cmocka_unit_test(test_copy_is_noticed),
        cmocka_unit_test(test_file_replaced),
        cmocka_unit_test(test_files_kept),
        cmocka_unit_test(test_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
