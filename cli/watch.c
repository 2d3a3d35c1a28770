/* watch.c — see watch.h. */
#include "watch.h"

#include "base/clock.h"
#include "progress.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { STEP_MS = 20, LOOK_MS = 200 };

typedef struct task {
    watch_work *work;
    void *context;
    atomic_bool over;
    varve_status status; /* once over */
    varve_error err;
} task;

static void *run_task(void *context)
{
    task *t = context;
    t->status = t->work(t->context, &t->err);
    atomic_store(&t->over, true);
    return NULL;
}

static void show_job(progress *bar, const varve_job *j)
{
    char text[768], left[32] = "", speed[48] = "";
    if (j->rows_per_s >= 1) snprintf(speed, sizeof speed, ", %.0f rows/s", j->rows_per_s);
    if (j->eta_ms) progress_time(j->eta_ms, left, sizeof left);
    snprintf(text, sizeof text, "%s/%s: %s (%s), %s%s%s%s%s", j->database, j->collection, j->kind,
             j->reason, *j->stage ? j->stage : "starts", speed, *left ? ", " : "", left,
             *left ? " left" : "");
    progress_show_text(bar, j->share, text);
}

static void show(progress *bar, watch_look *look, void *context)
{
    VV_CLEANUP(jobs_done) jobs now = {0};
    if (look(context, &now, NULL) != VARVE_OK) return;
    for (size_t i = 0; i < now.count; i++) {
        if (now.list[i].state != VARVE_JOB_RUNNING) continue;
        show_job(bar, &now.list[i]);
        return;
    }
}

varve_status watch_run(watch_work *work, void *work_context, watch_look *look, void *look_context,
                       double *ret_seconds, varve_error *err)
{
    task t = {.work = work, .context = work_context};
    uint64_t waited_ms = 0;
    pthread_t thread;
    progress bar;
    progress_start(&bar);
    if (pthread_create(&thread, NULL, run_task, &t) != 0)
        return vv_fail(err, VARVE_NO_MEMORY, "no thread to work on");
    while (!atomic_load(&t.over)) {
        clock_sleep_ms(STEP_MS);
        waited_ms += STEP_MS;
        if (waited_ms % LOOK_MS == 0) show(&bar, look, look_context);
    }
    (void)pthread_join(thread, NULL);
    *ret_seconds = progress_end(&bar);
    return t.status == VARVE_OK ? VARVE_OK : vv_fail(err, t.status, "%s", t.err.message);
}

varve_status watch_folder(void *context, jobs *ret, varve_error *err)
{
    return jobs_of_folder(context, ret, err);
}

varve_status watch_server(void *context, jobs *ret, varve_error *err)
{
    return jobs_of_server(context, ret, err);
}
