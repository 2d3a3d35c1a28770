/* snapshot.h — the face of snapshot/: copies of data, and what becomes of them.
 *
 *   local.h     snapshots on the disk of the data: create, list, verify, restore, delete
 *   export.h    collections as plain files, and back
 *   remote.h    where backups go
 *   repo.h      a backup repository there; snapshots.h what it holds; repo_access.h reaching it
 *   identity.h  under which ids a folder is backed up
 *   backup.h    a folder into it (backup_folder.h: one in use); verify.h, prune.h its upkeep
 *   restore.h   and back; restore_some.h: a collection, or rows
 *   ship.h      its log, too; pitr.h back to any moment of it; pitr_log.h which ones there are
 *   drill.h     would that work? contents.h: what a folder holds; diff.h: what changed between
 *               two snapshots */
#ifndef VARVE_SNAPSHOT_FACE_H
#define VARVE_SNAPSHOT_FACE_H

#include "backup.h"
#include "backup_folder.h"
#include "contents.h"
#include "diff.h"
#include "drill.h"
#include "drill_note.h"
#include "export.h"
#include "follow.h"
#include "identity.h"
#include "forget.h"
#include "local.h"
#include "manifest_summary.h"
#include "pitr_log.h"
#include "prune.h"
#include "remote.h"
#include "repo.h"
#include "repo_access.h"
#include "restore.h"
#include "restore_some.h"
#include "ship.h"
#include "snapshots.h"
#include "verify.h"

#endif
