/* handoff_owner.c — the owner of a folder with a running compactor, to be killed; and the checker
 * that comes after. What the program does follows from the seed and the state file.
 *
 *   handoff_owner new   STATE
 *   handoff_owner work  FOLDER STATE SEED COMPACTOR FD STEPS [FAULT]
 *   handoff_owner check FOLDER STATE SEED ANSWERED
 *
 * work   Opens, starts the compactor, writes "open" to FD, then a line per answered step ("step
 *        3"), until STEPS are done or standard input ends; then closes in order. FAULT is
 *        name:nth:kind (base/fault.h), armed after the open; "hit" says that it struck here,
 *        "jobs_failed 1" that a job failed. Exit code 4: an answer was wrong.
 * check  Opens without a compactor; the folder must hold what ANSWERED steps left, or one more;
 *        then searches, closes and runs fsck. Writes the state for the next life. Standard output:
 *        what files the manifest names. Exit code 1 with a sentence: it holds something else. */
#include "handoff_model.h"

#include "base/fault.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_WRONG 4
#define SEARCHES   10

static const char *const modes[] = {"FLAT-L2", "FLAT-L2-SQ8", "FLAT-L2-RABITQ", "FLAT-L2-PQ",
                                    "FLAT-L2-POLARVEC"};

static void small_options(varve_options *o, const char *compactor)
{
    varve_options_init(o);
    o->compactor_path = compactor;
    o->seal_rows = 48;
    o->seal_rows_min = 8;
    o->seal_ms = 200;
    o->session_memory_max = 2048;
    o->bulk_segment_bytes = 4096;
    o->row_buffer_bytes = 1 << 20;
    o->block_cache_bytes = 1 << 20;
    o->search_threads = 1;
    o->floor_ms = 20;
    o->index_rows_min = 16;
    o->compact_fanout = 2;
    o->compact_deleted_keep_ms = UINT32_MAX; /* the model has to know when rows are purged */
    o->compact_nice = 0;
    o->disk_reserve_bytes = 1 << 20;
}

/* ---- work ---- */

typedef struct owner {
    varve *db;
    varve_collection *c;
    handoff_model h;
    int fd;
    pthread_t beside;
    bool beside_runs, hit;
    uint64_t jobs_failed;
    varve_status beside_status;
    varve_error beside_error;
} owner;

static void say(const owner *o, const char *word, long number)
{
    char line[64];
    int n = number < 0 ? snprintf(line, sizeof line, "%s\n", word)
                       : snprintf(line, sizeof line, "%s %ld\n", word, number);
    if (write(o->fd, line, (size_t)n) != n) _exit(9);
}

static void *compact_beside(void *context)
{
    owner *o = context;
    o->beside_status = varve_compact(o->c, NULL, NULL, &o->beside_error);
    return NULL;
}

static varve_status start_beside(owner *o, varve_error *err)
{
    o->beside_status = VARVE_OK;
    o->beside_runs = pthread_create(&o->beside, NULL, compact_beside, o) == 0;
    return o->beside_runs ? VARVE_OK : vv_fail(err, VARVE_NO_MEMORY, "no thread");
}

static varve_status join_beside(owner *o, varve_error *err)
{
    if (!o->beside_runs) return VARVE_OK;
    pthread_join(o->beside, NULL);
    o->beside_runs = false;
    if (o->beside_status != VARVE_OK) *err = o->beside_error;
    return o->beside_status;
}

static varve_status search_step(const owner *o, const handoff_step *s, varve_error *err)
{
    char difference[300];
    if (handoff_model_search(&o->h, o->c, s->choice, difference, sizeof difference))
        return VARVE_OK;
    return vv_fail(err, VARVE_INTERNAL, "%s", difference);
}

