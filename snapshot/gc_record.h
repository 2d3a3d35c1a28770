/* gc_record.h — what a running collection is about to delete: db/<db_id>/gc/<run>.json, written
 * before anything is deleted and removed after the last delete. A backup that reads such a record
 * takes the blobs in it for absent, and stores what it needs under another generation.
 *
 *   {expires_ms, format, keys ["blobs/…", …], run, started_ms}
 *
 * A run deletes nothing after its expires_ms. A record that lies there GC_RECORD_SLACK_MS longer is
 * of a run that ended without saying so; the next one removes it.
 *
 * Ownership  a set ends with gc_set_done(); keys are its own.
 * Threads    one at a time; reading a set: any number.
 * Errors     those of repo.h. */
#ifndef VARVE_SNAPSHOT_GC_RECORD_H
#define VARVE_SNAPSHOT_GC_RECORD_H

#include "base/hashmap.h"
#include "repo.h"

#define GC_RECORD_BYTES_MAX ((size_t)64 << 20)
#define GC_RECORD_KEYS_MAX  200000
#define GC_RECORD_LIFE_MS   ((uint64_t)86400000)
#define GC_RECORD_SLACK_MS  ((uint64_t)86400000)

typedef struct gc_record {
    char run[NAMES_ID_SIZE];
    uint64_t started_ms, expires_ms;
} gc_record;

typedef struct gc_set { /* of keys */
    hashmap keys;
} gc_set;

void gc_set_init(gc_set *s);
void gc_set_done(gc_set *s);
bool gc_set_has(const gc_set *s, const char *key);
VV_CHECKED varve_status gc_set_add(gc_set *s, const char *key, varve_error *err);

/* record->run and times are set; ret_key is where it went. */
VV_CHECKED varve_status gc_record_write(repo *r, gc_record *record, const char *const *keys,
                                        size_t count, uint64_t life_ms, char ret_key[NAMES_KEY_MAX],
                                        varve_error *err);
/* keys are added to `set`, which may be NULL. */
VV_CHECKED varve_status gc_record_read(repo *r, const char *key, gc_record *ret, gc_set *set,
                                       varve_error *err);
/* The keys of all runs of all databases. */
VV_CHECKED varve_status gc_record_read_all(repo *r, gc_set *set, varve_error *err);

#endif
