/* pitr_log.c — ranges, gaps and moments of each timeline; see pitr_log.h. */
#include "pitr_log.h"

#include "pitr_inner.h"
#include "pitr_log_inner.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FINDING_MAX 512

void pitr_log_done(pitr_log *log)
{
    for (size_t i = 0; i < log->count; i++) {
        free(log->lines[i].ranges);
        free(log->lines[i].gaps);
    }
    for (size_t i = 0; i < log->kept; i++)
        free(log->findings[i]);
    free(log->lines);
    free(log->findings);
    *log = (pitr_log){0};
}

void pitr_log_find(pitr_log *log, const char *format, ...)
{
    char text[FINDING_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log->finding_count++;
    if (log->kept == PITR_LOG_FINDINGS_MAX) return;
    char **more = realloc(log->findings, (log->kept + 1) * sizeof *more);
    if (!more) return; /* it was counted */
    log->findings = more;
    more[log->kept] = strdup(text);
    log->kept += more[log->kept] != NULL;
}

bool pitr_log_is_finding(varve_status status)
{
    return status == VARVE_CORRUPT || status == VARVE_NOT_FOUND;
}

/* ---- ranges and gaps ----------------------------------------------------------------------- */

static varve_status add_stretch(pitr_stretch **list, size_t *count, pitr_stretch s,
                                varve_error *err)
{
    if ((*count & (*count - 1)) == 0) { /* a power of two: full */
        pitr_stretch *more = realloc(*list, (*count ? *count * 2 : 1) * sizeof *more);
        if (!more) return vv_fail(err, VARVE_NO_MEMORY, "no memory for ranges of the log");
        *list = more;
    }
    (*list)[(*count)++] = s;
    return VARVE_OK;
}

/* Objects are sorted by their beginnings. */
static varve_status find_ranges(const pitr_plan *p, pitr_log_line *line, varve_error *err)
{
    for (size_t i = 0; i < p->object_count; i++) {
        const pitr_object *o = &p->objects[i];
        pitr_stretch *last = line->range_count ? &line->ranges[line->range_count - 1] : NULL;
        line->objects += o->name.timeline == line->timeline;
        line->bytes += o->name.timeline == line->timeline ? o->size : 0;
        if (last && o->name.lsn <= last->last + 1) {
            last->last = VV_MAX(last->last, o->end);
            continue;
        }
        const pitr_stretch range = {.first = o->name.lsn, .last = o->end};
        VV_TRY(add_stretch(&line->ranges, &line->range_count, range, err));
    }
    return VARVE_OK;
}

static varve_status find_gaps(const snapshots *s, pitr_log_line *line, varve_error *err)
{
    uint64_t newest = s->count ? s->items[0].lsn : 0;
    uint64_t reach = s->count ? s->items[s->count - 1].lsn : 0;
    for (size_t i = 0; i < line->range_count; i++) {
        const pitr_stretch *range = &line->ranges[i];
        const pitr_stretch gap = {reach + 1, range->first - 1, newest + 1 >= range->first};
        bool begins = !s->count && i == 0; /* nobody knows what was before it */
        if (range->first > reach + 1 && !begins)
            VV_TRY(add_stretch(&line->gaps, &line->gap_count, gap, err));
        reach = VV_MAX(reach, range->last);
    }
    return VARVE_OK;
}

/* ---- moments ------------------------------------------------------------------------------- */

static varve_status time_of(repo *r, const object_name *name, pitr_log *log, uint64_t *ret,
                            varve_error *err)
{
    VV_CLEANUP(manifest_done) manifest m = {0};
    varve_error why = {0};
    varve_status status = snapshots_load(r, name, &m, &why);
    *ret = m.commit_ms ? m.commit_ms : m.created_ms;
    if (status == VARVE_OK) return VARVE_OK;
    *ret = 0;
    if (!pitr_log_is_finding(status)) return vv_fail(err, status, "%s", why.message);
    pitr_log_find(log, "snapshot %s: %s", name->id, why.message);
    return VARVE_OK;
}

static varve_status find_moments(repo *r, pitr_plan *p, const snapshots *s, pitr_log *log,
                                 pitr_log_line *line, varve_error *err)
{
    varve_error why = {0};
    if (s->count == 0) return VARVE_OK;
    p->snapshot = s->items[0];
    line->oldest_lsn = s->items[s->count - 1].lsn;
    VV_TRY(time_of(r, &s->items[s->count - 1], log, &line->oldest_ms, err));
    VV_TRY(time_of(r, &p->snapshot, log, &p->snapshot_time_ms, err));
    line->newest_lsn = p->reach = pitr_plan_reach(p);
    varve_status status = pitr_plan_last_time(r, p, &line->newest_ms, &why);
    if (status != VARVE_OK && !pitr_log_is_finding(status))
        return vv_fail(err, status, "%s", why.message);
    if (status != VARVE_OK) pitr_log_find(log, "%s", why.message);
    return VARVE_OK;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static void judge(pitr_log *log, const pitr_log_line *line)
{
    if (line->range_count && !line->snapshots)
        pitr_log_find(log, "timeline %u has a log, and no snapshot on which it could follow",
                      line->timeline);
    for (size_t i = 0; line->snapshots && i < line->gap_count; i++)
        if (!line->gaps[i].bridged)
            pitr_log_find(log,
                          "the log has a gap that no snapshot bridges: sequences %llu to %llu are "
                          "missing",
                          (unsigned long long)line->gaps[i].first,
                          (unsigned long long)line->gaps[i].last);
}

static varve_status read_line(repo *r, const timeline *t, uint32_t present, pitr_log *log,
                              varve_error *err)
{
    VV_CLEANUP(pitr_plan_done) pitr_plan plan = {0};
    VV_CLEANUP(snapshots_done) snapshots list = {0};
    pitr_log_line *line = &log->lines[log->count++];
    *line = (pitr_log_line){.timeline = t->number,
                            .parent = t->parent,
                            .parent_lsn = t->parent_lsn,
                            .is_present = t->number == present};
    VV_TRY(pitr_plan_lines(r, t->number, &plan, err));
    VV_TRY(pitr_list_snapshots(r, &plan, &list, err));
    VV_TRY(pitr_list_objects(r, &plan, err));
    line->snapshots = list.count;
    VV_TRY(find_ranges(&plan, line, err));
    VV_TRY(find_gaps(&list, line, err));
    VV_TRY(find_moments(r, &plan, &list, log, line, err));
    if (line->is_present) judge(log, line);
    return VARVE_OK;
}

static varve_status run(repo *r, const pitr_log_options *o, pitr_log *log, varve_error *err)
{
    VV_CLEANUP(pitr_plan_done) pitr_plan plan = {0};
    VV_TRY(pitr_plan_lines(r, 0, &plan, err));
    log->lines = calloc(plan.timelines.count + 1, sizeof *log->lines);
    if (!log->lines) return vv_fail(err, VARVE_NO_MEMORY, "no memory for timelines");
    for (size_t i = 0; i < plan.timelines.count; i++)
        VV_TRY(read_line(r, &plan.timelines.items[i], plan.lines[0].timeline, log, err));
    return o->full ? pitr_log_check(r, o, log, err) : VARVE_OK;
}

varve_status pitr_log_read(repo *r, const pitr_log_options *options, pitr_log *ret,
                           varve_error *err)
{
    pitr_log log = {0};
    varve_status status = run(r, options, &log, err);
    if (status == VARVE_OK)
        *ret = log;
    else
        pitr_log_done(&log);
    return status;
}
