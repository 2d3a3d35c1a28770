/* forget.h — a snapshot or a pin that cannot be read, out of the way of collections: they end
 * before they delete anything while nobody knows what it needs (prune.h, (4)), for as long as it
 * lies there. What is forgotten can never be restored; that is for a person to say, about one
 * object.
 *
 *   read it, twice: CORRUPT both times -> a copy of its bytes to forgotten/<id>.json -> delete it
 *
 * (1) What can be read is not forgotten (VARVE_CONFLICT): retention is for that. Nor is what a
 *     newer version wrote (VARVE_NEWER_FORMAT), or what the store does not hand over: that may
 *     pass.
 * (2) The copy is nobody's: no module reads or deletes it. Blobs that nothing else needs go with
 *     the next collection, after its grace.
 *
 * Ownership  none.   Threads  any number.
 * Errors     VARVE_NOT_FOUND · VARVE_CONFLICT · those of repo.h. */
#ifndef VARVE_SNAPSHOT_FORGET_H
#define VARVE_SNAPSHOT_FORGET_H

#include "repo.h"

typedef struct forget_result {
    char key[NAMES_KEY_MAX], copy[NAMES_KEY_MAX]; /* the object; where its bytes lie now */
    char why[508];                                /* what reading it said */
} forget_result;

/* `id` of a snapshot or a pin of r's database. yes false: only tell. */
VV_CHECKED varve_status forget_run(repo *r, const char *id, bool yes, forget_result *ret,
                                   varve_error *err);

#endif
