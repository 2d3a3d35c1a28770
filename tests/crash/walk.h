/* walk.h — what the walks over fault points share: ends of children, sentences on what differs,
 * models replayed. The place of a walk has a member `char difference[]`. */
#ifndef TEST_CRASH_WALK_H
#define TEST_CRASH_WALK_H

#include "../unit/db/db_model.h"
#include "varve.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define WALK_CHILD_FAILED 8 /* exit code of a child whose call failed that may not */

/* In a child. */
static inline void must(varve_status status, const varve_error *err)
{
    if (status == VARVE_OK) return;
    fprintf(stderr, "%s: %s\n", varve_status_name(status), err->message);
    _exit(WALK_CHILD_FAILED);
}

static inline bool walk_differs(char *ret, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static inline bool walk_differs(char *ret, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ret, size, format, arguments);
    va_end(arguments);
    return false;
}
#define differs(place, ...)                                                                        \
    walk_differs((place)->difference, sizeof(place)->difference, __VA_ARGS__)

/* Does fsck find nothing? */
static inline bool walk_sound(const char *path, char *ret, size_t size)
{
    varve_report *r = NULL;
    varve_error err = {0};
    if (varve_fsck(path, &r, &err) != VARVE_OK)
        return walk_differs(ret, size, "fsck of %s: %s", path, err.message);
    bool fine = varve_report_count(r) == 0;
    if (!fine) walk_differs(ret, size, "fsck of %s: %s", path, varve_report_line(r, 0));
    varve_report_free(r);
    return fine;
}
#define sound(place, path) walk_sound(path, (place)->difference, sizeof(place)->difference)

/* The model after this many steps. */
static inline void walk_replay(model *m, uint64_t seed, int steps)
{
    model_init(m, seed);
    for (int i = 0; i < steps; i++) {
        model_step step;
        model_plan(m, &step);
        if (model_expect(m, &step) == VARVE_OK) model_apply(m, &step);
    }
}

#endif
