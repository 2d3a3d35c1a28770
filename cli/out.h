/* out.h — rows and hits on standard output: a table for people, or JSON lines for programs.
 * Threads  one at a time. */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include "base/buffer.h"

typedef struct out_row {
    varve_id id;
    bool has_score;
    float score;
    const float *vector; /* NULL: not asked for */
    size_t dim;
    varve_text fields; /* JSON; data NULL: not asked for */
    bool deleted;
} out_row;

typedef struct out {
    bool json;
    bool any;     /* a row was written */
    size_t width; /* of the terminal; 0: cut nothing */
    buffer line;
} out;

void out_start(out *o, bool json);
void out_done(out *o);
VV_CHECKED varve_status out_add(out *o, const out_row *row, varve_error *err);

#endif
