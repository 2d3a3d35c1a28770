/* lynse_index.h — build parameters of an index, as /build_index and fields of vectors take them. */
#ifndef LYNSE_INDEX_H
#define LYNSE_INDEX_H

#include "lynse_request.h"

/* "params" and "n_clusters" of the body; VARVE_INVALID naming a key that is none, or its limit. */
VV_CHECKED varve_status lynse_index_params_read(const lynse_call *c, varve_index_params *ret,
                                                varve_error *err);
/* The end of an answer: the mode, and the parameters as they were given. */
VV_CHECKED varve_status lynse_index_reply_end(lynse_call *c, const char *mode, varve_error *err);

#endif
