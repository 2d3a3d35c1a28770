/* store_error.c — RocksDB fails with a text and nothing else. Here a text becomes a status. */
#include "base/fault.h"
#include "store/store_private.h"

#include <stdio.h>
#include <string.h>

/* The first entry whose text is in the message decides. "LOCK: " alone would also catch a LOCK file
 * without permission. Once it is open, a file that is not there is damage. */
static const struct {
    const char *text;
    varve_status status;
} messages[] = {
    {"lock hold by current process", VARVE_LOCKED},
    {"LOCK: Resource temporarily unavailable", VARVE_LOCKED},
    {"No space left on device", VARVE_NO_SPACE},
    {"Disk quota exceeded", VARVE_NO_SPACE},
    {"Column families not opened", VARVE_NEWER_FORMAT},
    {"Column family not found", VARVE_CORRUPT},
    {"Corruption", VARVE_CORRUPT},
    {"No such file or directory", VARVE_CORRUPT},
    {"read only mode", VARVE_READ_ONLY},
    {"Shutdown in progress", VARVE_CLOSED},
    {"Memory limit", VARVE_NO_MEMORY},
    {"IO error", VARVE_IO},
    {"Not implemented", VARVE_UNSUPPORTED},
    {"Invalid argument", VARVE_INTERNAL},
};

varve_status store_classify(const char *message)
{
    for (size_t i = 0; i < VV_COUNT(messages); i++)
        if (strstr(message, messages[i].text)) return messages[i].status;
    return VARVE_INTERNAL;
}

varve_status store_fail_open(char *message, const char *what, varve_error *err)
{
    varve_status status = store_classify(message);
    vv_error_set(err, status, "cannot %s: %s", what, message);
    rocksdb_free(message);
    return status;
}

/* RocksDB resumes by itself after ENOSPC alone. A full quota it takes for an I/O error, and after
 * one of those, or after a corrupt block met by a compaction, it refuses all writes until it is
 * opened again. */
static bool heals(const char *message, varve_status status)
{
    if (status == VARVE_NO_SPACE) return strstr(message, "No space left on device") != NULL;
    return status != VARVE_IO && status != VARVE_CORRUPT;
}

varve_status store_fail_write(store *s, char *message, const char *what, varve_error *err)
{
    atomic_store(&s->log_failed, true);
    if (!heals(message, store_classify(message))) atomic_store(&s->broken, true);
    return store_fail_open(message, what, err);
}

varve_status store_check_log(store *s, varve_error *err)
{
    if (!atomic_load(&s->log_failed)) return VARVE_OK;
    return vv_fail(err, atomic_load(&s->broken) ? VARVE_IO : VARVE_NO_SPACE,
                   "the log could not be written before, and no write has succeeded since");
}

varve_status store_fault(store *s, int fault, const char *what, varve_error *err)
{
    if (fault == VV_FAULT_NONE) return VARVE_OK;
    if (fault == VV_FAULT_ENOSPC)
        return vv_fail(err, VARVE_NO_SPACE, "cannot %s: No space left on device", what);
    atomic_store(&s->broken, true);
    return vv_fail(err, VARVE_IO, "cannot %s: IO error", what);
}
