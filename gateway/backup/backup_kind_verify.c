/* backup_kind_verify.c — the job "verify": are the snapshots what they were? Findings make it fail,
 * and stand in its result.
 *
 *   order  {level "structure" | "checksums" | "full", share (percent of the objects), snapshot} */
#include "backup_order.h"
#include "backup_service_inner.h"

#include "base/file.h"

#include <string.h>

#define FINDINGS_TOLD_MAX 100

static varve_status read_level(const json_t *j, verify_options *o, varve_error *err)
{
    static const char *const words[] = {
        [VERIFY_STRUCTURE] = "structure", [VERIFY_CHECKSUMS] = "checksums", [VERIFY_FULL] = "full"};
    const char *word;
    VV_TRY(order_text(j, "level", &word, err));
    for (size_t i = 0; i < VV_COUNT(words); i++) {
        if (word && strcmp(word, words[i]) != 0) continue;
        o->level = (verify_level)i;
        return VARVE_OK;
    }
    return vv_fail(err, VARVE_INVALID,
                   "Invalid argument: level is structure, checksums or full, not '%.40s'", word);
}

static varve_status read_order(const json_t *j, verify_options *ret, varve_error *err)
{
    static const char *const names[] = {"level", "share", "snapshot", NULL};
    verify_options o = {0};
    double percent = 100;
    VV_TRY(order_only(j, names, err));
    VV_TRY(read_level(j, &o, err));
    VV_TRY(order_real(j, "share", 100, &percent, err));
    VV_TRY(order_text(j, "snapshot", &o.snap_id, err));
    if (o.snap_id && !names_is_id(o.snap_id))
        return vv_fail(err, VARVE_INVALID, "Invalid argument: snapshot is an id of a snapshot");
    o.share = percent < 100 ? percent / 100 : 0;
    *ret = o;
    return VARVE_OK;
}

varve_status verify_kind_check(gateway *g, const json_t *order, varve_error *err)
{
    verify_options ignored;
    (void)g;
    return read_order(order, &ignored, err);
}

static varve_status tell(const verify_report *r, json_t *result, varve_error *err)
{
    json_t *messages = json_array();
    for (size_t i = 0; messages && i < r->kept && i < FINDINGS_TOLD_MAX; i++)
        json_array_append_new(messages, json_string(r->findings[i]));
    json_t *j = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "snapshots", (json_int_t)r->snapshots,
                          "snapshots_sound", (json_int_t)r->snapshots_sound, "objects",
                          (json_int_t)r->objects, "objects_read", (json_int_t)r->objects_read,
                          "bytes_read", (json_int_t)r->bytes_read, "findings", (json_int_t)r->count,
                          "messages", messages);
    int code = j ? json_object_update(result, j) : -1;
    json_decref(j);
    if (code != 0) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the answer");
    if (r->count == 0) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "%zu findings; the first: %.400s", r->count,
                   r->kept ? r->findings[0] : "");
}

varve_status verify_kind_run(backup_service *s, backup_job *job, json_t *result, varve_error *err)
{
    VV_CLEANUP(verify_report_done) verify_report r = {0};
    char scratch[4096];
    verify_options o;
    repo *repo;
    VV_TRY(read_order(backup_job_order(job), &o, err));
    VV_TRY(backup_path(s->g->root_path, "verify", scratch, sizeof scratch, err));
    o.scratch = scratch;
    o.cancel = backup_job_cancel(job);
    backup_job_stage(job, "connect");
    VV_TRY(backup_home_repo(s->home, &repo, err));
    backup_job_stage(job, "verify");
    VV_TRY(file_remove_tree(scratch, err)); /* what a crash left */
    VV_TRY(verify_run(repo, &o, &r, err));
    return tell(&r, result, err);
}
