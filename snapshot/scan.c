/* scan.c — the files of a data folder; see scan.h. */
#include "scan.h"

#include "base/file.h"
#include "base/file_system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_SIZE 4096
#define DEPTH_MAX 3 /* segments/<collection>/<file> */

void scan_done(scan *s)
{
    free(s->files);
    *s = (scan){0};
}

static varve_status add_file(scan *s, const char *path, const struct stat *st, varve_error *err)
{
    scan_file f = {.device = st->st_dev,
                   .inode = st->st_ino,
                   .size = (uint64_t)st->st_size,
                   .changed_ns =
                       (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec};
    if (!S_ISREG(st->st_mode) || !folder_path_parse(path, &f.role, &f.collection))
        return vv_fail(err, VARVE_INVALID, "%s/%s is no file of a data folder at rest", s->folder,
                       path);
    snprintf(f.path, sizeof f.path, "%.*s", FOLDER_PATH_MAX - 1, path);
    if ((s->count & (s->count - 1)) == 0) { /* a power of two: full */
        scan_file *files = realloc(s->files, VV_MAX(s->count * 2, (size_t)1) * sizeof *files);
        if (!files) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a list of files");
        s->files = files;
    }
    s->bytes += f.size;
    s->files[s->count++] = f;
    return VARVE_OK;
}

static varve_status add_folder(scan *s, const char *below, int depth, varve_error *err);

/* `below` is "" or ends in a slash. */
static varve_status add_entry(scan *s, const char *below, const char *name, int depth,
                              varve_error *err)
{
    char path[PATH_SIZE], whole[PATH_SIZE + 1];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s%s", below, name);
    if (n < 0 || n >= FOLDER_PATH_MAX - 1 ||
        snprintf(whole, sizeof whole, "%.3900s/%s", s->folder, path) >= PATH_SIZE)
        return vv_fail(err, VARVE_INVALID, "%s/%s%s is no file of a data folder at rest", s->folder,
                       below, name);
    if (folder_path_passed_over(path)) return VARVE_OK;
    if (lstat(whole, &st) != 0) return file_fail(err, "read", whole, errno);
    if (!S_ISDIR(st.st_mode) || depth == DEPTH_MAX) return add_file(s, path, &st, err);
    memcpy(path + n, "/", 2);
    return add_folder(s, path, depth + 1, err);
}

static void names_done(file_names *n) { file_names_free(n); }

static varve_status add_folder(scan *s, const char *below, int depth, varve_error *err)
{
    VV_CLEANUP(names_done) file_names names = {0};
    char whole[PATH_SIZE];
    snprintf(whole, sizeof whole, "%.3900s/%.100s", s->folder, below);
    VV_TRY(file_list(whole, &names, err));
    for (size_t i = 0; i < names.count; i++)
        VV_TRY(add_entry(s, below, names.names[i], depth, err));
    return VARVE_OK;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const scan_file *)a)->path, ((const scan_file *)b)->path);
}

varve_status scan_folder(const char *folder, scan *ret, varve_error *err)
{
    VV_CLEANUP(scan_done) scan s = {.folder = folder};
    VV_TRY(add_folder(&s, "", 1, err));
    if (s.count == 0) return vv_fail(err, VARVE_INVALID, "%s is no data folder: empty", folder);
    qsort(s.files, s.count, sizeof *s.files, by_path);
    *ret = s;
    s = (scan){0};
    return VARVE_OK;
}
