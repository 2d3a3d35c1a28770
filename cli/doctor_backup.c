/* doctor_backup.c — the part of doctor.h about backups of a folder. */
#include "doctor.h"

#include "base/clock.h"

#include <stdio.h>

#define HOUR_MS      ((uint64_t)3600000)
#define OLD_MS       (7 * 24 * HOUR_MS)  /* a backup older than this is said */
#define OLD_DRILL_MS (40 * 24 * HOUR_MS) /* and a drill */

/* "3 hours ago (2026-…)" */
static void age_text(uint64_t then_ms, uint64_t now_ms, char *ret, size_t size)
{
    char when[32];
    uint64_t age = now_ms > then_ms ? now_ms - then_ms : 0;
    clock_wall_text(then_ms, when, sizeof when);
    if (age < 2 * HOUR_MS)
        (void)snprintf(ret, size, "%llu minutes ago (%s)", (unsigned long long)(age / 60000), when);
    else if (age < 48 * HOUR_MS)
        (void)snprintf(ret, size, "%llu hours ago (%s)", (unsigned long long)(age / HOUR_MS), when);
    else
        (void)snprintf(ret, size, "%llu days ago (%s)", (unsigned long long)(age / 24 / HOUR_MS),
                       when);
}

/* ---- what the folder knows ---- */

static void look_at_identity(doctor *d, const char *folder)
{
    backup_identity who;
    varve_error err = {0};
    varve_status status = backup_identity_read(folder, &who, &err);
    if (status == VARVE_OK)
        doctor_say(d, "backups", DOCTOR_WELL, "under database id %s", who.db_id);
    else if (status == VARVE_NOT_FOUND)
        doctor_say(d, "backups", DOCTOR_LOOK, "it was never backed up into a repository");
    else
        doctor_say(d, "backups", DOCTOR_WRONG, "%s", err.message);
}

static void look_at_drill(doctor *d, const char *folder)
{
    VV_CLEANUP(drill_note_done) drill_note note = {0};
    varve_error err = {0};
    char age[80];
    varve_status status = drill_note_load(folder, &note, &err);
    if (status == VARVE_NOT_FOUND) {
        doctor_say(d, "drill", DOCTOR_LOOK, "none: nobody knows whether a restore would work");
        return;
    }
    if (status != VARVE_OK) {
        doctor_say(d, "drill", DOCTOR_WRONG, "%s", err.message);
        return;
    }
    uint64_t now = clock_wall_ms();
    age_text(note.last_ms, now, age, sizeof age);
    if (!note.last_sound)
        doctor_say(d, "drill", DOCTOR_WRONG, "the last one FAILED, %s", age);
    else
        doctor_say(d, "drill", now > note.last_ms + OLD_DRILL_MS ? DOCTOR_LOOK : DOCTOR_WELL,
                   "passed %s, in %.1f s", age, note.last_seconds);
}

/* ---- the repository ---- */

static void look_at_abilities(doctor *d, repo *r)
{
    bool apart = repo_has_conditions(r);
    doctor_say(d, "repository", apart ? DOCTOR_WELL : DOCTOR_LOOK, "%s answers%s%s",
               remote_name(r->remote), r->secret ? ", encrypted" : "",
               apart ? "" : "; it cannot keep writers apart: only one may ever use it");
}

static void look_at_newest(doctor *d, repo *r)
{
    VV_CLEANUP(manifest_done) manifest m = {0};
    VV_CLEANUP(snapshots_done) snapshots all = {0};
    object_name name;
    varve_error err = {0};
    char age[80];
    varve_status status = snapshots_list(r, r->db_id, &all, &err);
    if (status == VARVE_OK) status = snapshots_newest(r, UINT64_MAX, &name, &err);
    if (status == VARVE_OK) status = snapshots_load(r, &name, &m, &err);
    if (status != VARVE_OK) {
        doctor_say(d, "last backup", DOCTOR_WRONG, "%s", err.message);
        return;
    }
    uint64_t now = clock_wall_ms();
    unsigned long long behind = d->sequence > m.lsn ? d->sequence - m.lsn : 0;
    age_text(m.created_ms, now, age, sizeof age);
    doctor_say(d, "last backup", behind && now > m.created_ms + OLD_MS ? DOCTOR_LOOK : DOCTOR_WELL,
               "%s, %s; %llu sequence numbers behind; %zu snapshots in all", m.snap_id, age, behind,
               all.count);
}

void doctor_look_at_backups(doctor *d, const repository_flags *f)
{
    VV_CLEANUP(repository_done) repository_session session = {0};
    varve_error err = {0};
    look_at_identity(d, f->folder);
    look_at_drill(d, f->folder);
    if (!f->at.url) return;
    if (repository_open(f, &session, &err) != VARVE_OK) {
        doctor_say(d, "repository", DOCTOR_WRONG, "%s: %s", varve_status_name(err.status),
                   err.message);
        return;
    }
    look_at_abilities(d, session.repo);
    look_at_newest(d, session.repo);
}
