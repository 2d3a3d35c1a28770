/* recall_scene.h — a collection in a folder with one index mode, and what is in it. The scene goes
 * through build, inserts and upserts, deletes, compaction; after each its recall is measured.
 *
 * Ids are row numbers; every fifth is a string. In all stages every hit must be live, come once,
 * have the exact score of the row's present version, and there must be k of them while k rows are
 * live. Rows that no index knows yet must be found without exception.
 *
 * Ownership  recall_scene_open/recall_scene_close.
 * Threads    one.
 * Errors     false with a sentence in scene->why. */
#ifndef RECALL_SCENE_H
#define RECALL_SCENE_H

#include "recall_data.h"
#include "test_dir.h"

typedef struct recall_scene {
    const recall_data *d;
    const char *mode, *compactor;
    test_dir dir;
    varve *db;
    varve_collection *c;
    bool *live;      /* of each row and version of d */
    bool *unindexed; /* those written since the last build */
    size_t built;    /* rows that are there from the start */
    char why[700];
} recall_scene;

typedef struct recall_measured {
    double recall;         /* mean over the queries, k RECALL_K, by the default recall target */
    uint64_t nodes, codes; /* that the searches looked at */
} recall_measured;

/* A new folder with the first three quarters of the rows, and the index built. */
bool recall_scene_open(recall_scene *s, const recall_data *d, const char *mode,
                       const char *compactor);
void recall_scene_close(recall_scene *s);

bool recall_scene_insert(recall_scene *s); /* the other rows; then the upserts of d */
bool recall_scene_delete(recall_scene *s); /* every fifth row */
/* All rows but these; then k is more than what is live. */
bool recall_scene_delete_most(recall_scene *s, size_t left);
bool recall_scene_compact(recall_scene *s);
bool recall_scene_reopen(recall_scene *s);

bool recall_scene_measure(recall_scene *s, recall_measured *ret);
/* k hits of a few queries, or as many as there are live rows. */
bool recall_scene_check_count(recall_scene *s, size_t k);
/* Does more breadth look at more? */
bool recall_scene_check_breadth(recall_scene *s);

#endif
