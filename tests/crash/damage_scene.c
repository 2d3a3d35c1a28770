/* damage_scene.c — see damage_scene.h. */
#include "damage_fields.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROWS_MAX  2400
#define DIM_MAX   48
#define FLOOR_MS  20
#define BATCH_MAX 1600

typedef struct row {
    varve_row_state state;
    uint32_t version, fields_version; /* fields_version 0: {} */
} row;

typedef struct place { /* a collection and what it holds */
    const char *database, *name, *index_mode, *description;
    size_t dim;
    varve_dtype dtype;
    size_t row_count; /* ids 0 .. row_count - 1, some of them never written */
    row rows[ROWS_MAX];
    varve_collection *c; /* NULL: only tell the truth */
} place;

typedef struct scene {
    place docs, bytes, other;
    uint32_t version;
} scene;

static void stop(const char *what, const varve_error *err)
{
    fprintf(stderr, "%s: %s\n", what, err->message);
    exit(9);
}

static void must(varve_status status, const char *what, const varve_error *err)
{
    if (status != VARVE_OK) stop(what, err);
}

void scene_options(varve_options *o)
{
    varve_options_init(o);
    o->seal_rows = 100000; /* only when the scene says so */
    o->seal_rows_min = 8;
    o->session_memory_max = 1 << 17;
    o->bulk_segment_bytes = 1 << 16;
    o->row_buffer_bytes = 1 << 20;
    o->block_cache_bytes = 1 << 20;
    o->floor_ms = FLOOR_MS;
    o->search_threads = 1;
}

/* ---- rows */

varve_id scene_id(size_t i, char text[32])
{
    if (i % 3) return (varve_id){.kind = VARVE_ID_NUM, .num = i * 1000003};
    int len = snprintf(text, 32, "row/%zu/%zx", i, i * 7919);
    return (varve_id){.kind = VARVE_ID_STR, .text = {text, (size_t)len}};
}

static void vector_of(const place *p, size_t i, uint32_t version, float *ret)
{
    uint32_t x = (uint32_t)i * 2654435761u ^ version * 40503u;
    for (size_t k = 0; k < p->dim; k++) {
        x = x * 1664525u + 1013904223u;
        ret[k] = (float)(x >> 24); /* whole numbers of a byte: exact in every type */
    }
}

static size_t fields_of(size_t i, uint32_t version, char *ret, size_t size)
{
    if (version == 0) return (size_t)snprintf(ret, size, "{}");
    return (size_t)snprintf(ret, size, "{\"row\":%zu,\"version\":%u,\"text\":\"%.*s\"}", i, version,
                            (int)(i % 40), "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrs");
}

/* ---- steps */

typedef struct batch {
    size_t count, numbers[BATCH_MAX];
    varve_id ids[BATCH_MAX];
    char texts[BATCH_MAX][32], field_texts[BATCH_MAX][128];
    varve_text fields[BATCH_MAX];
    float vectors[BATCH_MAX * DIM_MAX];
} batch;

static batch *batch_of(const place *p, size_t first, size_t step, size_t count, uint32_t version,
                       bool with_fields)
{
    static batch b;
    b.count = 0;
    for (size_t i = first; i < p->row_count && b.count < count; i += step) {
        size_t at = b.count++;
        b.numbers[at] = i;
        b.ids[at] = scene_id(i, b.texts[at]);
        vector_of(p, i, version, b.vectors + at * p->dim);
        size_t len = fields_of(i, version, b.field_texts[at], sizeof b.field_texts[at]);
        b.fields[at] = with_fields ? (varve_text){b.field_texts[at], len} : (varve_text){NULL, 0};
    }
    return &b;
}

static varve_status put_session(varve_collection *c, const varve_rows *rows, varve_error *err)
{
    varve_session *session = NULL;
    varve_session_options options = {.upsert = true};
    varve_status status = varve_session_new(c, &options, &session, err);
    for (size_t i = 0; status == VARVE_OK && i < rows->count; i += 50) {
        varve_rows part = *rows;
        part.count = rows->count - i < 50 ? rows->count - i : 50;
        part.ids += i;
        part.fields += i;
        part.vectors = (const float *)rows->vectors + i * rows->dim;
        status = varve_session_add(session, &part, err);
    }
    if (status == VARVE_OK) status = varve_session_commit(session, NULL, err);
    varve_session_free(session);
    return status;
}

