/* text_walk.h — inner to text_*: the strings of a row's fields, each with its path.
 *
 * A path is the chain of keys, joined by dots; arrays add nothing. Keys that path.h would quote are
 * quoted, but for dots between bare parts: {"a.b": 1} and {"a": {"b": 1}} are the same path here.
 *
 * Ownership  text_walk_done() frees. Threads  one at a time.
 * Errors     VARVE_CORRUPT for fields that are no minified object; what the visitor says. */
#ifndef VARVE_FIELD_TEXT_WALK_H
#define VARVE_FIELD_TEXT_WALK_H

#include "base/buffer.h"

typedef struct text_walk {
    buffer path, scratch;
    bool dots; /* a key with dots has been met, in any row: path_walk may prefer it */
} text_walk;

/* path without data: too long to be asked for. plain: path_walk by this path finds this text. */
typedef varve_status text_visit(void *context, varve_text path, bool plain, varve_text text,
                                varve_error *err);

void text_walk_init(text_walk *w);
void text_walk_done(text_walk *w);
VV_CHECKED varve_status text_walk_run(text_walk *w, varve_text fields, text_visit *visit,
                                      void *context, varve_error *err);
/* A path that somebody asks for, as the walk spells it; appended to out. VARVE_INVALID. */
VV_CHECKED varve_status text_walk_spell(varve_text path, buffer *out, varve_error *err);

#endif
