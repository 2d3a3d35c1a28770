/* test_compact_adopt.c — adoption with a compactor inside the test: what changes between pin and
 * proposal, what is refused, what is left behind. */
#include "db_fixture.h"
#include "fake_compactor.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "db/compaction.h"
#include "segment/segment_format.h"

#define IDS 3000

typedef struct fixture {
    db_fixture f;
    fake_compactor peer;
    varve_row_state states[IDS]; /* what must be there */
    uint32_t versions[IDS];
    random_state random;
} fixture;

static int setup(void **state)
{
    fixture *x = calloc(1, sizeof *x);
    db_options(&x->f);
    x->f.options.seal_rows_min = 1 << 20; /* only what a test seals */
    x->f.options.compact_fanout = 60;     /* only what a test asks for */
    x->f.options.compact_tombstone_percent = 101;
    x->peer.fd = -1;
    random_seed(&x->random, 7);
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    fixture *x = *state;
    fake_end(&x->peer);
    db_end(&x->f);
    free(x);
    return 0;
}

/* ---- a model of the rows */

static void put(fixture *x, uint64_t first, size_t n, uint32_t version)
{
    db_put(&x->f, first, n, version);
    for (uint64_t i = first; i < first + n; i++) {
        x->states[i] = VARVE_ROW_LIVE;
        x->versions[i] = version;
    }
}

static void put_segment(fixture *x, uint64_t first, size_t n, uint32_t version)
{
    db_put_segment(&x->f, first, n, version);
    for (uint64_t i = first; i < first + n; i++) {
        x->states[i] = VARVE_ROW_LIVE;
        x->versions[i] = version;
    }
}

static void mark(fixture *x, uint64_t first, size_t n, uint64_t step, bool deleted)
{
    uint64_t changed = 0;
    varve_row_state from = deleted ? VARVE_ROW_LIVE : VARVE_ROW_DELETED;
    for (size_t i = 0; i < n; i++) {
        if (x->states[first + i * step] != from) continue;
        x->states[first + i * step] = deleted ? VARVE_ROW_DELETED : VARVE_ROW_LIVE;
        changed++;
    }
    if (deleted) {
        db_delete(&x->f, first, n, step);
    } else {
        db_restore(&x->f, first, n, step, changed);
    }
}

static void purged(fixture *x)
{
    for (size_t i = 0; i < IDS; i++) {
        if (x->states[i] == VARVE_ROW_DELETED) x->states[i] = VARVE_ROW_ABSENT;
    }
}

static void assert_all(fixture *x)
{
    uint64_t live = 0, deleted = 0;
    for (uint64_t i = 0; i < IDS; i++) {
        live += x->states[i] == VARVE_ROW_LIVE;
        deleted += x->states[i] == VARVE_ROW_DELETED;
        assert_int_equal(db_state(&x->f, i), x->states[i]);
        if (x->states[i] == VARVE_ROW_LIVE) db_assert_row(&x->f, i, x->versions[i]);
    }
    db_assert_counts(&x->f, live, deleted);
}

/* Now, after a crash, and after a clean end; and every byte checked. */
static void assert_for_good(fixture *x)
{
    assert_all(x);
    db_reopen(&x->f, false);
    assert_all(x);
    db_assert_sound(&x->f);
    assert_all(x);
}

/* ---- what the row store says */

static size_t dead_keys(fixture *x)
{
    uint8_t from[4], to[4];
    store_iter *i = NULL;
    size_t n = 0;
    put_be32(from, x->f.c->id);
    put_be32(to, x->f.c->id + 1);
    db_ok(&x->f, store_iter_new(x->f.db->store, STORE_DEAD, from, 4, to, 4, &i, &x->f.err));
    for (; store_iter_at(i, NULL, NULL); store_iter_next(i))
        n++;
    store_iter_free(i);
    return n;
}

