/* varve.h — the public face of libvarve, an embeddable log-structured vector database. It brings
 * varve_compaction.h and varve_query.h along.
 *
 * A data folder holds databases, a database holds collections, a collection holds rows. A row is an
 * id (an unsigned 64-bit integer or a non-empty string; 1 and "1" differ), one vector, and fields
 * (a JSON object).
 *
 *     varve *db; varve_collection *c; varve_hits *hits; varve_error err = {0};
 *     varve_open("./data", NULL, &db, &err);
 *     varve_collection_create(db, "default", "docs", NULL, &c, &err);
 *     varve_upsert(c, &(varve_rows){.count = n, .dim = 384, .ids = ids, .vectors = v},
 *                  NULL, NULL, &err);
 *     varve_search(c, &(varve_search_request){.vectors = q, .count = 1, .dim = 384, .k = 10},
 *                  &hits, &err);
 *
 * Ownership   `open`, `create`, `new` and functions with a `**ret_` argument hand a reference to
 *             the caller, who ends it with the close/release/free of its type; every one of those
 *             accepts NULL. What an accessor returns is borrowed and lives as long as the object
 *             it was asked of. Arguments are never kept: they may be freed when the call is back.
 *             A ret_ argument is left untouched by a call that fails.
 * Threads     Every function may be called from any number of threads at once, on the same
 *             objects, but for varve_session (one thread at a time) and the close/release/free
 *             calls (after the last use).
 * Errors      Every fallible call returns a varve_status and takes, last, a varve_error to fill;
 *             NULL discards the sentence. A call that fails has changed nothing, unless its comment
 *             says otherwise.
 * Durability  A write that returned VARVE_OK survives kill -9 and power loss (varve_durability).
 * Visibility  A write is atomic, and seen by every read that begins after it returned. A read works
 *             on one immutable view: it never sees half a batch. Searches never wait for a writer,
 *             a seal or a compaction; a read by id may wait for a commit that is being published.
 *
 * Caveats
 *  - One process opens a folder for writing; a second gets VARVE_LOCKED naming the owner. Any
 *    number may open it read_only beside it: such a handle sees the rows as they were when it was
 *    opened.
 *  - Do not use a handle across fork().
 *  - After VARVE_IO on a write the folder refuses further writes until it is reopened (an fsync
 *    that failed once cannot be trusted to have succeeded the second time); reads go on. After
 *    VARVE_NO_SPACE writes resume by themselves once there is space.
 *  - A cosine search compares directions: a zero vector is at distance 1 from everything.
 */
#ifndef VARVE_H
#define VARVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VARVE_API     __attribute__((visibility("default")))
#define VARVE_CHECKED __attribute__((warn_unused_result))

#define VARVE_VERSION_MAJOR 0
#define VARVE_VERSION_MINOR 1
#define VARVE_VERSION_PATCH 0
#define VARVE_VERSION_TEXT  "0.1.0"

/* ---- status and error ---------------------------------------------------------------------- */

/*    name         HTTP  meaning */
#define VARVE_STATUS_TABLE(X)                                                                      \
    X(OK, 200, "ok")                                                                               \
    X(INVALID, 400, "the request itself is wrong")                                                 \
    X(LIMIT, 400, "the request passes a limit; the message names it")                              \
    X(UNSUPPORTED, 400, "this combination is not supported")                                       \
    X(READ_ONLY, 403, "the folder is open for reading only")                                       \
    X(NOT_FOUND, 404, "no such database, collection or row")                                       \
    X(EXISTS, 409, "it exists already")                                                            \
    X(LOCKED, 409, "another process owns the folder")                                              \
    X(CONFLICT, 409, "changed meanwhile by somebody else")                                         \
    X(CANCELLED, 499, "cancelled by the caller")                                                   \
    X(INTERNAL, 500, "a bug of ours; nothing was lost")                                            \
    X(CORRUPT, 500, "stored bytes do not match their checksum or form")                            \
    X(NEWER_FORMAT, 500, "written by a newer version than this one")                               \
    X(CLOSED, 503, "closed, or being closed")                                                      \
    X(NO_MEMORY, 503, "no memory")                                                                 \
    X(IO, 503, "the system refused to read or write")                                              \
    X(TIMEOUT, 504, "not done within the time asked for")                                          \
    X(NO_SPACE, 507, "the disk is full, or down to its reserve")

