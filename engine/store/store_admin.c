/* store_admin.c — flush, erase, verify, and what the store knows about itself. */
#include "base/fault.h"
#include "store/store_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static varve_status flush_families(store *s, const rocksdb_flushoptions_t *options,
                                   varve_error *err)
{
    for (size_t f = 0; f < STORE_FAMILIES; f++) {
        char *message = NULL;
        rocksdb_flush_cf(s->db, options, s->families[f], &message);
        if (message) return store_fail_write(s, message, "flush the row store", err);
    }
    return VARVE_OK;
}

varve_status store_flush(store *s, varve_error *err)
{
    if (s->read_only) return vv_fail(err, VARVE_READ_ONLY, "%s is open for reading only", s->path);
    VV_TRY(store_fault(s, VV_FAULT("store.flush"), "flush the row store", err));
    VV_TRY(store_check_log(s, err));
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create(); /* waits by default */
    varve_status status = flush_families(s, options, err);
    rocksdb_flushoptions_destroy(options);
    if (status == VARVE_OK) store_manifest_guard(s->path);
    return status;
}

/* Counted by RocksDB with its own family, whichever has failed. */
static uint64_t background_errors(store *s)
{
    uint64_t count = 0;
    return rocksdb_property_int(s->db, "rocksdb.background-errors", &count) == 0 ? count : 0;
}

/* RocksDB's call gives no error: what fails it is a background error. */
varve_status store_erase(store *s, store_family f, const void *from, size_t from_len,
                         const void *to, size_t to_len, varve_error *err)
{
    enum { BOTTOMMOST_FORCE = 2 };
    if (s->read_only) return vv_fail(err, VARVE_READ_ONLY, "%s is open for reading only", s->path);
    VV_TRY(store_fault(s, VV_FAULT("store.erase"), "compact the row store", err));
    VV_TRY(store_check_log(s, err));
    uint64_t errors = background_errors(s);
    rocksdb_compactoptions_t *options = rocksdb_compactoptions_create();
    rocksdb_compactoptions_set_exclusive_manual_compaction(options, 0);
    rocksdb_compactoptions_set_bottommost_level_compaction(options, BOTTOMMOST_FORCE);
    rocksdb_compact_range_cf_opt(s->db, s->families[f], options, from, from_len, to, to_len);
    rocksdb_compactoptions_destroy(options);
    if (background_errors(s) == errors) return VARVE_OK;
    return vv_fail(err, VARVE_IO, "cannot compact the row store: a file could not be written");
}

/* The C functions have no "verify": walking over everything reads every block. */
static varve_status verify_family(store *s, size_t family, const rocksdb_readoptions_t *options,
                                  varve_error *err)
{
    char *message = NULL;
    rocksdb_iterator_t *i = rocksdb_create_iterator_cf(s->db, options, s->families[family]);
    for (rocksdb_iter_seek_to_first(i); rocksdb_iter_valid(i); rocksdb_iter_next(i)) {
    }
    rocksdb_iter_get_error(i, &message);
    rocksdb_iter_destroy(i);
    if (!message) return VARVE_OK;
    varve_status status = store_fail_open(message, "verify", err);
    vv_error_prefix(err, "family %s", store_family_names[family + 1]);
    return status;
}

varve_status store_verify(store *s, varve_error *err)
{
    varve_status status = VARVE_OK;
    rocksdb_readoptions_t *options = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(options, 1);
    rocksdb_readoptions_set_fill_cache(options, 0);
    for (size_t f = 0; status == VARVE_OK && f < STORE_FAMILIES; f++)
        status = verify_family(s, f, options, err);
    rocksdb_readoptions_destroy(options);
    return status;
}

uint64_t store_property(store *s, const char *name)
{
    uint64_t sum = 0, value = 0;
    for (size_t f = 0; f < STORE_FAMILIES; f++)
        if (rocksdb_property_int_cf(s->db, s->families[f], name, &value) == 0) sum += value;
    return sum;
}

uint64_t store_log_bytes(store *s)
{
    uint64_t sum = 0;
    const struct dirent *entry;
    struct stat st;
    DIR *dir = opendir(s->path);
    if (!dir) return 0;
    while ((entry = readdir(dir)) != NULL) {
        size_t len = strlen(entry->d_name);
        if (len > 4 && strcmp(entry->d_name + len - 4, ".log") == 0 &&
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            sum += (uint64_t)st.st_size;
    }
    (void)closedir(dir);
    return sum;
}

uint64_t store_memory_bytes(store *s)
{
    return store_property(s, "rocksdb.size-all-mem-tables") +
           store_property(s, "rocksdb.estimate-table-readers-mem") +
           rocksdb_cache_get_usage(s->options.cache);
}
