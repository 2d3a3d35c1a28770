/* files.c — see files.h. */
#include "files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

static char path[64];

static void remove_file(void) { unlink(path); }

const char *file_of(const void *bytes, size_t len)
{
    if (!path[0]) {
        snprintf(path, sizeof path, "/tmp/varve-test-cli-%d", (int)getpid());
        atexit(remove_file);
    }
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, len, f) != len || fclose(f) != 0) abort();
    return path;
}

const char *file_of_text(const char *text) { return file_of(text, strlen(text)); }

const char *file_of_zstd(const void *bytes, size_t len)
{
    size_t bound = ZSTD_compressBound(len);
    void *packed = malloc(bound);
    size_t n = packed ? ZSTD_compress(packed, bound, bytes, len, 1) : 0;
    if (!packed || ZSTD_isError(n)) abort();
    const char *at = file_of(packed, n);
    free(packed);
    return at;
}

size_t npy_bytes(uint8_t *ret, int version, const char *dictionary, const void *data,
                 size_t data_len)
{
    size_t len = strlen(dictionary), at = version == 1 ? 10 : 12;
    memcpy(ret, "\x93NUMPY", 6);
    ret[6] = (uint8_t)version;
    ret[7] = 0;
    memset(ret + 8, 0, 4);
    ret[8] = (uint8_t)len;
    ret[9] = (uint8_t)(len >> 8);
    memcpy(ret + at, dictionary, len);
    memcpy(ret + at + len, data, data_len);
    return at + len + data_len;
}

varve_status read_whole(const char *file, const reader_type *type, const reader_options *options,
                        batch *b, varve_error *err)
{
    VV_CLEANUP(reader_closep) reader *r = NULL;
    VV_TRY(reader_open(file, type, options, &r, err));
    for (;;) {
        size_t before = b->vectors_count;
        VV_TRY(reader_next(r, b, err));
        if (b->vectors_count == before) return VARVE_OK;
        if (b->vectors_count == b->rows_max) batch_clear(b);
    }
}
