/* verify.c — see verify.h. */
#include "verify.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/hashmap.h"
#include "blobs.h"
#include "contents.h"
#include "each.h"
#include "fields.h"
#include "restore.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_DEFAULT 4
#define VERIFIED_FORMAT 1
#define SAMPLE_BUCKET   1000000u

typedef struct verify_job {
    repo *r;
    const verify_options *o;
    uint8_t salt[16];     /* which objects a share means, differs each time */
    pthread_mutex_t lock; /* guards what is below */
    verify_report report;
    hashmap seen; /* keys that were looked at -> what is known of them */
} verify_job;

static const char sound = 's', damaged = 'd', being_looked_at = 'l';

void verify_report_done(verify_report *report)
{
    for (size_t i = 0; i < report->kept; i++)
        free(report->findings[i]);
    free(report->findings);
    *report = (verify_report){0};
}

/* Findings are kept while there is memory and room; they are counted in any case. */
static void add_finding(verify_job *j, const char *snap_id, const char *text)
{
    verify_report *r = &j->report;
    char *line = NULL;
    (void)pthread_mutex_lock(&j->lock);
    r->count++;
    char **lines =
        r->kept < VERIFY_FINDINGS_MAX ? realloc(r->findings, (r->kept + 1) * sizeof *lines) : NULL;
    if (lines) r->findings = lines;
    if (lines && asprintf(&line, "snapshot %s: %s", snap_id, text) >= 0) lines[r->kept++] = line;
    (void)pthread_mutex_unlock(&j->lock);
}

static bool is_finding(varve_status status)
{
    return status == VARVE_CORRUPT || status == VARVE_NOT_FOUND || status == VARVE_NEWER_FORMAT ||
           status == VARVE_LIMIT || status == VARVE_UNSUPPORTED; /* too large; a link */
}

/* ---- objects ------------------------------------------------------------------------------- */

typedef struct object_walk {
    verify_job *j;
    const manifest *m;
    size_t found; /* guarded by j->lock */
} object_walk;

static const manifest_file *file_at(const manifest *m, size_t i)
{
    return i < m->file_count ? &m->files[i] : &m->list;
}

static bool is_read(const verify_job *j, const manifest_file *f)
{
    uint8_t sum[SUMS_BYTES], both[sizeof j->salt + SUMS_BYTES];
    if (j->o->level == VERIFY_STRUCTURE) return false;
    if (j->o->share <= 0 || j->o->share >= 1) return true;
    memcpy(both, j->salt, sizeof j->salt);
    memcpy(both + sizeof j->salt, f->blob, SUMS_BYTES);
    if (sums_of_bytes(both, sizeof both, sum, NULL) != VARVE_OK) return true;
    return get_u64(sum) % SAMPLE_BUCKET < (uint64_t)(j->o->share * SAMPLE_BUCKET);
}

/* What is known of an object. NULL: nobody has looked yet, and now the caller does; those who come
 * meanwhile, for another file with the same content, leave it to him. */
static const char *claim(verify_job *j, const char *key)
{
    (void)pthread_mutex_lock(&j->lock);
    const char *found = hashmap_get(&j->seen, key, strlen(key));
    bool kept =
        found || hashmap_put(&j->seen, key, strlen(key), (void *)(uintptr_t)&being_looked_at);
    (void)kept; /* without memory it is looked at again */
    (void)pthread_mutex_unlock(&j->lock);
    return found;
}

static void note(verify_job *j, const char *key, const manifest_file *f, bool read, bool fine)
{
    (void)pthread_mutex_lock(&j->lock);
    j->report.objects++;
    j->report.objects_read += read;
    j->report.bytes_read += read ? f->stored_size : 0;
    bool kept =
        hashmap_put(&j->seen, key, strlen(key), (void *)(uintptr_t)(fine ? &sound : &damaged));
    (void)kept; /* without memory it is looked at again */
    (void)pthread_mutex_unlock(&j->lock);
}

static void add_object_finding(object_walk *w, const manifest_file *f, const char *text)
{
    char line[700];
    snprintf(line, sizeof line, "%s: %.500s", f->path ? f->path : "the list of files", text);
    add_finding(w->j, w->m->snap_id, line);
    (void)pthread_mutex_lock(&w->j->lock);
    w->found++;
    (void)pthread_mutex_unlock(&w->j->lock);
}

static varve_status check_object(void *arg, size_t i, varve_error *err)
{
    object_walk *w = arg;
    verify_job *j = w->j;
    const manifest_file *f = file_at(w->m, i);
    char key[NAMES_KEY_MAX];
    manifest_blob_key(f, key);
    if (j->o->cancel.asked && j->o->cancel.asked(j->o->cancel.arg))
        return vv_fail(err, VARVE_CANCELLED, "cancelled");
    const char *known = claim(j, key);
    if (known == &damaged) add_object_finding(w, f, "it is damaged, see above");
    if (known) return VARVE_OK;
    varve_error found = {0};
    bool read = is_read(j, f);
    varve_status status =
        read ? blobs_get(j->r, f, NULL, NULL, &j->o->cancel, &found) : blobs_stat(j->r, f, &found);
    if (status != VARVE_OK && !is_finding(status)) {
        if (err) *err = found;
        return status;
    }
    note(j, key, f, read, status == VARVE_OK);
    if (status != VARVE_OK) add_object_finding(w, f, found.message);
    return VARVE_OK;
}

