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

typedef struct totals {
    uint64_t rows, deleted, bytes;
} totals;

static totals sum(const manifest *m)
{
    totals t = {0};
    for (size_t i = 0; i < m->collection_count; i++) {
        t.rows += m->collections[i].rows;
        t.deleted += m->collections[i].deleted;
    }
    for (size_t i = 0; i < m->file_count; i++)
        t.bytes += m->files[i].size;
    return t;
}

static json_t *to_json(const manifest *m)
{
    totals t = sum(m);
    json_t *j =
        json_pack("{s:s,s:s,s:i,s:I,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:s}", "snapshot", m->snap_id,
                  "db_id", m->db_id, "timeline", (int)m->timeline, "sequence", (json_int_t)m->lsn,
                  "kind", manifest_kind_word(m->kind), "created_unix_ms", (json_int_t)m->created_ms,
                  "collections", (json_int_t)m->collection_count, "rows", (json_int_t)t.rows,
                  "deleted", (json_int_t)t.deleted, "files", (json_int_t)m->file_count, "bytes",
                  (json_int_t)t.bytes, "pinned", m->pinned, "class", m->retention_class);
    if (m->has_parent) json_object_set_new(j, "parent", json_string(m->parent_id));
    return j;
}

void backup_show_heading(void)
{
    printf("%-36s %-24s %-11s %4s %12s %12s %7s %14s\n", "snapshot", "created", "kind", "line",
           "sequence", "rows", "files", "bytes");
}

void backup_show_snapshot(const manifest *m, bool json)
{
    char time[32];
    totals t = sum(m);
    if (json) {
        backup_show_json(to_json(m));
        return;
    }
    clock_wall_text(m->created_ms, time, sizeof time);
    printf("%-36s %-24s %-11s %4u %12llu %12llu %7zu %14llu%s\n", m->snap_id, time,
           manifest_kind_word(m->kind), (unsigned)m->timeline, (unsigned long long)m->lsn,
           (unsigned long long)t.rows, m->file_count, (unsigned long long)t.bytes,
           m->pinned ? " pinned" : "");
}

static void details_json(const manifest *m)
{
    json_t *j = to_json(m), *list = json_array();
    for (size_t i = 0; i < m->collection_count; i++) {
        const manifest_collection *c = &m->collections[i];
        json_array_append_new(list, json_pack("{s:s,s:s,s:I,s:I}", "database", c->database, "name",
                                              c->name, "rows", (json_int_t)c->rows, "deleted",
                                              (json_int_t)c->deleted));
    }
    json_object_set_new(j, "collection_list", list);
    json_object_set_new(j, "server_version", json_string(m->server_version));
    json_object_set_new(j, "storage_format", json_integer((json_int_t)m->storage_format));
    backup_show_json(j);
}

void backup_show_details(const manifest *m, bool json)
{
    if (json) {
        details_json(m);
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
