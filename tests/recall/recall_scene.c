/* recall_scene.c — see recall_scene.h. */
#include "recall_scene.h"

#include <math.h>
#include <string.h>

#define BATCH      250
#define SEAL_ROWS  1100
#define FEW        8 /* queries of checks that need no mean */
#define STRING_IDS 5
#define ID_BYTES   24
#define SLACK      2e-5f /* relative: scores are rounded to float32 here and there */

static bool fail(recall_scene *s, const char *what, const varve_error *err)
{
    snprintf(s->why, sizeof s->why, "%s: %s", what, err->message);
    return false;
}

/* ---- ids: id i is row i, in its second version once it was upserted ---- */

static varve_id id_of(size_t i, char text[ID_BYTES])
{
    if (i % STRING_IDS) return (varve_id){.kind = VARVE_ID_NUM, .num = i};
    int n = snprintf(text, ID_BYTES, "row-%zu", i);
    return (varve_id){.kind = VARVE_ID_STR, .text = {text, (size_t)n}};
}

static size_t number_of(varve_id id)
{
    char text[ID_BYTES] = "";
    size_t i;
    if (id.kind == VARVE_ID_NUM) return (size_t)id.num;
    memcpy(text, id.text.data, VV_MIN(id.text.len, sizeof text - 1));
    return sscanf(text, "row-%zu", &i) == 1 ? i : SIZE_MAX;
}

/* The version of id i that is live; SIZE_MAX: none. */
static size_t version_of(const recall_scene *s, size_t i)
{
    const recall_data *d = s->d;
    if (i >= d->base_count) return SIZE_MAX;
    if (i < d->upsert_count && s->live[d->base_count + i]) return d->base_count + i;
    return s->live[i] ? i : SIZE_MAX;
}

static size_t live_count(const recall_scene *s)
{
    size_t count = 0;
    for (size_t i = 0; i < recall_data_rows(s->d); i++)
        count += s->live[i];
    return count;
}

/* ---- folder ---- */

static bool open_folder(recall_scene *s)
{
    varve_options o;
    varve_error err = {0};
    varve_options_init(&o);
    o.compact_nice = 0; /* tests run beside others */
    o.compactor_path = s->compactor;
    o.search_threads = 1;
    o.seal_rows = SEAL_ROWS; /* so that some fresh rows lie in a segment and some in memory */
    if (varve_open(s->dir.path, &o, &s->db, &err) != VARVE_OK) return fail(s, "open", &err);
    return true;
}

static bool create(recall_scene *s)
{
    varve_error err = {0};
    varve_collection_spec spec = {.dim = s->d->dim, .dtype = s->d->dtype};
    return varve_collection_create(s->db, "default", "rows", &spec, &s->c, &err) == VARVE_OK ||
           fail(s, "create", &err);
}

/* Rows first … first + count - 1 of the data under the ids from first_id on. */
static varve_status write_batch(recall_scene *s, varve_session *session, size_t first,
                                size_t first_id, size_t count, varve_error *err)
{
    char texts[BATCH][ID_BYTES];
    varve_id ids[BATCH];
    for (size_t i = 0; i < count; i++) {
        ids[i] = id_of(first_id + i, texts[i]);
        s->live[first_id + i] = false;
        s->live[first + i] = true;
        s->unindexed[first + i] = !session;
    }
    varve_rows rows = {.count = count,
                       .dim = s->d->dim,
                       .ids = ids,
                       .vectors = recall_data_row(s->d, first),
                       .vectors_type = VARVE_FLOAT32};
    if (session) return varve_session_add(session, &rows, err);
    return varve_upsert(s->c, &rows, NULL, NULL, err);
}

static bool write_rows(recall_scene *s, varve_session *session, size_t first, size_t first_id,
                       size_t count)
{
    varve_error err = {0};
    for (size_t done = 0; done < count; done += BATCH)
        if (write_batch(s, session, first + done, first_id + done, VV_MIN(BATCH, count - done),
                        &err) != VARVE_OK)
            return fail(s, "write", &err);
    return true;
}

static bool load(recall_scene *s)
{
    varve_session *session = NULL;
    varve_error err = {0};
    if (varve_session_new(s->c, NULL, &session, &err) != VARVE_OK) return fail(s, "session", &err);
    bool fine = write_rows(s, session, 0, 0, s->built) &&
                (varve_session_commit(session, NULL, &err) == VARVE_OK || fail(s, "commit", &err));
    varve_session_free(session);
    return fine;
}

static bool build(recall_scene *s)
{
    varve_error err = {0};
    return varve_index_build(s->c, s->mode, NULL, false, &err) == VARVE_OK ||
           fail(s, "index_build", &err);
}

