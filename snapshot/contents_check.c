/* contents_check.c — see contents.h: is a folder what a manifest says? */
#include "contents.h"

#include "golden.h"

#include <stdio.h>
#include <string.h>

#define RECALL_K    10
#define RECALL_SEED 1

typedef struct checking {
    varve *db;
    const contents_check_options *o;
    contents_checked result;
} checking;

static void collection_freep(varve_collection **c) { varve_collection_release(*c); }

static void close_dbp(varve **db)
{
    varve_status ignored = *db ? varve_close(*db, NULL) : VARVE_OK;
    (void)ignored;
}

bool contents_are_known(const manifest *m)
{
    for (size_t i = 0; i < m->collection_count; i++) {
        const manifest_collection *c = &m->collections[i];
        if (c->has_digest || c->has_schema || c->golden_count) return true;
    }
    return false;
}

/* ---- a collection -------------------------------------------------------------------------- */

static varve_status differs(const manifest_collection *m, const char *what, varve_error *err)
{
    return vv_fail(err, VARVE_CORRUPT, "collection %s/%s: %s", m->database, m->name, what);
}

static varve_status open_collection(checking *k, const manifest_collection *m,
                                    varve_collection **ret, varve_error *err)
{
    varve_status status = varve_collection_open(k->db, m->database, m->name, ret, err);
    return status == VARVE_NOT_FOUND ? differs(m, "it is missing", err) : status;
}

static varve_status check_counts(checking *k, const manifest_collection *m, varve_collection *c,
                                 varve_error *err)
{
    varve_collection_stats s;
    char text[160];
    VV_TRY(varve_collection_get_stats(c, &s, err));
    k->result.rows += s.rows_live;
    if (s.rows_live == m->rows && s.rows_deleted == m->deleted) return VARVE_OK;
    snprintf(text, sizeof text, "%llu rows and %llu deleted; the manifest says %llu and %llu",
             (unsigned long long)s.rows_live, (unsigned long long)s.rows_deleted,
             (unsigned long long)m->rows, (unsigned long long)m->deleted);
    return differs(m, text, err);
}

static varve_status check_digest(checking *k, const manifest_collection *m, varve_collection *c,
                                 varve_error *err)
{
    VV_CLEANUP(digest_rows_done) digest_rows found = {0};
    const digest_options options = {.threads = k->o->threads, .cancel = k->o->cancel};
    if (!m->has_digest) return VARVE_OK;
    VV_TRY(digest_collection(c, &options, &found, err));
    k->result.digests++;
    if (sums_equal(found.sum, m->digest)) return VARVE_OK;
    return differs(m, "its rows are not those that were backed up: the digest differs", err);
}

static varve_status check_schema(const manifest_collection *m, varve_collection *c,
                                 varve_error *err)
{
    uint8_t found[SUMS_BYTES];
    if (!m->has_schema) return VARVE_OK;
    VV_TRY(digest_schema(c, found, err));
    if (sums_equal(found, m->schema_sha256)) return VARVE_OK;
    return differs(m, "its settings or vector fields are not those that were backed up", err);
}

static varve_status check_golden(checking *k, const manifest_collection *m, varve_collection *c,
                                 varve_error *err)
{
    varve_error found = {0};
    size_t count = VV_MIN(m->golden_count, k->o->golden_max);
    varve_status status = golden_check(c, m->golden, count, &found);
    k->result.golden += count;
    if (status == VARVE_CORRUPT) return differs(m, found.message, err);
    if (status != VARVE_OK && err) *err = found;
    return status;
}

static varve_status measure_recall(checking *k, varve_collection *c, varve_error *err)
{
    contents_checked *r = &k->result;
    varve_collection_stats s;
    varve_recall recall;
    if (k->o->recall_samples == 0) return VARVE_OK;
    VV_TRY(varve_collection_get_stats(c, &s, err));
    if (s.rows_indexed == 0 || s.rows_live < 2) return VARVE_OK;
    VV_TRY(varve_recall_measure(c, NULL, RECALL_K, k->o->recall_samples, RECALL_SEED, 0, 0, &recall,
                                err));
    r->recall_min = r->recalls ? VV_MIN(r->recall_min, recall.recall) : recall.recall;
    r->recall = (r->recall * (double)r->recalls + recall.recall) / (double)(r->recalls + 1);
    r->recalls++;
    return VARVE_OK;
}

static varve_status check_collection(checking *k, const manifest_collection *m, varve_error *err)
{
    VV_CLEANUP(collection_freep) varve_collection *c = NULL;
    VV_TRY(open_collection(k, m, &c, err));
    VV_TRY(check_counts(k, m, c, err));
    VV_TRY(check_schema(m, c, err));
    VV_TRY(check_digest(k, m, c, err));
    VV_TRY(check_golden(k, m, c, err));
    return measure_recall(k, c, err);
}

/* ---- all of them --------------------------------------------------------------------------- */

static bool is_asked_for(const contents_check_options *o, const manifest_collection *m)
{
    return !o->collection ||
           (strcmp(o->database, m->database) == 0 && strcmp(o->collection, m->name) == 0);
}

static varve_status check_all(checking *k, const manifest *m, varve_error *err)
{
    const contents_check_options *o = k->o;
    for (size_t i = 0; i < m->collection_count; i++) {
        varve_error found = {0};
        if (!is_asked_for(o, &m->collections[i])) continue;
        varve_status status = check_collection(k, &m->collections[i], &found);
        k->result.collections++;
        if (status == VARVE_CORRUPT && o->finding)
            o->finding(o->arg, found.message);
        else if (status != VARVE_OK)
            return vv_fail(err, status, "%s", found.message);
    }
    return VARVE_OK;
}

varve_status contents_check(const char *folder, const manifest *m,
                            const contents_check_options *options, contents_checked *ret,
                            varve_error *err)
{
    VV_CLEANUP(close_dbp) varve *db = NULL;
    varve_options reading;
    contents_reading(&reading);
    VV_TRY(varve_open(folder, &reading, &db, err));
    checking k = {.db = db, .o = options};
    VV_TRY(check_all(&k, m, err));
    *ret = k.result;
    return VARVE_OK;
}