/* ---- snapshots ----------------------------------------------------------------------------- */

static varve_status mark(verify_job *j, const object_name *snapshot, varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *json = json_object();
    object_name name = *snapshot;
    char key[NAMES_KEY_MAX];
    name.kind = NAME_VERIFIED;
    names_build(&name, key);
    VV_TRY(fields_set(json, "format", fields_new_u64(VERIFIED_FORMAT), err));
    VV_TRY(fields_set(json, "time_ms", fields_new_u64(env_now_ms(&j->r->env)), err));
    VV_TRY(fields_set(json, "level", json_string(j->o->level == VERIFY_FULL ? "full" : "checksums"),
                      err));
    return repo_put_json(j->r, key, json, REPO_SMALL_BYTES_MAX, REMOTE_ALWAYS, NULL, NULL, err);
}

static varve_status check_all_contents(void *arg, const char *folder, const manifest *m,
                                       varve_error *err)
{
    const verify_job *j = arg;
    const contents_check_options options = {.golden_max = SIZE_MAX, .cancel = j->o->cancel};
    contents_checked checked;
    if (!contents_are_known(m)) return VARVE_OK;
    return contents_check(folder, m, &options, &checked, err);
}

/* ret_fine: it can be restored, or what stands against it was added to the findings. */
static varve_status try_restore(verify_job *j, const manifest *m, bool *ret_fine, varve_error *err)
{
    const restore_options options = {.snap_id = m->snap_id,
                                     .folder = j->o->scratch,
                                     .threads = j->o->threads,
                                     .no_contents = true,
                                     .check = check_all_contents,
                                     .check_arg = j,
                                     .cancel = j->o->cancel};
    restore_result result;
    varve_error found = {0};
    varve_status status = restore_run(j->r, &options, &result, &found);
    char temporary[4096];
    snprintf(temporary, sizeof temporary, "%.4000s.restore-tmp", j->o->scratch);
    if (status == VARVE_OK) VV_TRY(file_remove_tree(j->o->scratch, err));
    VV_TRY(file_remove_tree(temporary, err));
    *ret_fine = status == VARVE_OK;
    if (is_finding(status)) add_finding(j, m->snap_id, found.message);
    if (status == VARVE_OK || is_finding(status)) return VARVE_OK;
    if (err) *err = found;
    return status;
}

static varve_status check_manifest(verify_job *j, const object_name *name, const manifest *m,
                                   varve_error *err)
{
    object_walk w = {.j = j, .m = m};
    size_t threads = j->o->threads ? j->o->threads : THREADS_DEFAULT;
    bool fine = true;
    VV_TRY(each_run(threads, m->file_count + m->listed, check_object, &w, err));
    if (w.found == 0 && j->o->level == VERIFY_FULL) VV_TRY(try_restore(j, m, &fine, err));
    if (w.found || !fine) return VARVE_OK;
    j->report.snapshots_sound++;
    if (j->r->read_only) return VARVE_OK; /* no mark can be left */
    bool all_read = j->o->level != VERIFY_STRUCTURE && (j->o->share <= 0 || j->o->share >= 1);
    return all_read || j->o->level == VERIFY_FULL ? mark(j, name, err) : VARVE_OK;
}

static varve_status check_snapshot(verify_job *j, const object_name *name, varve_error *err)
{
    VV_CLEANUP(manifest_done) manifest m = {0};
    varve_error found = {0};
    j->report.snapshots++;
    varve_status status = snapshots_load(j->r, name, &m, &found);
    if (status == VARVE_OK) return check_manifest(j, name, &m, err);
    if (is_finding(status)) {
        add_finding(j, name->id, found.message);
        return VARVE_OK;
    }
    if (err) *err = found;
    return status;
}

static varve_status run(verify_job *j, varve_error *err)
{
    VV_CLEANUP(snapshots_done) snapshots list = {0};
    if (j->o->level == VERIFY_FULL && !j->o->scratch)
        return vv_fail(err, VARVE_INVALID, "a full verification needs a scratch folder");
    VV_TRY(j->r->env.random(j->r->env.arg, j->salt, sizeof j->salt, err));
    if (j->o->snap_id) {
        object_name one;
        VV_TRY(snapshots_find(j->r, j->o->snap_id, &one, err));
        return check_snapshot(j, &one, err);
    }
    VV_TRY(snapshots_list(j->r, j->r->db_id, &list, err));
    for (size_t i = 0; i < list.count; i++)
        VV_TRY(check_snapshot(j, &list.items[i], err));
    return VARVE_OK;
}

varve_status verify_run(repo *r, const verify_options *options, verify_report *ret,
                        varve_error *err)
{
    verify_job j = {.r = r, .o = options, .lock = PTHREAD_MUTEX_INITIALIZER};
    hashmap_init(&j.seen);
    varve_status status = run(&j, err);
    hashmap_done(&j.seen);
    (void)pthread_mutex_destroy(&j.lock);
    if (status == VARVE_OK)
        *ret = j.report;
    else
        verify_report_done(&j.report);
    return status;
}
