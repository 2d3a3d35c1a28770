/* sim_check.c — what must hold, looked at whenever the store changes; see sim.h. */
#include "blobs.h"
#include "sim.h"
#include "snapshots.h"

#include <stdlib.h>
#include <string.h>

static sim_snapshot *find(const sim *w, const char *key)
{
    for (size_t i = 0; i < w->snapshot_count; i++)
        if (strcmp(w->snapshots[i].key, key) == 0) return &w->snapshots[i];
    return NULL;
}

bool sim_has_seen(const sim *w, const char *key) { return find(w, key) != NULL; }

void sim_forget(sim *w)
{
    for (size_t i = 0; i < w->snapshot_count; i++)
        free(w->snapshots[i].blobs);
    free(w->snapshots);
    w->snapshots = NULL;
    w->snapshot_count = 0;
}

static void check_writer(sim *w, const sim_snapshot *s)
{
    for (size_t i = 0; i < w->snapshot_count; i++) {
        const sim_snapshot *other = &w->snapshots[i];
        if (other->timeline == s->timeline && strcmp(other->holder, s->holder) != 0)
            sim_violate(w, "G9: %s is of %s, but timeline %u is that of %s", s->key, s->holder,
                        s->timeline, other->holder);
    }
}

static void check_file(sim *w, const manifest_file *f, const char *key)
{
    varve_error err = {0};
    if (blobs_get(w->repo, f, NULL, NULL, NULL, &err) != VARVE_OK)
        sim_violate(w, "G3: %s appears, but: %s", key, err.message);
}

static void add_manifest(sim *w, const char *key, const manifest *m)
{
    sim_snapshot *list = realloc(w->snapshots, (w->snapshot_count + 1) * sizeof *list);
    if (!list) abort();
    w->snapshots = list;
    sim_snapshot *s = &list[w->snapshot_count];
    *s = (sim_snapshot){.timeline = m->timeline, .present = true};
    snprintf(s->key, sizeof s->key, "%s", key);
    memcpy(s->holder, m->holder, sizeof s->holder);
    s->count = m->file_count + m->listed;
    s->blobs = calloc(s->count, sizeof *s->blobs);
    if (!s->blobs) abort();
    for (size_t i = 0; i < s->count; i++) {
        const manifest_file *f = i < m->file_count ? &m->files[i] : &m->list;
        manifest_blob_key(f, s->blobs[i]);
        check_file(w, f, key);
    }
    check_writer(w, s);
    w->snapshot_count++;
}

void sim_saw_put(sim *w, const char *key)
{
    object_name name;
    varve_error err = {0};
    manifest m = {0};
    if (w->trace) printf("    put took effect: %s\n", key);
    if (!names_parse(key, &name) || name.kind != NAME_SNAP) return;
    if (snapshots_load(w->repo, &name, &m, &err) != VARVE_OK)
        sim_violate(w, "G3: %s appears, but: %s", key, err.message);
    else if (!find(w, key))
        add_manifest(w, key, &m);
    manifest_done(&m);
}

static void saw_blob_go(sim *w, const char *key)
{
    w->counts->blobs_deleted++;
    for (size_t i = 0; i < w->snapshot_count; i++) {
        const sim_snapshot *s = &w->snapshots[i];
        for (size_t b = 0; s->present && b < s->count; b++)
            if (strcmp(s->blobs[b], key) == 0)
                sim_violate(w, "G8: %s goes, but %s needs it", key, s->key);
    }
}

static void saw_manifest_go(sim *w, const char *key)
{
    sim_snapshot *s = find(w, key);
    size_t left = 0;
    if (!s || !s->present) return;
    s->present = false;
    w->counts->manifests_deleted++;
    for (size_t i = 0; i < w->snapshot_count; i++)
        left += w->snapshots[i].present;
    if (left == 0) sim_violate(w, "G8: %s was the last snapshot, and goes", key);
}

void sim_saw_delete(sim *w, const char *key)
{
    object_name name;
    if (w->trace) printf("    delete took effect: %s\n", key);
    if (!names_parse(key, &name)) return;
    if (name.kind == NAME_BLOB) saw_blob_go(w, key);
    if (name.kind == NAME_SNAP) saw_manifest_go(w, key);
}

/* ---- the end ------------------------------------------------------------------------------- */

static varve_status check_blob(void *arg, const object_name *name, const char *key, uint64_t size,
                               varve_error *err)
{
    sim *w = arg;
    (void)name, (void)size, (void)err;
    for (size_t i = 0; i < w->snapshot_count; i++)
        for (size_t b = 0; w->snapshots[i].present && b < w->snapshots[i].count; b++)
            if (strcmp(w->snapshots[i].blobs[b], key) == 0) return VARVE_OK;
    sim_violate(w, "%s is left, and nobody needs it", key);
    return VARVE_OK;
}

static varve_status check_left(void *arg, const object_name *name, const char *key, uint64_t size,
                               varve_error *err)
{
    (void)name, (void)size, (void)err;
    sim_violate(arg, "%s is left behind", key);
    return VARVE_OK;
}

/* When all is quiet, and collections have run: every snapshot is whole, and nothing else is
 * there. */
void sim_check_end(sim *w)
{
    varve_status ignored = VARVE_OK;
    for (size_t i = 0; i < w->snapshot_count; i++) {
        const sim_snapshot *s = &w->snapshots[i];
        for (size_t b = 0; s->present && b < s->count; b++)
            if (!remote_memory_has(w->store, s->blobs[b]))
                sim_violate(w, "G8: %s is missing, and %s needs it", s->blobs[b], s->key);
    }
    ignored = repo_list(w->repo, NAME_BLOB, "", 0, check_blob, w, NULL);
    ignored = repo_list(w->repo, NAME_PIN, SIM_DB, 0, check_left, w, NULL);
    ignored = repo_list(w->repo, NAME_GC, SIM_DB, 0, check_left, w, NULL);
    (void)ignored;
}
