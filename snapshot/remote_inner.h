/* remote_inner.h — what a kind of remote is made of; for remote*.c and for tests that bring a kind
 * of their own (tests/support/remote_memory.h).
 *
 * A kind embeds `remote` as its first member, fills it with remote_init and offers a table of
 * functions. remote.c has checked by then: keys, tags, the abilities that a conditional put needs;
 * and puts the name of the remote and the key before the sentence of a failure.
 *
 * Threads    as in remote.h: the functions of a kind are called by any number at once.
 * Errors     as in remote.h. */
#ifndef VARVE_SNAPSHOT_REMOTE_INNER_H
#define VARVE_SNAPSHOT_REMOTE_INNER_H

#include "remote.h"

#include <pthread.h>

typedef struct remote_type {
    void (*close)(remote *r); /* calls remote_done and frees */
    varve_status (*get_abilities)(remote *r, remote_abilities *ret, varve_error *err);
    varve_status (*put)(remote *r, const char *key, const void *bytes, size_t len, remote_when when,
                        const char *tag, char *ret_tag, varve_error *err);
    varve_status (*put_file)(remote *r, const char *key, const remote_file *file,
                             const remote_cancel *cancel, varve_error *err);
    varve_status (*abandon_file)(remote *r, const char *journal, varve_error *err); /* or NULL */
    /* ret_tag (may be NULL): of the object whose bytes were handed over. VARVE_CONFLICT: it was
     * replaced meanwhile. */
    varve_status (*get)(remote *r, const char *key, uint64_t offset, uint64_t len, remote_sink sink,
                        void *arg, const remote_cancel *cancel, char *ret_tag, varve_error *err);
    varve_status (*stat)(remote *r, const char *key, remote_stat_result *ret, varve_error *err);
    varve_status (*list)(remote *r, const char *prefix, const char *after, remote_each each,
                         void *arg, varve_error *err);
    varve_status (*remove)(remote *r, const char *key, varve_error *err);
} remote_type;

struct remote {
    const remote_type *type;
    char *name;
    remote_limits limits; /* defaults filled in */
    /* Guards what is below. Held while a store is asked what it can do, so that it is asked
     * once. */
    pthread_mutex_t abilities_lock;
    bool abilities_known;
    remote_abilities abilities;
    pthread_mutex_t bandwidth_lock; /* guards what is below */
    uint64_t bandwidth_free_ns;     /* when the bytes let through so far are paid for */
};

/* name is copied; limits may be NULL. After a failure there is nothing to undo. */
VV_CHECKED varve_status remote_init(remote *r, const remote_type *type, const char *name,
                                    const remote_limits *limits, varve_error *err);
void remote_done(remote *r);

/* VARVE_INVALID: what is wrong with a key. An empty prefix and a part of a key are fine as
 * prefix. */
VV_CHECKED varve_status remote_check_key(const char *key, varve_error *err);
VV_CHECKED varve_status remote_check_prefix(const char *prefix, varve_error *err);

static inline bool remote_cancelled(const remote_cancel *cancel)
{
    return cancel && cancel->asked && cancel->asked(cancel->arg);
}

#endif
