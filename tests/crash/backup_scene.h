/* backup_scene.h — what backup_walk interrupts: a data folder worked on by the model, a repository
 * with two backups of it, and a snapshot beside it; the actions, and the look at what a crash left.
 *
 *   <dir>/data         the folder, after SCENE_STEPS of the model
 *   <dir>/repo         backups after SCENE_FIRST and SCENE_SECOND steps;  <dir>/state of those
 *   <dir>/snapshots/old    after SCENE_FIRST steps
 *   <dir>/out, <dir>/snapshots/new     what actions make
 *
 * Ownership  the caller's; nothing is allocated.
 * Threads    one per process: folders are opened by processes that end afterwards.
 * Errors     scene_act: those of the action. scene_look: false, and `difference` says what. */
#ifndef TEST_BACKUP_SCENE_H
#define TEST_BACKUP_SCENE_H

#include "test_dir.h"

#define SCENE_FIRST  16
#define SCENE_SECOND 20
#define SCENE_STEPS  24

#define SCENE_ACTION_TABLE(X)                                                                      \
    X(CREATE, "backup")                                                                            \
    X(RESTORE, "restore")                                                                          \
    X(PRUNE, "prune")                                                                              \
    X(SNAPSHOT, "snapshot")                                                                        \
    X(SNAPSHOT_ONE, "snapshot of one")                                                             \
    X(PUT_BACK, "snapshot restore")                                                                \
    X(PUT_BESIDE, "snapshot restore to a folder")                                                  \
    X(DELETE, "snapshot delete")

typedef enum scene_action {
#define X(name, word) SCENE_##name,
    SCENE_ACTION_TABLE(X)
#undef X
        SCENE_ACTIONS
} scene_action;

typedef struct scene {
    test_dir dir;
    bool sealed; /* the repository is encrypted, and manifests list files in a blob */
    char data[320], repo[320], state[320], standing[320], out[320], check[320];
    char root[320], old[340], new[340];
    char difference[512];
} scene;

/* The paths below dir.path, which is there. */
void scene_paths(scene *s);
/* Fill the empty dir; ends the process with words if it cannot. */
void scene_make(scene *s);
/* As the command does it. VARVE_EXISTS: done before. */
varve_status scene_act(const scene *s, scene_action a, varve_error *err);
/* After a crash in `a`: nothing that is listed is false, what was there is as it was; then the
 * action once more, and a collection: it completes, and nothing is left over. */
bool scene_look(scene *s, scene_action a);

#endif
