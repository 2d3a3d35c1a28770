/* verb_backup_verify.c — `varve backup verify` and `check-repo`: are the snapshots of a repository
 * what they were, and can the store do what is needed? */
#include "backup_order.h"
#include "backup_show.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const flag verify_flags[] = {
    REPOSITORY_FLAGS,
    {"structure", FLAG_STRUCTURE, NULL, "every object is there, with its size (default)"},
    {"checksums", FLAG_CHECKSUMS, "[=PCT]", "every object is read, or such a share of them"},
    {"full", FLAG_FULL, NULL, "every snapshot is restored, opened and compared"},
    {"scratch", FLAG_SCRATCH, "PATH", "of --full: a folder to make and remove"},
    {"snapshot", FLAG_SNAPSHOT, "ID", "only this one (default: all)"},
    {"json", FLAG_JSON, NULL, "a JSON object"},
    {NULL, 0, NULL, NULL}};
static const flag check_flags[] = {
    REPOSITORY_FLAGS, {"json", FLAG_JSON, NULL, "a JSON object"}, {NULL, 0, NULL, NULL}};

typedef struct order {
    backup_order common;
    verify_options verify;
} order;

static int take_flag(void *arg, const verb *v, int key, const char *value)
{
    order *o = arg;
    double percent;
    switch (key) {
    case FLAG_STRUCTURE: o->verify.level = VERIFY_STRUCTURE; return VERB_OK;
    case FLAG_FULL: o->verify.level = VERIFY_FULL; return VERB_OK;
    case FLAG_SCRATCH: o->verify.scratch = value; return VERB_OK;
    case FLAG_CHECKSUMS:
        o->verify.level = VERIFY_CHECKSUMS;
        if (!value) return VERB_OK;
        if (!text_to_double(value, &percent) || percent <= 0 || percent > 100)
            return verb_usage(v, "--checksums is a share of up to 100 percent, not '%s'", value);
        o->verify.share = percent / 100;
        return VERB_OK;
    default: return VERB_OK;
    }
}

/* ---- verify ---- */

static void show_report(const verify_report *r, bool json)
{
    json_t *findings = json_array();
    for (size_t i = 0; i < r->kept; i++)
        json_array_append_new(findings, json_string(r->findings[i]));
    if (json) {
        backup_show_json(json_pack(
            "{s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "snapshots", (json_int_t)r->snapshots,
            "snapshots_sound", (json_int_t)r->snapshots_sound, "objects", (json_int_t)r->objects,
            "objects_read", (json_int_t)r->objects_read, "bytes_read", (json_int_t)r->bytes_read,
            "findings", (json_int_t)r->count, "messages", findings));
        return;
    }
    json_decref(findings);
    for (size_t i = 0; i < r->kept; i++)
        puts(r->findings[i]);
    printf("%llu of %llu snapshots sound; %llu objects, %llu of them read (%llu bytes)\n",
           (unsigned long long)r->snapshots_sound, (unsigned long long)r->snapshots,
           (unsigned long long)r->objects, (unsigned long long)r->objects_read,
           (unsigned long long)r->bytes_read);
}

static varve_status verify(const order *o, varve_error *err)
{
    VV_CLEANUP(repository_done) repository_session session = {0};
    VV_CLEANUP(verify_report_done) verify_report report = {0};
    char scratch[4096];
    verify_options options = o->verify;
    const char *temporary = getenv("TMPDIR");
    snprintf(scratch, sizeof scratch, "%s/varve-verify-%ld",
             temporary && *temporary ? temporary : P_tmpdir, (long)getpid());
    if (!options.scratch) options.scratch = scratch;
    options.snap_id = o->common.snapshot;
    VV_TRY(repository_open(&o->common.repository, &session, err));
    VV_TRY(verify_run(session.repo, &options, &report, err));
    show_report(&report, o->common.json);
    if (report.count == 0) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "%zu findings", report.count);
}

static int run_verify(const verb *self, int argc, char **argv)
{
    order o = {0};
    varve_error err = {0};
    int code = backup_order_read(self, argc, argv, &o.common, take_flag, &o);
    if (code != VERB_OK) return code;
    return verify(&o, &err) == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

/* ---- check-repo ---- */

static varve_status check(const backup_order *o, varve_error *err)
{
    VV_CLEANUP(remote_closep) remote *r = NULL;
    const repository_flags *f = &o->repository;
    remote_abilities can;
    VV_TRY(remote_open(f->at.url, &f->at.s3, false, &f->at.limits, &r, err));
    VV_TRY(remote_get_abilities(r, &can, err));
    if (o->json) {
        backup_show_json(json_pack("{s:s,s:b,s:b,s:b}", "repo", remote_name(r), "put_if_absent",
                                   can.put_if_absent, "put_if_tag", can.put_if_tag, "checks_sums",
                                   can.checks_sums));
        return VARVE_OK;
    }
    printf("%s\n  puts that never replace      %s\n  puts that replace one state  %s\n"
           "  sums checked by the store    %s\n",
           remote_name(r), can.put_if_absent ? "yes" : "no", can.put_if_tag ? "yes" : "no",
           can.checks_sums ? "yes" : "no");
    if (can.put_if_absent && can.put_if_tag) return VARVE_OK;
    puts(
        "Writers cannot be kept apart here: only one may ever use this repository, and prune needs "
        "--alone.");
    return VARVE_OK;
}

static int run_check(const verb *self, int argc, char **argv)
{
    backup_order o = {0};
    varve_error err = {0};
    int code = backup_order_read(self, argc, argv, &o, NULL, NULL);
    if (code != VERB_OK) return code;
    return check(&o, &err) == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_backup_verify = {
    "backup verify",
    "Are the snapshots of a repository what they were?",
    "[FOLDER] --repo URL|PATH [--structure|--checksums[=PCT]|--full]",
    "What is wrong is told, a line each, and ends with exit code 1. A snapshot that passed\n"
    "--checksums of all its objects, or --full, is marked; retention keeps the newest of those.",
    verify_flags,
    run_verify};
const verb verb_backup_check_repo = {
    "backup check-repo", "Can the store do what a repository needs?",
    "--repo URL|PATH",   "Asks it with an object of its own under probe/, which is removed again.",
    check_flags,         run_check};