static size_t desks(fixture *x)
{
    char path[DB_PATH_MAX];
    file_names names = {0};
    db_ok(&x->f, db_path(x->f.db, "work", path, &x->f.err));
    db_ok(&x->f, file_list(path, &names, &x->f.err));
    size_t n = 0;
    for (size_t i = 0; i < names.count; i++)
        n += strncmp(names.names[i], "job-", 4) == 0;
    file_names_free(&names);
    return n;
}

static void ask(fixture *x, bool keep_deleted)
{
    const varve_compact_options o = {.no_wait = true, .keep_deleted = keep_deleted};
    db_ok(&x->f, varve_compact(x->f.c, &o, NULL, &x->f.err));
}

static void begin(fixture *x, const char *mode)
{
    db_begin(&x->f, mode, VARVE_FLOAT32);
    fake_start(&x->peer, x->f.dir.path);
}

/* The thread of the folder is done with what it does after an answer. */
static void settle(fixture *x)
{
    for (int i = 0; i < 1000 && (desks(x) > 0); i++)
        clock_sleep_ms(2);
    assert_int_equal(desks(x), 0);
}

/* ---- late changes */

static void carries_late_changes(void **state)
{
    fixture *x = *state;
    begin(x, "FLAT-L2");
    put_segment(x, 0, 1500, 1);
    put_segment(x, 1500, 500, 1);
    put_segment(x, 2000, 500, 1);
    mark(x, 0, 100, 3, true); /* deleted when it is pinned */
    put(x, 900, 50, 2);       /* superseded when it is pinned */
    ask(x, true);
    fake_take(&x->peer);
    assert_int_equal(x->peer.order->kind, JOB_MERGE);
    assert_int_equal(x->peer.order->input_count, 4);
    assert_int_equal(x->peer.order->inputs[0].drop_count, 50);
    mark(x, 0, 30, 3, false); /* restored meanwhile */
    put(x, 150, 30, 3);       /* replaced, also deleted ones */
    fake_build(&x->peer);
    mark(x, 1600, 200, 2, true); /* deleted meanwhile */
    put(x, 1990, 20, 4);
    put(x, 2600, 5, 1);        /* new */
    mark(x, 1990, 3, 1, true); /* a version that no input has */
    assert_true(fake_propose(&x->peer));
    settle(x);
    assert_int_equal(db_sources(&x->f), 2);
    assert_int_equal(db_files(&x->f, ""), 2);
    assert_true(db_source_has_index(&x->f, 0, INDEX_KIND_FRESH));
    assert_for_good(x);
}

static void random_change(fixture *x, uint32_t version)
{
    size_t n = 1 + random_below(&x->random, 40);
    uint64_t first = random_below(&x->random, IDS - 4 * n), step = 1 + random_below(&x->random, 4);
    switch (random_below(&x->random, 4)) {
    case 0: put(x, first, n, version); break;
    case 1: mark(x, first, n, step, false); break;
    default: mark(x, first, n, step, true); break;
    }
}

/* Random changes before the pin, before the build, and before the proposal; many jobs in a row. */
static void carries_random_changes(void **state)
{
    fixture *x = *state;
    uint32_t version = 2;
    begin(x, "FLAT-L2");
    for (uint64_t first = 0; first < IDS; first += 500)
        put_segment(x, first, 500, 1);
    for (int round = 0; round < 8; round++) {
        bool keep = round % 2 == 0;
        for (int i = 0; i < 30; i++)
            random_change(x, version++);
        ask(x, keep);
        if (!fake_take_within(&x->peer, 10000)) abort();
        if (!keep) purged(x);
        assert_all(x);
        for (int i = 0; i < 10; i++)
            random_change(x, version++);
        fake_build(&x->peer);
        for (int i = 0; i < 10; i++)
            random_change(x, version++);
        assert_true(fake_propose(&x->peer));
        settle(x);
        assert_all(x);
    }
    fake_end(&x->peer);
    assert_for_good(x);
}

