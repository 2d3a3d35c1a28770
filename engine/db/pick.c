/* pick.c — the next compaction job of a collection; see pick.h. */
#include "db/pick.h"

#include <inttypes.h>
#include <stdio.h>

/* Tiers are 0 to 128 Ki rows, to 512 Ki, to 2 Mi, …: a sealed segment (64 Ki), four of them merged,
 * and so on lie in the middle of theirs, so that some rows more or less do not part equals. */
#define TIER_ROWS 32768

unsigned pick_tier(uint64_t rows)
{
    unsigned tier = 0;
    for (rows /= TIER_ROWS; rows >= 4; rows /= 4)
        tier++;
    return tier;
}

static uint64_t superseded(const pick_segment *s) { return s->hidden - s->deleted; }

/* Rows that are left when the segment is written anew. */
static uint64_t kept(const pick_segment *s) { return s->rows - superseded(s); }

static bool in_question(const pick_segment *s, const pick_rules *r)
{
    return r->before == 0 || s->number < r->before;
}

/* The most rows that one output may have. */
static uint64_t output_limit(const pick_rules *r)
{
    uint64_t limit = INT32_MAX; /* slots of an index are u32 */
    if (r->rows_max) limit = VV_MIN(limit, r->rows_max);
    return r->wants_full && r->rows_fit >= r->index_rows_min ? VV_MIN(limit, r->rows_fit) : limit;
}

/* ---- merge */

typedef struct window {
    size_t first, count;
} window;

/* Neighbours from `first` on that fit into one segment. */
static window fitting(const pick_segment *s, size_t count, size_t first, const pick_rules *r)
{
    uint64_t rows = kept(&s[first]), bytes = s[first].column_bytes, limit = output_limit(r);
    window w = {first, 1};
    for (size_t i = first + 1; i < count && !s[i].apart && w.count < JOB_INPUTS_MAX; i++) {
        rows += kept(&s[i]);
        bytes += s[i].column_bytes;
        if (rows > limit || (r->memory_max && bytes > r->memory_max)) break;
        w.count++;
    }
    return w;
}

/* Of the outputs of one segment written anew: as few as fit, and no more than a job may have. */
static uint64_t rows_of_output(const pick_segment *s, const pick_rules *r)
{
    uint64_t rows = output_limit(r), pieces = 1;
    if (r->memory_max) pieces = s->column_bytes / r->memory_max + 1;
    rows = VV_MIN(rows, kept(s) / pieces + 1);
    return VV_MAX(rows, kept(s) / JOB_OUTPUTS_MAX + 1);
}

/* The part of a window that ends with its last segment of the tier, before any of a higher one. */
static window of_tier(const pick_segment *s, window w, unsigned tier, size_t *ret_members)
{
    window ret = {w.first, 0};
    *ret_members = 0;
    for (size_t i = 0; i < w.count; i++) {
        unsigned t = pick_tier(kept(&s[w.first + i]));
        if (t > tier) break;
        if (t < tier) continue;
        ret.count = i + 1;
        ++*ret_members;
    }
    return ret;
}

static bool find_tier_merge(const pick_segment *s, size_t count, const pick_rules *r, window *ret)
{
    size_t fanout = VV_MIN(VV_MAX(r->fanout, 2), JOB_INPUTS_MAX);
    unsigned highest = 0;
    for (size_t i = 0; i < count; i++)
        highest = VV_MAX(highest, pick_tier(kept(&s[i])));
    for (unsigned tier = 0; tier <= highest; tier++) {
        for (size_t i = 0; i + fanout <= count; i++) {
            size_t members;
            if (pick_tier(kept(&s[i])) != tier) continue;
            window w = of_tier(s, fitting(s, count, i, r), tier, &members);
            if (members < fanout) continue;
            *ret = w;
            return true;
        }
    }
    return false;
}

static bool find_any_merge(const pick_segment *s, size_t count, const pick_rules *r, window *ret)
{
    for (size_t i = 0; i + 1 < count; i++) {
        *ret = fitting(s, count, i, r);
        bool old = false;
        for (size_t k = 0; k < ret->count; k++)
            old |= in_question(&s[i + k], r);
        if (ret->count >= 2 && old) return true;
    }
    return false;
}

static bool find_merge(const pick_segment *s, size_t count, const pick_rules *r, window *ret)
{
    return r->everything ? find_any_merge(s, count, r, ret) : find_tier_merge(s, count, r, ret);
}

/* ---- rewrite, index */

