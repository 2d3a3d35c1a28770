/* text_open.c — a text index over its image: header, paths, the term index; the rest is read when
 * asked for. Nothing is believed before it is checked. */
#include "field/text_inner.h"

#include <stdlib.h>

static varve_status corrupt(const char *what, varve_error *err)
{
    return vv_fail(err, VARVE_CORRUPT, "text index: %s", what);
}

/* ---- opening -------------------------------------------------------------------------------- */

static bool is_width(unsigned width) { return width == 1 || width == 2 || width == 4; }

static varve_status read_options(text_index *x, const uint8_t *h, varve_error *err)
{
    if (!memchr(h + 16, 0, sizeof x->options.language)) return corrupt("bad language", err);
    memcpy(x->options.language, h + 16, sizeof x->options.language);
    x->options.stem = h[32] & TEXT_OPTION_STEM;
    x->options.stop_words = h[32] & TEXT_OPTION_STOP_WORDS;
    x->options.fold_accents = h[32] & TEXT_OPTION_FOLD_ACCENTS;
    return VARVE_OK;
}

static varve_status read_header(text_index *x, varve_error *err)
{
    const uint8_t *h;
    VV_TRY(postings_image_get(&x->image, 0, TEXT_HEADER_BYTES, &h, err));
    if (memcmp(h, TEXT_MAGIC, 8) != 0) return corrupt("bad magic", err);
    if (get_u32(h + 8) != TEXT_INDEX_VERSION) return corrupt("unknown version", err);
    if (get_u32(h + 12) != x->rows) return corrupt("made of another number of rows", err);
    VV_TRY(read_options(x, h, err));
    x->total_width = h[33];
    x->path_count = get_u32(h + 36);
    x->tokens = get_u64(h + 40);
    x->lengths_at = get_u64(h + 56);
    x->postings_at = get_u64(h + 64);
    x->terms_at = get_u64(h + 72);
    x->term_count = get_u32(h + 88);
    x->block_count = get_u32(h + 92);
    uint64_t index_at = get_u64(h + 80), index_bytes = ((uint64_t)x->block_count + 1) * 8;
    if (!is_width(x->total_width) || x->path_count > TEXT_PATHS_STORED_MAX ||
        get_u64(h + 48) != TEXT_HEADER_BYTES || x->lengths_at < TEXT_HEADER_BYTES ||
        x->postings_at < x->lengths_at || x->terms_at < x->postings_at ||
        x->terms_at - x->postings_at < POSTINGS_PADDING || index_at < x->terms_at ||
        index_at > x->image.size || x->image.size - index_at != index_bytes ||
        get_u64(h + 96) != x->image.size ||
        x->block_count !=
            ((uint64_t)x->term_count + TEXT_DICTIONARY_BLOCK - 1) / TEXT_DICTIONARY_BLOCK)
        return corrupt("sections that do not fit", err);
    x->postings_bytes = x->terms_at - x->postings_at;
    x->terms_bytes = index_at - x->terms_at;
    return postings_image_get(&x->image, index_at, index_bytes, &x->blocks, err);
}

static uint64_t lengths_bytes(const text_index *x, const text_path *p)
{
    return p->flags & TEXT_PATH_DENSE ? (uint64_t)x->rows * p->width
                                      : (uint64_t)p->rows * (4U + p->width);
}

static varve_status read_path(text_index *x, const uint8_t *entry, varve_text names, text_path *p,
                              varve_error *err)
{
    uint32_t name_at = get_u32(entry), name_len = get_u16(entry + 4);
    if (name_at > names.len || name_len > names.len - name_at) return corrupt("bad path", err);
    *p = (text_path){.name = {names.data + name_at, name_len},
                     .flags = entry[6],
                     .width = entry[7],
                     .rows = get_u32(entry + 8),
                     .tokens = get_u64(entry + 16),
                     .lengths_at = get_u64(entry + 24)};
    if (!is_width(p->width) || p->rows > x->rows || p->lengths_at < x->lengths_at ||
        p->lengths_at > x->postings_at || lengths_bytes(x, p) > x->postings_at - p->lengths_at)
        return corrupt("bad lengths of a path", err);
    return VARVE_OK;
}