/* No tombstone is left of versions that are nowhere any more, few or many as are kept. */
static void leaves_no_dead_versions(void **state)
{
    fixture *x = *state;
    begin(x, "FLAT-L2");
    for (int many = 0; many < 2; many++) {
        put_segment(x, 0, 2900, 1);
        put_segment(x, 0, 1200, 2);
        if (many) mark(x, 1, 1300, 2, true); /* more than are deleted by ranges */
        if (!many) mark(x, 1, 10, 2, true);
        size_t before = dead_keys(x);
        ask(x, true);
        fake_take(&x->peer);
        put(x, 2000, 7, 3);
        fake_build(&x->peer);
        assert_true(fake_propose(&x->peer));
        settle(x);
        view *v = collection_view(x->f.c);
        size_t hidden = tombstones_count(v->sources[0].hidden);
        view_unref(v);
        assert_true(hidden < before);
        for (int i = 0; i < 500 && dead_keys(x) != hidden; i++)
            clock_sleep_ms(2);
        assert_int_equal(dead_keys(x), hidden);
        mark(x, 0, IDS, 1, false);
    }
    fake_end(&x->peer);
    assert_for_good(x);
}

/* ---- refusals: nothing changes */

typedef struct picture {
    uint64_t published, segments, bytes;
    size_t files;
} picture;

static picture take_picture(fixture *x)
{
    view *v = collection_view(x->f.c);
    picture p = {atomic_load(&x->f.c->published), v->segments, v->segment_bytes + v->index_bytes,
                 db_files(&x->f, "")};
    view_unref(v);
    return p;
}

static void file_on_desk(fixture *x, const char *name, char ret[DB_PATH_MAX])
{
    char desk[DB_PATH_MAX];
    const job_order *o = x->peer.order;
    db_ok(&x->f, job_desk_path(x->peer.root, o->epoch, o->job, desk, sizeof desk, &x->f.err));
    db_ok(&x->f, file_join(ret, DB_PATH_MAX, desk, name, &x->f.err));
}

static void spoil_epoch(fixture *x) { x->peer.result.epoch++; }
static void spoil_job(fixture *x) { x->peer.result.job++; }
static void spoil_rows(fixture *x) { x->peer.result.outputs[0].segment.rows--; }
static void spoil_number(fixture *x) { x->peer.result.outputs[0].segment.number += 100; }
static void spoil_hash(fixture *x) { x->peer.result.outputs[0].segment.directory_hash ^= 1; }
static void spoil_count(fixture *x) { x->peer.result.output_count = 0; }
static void spoil_spec(fixture *x) { x->peer.result.outputs[0].index.spec_hash ^= 1; }
static void spoil_index(fixture *x) { x->peer.result.outputs[0].has_index = false; }
static void spoil_file(fixture *x)
{
    char name[JOB_NAME_MAX], path[DB_PATH_MAX];
    job_segment_name(x->peer.result.outputs[0].segment.number, name);
    file_on_desk(x, name, path);
    db_ok(&x->f, file_unlink(path, &x->f.err));
}
static void spoil_index_file(fixture *x)
{
    char name[JOB_NAME_MAX], path[DB_PATH_MAX];
    const job_output *o = &x->peer.result.outputs[0];
    job_index_name(o->segment.number, 0, o->index.generation, name);
    file_on_desk(x, name, path);
    db_ok(&x->f, file_replace(path, "no index", 8, &x->f.err));
}
/* One that says it reaches into the row versions behind it; all its sums are right. */
static void spoil_range(fixture *x)
{
    char name[JOB_NAME_MAX], path[DB_PATH_MAX];
    job_output *o = &x->peer.result.outputs[0];
    char *bytes = NULL;
    size_t size = 0;
    job_segment_name(o->segment.number, name);
    file_on_desk(x, name, path);
    db_ok(&x->f, file_read(path, 64 << 20, &bytes, &size, &x->f.err));
    uint8_t *header = (uint8_t *)bytes, *footer = header + size - SEGMENT_FOOTER_BYTES;
    o->segment.rowver_max += 10;
    put_u64(header + 48, o->segment.rowver_max);
    put_u64(header + SEGMENT_HEADER_HASH_AT, hash_bytes(header, SEGMENT_HEADER_HASH_AT));
    put_u64(footer + 32, get_u64(header + SEGMENT_HEADER_HASH_AT));
    o->segment.directory_hash = hash_bytes(footer, SEGMENT_FOOTER_HASH_AT);
    put_u64(footer + SEGMENT_FOOTER_HASH_AT, o->segment.directory_hash);
    db_ok(&x->f, file_replace(path, bytes, size, &x->f.err));
    free(bytes);
}
/* An output that lacks rows: an input was left out. */
static void spoil_inputs(fixture *x)
{
    spoil_file(x);
    x->peer.order->input_count--;
    fake_build(&x->peer);
}

