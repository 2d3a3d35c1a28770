/* segment_open.c — the life of a segment handle: map, parse, compare with the manifest, share,
 * remove. */
#include "base/bytes.h"
#include "segment/segment_inner.h"

#include <stdlib.h>
#include <sys/mman.h>

/* Below this a segment is one mapping with one advice: there may be very many small ones. */
#define ADVICE_BYTES_MIN ((uint64_t)1 << 20)

/* Ends of the file, ids and fields are read here and there, and the first touch of a block asks for
 * all of it (segment_read.c); vectors are scanned front to back. Advice that is refused costs speed
 * only. */
static void advise_random(const segment *s)
{
    if (s->map.data) (void)madvise((void *)(uintptr_t)s->map.data, s->map.size, MADV_RANDOM);
}

static void advise_vectors(const segment *s)
{
    uint64_t end = s->vectors.offset + s->vectors.size;
    end -= end % SEGMENT_BLOCK_BYTES;
    if (end >= ADVICE_BYTES_MIN)
        (void)madvise((void *)(uintptr_t)s->map.data, end, MADV_SEQUENTIAL);
}

static varve_status check_place(const segment *s, const segment_spec *spec, varve_error *err)
{
    const segment_spec *is = &s->spec;
    if (is->collection == spec->collection && is->number == spec->number) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT,
                   "segment %s: this is segment %llu of collection %u, not %llu of %u", s->path,
                   (unsigned long long)is->number, is->collection, (unsigned long long)spec->number,
                   spec->collection);
}

static bool same_text_options(const text_options *a, const text_options *b)
{
    return a->stem == b->stem && a->stop_words == b->stop_words &&
           a->fold_accents == b->fold_accents &&
           strncmp(a->language, b->language, sizeof a->language) == 0;
}

/* A text index whose words were made in another way than those of a query answers wrongly, and so
 * does one for fields over what are sparse vectors. */
static varve_status check_content(const segment *s, const segment_spec *spec, varve_error *err)
{
    static const char *const names[] = {"fields", "sparse vectors"};
    if (spec->any_content) return VARVE_OK;
    if (s->spec.content != spec->content)
        return vv_fail(err, VARVE_CORRUPT, "segment %s: holds %s, the collection holds %s", s->path,
                       names[s->spec.content == SEGMENT_SPARSE_VECTOR],
                       names[spec->content == SEGMENT_SPARSE_VECTOR]);
    if (!same_text_options(&s->spec.text, &spec->text))
        return vv_fail(err, VARVE_CORRUPT,
                       "segment %s: its options of texts are not those of the collection", s->path);
    return VARVE_OK;
}

static varve_status check_vectors(const segment *s, const segment_spec *spec, varve_error *err)
{
    const segment_spec *is = &s->spec;
    if (is->dim == spec->dim && is->dtype == spec->dtype) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "segment %s: holds %s[%u], the collection is %s[%u]",
                   s->path, varve_dtype_name(is->dtype), is->dim, varve_dtype_name(spec->dtype),
                   spec->dim);
}

/* A record names exactly this content by its hash, the header included. So a file that is a copy,
 * and names in its header the collection and number it was born with, is told from any other. */
static varve_status check_record(segment *s, const segment_record *expect, varve_error *err)
{
    uint8_t is[SEGMENT_RECORD_BYTES], should[SEGMENT_RECORD_BYTES];
    segment_record_put(&s->record, is);
    segment_record_put(expect, should);
    if (memcmp(is, should, sizeof is) != 0)
        return vv_fail(err, VARVE_CORRUPT, "segment %s: not the file that the manifest names",
                       s->path);
    s->record.number = s->spec.number = expect->number;
    return VARVE_OK;
}

static varve_status check_expected(segment *s, const segment_spec *spec,
                                   const segment_record *expect, varve_error *err)
{
    if (expect) VV_TRY(check_record(s, expect, err));
    if (spec && expect) s->spec.collection = spec->collection;
    if (!spec) return VARVE_OK;
    VV_TRY(check_place(s, spec, err));
    VV_TRY(check_vectors(s, spec, err));
    return check_content(s, spec, err);
}

static varve_status open_into(segment *s, const char *path, const segment_spec *spec,
                              const segment_record *expect, varve_error *err)
{
    s->references = 1;
    s->path = strdup(path);
    if (!s->path) return vv_fail(err, VARVE_NO_MEMORY, "no memory to open segment %s", path);
    VV_TRY(file_map_open(path, &s->map, err));
    advise_random(s);
    VV_TRY(segment_parse(s, err));
    VV_TRY(check_expected(s, spec, expect, err));
    advise_vectors(s);
    return VARVE_OK;
}

varve_status segment_open(const char *path, const segment_spec *spec, const segment_record *expect,
                          segment **ret, varve_error *err)
{
    VV_CLEANUP(segment_unrefp) segment *s = calloc(1, sizeof *s);
    if (!s) return vv_fail(err, VARVE_NO_MEMORY, "no memory to open segment %s", path);
    VV_TRY(open_into(s, path, spec, expect, err));
    *ret = s;
    s = NULL;
    return VARVE_OK;
}

segment *segment_ref(segment *s)
{
    __atomic_add_fetch(&s->references, 1, __ATOMIC_RELAXED);
    return s;
}

void segment_unref(segment *s)
{
    if (!s || __atomic_sub_fetch(&s->references, 1, __ATOMIC_ACQ_REL) != 0) return;
    segment_close_images(s);
    file_unmap(&s->map);
    /* What cannot be removed now is swept by the next open: no manifest names it. */
    if (s->doomed) (void)!file_unlink(s->path, NULL);
    block_sums_done(&s->blocks);
    free(s->path);
    free(s);
}

void segment_unrefp(segment **s)
{
    segment_unref(*s);
    *s = NULL;
}

void segment_doom(segment *s) { __atomic_store_n(&s->doomed, true, __ATOMIC_RELAXED); }

const segment_spec *segment_get_spec(const segment *s) { return &s->spec; }
const segment_record *segment_get_record(const segment *s) { return &s->record; }
const char *segment_path(const segment *s) { return s->path; }
