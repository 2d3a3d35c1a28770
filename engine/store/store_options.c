/* store_options.c — how each family of the row store is kept.
 *
 * fresh holds vectors that soon move to a segment: its write buffer is the large one, so that most
 * of them are deleted by range before they would reach a file, and packing them is not worth the
 * time. rows answers "is there such an id?" for every row inserted: Bloom filters on whole keys, in
 * files and in memory (measured: 0.3 against 4.6 us a row), small blocks, and LZ4, which halves
 * them at no loss of time. The others are small. */
#include "store/store_private.h"

enum { INFO_LOG_FATAL = 4, CHECKSUM_XXH3 = 4 };

#define MIB               ((uint64_t)1 << 20)
#define SMALL_BUFFER_MAX  (32 * MIB)
#define BUFFER_MIN        (1 * MIB)
#define OPEN_FILES_MAX    512
#define SYNC_STEP_BYTES   (1 * MIB)
#define BLOCK_BYTES       (4 << 10)
#define LARGE_BLOCK_BYTES (16 << 10)

const char *const store_family_names[STORE_ROCKS_FAMILIES] = {"default", "catalog", "rows", "fresh",
                                                              "dead",    "blobs",   "meta"};

/* By the same index as the names. */
static const struct family_traits {
    int compression;
    int block_bytes;
    bool filter, large_buffer;
} traits[STORE_ROCKS_FAMILIES] = {
    {rocksdb_no_compression, BLOCK_BYTES, false, false},
    {rocksdb_lz4_compression, LARGE_BLOCK_BYTES, false, false},
    {rocksdb_lz4_compression, BLOCK_BYTES, true, false},
    {rocksdb_no_compression, LARGE_BLOCK_BYTES, false, true},
    {rocksdb_lz4_compression, LARGE_BLOCK_BYTES, false, false},
    {rocksdb_lz4_compression, LARGE_BLOCK_BYTES, true, false},
    {rocksdb_no_compression, BLOCK_BYTES, false, false},
};

/* What the C functions have no setter for.
 * allow_fallocate              each log would take the size of the largest write buffer at once.
 * avoid_flush_during_recovery  an open that is refused for its sequence leaves the log as it was.
 * track_and_verify…            a log file that is lost or cut short while a newer one is there is
 *                              found at open; the newest one is covered by the floor. A reader
 *                              cannot forget what is tracked: without it, Debian's RocksDB ends
 *                              the process. */
static const char text_strict[] = "allow_fallocate=false;avoid_flush_during_recovery=true;"
                                  "track_and_verify_wals_in_manifest=true";
static const char text_repair[] = "allow_fallocate=false";

static void set_table(rocksdb_options_t *o, rocksdb_cache_t *cache, const struct family_traits *t)
{
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_checksum(table, CHECKSUM_XXH3);
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_block_size(table, (size_t)t->block_bytes);
    if (t->filter) { /* the table owns the filter */
        rocksdb_block_based_options_set_filter_policy(table,
                                                      rocksdb_filterpolicy_create_bloom_full(10));
        rocksdb_options_set_memtable_whole_key_filtering(o, 1);
        rocksdb_options_set_memtable_prefix_bloom_size_ratio(o, 0.02);
    }
    rocksdb_options_set_block_based_table_factory(o, table);
    rocksdb_block_based_options_destroy(table);
}

static void set_family(rocksdb_options_t *o, const store_options *options, rocksdb_cache_t *cache,
                       const struct family_traits *t)
{
    uint64_t large = VV_MAX(options->row_buffer_bytes, BUFFER_MIN);
    uint64_t bytes = t->large_buffer ? large : VV_MIN(large, SMALL_BUFFER_MAX);
    rocksdb_options_set_write_buffer_size(o, (size_t)bytes);
    rocksdb_options_set_compression(o, t->compression);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
    set_table(o, cache, t);
}

static void set_database(rocksdb_options_t *o, const store_options *options, log_mode mode)
{
    rocksdb_options_set_create_if_missing(o, !options->read_only);
    rocksdb_options_set_create_missing_column_families(o, !options->read_only);
    rocksdb_options_set_wal_recovery_mode(o, (int)mode);
    rocksdb_options_set_recycle_log_file_num(o, 0);
    rocksdb_options_set_manual_wal_flush(o, 0);
    rocksdb_options_set_paranoid_checks(o, 1);
    /* A family written to rarely would keep old logs alive, and the next open slow. */
    rocksdb_options_set_max_total_wal_size(o, 2 * VV_MAX(options->row_buffer_bytes, 16 * MIB));
    rocksdb_options_set_WAL_ttl_seconds(o, (options->log_keep_ms + 999) / 1000);
    rocksdb_options_set_WAL_size_limit_MB(o, (options->log_keep_bytes + MIB - 1) / MIB);
    rocksdb_options_set_info_log_level(o, INFO_LOG_FATAL);
    rocksdb_options_set_keep_log_file_num(o, 2);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_stats_persist_period_sec(o, 0);
    rocksdb_options_set_max_background_jobs(o, 2);
    rocksdb_options_set_bytes_per_sync(o, SYNC_STEP_BYTES);
    rocksdb_options_set_enable_pipelined_write(o, 0);
    /* A reader keeps every file open, so that the owner's compactions cannot take one from it. */
    rocksdb_options_set_max_open_files(o, options->read_only ? -1 : OPEN_FILES_MAX);
}

static varve_status set_text(const rocksdb_options_t *base, const char *text,
                             rocksdb_options_t *ret, varve_error *err)
{
    char *message = NULL;
    rocksdb_get_options_from_string(base, text, ret, &message);
    return message ? store_fail_open(message, "set options of the row store", err) : VARVE_OK;
}

varve_status store_options_make(const store_options *options, log_mode mode, rocks_options *ret,
                                varve_error *err)
{
    bool strict = mode == LOG_TOLERATE_TORN_TAIL || options->read_only;
    const char *text = strict ? text_strict : text_repair;
    rocks_options o = {.database = rocksdb_options_create(),
                       .cache = rocksdb_cache_create_lru((size_t)options->block_cache_bytes)};
    for (size_t i = 0; i < STORE_ROCKS_FAMILIES; i++) {
        o.families[i] = rocksdb_options_create();
        set_family(o.families[i], options, o.cache, &traits[i]);
    }
    rocksdb_options_t *base = rocksdb_options_create();
    set_database(base, options, mode);
    varve_status status = set_text(base, text, o.database, err);
    rocksdb_options_destroy(base);
    if (status != VARVE_OK)
        store_options_done(&o);
    else
        *ret = o;
    return status;
}

void store_options_done(rocks_options *o)
{
    if (o->database) rocksdb_options_destroy(o->database);
    for (size_t i = 0; i < STORE_ROCKS_FAMILIES; i++)
        if (o->families[i]) rocksdb_options_destroy(o->families[i]);
    if (o->cache) rocksdb_cache_destroy(o->cache);
    *o = (rocks_options){0};
}
