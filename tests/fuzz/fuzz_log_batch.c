/* fuzz_log_batch.c — batches of the log as they come from elsewhere: whatever the bytes are, they
 * are taken apart or refused; what is taken apart lies within them, and adds up. */
#include "db/log_batch.h"

#include <stdlib.h>

typedef struct seen {
    const uint8_t *bytes;
    size_t len;
    uint64_t counted;
} seen;

static void within(const seen *s, varve_text t)
{
    if (t.len == 0) return;
    const uint8_t *at = (const uint8_t *)t.data;
    if (at < s->bytes || t.len > s->len || at + t.len > s->bytes + s->len) abort();
}

static varve_status look(void *arg, const log_record *r, varve_error *err)
{
    seen *s = arg;
    (void)err;
    within(s, r->key);
    within(s, r->value);
    if (r->kind != LOG_NOTE && r->family >= STORE_FAMILIES) abort();
    s->counted += r->kind != LOG_NOTE;
    return VARVE_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    seen s = {.bytes = bytes, .len = len};
    log_head head = {0};
    varve_log_batch batch = {0};
    varve_status status = log_batch_walk(bytes, len, look, &s, &head, NULL);
    if (status == VARVE_OK && head.last - head.first + 1 != s.counted) abort();
    if (varve_log_parse(bytes, len, &batch, NULL) != VARVE_OK) return 0;
    if (status != VARVE_OK || batch.first != head.first || batch.last != head.last) abort();
    for (size_t i = 0; i < batch.file_count; i++)
        if (strncmp(batch.files[i], "segments/", 9) != 0 || strstr(batch.files[i], "..")) abort();
    varve_log_batch_done(&batch);
    return 0;
}
