/* input.c — see input.h. The window [at, end) of `data` holds unpacked bytes not yet taken; fill()
 * moves what is left to the front and reads or unpacks behind it. */
#include "input.h"

#include "base/buffer.h"
#include "base/json.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define DATA_BYTES     ((size_t)1 << 20)
#define RAW_BYTES      ((size_t)256 << 10)
#define LINE_BYTES_MAX ((size_t)1 << 30)

struct input {
    char *name;
    int fd;
    uint64_t consumed, size;
    uint8_t *data;
    size_t at, end;
    bool raw_over; /* read() said so */
    bool over;     /* nothing comes after data */
    /* zstd; stream NULL for plain bytes */
    ZSTD_DStream *stream;
    uint8_t *raw;
    ZSTD_inBuffer packed;
    bool frame_open; /* a frame began and has not ended */
    buffer line;
};

static varve_status read_raw(input *in, uint8_t *to, size_t size, size_t *ret_len, varve_error *err)
{
    ssize_t n;
    do {
        n = read(in->fd, to, size);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return vv_fail(err, VARVE_IO, "cannot read %s: %s", in->name, strerror(errno));
    in->raw_over = n == 0;
    in->consumed += (uint64_t)n;
    *ret_len = (size_t)n;
    return VARVE_OK;
}

/* Unpack more behind `end`, or find that the data is over. */
static varve_status fill_packed(input *in, varve_error *err)
{
    ZSTD_outBuffer out = {in->data, DATA_BYTES, in->end};
    while (out.pos == in->end) {
        if (in->packed.pos == in->packed.size) {
            size_t len;
            VV_TRY(read_raw(in, in->raw, RAW_BYTES, &len, err));
            in->packed = (ZSTD_inBuffer){in->raw, len, 0};
            if (len == 0) {
                if (in->frame_open)
                    return vv_fail(err, VARVE_CORRUPT, "%s ends in the middle of its zstd data",
                                   in->name);
                in->over = true;
                break;
            }
        }
        size_t left = ZSTD_decompressStream(in->stream, &out, &in->packed);
        if (ZSTD_isError(left))
            return vv_fail(err, VARVE_CORRUPT, "%s: bad zstd data: %s", in->name,
                           ZSTD_getErrorName(left));
        in->frame_open = left != 0;
    }
    in->end = out.pos;
    return VARVE_OK;
}

/* Bring more bytes behind those that are there. */
static varve_status fill(input *in, varve_error *err)
{
    size_t len;
    if (in->over) return VARVE_OK;
    assert(in->end - in->at < DATA_BYTES); /* nobody looks at more than a line end or 64 bytes */
    memmove(in->data, in->data + in->at, in->end - in->at);
    in->end -= in->at;
    in->at = 0;
    if (in->stream) return fill_packed(in, err);
    VV_TRY(read_raw(in, in->data + in->end, DATA_BYTES - in->end, &len, err));
    in->end += len;
    in->over = in->raw_over;
    return VARVE_OK;
}

/* The bytes read so far turn out to be zstd: they become the packed side. */
static varve_status start_zstd(input *in, varve_error *err)
{
    in->raw = malloc(VV_MAX(RAW_BYTES, in->end));
    in->stream = ZSTD_createDStream();
    if (!in->raw || !in->stream)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory to unpack %s", in->name);
    memcpy(in->raw, in->data, in->end);
    in->packed = (ZSTD_inBuffer){in->raw, in->end, 0};
    in->at = in->end = 0;
    in->over = false;
    in->frame_open = true;
    return VARVE_OK;
}

static varve_status sniff(input *in, varve_error *err)
{
    static const uint8_t magic[4] = {0x28, 0xb5, 0x2f, 0xfd};
    while (!in->over && in->end < sizeof magic)
        VV_TRY(fill(in, err));
    if (in->end >= sizeof magic && memcmp(in->data, magic, sizeof magic) == 0)
        return start_zstd(in, err);
    return VARVE_OK;
}

varve_status input_open(const char *path, input **ret, varve_error *err)
{
    VV_CLEANUP(input_closep) input *in = calloc(1, sizeof *in);
    struct stat st;
    bool standard = strcmp(path, "-") == 0;
    if (!in) return vv_fail(err, VARVE_NO_MEMORY, "no memory to read %s", path);
    in->fd = -1;
    buffer_init(&in->line, LINE_BYTES_MAX, "line");
    in->name = strdup(standard ? "standard input" : path);
    in->data = malloc(DATA_BYTES);
    if (!in->name || !in->data) return vv_fail(err, VARVE_NO_MEMORY, "no memory to read %s", path);
    in->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (in->fd < 0)
        return vv_fail(err, errno == ENOENT ? VARVE_NOT_FOUND : VARVE_IO, "cannot open %s: %s",
                       path, strerror(errno));
    if (fstat(in->fd, &st) == 0 && S_ISREG(st.st_mode)) in->size = (uint64_t)st.st_size;
    VV_TRY(sniff(in, err));
    *ret = in;
    in = NULL;
    return VARVE_OK;
}

void input_close(input *in)
{
    if (!in) return;
    if (in->fd > STDIN_FILENO) close(in->fd);
    ZSTD_freeDStream(in->stream);
    buffer_done(&in->line);
    free(in->raw);
    free(in->data);
    free(in->name);
    free(in);
}

void input_closep(input **in) { input_close(*in); }

const char *input_name(const input *in) { return in->name; }

uint64_t input_consumed(const input *in) { return in->consumed; }

uint64_t input_size(const input *in) { return in->size; }

varve_status input_read(input *in, void *ret, size_t size, size_t *ret_len, varve_error *err)
{
    uint8_t *to = ret;
    size_t done = 0;
    while (done < size) {
        size_t n = VV_MIN(size - done, in->end - in->at);
        memcpy(to + done, in->data + in->at, n);
        in->at += n;
        done += n;
        if (done == size || (in->over && in->at == in->end)) break;
        VV_TRY(fill(in, err));
    }
    *ret_len = done;
    return VARVE_OK;
}

varve_status input_peek(input *in, size_t want, const uint8_t **ret, size_t *ret_len,
                        varve_error *err)
{
    while (in->end - in->at < want && !in->over)
        VV_TRY(fill(in, err));
    *ret = in->data + in->at;
    *ret_len = in->end - in->at;
    return VARVE_OK;
}

varve_status input_line(input *in, size_t bytes_max, char **ret_line, size_t *ret_len,
                        varve_error *err)
{
    bool ended = false;
    buffer_clear(&in->line);
    while (!ended) {
        if (in->at == in->end) {
            if (!in->over) VV_TRY(fill(in, err));
            if (in->at == in->end && in->over) break;
            continue;
        }
        const uint8_t *from = in->data + in->at;
        const uint8_t *newline = memchr(from, '\n', in->end - in->at);
        size_t n = newline ? (size_t)(newline - from) : in->end - in->at;
        if (n > bytes_max || in->line.len > bytes_max - n)
            return vv_fail(err, VARVE_LIMIT, "a line is longer than %zu bytes", bytes_max);
        VV_TRY(buffer_add(&in->line, from, n, err));
        ended = newline != NULL;
        in->at += n + ended;
    }
    if (!ended && in->line.len == 0) {
        *ret_line = NULL;
        *ret_len = 0;
        return VARVE_OK;
    }
    VV_TRY(buffer_reserve(&in->line, JSON_TEXT_PADDING, err));
    size_t len = in->line.len;
    if (len > 0 && in->line.data[len - 1] == '\r') len--;
    memset(in->line.data + len, 0, JSON_TEXT_PADDING);
    *ret_line = in->line.data;
    *ret_len = len;
    return VARVE_OK;
}
