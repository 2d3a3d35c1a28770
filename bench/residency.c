/* residency.c — see residency.h. */
#include "residency.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#define PAGE         4096
#define CHUNK_BYTES  ((uint64_t)256 << 10)
#define MAPPINGS_MAX 1024

typedef struct mapping { /* of one of the files, by anybody in this process */
    const residency_file *file;
    uint64_t from, to, offset;
} mapping;

/* ---- files ---- */

static bool is_wanted(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcmp(dot, ".seg") == 0 || strcmp(dot, ".idx") == 0);
}

static varve_status add_file(residency *r, const char *path, varve_error *err)
{
    struct stat s;
    residency_file *f = &r->files[r->count];
    if (r->count == RESIDENCY_FILES_MAX)
        return vv_fail(err, VARVE_LIMIT, "more than %d files", RESIDENCY_FILES_MAX);
    *f = (residency_file){.fd = open(path, O_RDONLY | O_CLOEXEC), .map = MAP_FAILED};
    r->count++;
    if (f->fd < 0 || fstat(f->fd, &s) != 0 || !realpath(path, f->path))
        return vv_fail(err, VARVE_IO, "cannot open %s: %s", path, strerror(errno));
    f->size = (uint64_t)s.st_size;
    r->file_bytes += f->size;
    f->map = mmap(NULL, f->size, PROT_READ, MAP_SHARED, f->fd, 0);
    f->resident = malloc(f->size / PAGE + 1);
    if (f->map == MAP_FAILED || !f->resident)
        return vv_fail(err, VARVE_NO_MEMORY, "cannot map %s", path);
    return VARVE_OK;
}

varve_status residency_init(residency *r, const char *folder, uint64_t seed, varve_error *err)
{
    char *roots[] = {(char *)(uintptr_t)folder, NULL};
    varve_status status = VARVE_OK;
    *r = (residency){0};
    random_seed(&r->random, seed);
    FTS *walk = fts_open(roots, FTS_PHYSICAL, NULL);
    if (!walk) return vv_fail(err, VARVE_IO, "cannot walk %s", folder);
    for (FTSENT *e = fts_read(walk); e && status == VARVE_OK; e = fts_read(walk))
        if (e->fts_info == FTS_F && e->fts_statp->st_size > 0 && is_wanted(e->fts_name))
            status = add_file(r, e->fts_path, err);
    fts_close(walk);
    if (status != VARVE_OK) residency_done(r);
    return status;
}

void residency_done(residency *r)
{
    for (size_t i = 0; i < r->count; i++) {
        residency_file *f = &r->files[i];
        if (f->map != MAP_FAILED) munmap(f->map, f->size);
        if (f->fd >= 0) close(f->fd);
        free(f->resident);
    }
    r->count = 0;
}

varve_status residency_bytes(residency *r, uint64_t *ret, varve_error *err)
{
    uint64_t pages = 0;
    for (size_t i = 0; i < r->count; i++) {
        residency_file *f = &r->files[i];
        if (mincore(f->map, f->size, f->resident) != 0)
            return vv_fail(err, VARVE_IO, "mincore: %s", strerror(errno));
        for (uint64_t p = 0; p < (f->size + PAGE - 1) / PAGE; p++)
            pages += f->resident[p] & 1;
    }
    *ret = pages * PAGE;
    return VARVE_OK;
}

/* ---- giving back ---- */

static const residency_file *file_at(const residency *r, const char *path)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->files[i].path, path) == 0) return &r->files[i];
    return NULL;
}

/* Where this process has the files mapped now, its own maps for mincore left out. */
static size_t find_mappings(const residency *r, mapping *ret)
{
    char line[PATH_MAX + 256], path[PATH_MAX];
    size_t count = 0;
    FILE *f = fopen("/proc/self/maps", "re");
    while (f && count < MAPPINGS_MAX && fgets(line, sizeof line, f)) {
        mapping m = {0};
        if (sscanf(line, "%lx-%lx %*s %lx %*s %*s %4095[^\n]", &m.from, &m.to, &m.offset, path) !=
            4)
            continue;
        m.file = file_at(r, path);
        if (m.file && m.from != (uintptr_t)m.file->map) ret[count++] = m;
    }
    if (f) fclose(f);
    return count;
}

static varve_status give_back(const residency_file *f, uint64_t offset, uint64_t len,
                              const mapping *maps, size_t map_count, varve_error *err)
{
    for (size_t i = 0; i < map_count; i++) {
        const mapping *m = &maps[i];
        uint64_t from = VV_MAX(offset, m->offset);
        uint64_t to = VV_MIN(offset + len, m->offset + (m->to - m->from));
        if (m->file != f || from >= to) continue;
        void *at = (void *)(uintptr_t)(m->from + (from - m->offset));
        if (madvise(at, to - from, MADV_PAGEOUT) != 0)
            return vv_fail(err, VARVE_UNSUPPORTED, "MADV_PAGEOUT: %s", strerror(errno));
    }
    posix_fadvise(f->fd, (off_t)offset, (off_t)len, POSIX_FADV_DONTNEED);
    return VARVE_OK;
}

static varve_status give_back_some(residency *r, uint64_t want, const mapping *maps,
                                   size_t map_count, varve_error *err)
{
    for (uint64_t done = 0; done < want;) {
        uint64_t at = random_below(&r->random, r->file_bytes), resident = 0;
        const residency_file *f = r->files;
        for (; at >= f->size; f++)
            at -= f->size;
        at -= at % CHUNK_BYTES;
        uint64_t len = VV_MIN(CHUNK_BYTES, f->size - at);
        for (uint64_t p = at / PAGE; p < (at + len + PAGE - 1) / PAGE; p++) {
            resident += f->resident[p] & 1;
            f->resident[p] = 0;
        }
        if (resident) VV_TRY(give_back(f, at, len, maps, map_count, err));
        done += VV_MAX(resident, 1) * PAGE; /* counts a little for an empty one: the loop ends */
    }
    return VARVE_OK;
}

varve_status residency_trim(residency *r, uint64_t limit_bytes, uint64_t *ret_left,
                            varve_error *err)
{
    mapping maps[MAPPINGS_MAX];
    VV_TRY(residency_bytes(r, ret_left, err));
    if (*ret_left <= limit_bytes) return VARVE_OK;
    size_t map_count = find_mappings(r, maps);
    for (int i = 0; i < 64 && *ret_left > limit_bytes / 10 * 9; i++) {
        VV_TRY(give_back_some(r, *ret_left - limit_bytes / 10 * 9, maps, map_count, err));
        VV_TRY(residency_bytes(r, ret_left, err));
    }
    return *ret_left <= limit_bytes
               ? VARVE_OK
               : vv_fail(err, VARVE_IO, "%llu bytes of the files stay in memory",
                         (unsigned long long)*ret_left);
}
