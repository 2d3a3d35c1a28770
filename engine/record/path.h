/* path.h — where in the fields of a row a value is: a sequence of steps.
 *
 *   path  = key step*       key  = bare | "quoted" | `quoted`      (quotes doubled inside)
 *   step  = . key | [n] | []         bare = letters, digits, _ and - (and any byte above 0x7f)
 *
 * "a.b" is member b of object a; "[3]" the fourth element of an array, "[]" each of its elements.
 * A first key that is the whole of a flat member with dots in its name ({"a.b": 1}) wins over the
 * walk: the literal member is looked at first, and the walk only if there is none.
 *
 * Ownership  path_parse allocates from the arena; a path is immutable. Threads  any reads. */
#ifndef VARVE_RECORD_PATH_H
#define VARVE_RECORD_PATH_H

#include "base/arena.h"
#include "record/value.h"

#define PATH_STEPS_MAX 32
#define PATH_BYTES_MAX 1024

typedef enum path_step_kind { PATH_KEY, PATH_INDEX, PATH_EACH } path_step_kind;
typedef struct path_step {
    path_step_kind kind;
    varve_text key; /* PATH_KEY: unescaped */
    uint32_t index; /* PATH_INDEX */
} path_step;
typedef struct path {
    const path_step *steps; /* at least one; the first is a key */
    uint32_t count;
    bool many;       /* it has a [] */
    varve_text text; /* canonical: keys quoted with " only where needed */
} path;

/* VARVE_INVALID says at which byte; VARVE_LIMIT. The whole of text must be a path. */
VV_CHECKED varve_status path_parse(varve_text text, arena *a, path *ret, varve_error *err);
/* A path of steps, with its canonical text. */
VV_CHECKED varve_status path_make(const path_step *steps, size_t count, arena *a, path *ret,
                                  varve_error *err);

/* Called for each value that a path leads to; return false to stop. raw: minified JSON text. */
typedef bool path_visit(void *context, varve_text raw);
/* All values of the path in these minified fields, in order; an array at its end counts as one
 * value. Returns false if stopped. Nothing is visited where a step leads nowhere. */
bool path_walk(const path *p, varve_text fields, path_visit *visit, void *context);

#endif