typedef enum varve_status {
#define X(name, http, meaning) VARVE_##name,
    VARVE_STATUS_TABLE(X)
#undef X
        VARVE_STATUS_COUNT
} varve_status;

typedef struct varve_error {
    varve_status status;
    char message[508]; /* one sentence, NUL-terminated, UTF-8; cut at a character */
} varve_error;

VARVE_API const char *varve_version(void);
VARVE_API const char *varve_status_name(varve_status status); /* "NOT_FOUND" */
VARVE_API int varve_status_http(varve_status status);         /* 404 */

/* ---- plain values -------------------------------------------------------------------------- */

typedef struct varve_text { /* bytes that somebody else owns; data NULL means absent */
    const char *data;
    size_t len;
} varve_text;

typedef enum varve_id_kind { VARVE_ID_NUM = 0, VARVE_ID_STR = 1 } varve_id_kind;

typedef struct varve_id {
    varve_id_kind kind;
    uint64_t num;    /* VARVE_ID_NUM */
    varve_text text; /* VARVE_ID_STR: 1..id_bytes_max bytes of UTF-8, not NUL-terminated */
} varve_id;

/* Metrics. IP is a similarity: larger is better. All others are distances: smaller is better.
 * Values marked (b) look at coordinates as bits, set when the value is > 0.5. */
/*    NAME            canonical name   index-mode word   larger is better */
#define VARVE_METRIC_TABLE(X)                                                                      \
    X(IP, "ip", "IP", 1)                                                                           \
    X(L2, "l2", "L2", 0)          /* squared */                                                    \
    X(COSINE, "cosine", "COS", 0) /* 1 - cos */                                                    \
    X(L1, "l1", "L1", 0)                                                                           \
    X(CHEBYSHEV, "chebyshev", "CHEBYSHEV", 0)                                                      \
    X(CANBERRA, "canberra", "CANBERRA", 0) /* 0/0 is 0 */                                          \
    X(BRAY_CURTIS, "bray_curtis", "BRAY-CURTIS", 0)                                                \
    X(HAVERSINE, "haversine", "HAVERSINE", 0)       /* dim 2: lon, lat in degrees; metres */       \
    X(CORRELATION, "correlation", "CORRELATION", 0) /* 1 - r */                                    \
    X(HELLINGER, "hellinger", "HELLINGER", 0)                                                      \
    X(WASSERSTEIN, "wasserstein", "WASSERSTEIN", 0)          /* one-dimensional, unit bins */      \
    X(JENSEN_SHANNON, "jensen_shannon", "JENSEN-SHANNON", 0) /* square root, natural log */        \
    X(HAMMING, "hamming", "HAMMING", 0)                      /* (b), counts bits */                \
    X(JACCARD, "jaccard", "JACCARD", 0)                      /* (b), = Tanimoto */                 \
    X(DICE, "dice", "DICE", 0)                               /* (b) */

typedef enum varve_metric {
#define X(NAME, name, word, larger) VARVE_METRIC_##NAME,
    VARVE_METRIC_TABLE(X)
#undef X
        VARVE_METRIC_COUNT,
    VARVE_METRIC_OF_FIELD = -1 /* in a search: the metric of the collection */
} varve_metric;

/* How vectors are stored, and how they may be handed in. BINARY packs eight dimensions in a byte,
 * lowest bit first. */
/*    NAME     canonical name  bits per dimension */
#define VARVE_DTYPE_TABLE(X)                                                                       \
    X(FLOAT32, "float32", 32)                                                                      \
    X(FLOAT16, "float16", 16)                                                                      \
    X(UINT8, "uint8", 8)                                                                           \
    X(INT8, "int8", 8)                                                                             \
    X(BINARY, "binary", 1)

typedef enum varve_dtype {
#define X(NAME, name, bits) VARVE_##NAME,
    VARVE_DTYPE_TABLE(X)
#undef X
        VARVE_DTYPE_COUNT
} varve_dtype;

