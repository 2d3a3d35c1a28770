/* memtable_parts.c — images of a memtable's fields, made for each full stretch of rows when a
 * search first asks, so that writers pay nothing and searches do so once. */
#include "base/bytes.h"
#include "segment/memtable_inner.h"

#include <stdlib.h>

typedef struct memtable_part_images {
    buffer bytes[ROW_IMAGES];
    row_images open;
} part;

void memtable_set_content(memtable *m, segment_content content, const text_options *text)
{
    m->content = content;
    m->text = *text;
}

segment_content memtable_content(const memtable *m) { return m->content; }
const text_options *memtable_text_options(const memtable *m) { return &m->text; }

static void part_free(part *p)
{
    if (!p) return;
    row_images_done(&p->open);
    for (size_t i = 0; i < ROW_IMAGES; i++)
        buffer_done(&p->bytes[i]);
    free(p);
}

static void part_freep(part **p) { part_free(*p); }

void memtable_parts_done(memtable *m)
{
    for (uint64_t i = 0; i < m->part_count; i++)
        part_free(m->parts[i]);
    free(m->parts);
    (void)pthread_mutex_destroy(&m->parts_lock);
}

/* ---- making one ------------------------------------------------------------------------------ */

typedef struct stretch {
    const memtable *m;
    uint64_t first;
} stretch;

static varve_status get_row(void *context, uint32_t slot, varve_text *ret, varve_error *err)
{
    const stretch *s = context;
    (void)err;
    *ret = memtable_fields(s->m, s->first + slot);
    return VARVE_OK;
}

static varve_status get_bytes(void *context, uint64_t offset, uint64_t len, const uint8_t **ret,
                              varve_error *err)
{
    const buffer *b = context;
    if (offset > b->len || len > b->len - offset)
        return vv_fail(err, VARVE_CORRUPT, "%s: read beyond its end", b->what);
    *ret = (const uint8_t *)b->data + offset;
    return VARVE_OK;
}

static varve_status part_make(const memtable *m, uint64_t i, part **ret, varve_error *err)
{
    stretch rows = {m, i * MEMTABLE_PART_ROWS};
    const row_contents contents = {get_row, &rows};
    field_image images[ROW_IMAGES];
    VV_CLEANUP(part_freep) part *p = calloc(1, sizeof *p);
    if (!p) return vv_fail(err, VARVE_NO_MEMORY, "no memory for field indexes of rows in memory");
    for (size_t k = 0; k < ROW_IMAGES; k++)
        buffer_init(&p->bytes[k], SIZE_MAX / 2, "field indexes of rows in memory");
    VV_TRY(row_images_build(m->content, &m->text, &contents, MEMTABLE_PART_ROWS, p->bytes, err));
    for (size_t k = 0; k < ROW_IMAGES; k++)
        images[k] = (field_image){p->bytes[k].len, get_bytes, &p->bytes[k]};
    VV_TRY(row_images_open(images, MEMTABLE_PART_ROWS, &p->open, err));
    *ret = p;
    p = NULL;
    return VARVE_OK;
}

/* With the lock. */
static varve_status part_locked(memtable *m, uint64_t i, part **ret, varve_error *err)
{
    if (i >= m->part_count) {
        part **larger = realloc(m->parts, (i + 1) * sizeof *larger);
        if (!larger)
            return vv_fail(err, VARVE_NO_MEMORY, "no memory for field indexes of rows in memory");
        for (m->parts = larger; m->part_count <= i; m->part_count++)
            m->parts[m->part_count] = NULL;
    }
    if (!m->parts[i]) VV_TRY(part_make(m, i, &m->parts[i], err));
    *ret = m->parts[i];
    return VARVE_OK;
}

varve_status memtable_part(memtable *m, uint64_t i, const row_images **ret, varve_error *err)
{
    varve_status status;
    part *p = NULL;
    (void)pthread_mutex_lock(&m->parts_lock);
    status = part_locked(m, i, &p, err);
    (void)pthread_mutex_unlock(&m->parts_lock);
    if (status == VARVE_OK) *ret = &p->open;
    return status;
}
