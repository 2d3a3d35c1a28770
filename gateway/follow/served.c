/* served.c — see served.h. */
#include "served.h"

#include <stdlib.h>

void served_init(served_slot *s)
{
    *s = (served_slot){0};
    (void)pthread_mutex_init(&s->lock, NULL);
}

static void close_one(served *h)
{
    varve_status ignored = varve_close(h->db, NULL);
    (void)ignored;
    free(h);
}

void served_done(served_slot *s)
{
    if (!served_put(s, NULL, 0)) return;
    for (served *h = s->old, *older; h; h = older) {
        older = h->older;
        close_one(h);
    }
    s->old = NULL;
    (void)pthread_mutex_destroy(&s->lock);
}

served *served_take(served_slot *s)
{
    (void)pthread_mutex_lock(&s->lock);
    served *h = s->now;
    if (h) atomic_fetch_add(&h->references, 1);
    (void)pthread_mutex_unlock(&s->lock);
    return h;
}

void served_let_go(served *h)
{
    if (h) atomic_fetch_sub(&h->references, 1);
}

bool served_put(served_slot *s, varve *db, uint64_t sequence)
{
    served *next = db ? calloc(1, sizeof *next) : NULL;
    if (db && !next) return false;
    if (next) {
        next->db = db;
        next->sequence = sequence;
    }
    (void)pthread_mutex_lock(&s->lock);
    served *before = s->now;
    s->now = next;
    (void)pthread_mutex_unlock(&s->lock);
    if (before) {
        before->older = s->old;
        s->old = before;
    }
    return true;
}

/* A reference is taken only of the one that is served, under the lock: what is old and has none
 * gets none any more. */
size_t served_close_old(served_slot *s)
{
    size_t kept = 0;
    for (served **at = &s->old; *at;) {
        served *h = *at;
        if (atomic_load(&h->references) > 0) {
            at = &h->older;
            kept++;
            continue;
        }
        *at = h->older;
        close_one(h);
    }
    return kept;
}