static void refuses(void **state)
{
    static const struct {
        const char *what;
        void (*spoil)(fixture *x);
    } cases[] = {
        {"epoch", spoil_epoch},   {"job", spoil_job},          {"rows", spoil_rows},
        {"number", spoil_number}, {"hash", spoil_hash},        {"count", spoil_count},
        {"spec", spoil_spec},     {"no index", spoil_index},   {"file", spoil_file},
        {"inputs", spoil_inputs}, {"index", spoil_index_file}, {"range", spoil_range},
    };
    fixture *x = *state;
    begin(x, "FLAT-L2");
    put_segment(x, 0, 1500, 1);
    put_segment(x, 1000, 1500, 2);
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        ask(x, true);
        fake_take(&x->peer);
        fake_build(&x->peer);
        picture before = take_picture(x);
        cases[i].spoil(x);
        if (fake_propose(&x->peer)) fail_msg("%s was adopted", cases[i].what);
        assert_true(x->peer.why.message[0] != 0);
        fake_end(&x->peer); /* whatever it was given before is given up */
        settle(x);
        picture after = take_picture(x);
        if (memcmp(&before, &after, sizeof before) != 0)
            fail_msg("%s: refused, but something changed", cases[i].what);
        db_reopen(&x->f, true); /* and the request is gone */
        fake_start(&x->peer, x->f.dir.path);
    }
    assert_for_good(x);
}

/* ---- what ends a job */

static void a_lost_peer_gives_up_its_job(void **state)
{
    fixture *x = *state;
    begin(x, "FLAT-L2");
    put_segment(x, 0, 1500, 1);
    put_segment(x, 1500, 1500, 1);
    ask(x, true);
    fake_take(&x->peer);
    uint64_t first = x->peer.order->first_number;
    fake_build(&x->peer);
    assert_int_equal(desks(x), 1);
    fake_end(&x->peer);
    settle(x);
    fake_start(&x->peer, x->f.dir.path);
    fake_take(&x->peer);
    assert_true(x->peer.order->first_number > first); /* numbers are used once */
    fake_build(&x->peer);
    assert_true(fake_propose(&x->peer));
    settle(x);
    assert_int_equal(db_sources(&x->f), 1);
    fake_end(&x->peer);
    assert_for_good(x);
}

static void a_second_peer_waits(void **state)
{
    fixture *x = *state;
    fake_compactor second;
    begin(x, "FLAT-L2");
    put_segment(x, 0, 1500, 1);
    put_segment(x, 1500, 1500, 1);
    fake_start(&second, x->f.dir.path);
    ask(x, true);
    fake_take(&x->peer);
    assert_false(fake_take_within(&second, 200));
    fake_end(&x->peer);
    assert_int_equal(fake_next(&second), HANDOFF_JOB); /* it is given what the first one left */
    fake_build(&second);
    assert_true(fake_propose(&second));
    fake_end(&second);
    settle(x);
    assert_all(x);
}

