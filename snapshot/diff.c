/* diff.c — see diff.h. Both lists of collections ascend by number, so that one pass over the two
 * pairs them; contents are paired by their sums. */
#include "diff.h"

#include <stdlib.h>
#include <string.h>

const char *diff_kind_word(diff_kind kind)
{
    static const char *const words[] = {[DIFF_ADDED] = "added",
                                        [DIFF_DROPPED] = "dropped",
                                        [DIFF_CHANGED] = "changed",
                                        [DIFF_SAME] = "same"};
    return words[kind];
}

void diff_done(diff *d)
{
    free(d->collections);
    *d = (diff){0};
}

/* ---- contents ------------------------------------------------------------------------------ */

typedef struct content {
    const uint8_t *sum;
    uint64_t size;
} content;

static int by_sum(const void *a, const void *b)
{
    return memcmp(((const content *)a)->sum, ((const content *)b)->sum, SUMS_BYTES);
}

/* Each content once, in order. */
static varve_status list_contents(const manifest *m, content **ret, size_t *ret_count,
                                  varve_error *err)
{
    content *list = malloc((m->file_count + 1) * sizeof *list);
    size_t count = 0;
    if (!list) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu files", m->file_count);
    for (size_t i = 0; i < m->file_count; i++)
        list[i] = (content){m->files[i].sha256, m->files[i].size};
    if (m->file_count) qsort(list, m->file_count, sizeof *list, by_sum);
    for (size_t i = 0; i < m->file_count; i++)
        if (count == 0 || by_sum(&list[i], &list[count - 1]) != 0) list[count++] = list[i];
    *ret = list;
    *ret_count = count;
    return VARVE_OK;
}

/* What of `list` is not in `other`. */
static void count_missing(const content *list, size_t count, const content *other,
                          size_t other_count, uint64_t *ret_files, uint64_t *ret_bytes)
{
    for (size_t i = 0, k = 0; i < count; i++) {
        while (k < other_count && by_sum(&other[k], &list[i]) < 0)
            k++;
        if (k < other_count && by_sum(&other[k], &list[i]) == 0) continue;
        ++*ret_files;
        *ret_bytes += list[i].size;
    }
}

static varve_status compare_contents(const manifest *before, const manifest *after, diff *d,
                                     varve_error *err)
{
    VV_CLEANUP(vv_freep) content *old = NULL;
    VV_CLEANUP(vv_freep) content *new = NULL;
    size_t old_count = 0, new_count = 0;
    VV_TRY(list_contents(before, &old, &old_count, err));
    VV_TRY(list_contents(after, &new, &new_count, err));
    count_missing(new, new_count, old, old_count, &d->files_new, &d->bytes_new);
    count_missing(old, old_count, new, new_count, &d->files_gone, &d->bytes_gone);
    return VARVE_OK;
}

static void sum_files(const manifest *m, uint64_t *ret_files, uint64_t *ret_bytes)
{
    *ret_files = m->file_count;
    for (size_t i = 0; i < m->file_count; i++)
        *ret_bytes += m->files[i].size;
}

/* ---- collections --------------------------------------------------------------------------- */

/* The files of a collection's own number, by path. Those of its vector fields have others. */
static const manifest_file *next_own(const manifest *m, uint32_t id, size_t *at)
{
    while (*at < m->file_count) {
        const manifest_file *f = &m->files[(*at)++];
        if ((f->role == ROLE_SEGMENT || f->role == ROLE_INDEX) && f->collection == id) return f;
    }
    return NULL;
}

static bool same_files(const manifest *a, const manifest *b, uint32_t id)
{
    size_t i = 0, k = 0;
    for (;;) {
        const manifest_file *x = next_own(a, id, &i), *y = next_own(b, id, &k);
        if (!x || !y) return x == y;
        if (strcmp(x->path, y->path) != 0 || !sums_equal(x->sha256, y->sha256)) return false;
    }
}

static bool same_names(const manifest_collection *a, const manifest_collection *b)
{
    return strcmp(a->database, b->database) == 0 && strcmp(a->name, b->name) == 0;
}

static bool is_same(const manifest *before, const manifest *after, const manifest_collection *a,
                    const manifest_collection *b)
{
    if (a->rows != b->rows || a->deleted != b->deleted || !same_names(a, b)) return false;
    if (a->has_schema && b->has_schema && !sums_equal(a->schema_sha256, b->schema_sha256))
        return false;
    if (a->has_digest && b->has_digest) return sums_equal(a->digest, b->digest);
    return same_files(before, after, a->id);
}

static void pair_collections(const manifest *before, const manifest *after, diff *d)
{
    size_t i = 0, k = 0;
    while (i < before->collection_count || k < after->collection_count) {
        const manifest_collection *a =
            i < before->collection_count ? &before->collections[i] : NULL;
        const manifest_collection *b = k < after->collection_count ? &after->collections[k] : NULL;
        if (a && b && a->id != b->id) {
            if (a->id < b->id)
                b = NULL;
            else
                a = NULL;
        }
        diff_kind kind = !a                             ? DIFF_ADDED
                         : !b                           ? DIFF_DROPPED
                         : is_same(before, after, a, b) ? DIFF_SAME
                                                        : DIFF_CHANGED;
        d->collections[d->collection_count++] = (diff_collection){kind, a, b};
        d->rows_before += a ? a->rows : 0;
        d->rows_after += b ? b->rows : 0;
        i += a != NULL;
        k += b != NULL;
    }
}

varve_status diff_make(const manifest *before, const manifest *after, diff *ret, varve_error *err)
{
    VV_CLEANUP(diff_done) diff d = {0};
    d.collections =
        calloc(before->collection_count + after->collection_count + 1, sizeof *d.collections);
    if (!d.collections) return vv_fail(err, VARVE_NO_MEMORY, "no memory to compare snapshots");
    pair_collections(before, after, &d);
    sum_files(before, &d.files_before, &d.bytes_before);
    sum_files(after, &d.files_after, &d.bytes_after);
    VV_TRY(compare_contents(before, after, &d, err));
    *ret = d;
    d = (diff){0};
    return VARVE_OK;
}
