/* snapshots.c — see snapshots.h. */
#include "snapshots.h"

#include "blobs.h"
#include "lease.h"

#include <stdlib.h>
#include <string.h>

void snapshots_done(snapshots *s)
{
    free(s->items);
    *s = (snapshots){0};
}

static varve_status add(void *arg, const object_name *name, const char *key, uint64_t size,
                        varve_error *err)
{
    snapshots *s = arg;
    (void)key, (void)size;
    if ((s->count & (s->count - 1)) == 0) { /* a power of two: full */
        size_t room = s->count ? s->count * 2 : 1;
        object_name *items = realloc(s->items, room * sizeof *items);
        if (!items) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a list of snapshots");
        s->items = items;
    }
    s->items[s->count++] = *name;
    return VARVE_OK;
}

varve_status snapshots_list(repo *r, const char *db_id, snapshots *ret, varve_error *err)
{
    VV_CLEANUP(snapshots_done) snapshots s = {0};
    VV_TRY(repo_list_all(r, NAME_SNAP, db_id, add, &s, err));
    *ret = s;
    s = (snapshots){0};
    return VARVE_OK;
}

/* ---- manifests ---- */

static varve_status check_identity(const repo *r, const object_name *name, const manifest *m,
                                   const char *key, varve_error *err)
{
    if (strcmp(m->repo_id, r->repo_id) != 0)
        return vv_fail(err, VARVE_CORRUPT, "'%s' belongs to another repository", key);
    if (strcmp(m->db_id, name->db_id) == 0 && m->timeline == name->timeline &&
        m->lsn == name->lsn && strcmp(m->snap_id, name->id) == 0)
        return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "'%s' is the manifest of another snapshot", key);
}

static varve_status add_bytes(void *arg, const void *bytes, size_t len, varve_error *err)
{
    return buffer_add(arg, bytes, len, err);
}

static varve_status load_files(repo *r, manifest *m, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer text = {0};
    char key[NAMES_KEY_MAX];
    manifest_blob_key(&m->list, key);
    buffer_init(&text, (size_t)m->list.size, key);
    VV_TRY(blobs_get(r, &m->list, add_bytes, &text, NULL, err));
    return manifest_parse_list(m, text.data, text.len, r->secret, key, err);
}

varve_status snapshots_load(repo *r, const object_name *name, manifest *ret, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *text = NULL;
    VV_CLEANUP(manifest_done) manifest m = {0};
    char key[NAMES_KEY_MAX];
    size_t len = 0;
    names_build(name, key);
    VV_TRY(repo_read_sealed(r, key, MANIFEST_BYTES_MAX, &text, &len, err));
    VV_TRY(manifest_parse(text, len, r->secret, key, &m, err));
    VV_TRY(check_identity(r, name, &m, key, err));
    if (m.listed) VV_TRY(load_files(r, &m, err));
    *ret = m;
    m.memory = (arena){0};
    return VARVE_OK;
}

/* ---- which ---- */

static varve_status current_timeline(repo *r, const timelines *t, uint32_t *ret, varve_error *err)
{
    lease_state writer;
    VV_TRY(lease_read(r, &writer, err));
    uint32_t last = t->count ? t->items[t->count - 1].number : 0;
    *ret = writer.exists && timelines_find(t, writer.timeline) ? writer.timeline : last;
    return VARVE_OK;
}

varve_status snapshots_newest(repo *r, uint64_t lsn_max, object_name *ret, varve_error *err)
{
    VV_CLEANUP(snapshots_done) snapshots s = {0};
    VV_CLEANUP(timelines_done) timelines t = {0};
    uint32_t current;
    const object_name *best = NULL;
    VV_TRY(timelines_read(r, &t, err));
    VV_TRY(current_timeline(r, &t, &current, err));
    VV_TRY(snapshots_list(r, r->db_id, &s, err));
    for (size_t i = 0; i < s.count; i++) {
        const object_name *n = &s.items[i];
        if (n->lsn > lsn_max || !timelines_reach(&t, current, n->timeline, n->lsn)) continue;
        if (!best || n->lsn >= best->lsn) best = n;
    }
    if (!best) return vv_fail(err, VARVE_NOT_FOUND, "database %s has no such snapshot", r->db_id);
    *ret = *best;
    return VARVE_OK;
}

varve_status snapshots_find(repo *r, const char *snap_id, object_name *ret, varve_error *err)
{
    VV_CLEANUP(snapshots_done) snapshots s = {0};
    VV_TRY(snapshots_list(r, r->db_id, &s, err));
    for (size_t i = 0; i < s.count; i++) {
        if (strcmp(s.items[i].id, snap_id) != 0) continue;
        *ret = s.items[i];
        return VARVE_OK;
    }
    return vv_fail(err, VARVE_NOT_FOUND, "database %s has no snapshot %s", r->db_id, snap_id);
}
