/* input.h — bytes of a file or of standard input, unpacked on the way when they are zstd.
 * What is zstd is told by its first four bytes, not by its name, so that pipes work too. Memory is
 * bounded: one raw buffer, one unpacked buffer, one line.
 *
 * Ownership  input_close() ends it (NULL-safe). A line or a peek is borrowed until the next call.
 * Threads    one at a time.
 * Errors     VARVE_NOT_FOUND, VARVE_IO with path and system text; VARVE_CORRUPT for broken zstd;
 * VARVE_LIMIT for a line that is too long. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "base/status.h"

typedef struct input input;

/* path "-": standard input. */
VV_CHECKED varve_status input_open(const char *path, input **ret, varve_error *err);
void input_close(input *in);
void input_closep(input **in);

const char *input_name(const input *in);
/* Bytes of the file as it lies on disk: read so far, and in all (0: unknown, as of a pipe). */
uint64_t input_consumed(const input *in);
uint64_t input_size(const input *in);

/* Fill `ret`; *ret_len is smaller than size only at the end of the data. */
VV_CHECKED varve_status input_read(input *in, void *ret, size_t size, size_t *ret_len,
                                   varve_error *err);
/* Look at the next bytes without taking them: at least `want` (at most 64) unless the data ends. */
VV_CHECKED varve_status input_peek(input *in, size_t want, const uint8_t **ret, size_t *ret_len,
                                   varve_error *err);
/* The next line without its end (\n or \r\n); *ret_line NULL when there is none left. The last line
 * needs no end. JSON_TEXT_PADDING bytes behind it may be read. */
VV_CHECKED varve_status input_line(input *in, size_t bytes_max, char **ret_line, size_t *ret_len,
                                   varve_error *err);

#endif
