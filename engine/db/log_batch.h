/* log_batch.h — a batch of the log, as the row store keeps it, taken apart without a row store.
 *
 *   HEADER  0  8  u64 sequence number of the first record
 *           8  4  u32 records that have a sequence number
 *   then records, each u8 tag and, by tag (RocksDB's ValueType; others are refused):
 *     0x3  note: string                                    no sequence number
 *     0x4  delete: varint family, string key
 *     0x5  put: varint family, string key, string value
 *     0x8  delete of a key that was put once: as 0x4
 *     0xd  nothing                                         no sequence number
 *     0xe  delete of a range: varint family, string from, string to
 *   A string is a varint length and the bytes; a varint has 7 bits a byte, the low ones first.
 *   A family is the number of a store_family and one: 0 is RocksDB's own, where nothing of ours is.
 *
 * The note 'V' 'T' | u64 is the time of the commit (catalog_note_time).
 *
 * Ownership  nothing; texts are borrowed from the bytes.
 * Threads    any.
 * Errors     VARVE_CORRUPT for what does not fit, with nothing handed over behind it. */
#ifndef VARVE_DB_LOG_BATCH_H
#define VARVE_DB_LOG_BATCH_H

#include "db/db.h"
#include "varve_snapshot.h"

typedef enum log_record_kind { LOG_PUT, LOG_DELETE, LOG_DELETE_RANGE, LOG_NOTE } log_record_kind;

typedef struct log_record {
    log_record_kind kind;
    store_family family; /* but of a note */
    varve_text key;      /* of a range: its beginning; of a note: the note */
    varve_text value;    /* of a range: its end, which is not in it */
} log_record;

typedef struct log_head {
    uint64_t first, last;
    uint64_t time_ms; /* 0: not noted */
} log_head;

typedef varve_status (*log_record_each)(void *arg, const log_record *record, varve_error *err);
/* Every record in order; each may be NULL. */
VV_CHECKED varve_status log_batch_walk(const void *bytes, size_t len, log_record_each each,
                                       void *arg, log_head *ret, varve_error *err);

/* The record that names a file; borrowed from the bytes. */
typedef struct log_file {
    bool is_index;
    varve_text record;
} log_file;

/* What a batch means beside its rows. */
typedef struct log_meaning {
    log_head head;
    char **files;      /* that it makes part of the folder, relative to it; owned */
    log_file *records; /* of each of them */
    size_t file_count;
    bool past_log; /* rows that belong to it went past the log: a large session, or a copy */
} log_meaning;
VV_CHECKED varve_status log_batch_read(const void *bytes, size_t len, log_meaning *ret,
                                       varve_error *err);
void log_meaning_done(log_meaning *m); /* copes with zeros */

#endif
