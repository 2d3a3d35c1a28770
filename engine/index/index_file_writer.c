/* index_file_writer.c — sections in, a published index file out; see index_file.h. */
#include "base/block_stream.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "index/index_file.h"
#include "index/index_spec.h"

#include <assert.h>
#include <stdlib.h>

typedef struct entry {
    index_section kind;
    uint64_t offset, size, hash;
} entry;

struct index_file_writer {
    block_stream stream;
    uint8_t header[INDEX_HEADER_BYTES];
    index_record record;
    entry entries[INDEX_SECTIONS_MAX];
    size_t entry_count;
    bool open;                  /* the last entry still grows */
    bool failed;                /* a put did not succeed: the file can no longer be finished */
    bool ended;                 /* by a draft */
    block_stream_mark amend_at; /* where the end of the draft begins */
};

/* ---- life ---------------------------------------------------------------------------------- */

static void make_header(index_file_writer *w, const index_spec *s)
{
    uint8_t *h = w->header, *at = h + INDEX_HEADER_PARAMS_AT;
    const index_record *r = &w->record;
    memcpy(h, INDEX_MAGIC, 8);
    put_u32(h + 8, INDEX_VERSION);
    put_u32(h + 12, r->generation);
    put_u64(h + 16, r->rows);
    put_u32(h + 24, s->dim);
    h[28] = (uint8_t)s->dtype;
    h[29] = (uint8_t)s->kind;
    h[31] = (uint8_t)strlen(r->mode);
    memcpy(h + INDEX_HEADER_MODE_AT, r->mode, strlen(r->mode));
    memcpy(h + 96, &s->params.alpha, sizeof s->params.alpha);
    put_u64(h + 104, r->spec_hash);
#define X(name, value, meaning)                                                                    \
    put_u32(at, s->params.name);                                                                   \
    at += 4;
    VARVE_INDEX_PARAM_TABLE(X)
#undef X
    h[30] = (uint8_t)((at - (h + INDEX_HEADER_PARAMS_AT)) / 4);
    put_u64(h + INDEX_HEADER_HASH_AT, hash_bytes(h, INDEX_HEADER_HASH_AT));
}

varve_status index_file_create(const char *temporary_path, const index_spec *spec,
                               uint32_t generation, uint64_t rows, index_file_writer **ret,
                               varve_error *err)
{
    VV_CLEANUP(index_file_discardp) index_file_writer *w = calloc(1, sizeof *w);
    index_spec normal = index_spec_normal(spec);
    if (!w) return vv_fail(err, VARVE_NO_MEMORY, "no memory to write %s", temporary_path);
    w->record = (index_record){.kind = spec->kind,
                               .generation = generation,
                               .rows = rows,
                               .spec_hash = index_spec_hash(spec)};
    index_mode_text(&normal.mode, w->record.mode);
    make_header(w, &normal);
    VV_TRY(block_stream_init(&w->stream, temporary_path, INDEX_HEADER_BYTES, err));
    *ret = w;
    w = NULL;
    return VARVE_OK;
}

void index_file_discard(index_file_writer *w)
{
    if (!w) return;
    block_stream_done(&w->stream);
    free(w);
}

void index_file_discardp(index_file_writer **w)
{
    index_file_discard(*w);
    *w = NULL;
}

/* ---- sections ------------------------------------------------------------------------------ */

static void close_section(index_file_writer *w)
{
    if (!w->open) return;
    entry *last = &w->entries[w->entry_count - 1];
    last->size = w->stream.position - last->offset;
    w->open = false;
}

static varve_status begin(index_file_writer *w, index_section kind, size_t alignment,
                          varve_error *err)
{
    close_section(w);
    VV_TRY(block_stream_align(&w->stream, alignment, err));
    w->entries[w->entry_count++] = (entry){.kind = kind, .offset = w->stream.position};
    w->open = true;
    return VARVE_OK;
}

varve_status index_file_begin(index_file_writer *w, index_section kind, size_t alignment,
                              varve_error *err)
{
    varve_status status;
    assert(!w->ended && w->entry_count + 1 < INDEX_SECTIONS_MAX);
    assert(alignment >= INDEX_ALIGNMENT);
    for (size_t i = 0; i < w->entry_count; i++)
        assert(w->entries[i].kind != kind);
    status = begin(w, kind, alignment, err);
    if (status != VARVE_OK) w->failed = true;
    return status;
}

