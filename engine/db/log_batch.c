/* log_batch.c — see log_batch.h. Nothing is believed: every length is checked against what is left
 * before it is used. */
#include "db/log_batch.h"

#include "base/bytes.h"
#include "db/catalog.h"
#include "db/manifest_files.h"

#include <stdlib.h>

#define HEADER_BYTES 12
#define VARINT_MAX   5 /* bytes of 32 bits */

enum {
    TAG_NOTE = 0x3,
    TAG_DELETE = 0x4,
    TAG_PUT = 0x5,
    TAG_SINGLE_DELETE = 0x8,
    TAG_NOTHING = 0xd,
    TAG_DELETE_RANGE = 0xe
};

typedef struct reader {
    const uint8_t *at, *end;
} reader;

static bool take_varint(reader *r, uint32_t *ret)
{
    uint64_t value = 0;
    for (int i = 0; i < VARINT_MAX && r->at < r->end; i++) {
        uint8_t byte = *r->at++;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80) continue;
        *ret = (uint32_t)value;
        return value <= UINT32_MAX;
    }
    return false;
}

static bool take_string(reader *r, varve_text *ret)
{
    uint32_t len;
    if (!take_varint(r, &len) || len > (size_t)(r->end - r->at)) return false;
    *ret = (varve_text){(const char *)r->at, len};
    r->at += len;
    return true;
}

static bool take_family(reader *r, store_family *ret)
{
    uint32_t number;
    if (!take_varint(r, &number) || number == 0 || number > STORE_FAMILIES) return false;
    *ret = (store_family)(number - 1);
    return true;
}

/* *ret_counts: has it a sequence number? A record of nothing is a note without text. */
static bool take_record(reader *r, log_record *ret, bool *ret_counts)
{
    *ret = (log_record){.kind = LOG_NOTE};
    uint8_t tag = *r->at++;
    *ret_counts = tag != TAG_NOTE && tag != TAG_NOTHING;
    switch (tag) {
    case TAG_NOTHING: return true;
    case TAG_NOTE: return take_string(r, &ret->key);
    case TAG_DELETE:
    case TAG_SINGLE_DELETE:
        ret->kind = LOG_DELETE;
        return take_family(r, &ret->family) && take_string(r, &ret->key);
    case TAG_PUT:
    case TAG_DELETE_RANGE:
        ret->kind = tag == TAG_PUT ? LOG_PUT : LOG_DELETE_RANGE;
        return take_family(r, &ret->family) && take_string(r, &ret->key) &&
               take_string(r, &ret->value);
    default: return false;
    }
}

static void note_time(const log_record *record, log_head *head)
{
    varve_text t = record->key;
    if (record->kind == LOG_NOTE && t.len == CATALOG_TIME_BYTES && memcmp(t.data, "VT", 2) == 0)
        head->time_ms = get_u64(t.data + 2);
}

varve_status log_batch_walk(const void *bytes, size_t len, log_record_each each, void *arg,
                            log_head *ret, varve_error *err)
{
    const uint8_t *b = bytes;
    log_record record;
    uint64_t seen = 0;
    bool counts;
    if (len < HEADER_BYTES)
        return vv_fail(err, VARVE_CORRUPT, "a batch of the log has %zu bytes", len);
    uint64_t first = get_u64(b), count = get_u32(b + 8);
    if (count == 0 || first == 0 || first > (UINT64_MAX >> 8) - count)
        return vv_fail(err, VARVE_CORRUPT, "a batch of the log has no sequence numbers");
    log_head head = {.first = first, .last = first + count - 1};
    reader r = {b + HEADER_BYTES, b + len};
    while (r.at < r.end) {
        size_t at = (size_t)(r.at - b);
        if (!take_record(&r, &record, &counts))
            return vv_fail(err, VARVE_CORRUPT,
                           "the batch %llu of the log has no record of ours at byte %zu",
                           (unsigned long long)first, at);
        seen += counts;
        note_time(&record, &head);
        if (each) VV_TRY(each(arg, &record, err));
    }
    if (seen != count)
        return vv_fail(err, VARVE_CORRUPT, "the batch %llu of the log has %llu records, not %llu",
                       (unsigned long long)first, (unsigned long long)seen,
                       (unsigned long long)count);
    *ret = head;
    return VARVE_OK;
}

/* ---- what it means */

