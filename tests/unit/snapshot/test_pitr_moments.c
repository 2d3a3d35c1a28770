/* test_pitr_moments.c — many mixed operations on several collections (rows, deleted rows that come
 * back, fields, named vectors, sessions, large sessions that go past the log, collections made,
 * dropped and altered), with seals and compactions meanwhile, shipped in steps; then moments picked
 * at random, half by sequence number and half by time, restored and compared with models of that
 * moment row for row.
 *
 *   test_pitr_moments [operations [targets [seed]]] */
#include "log_fixture.h"

#include "pitr_log.h"

#define MEMBERS    5
#define BULKS      12    /* large sessions in a run */
#define BULK_BYTES 16384 /* of a session from which on it goes past the log */
#define STEP_BYTES 100000

typedef struct member { /* a collection */
    bool alive;
    uint32_t described; /* a number in its description; 0: none */
    model m;
} member;

typedef struct world_moment {
    uint64_t sequence, time_ms;
    member members[MEMBERS];
} world_moment;

typedef struct world {
    voyage v;
    member members[MEMBERS];
    varve_collection *handles[MEMBERS];
    world_moment *moments;
    size_t moment_count, moment_room;
    uint64_t operations, refused, ddl, bulks, jobs;
} world;

static const char *const names[MEMBERS] = {"docs", "b", "c", "d", "e"};

/* ---- work ---------------------------------------------------------------------------------- */

static void open_handle(world *w, size_t i)
{
    scene *s = &w->v.s;
    ok(s, varve_collection_open(s->db, "default", names[i], &w->handles[i], &s->err));
}

static void release_handles(world *w)
{
    for (size_t i = 1; i < MEMBERS; i++) {
        varve_collection_release(w->handles[i]);
        w->handles[i] = NULL;
    }
}

static void make_member(world *w, size_t i)
{
    scene *s = &w->v.s;
    member *m = &w->members[i];
    ok(s, varve_collection_create(s->db, "default", names[i], NULL, &w->handles[i], &s->err));
    *m = (member){.alive = true};
    model_init(&m->m, random_u64(&w->v.random));
}

static void drop_member(world *w, size_t i)
{
    scene *s = &w->v.s;
    varve_collection_release(w->handles[i]);
    w->handles[i] = NULL;
    ok(s, varve_collection_drop(s->db, "default", names[i], &s->err));
    w->members[i].alive = false;
}

static void describe_member(world *w, size_t i)
{
    char text[32];
    member *m = &w->members[i];
    m->described = 1 + (uint32_t)random_below(&w->v.random, 1000000);
    snprintf(text, sizeof text, "number %u", m->described);
    ok(&w->v.s, varve_collection_describe(w->handles[i], text, &w->v.s.err));
}

static void change_catalogue(world *w)
{
    static const char *const modes[] = {"HNSW-L2", "FLAT-L2", "HNSW-L2-SQ8"};
    random_state *r = &w->v.random;
    size_t i = random_below(r, MEMBERS), what = random_below(r, 4);
    w->ddl++;
    if (!w->members[i].alive)
        make_member(w, i);
    else if (i > 0 && what == 0)
        drop_member(w, i);
    else if (what < 3)
        describe_member(w, i);
    else
        ok(&w->v.s, varve_index_mode_set(w->handles[i], modes[random_below(r, VV_COUNT(modes))],
                                         &w->v.s.err));
}

static void do_step(world *w, size_t i, const model_step *step)
{
    scene *s = &w->v.s;
    model *m = &w->members[i].m;
    varve_status expected = model_expect(m, step);
    varve_status status = model_do(step, w->handles[i], &s->err);
    if (status != expected)
        fail_msg("operation %llu: %s expected, %s: %s", (unsigned long long)w->operations,
                 varve_status_name(expected), varve_status_name(status), s->err.message);
    if (status == VARVE_OK) model_apply(m, step);
    w->refused += status != VARVE_OK;
    w->operations++;
}

static void change_rows(world *w)
{
    model_step step;
    size_t i = random_below(&w->v.random, MEMBERS);
    if (!w->members[i].alive) i = 0;
    model_plan(&w->members[i].m, &step);
    do_step(w, i, &step);
    if (random_below(&w->v.random, 24) == 0)
        ok(&w->v.s, varve_collection_checkpoint(w->handles[i], &w->v.s.err));
}