VARVE_API size_t varve_dtype_row_bytes(varve_dtype type, size_t dim);
VARVE_API const char *varve_dtype_name(varve_dtype type);
VARVE_API const char *varve_metric_name(varve_metric metric);
VARVE_API bool varve_metric_larger_is_better(varve_metric metric);

/* ---- settings ------------------------------------------------------------------------------ */

/* Every limit and threshold of a folder, with its default. 0 takes a limit away where the note says
 * so. The gateway's configuration keys are these names. */
/*    name                             default             what it limits or sets */
#define VARVE_SETTING_TABLE(X)                                                                     \
    X(dim_max, 65536, "dimensions of a vector")                                                    \
    X(id_bytes_max, 1024, "bytes of a string id")                                                  \
    X(fields_bytes_max, 1048576, "bytes of the fields of one row")                                 \
    X(fields_depth_max, 64, "nesting of fields")                                                   \
    X(fields_keys_max, 1024, "keys of one object in fields")                                       \
    X(max_batch_vectors, 100000, "rows of one write, queries of one search; 0: no limit")          \
    X(batch_bytes_max, 536870912, "bytes of one write")                                            \
    X(max_top_k, 10000, "k, n, max_results; 0: no limit")                                          \
    X(query_bytes_max, 4294967296, "bytes of what one query collects and answers; 0: no limit")    \
    X(max_collection_vectors, 10000000, "rows of a collection; 0: no limit")                       \
    X(max_collection_vector_bytes, 1099511627776, "vector bytes of a collection; 0: no limit")     \
    X(databases_max, 10000, "databases of a folder")                                               \
    X(collections_max, 100000, "collections of a folder")                                          \
    X(description_bytes_max, 65536, "bytes of a description")                                      \
    X(seal_rows, 65536, "rows in memory before they become a segment")                             \
    X(seal_bytes, 134217728, "bytes in memory before they become a segment")                       \
    X(seal_ms, 60000, "age of rows in memory before they become a segment")                        \
    X(seal_rows_min, 4096, "fewer rows than this are not sealed by age")                           \
    X(bulk_segment_bytes, 268435456, "size of a segment that a session writes")                    \
    X(session_memory_max, 67108864, "bytes a session holds in memory before it spills")            \
    X(floor_ms, 100, "time between two writes of the acknowledged floor")                          \
    X(relaxed_ms, 100, "longest time a relaxed write stays without fsync")                         \
    X(disk_reserve_bytes, 67108864, "free space below which inserts are refused")                  \
    X(block_cache_bytes, 67108864, "cache of the row store")                                       \
    X(filter_cache_bytes, 67108864, "rows that repeated filters matched, per folder; 0: off")      \
    X(row_buffer_bytes, 268435456, "write buffer of the row store")                                \
    X(log_keep_bytes, 0, "bytes of the log kept for those who ship it; 0: no such limit")          \
    X(log_keep_ms, 0, "time it is kept for them; with both at 0 it is not kept")                   \
    X(search_threads, 0, "threads of one search; 0: as many as processors")                        \
    X(parallel_bytes_min, 8388608, "vector bytes below which a search stays on its thread")        \
    X(index_rows_min, 2048, "rows of a segment below which it is scanned, whatever the mode")      \
    X(index_memory_max, 0, "bytes of indexes held in memory; 0: half of the machine's")            \
    X(recall_target_percent, 95, "recall that a search aims at when it names no breadth")          \
    X(compact_fanout, 4, "neighbouring segments of one size that are merged into one")             \
    X(compact_rows_max, 16777216, "rows of a segment that merging makes")                          \
    X(compact_tombstone_percent, 20, "share of hidden rows from which a segment is rewritten")     \
    X(compact_deleted_keep_ms, 3600000, "time without deletes before compaction purges by itself") \
    X(compact_threads, 1, "threads of a compaction job")                                           \
    X(compact_memory_max, 4294967296, "bytes a compaction job may take; larger work is cut up")    \
    X(compact_io_bytes_per_s, 0, "bytes per second a compaction job reads and writes; 0: any")     \
    X(compact_cpu_percent, 100, "share of a processor that each thread of a job takes")            \
    X(compact_nice, 19, "nice value of the compactor")                                             \
    X(backlog_rows_slow, 1000000, "rows waiting for their index from which writers are slowed")    \
    X(backlog_rows_searched, 131072, "the same while the folder is being searched; 0: no other")   \
    X(backlog_delay_ms_max, 1000, "longest delay of one write for that reason")

