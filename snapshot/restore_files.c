/* restore_files.c — see restore_files.h. */
#include "restore_files.h"

#include "base/file.h"
#include "base/file_system.h"
#include "blobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE   4096
#define READ_BYTES  ((size_t)1 << 18)
#define FETCH_TRIES 2 /* the way may have flipped a bit; the object itself stays wrong */
#define PART_SUFFIX ".part"

static const char *const fixed_folders[] = {"", "rocks", "segments"};

/* ---- folders ------------------------------------------------------------------------------- */

/* "" for the folder itself. */
static varve_status join(const char *folder, const char *below, char ret[PATH_SIZE],
                         varve_error *err)
{
    if (*below) return file_join(ret, PATH_SIZE, folder, below, err);
    int n = snprintf(ret, PATH_SIZE, "%s", folder);
    return n >= 0 && n < PATH_SIZE ? VARVE_OK : vv_fail(err, VARVE_LIMIT, "%s is too long", folder);
}

/* The directory of a file, below the folder. */
static void below_of(const manifest_file *f, char ret[FOLDER_PATH_MAX])
{
    const char *end = strrchr(f->path, '/');
    size_t len = end ? (size_t)(end - f->path) : 0;
    memcpy(ret, f->path, len);
    ret[len] = 0;
}

static varve_status folder_of(const char *folder, const manifest_file *f, char ret[PATH_SIZE],
                              varve_error *err)
{
    char below[FOLDER_PATH_MAX];
    below_of(f, below);
    return join(folder, below, ret, err);
}

