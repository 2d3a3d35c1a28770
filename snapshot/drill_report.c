/* drill_report.c — see drill.h: the report as JSON, and its signature. */
#include "drill.h"

#include "fields.h"

#include <string.h>

#define REPORT_FORMAT    1
#define REPORT_BYTES_MAX ((size_t)4 << 20)

static const char *sum_name(const repo *r) { return r->secret ? "hmac" : "sum"; }

/* Of the canonical text of all but the sum itself. */
static varve_status sum_report(const repo *r, const json_t *report, uint8_t ret[SUMS_BYTES],
                               varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *copy = json_copy((json_t *)(uintptr_t)report);
    VV_CLEANUP(buffer_done) buffer text;
    buffer_init(&text, REPORT_BYTES_MAX, "the report of a drill");
    if (!copy) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a report");
    if (json_object_get(copy, sum_name(r)) && json_object_del(copy, sum_name(r)) != 0)
        return vv_fail(err, VARVE_INTERNAL, "a report cannot be changed");
    VV_TRY(fields_dump(copy, &text, err));
    return secret_manifest_sum(r->secret, text.data, text.len, ret, err);
}

static varve_status put_findings(json_t *j, const drill_report *d, varve_error *err)
{
    json_t *list = json_array();
    VV_TRY(fields_set(j, "findings", list, err));
    for (size_t i = 0; i < d->kept; i++) {
        json_t *line = json_string(d->findings[i]);
        if (!line) line = json_string("a finding that is not UTF-8");
        if (!line || json_array_append_new(list, line) != 0)
            return vv_fail(err, VARVE_NO_MEMORY, "no memory for a report");
    }
    return fields_set(j, "finding_count", fields_new_u64(d->count), err);
}

static varve_status put_what(json_t *j, const repo *r, const drill_report *d, varve_error *err)
{
    VV_TRY(fields_set(j, "kind", json_string("drill"), err));
    VV_TRY(fields_set(j, "format", fields_new_u64(REPORT_FORMAT), err));
    VV_TRY(fields_set(j, "repo_id", json_string(r ? r->repo_id : ""), err));
    VV_TRY(fields_set(j, "db_id", json_string(r ? r->db_id : ""), err));
    VV_TRY(fields_set(j, "target", json_string(d->target), err));
    VV_TRY(fields_set(j, "snapshot", json_string(d->snap_id), err));
    VV_TRY(fields_set(j, "sequence", fields_new_u64(d->sequence), err));
    VV_TRY(fields_set(j, "commit_ms", fields_new_u64(d->commit_ms), err));
    VV_TRY(fields_set(j, "started_unix_ms", fields_new_u64(d->started_ms), err));
    VV_TRY(fields_set(j, "server_version", json_string(VARVE_VERSION_TEXT), err));
    return fields_set(j, "sound", json_boolean(d->sound), err);
}

static varve_status put_figures(json_t *j, const drill_report *d, varve_error *err)
{
    const contents_checked *c = &d->checked;
    VV_TRY(fields_set(j, "files", fields_new_u64(d->files), err));
    VV_TRY(fields_set(j, "bytes", fields_new_u64(d->bytes), err));
    VV_TRY(fields_set(j, "batches", fields_new_u64(d->batches), err));
    VV_TRY(fields_set(j, "collections", fields_new_u64(c->collections), err));
    VV_TRY(fields_set(j, "rows", fields_new_u64(c->rows), err));
    VV_TRY(fields_set(j, "digests", fields_new_u64(c->digests), err));
    VV_TRY(fields_set(j, "golden", fields_new_u64(c->golden), err));
    if (c->recalls) VV_TRY(fields_set(j, "recall_at_10", json_real(c->recall), err));
    if (c->recalls) VV_TRY(fields_set(j, "recall_at_10_min", json_real(c->recall_min), err));
    VV_TRY(fields_set(j, "restore_seconds", json_real(d->restore_seconds), err));
    VV_TRY(fields_set(j, "fsck_seconds", json_real(d->fsck_seconds), err));
    VV_TRY(fields_set(j, "check_seconds", json_real(d->check_seconds), err));
    return fields_set(j, "seconds", json_real(d->seconds), err);
}

varve_status drill_report_json(const repo *r, const drill_report *report, json_t **ret,
                               varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = json_object();
    uint8_t sum[SUMS_BYTES];
    VV_TRY(put_what(j, r, report, err));
    VV_TRY(put_figures(j, report, err));
    VV_TRY(put_findings(j, report, err));
    if (r) {
        VV_TRY(sum_report(r, j, sum, err));
        VV_TRY(fields_set(j, sum_name(r), fields_new_sum(sum), err));
    }
    *ret = j;
    j = NULL;
    return VARVE_OK;
}

varve_status drill_report_check(const repo *r, const json_t *report, varve_error *err)
{
    uint8_t sum[SUMS_BYTES], said[SUMS_BYTES];
    const char *text = json_string_value(json_object_get(report, sum_name(r)));
    VV_TRY(sum_report(r, report, sum, err));
    if (text && strlen(text) == SUMS_HEX_SIZE - 1 && sums_parse_hex(text, said) &&
        sums_equal(sum, said))
        return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "the report is not one of this repository, or was altered");
}
