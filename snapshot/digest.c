/* digest.c — see digest.h. Rows are read by pages in order of their ids, from several places at
 * once: ids of rows picked at random part them into ranges. */
#include "digest.h"

#include "digest_row.h"
#include "each.h"
#include "ids_order.h"

#include <stdlib.h>
#include <string.h>

#define THREADS_DEFAULT  2
#define THREADS_MAX      64
#define RANGES_OF_THREAD 4 /* so that none waits long for the last */
#define RANGES_MAX       (THREADS_MAX * RANGES_OF_THREAD)
#define ROWS_PARTED      20000 /* fewer are read in one go */
#define PAGE_ROWS        2048
#define PAGE_BYTES       ((size_t)8 << 20) /* of vectors */
#define FIELDS_MAX       65                /* the primary one among them */

typedef struct digest_job {
    varve_collection *c;
    const digest_options *o;
    varve_field_info fields[FIELDS_MAX]; /* named ones, ascending */
    size_t field_count, page_rows;
    varve_hits *parts;           /* owns the ids */
    varve_id starts[RANGES_MAX]; /* of all ranges but the first */
    size_t range_count;
    struct range *ranges;
} digest_job;

typedef struct range {
    digest_sums sums;
    digest_rows picked; /* its picks alone */
} range;

static void job_done(digest_job *j)
{
    for (size_t i = 0; j->ranges && i < j->range_count; i++) {
        digest_sums_done(&j->ranges[i].sums);
        digest_rows_done(&j->ranges[i].picked);
    }
    free(j->ranges);
    varve_hits_free(j->parts);
}

void digest_rows_done(digest_rows *rows)
{
    for (size_t i = 0; i < rows->pick_count; i++)
        free(rows->picks[i].text);
    *rows = (digest_rows){0};
}

/* ---- picks --------------------------------------------------------------------------------- */

/* Where a sum belongs; `most` if it does not. */
static size_t find_place(const digest_rows *p, size_t most, const uint8_t sum[SUMS_BYTES])
{
    size_t at = p->pick_count;
    while (at > 0 && memcmp(sum, p->picks[at - 1].sum, SUMS_BYTES) < 0)
        at--;
    return VV_MIN(at, most);
}

static varve_status pick(digest_rows *p, size_t most, const uint8_t sum[SUMS_BYTES], varve_id id,
                         varve_error *err)
{
    size_t at = find_place(p, most, sum);
    digest_pick new = {.id = id};
    if (at == most) return VARVE_OK;
    if (id.kind == VARVE_ID_STR) {
        new.text = malloc(id.text.len + 1);
        if (!new.text) return vv_fail(err, VARVE_NO_MEMORY, "no memory for an id");
        memcpy(new.text, id.text.data, id.text.len);
        new.id.text.data = new.text;
    }
    memcpy(new.sum, sum, SUMS_BYTES);
    if (p->pick_count == most) free(p->picks[--p->pick_count].text);
    memmove(p->picks + at + 1, p->picks + at, (p->pick_count - at) * sizeof *p->picks);
    p->picks[at] = new;
    p->pick_count++;
    return VARVE_OK;
}

/* ---- a range ------------------------------------------------------------------------------- */

static void rowset_freep(varve_rowset **r) { varve_rowset_free(*r); }

typedef struct page {
    const varve_rowset *rows; /* the caller's */
    varve_id *ids;
    varve_field_vectors *named[FIELDS_MAX];
} page;

static void page_done(page *p)
{
    for (size_t f = 0; f < FIELDS_MAX; f++)
        varve_field_vectors_free(p->named[f]);
    free(p->ids);
}

static varve_status read_named(const digest_job *j, page *p, size_t count, varve_error *err)
{
    if (j->field_count == 0 || count == 0) return VARVE_OK;
    p->ids = malloc(count * sizeof *p->ids);
    if (!p->ids) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a page of ids");
    for (size_t i = 0; i < count; i++)
        p->ids[i] = varve_rowset_id(p->rows, i);
    for (size_t f = 0; f < j->field_count; f++)
        VV_TRY(varve_field_read(j->c, j->fields[f].name, p->ids, count, &p->named[f], err));
    return VARVE_OK;
}

static varve_status add_row(const digest_job *j, range *r, const page *p, size_t i,
                            varve_error *err)
{
    uint8_t sum[SUMS_BYTES];
    VV_TRY(digest_row_begin(&r->sums, p->rows, i, err));
    for (size_t f = 0; f < j->field_count; f++)
        VV_TRY(digest_row_field(&r->sums, &j->fields[f], p->named[f], i, err));
    VV_TRY(digest_row_end(&r->sums, sum, err));
    return pick(&r->picked, j->o->picks, sum, varve_rowset_id(p->rows, i), err);
}

/* ret_more: the page was not the last of the range. */
static varve_status add_page(const digest_job *j, range *r, const varve_rowset *rows,
                             const varve_id *end, bool *ret_more, varve_error *err)
{
    VV_CLEANUP(page_done) page p = {.rows = rows};
    size_t count = varve_rowset_count(rows), own = count;
    while (end && own > 0 && ids_compare(varve_rowset_id(rows, own - 1), *end) >= 0)
        own--;
    VV_TRY(read_named(j, &p, own, err));
    for (size_t i = 0; i < own; i++)
        VV_TRY(add_row(j, r, &p, i, err));
    *ret_more = own == count;
    return VARVE_OK;
}

