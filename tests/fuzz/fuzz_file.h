/* fuzz_file.h — a file of its own for a target whose reader opens files: seeds are made under its
 * path, inputs are written to it; it goes when the process ends. Each target includes this once. */
#ifndef VARVE_TESTS_FUZZ_FILE_H
#define VARVE_TESTS_FUZZ_FILE_H

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char fuzz_path[64], fuzz_temporary[72];

static inline void must(varve_status status)
{
    if (status != VARVE_OK) abort();
}

static inline void fuzz_remove_file(void) { (void)unlink(fuzz_path); }

/* In memory, where the system has such a place. The result of atexit(). */
static inline int fuzz_file_init(const char *suffix)
{
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(fuzz_path, sizeof fuzz_path, "%s/varve-fuzz-%d.%s", base, (int)getpid(), suffix);
    (void)snprintf(fuzz_temporary, sizeof fuzz_temporary, "%s.tmp", fuzz_path);
    return atexit(fuzz_remove_file);
}

static inline bool fuzz_write_input(const uint8_t *data, size_t size)
{
    FILE *f = fopen(fuzz_path, "wb");
    bool written = f && fwrite(data, 1, size, f) == size;
    if (f && fclose(f) != 0) written = false;
    return written;
}

#endif