static void note(world *w)
{
    scene *s = &w->v.s;
    assert_true(w->moment_count < w->moment_room);
    ok(s, varve_flush(s->db, &s->err));
    voyage_pause();
    world_moment *m = &w->moments[w->moment_count++];
    m->sequence = voyage_sequence(&w->v);
    m->time_ms = clock_wall_ms();
    memcpy(m->members, w->members, sizeof m->members);
    voyage_pause();
}

/* All rows in one session: a gap in the log, bridged by a snapshot; the moment that is noted lies
 * inside of it. */
static void go_past_the_log(world *w)
{
    model *m = &w->members[0].m;
    model_step step = {
        .op = MODEL_SESSION, .upsert = true, .count = MODEL_IDS, .version = m->next_version};
    for (uint32_t i = 0; i < MODEL_IDS; i++)
        step.ids[i] = i;
    m->next_version += MODEL_IDS;
    voyage_ship_all(&w->v);
    do_step(w, 0, &step);
    w->bulks++;
    note(w);
    change_rows(w);
    voyage_ship_all(&w->v);
}

static void open_folder(world *w)
{
    scene *s = &w->v.s;
    scene_open(s);
    ok(s, varve_compactor_start(s->db, &s->err));
    w->handles[0] = s->c;
    voyage_open_ship(&w->v);
}

static void count_jobs(world *w)
{
    varve_compaction_stats stats;
    varve_compaction_get_stats(w->v.s.db, &stats);
    w->jobs += stats.jobs_done;
}

/* The owner ends, in order or not, and another one goes on. */
static void reopen(world *w)
{
    voyage *v = &w->v;
    voyage_ship_all(v);
    count_jobs(w);
    ship_close(v->ship);
    release_handles(w);
    scene_close(&v->s, random_below(&v->random, 2));
    open_folder(w);
    for (size_t i = 1; i < MEMBERS; i++)
        if (w->members[i].alive) open_handle(w, i);
}

/* ---- the run ------------------------------------------------------------------------------- */

static void begin(world *w, uint64_t seed)
{
    voyage *v = &w->v;
    voyage_begin(v, seed, true, NULL);
    ship_close(v->ship);
    scene_close(&v->s, true);
    v->step_bytes = STEP_BYTES;
    v->busy = true;
    v->s.options.compactor_path = COMPACTOR_PATH;
    v->s.options.compact_nice = 0;
    v->s.options.compact_deleted_keep_ms = 86400000; /* deleted rows can come back */
    v->s.options.index_rows_min = 32;
    v->s.options.session_memory_max = BULK_BYTES;
    open_folder(w);
    w->members[0] = (member){.alive = true, .m = v->s.m};
    for (size_t i = 1; i < MEMBERS; i += 2)
        make_member(w, i);
    (void)voyage_snapshot(v);
}

static void run(world *w, uint64_t operations)
{
    random_state *r = &w->v.random;
    uint64_t step = VV_MAX(operations / (w->moment_room - BULKS) + 1, (uint64_t)2);
    uint64_t every = operations / BULKS + 1, next_note = 0, next_bulk = every / 2;
    while (w->operations < operations) {
        change_rows(w);
        if (random_below(r, 150) == 0) change_catalogue(w);
        if (random_below(r, 40) == 0) voyage_ship_all(&w->v);
        if (random_below(r, 4000) == 0) (void)voyage_snapshot(&w->v);
        if (random_below(r, 8000) == 0) reopen(w);
        if (w->operations >= next_bulk) {
            go_past_the_log(w);
            next_bulk += every;
        }
        if (w->operations < next_note) continue;
        note(w);
        next_note = w->operations + step;
    }
    voyage_ship_all(&w->v);
}

/* ---- looks --------------------------------------------------------------------------------- */

static void expect_member(world *w, varve *db, size_t i, const member *m)
{
    scene *s = &w->v.s;
    varve_collection *c = NULL;
    char found[64], expected[32] = "";
    ok(s, varve_collection_open(db, "default", names[i], &c, &s->err));
    assert_model(&m->m, c);
    if (m->described) snprintf(expected, sizeof expected, "number %u", m->described);
    ok(s, varve_collection_get_description(c, found, sizeof found, &s->err));
    assert_string_equal(found, expected);
    varve_collection_release(c);
}

static void expect_moment(world *w, const world_moment *m)
{
    scene *s = &w->v.s;
    varve *db = NULL;
    varve_names *list = NULL;
    size_t alive = 0;
    varve_options o = s->options;
    o.read_only = true;
    ok(s, varve_open(w->v.target, &o, &db, &s->err));
    for (size_t i = 0; i < MEMBERS; i++) {
        if (m->members[i].alive) expect_member(w, db, i, &m->members[i]);
        alive += m->members[i].alive;
    }
    ok(s, varve_collection_list(db, "default", &list, &s->err));
    assert_int_equal(varve_names_count(list), alive);
    varve_names_free(list);
    ok(s, varve_close(db, &s->err));
    assert_sound(w->v.target);
    ok(s, file_remove_tree(w->v.target, &s->err));
}

