/* handoff_codec.c — see handoff_codec.h. */
#include "segment/handoff_codec.h"

#include "base/bytes.h"

#include <math.h>

void codec_fail(codec *c, const char *field)
{
    if (c->status != VARVE_OK) return;
    c->status = vv_fail(c->err, c->out ? VARVE_INVALID : VARVE_CORRUPT, "hand-off: %s: bad %s",
                        c->what, field);
}

void codec_bytes(codec *c, void *bytes, size_t len)
{
    if (c->status == VARVE_OK && c->out) {
        c->status = buffer_add(c->out, bytes, len, c->err);
    } else if (c->status == VARVE_OK && len <= c->left) {
        if (len) memcpy(bytes, c->at, len);
        c->at += len;
        c->left -= len;
    } else {
        codec_fail(c, "length");
        if (!c->out) memset(bytes, 0, len);
    }
}

uint8_t codec_u8(codec *c, uint8_t value)
{
    codec_bytes(c, &value, sizeof value);
    return value;
}

uint16_t codec_u16(codec *c, uint16_t value)
{
    uint8_t bytes[sizeof value];
    put_u16(bytes, value);
    codec_bytes(c, bytes, sizeof bytes);
    return get_u16(bytes);
}

uint32_t codec_u32(codec *c, uint32_t value)
{
    uint8_t bytes[sizeof value];
    put_u32(bytes, value);
    codec_bytes(c, bytes, sizeof bytes);
    return get_u32(bytes);
}

uint64_t codec_u64(codec *c, uint64_t value)
{
    uint8_t bytes[sizeof value];
    put_u64(bytes, value);
    codec_bytes(c, bytes, sizeof bytes);
    return get_u64(bytes);
}

double codec_f64(codec *c, double value)
{
    uint8_t bytes[sizeof value];
    memcpy(bytes, &value, sizeof value);
    codec_bytes(c, bytes, sizeof bytes);
    value = get_f64(bytes);
    if (!isfinite(value)) codec_fail(c, "number");
    return c->status == VARVE_OK ? value : 0;
}

bool codec_bool(codec *c, bool value)
{
    uint8_t byte = codec_u8(c, value);
    if (byte > 1) codec_fail(c, "truth value");
    return byte == 1;
}

uint32_t codec_range(codec *c, uint32_t value, uint32_t least, uint32_t most, const char *field)
{
    value = codec_u32(c, value);
    if (value >= least && value <= most && c->status == VARVE_OK) return value;
    codec_fail(c, field);
    return 0;
}

void codec_text(codec *c, char *text, size_t least, size_t size, const char *field)
{
    size_t len = c->out ? strnlen(text, size) : 0;
    len = codec_u16(c, (uint16_t)VV_MIN(len, (size_t)UINT16_MAX));
    if (len < least || len >= size) codec_fail(c, field);
    if (c->status != VARVE_OK) len = 0;
    codec_bytes(c, text, len);
    if (c->out) return;
    if (memchr(text, '\0', len)) codec_fail(c, field);
    text[c->status == VARVE_OK ? len : 0] = '\0';
}

void codec_end(codec *c)
{
    if (!c->out && c->left > 0) codec_fail(c, "length");
}
