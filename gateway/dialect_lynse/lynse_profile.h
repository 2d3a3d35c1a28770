/* lynse_profile.h — what a search did, as the JSON object "profile".
 * Threads  one at a time. */
#ifndef LYNSE_PROFILE_H
#define LYNSE_PROFILE_H

#include "lynse_request.h"

typedef struct lynse_profile {
    const varve_hits *hits;
    const varve_filter *filter; /* NULL: none */
    const char *kind;           /* "vector", "text", "sparse", "hybrid" */
    const char *field;          /* of vectors; NULL: the primary one */
    const char *index_path;     /* NULL: left out */
} lynse_profile;

VV_CHECKED varve_status lynse_out_profile(lynse_call *c, const lynse_profile *what,
                                          varve_error *err);

#endif
