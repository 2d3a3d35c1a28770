/* index_file.c — an index file mapped and believed in nothing: every number is checked against the
 * file's size and the others before it is used; see index_file.h. */
#include "index/index_file.h"

#include "base/block_sums.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "index/index_spec.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define READ_AHEAD_BYTES ((size_t)4 << 20)

typedef struct section {
    index_section kind;
    uint64_t offset, size, hash;
} section;

struct index_file {
    char *path;
    file_map map;
    index_spec spec;
    index_record record;
    section sections[INDEX_SECTIONS_MAX];
    size_t section_count;
    block_sums blocks;
};

varve_status index_file_bad(const index_file *f, const char *what, varve_error *err)
{
    return vv_fail(err, VARVE_CORRUPT, "index %s: %s", f->path, what);
}

/* ---- header -------------------------------------------------------------------------------- */

static varve_status check_header(const index_file *f, const uint8_t *h, varve_error *err)
{
    uint32_t version = get_u32(h + 8);
    if (memcmp(h, INDEX_MAGIC, 8) != 0) return index_file_bad(f, "this is not an index file", err);
    if (get_u64(h + INDEX_HEADER_HASH_AT) != hash_bytes(h, INDEX_HEADER_HASH_AT))
        return index_file_bad(f, "the header does not match its checksum", err);
    if (version > INDEX_VERSION)
        return vv_fail(err, VARVE_NEWER_FORMAT,
                       "index %s has format version %u; this program reads up to %u", f->path,
                       version, INDEX_VERSION);
    return version == 0 ? index_file_bad(f, "format version 0", err) : VARVE_OK;
}

static varve_status read_mode(index_file *f, const uint8_t *h, varve_error *err)
{
    char *mode = f->record.mode;
    if (h[31] > SCHEMA_INDEX_MODE_MAX) return index_file_bad(f, "the mode has no name", err);
    memcpy(mode, h + INDEX_HEADER_MODE_AT, h[31]);
    if (strlen(mode) != h[31] || index_mode_parse(mode, &f->spec.mode, NULL) != VARVE_OK)
        return index_file_bad(f, "the mode is unknown", err);
    return VARVE_OK;
}

static void read_params(index_file *f, const uint8_t *h)
{
    varve_index_params *p = &f->spec.params;
    size_t i = 0, count = h[30];
    p->alpha = get_f64(h + 96);
#define X(name, value, meaning)                                                                    \
    p->name = i < count ? get_u32(h + INDEX_HEADER_PARAMS_AT + 4 * i) : (value);                   \
    i++;
    VARVE_INDEX_PARAM_TABLE(X)
#undef X
}

static varve_status read_header(index_file *f, varve_error *err)
{
    const uint8_t *h = f->map.data;
    VV_TRY(check_header(f, h, err));
    if (h[28] >= VARVE_DTYPE_COUNT || h[29] > INDEX_KIND_FULL || h[30] > INDEX_HEADER_PARAMS_MAX)
        return index_file_bad(f, "unknown vector type, kind or number of parameters", err);
    f->spec.kind = f->record.kind = (index_kind)h[29];
    f->spec.dim = get_u32(h + 24);
    f->spec.dtype = (varve_dtype)h[28];
    f->record.generation = get_u32(h + 12);
    f->record.rows = get_u64(h + 16);
    f->record.spec_hash = get_u64(h + 104);
    f->record.file_bytes = f->map.size;
    read_params(f, h);
    VV_TRY(read_mode(f, h, err));
    if (f->record.rows == 0 || f->record.rows >= UINT32_MAX)
        return index_file_bad(f, "no rows, or more than slots can count", err);
    if (index_params_check(&f->spec.params, NULL) != VARVE_OK ||
        index_spec_check(&f->spec, NULL) != VARVE_OK || !index_spec_has_file(&f->spec))
        return index_file_bad(f, "no such index is built", err);
    if (f->record.spec_hash != index_spec_hash(&f->spec))
        return index_file_bad(f, "mode and parameters are not those of the spec hash", err);
    f->spec = index_spec_normal(&f->spec);
    return VARVE_OK;
}

/* ---- footer and directory ------------------------------------------------------------------ */

