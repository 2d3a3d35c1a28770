/* test_vector_fields_race.c — rows and their named vectors written, deleted and restored by
 * several threads, with seals, and a field that comes and goes, while others take the views of all
 * fields. A group of rows is always written as a whole: in a consistent set of views each vector
 * belongs to a live row, and each field has all vectors of a group or none. */
#include "db_fixture.h"

#include "base/clock.h"
#include "db/vector_fields.h"

enum { GROUPS = 2, GROUP_ROWS = 30, DIM = 2, RUN_MS = 1500, ORDINALS = 4096 };

typedef struct race {
    db_fixture *f;
    atomic_bool stop;
    atomic_uint_fast64_t writes, reads, fields_made;
} race;

typedef struct worker {
    race *r;
    uint32_t group;
    pthread_t thread;
} worker;

static void must(varve_status status, const varve_error *err)
{
    if (status == VARVE_OK) return;
    fprintf(stderr, "%s: %s\n", varve_status_name(status), err->message);
    abort();
}

/* ---- writers */

typedef struct group_rows {
    varve_id ids[GROUP_ROWS];
    float vectors[GROUP_ROWS][DB_DIM], named[2 * GROUP_ROWS][DIM];
    size_t two[GROUP_ROWS];
    uint32_t indices[2 * GROUP_ROWS];
} group_rows;

static void fill(uint32_t group, uint32_t version, group_rows *g)
{
    for (uint32_t i = 0; i < GROUP_ROWS; i++) {
        g->ids[i] = (varve_id){.num = group * 100 + i};
        db_vector(group * 100 + i, version, g->vectors[i]);
        g->two[i] = 2;
    }
    for (uint32_t i = 0; i < 2 * GROUP_ROWS; i++) {
        g->named[i][0] = (float)(group + 1);
        g->named[i][1] = (float)(version + 1);
        g->indices[i] = i % 2;
    }
}

static void write_group(race *r, uint32_t group, uint32_t version)
{
    static const char *const names[] = {"dense", "sparse", "multi"};
    varve_collection *c = r->f->c;
    varve_error err = {0};
    group_rows g;
    fill(group, version, &g);
    varve_rows rows = {.count = GROUP_ROWS, .dim = DB_DIM, .ids = g.ids, .vectors = g.vectors};
    varve_field_rows put = {.count = GROUP_ROWS, .ids = g.ids, .vectors = g.named, .dim = DIM};
    put.counts = put.nonzero = g.two;
    put.indices = g.indices;
    put.values = &g.named[0][0];
    must(varve_upsert(c, &rows, NULL, NULL, &err), &err);
    const char *name = names[version % 3];
    must(varve_field_put(c, name, &put, true, NULL, NULL, &err), &err);
    must(varve_delete(c, g.ids, GROUP_ROWS, NULL, NULL, &err), &err);
    if (version % 2) must(varve_restore(c, g.ids, GROUP_ROWS, NULL, NULL, &err), &err);
    if (version % 7 == 0)
        must(varve_field_remove(c, name, g.ids, GROUP_ROWS, NULL, NULL, &err), &err);
    atomic_fetch_add(&r->writes, 1);
}

static void *write_loop(void *context)
{
    worker *w = context;
    for (uint32_t version = 0; !atomic_load(&w->r->stop); version++)
        write_group(w->r, w->group, version);
    return NULL;
}

/* A field that nobody writes to comes and goes; rows are sealed. */
static void *change_loop(void *context)
{
    race *r = context;
    varve_error err = {0};
    const varve_field_spec spec = {.dim = 3};
    while (!atomic_load(&r->stop)) {
        must(varve_field_create(r->f->c, "passing", &spec, &err), &err);
        must(varve_collection_checkpoint(r->f->c, &err), &err);
        must(varve_field_drop(r->f->c, "passing", &err), &err);
        atomic_fetch_add(&r->fields_made, 1);
    }
    return NULL;
}

/* ---- readers */

static void live_ordinals(const view *v, uint8_t *counts, size_t *ret_rows)
{
    varve_error err = {0};
    for (size_t i = 0; i < v->source_count; i++) {
        const row_source *s = &v->sources[i];
        for (uint64_t slot = 0; slot < s->rows; slot++) {
            uint64_t ordinal;
            if (tombstones_has(s->hidden, slot)) continue;
            must(source_ordinal(s, slot, &ordinal, &err), &err);
            if (ordinal >= ORDINALS) abort();
            counts[ordinal]++;
            ++*ret_rows;
        }
    }
}

