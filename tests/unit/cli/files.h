/* files.h — small files for the tests of the readers, and reading them whole.
 * Threads  one at a time: the path of the file is the program's. */
#ifndef TEST_CLI_FILES_H
#define TEST_CLI_FILES_H

#include "batch.h"
#include "reader.h"

/* Write bytes to the test's file (removed at exit); its path. */
const char *file_of(const void *bytes, size_t len);
const char *file_of_text(const char *text);
/* The same, packed with zstd. */
const char *file_of_zstd(const void *bytes, size_t len);

/* Bytes of an npy file: header dictionary and data. */
size_t npy_bytes(uint8_t *ret, int version, const char *dictionary, const void *data,
                 size_t data_len);

/* Read a file to its end into one batch (at most rows_max rows; several batches are not kept). */
varve_status read_whole(const char *path, const reader_type *type, const reader_options *options,
                        batch *b, varve_error *err);

#endif
