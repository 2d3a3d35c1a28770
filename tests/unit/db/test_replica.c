/* test_replica.c — mixed work of all kinds on a folder; the log shipped, with the files that it
 * names, and applied to a checkpoint of some moment; at moments picked at random the replica must
 * be the folder as it was then: by the model, and byte for byte by a checkpoint of that moment. */
#include "snapshot_fixture.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "db/manifest_files.h"
#include "varve_compaction.h"
#include "varve_query.h"

#include <unistd.h>

#define SHIPPED_MAX 65536
#define TARGETS     12

typedef struct shipped {
    uint8_t *bytes;
    size_t len, file_count;
    uint64_t first, last;
    char **files; /* in the folder "ship" */
} shipped;

typedef struct target {
    model m;
    uint64_t sequence;
    char path[320]; /* a checkpoint of that moment */
} target;

typedef struct voyage {
    scene s;
    shipped *all;
    size_t count, applied;
    uint64_t next; /* to be shipped */
    target *targets;
    size_t target_count;
    char replica[320];
} voyage;

/* ---- shipping */

static void link_into(scene *s, const char *root, const char *file, const char *to_root)
{
    char from[700], to[700], directory[700];
    snprintf(from, sizeof from, "%s/%s", root, file);
    snprintf(to, sizeof to, "%s/%s", to_root, file);
    snprintf(directory, sizeof directory, "%.*s", (int)(strrchr(to, '/') - to), to);
    ok(s, file_make_dir(directory, &s->err));
    if (!file_exists(to)) assert_int_equal(link(from, to), 0);
}

static varve_status ship_one(void *arg, const varve_log_batch *b, varve_error *err)
{
    voyage *v = arg;
    char ship[320];
    (void)err;
    assert_true(v->count < SHIPPED_MAX);
    shipped *x = &v->all[v->count++];
    *x = (shipped){.len = b->len, .first = b->first, .last = b->last, .file_count = b->file_count};
    x->bytes = malloc(b->len);
    memcpy(x->bytes, b->bytes, b->len);
    x->files = calloc(b->file_count + 1, sizeof *x->files);
    for (size_t i = 0; i < b->file_count; i++) {
        x->files[i] = strdup(b->files[i]);
        link_into(&v->s, v->s.path, b->files[i], beside(&v->s, "ship", ship));
    }
    return VARVE_OK;
}

static void ship(voyage *v)
{
    ok(&v->s, varve_flush(v->s.db, &v->s.err));
    ok(&v->s, varve_log_read(v->s.db, v->next, UINT64_MAX, ship_one, v, &v->next, &v->s.err));
}

static void add_target(voyage *v)
{
    char name[32];
    varve_checkpoint_info info;
    target *t = &v->targets[v->target_count];
    snprintf(name, sizeof name, "at%zu", v->target_count++);
    ok(&v->s, varve_checkpoint_to(v->s.db, beside(&v->s, name, t->path), &info, &v->s.err));
    t->sequence = info.sequence;
    t->m = v->s.m;
}

/* ---- comparing */

static store *open_rocks(scene *s, const char *path)
{
    char rocks[360];
    store *rows = NULL;
    const store_options o = {.read_only = true, .block_cache_bytes = 1 << 20};
    snprintf(rocks, sizeof rocks, "%s/rocks", path);
    ok(s, store_open(rocks, &o, &rows, NULL, &s->err));
    return rows;
}

static void assert_same_family(scene *s, store *a, store *b, store_family f)
{
    store_iter *i = NULL, *j = NULL;
    varve_text key, value, other_key, other_value;
    ok(s, store_iter_new(a, f, NULL, 0, NULL, 0, &i, &s->err));
    ok(s, store_iter_new(b, f, NULL, 0, NULL, 0, &j, &s->err));
    for (; store_iter_at(i, &key, &value); store_iter_next(i), store_iter_next(j)) {
        assert_true(store_iter_at(j, &other_key, &other_value));
        assert_int_equal(key.len, other_key.len);
        assert_memory_equal(key.data, other_key.data, key.len);
        assert_int_equal(value.len, other_value.len);
        assert_memory_equal(value.data, other_value.data, value.len);
    }
    assert_false(store_iter_at(j, NULL, NULL));
    store_iter_free(i);
    store_iter_free(j);
}

static void assert_same_rows(scene *s, const char *path, const char *other)
{
    store *a = open_rocks(s, path), *b = open_rocks(s, other);
    assert_int_equal(store_sequence(a), store_sequence(b));
    for (int f = 0; f < STORE_FAMILIES; f++)
        assert_same_family(s, a, b, (store_family)f);
    store_close(a);
    store_close(b);
}

/* ---- applying */

static varve_status apply(voyage *v, varve_replica *r, const shipped *x)
{
    const varve_log_batch b = {.bytes = x->bytes, .len = x->len};
    char ship_path[320];
    for (size_t i = 0; i < x->file_count; i++)
        link_into(&v->s, beside(&v->s, "ship", ship_path), x->files[i], v->replica);
    return varve_replica_apply(r, &b, &v->s.err);
}