typedef enum put_how { PUT_UPSERT, PUT_SESSION } put_how;

static void put(scene *s, place *p, put_how how, size_t first, size_t step, size_t count,
                bool with_fields)
{
    uint32_t version = ++s->version;
    varve_error err = {0};
    batch *b = batch_of(p, first, step, count, version, with_fields);
    varve_rows rows = {.count = b->count,
                       .dim = p->dim,
                       .ids = b->ids,
                       .vectors = b->vectors,
                       .fields = b->fields};
    if (p->c && how == PUT_SESSION) must(put_session(p->c, &rows, &err), "session", &err);
    if (p->c && how == PUT_UPSERT)
        must(varve_upsert(p->c, &rows, NULL, NULL, &err), "upsert", &err);
    for (size_t i = 0; i < b->count; i++) {
        row *r = &p->rows[b->numbers[i]];
        r->state = VARVE_ROW_LIVE;
        r->version = version;
        if (with_fields) r->fields_version = version;
    }
}

static void mark(place *p, varve_row_state to, size_t first, size_t step, size_t count)
{
    varve_error err = {0};
    batch *b = batch_of(p, first, step, count, 0, false);
    if (p->c && to == VARVE_ROW_DELETED)
        must(varve_delete(p->c, b->ids, b->count, NULL, NULL, &err), "delete", &err);
    if (p->c && to == VARVE_ROW_LIVE)
        must(varve_restore(p->c, b->ids, b->count, NULL, NULL, &err), "restore", &err);
    for (size_t i = 0; i < b->count; i++) {
        row *r = &p->rows[b->numbers[i]];
        if (r->state != VARVE_ROW_ABSENT) r->state = to;
    }
}

static void seal(place *p)
{
    varve_error err = {0};
    if (p->c) must(varve_collection_checkpoint(p->c, &err), "seal", &err);
}

static void flush(varve *db)
{
    varve_error err = {0};
    if (db) must(varve_checkpoint(db, &err), "checkpoint", &err);
}

static void play(scene *s, varve *db)
{
    put(s, &s->docs, PUT_UPSERT, 0, 1, 1500, true); /* a segment of several blocks */
    seal(&s->docs);
    if (s->docs.c) scene_put_vectors(s->docs.c); /* they go and come with their rows from now on */
    seal(&s->docs);
    put(s, &s->docs, PUT_SESSION, 1400, 1, 800, true); /* several segments, some rows replaced */
    put(s, &s->docs, PUT_UPSERT, 0, 9, 200, false);
    mark(&s->docs, VARVE_ROW_DELETED, 3, 11, 150);
    mark(&s->docs, VARVE_ROW_LIVE, 3, 33, 40);
    put(s, &s->bytes, PUT_UPSERT, 0, 1, 300, true);
    seal(&s->bytes);
    put(s, &s->other, PUT_UPSERT, 0, 1, 12, true);
    flush(db); /* row records into tables */
    put(s, &s->docs, PUT_UPSERT, 5, 7, 120, true);
    mark(&s->docs, VARVE_ROW_DELETED, 7, 13, 60);
    seal(&s->docs);
    put(s, &s->bytes, PUT_UPSERT, 10, 4, 30, true);
    flush(db);
    put(s, &s->docs, PUT_UPSERT, 2200, 1, 100, true); /* from here on in the log only */
    put(s, &s->docs, PUT_UPSERT, 1, 50, 20, true);
    mark(&s->docs, VARVE_ROW_LIVE, 7, 26, 20);
    mark(&s->docs, VARVE_ROW_DELETED, 2201, 9, 5);
    put(s, &s->other, PUT_UPSERT, 5, 1, 10, false);
}

static void scene_init(scene *s)
{
    s->version = 0;
    s->docs = (place){.database = "default",
                      .name = "docs",
                      .index_mode = "FLAT-L2",
                      .description = "what the documents say",
                      .dim = 32,
                      .dtype = VARVE_FLOAT32,
                      .row_count = ROWS_MAX};
    s->bytes = (place){.database = "default",
                       .name = "bytes",
                       .index_mode = "FLAT-L2",
                       .description = "",
                       .dim = DIM_MAX,
                       .dtype = VARVE_UINT8,
                       .row_count = 400};
    s->other = (place){.database = "second",
                       .name = "other",
                       .index_mode = "FLAT-L2",
                       .description = "",
                       .dim = 3,
                       .dtype = VARVE_FLOAT16,
                       .row_count = 20};
}

