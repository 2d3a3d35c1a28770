/* index_inner.h — inside index/: an open index, as index.c makes it.
 * Threads  everything but references, doomed and what load publishes is constant after open. */
#ifndef VARVE_INDEX_INNER_H
#define VARVE_INDEX_INNER_H

#include "index/curve.h"
#include "index/index_type.h"

#include <pthread.h>

struct vector_index {
    uint64_t references; /* atomic */
    bool doomed;         /* atomic */
    index_file *file;
    const index_type *type;
    void *state; /* of the type */
    curve curve;
    pthread_mutex_t load_lock; /* guards loaded; held while bytes are read into memory */
    bool loaded;
};

#endif
