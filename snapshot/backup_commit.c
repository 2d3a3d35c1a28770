/* backup_commit.c — the manifest of a backup: made of what was stored. See backup.h. */
#include "backup_inner.h"

#include <stdlib.h>
#include <string.h>

/* The list of files is a blob like any other: under the pin before gc/ is read again, and stored
 * where no collection reaches it. */
static varve_status store_list(backup_job *b, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer text = {0};
    manifest *m = &b->manifest;
    manifest_file list = {0};
    bool is_new = false;
    buffer_init(&text, MANIFEST_LIST_BYTES_MAX, "list of files");
    VV_TRY(manifest_write_list(m, b->r->secret, &text, err));
    list.size = text.len;
    VV_TRY(sums_of_bytes(text.data, text.len, list.sha256, err));
    VV_TRY(secret_blob_name(b->r->secret, list.sha256, list.blob, err));
    memcpy(b->blobs[b->scan.count], list.blob, SUMS_BYTES);
    b->pin.pin.blob_count = b->scan.count + 1;
    VV_TRY(pin_renew(&b->pin, err));
    VV_TRY(gc_record_read_all(b->r, &b->doomed, err));
    const blobs_source source = {.bytes = text.data, .scratch = b->o->state};
    VV_TRY(blobs_describe(b->r, &source, &list, err));
    VV_TRY(backup_store(b, &source, &list, &is_new, err));
    VV_TRY(blobs_stat(b->r, &list, err));
    m->list = list;
    m->listed = true;
    return VARVE_OK;
}

/* What we could not read back ourselves is not written. */
static varve_status check_readable(const backup_job *b, const buffer *text, varve_error *err)
{
    manifest again;
    varve_status status =
        manifest_parse(text->data, text->len, b->r->secret, "the manifest", &again, err);
    if (status == VARVE_OK) manifest_done(&again);
    return status == VARVE_CORRUPT ? VARVE_INVALID : status;
}

varve_status backup_write_manifest(backup_job *b, buffer *text, varve_error *err)
{
    size_t max = b->o->inline_max ? b->o->inline_max : MANIFEST_BYTES_MAX;
    buffer_init(text, VV_MIN(max, MANIFEST_BYTES_MAX), "manifest");
    varve_status status = manifest_write(&b->manifest, b->r->secret, text, err);
    if (status == VARVE_LIMIT) {
        VV_TRY(store_list(b, err));
        buffer_clear(text);
        text->max_bytes = MANIFEST_BYTES_MAX;
        status = manifest_write(&b->manifest, b->r->secret, text, err);
    }
    VV_TRY(status);
    return check_readable(b, text, err);
}
