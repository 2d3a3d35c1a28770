/* manifest_summary.c — see manifest_summary.h. */
#include "manifest_summary.h"

manifest_totals manifest_sum(const manifest *m)
{
    manifest_totals t = {0};
    for (size_t i = 0; i < m->collection_count; i++) {
        t.rows += m->collections[i].rows;
        t.deleted += m->collections[i].deleted;
    }
    for (size_t i = 0; i < m->file_count; i++)
        t.bytes += m->files[i].size;
    return t;
}

json_t *manifest_summary(const manifest *m)
{
    manifest_totals t = manifest_sum(m);
    json_t *j =
        json_pack("{s:s,s:s,s:i,s:I,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:s}", "snapshot", m->snap_id,
                  "db_id", m->db_id, "timeline", (int)m->timeline, "sequence", (json_int_t)m->lsn,
                  "kind", manifest_kind_word(m->kind), "created_unix_ms", (json_int_t)m->created_ms,
                  "collections", (json_int_t)m->collection_count, "rows", (json_int_t)t.rows,
                  "deleted", (json_int_t)t.deleted, "files", (json_int_t)m->file_count, "bytes",
                  (json_int_t)t.bytes, "pinned", m->pinned, "class", m->retention_class);
    if (j && m->has_parent) json_object_set_new(j, "parent", json_string(m->parent_id));
    return j;
}

static json_t *collection_list(const manifest *m)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < m->collection_count; i++) {
        const manifest_collection *c = &m->collections[i];
        json_array_append_new(list, json_pack("{s:s,s:s,s:I,s:I}", "database", c->database, "name",
                                              c->name, "rows", (json_int_t)c->rows, "deleted",
                                              (json_int_t)c->deleted));
    }
    return list;
}

json_t *manifest_details(const manifest *m)
{
    json_t *j = manifest_summary(m);
    if (!j) return NULL;
    json_object_set_new(j, "collection_list", collection_list(m));
    json_object_set_new(j, "server_version", json_string(m->server_version));
    json_object_set_new(j, "storage_format", json_integer((json_int_t)m->storage_format));
    return j;
}
