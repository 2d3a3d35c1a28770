/* backup_show.c — see backup_show.h. */
#include "backup_show.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define MIB 1048576.0

void backup_show_json(json_t *object)
{
    VV_CLEANUP(vv_freep) char *text = json_dumps(object, JSON_COMPACT);
    puts(text ? text : "{}");
    json_decref(object);
}

/* ---- snapshots ---- */

void backup_show_heading(void)
{
    printf("%-36s %-24s %-11s %4s %12s %12s %7s %14s\n", "snapshot", "created", "kind", "line",
           "sequence", "rows", "files", "bytes");
}

void backup_show_snapshot(const manifest *m, bool json)
{
    char time[32];
    manifest_totals t = manifest_sum(m);
    if (json) {
        backup_show_json(manifest_summary(m));
        return;
    }
    clock_wall_text(m->created_ms, time, sizeof time);
    printf("%-36s %-24s %-11s %4u %12llu %12llu %7zu %14llu%s\n", m->snap_id, time,
           manifest_kind_word(m->kind), (unsigned)m->timeline, (unsigned long long)m->lsn,
           (unsigned long long)t.rows, m->file_count, (unsigned long long)t.bytes,
           m->pinned ? " pinned" : "");
}

void backup_show_details(const manifest *m, bool json)
{
    if (json) {
        backup_show_json(manifest_details(m));
        return;
    }
    backup_show_heading();
    backup_show_snapshot(m, false);
    printf("\ndatabase %s, storage format %llu, made by varve %s%s%s\n\n", m->db_id,
           (unsigned long long)m->storage_format, m->server_version,
           m->has_parent ? ", after " : "", m->has_parent ? m->parent_id : "");
    printf("%-16s %-24s %12s %12s\n", "database", "collection", "rows", "deleted");
    for (size_t i = 0; i < m->collection_count; i++) {
        const manifest_collection *c = &m->collections[i];
        printf("%-16s %-24s %12llu %12llu\n", c->database, c->name, (unsigned long long)c->rows,
               (unsigned long long)c->deleted);
    }
}

/* ---- backups ---- */

void backup_show_result(const backup_result *r, bool json)
{
    const char *kind = manifest_kind_word(r->kind);
    if (json) {
        backup_show_json(json_pack("{s:b,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:f}", "skipped", r->skipped,
                                   "snapshot", r->snapshot.id, "kind", kind, "sequence",
                                   (json_int_t)r->snapshot.lsn, "files", (json_int_t)r->files,
                                   "bytes", (json_int_t)r->bytes, "files_new",
                                   (json_int_t)r->files_new, "bytes_new", (json_int_t)r->bytes_new,
                                   "seconds", r->seconds));
        return;
    }
    if (r->skipped) {
        printf("nothing changed since snapshot %s\n", r->snapshot.id);
        return;
    }
    printf("snapshot %s (%s): %llu files, %.1f MiB; stored %llu files, %.1f MiB in %.1f s\n",
           r->snapshot.id, kind, (unsigned long long)r->files, (double)r->bytes / MIB,
           (unsigned long long)r->files_new, (double)r->bytes_new / MIB, r->seconds);
}

/* ---- progress ---- */

static void show(progress *bar, const char *stage, uint64_t bytes, uint64_t all, uint64_t files)
{
    char text[128];
    snprintf(text, sizeof text, "%s: %llu files, %.1f of %.1f MiB", stage,
             (unsigned long long)files, (double)bytes / MIB, (double)all / MIB);
    progress_show_text(bar, all ? (double)bytes / (double)all : -1, text);
}

void backup_show_progress(void *arg, const backup_progress *p)
{
    show(arg, p->stage, p->bytes, p->bytes_all, p->files);
}

void backup_show_restore(void *arg, const restore_progress *p)
{
    show(arg, p->stage, p->bytes, p->bytes_all, p->files);
}