static varve_status read_footer(index_file *f, section *ret_directory, varve_error *err)
{
    uint64_t footer_at = f->map.size - INDEX_FOOTER_BYTES;
    const uint8_t *h = f->map.data, *b = h + footer_at;
    section d = {.offset = get_u64(b + 8), .size = (uint64_t)get_u32(b + 16) * INDEX_ENTRY_BYTES};
    if (memcmp(b, INDEX_FOOTER_MAGIC, 8) != 0)
        return index_file_bad(f, "no footer: the file was cut short, or is something else", err);
    f->record.footer_hash = get_u64(b + INDEX_FOOTER_HASH_AT);
    if (f->record.footer_hash != hash_bytes(b, INDEX_FOOTER_HASH_AT))
        return index_file_bad(f, "the footer does not match its checksum", err);
    if (get_u64(b + 24) != f->map.size)
        return index_file_bad(f, "the file has another size than it says", err);
    if (get_u32(b + 20) != BLOCK_STREAM_BLOCK_BYTES)
        return index_file_bad(f, "unknown block size", err);
    if (get_u64(b + 32) != get_u64(h + INDEX_HEADER_HASH_AT))
        return index_file_bad(f, "header and footer are of different files", err);
    if (d.offset < INDEX_HEADER_BYTES || d.offset > footer_at || d.size != footer_at - d.offset)
        return index_file_bad(f, "the directory is not where the footer says", err);
    if (d.size == 0 || d.size > (uint64_t)INDEX_SECTIONS_MAX * INDEX_ENTRY_BYTES)
        return index_file_bad(f, "the directory is empty, or too long", err);
    if (get_u64(b + 40) != hash_bytes(h + d.offset, d.size))
        return index_file_bad(f, "the directory does not match its checksum", err);
    *ret_directory = d;
    return VARVE_OK;
}

static varve_status read_entry(const index_file *f, const uint8_t *p, section *ret,
                               varve_error *err)
{
    *ret = (section){get_u32(p), get_u64(p + 8), get_u64(p + 16), get_u64(p + 24)};
    if (get_u32(p + 4) != 0) return index_file_bad(f, "unknown flags on a section", err);
    return VARVE_OK;
}

/* The block sums end the directory and say how far the blocks reach. */
static varve_status read_sums(index_file *f, const section *directory, varve_error *err)
{
    const uint8_t *d = f->map.data + directory->offset;
    section e;
    VV_TRY(read_entry(f, d + directory->size - INDEX_ENTRY_BYTES, &e, err));
    if (e.kind != INDEX_BLOCK_SUMS)
        return index_file_bad(f, "the directory does not end with the block sums", err);
    if (e.offset < INDEX_HEADER_BYTES || e.offset > directory->offset ||
        e.size != directory->offset - e.offset || e.offset % INDEX_ALIGNMENT != 0)
        return index_file_bad(f, "the block sums are not before the directory", err);
    if (!block_sums_fit(e.offset, e.size))
        return index_file_bad(f, "the block sums do not fit the sections", err);
    if (e.hash != hash_bytes(f->map.data + e.offset, e.size))
        return index_file_bad(f, "the block sums do not match their checksum", err);
    return block_sums_init(&f->blocks, "index", f->path, &f->map, INDEX_HEADER_BYTES, e.offset,
                           err);
}

static varve_status read_sections(index_file *f, const section *directory, varve_error *err)
{
    const uint8_t *d = f->map.data + directory->offset;
    uint64_t end = INDEX_HEADER_BYTES;
    f->section_count = directory->size / INDEX_ENTRY_BYTES - 1;
    for (size_t i = 0; i < f->section_count; i++) {
        section *e = &f->sections[i];
        VV_TRY(read_entry(f, d + i * INDEX_ENTRY_BYTES, e, err));
        if (e->offset < end || e->offset > f->blocks.end || e->size > f->blocks.end - e->offset ||
            e->offset % INDEX_ALIGNMENT != 0)
            return index_file_bad(f, "a section is not where it may be", err);
        for (size_t j = 0; j < i; j++) {
            if (f->sections[j].kind == e->kind)
                return index_file_bad(f, "a section is there twice", err);
        }
        end = e->offset + e->size;
    }
    return VARVE_OK;
}

/* ---- life ---------------------------------------------------------------------------------- */

static varve_status open_into(index_file *f, const char *path, varve_error *err)
{
    section directory = {0};
    f->path = strdup(path);
    if (!f->path) return vv_fail(err, VARVE_NO_MEMORY, "no memory to open index %s", path);
    VV_TRY(file_map_open(path, &f->map, err));
    if (f->map.size < INDEX_HEADER_BYTES + INDEX_FOOTER_BYTES)
        return index_file_bad(f, "the file is too short", err);
    VV_TRY(read_header(f, err));
    VV_TRY(read_footer(f, &directory, err));
    VV_TRY(read_sums(f, &directory, err));
    return read_sections(f, &directory, err);
}