/* Ascending by path: is it in the same directory as the one before? */
static bool same_folder(const manifest *m, size_t i)
{
    if (i == 0) return false;
    const char *a = m->files[i - 1].path, *b = m->files[i].path;
    const char *a_end = strrchr(a, '/'), *b_end = strrchr(b, '/');
    size_t a_len = a_end ? (size_t)(a_end - a) : 0, b_len = b_end ? (size_t)(b_end - b) : 0;
    return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static const manifest_file *find(const manifest *m, const char *path)
{
    size_t low = 0, high = m->file_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(m->files[middle].path, path);
        if (order == 0) return &m->files[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* A directory that some file needs: "rocks", "segments/7". */
static bool is_needed_folder(const manifest *m, const char *path)
{
    size_t len = strlen(path);
    if (strcmp(path, "rocks") == 0 || strcmp(path, "segments") == 0) return true;
    for (size_t i = 0; i < m->file_count; i++)
        if (strncmp(m->files[i].path, path, len) == 0 && m->files[i].path[len] == '/') return true;
    return false;
}

static varve_status clean_entry(const char *folder, const char *path, const manifest *m,
                                varve_error *err)
{
    char whole[PATH_SIZE];
    struct stat st;
    VV_TRY(file_join(whole, sizeof whole, folder, path, err));
    if (lstat(whole, &st) != 0)
        return errno == ENOENT ? VARVE_OK : file_fail(err, "read", whole, errno);
    if (S_ISDIR(st.st_mode) && is_needed_folder(m, path)) return VARVE_OK;
    if (S_ISREG(st.st_mode) && find(m, path)) return VARVE_OK;
    return file_remove_tree(whole, err);
}

static void names_done(file_names *n) { file_names_free(n); }

static varve_status clean_folder(const char *folder, const char *below, const manifest *m,
                                 varve_error *err)
{
    VV_CLEANUP(names_done) file_names names = {0};
    char whole[PATH_SIZE], path[PATH_SIZE];
    VV_TRY(join(folder, below, whole, err));
    varve_status status = file_list(whole, &names, err);
    if (status == VARVE_NOT_FOUND) return VARVE_OK;
    VV_TRY(status);
    for (size_t i = 0; i < names.count; i++) {
        if (*below)
            VV_TRY(file_join(path, sizeof path, below, names.names[i], err));
        else
            snprintf(path, sizeof path, "%s", names.names[i]);
        VV_TRY(clean_entry(folder, path, m, err));
    }
    return VARVE_OK;
}

varve_status restore_make_folders(const char *folder, const manifest *m, varve_error *err)
{
    char path[PATH_SIZE], below[FOLDER_PATH_MAX];
    for (size_t i = 0; i < VV_COUNT(fixed_folders); i++) {
        VV_TRY(clean_folder(folder, fixed_folders[i], m, err));
        VV_TRY(join(folder, fixed_folders[i], path, err));
        VV_TRY(file_make_dir(path, err));
    }
    for (size_t i = 0; i < m->file_count; i++) {
        if (same_folder(m, i)) continue;
        below_of(&m->files[i], below);
        if (*below) VV_TRY(clean_folder(folder, below, m, err));
        VV_TRY(folder_of(folder, &m->files[i], path, err));
        VV_TRY(file_make_dir(path, err));
    }
    return VARVE_OK;
}

varve_status restore_sync_folders(const char *folder, const manifest *m, varve_error *err)
{
    char path[PATH_SIZE];
    for (size_t i = 0; i < m->file_count; i++) {
        if (same_folder(m, i)) continue;
        VV_TRY(folder_of(folder, &m->files[i], path, err));
        VV_TRY(file_sync_dir(path, err));
    }
    for (size_t i = VV_COUNT(fixed_folders); i-- > 0;) {
        VV_TRY(join(folder, fixed_folders[i], path, err));
        VV_TRY(file_sync_dir(path, err));
    }
    return VARVE_OK;
}

/* ---- one file ------------------------------------------------------------------------------ */

static bool is_right(const char *path, const manifest_file *file)
{
    struct stat st;
    uint8_t sum[SUMS_BYTES];
    uint64_t size = 0;
    if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != file->size)
        return false;
    return sums_of_file(path, sum, &size, NULL) == VARVE_OK && size == file->size &&
           sums_equal(sum, file->sha256);
}

static varve_status write_out(void *arg, const void *bytes, size_t len, varve_error *err)
{
    return file_write(arg, bytes, len, err);
}

static varve_status fill_from_remote(repo *r, const manifest_file *file, file_writer *w,
                                     const remote_cancel *cancel, varve_error *err)
{
    return blobs_get(r, file, write_out, w, cancel, err);
}

/* A copy whose sum is checked while it is made. */
static varve_status fill_from_file(const char *path, const manifest_file *file, file_writer *w,
                                   varve_error *err)
{
    VV_CLEANUP(vv_closep) int fd = -1;
    VV_CLEANUP(vv_freep) char *block = malloc(READ_BYTES);
    VV_CLEANUP(sums_stream_done) sums_stream sum = {0};
    uint8_t found[SUMS_BYTES];
    ssize_t n = 0;
    if (!block) return vv_fail(err, VARVE_NO_MEMORY, "no memory to copy %s", path);
    VV_TRY(file_open_read(path, &fd, err));
    VV_TRY(sums_stream_init(&sum, err));
    while ((n = read(fd, block, READ_BYTES)) > 0) {
        VV_TRY(sums_stream_put(&sum, block, (size_t)n, err));
        VV_TRY(file_write(w, block, (size_t)n, err));
    }
    if (n < 0) return file_fail(err, "read", path, errno);
    VV_TRY(sums_stream_end(&sum, found, err));
    if (sums_equal(found, file->sha256)) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "%s is another file", path);
}

static varve_status make_file(repo *r, const char *from, const char *path,
                              const manifest_file *file, const remote_cancel *cancel,
                              varve_error *err)
{
    VV_CLEANUP(file_discardp) file_writer *w = NULL;
    char part[PATH_SIZE];
    int n = snprintf(part, sizeof part, "%s%s", path, PART_SUFFIX);
    if (n < 0 || (size_t)n >= sizeof part) return vv_fail(err, VARVE_LIMIT, "%s is too long", path);
    VV_TRY(file_unlink(part, err));
    VV_TRY(file_create(part, &w, err));
    varve_status status =
        from ? fill_from_file(from, file, w, err) : fill_from_remote(r, file, w, cancel, err);
    if (status != VARVE_OK) return status;
    file_writer *whole = w;
    w = NULL;
    return file_publish(whole, path, err);
}

/* What is wrong with the object, and whose file it is. */
static varve_status name_file(varve_status status, const manifest_file *file, varve_error *err)
{
    char key[NAMES_KEY_MAX];
    manifest_blob_key(file, key);
    if (status == VARVE_NOT_FOUND)
        return vv_fail(err, VARVE_CORRUPT, "'%s' of file %s is missing", key, file->path);
    if (status == VARVE_CORRUPT) vv_error_prefix(err, "file %s", file->path);
    return status;
}

varve_status restore_file(repo *r, const char *folder, const char *reuse, const manifest_file *file,
                          const remote_cancel *cancel, bool *ret_kept, varve_error *err)
{
    char path[PATH_SIZE], other[PATH_SIZE];
    VV_TRY(file_join(path, sizeof path, folder, file->path, err));
    *ret_kept = true;
    if (is_right(path, file)) return VARVE_OK;
    if (reuse) {
        struct stat st;
        VV_TRY(file_join(other, sizeof other, reuse, file->path, err));
        bool may =
            lstat(other, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == file->size;
        if (may && make_file(r, other, path, file, cancel, NULL) == VARVE_OK) return VARVE_OK;
    }
    *ret_kept = false;
    varve_status status = VARVE_CORRUPT;
    for (int i = 0; i < FETCH_TRIES && status == VARVE_CORRUPT; i++)
        status = make_file(r, NULL, path, file, cancel, err);
    return name_file(status, file, err);
}
