/* wal_object_parse.c — the bytes of an object of the log, believed when everything was checked; see
 * wal_object.h. */
#include "base/bytes.h"
#include "base/hash.h"
#include "wal_object.h"
#include "wal_object_format.h"

#include <stdlib.h>
#include <string.h>

typedef struct reading {
    const uint8_t *bytes;
    size_t len, at;
    uint64_t end; /* of batches; behind len when only the names are at hand */
    const wal_expected *expected;
    const char *what;
    wal_object o;
    uint32_t *file_batch; /* of each file: the batch that names it */
    varve_error *err;
} reading;

static void reading_done(reading *r)
{
    wal_object_done(&r->o);
    free(r->file_batch);
}

static varve_status wrong(const reading *r, const char *why)
{
    return vv_fail(r->err, VARVE_CORRUPT, "'%s': %s", r->what, why);
}

static uint64_t left(const reading *r) { return r->end - r->at; }

/* ---- head and foot ------------------------------------------------------------------------- */

static varve_status check_identity(const reading *r)
{
    const wal_expected *e = r->expected;
    const uint8_t *b = r->bytes;
    if (!e) return VARVE_OK;
    if (memcmp(b + WAL_HEAD_REPO_ID, e->repo_id, NAMES_ID_SIZE - 1) != 0)
        return wrong(r, "it belongs to another repository");
    if (memcmp(b + WAL_HEAD_DB_ID, e->name.db_id, NAMES_ID_SIZE - 1) != 0)
        return wrong(r, "it belongs to another database");
    if (r->o.timeline == e->name.timeline && r->o.first == e->name.lsn && r->o.last == e->name.last)
        return VARVE_OK;
    return vv_fail(r->err, VARVE_CORRUPT,
                   "'%s': it is another object, with sequences %llu to %llu of timeline %u",
                   r->what, (unsigned long long)r->o.first, (unsigned long long)r->o.last,
                   r->o.timeline);
}

/* Is it one of ours, with so many bytes? */
static varve_status check_kind(reading *r, uint64_t whole)
{
    if (whole < WAL_OBJECT_HEAD_BYTES + WAL_OBJECT_FOOT_BYTES || r->len < WAL_OBJECT_HEAD_BYTES)
        return wrong(r, "it is cut short");
    if (memcmp(r->bytes, WAL_OBJECT_MAGIC, 8) != 0) return wrong(r, "it is no object of the log");
    uint32_t version = get_u32(r->bytes + WAL_HEAD_VERSION);
    if (version > WAL_OBJECT_VERSION)
        return vv_fail(r->err, VARVE_NEWER_FORMAT,
                       "'%s' has format %u; this program reads up to %d", r->what, version,
                       WAL_OBJECT_VERSION);
    r->end = whole - WAL_OBJECT_FOOT_BYTES;
    return version != 0 ? VARVE_OK : wrong(r, "it has no format");
}

static varve_status check_foot(reading *r)
{
    VV_TRY(sums_of_bytes(r->bytes, (size_t)r->end, r->o.foot, r->err));
    if (sums_equal(r->o.foot, r->bytes + r->end)) return VARVE_OK;
    return wrong(r, "it was altered or cut short: its SHA-256 differs");
}

/* The sum over head and files, as if its own place held zeros. */
static varve_status check_head_sum(const reading *r, size_t head_len)
{
    VV_CLEANUP(vv_freep) uint8_t *copy = malloc(head_len);
    if (!copy) return vv_fail(r->err, VARVE_NO_MEMORY, "no memory for an object of the log");
    memcpy(copy, r->bytes, head_len);
    memset(copy + WAL_HEAD_SUM, 0, 8);
    if (hash_bytes(copy, head_len) == get_u64(r->bytes + WAL_HEAD_SUM)) return VARVE_OK;
    return wrong(r, "the sum of its head differs");
}

