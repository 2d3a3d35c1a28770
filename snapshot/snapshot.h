/* snapshot.h — the face of snapshot/: copies of data, and what becomes of them.
 *
 *   local.h    snapshots on the disk of the data: create, list, verify, restore, delete
 *   export.h   collections as plain files, and back
 *   remote.h   where backups go */
#ifndef VARVE_SNAPSHOT_FACE_H
#define VARVE_SNAPSHOT_FACE_H

#include "export.h"
#include "local.h"
#include "remote.h"

#endif
