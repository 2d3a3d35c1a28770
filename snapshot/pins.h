/* pins.h — what must stay although no manifest names it yet, or not for long: db/<db_id>/pins/….
 *
 *   {blobs ["<sha256>", …], expires_ms, format, heartbeat_ms, id, kind, revoked, wal? {from,
 *    timeline}}
 *
 * (1) A pin protects as long as the object is there, whatever its expiry says: every generation of
 *     its blobs, and the log from `wal_from` on.
 * (2) Expiry is what allows a collection to revoke it: by a conditional put that marks it, so that
 *     the next pin_renew of a holder who overslept fails. A revoked pin protects nothing.
 *
 * Ownership  pin_done() frees what pin_read allocated; a handle is its holder's, who calls pin_drop
 *            or leaves it to expire.
 * Threads    a handle belongs to one thread.
 * Errors     VARVE_CONFLICT the pin was revoked or removed · those of repo.h. */
#ifndef VARVE_SNAPSHOT_PINS_H
#define VARVE_SNAPSHOT_PINS_H

#include "repo.h"

#define PIN_LIFE_MS   ((uint64_t)86400000)
#define PIN_BYTES_MAX ((size_t)128 << 20)
#define PIN_BLOBS_MAX 1000002

#define PIN_KIND_TABLE(X)                                                                          \
    X(BACKUP, "backup")                                                                            \
    X(RESTORE, "restore")                                                                          \
    X(REPLICA, "replica")                                                                          \
    X(DRILL, "drill")                                                                              \
    X(HOLD, "hold")

typedef enum pin_kind {
#define X(name, word) PIN_##name,
    PIN_KIND_TABLE(X)
#undef X
        PIN_KIND_COUNT
} pin_kind;

typedef struct pin {
    pin_kind kind;
    char id[NAMES_ID_SIZE];
    uint64_t heartbeat_ms, expires_ms; /* expires_ms 0: never */
    bool revoked;
    bool has_wal; /* the log of `timeline` from wal_from on stays */
    uint32_t timeline;
    uint64_t wal_from;
    const uint8_t (*blobs)[SUMS_BYTES]; /* names as in keys, without generation */
    size_t blob_count;
    uint8_t (*memory)[SUMS_BYTES]; /* of pin_read */
} pin;

typedef struct pin_handle {
    repo *r;
    pin pin;
    uint64_t life_ms;                             /* 0: it never expires */
    char key[NAMES_KEY_MAX], tag[REMOTE_TAG_MAX]; /* key "": left out */
} pin_handle;

/* kind, blobs and wal of `what`; blobs are borrowed until the handle is no longer used. Where the
 * repository can only be read, a restore's or a drill's pin is left out. */
VV_CHECKED varve_status pin_take(repo *r, const pin *what, uint64_t life_ms, pin_handle *ret,
                                 varve_error *err);
/* New expiry, and the blobs as h->pin has them now. */
VV_CHECKED varve_status pin_renew(pin_handle *h, varve_error *err);
/* Renewed if half of its life is over. */
VV_CHECKED varve_status pin_keep(pin_handle *h, varve_error *err);
VV_CHECKED varve_status pin_drop(pin_handle *h, varve_error *err);

VV_CHECKED varve_status pin_read(repo *r, const char *key, pin *ret, char ret_tag[REMOTE_TAG_MAX],
                                 varve_error *err);
void pin_done(pin *p);
/* p and tag as read. VARVE_CONFLICT: it was renewed meanwhile. */
VV_CHECKED varve_status pin_revoke(repo *r, const char *key, const pin *p, const char *tag,
                                   varve_error *err);

#endif