typedef struct varve_options {
    bool read_only;   /* open beside an owner, or on a read-only medium */
    bool must_exist;  /* do not create the folder */
    bool accept_loss; /* repair: open although the log ends before the acknowledged floor (varve
                         fsck --accept-loss) */
    const char *compactor_path;   /* the varve-compactor program; NULL: looked for beside the
                                     library and the running program, then in PATH */
    const char *compact_schedule; /* a cron line ("30 3 * * *", local time) at which every
                                     collection is compacted; NULL: never */
#define X(name, value, meaning) uint64_t name;
    VARVE_SETTING_TABLE(X)
#undef X
} varve_options;

/* Fill with the defaults; then change what you need. */
VARVE_API void varve_options_init(varve_options *options);

/* ---- folder -------------------------------------------------------------------------------- */

typedef struct varve varve;

/* Open (or create) the folder at `path`; options NULL: the defaults.
 * VARVE_LOCKED another process owns it · VARVE_NEWER_FORMAT newer format · VARVE_CORRUPT a file
 * does not hold what it promised, or the log ends before the acknowledged floor (the message has
 * both numbers and the way out). */
VARVE_API VARVE_CHECKED varve_status varve_open(const char *path, const varve_options *options,
                                                varve **ret_db, varve_error *err);
/* Checkpoint, then close. Ends the handle whatever it returns; collections of it must be released
 * before. */
VARVE_API varve_status varve_close(varve *db, varve_error *err);
/* Close without a checkpoint: what was acknowledged is in the log and will be replayed. */
VARVE_API void varve_abandon(varve *db);

/* Push everything acknowledged under VARVE_DURABILITY_RELAXED to stable storage. */
VARVE_API VARVE_CHECKED varve_status varve_flush(varve *db, varve_error *err);
/* flush, seal what is large enough to be a segment, and trim the log: the next open replays next to
 * nothing. */
VARVE_API VARVE_CHECKED varve_status varve_checkpoint(varve *db, varve_error *err);

typedef struct varve_folder_stats {
    uint64_t databases, collections, collections_open;
    uint64_t rows_live, rows_deleted; /* of the open collections */
    uint64_t segments, segment_bytes; /* on disk, all collections */
    uint64_t log_bytes, row_store_bytes, disk_bytes, disk_free_bytes;
    uint64_t memory_bytes;    /* rows in memory, row store buffers and caches */
    uint64_t sequence, floor; /* last written; highest known to be acknowledged on disk */
    uint64_t batches, batch_groups, seals, searches, rows_written; /* since open */
    uint64_t filter_cache_hits, filter_cache_misses; /* by segment and search, since open */
    uint64_t filter_cache_bytes;
    bool writable; /* false: read-only, out of space or after an I/O error */
    char why_not_writable[128];
} varve_folder_stats;

/* From counters in memory and a look at the log's directory: never a walk over segments. */
VARVE_API void varve_stats(varve *db, varve_folder_stats *ret_stats);

/* ---- databases, collections ---------------------------------------------------------------- */

/* Names: 1 to 128 of A-Z a-z 0-9 . _ - without "..", not beginning with a dot. The database
 * "default" always exists. */

typedef struct varve_names varve_names; /* an immutable list of names */
VARVE_API size_t varve_names_count(const varve_names *names);
VARVE_API const char *varve_names_get(const varve_names *names, size_t i);
VARVE_API void varve_names_free(varve_names *names);

VARVE_API VARVE_CHECKED varve_status varve_database_create(varve *db, const char *name,
                                                           varve_error *err);
VARVE_API VARVE_CHECKED varve_status varve_database_drop(varve *db, const char *name,
                                                         varve_error *err);
