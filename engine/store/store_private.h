/* store_private.h — what the files of store/ share: the handle, the options made from it, and the
 * one way from RocksDB's messages to ours.
 *
 * Ownership  RocksDB returns messages, options and handles on its own heap; whoever receives a
 * message passes it to store_fail(), which frees it. Threads  a store is shared; nothing in it
 * changes after open but `broken`. Errors  as in store.h. */
#ifndef VARVE_STORE_PRIVATE_H
#define VARVE_STORE_PRIVATE_H

#include "base/file.h"
#include "store/store.h"

#include <pthread.h>
#include <rocksdb/c.h>
#include <stdatomic.h>

/* RocksDB's own first family, which must always be opened, and ours behind it. */
#define STORE_ROCKS_FAMILIES (STORE_FAMILIES + 1)

/* WALRecoveryMode of RocksDB. */
typedef enum log_mode {
    LOG_TOLERATE_TORN_TAIL = 0, /* damage elsewhere is an error */
    LOG_POINT_IN_TIME = 2,      /* end silently at the first damage */
    LOG_SKIP_DAMAGE = 3         /* pass over what cannot be read */
} log_mode;

typedef struct rocks_options {
    rocksdb_options_t *database;
    rocksdb_options_t *families[STORE_ROCKS_FAMILIES]; /* default, then by store_family */
    rocksdb_cache_t *cache;
} rocks_options;

struct store {
    rocksdb_t *db;
    rocksdb_column_family_handle_t *standard; /* RocksDB's "default": holds nothing of ours */
    rocksdb_column_family_handle_t *families[STORE_FAMILIES];
    rocks_options options;
    rocksdb_readoptions_t *read;
    rocksdb_writeoptions_t *write_synced, *write_logged;
    char *path;
    bool read_only;
    pthread_mutex_t ingest_lock; /* an ingest or a checkpoint: see store_checkpoint.c */
    atomic_bool broken;          /* set once, by the failure that only a reopen heals */
    atomic_bool log_failed; /* since the last write that succeeded: nobody may touch this log */
};

struct store_batch {
    rocksdb_writebatch_t *rocks;
};

/* ---- store_error.c */
/* The status that a message of RocksDB stands for. */
varve_status store_classify(const char *message);
/* Frees message (from RocksDB, not NULL); "cannot <what>: <message>". Does not touch a handle. */
varve_status store_fail_open(char *message, const char *what, varve_error *err);
/* The same for a call on an open store: a failure that RocksDB will not get over marks it broken.
 * For writes, flushes, ingests. */
varve_status store_fail_write(store *s, char *message, const char *what, varve_error *err);
/* Debian's RocksDB asserts that a log whose write failed is not synced or flushed again; it opens a
 * new one when it recovers. Until a write succeeds such calls are refused here: VARVE_NO_SPACE or
 * VARVE_IO. */
varve_status store_check_log(store *s, varve_error *err);
/* The status of a fault that a test has armed, as if RocksDB had met it; VARVE_OK for none. */
varve_status store_fault(store *s, int fault, const char *what, varve_error *err);

/* ---- store_options.c */
extern const char *const store_family_names[STORE_ROCKS_FAMILIES];
VV_CHECKED varve_status store_options_make(const store_options *options, log_mode mode,
                                           rocks_options *ret, varve_error *err);
void store_options_done(rocks_options *o);

/* ---- store_open.c */
/* Open in the mode given and look at nothing else. */
VV_CHECKED varve_status store_open_mode(const char *path, const store_options *options,
                                        log_mode mode, store **ret, varve_error *err);

/* ---- store_folder.c */
#define STORE_TABLE_SUFFIX ".sst"
#define STORE_LOG_SUFFIX   ".log"
bool store_has_suffix(const char *name, const char *suffix);
/* Length of the name of the folder that path is in: path is the row store of that data folder. 0:
 * the current one. */
int store_folder_len(const char *path);
/* VARVE_CORRUPT unless sequence reaches the floor or the loss is accepted; names both numbers and
 * the way out. */
VV_CHECKED varve_status store_check_floor(const char *path, uint64_t sequence,
                                          const store_options *options, varve_error *err);
/* Is the folder one that can be opened, an empty one, or one that lost its beginning? */
typedef enum folder_state { FOLDER_EMPTY, FOLDER_WHOLE, FOLDER_BEHEADED } folder_state;
VV_CHECKED varve_status store_folder_state(const char *path, folder_state *ret, varve_error *err);
/* Before an open for writing: put on stable storage what the log holds. */
VV_CHECKED varve_status store_sync_logs(const char *path, varve_error *err);

/* What is known of damage that an open met. */
typedef struct log_hole {
    char file[32]; /* the log file it is in; "" for none */
    size_t offset; /* the records of that file before it are whole */
    uint64_t last; /* sequence of the last write before it */
} log_hole;
typedef struct store_damage {
    varve_error why;
    bool manifest; /* cut short: tables may be forgotten */
    log_hole hole;
} store_damage;
/* VARVE_CORRUPT for what RocksDB would open without a word. */
VV_CHECKED varve_status store_look(const char *path, store_damage *ret);

/* ---- store_log.c */
/* The log files, oldest first. */
VV_CHECKED varve_status store_list_logs(const char *path, file_names *ret, varve_error *err);
/* Where the last of the records that follow each other from the start ends. */
size_t store_whole_records(const uint8_t *data, size_t size);
VV_CHECKED varve_status store_find_hole(const char *path, log_hole *ret, varve_error *err);

/* ---- store_manifest.c */
VV_CHECKED varve_status store_manifest_check(const char *path, varve_error *err);
void store_manifest_guard(const char *path); /* note its length, for the next check */
/* A number that changes whenever an owner changes the manifest. */
uint64_t store_manifest_state(const char *path);

/* ---- store_table.c */
VV_CHECKED varve_status store_check_tables(const char *path, varve_error *err);

/* ---- store_open.c */
/* Open in the mode given and look at nothing else. */
VV_CHECKED varve_status store_open_mode(const char *path, const store_options *options,
                                        log_mode mode, store **ret, varve_error *err);

/* ---- store_reader.c */
VV_CHECKED varve_status store_open_reader(const char *path, const store_options *options,
                                          store **ret, varve_error *err);

/* ---- store_repair.c */
/* May the next open for writing cut this, if the rows left reach the floor? If not, only who
 * accepts a loss gets past it. */
bool store_can_cut(const store_damage *d, uint64_t floor);
/* Shorten the log of the copy at path at the hole and remove what came later. */
VV_CHECKED varve_status store_cut_log(const char *path, const log_hole *hole, varve_error *err);
/* End a repair that was cut off between its renames. */
VV_CHECKED varve_status store_repair_resume(const char *path, varve_error *err);
/* Cut a copy at the damage and put it in the place of path, if nothing acknowledged is lost by it
 * or the loss is accepted. On failure path is as it was. */
VV_CHECKED varve_status store_repair(const char *path, const store_options *options,
                                     const store_damage *d, varve_error *err);

#endif