static varve_status read_head(reading *r, uint64_t *ret_file_bytes)
{
    const uint8_t *b = r->bytes;
    wal_object *o = &r->o;
    o->timeline = get_u32(b + WAL_HEAD_TIMELINE);
    o->first = get_u64(b + WAL_HEAD_FIRST);
    o->last = get_u64(b + WAL_HEAD_LAST);
    o->time_first_ms = get_u64(b + WAL_HEAD_TIME_FIRST);
    o->time_last_ms = get_u64(b + WAL_HEAD_TIME_LAST);
    memcpy(o->before, b + WAL_HEAD_BEFORE, SUMS_BYTES);
    o->batch_count = get_u32(b + WAL_HEAD_BATCHES);
    o->file_count = get_u32(b + WAL_HEAD_FILES);
    *ret_file_bytes = get_u64(b + WAL_HEAD_FILE_BYTES);
    r->at = WAL_OBJECT_HEAD_BYTES;
    if (get_u64(b + WAL_HEAD_ZERO) != 0 || o->batch_count == 0 || *ret_file_bytes > left(r) ||
        o->file_count > *ret_file_bytes / WAL_OBJECT_FILE_BYTES ||
        o->batch_count > left(r) / WAL_OBJECT_BATCH_BYTES)
        return wrong(r, "its head holds impossible numbers");
    if (*ret_file_bytes > r->len - r->at) return wrong(r, "its files are cut short");
    VV_TRY(check_head_sum(r, r->at + (size_t)*ret_file_bytes));
    return check_identity(r);
}

static varve_status allocate(reading *r, bool batches)
{
    wal_object *o = &r->o;
    if (batches) o->batches = calloc(o->batch_count, sizeof *o->batches);
    o->files = calloc(o->file_count + 1, sizeof *o->files);
    r->file_batch = calloc(o->file_count + 1, sizeof *r->file_batch);
    if ((o->batches || !batches) && o->files && r->file_batch) return VARVE_OK;
    return vv_fail(r->err, VARVE_NO_MEMORY, "no memory for an object of the log");
}

/* ---- files --------------------------------------------------------------------------------- */

static varve_status check_file(const reading *r, const manifest_file *f)
{
    const secret *s = r->expected ? r->expected->secret : NULL;
    uint64_t stored = f->size;
    if (f->size > MANIFEST_FILE_BYTES_MAX || f->generation > NAMES_GENERATION_MAX)
        return wrong(r, "a file in it has impossible numbers");
    if (s && !secret_sealed_size(s, f->size, &stored)) stored = 0;
    if (!r->expected) return VARVE_OK;
    if (f->stored_size != stored || (!s && !sums_equal(f->sha256, f->stored_sha256)))
        return wrong(r, "a file in it is stored in another way than its repository does");
    return VARVE_OK;
}

static varve_status read_path(reading *r, size_t len, size_t files_end, manifest_file *f)
{
    const char *path = (const char *)r->bytes + r->at;
    if (len == 0 || len >= FOLDER_PATH_MAX || files_end - r->at < len + 1 || path[len] != 0 ||
        strlen(path) != len || !folder_path_parse(path, &f->role, &f->collection))
        return wrong(r, "a file in it has no path of a data folder");
    if (f->role != ROLE_SEGMENT && f->role != ROLE_INDEX)
        return wrong(r, "a file in it is neither segment nor index");
    f->path = path;
    r->at += len + 1;
    return VARVE_OK;
}

static varve_status read_file(reading *r, size_t i, size_t files_end)
{
    const uint8_t *b = r->bytes + r->at;
    manifest_file *f = &r->o.files[i];
    const secret *s = r->expected ? r->expected->secret : NULL;
    if (files_end - r->at < WAL_OBJECT_FILE_BYTES) return wrong(r, "its files are cut short");
    r->file_batch[i] = get_u32(b + WAL_FILE_BATCH);
    f->generation = get_u32(b + WAL_FILE_GENERATION);
    f->size = get_u64(b + WAL_FILE_SIZE);
    f->stored_size = get_u64(b + WAL_FILE_STORED_SIZE);
    memcpy(f->sha256, b + WAL_FILE_SHA256, SUMS_BYTES);
    memcpy(f->stored_sha256, b + WAL_FILE_STORED_SHA256, SUMS_BYTES);
    r->at += WAL_OBJECT_FILE_BYTES;
    VV_TRY(read_path(r, get_u16(b + WAL_FILE_PATH_LEN), files_end, f));
    VV_TRY(check_file(r, f));
    return secret_blob_name(s, f->sha256, f->blob, r->err);
}

static varve_status read_files(reading *r, uint64_t file_bytes)
{
    size_t files_end = r->at + (size_t)file_bytes;
    for (size_t i = 0; i < r->o.file_count; i++)
        VV_TRY(read_file(r, i, files_end));
    return r->at == files_end ? VARVE_OK : wrong(r, "its files do not end where they should");
}