varve_status index_file_open(const char *path, index_file **ret, varve_error *err)
{
    VV_CLEANUP(index_file_closep) index_file *f = calloc(1, sizeof *f);
    if (!f) return vv_fail(err, VARVE_NO_MEMORY, "no memory to open index %s", path);
    VV_TRY(open_into(f, path, err));
    *ret = f;
    f = NULL;
    return VARVE_OK;
}

void index_file_close(index_file *f)
{
    if (!f) return;
    block_sums_done(&f->blocks);
    file_unmap(&f->map);
    free(f->path);
    free(f);
}

void index_file_closep(index_file **f)
{
    index_file_close(*f);
    *f = NULL;
}

const char *index_file_path(const index_file *f) { return f->path; }
const index_spec *index_file_spec(const index_file *f) { return &f->spec; }
const index_record *index_file_record(const index_file *f) { return &f->record; }
uint64_t index_file_rows(const index_file *f) { return f->record.rows; }

/* ---- sections ------------------------------------------------------------------------------ */

static const section *find(const index_file *f, index_section kind)
{
    for (size_t i = 0; i < f->section_count; i++) {
        if (f->sections[i].kind == kind) return &f->sections[i];
    }
    return NULL;
}

const uint8_t *index_file_section(const index_file *f, index_section kind, uint64_t *ret_size)
{
    const section *s = find(f, kind);
    if (!s) return NULL;
    *ret_size = s->size;
    return f->map.data + s->offset;
}

varve_status index_file_verify(index_file *f, const void *bytes, size_t len, varve_error *err)
{
    uint64_t offset = (uint64_t)((const uint8_t *)bytes - f->map.data);
    assert(offset <= f->blocks.end && len <= f->blocks.end - offset);
    return block_sums_verify(&f->blocks, offset, len, err);
}

varve_status index_file_verify_all(index_file *f, varve_error *err)
{
    return block_sums_verify_all(&f->blocks, err);
}

varve_status index_file_place(const index_file *f, index_section kind, uint64_t least,
                              uint64_t most, const char *what, const uint8_t **ret,
                              uint64_t *ret_size, varve_error *err)
{
    const section *s = find(f, kind);
    if (!s) return vv_fail(err, VARVE_CORRUPT, "index %s: no %s", f->path, what);
    if (s->size < least || s->size > most)
        return vv_fail(err, VARVE_CORRUPT, "index %s: %s: %llu bytes are not right", f->path, what,
                       (unsigned long long)s->size);
    *ret = f->map.data + s->offset;
    *ret_size = s->size;
    return VARVE_OK;
}

varve_status index_file_need(index_file *f, index_section kind, uint64_t least, uint64_t most,
                             const char *what, const uint8_t **ret, uint64_t *ret_size,
                             varve_error *err)
{
    const uint8_t *at;
    uint64_t size;
    VV_TRY(index_file_place(f, kind, least, most, what, &at, &size, err));
    VV_TRY(index_file_verify(f, at, size, err));
    *ret = at;
    *ret_size = size;
    return VARVE_OK;
}

varve_status index_file_read(index_file *f, index_section kind, void *to, varve_error *err)
{
    const section *s = find(f, kind);
    assert(s);
    for (uint64_t done = 0, part; done < s->size; done += part) {
        const uint8_t *from = f->map.data + s->offset + done;
        part = VV_MIN(s->size - done, (uint64_t)READ_AHEAD_BYTES);
        index_file_will_need(f, from, VV_MIN(s->size - done, 2 * (uint64_t)READ_AHEAD_BYTES));
        VV_TRY(index_file_verify(f, from, part, err));
        memcpy((uint8_t *)to + done, from, part);
    }
    return VARVE_OK;
}

/* ---- advice: refused, it costs speed only -------------------------------------------------- */

static void advise(const index_file *f, const void *bytes, size_t len, int advice)
{
    uintptr_t from = (uintptr_t)bytes, to = from + len;
    from -= from % (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)f;
    if (to > from) (void)madvise((void *)from, to - from, advice);
}

void index_file_will_need(const index_file *f, const void *bytes, size_t len)
{
    advise(f, bytes, len, MADV_WILLNEED);
}

void index_file_random(const index_file *f, index_section kind)
{
    const section *s = find(f, kind);
    if (s) advise(f, f->map.data + s->offset, s->size, MADV_RANDOM);
}
