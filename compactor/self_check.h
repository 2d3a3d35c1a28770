/* self_check.h — an index is read back before it is proposed: the owner looks at names, sizes and
 * hashes only, so that it is not held up. (Segments: segment_merge_check.)
 * Errors  VARVE_CORRUPT naming the file; those of opening it. */
#ifndef COMPACTOR_SELF_CHECK_H
#define COMPACTOR_SELF_CHECK_H

#include "index/index.h"

/* Every sum and promise of the file itself, and searches for a sample of its rows. */
VV_CHECKED varve_status self_check_index(const char *path, const index_record *expect,
                                         const index_rows *rows, varve_error *err);

#endif