VARVE_API bool varve_database_exists(varve *db, const char *name);
/* In order of creation. */
VARVE_API VARVE_CHECKED varve_status varve_database_list(varve *db, varve_names **ret_names,
                                                         varve_error *err);

typedef struct varve_collection varve_collection;

typedef struct varve_collection_spec {
    size_t dim; /* 0: fixed by the first rows */
    varve_dtype dtype;
    const char *index_mode;  /* such as "FLAT-L2"; NULL: none chosen yet, searched exactly by inner
                                product */
    const char *description; /* NULL: none */
    /* How texts in fields are taken apart for text search: Snowball stems and stop words of a
     * language ("english"), accents folded. NULL and false: whole words, lower case. */
    const char *text_language;
    bool text_stem, text_stop_words, text_fold_accents;
} varve_collection_spec;

/* Create; VARVE_EXISTS when there is one, NOT_FOUND when the database is missing. spec NULL: all
 * zero. */
VARVE_API VARVE_CHECKED varve_status varve_collection_create(varve *db, const char *database,
                                                             const char *name,
                                                             const varve_collection_spec *spec,
                                                             varve_collection **ret_collection,
                                                             varve_error *err);
/* Get a reference to an existing one. */
VARVE_API VARVE_CHECKED varve_status varve_collection_open(varve *db, const char *database,
                                                           const char *name,
                                                           varve_collection **ret_collection,
                                                           varve_error *err);
VARVE_API void varve_collection_release(varve_collection *collection);
/* Later calls on references that others still hold fail with VARVE_NOT_FOUND; running reads end
 * undisturbed. */
VARVE_API VARVE_CHECKED varve_status varve_collection_drop(varve *db, const char *database,
                                                           const char *name, varve_error *err);
VARVE_API bool varve_collection_exists(varve *db, const char *database, const char *name);
VARVE_API VARVE_CHECKED varve_status varve_collection_list(varve *db, const char *database,
                                                           varve_names **ret_names,
                                                           varve_error *err);
VARVE_API VARVE_CHECKED varve_status varve_collection_describe(varve_collection *collection,
                                                               const char *description,
                                                               varve_error *err);
/* Choose how the collection is searched, with default parameters (docs/index-modes.md); the name is
 * kept as typed. NULL: back to none. Indexes are built by compaction; varve_index_build waits for
 * them. Until then searches use what there is: indexes of the mode before, if they are of the same
 * metric and the new mode is not an exact one; codes or a scan otherwise. */
VARVE_API VARVE_CHECKED varve_status varve_index_mode_set(varve_collection *collection,
                                                          const char *index_mode, varve_error *err);

typedef struct varve_collection_stats {
    char database[132], name[132];
    uint32_t id;
    size_t dim; /* 0 while unknown */
    varve_dtype dtype;
    varve_metric metric; /* IP while no index mode is chosen */
    char index_mode[64]; /* as typed; "" for none */
    uint64_t rows_live, rows_deleted;
    uint64_t rows_in_memory; /* of those, not yet in a segment */
    uint64_t memory_bytes, segments, segment_bytes;
    uint64_t index_bytes;  /* index files, beside segment_bytes */
    uint64_t rows_indexed; /* live or not, in segments whose index is of the chosen mode */
    uint64_t rows_hidden;  /* superseded or deleted, still taking space */
    int64_t max_ordinal;   /* ordinals number rows in order of insertion, from 0; -1: none yet */
    char text_language[16]; /* of varve_collection_spec; "": none */
    bool text_stem, text_stop_words, text_fold_accents;
} varve_collection_stats;

VARVE_API VARVE_CHECKED varve_status varve_collection_get_stats(varve_collection *collection,
                                                                varve_collection_stats *ret_stats,
                                                                varve_error *err);
/* Description of a collection, "" when none; into a buffer of the caller's, cut at its size. */
VARVE_API VARVE_CHECKED varve_status varve_collection_get_description(varve_collection *collection,
                                                                      char *ret_text, size_t size,
                                                                      varve_error *err);
/* Folder of its segments, for people. */
VARVE_API VARVE_CHECKED varve_status varve_collection_get_path(varve_collection *collection,
                                                               char *ret_path, size_t size,
                                                               varve_error *err);
