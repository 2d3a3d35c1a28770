/* wal_object_write.c — objects of the log made of batches; see wal_object.h. */
#include "base/bytes.h"
#include "base/hash.h"
#include "wal_object.h"
#include "wal_object_format.h"

#include <string.h>

void wal_writer_init(wal_writer *w)
{
    *w = (wal_writer){0};
    buffer_init(&w->files, WAL_OBJECT_BYTES_MAX, "files of an object of the log");
    buffer_init(&w->batches, WAL_OBJECT_BYTES_MAX, "object of the log");
}

void wal_writer_done(wal_writer *w)
{
    buffer_done(&w->files);
    buffer_done(&w->batches);
}

static varve_status add_file(wal_writer *w, const manifest_file *f, varve_error *err)
{
    uint8_t entry[WAL_OBJECT_FILE_BYTES];
    size_t len = strlen(f->path);
    put_u32(entry + WAL_FILE_BATCH, w->batch_count);
    put_u32(entry + WAL_FILE_GENERATION, f->generation);
    put_u64(entry + WAL_FILE_SIZE, f->size);
    put_u64(entry + WAL_FILE_STORED_SIZE, f->stored_size);
    memcpy(entry + WAL_FILE_SHA256, f->sha256, SUMS_BYTES);
    memcpy(entry + WAL_FILE_STORED_SHA256, f->stored_sha256, SUMS_BYTES);
    put_u16(entry + WAL_FILE_PATH_LEN, (uint16_t)len);
    VV_TRY(buffer_add(&w->files, entry, sizeof entry, err));
    w->file_count++;
    return buffer_add(&w->files, f->path, len + 1, err);
}

static void note_time(wal_writer *w, uint64_t time_ms)
{
    if (!time_ms) return;
    if (!w->time_first_ms || time_ms < w->time_first_ms) w->time_first_ms = time_ms;
    w->time_last_ms = VV_MAX(w->time_last_ms, time_ms);
}

varve_status wal_writer_add(wal_writer *w, const varve_log_batch *batch, const manifest_file *files,
                            varve_error *err)
{
    uint8_t head[WAL_OBJECT_BATCH_BYTES];
    if (w->batch_count && batch->first != w->last + 1)
        return vv_fail(err, VARVE_CONFLICT, "batch %llu of the log does not follow on %llu",
                       (unsigned long long)batch->first, (unsigned long long)w->last);
    if (batch->len > UINT32_MAX)
        return vv_fail(err, VARVE_LIMIT, "batch %llu of the log has %zu bytes",
                       (unsigned long long)batch->first, batch->len);
    for (size_t i = 0; i < batch->file_count; i++)
        VV_TRY(add_file(w, &files[i], err));
    put_u32(head, (uint32_t)batch->len);
    put_u32(head + 4, wal_object_crc32c(batch->bytes, batch->len));
    VV_TRY(buffer_add(&w->batches, head, sizeof head, err));
    VV_TRY(buffer_add(&w->batches, batch->bytes, batch->len, err));
    if (!w->batch_count) w->first = batch->first;
    w->last = batch->last;
    note_time(w, batch->time_ms);
    w->batch_count++;
    return VARVE_OK;
}

static void fill_head(const wal_writer *w, const repo *r, uint32_t timeline, const uint8_t *before,
                      uint8_t head[WAL_OBJECT_HEAD_BYTES])
{
    memset(head, 0, WAL_OBJECT_HEAD_BYTES);
    memcpy(head, WAL_OBJECT_MAGIC, 8);
    put_u32(head + WAL_HEAD_VERSION, WAL_OBJECT_VERSION);
    put_u32(head + WAL_HEAD_TIMELINE, timeline);
    put_u64(head + WAL_HEAD_FIRST, w->first);
    put_u64(head + WAL_HEAD_LAST, w->last);
    put_u64(head + WAL_HEAD_TIME_FIRST, w->time_first_ms);
    put_u64(head + WAL_HEAD_TIME_LAST, w->time_last_ms);
    put_u32(head + WAL_HEAD_BATCHES, w->batch_count);
    put_u32(head + WAL_HEAD_FILES, w->file_count);
    memcpy(head + WAL_HEAD_REPO_ID, r->repo_id, NAMES_ID_SIZE - 1);
    memcpy(head + WAL_HEAD_DB_ID, r->db_id, NAMES_ID_SIZE - 1);
    put_u64(head + WAL_HEAD_FILE_BYTES, w->files.len);
    memcpy(head + WAL_HEAD_BEFORE, before, SUMS_BYTES);
}

varve_status wal_writer_end(const wal_writer *w, const repo *r, uint32_t timeline,
                            const uint8_t before[SUMS_BYTES], buffer *ret_bytes,
                            uint8_t ret_foot[SUMS_BYTES], varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer out = {0};
    uint8_t head[WAL_OBJECT_HEAD_BYTES], foot[SUMS_BYTES];
    if (!w->batch_count) return vv_fail(err, VARVE_INVALID, "an object of the log has batches");
    buffer_init(&out, WAL_OBJECT_BYTES_MAX, "object of the log");
    fill_head(w, r, timeline, before, head);
    VV_TRY(buffer_add(&out, head, sizeof head, err));
    if (w->files.len) VV_TRY(buffer_add(&out, w->files.data, w->files.len, err));
    /* The sum of head and files is made with its own place zero. */
    put_u64(out.data + WAL_HEAD_SUM, hash_bytes(out.data, out.len));
    VV_TRY(buffer_add(&out, w->batches.data, w->batches.len, err));
    VV_TRY(sums_of_bytes(out.data, out.len, foot, err));
    VV_TRY(buffer_add(&out, foot, sizeof foot, err));
    memcpy(ret_foot, foot, sizeof foot);
    buffer_done(ret_bytes);
    *ret_bytes = out;
    out = (buffer){0};
    return VARVE_OK;
}
