/* identity.c — see identity.h. */
#include "identity.h"

#include "base/file.h"
#include "env.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define IDENTITY_FORMAT    1
#define IDENTITY_BYTES_MAX 4096
#define IDENTITY_PATH_MAX  4096

varve_status backup_path(const char *folder, const char *name, char *ret, size_t size,
                         varve_error *err)
{
    int len = snprintf(ret, size, "%s/backup%s%s", folder, name ? "/" : "", name ? name : "");
    if ((size_t)len < size) return VARVE_OK;
    return vv_fail(err, VARVE_LIMIT, "the name of the folder is too long");
}

/* ---- the file ---- */

typedef struct note {
    backup_identity who;
    uint64_t device, inode; /* of the folder when it was written */
} note;

static varve_status look_at_folder(const char *folder, note *ret, varve_error *err)
{
    struct stat st;
    if (stat(folder, &st) != 0)
        return vv_fail(err, VARVE_NOT_FOUND, "there is no folder %s", folder);
    ret->device = (uint64_t)st.st_dev;
    ret->inode = (uint64_t)st.st_ino;
    return VARVE_OK;
}

static varve_status parse(const json_t *j, const char *path, note *ret, varve_error *err)
{
    const char *db_id = json_string_value(json_object_get(j, "db_id"));
    const char *holder = json_string_value(json_object_get(j, "holder"));
    if (json_integer_value(json_object_get(j, "format")) != IDENTITY_FORMAT || !db_id || !holder ||
        !names_is_id(db_id) || !names_is_id(holder))
        return vv_fail(err, VARVE_CORRUPT, "%s does not hold the ids that it should", path);
    memcpy(ret->who.db_id, db_id, sizeof ret->who.db_id);
    memcpy(ret->who.holder, holder, sizeof ret->who.holder);
    ret->device = (uint64_t)json_integer_value(json_object_get(j, "device"));
    ret->inode = (uint64_t)json_integer_value(json_object_get(j, "inode"));
    ret->who.origin = (uint64_t)json_integer_value(json_object_get(j, "origin"));
    return VARVE_OK;
}

static varve_status read_note(const char *folder, note *ret, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *text = NULL;
    char path[IDENTITY_PATH_MAX];
    size_t len = 0;
    VV_TRY(backup_path(folder, "identity.json", path, sizeof path, err));
    if (!file_exists(path))
        return vv_fail(err, VARVE_NOT_FOUND, "%s was not backed up from here: say --db", folder);
    VV_TRY(file_read(path, IDENTITY_BYTES_MAX, &text, &len, err));
    json_t *j = json_loadb(text, len, 0, NULL);
    varve_status status = parse(j, path, ret, err);
    json_decref(j);
    return status;
}

static varve_status write_note(const char *folder, const note *n, varve_error *err)
{
    char path[IDENTITY_PATH_MAX], text[512];
    VV_TRY(backup_path(folder, NULL, path, sizeof path, err));
    VV_TRY(file_make_dir(path, err));
    VV_TRY(backup_path(folder, "identity.json", path, sizeof path, err));
    int len = snprintf(text, sizeof text,
                       "{\"format\": %d, \"db_id\": \"%s\", \"holder\": \"%s\", \"device\": %llu, "
                       "\"inode\": %llu, \"origin\": %llu}\n",
                       IDENTITY_FORMAT, n->who.db_id, n->who.holder, (unsigned long long)n->device,
                       (unsigned long long)n->inode, (unsigned long long)n->who.origin);
    return file_replace(path, text, (size_t)len, err);
}

/* ---- */

varve_status backup_identity_read(const char *folder, backup_identity *ret, varve_error *err)
{
    note n;
    VV_TRY(read_note(folder, &n, err));
    *ret = n.who;
    return VARVE_OK;
}

varve_status backup_identity_make(const char *folder, const char *db_id, backup_identity *ret,
                                  varve_error *err)
{
    note here = {0}, was = {0};
    VV_TRY(look_at_folder(folder, &here, err));
    varve_status status = read_note(folder, &was, err);
    if (status != VARVE_OK && status != VARVE_NOT_FOUND) return status;
    bool known = status == VARVE_OK;
    if (known && db_id && strcmp(db_id, was.who.db_id) != 0)
        return vv_fail(err, VARVE_CONFLICT, "the folder is backed up as database %s, not %s",
                       was.who.db_id, db_id);
    if (known && was.device == here.device && was.inode == here.inode) {
        *ret = was.who;
        return VARVE_OK;
    }
    if (known) db_id = was.who.db_id;
    here.who.origin = was.who.origin;
    VV_TRY(env_make_id(&snapshot_env_real, here.who.holder, err));
    if (db_id)
        memcpy(here.who.db_id, db_id, sizeof here.who.db_id);
    else
        VV_TRY(env_make_id(&snapshot_env_real, here.who.db_id, err));
    VV_TRY(write_note(folder, &here, err));
    *ret = here.who;
    return VARVE_OK;
}

varve_status backup_identity_restored(const char *folder, const char *db_id, uint64_t origin,
                                      varve_error *err)
{
    note n = {.who.origin = origin};
    VV_TRY(look_at_folder(folder, &n, err));
    VV_TRY(env_make_id(&snapshot_env_real, n.who.holder, err));
    memcpy(n.who.db_id, db_id, sizeof n.who.db_id);
    return write_note(folder, &n, err);
}
