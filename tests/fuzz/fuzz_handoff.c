/* fuzz_handoff.c — any bytes as a message of the hand-off: refused, or a message that encodes to
 * the very same bytes. First inputs are whole messages of every kind. */
#include "../unit/segment/handoff_messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* Random bytes rarely get past the magic: now and then begin from a message. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    handoff_message m = sample_message(seed);
    VV_CLEANUP(buffer_done) buffer b;
    buffer_init(&b, HANDOFF_MESSAGE_MAX, "message");
    if ((size < 8 || seed % 64 < SAMPLE_COUNT) && handoff_encode(&m, &b, NULL) == VARVE_OK &&
        b.len <= max_size) {
        memcpy(data, b.data, b.len);
        size = b.len;
    }
    handoff_message_done(&m);
    return LLVMFuzzerMutate(data, size, max_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    handoff_message m = {0};
    varve_error err = {0};
    VV_CLEANUP(buffer_done) buffer b;
    uint8_t *copy = malloc(size ? size : 1); /* of this size: a read behind it is seen */
    if (!copy) return 0;
    if (size) memcpy(copy, data, size);
    buffer_init(&b, HANDOFF_MESSAGE_MAX, "message");
    varve_status status = handoff_decode(copy, size, &m, &err);
    if (status == VARVE_OK) {
        if (handoff_encode(&m, &b, &err) != VARVE_OK) abort();
        if (b.len != size || memcmp(b.data, copy, size) != 0) abort();
        handoff_message_done(&m);
    } else if (status != VARVE_CORRUPT && status != VARVE_NEWER_FORMAT) {
        abort();
    }
    free(copy);
    return 0;
}