typedef enum reach { WITHIN, IN_GAP, BEFORE_GAP } reach;

/* By time nobody knows what follows the last batch before a gap, or before the end. */
static reach reach_of(const world *w, const pitr_log_line *line, const world_moment *m)
{
    const world_moment *next = m + 1;
    if (m == &w->moments[w->moment_count - 1]) return BEFORE_GAP;
    for (size_t i = 0; i < line->gap_count; i++) {
        if (m->sequence >= line->gaps[i].first && m->sequence < line->gaps[i].last) return IN_GAP;
        if (m->sequence < line->gaps[i].first && next->sequence >= line->gaps[i].first)
            return BEFORE_GAP;
    }
    return WITHIN;
}

/* false: it cannot be reached, and was refused. */
static bool try_moment(world *w, const pitr_log_line *line, const world_moment *m, bool by_time)
{
    pitr_result r = {0};
    reach where = reach_of(w, line, m);
    varve_status status = voyage_restore(&w->v, by_time ? PITR_TIME : PITR_LSN,
                                         by_time ? m->time_ms : m->sequence, &r);
    if (status == VARVE_NOT_FOUND && (where == IN_GAP || (by_time && where == BEFORE_GAP))) {
        assert_false(file_exists(w->v.target));
        return false;
    }
    ok(&w->v.s, status);
    assert_int_not_equal(where, IN_GAP);
    if (!by_time) assert_int_equal(r.sequence, m->sequence);
    expect_moment(w, m);
    return true;
}

static void check_targets(world *w, size_t targets)
{
    pitr_log log = {0};
    const pitr_log_options o = {.full = true};
    size_t done = 0, refused = 0;
    uint64_t start = clock_now_ns();
    ok(&w->v.s, pitr_log_read(w->v.repo, &o, &log, &w->v.s.err));
    if (log.finding_count) fail_msg("%s", log.findings[0]);
    const pitr_log_line *line = &log.lines[0];
    while (done < targets && refused < targets * 4) {
        const world_moment *m = &w->moments[random_below(&w->v.random, w->moment_count)];
        if (try_moment(w, line, m, done % 2))
            done++;
        else
            refused++;
    }
    assert_int_equal(done, targets);
    printf("%zu moments restored and compared in %.1f s, %zu refused; %llu objects of %llu bytes, "
           "%zu gaps, %zu snapshots\n",
           done, (double)(clock_now_ns() - start) / 1e9, refused, (unsigned long long)line->objects,
           (unsigned long long)line->bytes, line->gap_count, line->snapshots);
    assert_true(line->gap_count >= 1);
    pitr_log_done(&log);
}

static uint64_t wanted_operations = 5000, wanted_targets = 10, wanted_seed = 1;

static void test_moments(void **state)
{
    world *w = calloc(1, sizeof *w);
    pitr_result r = {0};
    uint64_t start = clock_now_ns();
    (void)state;
    w->moment_room = 500;
    w->moments = calloc(w->moment_room + 1, sizeof *w->moments);
    begin(w, wanted_seed);
    run(w, wanted_operations);
    count_jobs(w);
    printf("%llu operations (%llu refused), %llu of the catalogue, %llu large sessions, %llu "
           "compactions, %zu moments, %.1f s\n",
           (unsigned long long)w->operations, (unsigned long long)w->refused,
           (unsigned long long)w->ddl, (unsigned long long)w->bulks, (unsigned long long)w->jobs,
           w->moment_count, (double)(clock_now_ns() - start) / 1e9);
    assert_true(w->jobs > 0);
    check_targets(w, wanted_targets);
    ok(&w->v.s, voyage_restore(&w->v, PITR_LATEST, 0, &r));
    world_moment last = {.sequence = r.sequence};
    memcpy(last.members, w->members, sizeof last.members);
    expect_moment(w, &last);
    release_handles(w);
    voyage_end(&w->v);
    free(w->moments);
    free(w);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_moments)};
    if (argc > 1) wanted_operations = strtoull(argv[1], NULL, 10);
    if (argc > 2) wanted_targets = strtoull(argv[2], NULL, 10);
    if (argc > 3) wanted_seed = strtoull(argv[3], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