static varve_status read_paths(text_index *x, varve_error *err)
{
    const uint8_t *bytes;
    uint64_t size = x->lengths_at - TEXT_HEADER_BYTES;
    uint64_t table = (uint64_t)x->path_count * TEXT_PATH_BYTES;
    if (table > size || (uint64_t)x->rows * x->total_width > x->postings_at - x->lengths_at)
        return corrupt("paths that do not fit", err);
    VV_TRY(postings_image_get(&x->image, TEXT_HEADER_BYTES, size, &bytes, err));
    x->paths = calloc((size_t)x->path_count + 1, sizeof *x->paths);
    if (!x->paths) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a text index");
    varve_text names = {(const char *)bytes + table, size - table};
    for (uint32_t i = 0; i < x->path_count; i++)
        VV_TRY(read_path(x, bytes + (size_t)i * TEXT_PATH_BYTES, names, &x->paths[i], err));
    return VARVE_OK;
}

static void free_index(text_index **x) { text_index_free(*x); }

varve_status text_index_open(const field_image *image, uint32_t rows, text_index **ret,
                             varve_error *err)
{
    VV_CLEANUP(free_index) text_index *x = calloc(1, sizeof *x);
    if (!x) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a text index");
    x->image = *image;
    x->rows = rows;
    VV_TRY(read_header(x, err));
    VV_TRY(read_paths(x, err));
    *ret = x;
    x = NULL;
    return VARVE_OK;
}

void text_index_free(text_index *x)
{
    if (!x) return;
    free(x->paths);
    free(x);
}

const text_options *text_index_options(const text_index *x) { return &x->options; }

/* ---- lengths and paths ---------------------------------------------------------------------- */

varve_status text_index_lengths(const text_index *x, uint32_t path_at, text_lengths *ret,
                                varve_error *err)
{
    const uint8_t *bytes;
    text_path whole = {.flags = TEXT_PATH_DENSE, .width = x->total_width};
    const text_path *p = path_at == POSTINGS_NONE ? &whole : &x->paths[path_at];
    uint64_t at = path_at == POSTINGS_NONE ? x->lengths_at : p->lengths_at;
    VV_TRY(postings_image_get(&x->image, at, lengths_bytes(x, p), &bytes, err));
    *ret = (text_lengths){.lengths = bytes, .count = x->rows, .width = p->width};
    if (!(p->flags & TEXT_PATH_DENSE)) {
        ret->count = p->rows;
        ret->slots = bytes;
        ret->lengths = bytes + (size_t)p->rows * 4;
    }
    return VARVE_OK;
}