static varve_status add_file(log_meaning *m, const manifest_file *file, varve_error *err)
{
    size_t count = m->file_count + 1;
    char **files = realloc(m->files, count * sizeof *files);
    if (files) m->files = files;
    log_file *records = realloc(m->records, count * sizeof *records);
    if (records) m->records = records;
    char *copy = files && records ? strdup(file->path) : NULL;
    if (!copy) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a batch of the log");
    records[m->file_count] = (log_file){file->is_index, {file->value, file->value_len}};
    files[m->file_count++] = copy;
    return VARVE_OK;
}

/* The records of a session past its commit point, and of a copy: sorted files are taken in while
 * they are there. A copy's appears earlier, when nothing of it can be seen. */
static bool goes_past(const log_record *r)
{
    if (r->family != STORE_META || r->key.len == 0) return false;
    return r->key.data[0] == 'b' || (r->key.data[0] == 'k' && r->kind != LOG_PUT);
}

static varve_status read_record(void *arg, const log_record *r, varve_error *err)
{
    log_meaning *m = arg;
    char name[MANIFEST_PATH_MAX], path[MANIFEST_PATH_MAX];
    manifest_file file;
    bool is;
    if (r->kind == LOG_NOTE) return VARVE_OK;
    m->past_log |= goes_past(r);
    if (r->kind != LOG_PUT || r->family != STORE_CATALOG) return VARVE_OK;
    VV_TRY(manifest_file_of(r->key, r->value, &is, &file, name, path, err));
    return is ? add_file(m, &file, err) : VARVE_OK;
}

varve_status log_batch_read(const void *bytes, size_t len, log_meaning *ret, varve_error *err)
{
    log_meaning m = {0};
    varve_status status = log_batch_walk(bytes, len, read_record, &m, &m.head, err);
    if (status == VARVE_OK)
        *ret = m;
    else
        log_meaning_done(&m);
    return status;
}

void log_meaning_done(log_meaning *m)
{
    for (size_t i = 0; i < m->file_count; i++)
        free(m->files[i]);
    free(m->files);
    free(m->records);
    *m = (log_meaning){0};
}

/* ---- varve_snapshot.h */

varve_status varve_log_parse(const void *bytes, size_t len, varve_log_batch *ret_batch,
                             varve_error *err)
{
    log_meaning m = {0};
    if (!bytes || !ret_batch) return vv_fail(err, VARVE_INVALID, "bytes: a batch is expected");
    VV_TRY(log_batch_read(bytes, len, &m, err));
    free(m.records);
    *ret_batch = (varve_log_batch){.first = m.head.first,
                                   .last = m.head.last,
                                   .time_ms = m.head.time_ms,
                                   .bytes = bytes,
                                   .len = len,
                                   .files = (const char *const *)m.files,
                                   .file_count = m.file_count};
    return VARVE_OK;
}

void varve_log_batch_done(varve_log_batch *batch)
{
    log_meaning m = {.files = (char **)(uintptr_t)batch->files, .file_count = batch->file_count};
    log_meaning_done(&m);
    batch->files = NULL;
    batch->file_count = 0;
}

typedef struct drop_search {
    uint8_t key[CATALOG_NAME_KEY_MAX];
    size_t key_len;
    bool dropped; /* by what was seen so far */
} drop_search;

static varve_status look_for_drop(void *arg, const log_record *r, varve_error *err)
{
    drop_search *d = arg;
    (void)err;
    if (r->kind != LOG_PUT && r->kind != LOG_DELETE) return VARVE_OK;
    if (r->family != STORE_CATALOG || r->key.len != d->key_len ||
        memcmp(r->key.data, d->key, d->key_len) != 0)
        return VARVE_OK;
    d->dropped = r->kind == LOG_DELETE;
    return VARVE_OK;
}

varve_status varve_log_drops(const void *bytes, size_t len, const char *database,
                             const char *collection, bool *ret, varve_error *err)
{
    drop_search d = {0};
    log_head head;
    if (!bytes || !database || !collection || !ret)
        return vv_fail(err, VARVE_INVALID, "a batch and the name of a collection are expected");
    if (strlen(database) > SCHEMA_NAME_MAX || strlen(collection) > CATALOG_NAME_MAX)
        return vv_fail(err, VARVE_INVALID, "no collection has a name as long as this");
    d.key_len = catalog_collection_key(database, collection, d.key);
    VV_TRY(log_batch_walk(bytes, len, look_for_drop, &d, &head, err));
    *ret = d.dropped;
    return VARVE_OK;
}