varve_status index_file_put(index_file_writer *w, const void *bytes, size_t len, varve_error *err)
{
    varve_status status;
    assert(w->open);
    status = block_stream_put(&w->stream, bytes, len, err);
    if (status != VARVE_OK) w->failed = true;
    return status;
}

varve_status index_file_add(index_file_writer *w, index_section kind, const void *bytes, size_t len,
                            varve_error *err)
{
    VV_TRY(index_file_begin(w, kind, INDEX_ALIGNMENT, err));
    return index_file_put(w, bytes, len, err);
}

/* ---- the end ------------------------------------------------------------------------------- */

static varve_status put_sums(index_file_writer *w, varve_error *err)
{
    const buffer *sums = &w->stream.sums;
    VV_TRY(block_stream_align(&w->stream, INDEX_ALIGNMENT, err));
    VV_TRY(block_stream_end_blocks(&w->stream, err));
    w->entries[w->entry_count++] =
        (entry){INDEX_BLOCK_SUMS, w->stream.position, sums->len, hash_bytes(sums->data, sums->len)};
    return block_stream_put_after(&w->stream, sums->data, sums->len, err);
}

static size_t make_directory(const index_file_writer *w, uint8_t *ret)
{
    for (size_t i = 0; i < w->entry_count; i++, ret += INDEX_ENTRY_BYTES) {
        const entry *e = &w->entries[i];
        put_u32(ret, e->kind);
        put_u32(ret + 4, 0);
        put_u64(ret + 8, e->offset);
        put_u64(ret + 16, e->size);
        put_u64(ret + 24, e->hash);
    }
    return w->entry_count * INDEX_ENTRY_BYTES;
}

static varve_status put_directory_and_footer(index_file_writer *w, varve_error *err)
{
    uint8_t directory[INDEX_SECTIONS_MAX * INDEX_ENTRY_BYTES], footer[INDEX_FOOTER_BYTES] = {0};
    size_t directory_bytes = make_directory(w, directory);
    w->record.file_bytes = w->stream.position + directory_bytes + sizeof footer;
    memcpy(footer, INDEX_FOOTER_MAGIC, 8);
    put_u64(footer + 8, w->stream.position);
    put_u32(footer + 16, (uint32_t)w->entry_count);
    put_u32(footer + 20, BLOCK_STREAM_BLOCK_BYTES);
    put_u64(footer + 24, w->record.file_bytes);
    memcpy(footer + 32, w->header + INDEX_HEADER_HASH_AT, 8);
    put_u64(footer + 40, hash_bytes(directory, directory_bytes));
    w->record.footer_hash = hash_bytes(footer, INDEX_FOOTER_HASH_AT);
    put_u64(footer + INDEX_FOOTER_HASH_AT, w->record.footer_hash);
    VV_TRY(block_stream_put_after(&w->stream, directory, directory_bytes, err));
    return block_stream_put_after(&w->stream, footer, sizeof footer, err);
}

static varve_status put_end(index_file_writer *w, varve_error *err)
{
    if (w->failed) return vv_fail(err, VARVE_INTERNAL, "a section before could not be written");
    close_section(w);
    VV_TRY(put_sums(w, err));
    return put_directory_and_footer(w, err);
}

static varve_status draft(index_file_writer *w, varve_error *err)
{
    w->amend_at = block_stream_here(&w->stream);
    VV_TRY(put_end(w, err));
    VV_TRY(block_stream_flush(&w->stream, w->header, err));
    w->ended = true;
    return VARVE_OK;
}

varve_status index_file_draft(index_file_writer *w, varve_error *err)
{
    varve_status status;
    assert(!w->ended);
    status = draft(w, err);
    if (status != VARVE_OK) w->failed = true;
    return status;
}

varve_status index_file_amend(index_file_writer *w, varve_error *err)
{
    varve_status status;
    assert(w->ended);
    status = block_stream_rewind(&w->stream, &w->amend_at, err);
    if (status != VARVE_OK) w->failed = true;
    w->entry_count--; /* the block sums */
    w->ended = false;
    return status;
}

varve_status index_file_finish(index_file_writer *writer, const char *final_path, index_record *ret,
                               varve_error *err)
{
    VV_CLEANUP(index_file_discardp) index_file_writer *w = writer;
    if (!w->ended) VV_TRY(put_end(w, err));
    VV_TRY(block_stream_publish(&w->stream, w->header, final_path, err));
    *ret = w->record;
    return VARVE_OK;
}