static varve_status add_range(void *arg, size_t i, varve_error *err)
{
    digest_job *j = arg;
    range *r = &j->ranges[i];
    const varve_id *end = i + 1 < j->range_count ? &j->starts[i] : NULL;
    const remote_cancel *cancel = &j->o->cancel;
    VV_CLEANUP(rowset_freep) varve_rowset *rows = NULL;
    varve_id next = i ? j->starts[i - 1] : (varve_id){0};
    bool more = true, first = i == 0;
    VV_TRY(digest_sums_init(&r->sums, err));
    while (more) {
        varve_rowset *page_of;
        bool in_range = true;
        if (cancel->asked && cancel->asked(cancel->arg))
            return vv_fail(err, VARVE_CANCELLED, "cancelled");
        VV_TRY(varve_scroll(j->c, first ? NULL : &next, j->page_rows,
                            VARVE_WITH_VECTORS | VARVE_WITH_FIELDS, &page_of, err));
        varve_rowset_free(rows); /* `next` was borrowed from it */
        rows = page_of;
        first = false;
        VV_TRY(add_page(j, r, rows, end, &in_range, err));
        more = in_range && varve_rowset_next(rows, &next);
    }
    return VARVE_OK;
}

/* ---- a collection -------------------------------------------------------------------------- */

static varve_status part(digest_job *j, uint64_t rows, size_t ranges, varve_error *err)
{
    const varve_leg leg = {.kind = VARVE_LEG_SAMPLE, .seed = 1};
    const varve_query_request request = {.legs = &leg, .leg_count = 1, .k = ranges - 1};
    j->range_count = 1;
    if (rows < ROWS_PARTED || ranges < 2) return VARVE_OK;
    VV_TRY(varve_query(j->c, &request, &j->parts, err));
    size_t count = varve_hits_count(j->parts, 0);
    for (size_t i = 0; i < count; i++)
        j->starts[i] = varve_hits_id(j->parts, 0, i);
    if (count) qsort(j->starts, count, sizeof *j->starts, ids_compare_items);
    j->range_count = count + 1;
    return VARVE_OK;
}

static varve_status find_fields(digest_job *j, varve_error *err)
{
    varve_status status = VARVE_OK;
    while (j->field_count + 1 < FIELDS_MAX && status == VARVE_OK) {
        status = varve_field_get(j->c, j->field_count + 1, &j->fields[j->field_count], err);
        j->field_count += status == VARVE_OK;
    }
    return status == VARVE_NOT_FOUND ? VARVE_OK : status;
}

static varve_status prepare(digest_job *j, size_t threads, varve_error *err)
{
    varve_collection_stats stats;
    VV_TRY(varve_collection_get_stats(j->c, &stats, err));
    size_t row_bytes = VV_MAX(stats.dim, (size_t)1) * sizeof(float);
    j->page_rows = VV_MAX(VV_MIN(PAGE_BYTES / row_bytes, (size_t)PAGE_ROWS), (size_t)1);
    VV_TRY(find_fields(j, err));
    VV_TRY(part(j, stats.rows_live, threads > 1 ? threads * RANGES_OF_THREAD : 1, err));
    j->ranges = calloc(j->range_count, sizeof *j->ranges);
    return j->ranges ? VARVE_OK : vv_fail(err, VARVE_NO_MEMORY, "no memory for a digest");
}

static varve_status join(const digest_job *j, digest_rows *ret, varve_error *err)
{
    digest_sums *total = &j->ranges[0].sums;
    for (size_t i = 0; i < j->range_count; i++) {
        const digest_rows *p = &j->ranges[i].picked;
        if (i) digest_sums_add(total, &j->ranges[i].sums);
        for (size_t k = 0; k < p->pick_count; k++)
            VV_TRY(pick(ret, j->o->picks, p->picks[k].sum, p->picks[k].id, err));
    }
    ret->rows = total->rows;
    return digest_sums_end(total, ret->sum, err);
}

varve_status digest_collection(varve_collection *c, const digest_options *options, digest_rows *ret,
                               varve_error *err)
{
    VV_CLEANUP(job_done) digest_job j = {.c = c, .o = options};
    VV_CLEANUP(digest_rows_done) digest_rows rows = {0};
    size_t threads = VV_MIN(options->threads ? options->threads : THREADS_DEFAULT, THREADS_MAX);
    if (options->picks > DIGEST_PICKS_MAX)
        return vv_fail(err, VARVE_LIMIT, "more than %d rows to pick", DIGEST_PICKS_MAX);
    VV_TRY(prepare(&j, threads, err));
    VV_TRY(each_run(threads, j.range_count, add_range, &j, err));
    VV_TRY(join(&j, &rows, err));
    *ret = rows;
    rows = (digest_rows){0};
    return VARVE_OK;
}