static void apply_until(voyage *v, uint64_t sequence)
{
    varve_replica *r = NULL;
    varve *owner = NULL;
    ok(&v->s, varve_replica_open(v->replica, &r, &v->s.err));
    assert_int_equal(varve_open(v->replica, NULL, &owner, &v->s.err), VARVE_LOCKED);
    while (v->applied < v->count && v->all[v->applied].last <= sequence) {
        const shipped *x = &v->all[v->applied++];
        if (x->last > varve_replica_sequence(r)) ok(&v->s, apply(v, r, x));
    }
    assert_int_equal(varve_replica_sequence(r), sequence);
    ok(&v->s, varve_replica_close(r, &v->s.err));
}

static varve_status count_one(void *arg, const manifest_file *file, varve_error *err)
{
    size_t *count = arg;
    (void)file;
    (void)err;
    ++*count;
    return VARVE_OK;
}

/* Files in segments/ beyond those that the catalogue names. */
static long files_too_many(voyage *v)
{
    char segments[400];
    size_t named = 0;
    store *rows = open_rocks(&v->s, v->replica);
    ok(&v->s, manifest_files_each(rows, count_one, &named, &v->s.err));
    store_close(rows);
    snprintf(segments, sizeof segments, "%s/segments", v->replica);
    return (long)test_dir_files(segments) - (long)named;
}

static void begin(voyage *v, uint64_t seed)
{
    memset(v, 0, sizeof *v);
    v->all = calloc(SHIPPED_MAX, sizeof *v->all);
    v->targets = calloc(TARGETS + 1, sizeof *v->targets);
    scene_begin(&v->s, seed);
    scene_close(&v->s, true);
    v->s.options.log_keep_ms = 3600000;
    v->s.options.session_memory_max = 1 << 20; /* none spills */
    v->s.options.index_rows_min = 32;
    v->s.options.compactor_path = COMPACTOR_PATH;
    scene_open(&v->s);
}

static void end(voyage *v)
{
    for (size_t i = 0; i < v->count; i++) {
        for (size_t f = 0; f < v->all[i].file_count; f++)
            free(v->all[i].files[f]);
        free(v->all[i].files);
        free(v->all[i].bytes);
    }
    free(v->all);
    free(v->targets);
    scene_end(&v->s);
}

/* What a model does not do: another collection comes and goes, indexes are built, segments
 * merged. */
static void other_work(voyage *v, int round)
{
    static float vectors[200 * MODEL_DIM];
    scene *s = &v->s;
    varve_collection *c = NULL;
    varve_rows rows = {.count = 200, .dim = MODEL_DIM, .vectors = vectors};
    const varve_compact_options keep = {.keep_deleted = true};
    if (round % 3 == 0) {
        ok(s, varve_collection_create(s->db, "default", "short", NULL, &c, &s->err));
        ok(s, varve_insert(c, &rows, NULL, NULL, &s->err));
        ok(s, varve_collection_checkpoint(c, &s->err));
        varve_collection_release(c);
    }
    if (round % 3 == 1 && varve_collection_exists(s->db, "default", "short"))
        ok(s, varve_collection_drop(s->db, "default", "short", &s->err));
    if (round % 4 == 1)
        ok(s, varve_index_build(s->c, round % 8 == 1 ? "HNSW-IP" : "FLAT-IP-SQ8", NULL, false,
                                &s->err));
    if (round % 4 == 3) ok(s, varve_compact(s->c, &keep, NULL, &s->err));
}

static void run(voyage *v, uint64_t seed, int rounds, int steps)
{
    random_state random;
    random_seed(&random, seed);
    begin(v, seed);
    int base = (int)random_below(&random, 4);
    for (int round = 0; round < rounds; round++) {
        if (round == base) {
            varve_checkpoint_info info;
            ok(&v->s, varve_checkpoint_to(v->s.db, beside(&v->s, "replica", v->replica), &info,
                                          &v->s.err));
            v->next = info.sequence + 1;
        }
        scene_steps(&v->s, steps);
        other_work(v, round);
        scene_steps(&v->s, 1 + (int)random_below(&random, 8));
        if (round >= base) ship(v);
        if (round > base && v->target_count < TARGETS && random_below(&random, 2)) add_target(v);
    }
    add_target(v);
    ship(v);
}

static void check_targets(voyage *v)
{
    for (size_t i = 0; i < v->target_count; i++) {
        target *t = &v->targets[i];
        apply_until(v, t->sequence);
        assert_same_rows(&v->s, v->replica, t->path);
        assert_folder(&v->s, v->replica, &t->m, true);
        assert_folder(&v->s, t->path, &t->m, true);
    }
}

/* From then on a folder as any. */
static void promote(voyage *v)
{
    scene t = v->s;
    snprintf(t.path, sizeof t.path, "%s", v->replica);
    t.m = v->targets[v->target_count - 1].m;
    scene_open(&t);
    assert_model(&t.m, t.c);
    scene_steps(&t, 20);
    scene_close(&t, true);
    assert_folder(&v->s, v->replica, &t.m, false);
}

