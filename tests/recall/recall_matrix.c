/* recall_matrix.c — index modes against their numbers, on real rows, through varve.h, with a real
 * compactor process: after build, inserts, deletes, compaction, and after a reopen.
 *
 *   recall_matrix --data FOLDER --compactor PATH [--rows N] [--mode PREFIX]... [--metric NAME]
 *                 [--least R]
 *
 * Without --mode all modes of recall_cases.c. --least replaces their numbers, for
 * another data set. */
#include "recall_cases.h"
#include "recall_scene.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UPSERTS      200
#define LEFT         15  /* rows, when nearly all are deleted */
#define MANY         300 /* hits of one search */
#define PREFIXES_MAX 32
#define EXIT_SKIPPED 77

typedef struct matrix {
    const char *folder, *compactor, *metric, *prefixes[PREFIXES_MAX];
    size_t rows, prefix_count;
    double least; /* < 0: by the table */
    recall_source source;
    recall_data data; /* of the last case; made anew when metric or type change */
} matrix;

static bool is_approximate(const recall_case *c) { return c->least[RECALL_BUILD] < 1; }

static bool measure(recall_scene *s, const matrix *m, const recall_case *c, recall_stage stage,
                    double *ret)
{
    recall_measured found = {0};
    double least = m->least >= 0 && is_approximate(c) ? m->least : c->least[stage];
    if (!recall_scene_measure(s, &found)) return false;
    *ret = found.recall;
    if (found.recall >= least - 1e-9) return true;
    snprintf(s->why, sizeof s->why, "recall %.4f, %.4f is its number", found.recall, least);
    return false;
}

/* What ret_stage says when it fails. */
static bool go_through(recall_scene *s, const matrix *m, const recall_case *c,
                       double ret[RECALL_STAGES], const char **ret_stage)
{
    *ret_stage = "build";
    if (!recall_scene_open(s, &m->data, c->mode, m->compactor)) return false;
    if (!measure(s, m, c, RECALL_BUILD, &ret[RECALL_BUILD])) return false;
    if (!recall_scene_check_count(s, MANY)) return false;
    if (is_approximate(c) && !recall_scene_check_breadth(s)) return false;
    *ret_stage = "inserts";
    if (!recall_scene_insert(s)) return false;
    if (!measure(s, m, c, RECALL_INSERTS, &ret[RECALL_INSERTS])) return false;
    *ret_stage = "reopen after inserts";
    if (!recall_scene_reopen(s)) return false;
    if (!measure(s, m, c, RECALL_INSERTS, &ret[RECALL_INSERTS])) return false;
    *ret_stage = "deletes";
    if (!recall_scene_delete(s)) return false;
    if (!measure(s, m, c, RECALL_DELETES, &ret[RECALL_DELETES])) return false;
    if (!recall_scene_check_count(s, MANY)) return false;
    *ret_stage = "compaction";
    if (!recall_scene_compact(s)) return false;
    if (!measure(s, m, c, RECALL_COMPACTION, &ret[RECALL_COMPACTION])) return false;
    *ret_stage = "reopen after compaction";
    if (!recall_scene_reopen(s)) return false;
    if (!measure(s, m, c, RECALL_COMPACTION, &ret[RECALL_COMPACTION])) return false;
    *ret_stage = "few rows left";
    return recall_scene_delete_most(s, LEFT) && recall_scene_check_count(s, LEFT / 2) &&
           recall_scene_check_count(s, MANY) && recall_scene_compact(s) &&
           recall_scene_check_count(s, MANY);
}

static bool run_case(matrix *m, const recall_case *c)
{
    recall_scene s;
    double found[RECALL_STAGES] = {0};
    const char *stage = "";
    uint64_t from = clock_now_ns();
    bool fine = go_through(&s, m, c, found, &stage);
    printf("%-22s %-8s build %.4f inserts %.4f deletes %.4f compaction %.4f  %5.1f s\n", c->mode,
           varve_dtype_name(c->dtype), found[RECALL_BUILD], found[RECALL_INSERTS],
           found[RECALL_DELETES], found[RECALL_COMPACTION], (double)(clock_now_ns() - from) / 1e9);
    if (!fine) printf("FAILED: %s %s: %s: %s\n", c->mode, varve_dtype_name(c->dtype), stage, s.why);
    fflush(stdout);
    recall_scene_close(&s);
    return fine;
}

/* ---- which cases ---- */

static bool is_wanted(const matrix *m, const recall_case *c)
{
    bool wanted = m->prefix_count == 0;
    for (size_t i = 0; i < m->prefix_count; i++) {
        const char *p = m->prefixes[i];
        size_t n = strlen(p);
        bool whole = n && p[n - 1] == '.'; /* "HNSW-L2.": that one alone */
        wanted |= whole ? strlen(c->mode) == n - 1 && strncmp(c->mode, p, n - 1) == 0
                        : strncmp(c->mode, p, n) == 0;
    }
    return wanted && (!m->metric || strcmp(m->metric, varve_metric_name(c->metric)) == 0);
}

static bool take_data(matrix *m, const recall_case *c)
{
    varve_error err = {0};
    if (m->data.rows && m->data.metric == c->metric && m->data.dtype == c->dtype) return true;
    recall_data_done(&m->data);
    if (recall_data_init(&m->data, &m->source, c->metric, c->dtype, UPSERTS, &err) == VARVE_OK)
        return true;
    printf("FAILED: %s\n", err.message);
    return false;
}

static int run(matrix *m)
{
    varve_error err = {0};
    size_t ran = 0, failed = 0;
    varve_status status = recall_source_load(m->folder, m->rows, &m->source, &err);
    if (status == VARVE_NOT_FOUND) {
        printf("skipped: %s\n", err.message);
        return EXIT_SKIPPED;
    }
    if (status != VARVE_OK) {
        printf("FAILED: %s\n", err.message);
        return 1;
    }
    for (size_t i = 0; i < recall_case_count; i++) {
        if (!is_wanted(m, &recall_cases[i])) continue;
        ran++;
        failed += !take_data(m, &recall_cases[i]) || !run_case(m, &recall_cases[i]);
    }
    recall_data_done(&m->data);
    recall_source_done(&m->source);
    printf("%zu index modes, %zu failed\n", ran, failed);
    return ran == 0 || failed > 0;
}

static bool take_argument(matrix *m, const char *name, const char *value)
{
    bool is_mode = strcmp(name, "--mode") == 0;
    if (strcmp(name, "--data") == 0)
        m->folder = value;
    else if (strcmp(name, "--compactor") == 0)
        m->compactor = value;
    else if (strcmp(name, "--metric") == 0)
        m->metric = value;
    else if (strcmp(name, "--rows") == 0)
        m->rows = strtoull(value, NULL, 10);
    else if (strcmp(name, "--least") == 0)
        m->least = strtod(value, NULL);
    else if (is_mode && m->prefix_count < PREFIXES_MAX)
        m->prefixes[m->prefix_count++] = value;
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    matrix m = {.rows = SIZE_MAX, .least = -1};
    bool fine = argc % 2 == 1;
    for (int i = 1; fine && i + 1 < argc; i += 2)
        fine = take_argument(&m, argv[i], argv[i + 1]);
    if (fine && m.folder && m.compactor) return run(&m);
    fprintf(stderr, "usage: recall_matrix --data FOLDER --compactor PATH [--rows N]\n"
                    "                     [--mode PREFIX]... [--metric NAME] [--least R]\n");
    return 2;
}