static void create(varve *db, place *p)
{
    varve_error err = {0};
    varve_collection_spec spec = {.dim = p->dim,
                                  .dtype = p->dtype,
                                  .index_mode = p->index_mode,
                                  .description = p->description};
    must(varve_collection_create(db, p->database, p->name, &spec, &p->c, &err), "create", &err);
}

void scene_build(const char *path, bool clean)
{
    static scene s;
    varve *db = NULL;
    varve_error err = {0};
    varve_options o;
    scene_options(&o);
    scene_init(&s);
    must(varve_open(path, &o, &db, &err), "open", &err);
    must(varve_database_create(db, "second", &err), "database", &err);
    create(db, &s.docs);
    create(db, &s.bytes);
    create(db, &s.other);
    play(&s, db);
    usleep(20 * FLOOR_MS * 1000); /* the floor has seen the last write */
    if (!clean) return;
    varve_collection_release(s.docs.c);
    varve_collection_release(s.bytes.c);
    varve_collection_release(s.other.c);
    must(varve_close(db, &err), "close", &err);
}

/* ---- checking ------------------------------------------------------------------------------ */

typedef struct check {
    varve *db;
    place *p;
    char *why;
} check;

static scene_verdict refused(const check *k, const char *call, const varve_error *err)
{
    snprintf(k->why, SCENE_WHY_BYTES, "%s %s: %s: %s", k->p ? k->p->name : "folder", call,
             varve_status_name(err->status), err->message);
    return SCENE_REFUSED;
}

#define WRONG(k, ...) (snprintf((k)->why, SCENE_WHY_BYTES, __VA_ARGS__), SCENE_WRONG)

#define TRY(expression)                                                                            \
    do {                                                                                           \
        scene_verdict verdict_ = (expression);                                                     \
        if (verdict_ != SCENE_INTACT) return verdict_;                                             \
    } while (0)

static bool same_id(varve_id a, varve_id b)
{
    if (a.kind != b.kind) return false;
    if (a.kind == VARVE_ID_NUM) return a.num == b.num;
    return a.text.len == b.text.len && memcmp(a.text.data, b.text.data, a.text.len) == 0;
}

/* Row i of the set must be row `number` of the collection. */
static scene_verdict check_row(const check *k, const varve_rowset *rows, size_t i, size_t number)
{
    const row *r = &k->p->rows[number];
    char text[32], fields[128];
    float expected[DIM_MAX];
    varve_text found = varve_rowset_fields(rows, i);
    size_t len = fields_of(number, r->fields_version, fields, sizeof fields);
    vector_of(k->p, number, r->version, expected);
    if (!same_id(varve_rowset_id(rows, i), scene_id(number, text)))
        return WRONG(k, "%s row %zu: another id", k->p->name, number);
    if (varve_rowset_state(rows, i) != r->state)
        return WRONG(k, "%s row %zu: state %d, expected %d", k->p->name, number,
                     (int)varve_rowset_state(rows, i), (int)r->state);
    if (memcmp(varve_rowset_vector(rows, i), expected, k->p->dim * sizeof *expected) != 0)
        return WRONG(k, "%s row %zu: another vector", k->p->name, number);
    if (found.len != len || memcmp(found.data, fields, len) != 0)
        return WRONG(k, "%s row %zu: fields %.*s", k->p->name, number, (int)found.len, found.data);
    return SCENE_INTACT;
}

static scene_verdict check_get(const check *k)
{
    unsigned with = VARVE_WITH_VECTORS | VARVE_WITH_FIELDS | VARVE_WITH_DELETED;
    for (size_t i = 0; i < k->p->row_count; i++) {
        char text[32];
        varve_id id = scene_id(i, text);
        varve_rowset *rows = NULL;
        varve_error err = {0};
        if (varve_get(k->p->c, &id, 1, with, false, &rows, &err) != VARVE_OK)
            return refused(k, "get", &err);
        scene_verdict verdict = SCENE_INTACT;
        if (varve_rowset_count(rows) != (k->p->rows[i].state != VARVE_ROW_ABSENT))
            verdict =
                WRONG(k, "%s row %zu: %zu rows found", k->p->name, i, varve_rowset_count(rows));
        if (verdict == SCENE_INTACT && varve_rowset_count(rows)) verdict = check_row(k, rows, 0, i);
        varve_rowset_free(rows);
        TRY(verdict);
    }
    return SCENE_INTACT;
}

