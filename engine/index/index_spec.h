/* index_spec.h — inside index/: what a spec comes down to once defaults are filled in and
 * parameters that do not matter to its mode are left out. Files and hashes are made of that. */
#ifndef VARVE_INDEX_SPEC_H
#define VARVE_INDEX_SPEC_H

#include "index/index.h"

/* Parameters of the mode: as given, or their default where 0 (n_clusters: 0 stays, the number that
 * suits the rows); others: 0. FRESH: the mode is FLAT-<metric>. */
index_spec index_spec_normal(const index_spec *s);

#endif