static varve_status do_step(owner *o, const handoff_step *s, varve_error *err)
{
    varve_compact_options keep = {.keep_deleted = true, .no_wait = s->op == HANDOFF_NUDGE};
    switch (s->op) {
    case HANDOFF_ROWS: return model_do(&s->rows, o->c, err);
    case HANDOFF_COMPACT: return varve_compact(o->c, NULL, NULL, err);
    case HANDOFF_COMPACT_BESIDE: return start_beside(o, err);
    case HANDOFF_COMPACT_JOIN: return join_beside(o, err);
    case HANDOFF_MERGE:
    case HANDOFF_NUDGE: return varve_compact(o->c, &keep, NULL, err);
    case HANDOFF_MODE:
        return varve_index_build(o->c, modes[s->choice % VV_COUNT(modes)], NULL, !s->wait, err);
    case HANDOFF_SEARCH: return search_step(o, s, err);
    case HANDOFF_CHECKPOINT: return varve_collection_checkpoint(o->c, err);
    }
    abort();
}

static bool is_told_to_end(void)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    char byte;
    return poll(&in, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) <= 0;
}

/* What the harness waits for: the fault has struck here, or made a job fail. */
static void say_news(owner *o)
{
    varve_compaction_stats stats;
    varve_compaction_get_stats(o->db, &stats);
    if (stats.jobs_failed > o->jobs_failed) say(o, "jobs_failed", (long)stats.jobs_failed);
    o->jobs_failed = stats.jobs_failed;
#ifdef VARVE_FAULTS
    if (fault_was_hit() && !o->hit) say(o, "hit", -1);
    o->hit = fault_was_hit();
#endif
}

static bool take_steps(owner *o, long steps)
{
    for (long i = 0; i < steps && !is_told_to_end(); i++) {
        handoff_step s;
        varve_error err = {0};
        handoff_model_plan(&o->h, &s);
        varve_status expected = handoff_model_expect(&o->h, &s), status = do_step(o, &s, &err);
        if (status != expected) {
            fprintf(stderr, "step %ld (kind %d): %s instead of %s: %s\n", i, (int)s.op,
                    varve_status_name(status), varve_status_name(expected), err.message);
            return false;
        }
        handoff_model_apply(&o->h, &s);
        say(o, "step", i + 1);
        say_news(o);
    }
    return true;
}

static bool arm(const char *text)
{
    static const char *const kinds[] = {"", "eio", "enospc", "short", "crash"};
    static char name[64]; /* outlives the call, as fault_arm wants it */
    char kind[16];
    unsigned long nth;
    if (!text) return true;
    if (sscanf(text, "%63[^:]:%lu:%15s", name, &nth, kind) != 3) return false;
    for (int i = 1; i <= VV_FAULT_CRASH; i++) {
        if (strcmp(kind, kinds[i]) != 0) continue;
#ifdef VARVE_FAULTS
        fault_arm(name, nth, (fault_kind)i);
#endif
        return true;
    }
    return false;
}

static bool open_collection(owner *o, const char *folder, const char *compactor, varve_error *err)
{
    varve_options options;
    small_options(&options, compactor);
    if (varve_open(folder, &options, &o->db, err) != VARVE_OK) return false;
    return varve_collection_open(o->db, "default", "docs", &o->c, err) == VARVE_OK ||
           varve_collection_create(o->db, "default", "docs", NULL, &o->c, err) == VARVE_OK;
}

static int work(char **argv, const char *fault)
{
    static owner o;
    varve_error err = {0};
    o.fd = atoi(argv[4]);
    if (!handoff_model_load(&o.h, argv[1]) || !open_collection(&o, argv[0], argv[3], &err) ||
        varve_compactor_start(o.db, &err) != VARVE_OK) {
        fprintf(stderr, "open: %s\n", err.message);
        return EXIT_WRONG;
    }
    handoff_model_begin(&o.h, strtoull(argv[2], NULL, 10));
    if (!arm(fault)) return 2;
    say(&o, "open", -1);
    bool fine = take_steps(&o, atol(argv[5]));
    if (join_beside(&o, &err) != VARVE_OK && fine) {
        fprintf(stderr, "compaction beside: %s\n", err.message);
        fine = false;
    }
    varve_collection_release(o.c);
    if (varve_close(o.db, &err) != VARVE_OK) {
        fprintf(stderr, "close: %s\n", err.message);
        fine = false;
    }
    return fine ? 0 : EXIT_WRONG;
}

/* ---- check ---- */

