/* remote_s3_journal.c — see remote_s3_journal.h. */
#include "remote_s3_journal.h"

#include "base/file.h"
#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOURNAL_BYTES_MAX ((size_t)4 << 20)
#define END_LINE          "end %016" PRIx64 "\n"
#define END_LEN           21 /* of that line */

/* ---- uploads ------------------------------------------------------------------------------- */

varve_status s3_upload_new(const char *key, uint64_t size, const uint8_t sha256[32],
                           uint64_t part_bytes, s3_upload **ret, varve_error *err)
{
    if (part_bytes == 0 || size == 0 || strlen(key) > REMOTE_KEY_MAX ||
        (size - 1) / part_bytes >= S3_PARTS_MAX)
        return vv_fail(err, VARVE_LIMIT, "an upload of more than %d parts", S3_PARTS_MAX);
    size_t count = (size_t)((size - 1) / part_bytes + 1);
    s3_upload *u = calloc(1, sizeof *u + count * sizeof u->parts[0]);
    if (!u) return vv_fail(err, VARVE_NO_MEMORY, "no memory for an upload");
    memcpy(u->key, key, strlen(key) + 1);
    memcpy(u->sha256, sha256, sizeof u->sha256);
    u->size = size;
    u->part_bytes = part_bytes;
    u->part_count = count;
    *ret = u;
    return VARVE_OK;
}

void s3_upload_free(s3_upload *u) { free(u); }

void s3_upload_freep(s3_upload **u) { s3_upload_free(*u); }

uint64_t s3_upload_part_len(const s3_upload *u, size_t part)
{
    return VV_MIN(u->part_bytes, u->size - part * u->part_bytes);
}

/* ---- writing ------------------------------------------------------------------------------- */

static varve_status add_parts(const s3_upload *u, buffer *out, varve_error *err)
{
    char hex[65];
    for (size_t i = 0; i < u->part_count; i++) {
        if (!u->parts[i].done) continue;
        s3_hex(u->parts[i].sha256, 32, hex);
        VV_TRY(buffer_printf(out, err, "part %zu %s %s\n", i + 1, hex, u->parts[i].etag));
    }
    return VARVE_OK;
}

varve_status s3_journal_write(const char *path, const s3_upload *u, varve_error *err)
{
    char hex[65];
    VV_CLEANUP(buffer_done) buffer out;
    buffer_init(&out, JOURNAL_BYTES_MAX, "journal of an upload");
    s3_hex(u->sha256, 32, hex);
    VV_TRY(buffer_printf(&out, err,
                         "varve-upload 1\nkey %s\nsize %" PRIu64 "\nsha256 %s\npart-size %" PRIu64
                         "\nchecksums %d\nupload %s\n",
                         u->key, u->size, hex, u->part_bytes, u->checksums, u->id));
    VV_TRY(add_parts(u, &out, err));
    VV_TRY(buffer_printf(&out, err, END_LINE, hash_bytes(out.data, out.len)));
    return file_replace(path, out.data, out.len, err);
}

/* ---- reading ------------------------------------------------------------------------------- */

typedef struct reader { /* of lines; false of a function: not what is wanted */
    char *at, *end;
} reader;

static bool next_line(reader *r, char **ret)
{
    char *end = r->at < r->end ? memchr(r->at, '\n', (size_t)(r->end - r->at)) : NULL;
    if (!end) return false;
    *end = '\0';
    *ret = r->at;
    r->at = end + 1;
    return true;
}

static bool next_value(reader *r, const char *name, char **ret)
{
    char *line;
    size_t len = strlen(name);
    if (!next_line(r, &line) || strncmp(line, name, len) != 0 || line[len] != ' ') return false;
    *ret = line + len + 1;
    return true;
}

static bool to_number(const char *text, uint64_t *ret)
{
    uint64_t value = 0;
    if (!*text) return false;
    for (; *text; text++)
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return false;
    *ret = value;
    return true;
}

static bool to_sha256(const char *text, uint8_t ret[32])
{
    char hex[65];
    if (strlen(text) != 64) return false;
    for (size_t i = 0; i < 32; i++) {
        unsigned int byte;
        if (sscanf(text + 2 * i, "%2x", &byte) != 1) return false;
        ret[i] = (uint8_t)byte;
    }
    s3_hex(ret, 32, hex);
    return strcmp(hex, text) == 0;
}

static bool read_part(char *line, s3_upload *u)
{
    uint64_t number = 0;
    char *digits = strchr(line, ' '), *tag = digits ? strchr(digits + 1, ' ') : NULL;
    if (!tag) return false;
    *digits++ = '\0';
    *tag++ = '\0';
    if (!to_number(line, &number) || number == 0 || number > u->part_count) return false;
    s3_part *p = &u->parts[number - 1];
    if (!*tag || strlen(tag) >= sizeof p->etag || p->done || !to_sha256(digits, p->sha256))
        return false;
    memcpy(p->etag, tag, strlen(tag) + 1);
    p->done = true;
    return true;
}

static bool read_parts(reader *r, s3_upload *u)
{
    char *line;
    while (r->at < r->end)
        if (!next_value(r, "part", &line) || !read_part(line, u)) return false;
    return true;
}

static s3_upload *read_upload(reader *r)
{
    char *version, *key, *size, *sum, *part_size, *checksums, *id;
    uint64_t size_value = 0, part_value = 0;
    uint8_t sha256[32];
    s3_upload *u = NULL;
    if (!next_line(r, &version) || strcmp(version, "varve-upload 1") != 0 ||
        !next_value(r, "key", &key) || !next_value(r, "size", &size) ||
        !next_value(r, "sha256", &sum) || !next_value(r, "part-size", &part_size) ||
        !next_value(r, "checksums", &checksums) || !next_value(r, "upload", &id))
        return NULL;
    if (!to_number(size, &size_value) || !to_number(part_size, &part_value) ||
        !to_sha256(sum, sha256) || remote_check_key(key, NULL) != VARVE_OK || !*id ||
        strlen(id) >= sizeof u->id ||
        s3_upload_new(key, size_value, sha256, part_value, &u, NULL) != VARVE_OK)
        return NULL;
    memcpy(u->id, id, strlen(id) + 1);
    u->checksums = strcmp(checksums, "1") == 0;
    if (read_parts(r, u)) return u;
    s3_upload_free(u);
    return NULL;
}

varve_status s3_journal_read(const char *path, s3_upload **ret, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    size_t len = 0;
    char end_line[END_LEN + 1];
    s3_upload *u = NULL;
    VV_TRY(file_read(path, JOURNAL_BYTES_MAX, &bytes, &len, err));
    if (len > END_LEN) {
        size_t body = len - END_LEN;
        snprintf(end_line, sizeof end_line, END_LINE, hash_bytes(bytes, body));
        bool whole = memcmp(bytes + body, end_line, END_LEN) == 0 && !memchr(bytes, 0, body);
        if (whole) u = read_upload(&(reader){bytes, bytes + body});
    }
    if (!u) return vv_fail(err, VARVE_CORRUPT, "%s is no journal of an upload", path);
    *ret = u;
    return VARVE_OK;
}
