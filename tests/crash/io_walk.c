/* io_walk.c — the program whose system calls fail (io_shim.c), and the one that looks afterwards.
 *
 *   io_walk work FOLDER SEED FD     write by the steps of a model, through open, seals, sessions,
 *                                   checkpoints, close and a reopen; each step answered goes to FD
 *                                   as an int. Exit code 0: to the end; 3: a call failed, and what
 *                                   can still be read is right; 4: it is not
 *   io_walk check FOLDER SEED n     is the folder what n answered steps make, with or without the
 *                                   one in flight? Exit code 0: yes, and fsck agrees; 1: no */
#include "db_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEPS       32
#define WHY_BYTES   600
#define EXIT_WHOLE  0
#define EXIT_FAILED 3
#define EXIT_WRONG  4

static void small_options(varve_options *o)
{
    varve_options_init(o);
    o->seal_rows = 48; /* so that a few steps reach every path */
    o->seal_rows_min = 8;
    o->session_memory_max = 4096;
    o->bulk_segment_bytes = 4096;
    o->row_buffer_bytes = 1 << 20;
    o->block_cache_bytes = 1 << 20;
    o->disk_reserve_bytes = 0;
    o->search_threads = 1;
    o->floor_ms = 5;
}

static varve_status open_docs(const char *path, bool must_exist, varve **ret_db,
                              varve_collection **ret_c, varve_error *err)
{
    varve_options o;
    small_options(&o);
    o.must_exist = must_exist;
    varve_status status = varve_open(path, &o, ret_db, err);
    if (status != VARVE_OK) return status;
    status = varve_collection_open(*ret_db, "default", "docs", ret_c, err);
    if (status == VARVE_NOT_FOUND)
        status = varve_collection_create(*ret_db, "default", "docs", NULL, ret_c, err);
    return status;
}

static void replay(model *m, uint64_t seed, int steps)
{
    model_init(m, seed);
    for (int i = 0; i < steps; i++) {
        model_step s;
        model_plan(m, &s);
        if (model_expect(m, &s) == VARVE_OK) model_apply(m, &s);
    }
}

/* What `answered` steps make, with or without the next one. */
static bool holds(uint64_t seed, int answered, varve_collection *c, char *why)
{
    char other[WHY_BYTES];
    model m;
    replay(&m, seed, answered);
    if (model_check(&m, c, why, WHY_BYTES)) return true;
    replay(&m, seed, answered + 1);
    return answered < STEPS && model_check(&m, c, other, sizeof other);
}

/* ---- work */

typedef struct work {
    const char *path;
    uint64_t seed;
    int fd, answered;
    model m;
    varve_error err;
} work;

/* EXIT_WHOLE: the step was done and answered. */
static bool one_step(work *w, varve_collection *c)
{
    model_step s;
    model_plan(&w->m, &s);
    varve_status expected = model_expect(&w->m, &s), status = model_do(&s, c, &w->err);
    if (status != expected) return false;
    if (status == VARVE_OK) model_apply(&w->m, &s);
    w->answered++;
    if (write(w->fd, &w->answered, sizeof w->answered) != (ssize_t)sizeof w->answered) _exit(9);
    return w->answered % 8 || varve_collection_checkpoint(c, &w->err) == VARVE_OK;
}

/* One life of the folder, up to `last` steps. */
static int live(work *w, int last)
{
    varve *db = NULL;
    varve_collection *c = NULL;
    char why[WHY_BYTES] = "";
    int code = EXIT_FAILED;
    bool opened = open_docs(w->path, false, &db, &c, &w->err) == VARVE_OK, going = opened;
    while (going && w->answered < last)
        going = one_step(w, c);
    /* After a failure reads go on, and see what was answered. */
    if (opened && !going && !holds(w->seed, w->answered, c, why)) {
        fprintf(stderr, "after a failure (%s), with %d steps answered: %s\n", w->err.message,
                w->answered, why);
        code = EXIT_WRONG;
    }
    varve_collection_release(c);
    if (db && varve_close(db, &w->err) == VARVE_OK && going) code = EXIT_WHOLE;
    return code;
}

static int work_main(const char *path, uint64_t seed, int fd)
{
    static work w;
    w = (work){.path = path, .seed = seed, .fd = fd};
    model_init(&w.m, seed);
    alarm(60); /* a failure must never hang the work */
    int code = live(&w, STEPS / 2);
    if (code == EXIT_WHOLE) code = live(&w, STEPS);
    if (code == EXIT_FAILED && getenv("IO_WALK_VERBOSE"))
        fprintf(stderr, "%d steps, then: %s\n", w.answered, w.err.message);
    return code;
}

/* ---- check */

static bool sound(const char *path, char *why)
{
    varve_report *r = NULL;
    varve_error err = {0};
    if (varve_fsck(path, &r, &err) != VARVE_OK) {
        snprintf(why, WHY_BYTES, "fsck: %s", err.message);
        return false;
    }
    bool fine = varve_report_count(r) == 0;
    if (!fine) snprintf(why, WHY_BYTES, "fsck: %s", varve_report_line(r, 0));
    varve_report_free(r);
    return fine;
}

static bool check_open(const char *path, uint64_t seed, int answered, char *why)
{
    varve *db = NULL;
    varve_collection *c = NULL;
    varve_error err = {0};
    bool fine = false;
    if (open_docs(path, answered > 0, &db, &c, &err) == VARVE_OK) {
        fine = holds(seed, answered, c, why);
    } else {
        snprintf(why, WHY_BYTES, "open: %s", err.message);
    }
    varve_collection_release(c);
    if (fine && varve_close(db, &err) != VARVE_OK) {
        snprintf(why, WHY_BYTES, "close: %s", err.message);
        return false;
    }
    return fine;
}

static int check_main(const char *path, uint64_t seed, int answered)
{
    char why[WHY_BYTES] = "";
    bool fine = check_open(path, seed, answered, why) && sound(path, why);
    if (!fine) printf("%s\n", why);
    return !fine;
}

int main(int argc, char **argv)
{
    if (argc != 5) return 2;
    uint64_t seed = strtoull(argv[3], NULL, 10);
    if (strcmp(argv[1], "work") == 0) return work_main(argv[2], seed, atoi(argv[4]));
    if (strcmp(argv[1], "check") == 0) return check_main(argv[2], seed, atoi(argv[4]));
    return 2;
}
