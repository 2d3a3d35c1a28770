/* scratch.c — see scratch.h. */
#include "scratch.h"

#include "base/file.h"
#include "publish.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROOM 512 /* for what is made below it */

static varve_status name_paths(const char *folder, const char *name, scratch *s, varve_error *err)
{
    char below[128];
    size_t len = strlen(folder);
    if (len == 0) return vv_fail(err, VARVE_INVALID, "the scratch folder is empty");
    if (len + ROOM > SCRATCH_PATH_MAX) return vv_fail(err, VARVE_LIMIT, "%s is too long", folder);
    memcpy(s->folder, folder, len + 1);
    while (len > 1 && s->folder[len - 1] == '/')
        s->folder[--len] = 0;
    snprintf(below, sizeof below, "%.100s.scratch", name);
    VV_TRY(file_join(s->path, sizeof s->path, s->folder, below, err));
    snprintf(below, sizeof below, "%.100s.lock", name);
    return file_join(s->lock_path, sizeof s->lock_path, s->folder, below, err);
}

varve_status scratch_take(const char *folder, const char *name, scratch *ret, varve_error *err)
{
    VV_CLEANUP(scratch_drop) scratch s = SCRATCH_NONE;
    VV_TRY(name_paths(folder, name, &s, err));
    s.made = !file_exists(s.folder);
    if (s.made) VV_TRY(publish_make_above(s.folder, err));
    VV_TRY(file_make_dir(s.folder, err));
    VV_TRY(lock_take(s.lock_path, &s.lock, err));
    if (!lock_names(&s.lock, s.lock_path)) {
        lock_drop(&s.lock);
        return vv_fail(err, VARVE_LOCKED, "the work in %s is just ending", s.path);
    }
    VV_TRY(file_remove_tree(s.path, err));
    VV_TRY(file_make_dir(s.path, err));
    *ret = s;
    s = SCRATCH_NONE;
    return VARVE_OK;
}

void scratch_drop(scratch *s)
{
    varve_status ignored = VARVE_OK;
    if (s->lock.fd < 0) return;
    ignored = file_remove_tree(s->path, NULL); /* the next one removes it as well */
    ignored = file_unlink(s->lock_path, NULL);
    (void)ignored;
    lock_drop(&s->lock);
    if (s->made && rmdir(s->folder) != 0) s->made = false; /* somebody else put something in it */
}
