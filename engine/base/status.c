/* status.c — filling a varve_error, and the clean-up functions of VV_CLEANUP. */
#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Length of text without a UTF-8 character that was cut off at its end. */
static size_t whole_characters(const char *text, size_t len)
{
    size_t back = 0, expected;
    while (back < 3 && back < len && ((unsigned char)text[len - 1 - back] & 0xc0u) == 0x80u)
        back++;
    if (back == len) return len;
    unsigned char lead = (unsigned char)text[len - 1 - back];
    expected = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    return expected > back + 1 ? len - 1 - back : len;
}

__attribute__((format(printf, 3, 0))) static void format_message(char *ret, size_t size,
                                                                 const char *format, va_list args)
{
    int len = vsnprintf(ret, size, format, args);
    if (len < 0) ret[0] = '\0';
    if (len >= (int)size) ret[whole_characters(ret, size - 1)] = '\0';
}

/* The new text is made aside: an argument may point into the old one. */
void vv_error_set(varve_error *err, varve_status status, const char *format, ...)
{
    char text[sizeof err->message];
    va_list args;
    if (!err) return;
    va_start(args, format);
    format_message(text, sizeof text, format, args);
    va_end(args);
    err->status = status;
    memcpy(err->message, text, strlen(text) + 1);
}

void vv_error_prefix(varve_error *err, const char *format, ...)
{
    char prefix[sizeof err->message];
    va_list args;
    if (!err) return;
    va_start(args, format);
    format_message(prefix, sizeof prefix, format, args);
    va_end(args);
    vv_error_set(err, err->status, "%s: %s", prefix, err->message);
}

void vv_freep(void *pointer_to_pointer)
{
    void *pointer;
    memcpy(&pointer, pointer_to_pointer, sizeof pointer);
    free(pointer);
}

void vv_closep(int *fd)
{
    if (*fd >= 0) (void)close(*fd);
    *fd = -1;
}