/* In the order of insertion, which is not that of row numbers: only how many, and each once. */
static scene_verdict check_head(const check *k, size_t count)
{
    varve_rowset *rows = NULL;
    varve_error err = {0};
    unsigned with = VARVE_WITH_VECTORS | VARVE_WITH_FIELDS | VARVE_WITH_DELETED;
    if (varve_head(k->p->c, ROWS_MAX, with, &rows, &err) != VARVE_OK)
        return refused(k, "head", &err);
    size_t found = varve_rowset_count(rows);
    bool ascending = true;
    for (size_t i = 1; i < found; i++)
        ascending &= varve_rowset_ordinal(rows, i - 1) < varve_rowset_ordinal(rows, i);
    varve_rowset_free(rows);
    if (found != count) return WRONG(k, "%s: head has %zu of %zu rows", k->p->name, found, count);
    return ascending ? SCENE_INTACT : WRONG(k, "%s: head is out of order", k->p->name);
}

static scene_verdict check_scroll(const check *k, size_t count)
{
    varve_rowset *rows = NULL;
    varve_error err = {0};
    unsigned with = VARVE_WITH_VECTORS | VARVE_WITH_FIELDS | VARVE_WITH_DELETED;
    if (varve_scroll(k->p->c, NULL, ROWS_MAX, with, &rows, &err) != VARVE_OK)
        return refused(k, "scroll", &err);
    size_t found = varve_rowset_count(rows);
    varve_rowset_free(rows);
    return found == count ? SCENE_INTACT
                          : WRONG(k, "%s: scroll has %zu of %zu rows", k->p->name, found, count);
}

static scene_verdict check_counts(const check *k, size_t live, size_t deleted)
{
    varve_collection_stats stats;
    varve_error err = {0};
    varve_rowset *rows = NULL;
    char text[64];
    if (varve_collection_get_stats(k->p->c, &stats, &err) != VARVE_OK)
        return refused(k, "stats", &err);
    if (stats.rows_live != live || stats.rows_deleted != deleted || stats.dim != k->p->dim ||
        stats.dtype != k->p->dtype || strcmp(stats.index_mode, k->p->index_mode) != 0)
        return WRONG(k, "%s: %zu live and %zu deleted rows, stats say %zu and %zu", k->p->name,
                     live, deleted, (size_t)stats.rows_live, (size_t)stats.rows_deleted);
    if (varve_list_deleted(k->p->c, 0, &rows, &err) != VARVE_OK)
        return refused(k, "list deleted", &err);
    size_t listed = varve_rowset_count(rows);
    varve_rowset_free(rows);
    if (listed != deleted) return WRONG(k, "%s: %zu rows listed as deleted", k->p->name, listed);
    if (varve_collection_get_description(k->p->c, text, sizeof text, &err) != VARVE_OK)
        return refused(k, "description", &err);
    return strcmp(text, k->p->description) == 0 ? SCENE_INTACT
                                                : WRONG(k, "%s: another description", k->p->name);
}

/* The hits must be the live rows, each with its own distance. */
static scene_verdict check_hits(const check *k, const varve_hits *hits, const float *query,
                                size_t live)
{
    double sum_found = 0, sum_expected = 0, last = -1;
    if (varve_hits_count(hits, 0) != live)
        return WRONG(k, "%s: %zu hits of %zu live rows", k->p->name, varve_hits_count(hits, 0),
                     live);
    for (size_t i = 0; i < live; i++) {
        double score = (double)varve_hits_score(hits, 0, i);
        if (score < last) return WRONG(k, "%s: hits are out of order", k->p->name);
        sum_found += score;
        last = score;
    }
    for (size_t i = 0; i < k->p->row_count; i++) {
        float vector[DIM_MAX];
        if (k->p->rows[i].state != VARVE_ROW_LIVE) continue;
        vector_of(k->p, i, k->p->rows[i].version, vector);
        for (size_t d = 0; d < k->p->dim; d++)
            sum_expected +=
                ((double)vector[d] - (double)query[d]) * ((double)vector[d] - (double)query[d]);
    }
    if (sum_found != sum_expected) /* whole numbers, exact in both */
        return WRONG(k, "%s: the distances of a search are wrong", k->p->name);
    return SCENE_INTACT;
}