bool recall_scene_open(recall_scene *s, const recall_data *d, const char *mode,
                       const char *compactor)
{
    *s = (recall_scene){.d = d, .mode = mode, .compactor = compactor};
    s->built = d->base_count / 4 * 3;
    s->live = calloc(recall_data_rows(d), sizeof *s->live);
    s->unindexed = calloc(recall_data_rows(d), sizeof *s->unindexed);
    if (!s->live || !s->unindexed) abort();
    test_dir_make(&s->dir);
    return open_folder(s) && create(s) && load(s) && build(s);
}

void recall_scene_close(recall_scene *s)
{
    varve_collection_release(s->c);
    if (s->db) varve_abandon(s->db);
    test_dir_remove(&s->dir);
    free(s->live);
    free(s->unindexed);
    s->c = NULL;
    s->db = NULL;
}

/* ---- stages ---- */

bool recall_scene_insert(recall_scene *s)
{
    const recall_data *d = s->d;
    return write_rows(s, NULL, s->built, s->built, d->base_count - s->built) &&
           write_rows(s, NULL, d->base_count, 0, d->upsert_count);
}

static bool delete_batch(recall_scene *s, const size_t *which, size_t count)
{
    char texts[BATCH][ID_BYTES];
    varve_id ids[BATCH];
    varve_error err = {0};
    for (size_t i = 0; i < count; i++) {
        ids[i] = id_of(which[i], texts[i]);
        s->live[version_of(s, which[i])] = false;
    }
    return varve_delete(s->c, ids, count, NULL, NULL, &err) == VARVE_OK || fail(s, "delete", &err);
}

/* Every live id but those that keep is true for. */
static bool delete_unless(recall_scene *s, bool (*keep)(size_t i, size_t parameter),
                          size_t parameter)
{
    size_t which[BATCH], count = 0;
    for (size_t i = 0; i < s->d->base_count; i++) {
        if (version_of(s, i) == SIZE_MAX || keep(i, parameter)) continue;
        which[count++] = i;
        if (count < BATCH) continue;
        if (!delete_batch(s, which, count)) return false;
        count = 0;
    }
    return count == 0 || delete_batch(s, which, count);
}

static bool is_not_one_in(size_t i, size_t parameter) { return i % parameter != 2; }
static bool is_before(size_t i, size_t parameter) { return i * 7919 % 10007 < parameter; }

bool recall_scene_delete(recall_scene *s) { return delete_unless(s, is_not_one_in, 5); }

bool recall_scene_delete_most(recall_scene *s, size_t left)
{
    return delete_unless(s, is_before, left);
}

bool recall_scene_compact(recall_scene *s)
{
    varve_error err = {0};
    varve_compact_report r = {0};
    varve_collection_stats before, after;
    bool fine = varve_collection_get_stats(s->c, &before, &err) == VARVE_OK &&
                varve_compact(s->c, NULL, &r, &err) == VARVE_OK &&
                varve_collection_get_stats(s->c, &after, &err) == VARVE_OK;
    if (!fine) return fail(s, "compact", &err);
    memset(s->unindexed, 0, recall_data_rows(s->d) * sizeof *s->unindexed);
    if (r.rows_removed == before.rows_deleted && after.rows_deleted == 0 &&
        after.rows_live == live_count(s))
        return true;
    snprintf(
        s->why, sizeof s->why,
        "compact: %llu rows removed of %llu deleted, %llu deleted and %llu live are left of %zu",
        (unsigned long long)r.rows_removed, (unsigned long long)before.rows_deleted,
        (unsigned long long)after.rows_deleted, (unsigned long long)after.rows_live, live_count(s));
    return false;
}

bool recall_scene_reopen(recall_scene *s)
{
    varve_error err = {0};
    varve *db = s->db;
    varve_collection_release(s->c);
    s->c = NULL;
    s->db = NULL;
    if (varve_close(db, &err) != VARVE_OK) return fail(s, "close", &err);
    return open_folder(s) &&
           (varve_collection_open(s->db, "default", "rows", &s->c, &err) == VARVE_OK ||
            fail(s, "open the collection", &err));
}

/* ---- searches ---- */

static bool search(recall_scene *s, size_t query, size_t k, uint32_t breadth, varve_hits **ret)
{
    varve_error err = {0};
    varve_search_request r = {.vectors = s->d->queries + query * s->d->dim,
                              .count = 1,
                              .dim = s->d->dim,
                              .k = k,
                              .breadth = breadth};
    return varve_search(s->c, &r, ret, &err) == VARVE_OK || fail(s, "search", &err);
}

static bool wrong(recall_scene *s, size_t query, size_t rank, const char *what)
{
    snprintf(s->why, sizeof s->why, "query %zu, hit %zu: %s", query, rank, what);
    return false;
}