static void a_dropped_collection_ends_its_job(void **state)
{
    fixture *x = *state;
    begin(x, "FLAT-L2");
    put_segment(x, 0, 1500, 1);
    put_segment(x, 1500, 1500, 1);
    ask(x, true);
    fake_take(&x->peer);
    fake_build(&x->peer);
    db_ok(&x->f, varve_collection_drop(x->f.db, "default", "c", &x->f.err));
    assert_int_equal(fake_next(&x->peer), HANDOFF_CANCEL);
    assert_false(fake_propose(&x->peer));
    settle(x);
    assert_int_equal(db_files(&x->f, ""), 0);
    varve_collection_release(x->f.c);
    db_ok(&x->f, varve_collection_create(x->f.db, "default", "c", NULL, &x->f.c, &x->f.err));
}

static void another_mode_ends_its_job(void **state)
{
    fixture *x = *state;
    begin(x, "FLAT-L2-SQ8");
    put_segment(x, 0, 2500, 1);
    fake_take(&x->peer); /* due by itself */
    assert_int_equal(x->peer.order->kind, JOB_INDEX);
    assert_int_equal(x->peer.order->generation, 2);
    fake_build(&x->peer);
    db_ok(&x->f, varve_index_mode_set(x->f.c, "FLAT-COS-SQ8", &x->f.err));
    assert_int_equal(fake_next(&x->peer), HANDOFF_CANCEL);
    assert_false(fake_propose(&x->peer));
    settle(x);
    assert_int_equal(db_files(&x->f, ".idx"), 0);
    fake_take(&x->peer); /* after a pause */
    assert_int_equal(x->peer.order->spec.mode.metric, VARVE_METRIC_COSINE);
    assert_int_equal(x->peer.order->generation, 2); /* the fresh one was of generation 1 */
    fake_build(&x->peer);
    assert_true(fake_propose(&x->peer));
    settle(x);
    assert_true(db_source_has_index(&x->f, 0, INDEX_KIND_FULL));
    assert_int_equal(db_files(&x->f, ".0.2.idx"), 1);
    assert_for_good(x);
}

/* A merge whose index is of a mode chosen meanwhile no more: the segments are as good. */
static void a_merge_goes_without_its_index(void **state)
{
    fixture *x = *state;
    begin(x, "FLAT-L2-SQ8");
    put_segment(x, 0, 1500, 1);
    put_segment(x, 1500, 1500, 1);
    ask(x, true);
    fake_take(&x->peer);
    fake_build(&x->peer);
    assert_true(x->peer.result.outputs[0].has_index);
    /* under the lock, so that the thread has no time to cancel the job before */
    db_ok(&x->f, varve_index_mode_set(x->f.c, "FLAT-IP", &x->f.err));
    assert_true(fake_propose(&x->peer));
    settle(x);
    assert_int_equal(db_files(&x->f, ".seg"), 1);
    assert_int_equal(db_files(&x->f, ".idx"), 0);
    assert_for_good(x);
}

/* ---- a damaged index is built anew */

static void rebuilds_what_was_lost(void **state)
{
    fixture *x = *state;
    char path[DB_PATH_MAX];
    begin(x, "FLAT-L2");
    put_segment(x, 0, 1500, 1);
    db_ok(&x->f, index_file(x->f.db, x->f.c->id, 1, 1, "", path, &x->f.err));
    fake_end(&x->peer);
    db_close(&x->f, true);
    db_ok(&x->f, file_replace(path, "garbage", 7, &x->f.err));
    db_open_again(&x->f);
    db_assert_found(&x->f, 1234, 1);
    fake_start(&x->peer, x->f.dir.path);
    fake_take(&x->peer);
    assert_int_equal(x->peer.order->kind, JOB_INDEX);
    assert_int_equal(x->peer.order->generation, 2);
    varve_job_list *jobs = NULL;
    db_ok(&x->f, varve_jobs(x->f.db, &jobs, &x->f.err));
    assert_string_equal(varve_jobs_get(jobs, 0)->kind, "rebuild");
    assert_non_null(strstr(varve_jobs_get(jobs, 0)->reason, "damaged"));
    varve_jobs_free(jobs);
    fake_build(&x->peer);
    assert_true(fake_propose(&x->peer));
    settle(x);
    assert_int_equal(db_files(&x->f, ".idx"), 1);
    assert_int_equal(db_files(&x->f, ".0.2.idx"), 1);
    assert_true(db_source_has_index(&x->f, 0, INDEX_KIND_FRESH));
    fake_end(&x->peer);
    assert_for_good(x);
}

