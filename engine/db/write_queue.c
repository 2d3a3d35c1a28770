/* write_queue.c — group commit: writers queue up, the one at the head commits for all that are
 * waiting, and one fsync serves them all. While a leader writes, the next group gathers behind it.
 */
#include "db/commit.h"
#include "db/compaction.h"

#define GROUP_REQUESTS_MAX 512
#define GROUP_BYTES_MAX    (64u << 20)

static void enqueue(varve *db, write_request *w)
{
    w->next = NULL;
    if (db->queue_tail) {
        db->queue_tail->next = w;
    } else {
        db->queue_head = w;
    }
    db->queue_tail = w;
}

/* Cut the group off the head of the queue: at least one request. Under queue_lock. */
static write_request *take_group(varve *db)
{
    write_request *first = db->queue_head, *last = first;
    size_t requests = 1, bytes = first->count * first->row_bytes + first->fields.len;
    while (last->next && requests < GROUP_REQUESTS_MAX) {
        write_request *next = last->next;
        bytes += next->count * next->row_bytes + next->fields.len;
        if (bytes > GROUP_BYTES_MAX) break;
        last = next;
        requests++;
    }
    db->queue_head = last->next;
    if (!db->queue_head) db->queue_tail = NULL;
    last->next = NULL;
    return first;
}

static void lead(varve *db)
{
    db->has_leader = true;
    pthread_mutex_unlock(&db->queue_lock);
    pthread_mutex_lock(&db->writer_lock);
    pthread_mutex_lock(&db->queue_lock);
    write_request *group =
        take_group(db); /* late comers are in: they queued while the lock was awaited */
    pthread_mutex_unlock(&db->queue_lock);
    commit_group(db, group);
    pthread_mutex_unlock(&db->writer_lock);
    pthread_mutex_lock(&db->queue_lock);
    db->has_leader = false;
    while (group) {
        write_request *next = group->next;
        group->done = true;
        pthread_cond_signal(&group->wake);
        group = next;
    }
    if (db->queue_head) pthread_cond_signal(&db->queue_head->wake);
}

varve_status write_submit(varve *db, write_request *w, varve_receipt *ret, varve_error *err)
{
    bool inserting =
        w->kind == WRITE_INSERT || w->kind == WRITE_UPSERT || w->kind == WRITE_FIELD_PUT;
    VV_TRY(db_check_writable(db, inserting, err));
    VV_TRY(collection_ready(w->collection, err));
    if (inserting || w->kind == WRITE_FIELDS) {
        compaction_delay_writer(db);
        VV_TRY(seal_wait_room(w->child ? w->child : w->collection, err));
    }
    pthread_cond_init(&w->wake, NULL);
    pthread_mutex_lock(&db->queue_lock);
    enqueue(db, w);
    while (!w->done) {
        if (!db->has_leader && db->queue_head == w) {
            lead(db); /* comes back with queue_lock held and w done */
        } else {
            pthread_cond_wait(&w->wake, &db->queue_lock);
        }
    }
    pthread_mutex_unlock(&db->queue_lock);
    pthread_cond_destroy(&w->wake);
    if (w->error.status != VARVE_OK) return vv_fail(err, w->error.status, "%s", w->error.message);
    if (ret) *ret = w->receipt;
    return VARVE_OK;
}
