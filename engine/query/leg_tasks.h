/* leg_tasks.h — inside query/: the independent tasks of a leg, or the legs of a query, on the
 * threads of a search. Threads take the tasks in their order; which thread did what has no effect
 * on results or errors.
 *
 * Threads  leg_tasks_run may be called from inside a task.
 * Errors   of the first task, by number, that fails: those before it have all been run. */
#ifndef VARVE_QUERY_LEG_TASKS_H
#define VARVE_QUERY_LEG_TASKS_H

#include "query/leg.h"

/* How many threads, this one among them, work of so many bytes is for: 1 for little of it. */
size_t leg_threads(const query_input *in, uint64_t bytes);
/* rows × each, or UINT64_MAX. */
uint64_t leg_bytes(uint64_t rows, uint64_t each);

/* thread: below the number of threads; one task at a time has it. */
typedef varve_status leg_task(void *context, size_t task, size_t thread, varve_error *err);
VV_CHECKED varve_status leg_tasks_run(const query_input *in, size_t threads, size_t count,
                                      leg_task *run, void *context, varve_error *err);

#endif