static void replay(handoff_model *h, const handoff_model *from, uint64_t seed, long steps,
                   bool whole)
{
    handoff_step s;
    *h = *from;
    handoff_model_begin(h, seed);
    for (long i = 0; i < steps; i++) {
        handoff_model_plan(h, &s);
        handoff_model_apply(h, &s);
    }
    if (whole) return;
    handoff_model after = *h; /* planning goes on from here, but nothing came through */
    handoff_model_plan(&after, &s);
    handoff_model_interrupt(h, &s);
}

static bool holds(owner *o, const handoff_model *from, uint64_t seed, long steps, bool whole,
                  char *difference, size_t size)
{
    varve_error err = {0};
    replay(&o->h, from, seed, steps, whole);
    if (handoff_model_settle(&o->h, o->c, &err))
        return model_check(&o->h.rows, o->c, difference, size);
    snprintf(difference, size, "settle: %s", err.message);
    return false;
}

static bool searches(const owner *o, char *difference, size_t size)
{
    for (uint32_t i = 0; i < SEARCHES; i++)
        if (!handoff_model_search(&o->h, o->c, i * 2654435761u + i, difference, size)) return false;
    return true;
}

static bool sound(const char *folder, char *difference, size_t size)
{
    varve_report *r = NULL;
    varve_error err = {0};
    if (varve_fsck(folder, &r, &err) != VARVE_OK) {
        snprintf(difference, size, "fsck: %s", err.message);
        return false;
    }
    bool fine = varve_report_count(r) == 0;
    if (!fine) snprintf(difference, size, "fsck: %s", varve_report_line(r, 0));
    varve_report_free(r);
    return fine;
}

/* For the harness, which compares them with the files that are there. */
static bool say_files(const owner *o, char *difference, size_t size)
{
    varve_collection_stats s;
    char path[1024];
    varve_error err = {0};
    if (varve_checkpoint(o->db, &err) != VARVE_OK ||
        varve_collection_get_stats(o->c, &s, &err) != VARVE_OK ||
        varve_collection_get_path(o->c, path, sizeof path, &err) != VARVE_OK) {
        snprintf(difference, size, "stats: %s", err.message);
        return false;
    }
    printf("path %s\nsegments %llu\nsegment_bytes %llu\nindex_bytes %llu\nrows_indexed %llu\n",
           path, (unsigned long long)s.segments, (unsigned long long)s.segment_bytes,
           (unsigned long long)s.index_bytes, (unsigned long long)s.rows_indexed);
    return true;
}

static int check(char **argv)
{
    static owner o;
    static handoff_model from;
    char difference[600] = "", other[600] = "";
    varve_error err = {0};
    uint64_t seed = strtoull(argv[2], NULL, 10);
    long answered = atol(argv[3]);
    if (!handoff_model_load(&from, argv[1]) || !open_collection(&o, argv[0], NULL, &err)) {
        printf("open: %s\n", err.message);
        return 1;
    }
    bool fine = holds(&o, &from, seed, answered, false, difference, sizeof difference) ||
                holds(&o, &from, seed, answered + 1, true, other, sizeof other);
    if (!fine) printf("after %ld steps: %s; after one more: %s\n", answered, difference, other);
    if (fine && !(searches(&o, difference, sizeof difference) &&
                  say_files(&o, difference, sizeof difference))) {
        printf("%s\n", difference);
        fine = false;
    }
    varve_collection_release(o.c);
    if (varve_close(o.db, &err) != VARVE_OK) {
        printf("close: %s\n", err.message);
        return 1;
    }
    if (!sound(argv[0], difference, sizeof difference)) {
        printf("%s\n", difference);
        fine = false;
    }
    return fine && handoff_model_save(&o.h, argv[1]) ? 0 : 1;
}

int main(int argc, char **argv)
{
    static handoff_model fresh;
    if (argc == 3 && strcmp(argv[1], "new") == 0) {
        handoff_model_init(&fresh);
        return handoff_model_save(&fresh, argv[2]) ? 0 : 1;
    }
    if (argc >= 8 && strcmp(argv[1], "work") == 0) return work(argv + 2, argc > 8 ? argv[8] : NULL);
    if (argc == 6 && strcmp(argv[1], "check") == 0) return check(argv + 2);
    fprintf(stderr, "usage: handoff_owner new|work|check …\n");
    return 2;
}