/* ret_found: rows and versions, each a live one of its own. */
static bool check_hits(recall_scene *s, size_t query, const varve_hits *hits, size_t *ret_found)
{
    bool larger = varve_metric_larger_is_better(s->d->metric);
    float before = -INFINITY;
    for (size_t i = 0; i < varve_hits_count(hits, 0); i++) {
        size_t row = version_of(s, number_of(varve_hits_id(hits, 0, i)));
        if (row == SIZE_MAX) return wrong(s, query, i, "is not live");
        for (size_t j = 0; j < i; j++)
            if (ret_found[j] == row) return wrong(s, query, i, "comes twice");
        float true_score = recall_data_distance(s->d, query, row);
        float score = larger ? -varve_hits_score(hits, 0, i) : varve_hits_score(hits, 0, i);
        if (fabsf(score - true_score) > SLACK * (1 + fabsf(true_score))) {
            snprintf(s->why, sizeof s->why, "query %zu: row %zu is at %g, the hit says %g", query,
                     row, (double)true_score, (double)score);
            return false;
        }
        if (score < before) return wrong(s, query, i, "is better than the one before it");
        before = score;
        ret_found[i] = row;
    }
    return true;
}

/* Rows that are only scanned cannot be missed. */
static bool check_unindexed(recall_scene *s, size_t query, float kth, const size_t *found,
                            size_t count)
{
    for (size_t row = 0; row < recall_data_rows(s->d); row++) {
        if (!s->live[row] || !s->unindexed[row]) continue;
        if (recall_data_distance(s->d, query, row) >= kth) continue; /* or one of many equals */
        bool there = false;
        for (size_t i = 0; i < count; i++)
            there |= found[i] == row;
        if (there) continue;
        snprintf(s->why, sizeof s->why, "query %zu: row %zu, written since the build, is missing",
                 query, row);
        return false;
    }
    return true;
}

static bool one_query(recall_scene *s, size_t query, recall_measured *sum)
{
    varve_hits *hits = NULL;
    varve_search_work w;
    size_t found[RECALL_K], count, good = 0, want = VV_MIN(RECALL_K, live_count(s));
    if (!search(s, query, RECALL_K, 0, &hits)) return false;
    count = varve_hits_count(hits, 0);
    float kth = recall_data_kth(s->d, query, s->live, RECALL_K);
    bool fine = count == want || wrong(s, query, count, "is missing");
    fine =
        fine && check_hits(s, query, hits, found) && check_unindexed(s, query, kth, found, count);
    for (size_t i = 0; fine && i < count; i++)
        good += recall_data_distance(s->d, query, found[i]) <= kth;
    sum->recall += want ? (double)good / (double)want : 1;
    varve_hits_work(hits, &w);
    sum->nodes += w.nodes_visited;
    sum->codes += w.codes_scanned;
    varve_hits_free(hits);
    return fine;
}

bool recall_scene_measure(recall_scene *s, recall_measured *ret)
{
    recall_measured sum = {0};
    for (size_t q = 0; q < s->d->query_count; q++)
        if (!one_query(s, q, &sum)) return false;
    sum.recall /= (double)s->d->query_count;
    *ret = sum;
    return true;
}

bool recall_scene_check_count(recall_scene *s, size_t k)
{
    size_t want = VV_MIN(k, live_count(s)), *found = calloc(k, sizeof *found);
    bool fine = found != NULL;
    for (size_t q = 0; fine && q < VV_MIN(FEW, s->d->query_count); q++) {
        varve_hits *hits = NULL;
        if (!search(s, q, k, 0, &hits)) {
            fine = false;
            break;
        }
        fine = check_hits(s, q, hits, found);
        if (fine && varve_hits_count(hits, 0) != want) {
            snprintf(s->why, sizeof s->why, "query %zu: %zu hits of %zu live rows, k %zu", q,
                     varve_hits_count(hits, 0), live_count(s), k);
            fine = false;
        }
        varve_hits_free(hits);
    }
    free(found);
    return fine;
}

/* ---- breadth ---- */

static bool work_at(recall_scene *s, uint32_t breadth, uint64_t *ret)
{
    *ret = 0;
    for (size_t q = 0; q < VV_MIN(FEW, s->d->query_count); q++) {
        varve_hits *hits = NULL;
        varve_search_work w;
        if (!search(s, q, RECALL_K, breadth, &hits)) return false;
        varve_hits_work(hits, &w);
        *ret += w.nodes_visited + w.rows_rescored;
        varve_hits_free(hits);
    }
    return true;
}

bool recall_scene_check_breadth(recall_scene *s)
{
    uint64_t narrow, wide;
    if (!work_at(s, 4, &narrow) || !work_at(s, 200, &wide)) return false;
    if (wide > narrow) return true;
    snprintf(s->why, sizeof s->why, "breadth 4 looks at %llu nodes and rows, breadth 200 at %llu",
             (unsigned long long)narrow, (unsigned long long)wide);
    return false;
}