static bool passes_share(const pick_segment *s, const pick_rules *r)
{
    uint64_t gone = superseded(s) + (r->deleted_counts ? s->deleted : 0);
    if (gone == 0) return false;
    return r->everything || (double)gone * 100 >= (double)r->tombstone_percent * (double)s->rows;
}

/* Of the rows that the segment has: can their index be built at all, in one piece? */
static bool fits(const pick_segment *s, const pick_rules *r)
{
    return !r->wants_full || s->rows <= r->rows_fit;
}

/* In pieces that are still worth an index? */
static bool can_be_cut(const pick_segment *s, const pick_rules *r)
{
    return r->rows_fit > 0 && r->rows_fit / 2 >= r->index_rows_min &&
           kept(s) / JOB_OUTPUTS_MAX < r->rows_fit;
}

bool pick_needs_index(const pick_segment *s, const pick_rules *r)
{
    if (r->wants_full)
        return s->rows >= r->index_rows_min && !(s->has_index && s->kind == INDEX_KIND_FULL) &&
               (fits(s, r) || can_be_cut(s, r));
    return r->wants_fresh && s->rows >= PICK_FRESH_ROWS_MIN && !s->has_index;
}

static bool find_index(const pick_segment *s, size_t count, const pick_rules *r, size_t *ret)
{
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        if (!pick_needs_index(&s[i], r) || !in_question(&s[i], r)) continue;
        if (found && s[i].rows <= s[*ret].rows) continue;
        *ret = i;
        found = true;
    }
    return found;
}

/* ---- decisions */

static void decide_merge(const pick_segment *s, window w, const pick_rules *r, pick_decision *ret)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < w.count; i++)
        rows += s[w.first + i].rows;
    *ret = (pick_decision){PICK_MERGE, w.first, w.count, output_limit(r), ""};
    snprintf(ret->reason, sizeof ret->reason, "%s%zu segments of about %" PRIu64 " rows",
             r->everything ? "asked for: " : "", w.count, rows / w.count);
}

static void decide_rewrite(const pick_segment *s, size_t i, const pick_rules *r, pick_decision *ret)
{
    bool purge = s[i].deleted > 0 && r->deleted_counts;
    uint64_t gone = superseded(&s[i]) + (purge ? s[i].deleted : 0);
    *ret = (pick_decision){purge ? PICK_PURGE : PICK_REWRITE, i, 1, rows_of_output(&s[i], r), ""};
    snprintf(ret->reason, sizeof ret->reason, "%s%" PRIu64 " of %" PRIu64 " rows are %s",
             r->everything ? "asked for: " : "", gone, s[i].rows,
             purge ? "deleted or superseded" : "superseded");
}

static void decide_index(const pick_segment *s, size_t i, const pick_rules *r, pick_decision *ret)
{
    *ret = (pick_decision){s[i].index_lost ? PICK_REBUILD : PICK_INDEX, i, 1, 0, ""};
    if (!fits(&s[i], r)) {
        *ret = (pick_decision){PICK_CUT, i, 1, rows_of_output(&s[i], r), ""};
        snprintf(ret->reason, sizeof ret->reason,
                 "%" PRIu64 " rows, of which %" PRIu64 " can be indexed within compact_memory_max",
                 s[i].rows, r->rows_fit);
    } else if (s[i].index_lost) {
        snprintf(ret->reason, sizeof ret->reason,
                 "%" PRIu64 " rows whose index is not of %s, or damaged", s[i].rows, r->mode);
    } else {
        snprintf(ret->reason, sizeof ret->reason, "%" PRIu64 " rows without an index of %s",
                 s[i].rows, r->mode);
    }
}

void pick_next(const pick_segment *s, size_t count, const pick_rules *r, pick_decision *ret)
{
    window w = {0, 0};
    size_t i;
    bool merge = !r->index_only && find_merge(s, count, r, &w);
    *ret = (pick_decision){0};
    for (i = 0; i < count && !r->index_only; i++) {
        if (!passes_share(&s[i], r) || !in_question(&s[i], r)) continue;
        bool merged = merge && i >= w.first && i < w.first + w.count;
        bool purge = s[i].deleted > 0 && r->deleted_counts;
        if (merged && !purge) continue;
        decide_rewrite(s, i, r, ret);
        return;
    }
    if (merge) {
        decide_merge(s, w, r, ret);
    } else if (find_index(s, count, r, &i)) {
        decide_index(s, i, r, ret);
    }
}
