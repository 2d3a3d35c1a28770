/* restore_some_inner.h — shared by restore_some*.c only.
 * Ownership, threads and errors  as in restore_some.h. */
#ifndef VARVE_SNAPSHOT_RESTORE_SOME_INNER_H
#define VARVE_SNAPSHOT_RESTORE_SOME_INNER_H

#include "restore_some.h"

/* Rows by id, out of a collection into another. */
VV_CHECKED varve_status restore_some_rows(varve_collection *from, varve_collection *to,
                                          const restore_some_options *o, restore_some_result *ret,
                                          varve_error *err);

#endif