/* ---- a session that has reserved row versions between two segments */

static void keeps_room_for_sessions(void **state)
{
    fixture *x = *state;
    varve_session *s = NULL;
    static float vectors[1000 * DB_DIM];
    x->f.options.session_memory_max = 4096;
    x->f.options.bulk_segment_bytes = 16 << 10;
    begin(x, "FLAT-L2");
    put_segment(x, 0, 500, 1);
    db_ok(&x->f, varve_session_new(x->f.c, NULL, &s, &x->f.err));
    for (size_t i = 0; i < 1000; i++)
        db_vector(1000 + i, 1, vectors + i * DB_DIM);
    varve_rows rows = {
        .count = 1000, .dim = DB_DIM, .ids_from_first = true, .first_id = 1000, .vectors = vectors};
    db_ok(&x->f, varve_session_add(s, &rows, &x->f.err));
    put_segment(x, 500, 250, 1);
    put_segment(x, 750, 250, 1);
    ask(x, true);
    fake_take(&x->peer);
    assert_int_equal(x->peer.order->input_count, 2); /* those behind the session's */
    fake_build(&x->peer);
    assert_true(fake_propose(&x->peer));
    settle(x);
    db_ok(&x->f, varve_session_commit(s, NULL, &x->f.err));
    varve_session_free(s);
    for (uint64_t i = 1000; i < 2000; i++) {
        x->states[i] = VARVE_ROW_LIVE;
        x->versions[i] = 1;
    }
    assert_all(x);
    fake_serve(&x->peer);
    db_ok(&x->f, varve_compact(x->f.c, NULL, NULL, &x->f.err));
    assert_int_equal(db_sources(&x->f), 1);
    fake_end(&x->peer);
    assert_for_good(x);
}

/* All rows are superseded: nothing is left, and nobody has to build it. */
static void drops_a_segment_whole(void **state)
{
    fixture *x = *state;
    begin(x, "FLAT-L2");
    put_segment(x, 0, 1500, 1);
    put_segment(x, 1500, 1500, 1);
    put_segment(x, 0, 1500, 2);
    put_segment(x, 1500, 1500, 2);
    x->f.options.compact_rows_max = 1;
    fake_end(&x->peer);
    db_reopen(&x->f, true); /* nothing may be merged */
    fake_start(&x->peer, x->f.dir.path);
    fake_serve(&x->peer);
    varve_compact_report r;
    db_ok(&x->f, varve_compact(x->f.c, NULL, &r, &x->f.err));
    assert_int_equal(r.versions_removed, 3000);
    assert_int_equal(r.rows_removed, 0);
    assert_int_equal(r.segments_after, 2);
    assert_int_equal(dead_keys(x), 0);
    fake_end(&x->peer);
    assert_for_good(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(carries_late_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(carries_random_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(leaves_no_dead_versions, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_peer_gives_up_its_job, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_peer_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dropped_collection_ends_its_job, setup, teardown),
        cmocka_unit_test_setup_teardown(another_mode_ends_its_job, setup, teardown),
        cmocka_unit_test_setup_teardown(a_merge_goes_without_its_index, setup, teardown),
        cmocka_unit_test_setup_teardown(rebuilds_what_was_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_room_for_sessions, setup, teardown),
        cmocka_unit_test_setup_teardown(drops_a_segment_whole, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