/* ---- batches ------------------------------------------------------------------------------- */

/* The files listed for this batch are those that it names. */
static varve_status match_files(reading *r, size_t i, const varve_log_batch *seen, size_t *file)
{
    wal_batch *b = &r->o.batches[i];
    b->files = r->o.files + *file;
    b->file_count = seen->file_count;
    for (size_t n = 0; n < seen->file_count; n++, ++*file)
        if (*file >= r->o.file_count || r->file_batch[*file] != i ||
            strcmp(r->o.files[*file].path, seen->files[n]) != 0)
            return wrong(r, "its files are not those that its batches name");
    return VARVE_OK;
}

static varve_status read_batch(reading *r, size_t i, size_t *file)
{
    wal_batch *b = &r->o.batches[i];
    VV_CLEANUP(varve_log_batch_done) varve_log_batch seen = {0};
    if (left(r) < WAL_OBJECT_BATCH_BYTES) return wrong(r, "its batches are cut short");
    b->len = get_u32(r->bytes + r->at);
    uint32_t crc = get_u32(r->bytes + r->at + 4);
    r->at += WAL_OBJECT_BATCH_BYTES;
    if (b->len > left(r)) return wrong(r, "its batches are cut short");
    b->bytes = r->bytes + r->at;
    r->at += b->len;
    if (wal_object_crc32c(b->bytes, b->len) != crc) return wrong(r, "a batch in it was altered");
    varve_status status = varve_log_parse(b->bytes, b->len, &seen, r->err);
    if (status == VARVE_CORRUPT) vv_error_prefix(r->err, "'%s'", r->what);
    VV_TRY(status);
    b->first = seen.first;
    b->last = seen.last;
    b->time_ms = seen.time_ms;
    uint64_t wanted = i ? r->o.batches[i - 1].last + 1 : r->o.first;
    if (b->first != wanted)
        return vv_fail(r->err, VARVE_CORRUPT, "'%s': sequence %llu is expected in it, not %llu",
                       r->what, (unsigned long long)wanted, (unsigned long long)b->first);
    return match_files(r, i, &seen, file);
}

static varve_status read_batches(reading *r)
{
    uint64_t earliest = 0, latest = 0;
    size_t file = 0;
    for (size_t i = 0; i < r->o.batch_count; i++) {
        VV_TRY(read_batch(r, i, &file));
        uint64_t time = r->o.batches[i].time_ms;
        if (time && (!earliest || time < earliest)) earliest = time;
        latest = VV_MAX(latest, time);
    }
    if (r->at != r->end || file != r->o.file_count)
        return wrong(r, "there is more in it than its batches");
    if (r->o.batches[r->o.batch_count - 1].last != r->o.last)
        return wrong(r, "its last sequence is not that of its last batch");
    if (earliest != r->o.time_first_ms || latest != r->o.time_last_ms)
        return wrong(r, "its times are not those of its batches");
    return VARVE_OK;
}

varve_status wal_object_parse(const void *bytes, size_t len, const wal_expected *expected,
                              const char *what, wal_object *ret, varve_error *err)
{
    VV_CLEANUP(reading_done)
    reading r = {.bytes = bytes, .len = len, .expected = expected, .what = what, .err = err};
    uint64_t file_bytes = 0;
    VV_TRY(check_kind(&r, len));
    VV_TRY(check_foot(&r));
    VV_TRY(read_head(&r, &file_bytes));
    VV_TRY(allocate(&r, true));
    VV_TRY(read_files(&r, file_bytes));
    VV_TRY(read_batches(&r));
    *ret = r.o;
    r.o = (wal_object){0};
    return VARVE_OK;
}

varve_status wal_object_parse_names(const void *bytes, size_t len, uint64_t whole,
                                    const wal_expected *expected, const char *what, wal_object *ret,
                                    varve_error *err)
{
    VV_CLEANUP(reading_done)
    reading r = {.bytes = bytes, .len = len, .expected = expected, .what = what, .err = err};
    uint64_t file_bytes = 0;
    if (len > whole) return wrong(&r, "it is longer than it should be");
    VV_TRY(check_kind(&r, whole));
    VV_TRY(read_head(&r, &file_bytes));
    VV_TRY(allocate(&r, false));
    VV_TRY(read_files(&r, file_bytes));
    *ret = r.o;
    r.o = (wal_object){0};
    return VARVE_OK;
}
