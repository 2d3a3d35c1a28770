/* leftover.h — work that was not finished, removed as far as it can be: what stays is found by its
 * name and removed by the next call. */
#ifndef VARVE_SNAPSHOT_LEFTOVER_H
#define VARVE_SNAPSHOT_LEFTOVER_H

#include "base/file.h"

/* "": nothing. */
static inline void leftover_remove(const char *folder)
{
    if (folder[0] && file_remove_tree(folder, NULL) != VARVE_OK) return;
}

#endif
