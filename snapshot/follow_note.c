/* follow_note.c — FOLDER/FOLLOW: {db_id, format, pin, promoted, repo_id, timeline}; see follow.h,
 * (3). */
#include "follow_inner.h"

#include "base/file.h"
#include "fields.h"

#include <string.h>

#define NOTE_NAME      "FOLLOW"
#define NOTE_FORMAT    1
#define NOTE_BYTES_MAX 4096

static varve_status parse(const char *text, size_t len, const char *path, follow_note *ret,
                          varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = NULL;
    follow_note n = {0};
    VV_TRY(fields_parse(text, len, path, &j, err));
    fields f = fields_begin(j, path, err);
    fields_format(&f, NOTE_FORMAT);
    fields_id(&f, "repo_id", n.repo_id);
    fields_id(&f, "db_id", n.db_id);
    n.timeline = (uint32_t)fields_u64(&f, "timeline", NAMES_TIMELINE_MAX);
    n.promoted = fields_bool(&f, "promoted");
    if (fields_has(&f, "pin")) fields_id(&f, "pin", n.pin);
    VV_TRY(fields_end(&f));
    *ret = n;
    return VARVE_OK;
}

varve_status follow_note_read(const char *folder, follow_note *ret, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *text = NULL;
    char path[FOLLOW_PATH_SIZE];
    size_t len = 0;
    VV_TRY(file_join(path, sizeof path, folder, NOTE_NAME, err));
    VV_TRY(file_read(path, NOTE_BYTES_MAX, &text, &len, err));
    return parse(text, len, path, ret, err);
}

varve_status follow_note_write(const char *folder, const follow_note *n, varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = json_object();
    VV_CLEANUP(buffer_done) buffer text = {0};
    char path[FOLLOW_PATH_SIZE];
    VV_TRY(file_join(path, sizeof path, folder, NOTE_NAME, err));
    VV_TRY(fields_set(j, "format", fields_new_u64(NOTE_FORMAT), err));
    VV_TRY(fields_set(j, "repo_id", json_string(n->repo_id), err));
    VV_TRY(fields_set(j, "db_id", json_string(n->db_id), err));
    VV_TRY(fields_set(j, "timeline", fields_new_u64(n->timeline), err));
    VV_TRY(fields_set(j, "promoted", json_boolean(n->promoted), err));
    if (n->pin[0]) VV_TRY(fields_set(j, "pin", json_string(n->pin), err));
    buffer_init(&text, NOTE_BYTES_MAX, path);
    VV_TRY(fields_dump(j, &text, err));
    return file_replace(path, text.data, text.len, err);
}

/* ---- what is there? ------------------------------------------------------------------------ */

static void names_done(file_names *n) { file_names_free(n); }

varve_status follow_look(const char *folder, follow_kind *ret, char ret_db_id[NAMES_ID_SIZE],
                         varve_error *err)
{
    VV_CLEANUP(names_done) file_names names = {0};
    follow_note note;
    varve_status status = file_list(folder, &names, err);
    if (status == VARVE_NOT_FOUND || (status == VARVE_OK && names.count == 0)) {
        *ret = FOLLOW_NOTHING;
        return VARVE_OK;
    }
    VV_TRY(status);
    status = follow_note_read(folder, &note, err);
    if (status == VARVE_NOT_FOUND)
        return vv_fail(err, VARVE_EXISTS,
                       "%s holds data of its own: a follower needs a folder that is empty, or was "
                       "a follower's before",
                       folder);
    VV_TRY(status);
    memcpy(ret_db_id, note.db_id, sizeof note.db_id);
    *ret = note.promoted ? FOLLOW_PROMOTED : FOLLOW_FOLLOWER;
    return VARVE_OK;
}