/* Seal rows in memory into a segment (if there are at least seal_rows_min of them). */
VARVE_API VARVE_CHECKED varve_status varve_collection_checkpoint(varve_collection *collection,
                                                                 varve_error *err);

/* ---- write --------------------------------------------------------------------------------- */

typedef enum varve_durability {
    VARVE_DURABILITY_COMMIT =
        0, /* on stable storage when the call returns; concurrent calls share one fsync */
    VARVE_DURABILITY_RELAXED, /* in the log when the call returns, on stable storage within
                                 relaxed_ms */
    VARVE_DURABILITY_REMOTE /* also on object storage; VARVE_UNSUPPORTED until backup is configured
                             */
} varve_durability;

typedef struct varve_write_options {
    varve_durability durability;
} varve_write_options;

/* Rows handed in. Vectors are count × dim values of vectors_type, row after row. A float given to
 * an integer type must be an integer of its range; given to BINARY it is 1 when > 0.5; given to
 * FLOAT16 it is rounded to nearest even and must not overflow. NaN and infinities are refused with
 * row and element. */
typedef struct varve_rows {
    size_t count;
    size_t dim;
    const varve_id *ids; /* count ids, each once; or NULL: */
    bool ids_from_first; /*   ids first_id, first_id + 1, …; or, if false, automatic: from the
                            receipt's first_id on */
    uint64_t first_id;
    const void *vectors;
    varve_dtype vectors_type;
    const varve_text *fields; /* NULL, or count JSON objects; an entry without data is absent */
} varve_rows;

typedef struct varve_receipt {
    uint64_t first_id;               /* of automatic ids */
    uint64_t rows_new, rows_changed; /* changed: replaced, deleted or restored */
    uint64_t sequence;               /* of the log after this write */
} varve_receipt;

/* insert: an id that exists (or is deleted but not purged) is VARVE_EXISTS "… X already exists",
 * and nothing changes. upsert: replaces the vector; absent fields keep what the row has, given ones
 * replace all of them; a deleted row comes back. New rows without fields have {}. */
VARVE_API VARVE_CHECKED varve_status varve_insert(varve_collection *collection,
                                                  const varve_rows *rows,
                                                  const varve_write_options *options,
                                                  varve_receipt *ret_receipt, varve_error *err);
VARVE_API VARVE_CHECKED varve_status varve_upsert(varve_collection *collection,
                                                  const varve_rows *rows,
                                                  const varve_write_options *options,
                                                  varve_receipt *ret_receipt, varve_error *err);
/* Soft delete, until compaction purges; unknown and deleted ids are passed over. restore undoes it.
 */
VARVE_API VARVE_CHECKED varve_status varve_delete(varve_collection *collection, const varve_id *ids,
                                                  size_t count, const varve_write_options *options,
                                                  varve_receipt *ret_receipt, varve_error *err);
VARVE_API VARVE_CHECKED varve_status varve_restore(varve_collection *collection,
                                                   const varve_id *ids, size_t count,
                                                   const varve_write_options *options,
                                                   varve_receipt *ret_receipt, varve_error *err);

typedef enum varve_fields_mode {
    VARVE_FIELDS_SET,   /* replace all fields */
    VARVE_FIELDS_MERGE, /* replace the top-level keys given, keep the others */
    VARVE_FIELDS_REMOVE /* remove the top-level keys of the object given; values are not looked at
                         */
} varve_fields_mode;

/* Change fields of existing live rows; VARVE_NOT_FOUND names the first id that is not one.
 * `fields`: count objects. */
VARVE_API VARVE_CHECKED varve_status
varve_fields_change(varve_collection *collection, varve_fields_mode mode, const varve_id *ids,
                    const varve_text *fields, size_t count, const varve_write_options *options,
                    varve_receipt *ret_receipt, varve_error *err);

/* A session takes any number of rows in bounded memory and makes all of them visible at once, or
 * none: large ones are written straight into segment files. A session that is discarded, or whose
 * process dies, leaves nothing. For a stream committed as it goes, call varve_insert or
 * varve_upsert per batch instead. */
