/* blobs_put.c — blobs stored; see blobs.h. Small ones go as they are in memory; large ones as a
 * file, sealed into a scratch file first if the repository is encrypted. */
#include "blobs.h"

#include "base/file.h"
#include "base/file_system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES ((size_t)1 << 18)
#define MEMORY_BYTES                                                                               \
    ((uint64_t)1 << 20) /* files up to here are not sealed through a scratch file */
#define PATH_SIZE 4096

/* ---- reading a source ---- */

static varve_status read_file(const char *path, secret_out out, void *arg, varve_error *err)
{
    VV_CLEANUP(vv_closep) int fd = -1;
    VV_CLEANUP(vv_freep) char *block = malloc(READ_BYTES);
    if (!block) return vv_fail(err, VARVE_NO_MEMORY, "no memory to read %s", path);
    VV_TRY(file_open_read(path, &fd, err));
    for (;;) {
        ssize_t n = read(fd, block, READ_BYTES);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return file_fail(err, "read", path, errno);
        if (n == 0) return VARVE_OK;
        VV_TRY(out(arg, block, (size_t)n, err));
    }
}

static varve_status read_source(const blobs_source *source, const manifest_file *file,
                                secret_out out, void *arg, varve_error *err)
{
    if (source->path) return read_file(source->path, out, arg, err);
    return out(arg, source->bytes, (size_t)file->size, err);
}

static varve_status put_to_codec(void *arg, const void *bytes, size_t len, varve_error *err)
{
    return secret_codec_put(arg, bytes, len, err);
}

/* The sealed bytes of a source to `out`. */
static varve_status seal(repo *r, const blobs_source *source, const manifest_file *file,
                         secret_out out, void *arg, varve_error *err)
{
    VV_CLEANUP(secret_codec_freep) secret_codec *c = NULL;
    VV_TRY(secret_seal_new(r->secret, file->sha256, out, arg, &c, err));
    VV_TRY(read_source(source, file, put_to_codec, c, err));
    return secret_codec_end(c, err);
}

/* ---- describe ---- */

static varve_status put_to_sum(void *arg, const void *bytes, size_t len, varve_error *err)
{
    return sums_stream_put(arg, bytes, len, err);
}

varve_status blobs_describe(repo *r, const blobs_source *source, manifest_file *file,
                            varve_error *err)
{
    VV_CLEANUP(sums_stream_done) sums_stream sum = {0};
    file->stored_size = file->size;
    memcpy(file->stored_sha256, file->sha256, SUMS_BYTES);
    if (!r->secret) return VARVE_OK;
    if (!secret_sealed_size(r->secret, file->size, &file->stored_size))
        return vv_fail(err, VARVE_LIMIT, "a file of %llu bytes is too large",
                       (unsigned long long)file->size);
    VV_TRY(sums_stream_init(&sum, err));
    VV_TRY(seal(r, source, file, put_to_sum, &sum, err));
    return sums_stream_end(&sum, file->stored_sha256, err);
}

/* ---- scratch files ---- */

#define SCRATCH_PREFIX "varve-"
#define SUFFIX_UPLOAD  ".upload"
#define SUFFIX_SEALED  ".sealed"

