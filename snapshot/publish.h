/* publish.h — folders that are made under a name of their own and renamed when they are complete.
 * Threads  stateless. */
#ifndef VARVE_SNAPSHOT_PUBLISH_H
#define VARVE_SNAPSHOT_PUBLISH_H

#include "base/file.h"

/* The name is the last step: `from`, synced, becomes `to`, or nothing is there. VARVE_EXISTS. */
VV_CHECKED varve_status publish_folder(const char *from, const char *to, varve_error *err);
/* Make the folder that `path` is to lie in. */
VV_CHECKED varve_status publish_make_above(const char *path, varve_error *err);
/* What was not finished, as far as it can be removed; "": nothing. What stays is found by its name
 * by the next call. */
void publish_discard(const char *folder);

#endif