typedef struct varve_session varve_session;
typedef struct varve_session_options {
    bool upsert; /* false: an id that exists, or comes twice, fails the commit; true: the last one
                    wins */
} varve_session_options;

VARVE_API VARVE_CHECKED varve_status varve_session_new(varve_collection *collection,
                                                       const varve_session_options *options,
                                                       varve_session **ret_session,
                                                       varve_error *err);
/* Checks everything but the existence of ids, and that an id comes once. Rows that fail a check are
 * left out, and the session can still be committed without them; after any other error (I/O, space,
 * memory) it can only be discarded. Absent fields of an upsert keep what the row has now. */
VARVE_API VARVE_CHECKED varve_status varve_session_add(varve_session *session,
                                                       const varve_rows *rows, varve_error *err);
VARVE_API VARVE_CHECKED varve_status varve_session_commit(varve_session *session,
                                                          varve_receipt *ret_receipt,
                                                          varve_error *err);
VARVE_API uint64_t varve_session_rows(const varve_session *session);
/* Ends the session; uncommitted rows are discarded. */
VARVE_API void varve_session_free(varve_session *session);

/* ---- read ---------------------------------------------------------------------------------- */

typedef enum varve_row_state {
    VARVE_ROW_ABSENT,
    VARVE_ROW_LIVE,
    VARVE_ROW_DELETED
} varve_row_state;

enum { /* what to bring along, or-ed */
       VARVE_WITH_VECTORS = 1,
       VARVE_WITH_FIELDS = 2,
       VARVE_WITH_DELETED = 4, /* also rows that are deleted but not purged */
};

typedef struct varve_rowset varve_rowset; /* rows of one view, kept until freed */
VARVE_API size_t varve_rowset_count(const varve_rowset *rows);
VARVE_API size_t varve_rowset_dim(const varve_rowset *rows);
VARVE_API varve_id varve_rowset_id(const varve_rowset *rows, size_t i);
VARVE_API uint64_t varve_rowset_ordinal(const varve_rowset *rows, size_t i);
VARVE_API varve_row_state varve_rowset_state(const varve_rowset *rows, size_t i);
VARVE_API const float *varve_rowset_vector(const varve_rowset *rows,
                                           size_t i); /* dim values; NULL unless asked for */
VARVE_API varve_text varve_rowset_fields(const varve_rowset *rows,
                                         size_t i); /* a JSON object; absent unless asked */
/* false: this was the last page. */
VARVE_API bool varve_rowset_next(const varve_rowset *rows, varve_id *ret_next);
VARVE_API void varve_rowset_free(varve_rowset *rows);

VARVE_API VARVE_CHECKED varve_status varve_exists(varve_collection *collection, varve_id id,
                                                  varve_row_state *ret_state, varve_error *err);
/* Rows by id, in the order asked. missing_fails: VARVE_NOT_FOUND "id X does not exist"; else they
 * are left out. */
VARVE_API VARVE_CHECKED varve_status varve_get(varve_collection *collection, const varve_id *ids,
                                               size_t count, unsigned with, bool missing_fails,
                                               varve_rowset **ret_rows, varve_error *err);
/* The first or last n rows in order of insertion, ascending. */
VARVE_API VARVE_CHECKED varve_status varve_head(varve_collection *collection, size_t n,
                                                unsigned with, varve_rowset **ret_rows,
                                                varve_error *err);
VARVE_API VARVE_CHECKED varve_status varve_tail(varve_collection *collection, size_t n,
                                                unsigned with, varve_rowset **ret_rows,
                                                varve_error *err);
/* A page of rows in id order (integers ascending, then strings by bytes), from `from` on,
 * inclusive; NULL: from the first. varve_rowset_next() has the first id of the next page. */
VARVE_API VARVE_CHECKED varve_status varve_scroll(varve_collection *collection,
                                                  const varve_id *from, size_t n, unsigned with,
                                                  varve_rowset **ret_rows, varve_error *err);
/* Deleted, restorable rows in order of insertion; n 0: all. */
VARVE_API VARVE_CHECKED varve_status varve_list_deleted(varve_collection *collection, size_t n,
                                                        varve_rowset **ret_rows, varve_error *err);
