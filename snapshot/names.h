/* names.h — the names of objects in a backup repository. Every key is built here, and every key
 * that a store lists is parsed here: what does not fit the grammar exactly is not ours.
 *
 *   repo.json                                            NAME_REPO
 *   keys/<uuid>.json                                     NAME_KEY       id
 *   blobs/<h2>/<sha256>[.g<n>]                           NAME_BLOB      blob, generation
 *   db/<db_id>/WRITER.json                               NAME_WRITER
 *   db/<db_id>/tl/<tl8>/HISTORY.json                     NAME_HISTORY   timeline
 *   db/<db_id>/tl/<tl8>/snap/<lsn20>-<uuid>.json         NAME_SNAP      timeline, lsn, id
 *   db/<db_id>/tl/<tl8>/wal/<first20>-<last20>.wlb       NAME_WAL       timeline, lsn, last
 *   db/<db_id>/pins/<uuid>.json                          NAME_PIN       id
 *   db/<db_id>/gc/<uuid>.json                            NAME_GC        id
 *   db/<db_id>/verified/<lsn20>-<uuid>.json              NAME_VERIFIED  lsn, id
 *
 * h2 is the first byte of the hash. Numbers are zero-padded decimals, so that the order of names is
 * that of numbers; timelines count from 1, generations in names from 1 (0: none is written).
 *
 * Ownership  none.   Threads  stateless.   Errors  none; names_parse says no. */
#ifndef VARVE_SNAPSHOT_NAMES_H
#define VARVE_SNAPSHOT_NAMES_H

#include "base/status.h"

#define NAMES_KEY_MAX        256 /* with its NUL */
#define NAMES_ID_SIZE        37  /* a UUID in lower case, with its NUL */
#define NAMES_TIMELINE_MAX   99999999u
#define NAMES_GENERATION_MAX 9999u

typedef enum name_kind {
    NAME_REPO,
    NAME_KEY,
    NAME_BLOB,
    NAME_WRITER,
    NAME_HISTORY,
    NAME_SNAP,
    NAME_WAL,
    NAME_PIN,
    NAME_GC,
    NAME_VERIFIED
} name_kind;

typedef struct object_name {
    name_kind kind;
    char db_id[NAMES_ID_SIZE];
    char id[NAMES_ID_SIZE];
    uint32_t timeline;
    uint64_t lsn, last;
    uint8_t blob[32];
    uint32_t generation;
} object_name;

void names_build(const object_name *name, char ret[NAMES_KEY_MAX]);
/* false: no key of ours, and *ret is not touched. */
bool names_parse(const char *key, object_name *ret);
bool names_is_id(const char *text); /* a UUID in lower case */
/* Sixteen random bytes as a UUID of version 4. */
void names_make_id(const uint8_t random[16], char ret[NAMES_ID_SIZE]);

/* Prefixes for lists: "db/<db_id>/pins/" and the like. timeline: of NAME_SNAP, NAME_WAL and
 * NAME_HISTORY; 0 with the latter: the folder of all timelines. */
void names_prefix(name_kind kind, const char *db_id, uint32_t timeline, char ret[NAMES_KEY_MAX]);

#endif