static bool has_suffix(const char *name, const char *suffix)
{
    size_t len = strlen(name), suffix_len = strlen(suffix);
    return len >= suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

/* What cannot be removed now is tried again after the next backup. */
void blobs_clean_scratch(repo *r, const char *scratch)
{
    file_names names = {0};
    varve_status ignored = file_list(scratch, &names, NULL);
    for (size_t i = 0; i < names.count; i++) {
        char path[PATH_SIZE];
        const char *name = names.names[i];
        if (strncmp(name, SCRATCH_PREFIX, strlen(SCRATCH_PREFIX)) != 0) continue;
        if (file_join(path, sizeof path, scratch, name, NULL) != VARVE_OK) continue;
        if (has_suffix(name, SUFFIX_UPLOAD)) ignored = remote_abandon_file(r->remote, path, NULL);
        if (has_suffix(name, SUFFIX_SEALED)) ignored = file_unlink(path, NULL);
    }
    (void)ignored;
    file_names_free(&names);
}

/* ---- put ---- */

static varve_status changed(const blobs_source *source, varve_error *err)
{
    return vv_fail(err, VARVE_CONFLICT, "%s changed while it was backed up",
                   source->path ? source->path : "the list of files");
}

static varve_status put_to_buffer(void *arg, const void *bytes, size_t len, varve_error *err)
{
    return buffer_add(arg, bytes, len, err);
}

static varve_status put_small(repo *r, const blobs_source *source, const manifest_file *file,
                              const char *key, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer bytes = {0};
    uint8_t sum[SUMS_BYTES];
    buffer_init(&bytes, (size_t)file->stored_size, "file");
    varve_status status = r->secret ? seal(r, source, file, put_to_buffer, &bytes, err)
                                    : read_source(source, file, put_to_buffer, &bytes, err);
    if (status == VARVE_LIMIT) return changed(source, err);
    VV_TRY(status);
    VV_TRY(sums_of_bytes(bytes.data, bytes.len, sum, err));
    if (bytes.len != file->stored_size || !sums_equal(sum, file->stored_sha256))
        return changed(source, err);
    return repo_put_new(r, key, bytes.data, bytes.len, err);
}

static varve_status put_to_file(void *arg, const void *bytes, size_t len, varve_error *err)
{
    return file_write(arg, bytes, len, err);
}

/* The sealed copy, under a name made of its content. */
static varve_status seal_to_scratch(repo *r, const blobs_source *source, const manifest_file *file,
                                    const char *path, varve_error *err)
{
    VV_CLEANUP(file_discardp) file_writer *w = NULL;
    VV_TRY(file_unlink(path, err));
    VV_TRY(file_create(path, &w, err));
    VV_TRY(seal(r, source, file, put_to_file, w, err));
    file_writer *whole = w;
    w = NULL;
    return file_close_scratch(whole, err);
}

static varve_status scratch_path(const blobs_source *source, const manifest_file *file,
                                 const char *suffix, char ret[PATH_SIZE], varve_error *err)
{
    char hex[SUMS_HEX_SIZE];
    sums_hex(file->stored_sha256, hex);
    const char *folder = source->scratch ? source->scratch : P_tmpdir;
    int n = snprintf(ret, PATH_SIZE, "%s/" SCRATCH_PREFIX "%s%s", folder, hex, suffix);
    if (n < 0 || n >= PATH_SIZE) return vv_fail(err, VARVE_LIMIT, "%s is too long", folder);
    return VARVE_OK;
}

static varve_status put_large(repo *r, const blobs_source *source, const manifest_file *file,
                              const char *key, const remote_cancel *cancel, varve_error *err)
{
    char journal[PATH_SIZE], scratch[PATH_SIZE];
    VV_TRY(scratch_path(source, file, SUFFIX_UPLOAD, journal, err));
    VV_TRY(scratch_path(source, file, SUFFIX_SEALED, scratch, err));
    if (r->secret) VV_TRY(seal_to_scratch(r, source, file, scratch, err));
    remote_file f = {.path = r->secret ? scratch : source->path,
                     .size = file->stored_size,
                     .journal = source->scratch ? journal : NULL};
    memcpy(f.sha256, file->stored_sha256, SUMS_BYTES);
    varve_status status = remote_put_file(r->remote, key, &f, cancel, err);
    if (r->secret) (void)!unlink(scratch);
    return status;
}

varve_status blobs_put(repo *r, const blobs_source *source, const manifest_file *file,
                       const remote_cancel *cancel, varve_error *err)
{
    char key[NAMES_KEY_MAX];
    manifest_blob_key(file, key);
    bool small = file->size <= MEMORY_BYTES || !source->path;
    return small ? put_small(r, source, file, key, err)
                 : put_large(r, source, file, key, cancel, err);
}

/* ---- the generation ---- */

varve_status blobs_store(repo *r, const blobs_source *source, const gc_set *doomed,
                         manifest_file *file, const remote_cancel *cancel, bool *ret_new,
                         varve_error *err)
{
    char key[NAMES_KEY_MAX];
    for (file->generation = 0; file->generation <= NAMES_GENERATION_MAX; file->generation++) {
        manifest_blob_key(file, key);
        if (gc_set_has(doomed, key)) continue;
        varve_status status = blobs_stat(r, file, err);
        if (status == VARVE_CORRUPT) continue;
        bool is_new = status == VARVE_NOT_FOUND;
        if (is_new) status = blobs_put(r, source, file, cancel, err);
        if (status == VARVE_EXISTS) { /* somebody else was first */
            is_new = false;
            status = blobs_stat(r, file, err);
            if (status == VARVE_CORRUPT) continue;
        }
        if (status == VARVE_OK) *ret_new = is_new;
        return status;
    }
    return vv_fail(err, VARVE_LIMIT, "no generation of '%s' is left", key);
}