VARVE_API VARVE_CHECKED varve_status varve_count(varve_collection *collection, uint64_t *ret_live,
                                                 varve_error *err);
/* Names of the top-level fields in use, sorted. */
VARVE_API VARVE_CHECKED varve_status varve_list_fields(varve_collection *collection,
                                                       varve_names **ret_names, varve_error *err);

/* ---- search -------------------------------------------------------------------------------- */

typedef struct varve_search_request {
    const void *vectors; /* count × dim values of vectors_type */
    varve_dtype vectors_type;
    size_t count, dim;
    size_t k;      /* hits of each query; in a range search: the most it returns */
    size_t offset; /* best hits to leave out */
    bool range;    /* only hits with score >= threshold (IP) or <= threshold (distances), by the
                      score as it is shown, a float32 */
    double threshold;
    bool metric_given; /* search by `metric` in place of the collection's */
    varve_metric metric;
    unsigned with;                     /* VARVE_WITH_FIELDS */
    uint64_t timeout_ms;               /* 0: none */
    const struct varve_filter *filter; /* only rows that match; NULL: all */
    const char *vector_field;          /* a named dense field; NULL or "default": the primary one */
    bool exact;                        /* pass over approximate indexes */
    uint32_t breadth; /* ef of graphs, nprobe of partitions, candidates to rescore of codes; 0: */
    double recall_target; /*   as much as this share of the true hits needs, by the curve measured
                             when the index was built: 0 < r <= 1; 0: recall_target_percent */
} varve_search_request;

/* Hits of each query, best first, ties by id (integers ascending, then strings by bytes). Without
 * an index, or with a FLAT one that has no quantiser, they are the true nearest; with another one,
 * most of them (see recall_target), and always k of them while there are k live rows. Scores are
 * exact: those of a plain double-precision evaluation over the stored vectors, rounded to float32.
 * A row whose distance is infinite (haversine beyond the poles, negative counts) comes last. */
typedef struct varve_hits varve_hits;
VARVE_API size_t varve_hits_queries(const varve_hits *hits);
VARVE_API size_t varve_hits_count(const varve_hits *hits, size_t query);
VARVE_API varve_id varve_hits_id(const varve_hits *hits, size_t query, size_t i);
VARVE_API uint64_t varve_hits_ordinal(const varve_hits *hits, size_t query, size_t i);
VARVE_API float varve_hits_score(const varve_hits *hits, size_t query, size_t i);
VARVE_API varve_text varve_hits_fields(const varve_hits *hits, size_t query, size_t i);
VARVE_API uint64_t varve_hits_rows_scanned(const varve_hits *hits);
/* What the search did, summed over its queries. */
typedef struct varve_search_work {
    uint64_t rows_scanned;  /* by plain scan */
    uint64_t codes_scanned; /* quantised codes looked at */
    uint64_t nodes_visited; /* of graphs, or partitions opened */
    uint64_t rows_rescored; /* exact distances beside those of plain scans */
    uint64_t segments_indexed, segments_scanned;
} varve_search_work;
VARVE_API void varve_hits_work(const varve_hits *hits, varve_search_work *ret_work);
VARVE_API void varve_hits_free(varve_hits *hits);

VARVE_API VARVE_CHECKED varve_status varve_search(varve_collection *collection,
                                                  const varve_search_request *request,
                                                  varve_hits **ret_hits, varve_error *err);

/* ---- check --------------------------------------------------------------------------------- */

/* Read a closed folder whole and verify every checksum and promise. Findings are collected, never
 * printed. */
typedef struct varve_report varve_report;
VARVE_API VARVE_CHECKED varve_status varve_fsck(const char *path, varve_report **ret_report,
                                                varve_error *err);
VARVE_API size_t varve_report_count(const varve_report *report); /* 0: sound */
VARVE_API const char *varve_report_line(const varve_report *report, size_t i);
VARVE_API const char *
varve_report_summary(const varve_report *report); /* "12 segments, 1000000 rows: sound" */
VARVE_API void varve_report_free(varve_report *report);

#ifdef __cplusplus
}
#endif

#include "varve_compaction.h"
#include "varve_query.h"

#endif
