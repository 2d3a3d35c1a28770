/* digest.h — one sum over the rows of a collection, which tells whether two copies hold the same
 * rows, wherever these lie: it does not depend on segments, memtables, indexes, the order in which
 * rows were written, or what compaction has done since.
 *
 * Of each live row: SHA-256 of its canonical bytes (integers little-endian):
 *
 *   1     1                                                     version of this layout
 *   1     kind of the id         8 number, or 4 length + bytes
 *   4     length of the fields   bytes, as they are stored (minified JSON)
 *   4     dim                    4 × dim float32: the values as stored, exactly
 *   then, ascending by name, for each named field in which the row has vectors:
 *   1     length of the name     bytes
 *   1     kind                   4 count, 4 dim, of sparse ones 4 × count indices, 4 × values
 *
 * These are added up as numbers modulo 2^256, so their order does not matter (AdHash of Bellare
 * and Micciancio, 1997; MSet-Add-Hash of Clarke et al., 2003); the digest is SHA-256 of "varve
 * collection digest 1", the number of rows and that number. It is made against loss and mix-ups,
 * not against somebody who may choose rows by the million to make two sets of them collide: what
 * guards backups against people are the sums and the HMAC of the manifest.
 *
 * Rows that are deleted but not purged are not there: purging them does not change the digest,
 * deleting and restoring a row does. Nor is the order of insertion part of it.
 *
 * Ownership  digest_rows_done() frees.
 * Threads    several digests at once; nobody should write to the collection meanwhile.
 * Errors     VARVE_CANCELLED · those of varve_scroll and varve_field_read. */
#ifndef VARVE_SNAPSHOT_DIGEST_H
#define VARVE_SNAPSHOT_DIGEST_H

#include "remote.h"
#include "sums.h"
#include "varve.h"

#define DIGEST_PICKS_MAX 256

typedef struct digest_options {
    size_t threads; /* 0: 2 */
    size_t picks;   /* rows to pick, up to DIGEST_PICKS_MAX */
    remote_cancel cancel;
} digest_options;

typedef struct digest_pick { /* a row that stands for the others: those with the least sums */
    uint8_t sum[SUMS_BYTES];
    varve_id id;
    char *text; /* owned, of id */
} digest_pick;

typedef struct digest_rows {
    uint8_t sum[SUMS_BYTES];
    uint64_t rows;
    digest_pick picks[DIGEST_PICKS_MAX]; /* ascending by sum: the same rows, the same picks */
    size_t pick_count;
} digest_rows;

VV_CHECKED varve_status digest_collection(varve_collection *c, const digest_options *options,
                                          digest_rows *ret, varve_error *err);
void digest_rows_done(digest_rows *rows);

/* SHA-256 of what a collection is: dimension, type, index mode, description, analyzer of texts, and
 * its named fields. */
VV_CHECKED varve_status digest_schema(varve_collection *c, uint8_t ret[SUMS_BYTES],
                                      varve_error *err);

#endif
