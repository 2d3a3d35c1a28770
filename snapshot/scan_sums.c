/* scan_sums.c — sums of the files of a data folder, and the cache of them; see scan.h. */
#include "scan.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/hashmap.h"
#include "each.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD         "VARVESUMS 1\n"
#define CACHE_MAX    ((size_t)512 << 20)
#define PATH_SIZE    4096
#define LINE_KEY_MAX 96

/* ---- the cache ----------------------------------------------------------------------------- */

typedef struct cache {
    char *text;
    hashmap sums; /* "device inode size changed" -> the 64 digits in text */
} cache;

static void cache_done(cache *c)
{
    hashmap_done(&c->sums);
    free(c->text);
}

static size_t key_of(const scan_file *f, char ret[LINE_KEY_MAX])
{
    return (size_t)snprintf(ret, LINE_KEY_MAX, "%llu %llu %llu %llu", (unsigned long long)f->device,
                            (unsigned long long)f->inode, (unsigned long long)f->size,
                            (unsigned long long)f->changed_ns);
}

/* The text without its last line, which is the sum of it; NULL otherwise. */
static char *checked_end(char *text, size_t len)
{
    uint8_t sum[SUMS_BYTES], wanted[SUMS_BYTES];
    size_t tail = SUMS_HEX_SIZE; /* the digits and a line feed */
    if (len < tail + strlen(HEAD) || memcmp(text, HEAD, strlen(HEAD)) != 0) return NULL;
    if (text[len - 1] != '\n') return NULL;
    text[len - 1] = 0;
    char *end = text + len - tail;
    if (!sums_parse_hex(end, wanted)) return NULL;
    if (sums_of_bytes(text, (size_t)(end - text), sum, NULL) != VARVE_OK) return NULL;
    return sums_equal(sum, wanted) ? end : NULL;
}

/* What was written by us and has the right sum needs no more checks than these. */
static void read_lines(cache *c, char *at, const char *end)
{
    while (at < end) {
        char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end || line_end - at < SUMS_HEX_SIZE + 1) return;
        char *sum = line_end - (SUMS_HEX_SIZE - 1);
        *line_end = 0;
        if (!hashmap_put(&c->sums, at, (size_t)(sum - 1 - at), sum)) return;
        at = line_end + 1;
    }
}

static void cache_read(cache *c, const char *path)
{
    size_t len = 0;
    hashmap_init(&c->sums);
    c->text = NULL;
    if (!path || file_read(path, CACHE_MAX, &c->text, &len, NULL) != VARVE_OK) return;
    const char *end = checked_end(c->text, len);
    if (end) read_lines(c, c->text + strlen(HEAD), end);
}

static varve_status cache_text(const scan *s, buffer *text, varve_error *err)
{
    char key[LINE_KEY_MAX], hex[SUMS_HEX_SIZE];
    uint8_t sum[SUMS_BYTES];
    VV_TRY(buffer_add_text(text, HEAD, err));
    for (size_t i = 0; i < s->count; i++) {
        key_of(&s->files[i], key);
        sums_hex(s->files[i].sha256, hex);
        VV_TRY(buffer_printf(text, err, "%s %s\n", key, hex));
    }
    VV_TRY(sums_of_bytes(text->data, text->len, sum, err));
    sums_hex(sum, hex);
    return buffer_printf(text, err, "%s\n", hex);
}

/* Without it the next backup reads all files again; that is all. */
static void cache_write(const scan *s, const char *path)
{
    VV_CLEANUP(buffer_done) buffer text = {0};
    buffer_init(&text, CACHE_MAX, "cache of sums");
    varve_status status = cache_text(s, &text, NULL);
    if (status == VARVE_OK) status = file_replace(path, text.data, text.len, NULL);
    (void)status;
}

/* ---- sums ---------------------------------------------------------------------------------- */

typedef struct summing {
    scan *s;
    const cache *known;
    bool read_all;
    const remote_cancel *cancel;
} summing;

static varve_status sum_one(void *arg, size_t i, varve_error *err)
{
    const summing *t = arg;
    scan_file *f = &t->s->files[i];
    char key[LINE_KEY_MAX], path[PATH_SIZE];
    uint64_t size = 0;
    const char *known = hashmap_get(&t->known->sums, key, key_of(f, key));
    if (t->cancel && t->cancel->asked && t->cancel->asked(t->cancel->arg))
        return vv_fail(err, VARVE_CANCELLED, "cancelled");
    if (known && !t->read_all && sums_parse_hex(known, f->sha256)) return VARVE_OK;
    VV_TRY(file_join(path, sizeof path, t->s->folder, f->path, err));
    VV_TRY(sums_of_file(path, f->sha256, &size, err));
    if (size == f->size) return VARVE_OK;
    return vv_fail(err, VARVE_CONFLICT, "%s changed while it was read", path);
}

varve_status scan_sums(scan *s, const char *path, bool read_all, size_t threads,
                       const remote_cancel *cancel, varve_error *err)
{
    VV_CLEANUP(cache_done) cache known;
    summing t = {.s = s, .known = &known, .read_all = read_all, .cancel = cancel};
    cache_read(&known, path);
    VV_TRY(each_run(threads, s->count, sum_one, &t, err));
    if (path) cache_write(s, path);
    return VARVE_OK;
}
