/* manifest_files.c — see manifest_files.h. */
#include "db/manifest_files.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "base/file.h"
#include "db/catalog.h"
#include "db/indexes.h"

#include <errno.h>
#include <unistd.h>

_Static_assert(JOB_NAME_MAX <= MANIFEST_PATH_MAX - 24, "names fit behind segments/<cid>/");

static void set_path(manifest_file *f, const char *name, char path[MANIFEST_PATH_MAX])
{
    snprintf(path, MANIFEST_PATH_MAX, "segments/%u/%.*s", f->cid, JOB_NAME_MAX - 1, name);
    f->name = name;
    f->path = path;
}

static varve_status segment_of(varve_text key, manifest_file *ret, char name[MANIFEST_PATH_MAX],
                               varve_error *err)
{
    if (key.len != CATALOG_SEGMENT_KEY_BYTES)
        return vv_fail(err, VARVE_CORRUPT, "a segment record has a malformed key");
    ret->cid = get_be32(key.data + 1);
    ret->number = get_be64(key.data + 5);
    job_segment_name(ret->number, name);
    return VARVE_OK;
}

static bool index_of(varve_text key, varve_text value, manifest_file *ret,
                     char name[MANIFEST_PATH_MAX])
{
    index_key k;
    index_record record;
    if (!catalog_index_key_get(key.data, key.len, &k)) return false;
    if (index_record_get(value.data, value.len, &record, NULL) != VARVE_OK) return false;
    ret->cid = k.cid;
    ret->number = k.number;
    ret->is_index = true;
    ret->generation = record.generation;
    job_index_name(k.number, k.field, record.generation, name);
    return true;
}

varve_status manifest_file_of(varve_text key, varve_text value, bool *ret_is, manifest_file *ret,
                              char name[MANIFEST_PATH_MAX], char path[MANIFEST_PATH_MAX],
                              varve_error *err)
{
    manifest_file f = {.value = value.data, .value_len = value.len};
    char kind = key.len ? key.data[0] : 0;
    bool is = false;
    if (kind == 's') {
        VV_TRY(segment_of(key, &f, name, err));
        is = true;
    } else if (kind == 'i') {
        is = index_of(key, value, &f, name);
    }
    if (is) set_path(&f, name, path);
    *ret_is = is;
    if (is) *ret = f;
    return VARVE_OK;
}

static varve_status each_in(store *s, const store_snapshot *at, const void *from, const void *to,
                            size_t len, manifest_each each, void *arg, varve_error *err)
{
    VV_CLEANUP(store_iter_freep) store_iter *i = NULL;
    varve_text key, value;
    char name[MANIFEST_PATH_MAX], path[MANIFEST_PATH_MAX];
    manifest_file file;
    bool is;
    VV_TRY(store_iter_new_at(s, at, STORE_CATALOG, from, len, to, len, &i, err));
    for (; store_iter_at(i, &key, &value); store_iter_next(i)) {
        VV_TRY(manifest_file_of(key, value, &is, &file, name, path, err));
        if (is) VV_TRY(each(arg, &file, err));
    }
    return store_iter_check(i, err);
}

varve_status manifest_files_each(store *s, manifest_each each, void *arg, varve_error *err)
{
    VV_TRY(each_in(s, NULL, "s", "t", 1, each, arg, err));
    return each_in(s, NULL, "i", "j", 1, each, arg, err);
}

varve_status manifest_files_of(store *s, const store_snapshot *at, uint32_t cid, manifest_each each,
                               void *arg, varve_error *err)
{
    uint8_t from[CATALOG_SEGMENT_KEY_BYTES], to[CATALOG_SEGMENT_KEY_BYTES];
    catalog_segment_key(cid, 0, from);
    catalog_segment_key(cid + 1, 0, to);
    VV_TRY(each_in(s, at, from, to, 5, each, arg, err));
    from[0] = to[0] = 'i';
    return each_in(s, at, from, to, 5, each, arg, err);
}

varve_status manifest_file_link(const char *from, const char *to, bool *ret_missing,
                                varve_error *err)
{
    fault_kind fault = VV_FAULT("file.link");
    int error = fault == VV_FAULT_NONE ? 0 : fault == VV_FAULT_ENOSPC ? ENOSPC : EIO;
    if (error == 0 && link(from, to) != 0) error = errno;
    *ret_missing = error == ENOENT && !file_exists(from);
    if (error == 0) return VARVE_OK;
    varve_status status = *ret_missing      ? VARVE_CORRUPT
                          : error == EXDEV  ? VARVE_UNSUPPORTED
                          : error == ENOSPC ? VARVE_NO_SPACE
                                            : VARVE_IO;
    return vv_fail(err, status, "cannot link %s: %s", from, strerror(error));
}
