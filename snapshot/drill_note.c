/* drill_note.c — see drill_note.h. */
#include "drill_note.h"

#include "base/file.h"
#include "fields.h"
#include "identity.h"

#include <stdlib.h>
#include <string.h>

#define NOTE_FORMAT    1
#define NOTE_BYTES_MAX ((size_t)8 << 20)
#define NOTE_PATH_MAX  4096

void drill_note_done(drill_note *note)
{
    json_decref(note->last);
    *note = (drill_note){0};
}

static varve_status parse(const json_t *j, const char *path, drill_note *ret, varve_error *err)
{
    fields f = fields_begin(j, path, err);
    drill_note note = {0};
    fields_format(&f, NOTE_FORMAT);
    note.drills = fields_u64(&f, "drills", INT64_MAX);
    note.failures = fields_u64(&f, "failures", INT64_MAX);
    note.last_ms = fields_u64(&f, "last_ms", INT64_MAX);
    note.last_ok_ms = fields_u64(&f, "last_ok_ms", INT64_MAX);
    const json_t *last = fields_object(&f, "last");
    VV_TRY(fields_end(&f));
    note.last_seconds = json_number_value(json_object_get(last, "seconds"));
    note.last_sound = json_is_true(json_object_get(last, "sound"));
    note.last = json_incref((json_t *)(uintptr_t)last);
    *ret = note;
    return VARVE_OK;
}

varve_status drill_note_load(const char *folder, drill_note *ret, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *text = NULL;
    VV_CLEANUP(fields_decrefp) json_t *j = NULL;
    char path[NOTE_PATH_MAX];
    size_t len = 0;
    VV_TRY(backup_path(folder, "drill.json", path, sizeof path, err));
    if (!file_exists(path))
        return vv_fail(err, VARVE_NOT_FOUND, "no drill of the backups of %s was made", folder);
    VV_TRY(file_read(path, NOTE_BYTES_MAX, &text, &len, err));
    VV_TRY(fields_parse(text, len, path, &j, err));
    return parse(j, path, ret, err);
}

static varve_status save(const char *folder, const drill_note *note, const json_t *report,
                         varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = json_object();
    VV_CLEANUP(buffer_done) buffer text;
    char path[NOTE_PATH_MAX];
    buffer_init(&text, NOTE_BYTES_MAX, "the note of drills");
    VV_TRY(fields_set(j, "format", fields_new_u64(NOTE_FORMAT), err));
    VV_TRY(fields_set(j, "drills", fields_new_u64(note->drills), err));
    VV_TRY(fields_set(j, "failures", fields_new_u64(note->failures), err));
    VV_TRY(fields_set(j, "last_ms", fields_new_u64(note->last_ms), err));
    VV_TRY(fields_set(j, "last_ok_ms", fields_new_u64(note->last_ok_ms), err));
    VV_TRY(fields_set(j, "last", json_incref((json_t *)(uintptr_t)report), err));
    VV_TRY(fields_dump(j, &text, err));
    VV_TRY(backup_path(folder, NULL, path, sizeof path, err));
    VV_TRY(file_make_dir(path, err));
    VV_TRY(backup_path(folder, "drill.json", path, sizeof path, err));
    return file_replace(path, text.data, text.len, err);
}

varve_status drill_note_add(const char *folder, const json_t *report, varve_error *err)
{
    VV_CLEANUP(drill_note_done) drill_note note = {0};
    bool sound = json_is_true(json_object_get(report, "sound"));
    varve_status status = drill_note_load(folder, &note, err);
    if (status != VARVE_OK && status != VARVE_NOT_FOUND && status != VARVE_CORRUPT) return status;
    note.drills++;
    note.failures += !sound;
    note.last_ms = (uint64_t)json_integer_value(json_object_get(report, "started_unix_ms"));
    if (sound) note.last_ok_ms = note.last_ms;
    return save(folder, &note, report, err);
}
