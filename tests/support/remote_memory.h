/* remote_memory.h — a remote in memory, for tests and simulations: several handles share one store,
 * and a hook of each handle is asked before and after every step, where it may make the step fail,
 * change what comes back, or let other actors run.
 *
 * Nothing here depends on time or chance: the same calls give the same store, tags and clock.
 *
 * Ownership  remote_memory_free ends a store after its handles are closed.
 * Threads    any number at once. Hooks are called with nothing locked: a hook may use the store
 *            and other handles, or switch to another stack or thread and come back later.
 * Errors     as remote.h; a store out of memory ends the process (it is a test). */
#ifndef TEST_REMOTE_MEMORY_H
#define TEST_REMOTE_MEMORY_H

#include "../../snapshot/remote.h" /* cli/ has one of that name */

typedef struct remote_memory remote_memory; /* the store */

typedef enum remote_memory_step {
    REMOTE_MEMORY_PUT, /* remote_put and remote_put_file */
    REMOTE_MEMORY_GET,
    REMOTE_MEMORY_STAT,
    REMOTE_MEMORY_LIST, /* one page; key is the prefix, after where the page begins */
    REMOTE_MEMORY_DELETE
} remote_memory_step;

typedef struct remote_memory_request {
    remote_memory_step step;
    const char *key, *after; /* after: NULL but for pages of a list */
    remote_when when;        /* of a put */
    uint64_t index;          /* steps of this handle before this one */
    bool done;               /* the hook is asked again when the step is done in the store, before
                              * the caller hears of it */
} remote_memory_request;

/* What the hook wants. Asked with done false: */
typedef enum remote_memory_action {
    REMOTE_MEMORY_GO,
    REMOTE_MEMORY_FAIL,    /* VARVE_IO; before: nothing has happened, after: it has, nobody knows */
    REMOTE_MEMORY_TIMEOUT, /* the same with VARVE_TIMEOUT */
    REMOTE_MEMORY_REFUSE,  /* VARVE_CONFLICT, before only */
    REMOTE_MEMORY_FLIP,    /* put stores, or get hands over, one bit changed; before only */
    REMOTE_MEMORY_SHORT, /* get hands over half, then VARVE_CORRUPT; put stores half; before only */
    REMOTE_MEMORY_STALE  /* a page of a list as of `stale_steps` changes ago; before only */
} remote_memory_action;

typedef remote_memory_action (*remote_memory_hook)(void *arg, const remote_memory_request *request);

remote_memory *remote_memory_new(void);
void remote_memory_free(remote_memory *m);
/* A handle; hook may be NULL. */
remote *remote_open_memory(remote_memory *m, remote_memory_hook hook, void *arg);

/* The store itself, past all hooks. */
void remote_memory_set_clock(remote_memory *m, uint64_t now_ms); /* of puts from now on; [0] */
void remote_memory_set_page(remote_memory *m, size_t keys);      /* of a list; [1000] */
void remote_memory_set_abilities(remote_memory *m, remote_abilities can); /* [all] */
void remote_memory_set_stale(remote_memory *m, uint64_t changes); /* for REMOTE_MEMORY_STALE; [1] */
bool remote_memory_has(remote_memory *m, const char *key);
size_t remote_memory_count(remote_memory *m);
uint64_t remote_memory_changes(remote_memory *m); /* puts and deletes that took effect */
/* The bytes of an object until the next change of it; NULL when there is none. */
const void *remote_memory_bytes(remote_memory *m, const char *key, size_t *ret_len);
/* Put, or with bytes NULL remove, whatever was there. */
void remote_memory_set(remote_memory *m, const char *key, const void *bytes, size_t len);

#endif
