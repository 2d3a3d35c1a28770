/* dropped.c — see dropped.h. */
#include "db/dropped.h"

#include "base/file.h"

#include <stdlib.h>

/* Exactly one of segment, index, path. */
struct dropped_file {
    struct dropped_file *next;
    uint64_t sequence; /* of the batch that dropped it, or a later one */
    segment *segment;
    vector_index *index;
    char *path;
};

void dropped_init(varve *db) { pthread_mutex_init(&db->hold_lock, NULL); }

static void remove_path(const char *path)
{
    varve_error ignored;
    varve_status status = file_remove_tree(path, &ignored);
    (void)status; /* what stays, the sweep removes */
}

static void let_go(struct dropped_file *f)
{
    if (f->segment) segment_doom(f->segment);
    segment_unref(f->segment);
    if (f->index) index_doom(f->index);
    index_unref(f->index);
    if (f->path) remove_path(f->path);
    free(f->path);
    free(f);
}

static void let_all_go(struct dropped_file *list)
{
    while (list) {
        struct dropped_file *next = list->next;
        let_go(list);
        list = next;
    }
}

void dropped_done(varve *db)
{
    let_all_go(db->dropped);
    db->dropped = NULL;
    pthread_mutex_destroy(&db->hold_lock);
}

static bool keeps_log(const varve *db)
{
    return db->options.log_keep_bytes || db->options.log_keep_ms;
}

/* false: remove it at once. */
static bool queue(varve *db, segment *s, vector_index *x, const char *path)
{
    pthread_mutex_lock(&db->hold_lock);
    struct dropped_file *f = NULL;
    bool wait = db->holds > 0 || keeps_log(db);
    if (wait) f = calloc(1, sizeof *f);
    if (f && path) f->path = strdup(path);
    if (f && (!path || f->path)) {
        f->sequence = store_sequence(db->store);
        f->segment = s ? segment_ref(s) : NULL;
        f->index = x ? index_ref(x) : NULL;
        f->next = db->dropped;
        db->dropped = f;
    } else {
        free(f);
    }
    pthread_mutex_unlock(&db->hold_lock);
    return wait; /* without memory it stays for the sweep */
}

void dropped_segment(varve *db, segment *s)
{
    if (!queue(db, s, NULL, NULL)) segment_doom(s);
}

void dropped_index(varve *db, vector_index *x)
{
    if (!queue(db, NULL, x, NULL)) index_doom(x);
}

void dropped_path(varve *db, const char *path)
{
    if (!queue(db, NULL, NULL, path)) remove_path(path);
}

/* Files dropped before this sequence are in no batch that the log still has. */
static uint64_t needed_from(varve *db)
{
    uint64_t oldest = UINT64_MAX;
    varve_error ignored;
    if (!keeps_log(db)) return UINT64_MAX;
    return store_log_oldest(db->store, &oldest, &ignored) == VARVE_OK ? oldest : 0;
}

static void take_unneeded(varve *db, uint64_t from, struct dropped_file **ret)
{
    struct dropped_file **at = &db->dropped;
    while (db->holds == 0 && *at) {
        struct dropped_file *f = *at;
        if (f->sequence >= from) {
            at = &f->next;
            continue;
        }
        *at = f->next;
        f->next = *ret;
        *ret = f;
    }
}

void dropped_look(varve *db)
{
    struct dropped_file *over = NULL;
    pthread_mutex_lock(&db->hold_lock);
    bool any = db->dropped && db->holds == 0;
    pthread_mutex_unlock(&db->hold_lock);
    if (!any) return;
    uint64_t from = needed_from(db);
    pthread_mutex_lock(&db->hold_lock);
    take_unneeded(db, from, &over);
    pthread_mutex_unlock(&db->hold_lock);
    let_all_go(over);
}

void dropped_hold(varve *db)
{
    pthread_mutex_lock(&db->hold_lock);
    db->holds++;
    pthread_mutex_unlock(&db->hold_lock);
}

void dropped_release(varve *db)
{
    pthread_mutex_lock(&db->hold_lock);
    db->holds--;
    pthread_mutex_unlock(&db->hold_lock);
    dropped_look(db);
}