static void test_voyages(void **state)
{
    (void)state;
    const char *many = getenv("VARVE_REPLICA_ROUNDS");
    for (uint64_t seed = 1; seed <= 2; seed++) {
        voyage v;
        run(&v, seed, many ? atoi(many) : 16, 20);
        check_targets(&v);
        promote(&v);
        end(&v);
    }
}

/* A follower that is never closed does not gather files that were replaced. */
static void test_replaced_files_go(void **state)
{
    voyage v;
    varve_replica *r = NULL;
    static uint8_t filler[5 << 20];
    (void)state;
    run(&v, 3, 12, 12);
    ok(&v.s, varve_replica_open(v.replica, &r, &v.s.err));
    for (size_t i = 0; i < v.count; i++)
        ok(&v.s, apply(&v, r, &v.all[i]));
    assert_true(files_too_many(&v) > 0); /* not synced yet */
    uint8_t *b = filler;                 /* one large batch, so that it is synced */
    size_t len = sizeof filler - 64;
    put_u64(b, varve_replica_sequence(r) + 1);
    put_u32(b + 8, 1);
    b[12] = 0x5;
    b[13] = STORE_BLOBS + 1;
    b[14] = 4;
    memcpy(b + 15, "\0\0\0\1", 4);
    size_t at = 19, left = len;
    for (; left > 127; left >>= 7)
        b[at++] = (uint8_t)(left | 0x80);
    b[at++] = (uint8_t)left;
    const varve_log_batch large = {.bytes = b, .len = at + len};
    ok(&v.s, varve_replica_apply(r, &large, &v.s.err));
    assert_int_equal(files_too_many(&v), 0);
    ok(&v.s, varve_replica_close(r, &v.s.err));
    assert_folder(&v.s, v.replica, &v.s.m, true);
    end(&v);
}

/* ---- refusals */

static void test_refusals(void **state)
{
    voyage v;
    varve_replica *r = NULL;
    shipped bent;
    (void)state;
    run(&v, 5, 6, 8);
    assert_true(v.count > 3);
    assert_int_equal(varve_replica_open("/nowhere", &r, &v.s.err), VARVE_NOT_FOUND);
    assert_int_equal(varve_replica_open("", &r, &v.s.err), VARVE_INVALID);
    assert_int_equal(varve_replica_open(v.s.path, &r, &v.s.err), VARVE_LOCKED);
    ok(&v.s, varve_replica_open(v.replica, &r, &v.s.err));
    uint64_t before = varve_replica_sequence(r);
    assert_int_equal(apply(&v, r, &v.all[1]), VARVE_CONFLICT);
    assert_non_null(strstr(v.s.err.message, "applied last"));
    bent = v.all[0];
    bent.len--;
    assert_int_equal(apply(&v, r, &bent), VARVE_CORRUPT);
    bent.len = 0;
    assert_int_equal(apply(&v, r, &bent), VARVE_CORRUPT);
    size_t named = 0;
    while (v.all[named].file_count == 0) {
        ok(&v.s, apply(&v, r, &v.all[named]));
        assert_int_equal(varve_replica_sequence(r), v.all[named].last);
        named++;
    }
    bent = v.all[named];
    bent.file_count = 0; /* nobody has put the file there */
    char path[700];
    snprintf(path, sizeof path, "%s/%s", v.replica, bent.files[0]);
    if (!file_exists(path)) assert_int_equal(apply(&v, r, &bent), VARVE_CONFLICT);
    ok(&v.s, apply(&v, r, &v.all[named]));
    assert_int_equal(apply(&v, r, &v.all[named]), VARVE_CONFLICT);
    assert_true(varve_replica_sequence(r) > before);
    ok(&v.s, varve_replica_close(r, &v.s.err));
    assert_sound(v.replica);
    ok(&v.s, varve_replica_close(NULL, &v.s.err));
    end(&v);
}

#ifdef VARVE_FAULTS
/* A write or a sync fails: the replica refuses from then on; opened again it goes on where it is.
 * */
static void test_failures(void **state)
{
    static const char *const points[] = {"store.write", "store.sync", "floor.write"};
    voyage v;
    (void)state;
    run(&v, 6, 6, 8);
    for (size_t p = 0; p < VV_COUNT(points); p++) {
        varve_replica *r = NULL;
        ok(&v.s, varve_replica_open(v.replica, &r, &v.s.err));
        size_t i = 0;
        while (v.all[i].first != varve_replica_sequence(r) + 1)
            i++;
        fault_arm(points[p], 1, VV_FAULT_EIO);
        varve_status status = apply(&v, r, &v.all[i]);
        assert_int_equal(status, p == 0 ? VARVE_IO : VARVE_OK);
        if (p == 0) assert_int_equal(apply(&v, r, &v.all[i]), VARVE_IO);
        assert_int_equal(varve_replica_close(r, &v.s.err), VARVE_IO);
        assert_true(fault_was_hit());
        fault_disarm();
    }
    check_targets(&v);
    end(&v);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_voyages),
        cmocka_unit_test(test_replaced_files_go),
        cmocka_unit_test(test_refusals),
#ifdef VARVE_FAULTS
        cmocka_unit_test(test_failures),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
