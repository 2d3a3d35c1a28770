/* json_out.c — writers of JSON text. */
#include "base/json.h"
#include "base/json_number.h"
#include "base/json_string.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_BYTES 2048

/* ---- strings ------------------------------------------------------------------------------- */

static varve_status add_escaped(buffer *out, unsigned char c, varve_error *err)
{
    static const char letters[] = "btn?fr";
    char text[8] = {'\\', (char)c};
    if (c == '"' || c == '\\') return buffer_add(out, text, 2, err);
    if (c >= '\b' && c <= '\r' && c != '\v') {
        text[1] = letters[c - '\b'];
        return buffer_add(out, text, 2, err);
    }
    (void)snprintf(text, sizeof text, "\\u%04x", c);
    return buffer_add(out, text, 6, err);
}

/* Length of the run at p that stands for itself. */
static size_t plain_run(const char *p, const char *end)
{
    const char *at = p;
    while (at < end && (unsigned char)*at >= 0x20 && *at != '"' && *at != '\\') {
        size_t len = json_utf8_length(at, end);
        if (len == 0) break;
        at += len;
    }
    return (size_t)(at - p);
}

/* Bytes that are not UTF-8 become U+FFFD: what we write is JSON, whatever we are given. */
varve_status json_out_string(buffer *out, const char *text, size_t len, varve_error *err)
{
    const char *end = text + len;
    VV_TRY(buffer_add(out, "\"", 1, err));
    while (text < end) {
        size_t run = plain_run(text, end);
        VV_TRY(buffer_add(out, text, run, err));
        text += run;
        if (text == end) break;
        if ((unsigned char)*text >= 0x80)
            VV_TRY(buffer_add(out, "\xef\xbf\xbd", 3, err));
        else
            VV_TRY(add_escaped(out, (unsigned char)*text, err));
        text++;
    }
    return buffer_add(out, "\"", 1, err);
}

/* ---- numbers ------------------------------------------------------------------------------- */

static size_t float_text(float value, char ret[JSON_NUMBER_TEXT_BYTES])
{
    if (isfinite(value)) return json_float_text(value, ret);
    memcpy(ret, "null", 5);
    return 4;
}

varve_status json_out_float(buffer *out, float value, varve_error *err)
{
    char text[JSON_NUMBER_TEXT_BYTES];
    return buffer_add(out, text, float_text(value, text), err);
}

varve_status json_out_double(buffer *out, double value, varve_error *err)
{
    char text[JSON_NUMBER_TEXT_BYTES];
    if (!isfinite(value)) return buffer_add(out, "null", 4, err);
    return buffer_add(out, text, json_double_text(value, text), err);
}

varve_status json_out_u64(buffer *out, uint64_t value, varve_error *err)
{
    char text[20], *p = text + sizeof text;
    do {
        *--p = (char)('0' + value % 10);
    } while ((value /= 10) != 0);
    return buffer_add(out, p, (size_t)(text + sizeof text - p), err);
}

varve_status json_out_floats(buffer *out, const float *values, size_t count, varve_error *err)
{
    char block[BLOCK_BYTES];
    size_t len = 0;
    block[len++] = '[';
    for (size_t i = 0; i < count; i++) {
        if (i) block[len++] = ',';
        len += float_text(values[i], block + len);
        if (len <= BLOCK_BYTES - JSON_NUMBER_TEXT_BYTES - 2) continue;
        VV_TRY(buffer_add(out, block, len, err));
        len = 0;
    }
    block[len++] = ']';
    return buffer_add(out, block, len, err);
}
