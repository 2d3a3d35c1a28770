/* damage_scene.h — a folder with something of everything in it, and what must be found there:
 * segments of several blocks, segments of a session, unsealed rows, deleted and restored rows,
 * other collections and another database. The same steps either write the folder or only say what
 * it holds, so that the truth needs no file of its own.
 *
 * Threads    one.
 * Errors     scene_build stops the process; scene_check gives its verdict. */
#ifndef DAMAGE_SCENE_H
#define DAMAGE_SCENE_H

#include "varve.h"

#define SCENE_WHY_BYTES 640

typedef enum scene_verdict {
    SCENE_INTACT,  /* everything is there and right */
    SCENE_REFUSED, /* a call failed: the damage was noticed */
    SCENE_WRONG    /* every call succeeded, and something else was answered */
} scene_verdict;

void scene_options(varve_options *ret);
/* Make the folder. clean: closed in order; else the process is to end at once after this. */
void scene_build(const char *path, bool clean);
/* Open, read all there is by every way of reading, close. */
scene_verdict scene_check(const char *path, char *ret_why);

#endif
