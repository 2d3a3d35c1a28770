/* store_log.c — holes in the log that RocksDB passes over without a word. In mode 0 it takes every
 * record that runs over the end of its file for a torn tail, also in a file that newer ones follow,
 * and zeros where a record should begin for room set aside. Both may drop acknowledged writes while
 * the last sequence reaches the floor. Sums are not checked here: RocksDB does, when it replays.
 *
 * A log is a row of blocks of 32768 bytes. A record is cut into fragments that stay within a block:
 *
 *   offset size
 *        0    4  crc32c
 *        4    2  length of the payload
 *        6    1  1 whole record, 2 first fragment, 3 a middle one, 4 the last
 *        7    -  payload; that of a record begins with u64 sequence | u32 count
 *
 * Fewer than 7 bytes at the end of a block are zeros. A manifest is built of the same records. */
#include "base/bytes.h"
#include "base/file.h"
#include "store/store_private.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_BYTES = 32768,
    FRAGMENT_HEADER = 7,
    BATCH_HEADER = 12,
    WHOLE = 1,
    FIRST = 2,
    MIDDLE = 3,
    LAST = 4
};

typedef enum log_end {
    END_NOT_YET,
    END_CLEAN,
    END_TORN,  /* in the middle of a record, or in zeros up to the end of the file */
    END_ZEROS, /* zeros, and something behind them */
    END_OTHER  /* damage that RocksDB will report */
} log_end;

typedef struct log_walk {
    const uint8_t *data;
    size_t size, at;
    size_t record; /* where the present record begins */
    uint8_t batch[BATCH_HEADER];
    size_t batch_len; /* bytes of it gathered so far */
    bool inside;      /* between a first and a last fragment */
} log_walk;

static bool all_zero(const uint8_t *p, size_t len)
{
    return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

static log_end zeros_at(const log_walk *w)
{
    if (all_zero(w->data + w->at, w->size - w->at)) return END_TORN;
    return w->inside ? END_OTHER : END_ZEROS;
}

/* Is there a fragment at w->at? END_NOT_YET: yes, whole and within its block. */
static log_end look(log_walk *w)
{
    size_t room = BLOCK_BYTES - w->at % BLOCK_BYTES;
    if (room < FRAGMENT_HEADER) {
        w->at += VV_MIN(room, w->size - w->at);
        room = BLOCK_BYTES;
    }
    if (w->at == w->size) return w->inside ? END_TORN : END_CLEAN;
    if (w->size - w->at < FRAGMENT_HEADER) return END_TORN;
    size_t len = get_u16(w->data + w->at + 4);
    if (len == 0 && w->data[w->at + 6] == 0) return zeros_at(w);
    if (len + FRAGMENT_HEADER > w->size - w->at) return END_TORN;
    return len + FRAGMENT_HEADER > room ? END_OTHER : END_NOT_YET;
}

static bool take_fragment(log_walk *w)
{
    const uint8_t *header = w->data + w->at;
    size_t len = get_u16(header + 4);
    int kind = header[6];
    if (kind < WHOLE || kind > LAST || w->inside != (kind == MIDDLE || kind == LAST)) return false;
    if (!w->inside) {
        w->record = w->at;
        w->batch_len = 0;
    }
    size_t wanted = VV_MIN(len, BATCH_HEADER - w->batch_len);
    memcpy(w->batch + w->batch_len, header + FRAGMENT_HEADER, wanted);
    w->batch_len += wanted;
    w->inside = kind == FIRST || kind == MIDDLE;
    w->at += FRAGMENT_HEADER + len;
    return true;
}

/* The next record; END_NOT_YET when there is one. */
static log_end next_record(log_walk *w)
{
    do {
        log_end end = look(w);
        if (end != END_NOT_YET) return end;
        if (!take_fragment(w)) return END_OTHER;
    } while (w->inside);
    return END_NOT_YET;
}

size_t store_whole_records(const uint8_t *data, size_t size)
{
    log_walk w = {.data = data, .size = size};
    size_t end = 0;
    while (next_record(&w) == END_NOT_YET)
        end = w.at;
    return end;
}

/* ---- the chain of files -------------------------------------------------------------------- */

typedef struct log_chain {
    uint64_t last;  /* sequence of the last write seen */
    bool torn;      /* the file before ended in the middle of something */
    log_hole found; /* where, if it is one */
} log_chain;

/* false: there is a hole before this record. */
static bool link_record(log_chain *c, const log_walk *w)
{
    if (w->batch_len < BATCH_HEADER) return true; /* no batch: RocksDB will report it */
    uint64_t first = get_u64(w->batch), count = get_u32(w->batch + 8);
    if (count == 0) return true;
    if (c->torn && first != c->last + 1) return false;
    c->torn = false;
    c->last = first + count - 1;
    return true;
}

static void note(log_chain *c, const char *name, size_t offset)
{
    (void)strncpy(c->found.file, name, sizeof c->found.file - 1);
    c->found.offset = offset;
    c->found.last = c->last;
}

static bool walk_file(log_chain *c, const char *name, const file_map *map)
{
    log_walk w = {.data = map->data, .size = map->size};
    log_end end;
    while ((end = next_record(&w)) == END_NOT_YET)
        if (!link_record(c, &w)) return false;
    if (end == END_CLEAN) return true;
    note(c, name, w.inside ? w.record : w.at);
    c->torn = true;
    return end != END_ZEROS;
}

static int compare_numbers(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    size_t x_len = strlen(x), y_len = strlen(y);
    return x_len == y_len ? strcmp(x, y) : x_len < y_len ? -1 : 1;
}

varve_status store_list_logs(const char *path, file_names *ret, varve_error *err)
{
    VV_CLEANUP(file_names_free) file_names n = {0};
    size_t kept = 0;
    VV_TRY(file_list(path, &n, err));
    for (size_t i = 0; i < n.count; i++) {
        if (store_has_suffix(n.names[i], STORE_LOG_SUFFIX))
            n.names[kept++] = n.names[i];
        else
            free(n.names[i]);
    }
    n.count = kept;
    if (kept) qsort(n.names, kept, sizeof *n.names, compare_numbers);
    *ret = n;
    n = (file_names){0};
    return VARVE_OK;
}

varve_status store_find_hole(const char *path, log_hole *ret, varve_error *err)
{
    char file[PATH_MAX];
    VV_CLEANUP(file_names_free) file_names logs = {0};
    log_chain c = {0};
    bool whole = true;
    VV_TRY(store_list_logs(path, &logs, err));
    for (size_t i = 0; whole && i < logs.count; i++) {
        VV_CLEANUP(file_unmap) file_map map = {0};
        VV_TRY(file_join(file, sizeof file, path, logs.names[i], err));
        VV_TRY(file_map_open(file, &map, err));
        whole = walk_file(&c, logs.names[i], &map);
    }
    if (whole) return VARVE_OK;
    *ret = c.found;
    return vv_fail(err, VARVE_CORRUPT,
                   "the log of %s has a hole behind sequence %" PRIu64 ", at byte %zu of %s", path,
                   c.found.last, c.found.offset, c.found.file);
}