static scene_verdict check_search(const check *k, size_t live)
{
    float query[DIM_MAX];
    varve_hits *hits = NULL;
    varve_error err = {0};
    vector_of(k->p, 1, 12345, query);
    varve_search_request r = {
        .vectors = query, .count = 1, .dim = k->p->dim, .k = ROWS_MAX, .with = VARVE_WITH_FIELDS};
    if (varve_search(k->p->c, &r, &hits, &err) != VARVE_OK) return refused(k, "search", &err);
    scene_verdict verdict = check_hits(k, hits, query, live);
    varve_hits_free(hits);
    return verdict;
}

static scene_verdict check_fields(const check *k)
{
    scene_found f = {.c = k->p->c};
    for (size_t i = 0; i < k->p->row_count; i++) {
        const row *r = &k->p->rows[i];
        bool live = r->state == VARVE_ROW_LIVE;
        if (i < SCENE_VECTORS) f.live[i] = live;
        f.with_fields += live && r->fields_version;
        f.with_text += live && r->fields_version && i % 40 == sizeof SCENE_TEXT - 1;
    }
    return scene_check_fields(&f, k->why);
}

static scene_verdict check_place(check *k)
{
    size_t live = 0, deleted = 0;
    varve_error err = {0};
    varve_status status = varve_collection_open(k->db, k->p->database, k->p->name, &k->p->c, &err);
    if (status == VARVE_NOT_FOUND) return WRONG(k, "%s: %s", k->p->name, err.message);
    if (status != VARVE_OK) return refused(k, "open", &err);
    for (size_t i = 0; i < k->p->row_count; i++) {
        live += k->p->rows[i].state == VARVE_ROW_LIVE;
        deleted += k->p->rows[i].state == VARVE_ROW_DELETED;
    }
    TRY(check_search(k, live));
    TRY(check_counts(k, live, deleted));
    TRY(check_scroll(k, live + deleted));
    TRY(check_head(k, live + deleted));
    if (k->p->row_count == ROWS_MAX) TRY(check_fields(k)); /* the documents */
    return check_get(k);
}

/* Nothing but what the scene made. */
static scene_verdict check_names(check *k)
{
    varve_names *databases = NULL, *collections = NULL;
    varve_error err = {0};
    if (varve_database_list(k->db, &databases, &err) != VARVE_OK)
        return refused(k, "databases", &err);
    size_t count = varve_names_count(databases);
    varve_names_free(databases);
    if (count != 2) return WRONG(k, "%zu databases", count);
    if (varve_collection_list(k->db, "default", &collections, &err) != VARVE_OK)
        return refused(k, "collections", &err);
    count = varve_names_count(collections);
    varve_names_free(collections);
    return count == 2 ? SCENE_INTACT : WRONG(k, "%zu collections", count);
}

static scene_verdict check_open_folder(check *k, scene *s)
{
    place *places[] = {&s->docs, &s->bytes, &s->other};
    scene_verdict verdict = check_names(k);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (verdict != SCENE_INTACT) break;
        k->p = places[i];
        verdict = check_place(k);
    }
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        varve_collection_release(places[i]->c);
    k->p = NULL;
    return verdict;
}

scene_verdict scene_check(const char *path, char *ret_why)
{
    static scene s;
    check k = {.why = ret_why};
    varve_error err = {0};
    varve_options o;
    scene_options(&o);
    scene_init(&s);
    play(&s, NULL);
    o.must_exist = true;
    if (varve_open(path, &o, &k.db, &err) != VARVE_OK) return refused(&k, "open", &err);
    scene_verdict verdict = check_open_folder(&k, &s);
    if (varve_close(k.db, &err) != VARVE_OK && verdict == SCENE_INTACT)
        verdict = refused(&k, "close", &err);
    return verdict;
}