uint32_t text_length_sparse(const text_lengths *l, uint32_t slot)
{
    uint32_t low = 0, high = l->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2, found = get_u32(l->slots + (size_t)middle * 4);
        if (found == slot) return text_length_at(l, middle);
        if (found < slot)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

uint32_t text_index_path(const text_index *x, varve_text spelled)
{
    for (uint32_t i = 0; i < x->path_count; i++) {
        const text_path *p = &x->paths[i];
        if (!(p->flags & TEXT_PATH_UNNAMED) && p->name.len == spelled.len &&
            (spelled.len == 0 || memcmp(p->name.data, spelled.data, spelled.len) == 0))
            return i;
    }
    return POSTINGS_NONE;
}

/* ---- terms ---------------------------------------------------------------------------------- */

typedef struct dictionary { /* a block being read */
    const uint8_t *at, *end;
    uint32_t left; /* terms */
    uint64_t list; /* offset within postings of the next one's */
    size_t len;    /* of the term */
    uint8_t term[2 * ANALYZER_TOKEN_BYTES];
} dictionary;

static varve_status open_block(const text_index *x, uint32_t block, dictionary *d, varve_error *err)
{
    const uint8_t *bytes;
    uint64_t begin = get_u64(x->blocks + (size_t)block * 8);
    uint64_t end = get_u64(x->blocks + (size_t)block * 8 + 8);
    if (begin > end || end > x->terms_bytes || end - begin < 8)
        return corrupt("a bad block of terms", err);
    VV_TRY(postings_image_get(&x->image, x->terms_at + begin, end - begin, &bytes, err));
    d->at = bytes + 8;
    d->end = bytes + (end - begin);
    d->list = get_u64(bytes);
    d->len = 0;
    uint32_t first = block * TEXT_DICTIONARY_BLOCK;
    d->left = VV_MIN(x->term_count - first, (uint32_t)TEXT_DICTIONARY_BLOCK);
    return VARVE_OK;
}

/* The next term into d->term, and where its list is. */
static varve_status next_term(const text_index *x, dictionary *d, text_entry *ret, varve_error *err)
{
    uint64_t rows, bytes, room = x->postings_bytes - POSTINGS_PADDING;
    if (d->end - d->at < 2) return corrupt("a block of terms is cut short", err);
    size_t shared = d->at[0], more = d->at[1];
    d->at += 2;
    if (shared > d->len || shared + more > ANALYZER_TOKEN_BYTES || more > (size_t)(d->end - d->at))
        return corrupt("a bad term", err);
    memcpy(d->term + shared, d->at, more);
    d->len = shared + more;
    d->at += more;
    if (!varint_read(&d->at, d->end, &rows) || !varint_read(&d->at, d->end, &bytes) || rows == 0 ||
        rows > x->rows || d->list > room || bytes > room - d->list)
        return corrupt("a bad list of a term", err);
    *ret = (text_entry){(uint32_t)rows, x->postings_at + d->list, bytes};
    d->list += bytes;
    d->left--;
    return VARVE_OK;
}

static int compare(const dictionary *d, varve_text term)
{
    size_t common = VV_MIN(d->len, term.len);
    int order = common ? memcmp(d->term, term.data, common) : 0;
    return order ? order : (d->len > term.len) - (d->len < term.len);
}

/* The last block whose first term is not behind this one; block_count: there is none. */
static varve_status find_block(const text_index *x, varve_text term, uint32_t *ret,
                               varve_error *err)
{
    uint32_t low = 0, high = x->block_count;
    dictionary d;
    text_entry entry;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        VV_TRY(open_block(x, middle, &d, err));
        VV_TRY(next_term(x, &d, &entry, err));
        if (compare(&d, term) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret = low ? low - 1 : x->block_count;
    return VARVE_OK;
}

varve_status text_index_find(const text_index *x, varve_text term, text_entry *ret,
                             varve_error *err)
{
    uint32_t block;
    dictionary d;
    text_entry entry;
    *ret = (text_entry){0};
    VV_TRY(find_block(x, term, &block, err));
    if (block == x->block_count) return VARVE_OK;
    VV_TRY(open_block(x, block, &d, err));
    while (d.left > 0) {
        VV_TRY(next_term(x, &d, &entry, err));
        if (compare(&d, term) != 0) continue;
        *ret = entry;
        break;
    }
    return VARVE_OK;
}

static bool has_prefix(const dictionary *d, varve_text prefix)
{
    return d->len >= prefix.len &&
           (prefix.len == 0 || memcmp(d->term, prefix.data, prefix.len) == 0);
}

varve_status text_index_walk(const text_index *x, varve_text prefix, text_term_visit *visit,
                             void *context, varve_error *err)
{
    uint32_t block;
    dictionary d;
    text_entry entry;
    VV_TRY(find_block(x, prefix, &block, err));
    for (block = block == x->block_count ? 0 : block; block < x->block_count; block++) {
        VV_TRY(open_block(x, block, &d, err));
        while (d.left > 0) {
            VV_TRY(next_term(x, &d, &entry, err));
            varve_text term = {(const char *)d.term, d.len};
            if (has_prefix(&d, prefix))
                VV_TRY(visit(context, term, &entry, err));
            else if (compare(&d, prefix) > 0)
                return VARVE_OK;
        }
    }
    return VARVE_OK;
}