/* Groups are inserted whole, so their ordinals follow each other. */
static void check_field(const field_view *f, const uint8_t *parents)
{
    uint8_t counts[ORDINALS] = {0};
    size_t rows = 0;
    live_ordinals(f->v, counts, &rows);
    for (size_t i = 0; i < ORDINALS; i++) {
        size_t group = i / GROUP_ROWS;
        bool same = counts[i] == counts[group * GROUP_ROWS];
        if (counts[i] && !parents[i]) {
            fprintf(stderr, "%s: a vector of ordinal %zu, whose row is not live\n", f->name, i);
            abort();
        }
        if (same) continue;
        fprintf(stderr, "%s: half of group %zu\n", f->name, group);
        abort();
    }
}

static void *read_loop(void *context)
{
    race *r = context;
    varve_error err = {0};
    while (!atomic_load(&r->stop)) {
        uint8_t parents[ORDINALS] = {0};
        size_t rows = 0;
        field_views all = {0};
        must(field_views_get(r->f->c, &all, &err), &err);
        live_ordinals(all.parent, parents, &rows);
        for (size_t i = 0; i < all.count; i++)
            check_field(&all.fields[i], parents);
        field_views_done(&all);
        atomic_fetch_add(&r->reads, 1);
    }
    return NULL;
}

/* By name: there at every moment, although the numbers of fields change ("passing" lies before). */
static void *find_loop(void *context)
{
    race *r = context;
    varve_error err = {0};
    while (!atomic_load(&r->stop)) {
        varve_field_info info;
        must(varve_field_find(r->f->c, "sparse", &info, &err), &err);
        if (info.kind != VARVE_FIELD_SPARSE || strcmp(info.name, "sparse") != 0) abort();
        atomic_fetch_add(&r->reads, 1);
    }
    return NULL;
}

/* By id: all of a group of one version, or nothing. */
static void *read_ids_loop(void *context)
{
    race *r = context;
    varve_error err = {0};
    group_rows g;
    fill(0, 0, &g);
    while (!atomic_load(&r->stop)) {
        varve_field_vectors *v = NULL;
        must(varve_field_read(r->f->c, "multi", g.ids, GROUP_ROWS, &v, &err), &err);
        size_t first = varve_field_vectors_count(v, 0);
        for (size_t i = 1; i < GROUP_ROWS; i++) {
            bool same = varve_field_vectors_count(v, i) == first &&
                        (first == 0 || varve_field_vectors_values(v, i)[1] ==
                                           varve_field_vectors_values(v, 0)[1]);
            if (!same) {
                fprintf(stderr, "multi: half of a group, by id\n");
                abort();
            }
        }
        varve_field_vectors_free(v);
        atomic_fetch_add(&r->reads, 1);
    }
    return NULL;
}

static void sets_of_views_are_of_one_moment(void **state)
{
    (void)state;
    db_fixture f = {0};
    race r = {.f = &f};
    worker writers[GROUPS];
    pthread_t others[5];
    void *(*const loops[])(void *) = {change_loop, read_loop, read_loop, read_ids_loop, find_loop};
    db_options(&f);
    f.options.seal_rows = 200;
    db_begin(&f, "FLAT-L2", VARVE_FLOAT32);
    const varve_field_spec dense = {.dim = DIM}, sparse = {.kind = VARVE_FIELD_SPARSE};
    const varve_field_spec multi = {.kind = VARVE_FIELD_MULTI, .dim = DIM};
    db_ok(&f, varve_field_create(f.c, "dense", &dense, &f.err));
    db_ok(&f, varve_field_create(f.c, "sparse", &sparse, &f.err));
    db_ok(&f, varve_field_create(f.c, "multi", &multi, &f.err));
    for (uint32_t g = 0; g < GROUPS; g++) { /* ordinals by group */
        writers[g] = (worker){.r = &r, .group = g};
        write_group(&r, g, 1);
    }
    for (uint32_t g = 0; g < GROUPS; g++)
        pthread_create(&writers[g].thread, NULL, write_loop, &writers[g]);
    for (size_t i = 0; i < VV_COUNT(others); i++)
        pthread_create(&others[i], NULL, loops[i], &r);
    clock_sleep_ms(RUN_MS);
    atomic_store(&r.stop, true);
    for (uint32_t g = 0; g < GROUPS; g++)
        pthread_join(writers[g].thread, NULL);
    for (size_t i = 0; i < VV_COUNT(others); i++)
        pthread_join(others[i], NULL);
    assert_true(atomic_load(&r.writes) > 2 && atomic_load(&r.reads) > 10);
    assert_true(atomic_load(&r.fields_made) > 0);
    db_assert_sound(&f);
    db_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sets_of_views_are_of_one_moment)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
